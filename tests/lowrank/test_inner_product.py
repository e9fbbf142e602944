"""`inner_product=`: norms, certificates and orthonormality in x^H L L^H y."""

import numpy as np
import pytest

import orthola
from orthola import IncrementalSVD, SVDConfig

EPS = np.finfo(float).eps
D = 12


def roots(is_complex):
    """The same inner product with its L as an array and as functions, and a diagonal one."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((D, D)) + (1j * rng.standard_normal((D, D)) if is_complex else 0)
    left = np.linalg.cholesky(a @ a.conj().T + np.eye(D))

    def apply(x, inverse=False):
        return np.linalg.solve(left.conj().T, x) if inverse else left.conj().T @ x

    diagonal = rng.uniform(0.1, 3.0, D)
    return {
        "array": (left, left),
        "function": (apply, left),
        "diagonal": (diagonal, np.diag(diagonal)),
    }


def samples(is_complex):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((60, D)) * 0.6 ** np.arange(D) + 1.0
    return x + 1j * rng.standard_normal((60, D)) if is_complex else x


@pytest.mark.parametrize("kind", ["array", "function", "diagonal"])
@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("engine", ["brand", "exact-r"])
def test_weighted_inner_product(kind, is_complex, axis, engine):
    given, left = roots(is_complex)[kind]
    x = samples(is_complex)
    config = SVDConfig(features=D, rank=3, axis=axis, engine=engine, center=True, oversample=2)
    state = orthola.svd_init(config, dtype=x.dtype)
    weights = np.linspace(0.5, 4.0, 60)
    for part, w in zip(np.split(x, 4), np.split(weights, 4), strict=True):
        block = part if axis == 0 else part.T
        state = orthola.svd_update(state, block, config, weights=w, inner_product=given)
    found = orthola.svd_result(state, config, inner_product=given)
    mean = weights @ x / weights.sum()
    m = (x - mean) * np.sqrt(weights)[:, None]
    m = m.conj().T if axis == 0 else m.T
    gram = left @ left.conj().T
    u, cond = found.basis, np.linalg.cond(left)
    assert np.abs(u.conj().T @ gram @ u - np.eye(3)).max() <= 20 * EPS * cond
    assert np.allclose(found.mean, mean, rtol=1e-12)
    truth = np.linalg.svd(left.conj().T @ m, compute_uv=False)
    low, high = found.certificate.sigma_interval.T
    assert np.all((low <= truth[: len(low)]) & (truth[: len(low)] <= high))
    missing = np.linalg.norm(left.conj().T @ (m - u @ (u.conj().T @ gram @ m)))
    assert missing <= found.certificate.error[1]
    optimum = np.linalg.norm(truth[3:])
    assert found.certificate.optimum_interval[0] <= optimum <= found.certificate.optimum_interval[1]
    lead = u[np.argmax(np.abs(u), axis=0), range(3)]
    assert np.all((lead.real > 0) & (np.abs(lead.imag) <= 10 * EPS))


def test_rounding_of_the_product_is_counted():
    """L^H x may be tiny beside its terms; then only the allowance covers what it lost."""
    rng = np.random.default_rng(2)
    left = np.array([[1.0, 0.0], [1.0, 1e-3]])
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal(30)
        m = np.stack([x, -x * (1 + 1e-14 * rng.standard_normal(30))])
        config = SVDConfig(features=2, axis=1, engine="exact-r")
        state = orthola.svd_update(orthola.svd_init(config), m, config, inner_product=left)
        low, high = orthola.svd_result(state, config).certificate.sigma_interval.T
        exact = np.stack([m[0].astype(np.longdouble) + m[1], 1e-3 * m[1].astype(np.longdouble)])
        truth = np.linalg.svd(exact.astype(float), compute_uv=False)
        assert np.all((low <= truth) & (truth <= high))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("kind", ["array", "function"])
def test_stream(axis, kind, tmp_path):
    given, left = roots(False)[kind]
    x = samples(False)
    svd = IncrementalSVD(3, axis=axis, center=True, inner_product=given, buffer=8)
    for part in np.split(x, 12):
        svd.partial_fit(part if axis == 0 else part.T)
    found = svd.result()
    centred = x - x.mean(0)
    truth = np.linalg.svd(centred @ left, compute_uv=False)
    assert np.allclose(found.singular_values, truth[:3], rtol=1e-12)
    expected = centred @ left @ left.T @ found.basis
    coordinates = svd.transform(x if axis == 0 else x.T)
    assert np.allclose(coordinates, expected if axis == 0 else expected.T, atol=1e-12)
    svd.save(tmp_path / "svd.npz")
    again = IncrementalSVD.load(
        tmp_path / "svd.npz", inner_product=given if kind == "function" else None
    )
    for one in (svd, again):
        one.partial_fit(x if axis == 0 else x.T)
    assert np.array_equal(svd.result().basis, again.result().basis)
    svd.downdate(x if axis == 0 else x.T)
    assert np.allclose(svd.result().singular_values, truth[:3], rtol=1e-9)
    if kind == "function":
        with pytest.raises(ValueError, match="function"):
            IncrementalSVD.load(tmp_path / "svd.npz")
    with pytest.raises(ValueError, match="same inner_product"):
        svd.merge(IncrementalSVD(3, axis=axis, center=True).partial_fit(x if axis == 0 else x.T))


def test_sparse_samples():
    import scipy.sparse

    given, left = roots(False)["array"]
    x = scipy.sparse.random_array((300, D), density=0.2, rng=np.random.default_rng(3))
    svd = IncrementalSVD(2, oversample=1, engine="stack", inner_product=given).partial_fit(x)
    truth = np.linalg.svd(x.toarray() @ left, compute_uv=False)
    low, high = svd.result().certificate.sigma_interval.T
    assert np.all((low <= truth[:3]) & (truth[:3] <= high))


def test_compiled_and_other_libraries():
    import jax
    import torch

    given, _ = roots(False)["array"]
    x = samples(False)
    config = SVDConfig(features=D, rank=3)
    state = orthola.svd_init(config)
    expected = orthola.svd_result(
        orthola.svd_update(state, x, config, inner_product=given), config, inner_product=given
    )

    @jax.jit
    def compiled(x, left):
        state = orthola.svd_init(config, xp="jax", dtype="float64")
        state = orthola.svd_update(state, x, config, inner_product=left)
        return orthola.svd_result(state, config, inner_product=left)

    there = compiled(jax.numpy.asarray(x), jax.numpy.asarray(given))
    assert np.allclose(there.basis, expected.basis, atol=1e-11)
    assert np.allclose(there.certificate.error, expected.certificate.error, rtol=1e-9)
    state = orthola.svd_init(config, xp="torch", dtype="float64")
    left = torch.from_numpy(given)
    state = orthola.svd_update(state, torch.from_numpy(x), config, inner_product=left)
    assert np.allclose(
        orthola.svd_result(state, config, inner_product=left).basis.numpy(), expected.basis
    )


def test_arguments():
    x = samples(False)
    config = SVDConfig(features=D)
    state = orthola.svd_init(config)
    for wrong in (np.eye(3), np.ones(3), np.eye(D) * 1j, lambda x, inverse=False: x[:2]):
        with pytest.raises(ValueError, match="inner_product"):
            orthola.svd_update(state, x, config, inner_product=wrong)
    for options in ({"missing": "mean"}, {"log_rotations": True}):
        with pytest.raises(ValueError, match="inner_product"):
            IncrementalSVD(2, inner_product=np.ones(D), **options)
    svd = IncrementalSVD(2, inner_product=np.ones(D)).partial_fit(x)
    with pytest.raises(ValueError, match="inner_product"):
        svd.extend_features(2)
