"""`OnlineOrthogonalDictionary`: in the ball, orthogonal, and the same however a stream is cut."""

from __future__ import annotations

import numpy as np

import orthola
from orthola.testing import orthogonality
from tests.fuzz.draws import DTYPES, certain, pick, roundoff
from tests.polar.targets import targets


def example(rng: np.random.Generator) -> dict[str, float]:
    dtype, n, batch = pick(rng, DTYPES), int(rng.integers(1, 9)), int(rng.integers(1, 12))
    rows = int(rng.integers(1, 5 * batch))
    y = samples(rng, rows, n, dtype)
    options = {
        "batch_size": batch,
        "p": pick(rng, (3.0, 3.0, 4.0, 2.5)),
        "schedule": pick(rng, ("default", "theory", "published")),
        "window": pick(rng, (None, None, 20.0)),
        "rng": int(rng.integers(2**31)),
    }
    model = orthola.OnlineOrthogonalDictionary(**options).partial_fit(y).flush()
    state, result = model.state, orthola.dictionary_result(model.state)
    # Polar factors are orthonormal to this, and their averages are rounded.
    beyond = targets(dtype, n).orthogonality / 2 + 2 * n * roundoff(dtype)
    ratios = {
        "in the ball": outside(state.iterate) / beyond,
        "orthonormal": orthogonality(result.dictionary) / targets(dtype, n).orthogonality,
        "gap not negative": certain(result.gap >= 0),
        "every row counted": certain(model.n_samples_ == rows),
    }
    if rng.random() < 0.5:
        pieces = orthola.OnlineOrthogonalDictionary(**options)
        for part in np.split(y, np.sort(rng.integers(0, rows + 1, int(rng.integers(1, 4))))):
            pieces.partial_fit(part)
        ratios["cuts, bit for bit"] = certain(same(pieces.flush().state, state))
    else:
        scaled = orthola.OnlineOrthogonalDictionary(**options)
        scaled.partial_fit(y * y.real.dtype.type(2.0 ** rng.integers(-20, 20))).flush()
        ratios["scale, bit for bit"] = certain(np.array_equal(scaled.state.iterate, state.iterate))
    merged = orthola.dictionary_merge(state, state)
    ratios["merged, in the ball"] = outside(merged.state.iterate) / beyond
    return ratios


def outside(a: np.ndarray) -> float:
    """Spectral norm less 1: the Gram matrix in extended precision, whose rounding is not seen."""
    x = a.astype(np.result_type(a.dtype, np.longdouble))
    excess = (np.conj(x.T) @ x - np.eye(len(a))).astype(np.result_type(a.dtype, np.float64))
    return float(np.linalg.eigvalsh(excess)[-1]) / 2


def same(one: orthola.DictionaryState, two: orthola.DictionaryState) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(one[:-1], two[:-1], strict=True))


def samples(rng: np.random.Generator, rows: int, n: int, dtype: str) -> np.ndarray:
    """Sparse codes in unknown axes: with noise, zero rows, rows of unequal size, missing axes."""
    x = rng.standard_normal((rows, n)) * (rng.random((rows, n)) < rng.uniform(0.1, 1.0))
    if dtype.startswith("complex"):
        x = x * np.exp(2j * np.pi * rng.random((rows, n)))
    y = x @ orthola.haar(n, dtype="complex128" if np.iscomplexobj(x) else "float64", rng=rng)
    kind = rng.integers(5)
    if kind == 0:
        y = y + 0.1 * rng.standard_normal((rows, n))
    elif kind == 1:
        y[rng.random(rows) < 0.3] = 0.0
    elif kind == 2:
        y = y * 10.0 ** rng.uniform(-3, 1, (rows, 1))
    elif kind == 3:
        y[:, rng.integers(n)] = 0.0
    return (y * 10.0 ** rng.uniform(-5, 5)).astype(dtype)
