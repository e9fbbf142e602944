"""`method="frequent-directions"`: a sketch that shrinks, with a bound known before any data."""

import numpy as np
import pytest

import orthola
from orthola import IncrementalSVD, Status, SVDConfig


def data(dtype="float64"):
    rng = np.random.default_rng(0)
    m = rng.standard_normal((40, 200)) * 0.9 ** np.arange(40)[:, None]
    m = m + 1j * rng.standard_normal(m.shape) if dtype.startswith("complex") else m
    return m.astype(dtype)


@pytest.mark.parametrize("engine", ["brand", "stack", "randomized"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
@pytest.mark.parametrize("width", [1, 7, 200])
def test_bound_known_before_any_data(engine, dtype, width):
    m = data(dtype)
    config = SVDConfig(
        features=40, rank=6, oversample=4, axis=1, engine=engine, method="frequent-directions"
    )
    state = orthola.svd_init(config, dtype=dtype)
    for start in range(0, 200, width):
        state = orthola.svd_update(state, m[:, start : start + width], config)
    b = (state.factor * state.sigma).astype(complex)
    m = m.astype(complex)
    error = np.linalg.eigvalsh(m @ m.conj().T - b @ b.conj().T)
    small = 1e3 * np.finfo(dtype).eps * np.linalg.norm(m) ** 2
    assert error[0] >= -small  # the sketch is always below
    assert error[-1] <= state.spectral + small
    squares = np.linalg.svd(m, compute_uv=False) ** 2
    if engine != "randomized" or width == 1:  # a random leaf loses more, and says so
        least = min(squares[k:].sum() / (10 + 1 - k) for k in range(11))
        assert state.spectral <= least + small
    assert abs(np.sum(error) - state.discarded) <= small
    result = orthola.svd_result(state, config)
    assert int(result.status) == Status.NOT_EXACT
    low, high = result.certificate.sigma_interval.T
    assert np.all((low <= np.sqrt(squares[:10])) & (np.sqrt(squares[:10]) <= high))
    assert np.all(result.singular_values <= np.sqrt(squares[:6]) + small**0.5)  # biased low
    assert result.singular_values[5] < 0.95 * np.sqrt(squares[5])
    missing = m - result.basis @ (result.basis.conj().T @ m)
    assert np.linalg.norm(missing) <= result.certificate.error[1]


def test_data_of_low_rank_are_kept_exactly():
    rng = np.random.default_rng(1)
    m = rng.standard_normal((300, 5)) @ rng.standard_normal((5, 30))
    svd = IncrementalSVD(5, method="frequent-directions", buffer=10)
    for part in np.split(m, 30):
        svd.partial_fit(part)
    result = svd.result()
    assert int(result.status) == Status.OK
    assert np.allclose(result.singular_values, np.linalg.svd(m, compute_uv=False)[:5], rtol=1e-12)


def test_merged_sketches_keep_their_bound():
    m = data()
    config = SVDConfig(features=40, rank=6, oversample=4, axis=1, method="frequent-directions")
    states = [
        orthola.svd_update(orthola.svd_init(config), x, config) for x in np.split(m, 8, axis=1)
    ]
    while len(states) > 1:
        states = [orthola.svd_merge(*states[i : i + 2], config) for i in range(0, len(states), 2)]
    b = states[0].factor * states[0].sigma
    error = np.linalg.eigvalsh(m @ m.T - b @ b.T)
    tail = np.linalg.svd(m, compute_uv=False) ** 2
    assert error[-1] <= states[0].spectral * (1 + 1e-12)
    assert states[0].spectral <= min(tail[k:].sum() / (11 - k) for k in range(11))


def test_compiled_sketch_is_the_same():
    import jax

    m = data()
    config = SVDConfig(features=40, rank=6, axis=1, method="frequent-directions")
    update = jax.jit(orthola.svd_update, static_argnums=2)
    one, two = orthola.svd_init(config), orthola.svd_init(config, xp="jax", dtype="float64")
    for part in np.split(m, 5, axis=1):
        one = orthola.svd_update(one, part, config)
        two = update(two, jax.numpy.asarray(part), config)
    assert np.allclose(one.sigma, two.sigma, rtol=1e-10)
    assert np.isclose(one.spectral, two.spectral, rtol=1e-10)


def test_options_that_contradict_it():
    for options in ({"tol": 0.1}, {"engine": "exact-r"}, {"sketch": 3}):
        with pytest.raises(ValueError, match="frequent-directions"):
            SVDConfig(features=5, method="frequent-directions", **options)
    with pytest.raises(ValueError, match="method"):
        SVDConfig(features=5, method="other")
