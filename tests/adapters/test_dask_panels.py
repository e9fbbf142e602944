"""Strips that do not fit: panels, whose certificates are those of the whole array."""

from __future__ import annotations

import numpy as np
import pytest

from orthola.testing import gaussian, machine_epsilon

dask = pytest.importorskip("dask", reason="Dask is not installed")

import dask.array as da  # noqa: E402

from orthola import Status, SVDConfig  # noqa: E402
from orthola.adapters import _dask_panels  # noqa: E402
from orthola.adapters.dask import svd, svd_factors  # noqa: E402

DTYPES = ("float64", "complex128", "float32", "complex64")


def wide(x):
    return np.asarray(x).astype("complex128" if np.iscomplexobj(x) else "float64")


def memory(x, features, rows):
    """What one strip of so many features takes."""
    return 4 * features * rows * x.dtype.itemsize


def assert_true(result, x, k, slack=0.0):
    """Nothing of the certificate is beyond the truth; the widest factor by which it is above."""
    x = wide(x)
    truth, (low, high) = (
        np.linalg.svd(x, compute_uv=False),
        result.certificate.sigma_interval.T,
    )
    n = min(len(low), len(truth))
    assert (low[:n] <= truth[:n]).all()
    assert (truth[:n] <= high[:n]).all()
    best, basis = np.linalg.norm(truth[k:]), wide(result.basis)
    left = np.linalg.norm(x - x @ basis @ basis.conj().T)
    # What the judge itself rounds.
    slack = slack + 1e-14 * np.linalg.norm(x)
    assert left <= result.certificate.error[1] + slack
    lower, upper = result.certificate.optimum_interval
    assert lower <= best + slack
    assert best <= upper + slack
    assert abs(result.norm - np.linalg.norm(x)) <= result.certificate.allowance + slack
    return result.certificate.error[1] / max(left, slack)


