"""Random streams with everything that can go wrong in them, and the truth about them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import orthola

PROFILES = ("flat", "graded", "duplicate", "zero", "deficient", "noisy", "drip")
DTYPES = ("float64", "float32", "complex128", "complex64")
ENGINES = ("stack", "brand", "randomized", "exact-r", "exact-gram", "auto")


class Stream(NamedTuple):
    """A stream: what is fed, and the dense matrix of columns that it stands for."""

    config: orthola.SVDConfig
    dtype: str
    blocks: list[np.ndarray]  # as `axis` says
    weights: list[np.ndarray] | None
    matrix: np.ndarray  # (d, n), double precision, centred, weighted, without the exponent
    exponent: int
    tree: bool


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
    config = orthola.SVDConfig(
        features=d,
        rank=k,
        axis=int(rng.integers(2)),
        engine=str(rng.choice(engines)),
        oversample=int(rng.integers(0, 4)),
        sketch=int(rng.integers(0, 4)),
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
    scaled = [np.ldexp(1.0, exponent) * p for p in pieces]
    scaled = [p.astype(dtype) for p in scaled]
    blocks = [p.conj().T if config.axis == 0 else p for p in scaled]
    if weights is not None and single:
        weights = [w.astype(np.float32) for w in weights]
    return Stream(config, dtype, blocks, weights, dense(config, pieces, weights), exponent, tree)


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
    empty = orthola.svd_init(config, dtype=stream.dtype)
    if not stream.tree:
        state = empty
        for block, w in zip(stream.blocks, weights, strict=True):
            state = orthola.svd_update(state, block, config, weights=w)
        return state
    states = [
        orthola.svd_update(empty, block, config, weights=w)
        for block, w in zip(stream.blocks, weights, strict=True)
    ]
    while len(states) > 1:
        states = [
            orthola.svd_merge(*states[i : i + 2], config) if i + 1 < len(states) else states[i]
            for i in range(0, len(states), 2)
        ]
    return states[0]


def violations(stream: Stream) -> list[str]:
    """Everything that the certificate claims and that is not so."""
    state = run(stream)
    result = orthola.svd_result(state, stream.config)
    m, wrong = stream.matrix, []
    bounds = result.certificate
    unit = np.ldexp(1.0, -stream.exponent)
    low, high = (bounds.sigma_interval * unit).T
    s = np.zeros(len(low))
    found = np.linalg.svd(m, compute_uv=False)[: len(low)]
    s[: len(found)] = found
    if not (np.all(low <= s) and np.all(s <= high)):
        wrong.append(f"singular values {low} {s} {high}")
    k = int(result.rank)
    u = result.basis[:, :k].astype(m.dtype)
    tail = np.sqrt(np.sum(np.linalg.svd(m, compute_uv=False)[k:] ** 2))
    if not bounds.optimum_interval[0] * unit <= tail <= bounds.optimum_interval[1] * unit:
        wrong.append(f"optimum {bounds.optimum_interval * unit} {tail}")
    missing = np.linalg.norm(m - u @ (u.conj().T @ m))
    eps = np.finfo(stream.dtype).eps
    norm = np.linalg.norm(m)
    # The basis is rounded once more on its way out.
    if missing > bounds.error[1] * unit + 4 * eps * norm:
        wrong.append(f"error {bounds.error * unit} {missing}")
    if np.max(np.abs(u.conj().T @ u - np.eye(k)), initial=0.0) > 100 * eps:
        wrong.append("orthogonality")
    if not np.all(np.diff(result.singular_values) <= 0):
        wrong.append("order")
    if (
        abs(float(result.norm) * unit - norm)
        > 1e-13 * norm * m.shape[1] + float(bounds.allowance) * unit
    ):
        wrong.append(f"norm {float(result.norm) * unit} {norm}")
    return wrong
