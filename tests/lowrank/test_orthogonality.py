"""Bases that are turned many times stay orthonormal."""

import numpy as np
import pytest

import orthola
from orthola._lowrank.orthonormality import ALWAYS, tended
from orthola._lowrank.state import SVDConfig
from tests.lowrank.feeding import EPS, departure, holds, space_of, stream


def test_many_updates_of_one_column_stay_orthonormal():
    rng = np.random.default_rng(16)
    base = rng.standard_normal((40, 12))
    config = SVDConfig(features=40, rank=6, axis=1, engine="brand", oversample=2)
    _, state = stream([base @ rng.standard_normal((12, 1)) for _ in range(1000)], config)
    u = state.factor[:, : int(state.rank)]
    assert np.abs(u.T @ u - np.eye(u.shape[1])).max() <= 100 * EPS


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_orthogonality_is_measured_and_restored(dtype):
    """Without it the departure of 80 columns passes 130 units in fewer updates than these."""
    rng = np.random.default_rng(18)
    config = SVDConfig(features=200, rank=70, axis=1, engine="brand", oversample=10)
    state, worst, m = orthola.svd_init(config, dtype=dtype), 0.0, []
    for part in range(60):
        decay = 0.97 ** np.roll(np.arange(200), part)[:, None]
        m.append((decay * rng.standard_normal((200, 3))).astype(dtype))
        state = orthola.svd_update(state, m[-1], config)
        worst = max(worst, departure(state))
    assert 20 * np.finfo(dtype).eps <= worst <= 80 * np.finfo(dtype).eps
    result = orthola.svd_result(state, config)
    assert holds(result, np.linalg.svd(np.concatenate(m, axis=1).astype(float), compute_uv=False))


def test_a_basis_far_from_orthonormal_is_mended_and_counted():
    rng = np.random.default_rng(19)
    config = SVDConfig(features=30, rank=6, axis=1, engine="brand", oversample=0)
    _, state = stream([rng.standard_normal((30, 12))], config)
    bent = state._replace(factor=state.factor + 1e-9 * rng.standard_normal((30, 6)))
    new = tended(space_of(bent.factor), bent, ALWAYS)
    assert departure(new) <= 20 * EPS < 1e-10 < departure(bent)
    moved = np.linalg.norm((new.factor - bent.factor) * bent.sigma)
    assert moved <= new.allowance - bent.allowance <= 2 * moved
    assert tended(space_of(state.factor), state, ALWAYS) is state


@pytest.mark.long
@pytest.mark.parametrize(
    ("features", "rank", "buffer", "updates", "dtype"),
    [
        (64, 5, "auto", 10**6, "float64"), (20, 5, 1, 10**5, "float64"),
        (160, 77, "auto", 10**6, "float64"), (160, 77, "auto", 10**6, "float32"),
        (20, 5, 1, 10**5, "float32"), (160, 77, 1, 10**5, "float64"),
    ],
    ids=["q8", "q8-1", "q80", "q80-single", "q8-1-single", "q80-1"],
)  # fmt: skip
def test_a_million_updates_of_one_column_stay_orthonormal(features, rank, buffer, updates, dtype):
    rng = np.random.default_rng(17)
    svd = orthola.IncrementalSVD(rank, axis=1, engine="brand", oversample=3, buffer=buffer)
    scatter, worst, looked = np.zeros((features, features)), 0.0, 0
    step = 1 if buffer == 1 else svd_width(rank + 3)
    for part in range(100):
        # The strong directions move on, so the basis never settles.
        decay = 0.9 ** np.roll(np.arange(features), part // 10)
        columns = decay[:, None] * rng.standard_normal((features, updates // 100))
        columns = columns.astype(dtype)
        scatter += columns.astype(float) @ columns.astype(float).T
        for column in np.split(columns, columns.shape[1], axis=1):
            svd.partial_fit(column)
            # All ages of a basis are looked at: those of the last truncations of each part.
            late = svd.samples_seen > (part + 1) * updates // 100 - 40 * step
            if late and svd.samples_seen % step == 0:
                worst, looked = max(worst, departure(svd.state)), looked + 1
    result, eps = svd.result(), np.finfo(dtype).eps
    print(f"{updates} updates, q = {rank + 3}: {worst / eps:.1f} eps at worst in {looked} looks")
    assert int(svd.state.columns) == updates
    assert looked >= 3000
    assert worst <= 100 * eps
    assert holds(result, np.sqrt(np.maximum(np.linalg.eigvalsh(scatter)[::-1], 0.0)))


def svd_width(kept):
    """Columns that the buffer collects."""
    return max(32, kept)