@pytest.mark.parametrize("part", range(4))
def test_certificates_are_never_below_the_truth(part):
    """Random sizes, spectra, scales, engines; flat, graded, repeated, zero and mixed panels."""
    for case in range(30):
        rng = np.random.default_rng([part, case])
        dtype = DTYPES[case % 4]
        m, d, k = int(rng.integers(30, 200)), int(rng.integers(8, 90)), int(rng.integers(1, 6))
        kind = case % 5
        profile = np.geomspace(1.0, 10.0 ** -rng.integers(0, 13), d) if kind else np.ones(d)
        x = gaussian(m, d, dtype="complex128", rng=case) * profile
        x = x if dtype.startswith("complex") else x.real
        if kind == 2:  # panels depend on each other
            q = np.linalg.qr(gaussian(d, d, dtype="complex128", rng=case + 99))[0]
            x = x @ (q if dtype.startswith("complex") else q.real)
        elif kind == 3:  # a panel of zeros, and one that is repeated
            x[:, : d // 3] = 0
            x[:, d // 2 : d // 2 + d // 4] = x[:, d - d // 4 :]
        elif kind == 4:  # constant signs: rounding that adds up
            x = np.abs(x) + 1.0
        single = dtype in ("float32", "complex64")
        exponent = int(rng.choice([0, 30, -30] if single else [0, 300, -300]))
        x = np.ldexp(1.0, exponent) * x
        x = x.astype(dtype)
        center = bool(rng.integers(2))
        chunk, height = int(rng.integers(2, d // 2 + 1)), int(rng.integers(5, m))
        options = {
            "engine": str(rng.choice(["auto", "brand", "stack", "exact-r", "randomized"])),
            "oversample": int(rng.integers(0, 4)),
            "center": center,
        }
        lazy = da.from_array(x, chunks=(height, chunk))
        limit = memory(x, int(rng.integers(1, d)), height)
        result = svd(
            lazy, rank=k, axis=0, max_memory=limit, arity=int(rng.integers(2, 5)), **options
        )
        judged = wide(x)
        mean = judged.mean(axis=0) if center else np.zeros(d)
        assert int(result.status) in (Status.OK, Status.NOT_EXACT)
        scale = np.abs(judged).max()
        # The judge's own mean is rounded too.
        slack = 1e-15 * m * np.sqrt(d) * scale if center else 0.0
        assert_true(result, judged - mean, k, slack)


def test_panels_are_cut_along_chunks_by_memory():
    x = da.zeros((100, 60), chunks=(20, (10, 25, 5, 20)))
    config = SVDConfig(features=60, rank=2)
    for features, cuts in (
        (60, [(0, 4)]), (59, [(0, 3), (3, 4)]), (35, [(0, 2), (2, 4)]),
        (1, [(0, 1), (1, 2), (2, 3), (3, 4)]),
    ):  # fmt: skip
        found = _dask_panels.cuts_of(x, config, memory(x, features, 20))
        assert [(cut.start, cut.stop) for cut in found] == cuts
    assert len(_dask_panels.cuts_of(x, SVDConfig(features=60), 1)) == 1  # nothing is left out
    unknown = x[x[:, 0] == 0]
    assert len(_dask_panels.cuts_of(unknown, config, 1)) == 1
    assert 2**16 < _dask_panels._budget() < 2**50


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("dtype", ["float64", "complex64"])
def test_results_are_those_of_strips(axis, dtype):
    x = gaussian(300, 40, dtype=dtype, rng=0) * np.geomspace(1.0, 1e-3, 40).astype(dtype) + 1
    x = x if axis == 0 else x.T
    lazy = da.from_array(x, chunks=(30, 10) if axis == 0 else (10, 30))
    whole = svd(lazy, rank=4, axis=axis, center=True)
    panels = svd(lazy, rank=4, axis=axis, center=True, max_memory=memory(x, 20, 30))
    atol = 2e3 * machine_epsilon(dtype)
    np.testing.assert_allclose(panels.mean, whole.mean, rtol=0, atol=atol)
    # Panels keep 12 of their 20 directions.
    np.testing.assert_allclose(panels.singular_values, whole.singular_values, rtol=1e-5)
    assert panels.certificate.error[1] <= 1.001 * whole.certificate.error[1] + atol * whole.norm
    u, s, vt = svd_factors(lazy, panels, axis=axis, center=True)
    centred = x - x.mean(axis=axis, keepdims=True)
    rest = np.linalg.norm(centred - np.asarray(u) * s @ np.asarray(vt))
    assert rest <= panels.certificate.error[1] * (1 + 1e4 * machine_epsilon(dtype))


def test_errors_are_known_to_three_digits_however_small():
    rng = np.random.default_rng(0)
    q = np.linalg.qr(rng.standard_normal((60, 60)))[0]
    x = np.linalg.qr(rng.standard_normal((400, 60)))[0]
    x = x * np.concatenate([np.geomspace(1.0, 0.1, 5), np.full(55, 1e-11)]) @ q
    result = svd(da.from_array(x, chunks=(50, 15)), rank=5, axis=0, max_memory=memory(x, 15, 50))
    certificate = result.certificate
    best = 1e-11 * np.sqrt(55)
    assert abs(certificate.error[1] - certificate.allowance - best) <= 1e-3 * best


@pytest.mark.parametrize("tol", [0.3, 0.05, 1e-3])
@pytest.mark.parametrize("engine", ["auto", "brand"])
def test_tolerances_are_kept(tol, engine):
    x = (
        gaussian(300, 64, rng=0)
        * np.geomspace(1.0, 1e-4, 64)
        @ np.linalg.qr(gaussian(64, 64, rng=1))[0]
    )
    lazy = da.from_array(x, chunks=(40, 16))
    result = svd(lazy, tol=tol, axis=0, engine=engine, max_memory=memory(x, 32, 40))
    truth = np.linalg.svd(x, compute_uv=False)
    rank = int(result.rank)
    left = np.linalg.norm(x - x @ result.basis @ result.components)
    assert int(result.status) == Status.OK
    assert left <= result.certificate.error[1]
    assert result.certificate.error[1] <= tol * result.norm * (1 + 1e-9)
    best = int(np.sum(np.sqrt(np.cumsum(truth[::-1] ** 2)[::-1]) > tol * np.linalg.norm(truth)))
    assert rank <= best + 3


def test_values_that_are_not_finite():
    x = gaussian(60, 12, rng=0)
    x[7, 9] = np.nan
    lazy = da.from_array(x, chunks=(20, 4))
    with pytest.raises(ValueError, match="finite"):
        svd(lazy, rank=2, axis=0, max_memory=memory(x, 4, 20))
    result = svd(lazy, rank=2, axis=0, max_memory=memory(x, 4, 20), check_finite=False)
    assert int(result.status) == Status.NONFINITE
    zero = svd(da.zeros((60, 12), chunks=(20, 4)), rank=2, axis=0, max_memory=memory(x, 4, 20))
    assert int(zero.rank) == 0
    assert not zero.basis.any()
