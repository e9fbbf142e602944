"""Random streams with everything that can go wrong in them, and the truth about them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import orthola

PROFILES = ("flat", "graded", "duplicate", "zero", "deficient", "noisy", "drip")
DTYPES = ("float64", "float32", "complex128", "complex64")
ENGINES = ("stack", "brand", "randomized", "exact-r", "exact-gram", "exact-refresh", "auto")


class Stream(NamedTuple):
    """A stream: what is fed, and the dense matrix of columns that it stands for."""

    config: orthola.SVDConfig
    dtype: str
    blocks: list[np.ndarray]  # as `axis` says
    weights: list[np.ndarray] | None
    matrix: np.ndarray  # (d, n), double precision, centred, weighted, without the exponent
    exponent: int
    tree: bool
    errors: list[tuple[float, float]] | None  # norms of what the blocks lack to the matrix
    inner: np.ndarray | None  # L of the inner product; `matrix` is L^H times the data


def matrix_of(rng: np.random.Generator, profile: str, d: int, n: int, dtype: str) -> np.ndarray:
    """Columns of a kind."""

    def draw(*shape: int) -> np.ndarray:
        x = rng.standard_normal(shape)
        return x + 1j * rng.standard_normal(shape) if dtype.startswith("complex") else x

    r = int(rng.integers(1, min(d, n) + 1))
    if profile == "flat":
        m = draw(d, n)
    elif profile == "graded":
        r = min(d, n)
        m = (np.linalg.qr(draw(d, r))[0] * 10.0 ** -np.linspace(0, 12, r)) @ draw(r, n)
    elif profile == "duplicate":
        m = np.tile(draw(d, 2), (1, n))[:, :n]
    elif profile == "zero":
        m = draw(d, n) * (rng.random(n) < 0.3)
    elif profile == "deficient":
        m = draw(d, r) @ draw(r, n)
    elif profile == "noisy":
        m = draw(d, r) @ draw(r, n) + 10.0 ** -rng.integers(1, 9) * draw(d, n)
    else:
        m = draw(d, n) * np.where(np.arange(n) < n // 3, 10.0, 1e-3)
        m[:, n // 3 :] += draw(d, 1)
    return m.astype(dtype)


def random_stream(seed: int, *, engines: tuple[str, ...] = ENGINES) -> Stream:
    """A case told by its seed alone."""
    rng = np.random.default_rng(seed)
    d, n = int(rng.integers(1, 20)), int(rng.integers(1, 40))
    dtype, profile = str(rng.choice(DTYPES)), str(rng.choice(PROFILES))
    single = dtype in ("float32", "complex64")
    exponent = int(rng.choice((0, 0, 80, -80) if single else (0, 0, 900, -900)))
    if single and profile == "graded" and exponent < 0:
        exponent = 0  # small entries would be subnormal numbers
    k = int(rng.integers(1, d + 1))
    engine, sketch = str(rng.choice(engines)), int(rng.integers(0, 4))
    shrinks = engine not in ("exact-r", "exact-gram", "exact-refresh") and rng.random() < 0.15
    config = orthola.SVDConfig(
        features=d,
        rank=k,
        axis=int(rng.integers(2)),
        engine=engine,
        method="frequent-directions" if shrinks else "svd",
        oversample=int(rng.integers(0, 4)),
        sketch="auto" if shrinks else sketch,
        center=bool(rng.random() < 0.3),
        forget=float(rng.choice((1.0, 1.0, 0.7))),
        accumulate=str(rng.choice(("auto", "same"))),
        seed=seed,
    )
    data = matrix_of(rng, profile, d, n, dtype)
    cuts = np.sort(rng.integers(0, n + 1, int(rng.integers(0, 8))))
    tree = bool(rng.random() < 0.4) and config.forget == 1.0
    pieces = np.split(data, cuts, axis=1)
    weighted = bool(rng.random() < 0.2)
    weights = [rng.random(p.shape[1]) for p in pieces] if weighted else None
    if weights is not None and single:
        weights = [w.astype(np.float32) for w in weights]
    truth, errors, inner = pieces, None, None
    if rng.random() < 0.15:
        pieces = [approximate(rng, p) for p in pieces]
        errors = lacking(truth, pieces, weights, exponent)
    matrix = dense(config, truth, weights)
    if errors is None and rng.random() < 0.15:
        inner = np.tril(matrix_of(rng, "flat", d, d, dtype)) + 3 * np.eye(d, dtype=dtype)
        inner = np.diag(inner) if rng.random() < 0.3 else inner
        left = np.diag(inner.conj()) if inner.ndim == 1 else inner.conj().T
        matrix = left.astype(matrix.dtype) @ matrix
    scaled = [(np.ldexp(1.0, exponent) * p).astype(dtype) for p in pieces]
    blocks = [p.conj().T if config.axis == 0 else p for p in scaled]
    return Stream(config, dtype, blocks, weights, matrix, exponent, tree, errors, inner)


def approximate(rng: np.random.Generator, piece: np.ndarray) -> np.ndarray:
    """Projected from the left, or with noise."""
    if 0 in piece.shape:
        return piece
    if rng.random() < 0.5:
        noise = 10.0 ** -rng.integers(0, 7) * matrix_of(rng, "flat", *piece.shape, piece.dtype.name)
        return (piece + noise).astype(piece.dtype)
    q = np.linalg.qr(matrix_of(rng, "flat", piece.shape[0], 1, piece.dtype.name))[0]
    return (q @ (q.conj().T @ piece)).astype(piece.dtype)


def lacking(
    truth: list[np.ndarray],
    pieces: list[np.ndarray],
    weights: list[np.ndarray] | None,
    exponent: int,
) -> list[tuple[float, float]]:
    """Frobenius and spectral norms of the differences, weighted."""
    found = []
    for i, (one, two) in enumerate(zip(truth, pieces, strict=True)):
        gap = one.astype("complex128") - two
        gap = gap if weights is None else gap * np.sqrt(weights[i])
        norms = (np.linalg.norm(gap), np.linalg.norm(gap, 2)) if gap.size else (0.0, 0.0)
        found.append(tuple(float(np.ldexp(x, exponent)) * (1 + 1e-12) for x in norms))
    return found


def dense(
    config: orthola.SVDConfig, pieces: list[np.ndarray], weights: list[np.ndarray] | None
) -> np.ndarray:
    """Weighted and centred columns in double precision."""
    kind = "complex128" if np.iscomplexobj(pieces[0]) else "float64"
    x = np.concatenate(pieces, axis=1).astype(kind)
    own = weights or [np.ones(p.shape[1]) for p in pieces]
    filled = [p.shape[1] > 0 for p in pieces]
    later = [sum(filled[i + 1 :]) for i in range(len(pieces))]
    parts = [w.astype(np.float64) * config.forget**e for w, e in zip(own, later, strict=True)]
    w = np.concatenate(parts)
    if config.center and w.sum() > 0:
        x = x - (x @ w / w.sum())[:, None]
    return x * np.sqrt(w)


def run(stream: Stream, state: Any = None) -> Any:
    """The state after all blocks, along the stream or by a tree of pairs."""
    config, weights = stream.config, stream.weights or [None] * len(stream.blocks)
    errors = stream.errors or [0.0] * len(stream.blocks)
    parts = list(zip(stream.blocks, weights, errors, strict=True))

    def updated(state: Any, block: np.ndarray, w: Any, error: Any) -> Any:
        options = {"weights": w, "error": error, "inner_product": stream.inner}
        return orthola.svd_update(state, block, config, **options)

    empty = orthola.svd_init(config, dtype=stream.dtype)
    if not stream.tree:
        state = empty
        for part in parts:
            state = updated(state, *part)
        return state
    states = [updated(empty, *part) for part in parts]
    while len(states) > 1:
        states = [
            orthola.svd_merge(*states[i : i + 2], config) if i + 1 < len(states) else states[i]
            for i in range(0, len(states), 2)
        ]
    return states[0]


def violations(stream: Stream) -> list[str]:
    """Everything that the certificate claims and that is not so."""
    return examined(stream)[0]


def examined(stream: Stream) -> tuple[list[str], float]:
    """`violations`, and the largest ratio of a truth to its upper bound, or a lower one to it."""
    state = run(stream)
    result = orthola.svd_result(state, stream.config, inner_product=stream.inner)
    m, wrong = stream.matrix, []
    bounds = result.certificate
    unit = np.ldexp(1.0, -stream.exponent)
    low, high = (bounds.sigma_interval * unit).T
    values = np.linalg.svd(m, compute_uv=False)
    s = np.zeros(len(low))
    s[: len(values)] = values[: len(low)]
    if not (np.all(low <= s) and np.all(s <= high)):
        wrong.append(f"singular values {low} {s} {high}")
    k = int(result.rank)
    u = result.basis[:, :k].astype(m.dtype)
    condition = 1.0
    if stream.inner is not None:
        left = np.diag(stream.inner) if stream.inner.ndim == 1 else stream.inner
        u, condition = left.conj().T.astype(m.dtype) @ u, np.linalg.cond(left)
    tail, optimum = np.sqrt(np.sum(values[k:] ** 2)), bounds.optimum_interval * unit
    if not optimum[0] <= tail <= optimum[1]:
        wrong.append(f"optimum {optimum} {tail}")
    missing = np.linalg.norm(m - u @ (u.conj().T @ m))
    eps = np.finfo(stream.dtype).eps
    norm = np.linalg.norm(m)
    # The basis is rounded once more on its way out.
    error = bounds.error[1] * unit + 4 * eps * condition * norm
    if missing > error:
        wrong.append(f"error {bounds.error * unit} {missing}")
    if np.max(np.abs(u.conj().T @ u - np.eye(k)), initial=0.0) > 100 * eps * condition:
        wrong.append("orthogonality")
    if not np.all(np.diff(result.singular_values) <= 0):
        wrong.append("order")
    absent = np.linalg.norm([e * unit for e, _ in stream.errors or [(0.0, 0.0)]])
    allowed = 1e-13 * norm * m.shape[1] + float(bounds.allowance) * unit + absent
    if abs(float(result.norm) * unit - norm) > allowed:
        wrong.append(f"norm {float(result.norm) * unit} {norm}")
    pairs = [*zip(low, s, strict=True), *zip(s, high, strict=True), (optimum[0], tail)]
    pairs += [(tail, optimum[1]), (missing, error)]
    return wrong, max((a / b for a, b in pairs if a > 0), default=0.0)
