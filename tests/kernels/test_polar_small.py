"""The kernel for stacks of small matrices against its targets, LAPACK, mpmath and its traps."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from orthola._core.errors import Status
from orthola._kernels.numba.polar_small import polar_stack
from orthola.testing import (
    PROFILES,
    from_spectrum,
    gaussian,
    lay_out,
    orthogonality,
    polar_residual,
    psd_violation,
    spectrum,
)
from orthola.testing.layouts import LAYOUTS

DTYPES = ("float32", "float64", "complex64", "complex128")
DOUBLE = ("float64", "complex128")
# Closed form, cofactors, elimination by single columns and by panels, tall ones.
SHAPES = (
    (1, 1),
    (2, 2),
    (3, 3),
    (4, 4),
    (5, 5),
    (8, 8),
    (13, 13),
    (32, 32),
    (3, 1),
    (6, 3),
    (40, 9),
)
SPECTRA = PROFILES[:6]
U64 = 2.0**-53


def unit(dtype):
    return float(np.finfo(dtype).eps) / 2.0


def orthogonality_target(n, dtype):
    return 10.0 * np.sqrt(n) * U64 if dtype in DOUBLE else 1.5e-6


def residual_target(n, dtype):
    return (10.0 * np.sqrt(n) + 60.0) * U64 if dtype in DOUBLE else 4e-6


PSD = 3.0  # times n u: singular items have eigenvalues of that size by rounding H alone


def assert_targets(a, u, h, dtype):
    n = a.shape[-1]
    assert u.dtype == h.dtype == a.dtype == dtype
    assert np.all(orthogonality(u) <= orthogonality_target(n, dtype))
    assert np.all(polar_residual(a, u, h) <= residual_target(n, dtype))
    assert np.all(psd_violation(h) <= PSD * n * unit(dtype))
    assert_hermitian(h)


def assert_hermitian(h):
    assert np.array_equal(h, np.conj(np.swapaxes(h, -1, -2)))
    assert not np.any(np.diagonal(h, axis1=-2, axis2=-1).imag)


def assert_same(results, expected):
    for got, want in zip(results, expected, strict=True):
        assert got.tobytes() == want.tobytes()


def conditions(dtype):
    return 10.0 ** np.arange(1, 16 if dtype in DOUBLE else 7)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_targets_hold_for_all_spectra_and_conditions(dtype, shape):
    m, n = shape
    refused = total = 0
    for condition in conditions(dtype):
        for profile in SPECTRA:
            values = spectrum(profile, n, condition=condition)
            a = from_spectrum(m, n, values, shape=(8,), dtype=dtype, rng=len(profile))
            u, h, status = polar_stack(a)
            sure = status != Status.NOT_CONVERGED
            assert_targets(a[sure], u[sure], h[sure], dtype)
            assert np.all(status <= Status.NOT_CONVERGED)
            if condition * max(m, n) * np.finfo(dtype).eps < 0.1:
                assert not np.any(status == Status.RANK_DEFICIENT)
            refused, total = refused + np.sum(~sure), total + sure.size
    assert refused <= 0.02 * total  # the SVD has them


@pytest.mark.parametrize("n", [16, 24, 32, 64])
def test_what_is_certified_is_right_where_elimination_loses_digits(n):
    # Two thirds of the singular values of the first iterate are large, the others one.
    a = from_spectrum(n, n, spectrum("three-level", n, condition=1e10), shape=(200,), rng=3)
    kahan = np.diag(0.56 ** np.arange(n)) @ (np.eye(n) - 0.83 * np.triu(np.ones((n, n)), 1))
    a = np.concatenate([a, kahan[None]])
    u, h, status = polar_stack(a)
    sure = status != Status.NOT_CONVERGED
    assert_targets(a[sure], u[sure], h[sure], "float64")
    assert np.mean(sure) >= 0.9


@pytest.mark.parametrize("shape", [(3, 3), (8, 8), (24, 24), (12, 5)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_equals_the_svd(dtype, shape):
    m, n = shape
    a = from_spectrum(
        m, n, spectrum("geometric", n, condition=1e2), shape=(20,), dtype=dtype, rng=1
    )
    wide = a.astype(np.complex128 if np.iscomplexobj(a) else np.float64)
    p, s, qh = np.linalg.svd(wide, full_matrices=False)
    u, h, status = polar_stack(a)
    assert np.all(status == Status.OK)
    scale = 20.0 * n * unit(dtype)
    assert np.max(np.abs(u - p @ qh)) <= scale * 1e2  # the condition number of U
    expected = np.conj(np.swapaxes(qh, -1, -2)) * s[:, None, :] @ qh
    assert np.max(np.abs(h - expected)) <= scale


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("condition", [10.0, 1e6])
def test_equals_mpmath(dtype, condition):
    n = 4
    a = from_spectrum(n, n, spectrum("geometric", n, condition=condition), dtype=dtype, rng=5)
    u, h, _ = polar_stack(a[None])
    with mpmath.workdps(50):
        p, s, qh = mpmath.svd(mpmath.matrix(a.astype(complex).tolist()))
        factor = np.array((p * qh).tolist(), dtype=complex)
        hermitian = np.array((qh.H * mpmath.diag(list(s)) * qh).tolist(), dtype=complex)
        smallest = float(s[n - 1])
    scale = 20.0 * n * unit(dtype)
    working = U64 / unit(dtype) if dtype not in DOUBLE else 1.0  # single is computed in double
    assert np.max(np.abs(u[0] - factor)) <= scale * max(1.0, working / smallest)
    assert np.max(np.abs(h[0] - hermitian)) <= scale


@pytest.mark.parametrize("shape", [s for s in SHAPES if s[1] > 1], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_rank_deficient_items_get_an_orthonormal_completion(dtype, shape):
    m, n = shape
    full = gaussian(m, n, shape=(9,), dtype=dtype, rng=2)
    zero_column, zero_row = full.copy(), full.copy()
    zero_column[:, :, n // 2] = 0
    zero_row[:, m // 2] = 0
    columns, rows = gaussian(m, n // 2, shape=(9,), rng=3), gaussian(n // 2, n, shape=(9,), rng=4)
    one_entry = np.zeros_like(full)
    one_entry[:, 0, -1] = 3
    cases = {
        "zero column": zero_column,
        "rank one": full[:, :, :1] * np.conj(full[:, -1:, :]),
        "half of the rank": (columns @ rows).astype(dtype),
        "equal columns": np.repeat(full[:, :, :1], n, axis=2),
        "ones": np.ones_like(full),
        "one entry": one_entry,
    }
    if m == n:
        cases["zero row"] = zero_row
    for name, a in cases.items():
        u, h, status = polar_stack(a)
        assert np.all(status == Status.RANK_DEFICIENT), name
        assert_targets(a, u, h, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [2, 3, 4, 7, 20])
def test_rank_verdict_turns_at_the_stated_ratio(dtype, n):
    # sigma_n <= max(m, n) eps sigma_1, with room for the estimate on both sides.
    limit = n * float(np.finfo(dtype).eps)
    for profile in ("one-small", "one-large", "geometric"):
        for factor, expected in ((8.0, Status.OK), (0.02, Status.RANK_DEFICIENT)):
            values = spectrum(profile, n, condition=1.0 / (factor * limit))
            assert polar_stack(np.diag(values).astype(dtype)[None])[2][0] == expected


@pytest.mark.parametrize("shape", [(2, 2), (3, 3), (4, 4), (7, 7), (9, 4)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_powers_of_two_change_no_bit_but_the_scale(dtype, shape):
    a = gaussian(*shape, shape=(11,), dtype=dtype, rng=8)
    u, h, status = polar_stack(a)
    for k in (-900, -301, -1, 1, 7, 512, 900) if dtype in DOUBLE else (-110, -31, 1, 64, 110):
        scaled = polar_stack(a * np.asarray(2.0**k, a.real.dtype))
        assert_same(scaled, (u, h * np.asarray(2.0**k, a.real.dtype), status))


@pytest.mark.parametrize("shape", [(2, 2), (3, 3), (6, 6), (5, 2)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_tiny_and_huge_items(dtype, shape):
    a = gaussian(*shape, shape=(10,), dtype=dtype, rng=9)
    for size in (1e-300, 1e300) if dtype in DOUBLE else (1e-36, 1e36):
        b = a * np.asarray(size, a.real.dtype)
        b[0, 0, 0] = np.finfo(dtype).smallest_subnormal
        u, h, status = polar_stack(b)
        assert np.all(status == Status.OK)
        assert_targets(b, u, h, dtype)


def test_items_of_subnormal_numbers():
    a = gaussian(3, 3, shape=(8,), rng=10) * 1e-310
    u, h, status = polar_stack(a)
    assert np.all(status == Status.OK)
    assert np.all(orthogonality(u) <= orthogonality_target(3, "float64"))
    # H itself is rounded to multiples of 5e-324.
    assert np.max(np.abs(u @ (h * 2.0**600) - a * 2.0**600)) <= 10 * 5e-324 * 2.0**600


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 3), (9, 9), (3, 2), (20, 6)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_zero_items_and_their_neighbours(dtype, shape):
    m, n = shape
    a = gaussian(m, n, shape=(19,), dtype=dtype, rng=11)
    u, h, status = polar_stack(a)
    for place in (0, 8, 18):
        b = a.copy()
        b[place] = 0
        v, g, code = polar_stack(b)
        assert np.array_equal(v[place], np.eye(m, n))
        assert not np.any(g[place])
        assert code[place] == Status.RANK_DEFICIENT
        keep = np.arange(19) != place
        assert_same((v[keep], g[keep], code[keep]), (u[keep], h[keep], status[keep]))


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 3), (9, 9), (20, 6)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_and_infinity_stay_in_their_item(dtype, shape):
    m, n = shape
    a = gaussian(m, n, shape=(19,), dtype=dtype, rng=12)
    u, h, status = polar_stack(a)
    poison = [np.nan, np.inf, -np.inf]
    if np.iscomplexobj(a):
        poison += [complex(0.0, np.nan), complex(1.0, -np.inf)]
    for value in poison:
        b = a.copy()
        b[3, m - 1, 0] = value
        b[17] = value
        v, g, code = polar_stack(b)
        keep = np.ones(19, bool)
        keep[[3, 17]] = False
        for factor in (v[~keep], g[~keep]):
            assert np.all(np.isnan(factor.real))
            assert not np.iscomplexobj(a) or np.all(np.isnan(factor.imag))
        assert np.all(code[~keep] == Status.NONFINITE)
        assert_same((v[keep], g[keep], code[keep]), (u[keep], h[keep], status[keep]))


@pytest.mark.parametrize("n", [2, 3, 4, 5, 9])
def test_determinant_keeps_its_sign(n):
    a = gaussian(n, n, shape=(50,), rng=13)
    a[0] = np.diag([1.0] * (n - 1) + [-1.0])
    u, h, _ = polar_stack(a)
    assert np.array_equal(np.sign(np.linalg.det(u)), np.sign(np.linalg.det(a)))
    assert np.array_equal(u[0], a[0])
    assert np.array_equal(h[0], np.eye(n))


def test_reflections_and_rank_one_of_order_two():
    t = np.linspace(0.0, 6.0, 33)
    reflections = np.moveaxis(np.array([[np.cos(t), np.sin(t)], [np.sin(t), -np.cos(t)]]), -1, 0)
    u, h, status = polar_stack(reflections)
    assert np.max(np.abs(u - reflections)) <= 4 * U64
    assert np.max(np.abs(h - np.eye(2))) <= 4 * U64
    assert np.all(status == Status.OK)
    one = np.moveaxis(np.array([[np.cos(t), 2 * np.cos(t)], [np.sin(t), 2 * np.sin(t)]]), -1, 0)
    u, h, status = polar_stack(one)
    assert_targets(one, u, h, "float64")
    assert np.all(status == Status.RANK_DEFICIENT)


@pytest.mark.parametrize("shape", [(2, 2), (3, 3), (4, 4), (6, 6), (17, 17), (7, 3)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_stack_equals_its_items_bit_by_bit(dtype, shape):
    m, n = shape
    parts = [
        from_spectrum(m, n, spectrum("geometric", n, condition=c), shape=(4,), dtype=dtype, rng=14)
        for c in (10.0, 1e4, 1e9)
    ]
    a = np.concatenate([*parts, np.zeros((1, m, n), dtype)])[
        np.random.default_rng(0).permutation(13)
    ]
    together = polar_stack(a)
    alone = [polar_stack(a[i : i + 1]) for i in range(13)]
    assert_same(together, [np.concatenate(field) for field in zip(*alone, strict=True)])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_layout_does_not_matter_and_input_is_kept(dtype, layout):
    a = gaussian(6, 4, shape=(13,), dtype=dtype, rng=15)
    b = lay_out(a, layout)
    assert_same(polar_stack(b), polar_stack(a))
    assert np.array_equal(a, b)
    assert_same(polar_stack(b[::-1]), [field[::-1] for field in polar_stack(a)])


@pytest.mark.parametrize(("shape", "items"), [((2, 2), 9000), ((3, 3), 5000), ((24, 24), 70)])
def test_number_of_threads_changes_no_bit(shape, items):
    a = gaussian(*shape, shape=(items,), rng=16)
    once = polar_stack(a, threads=1)
    assert_same(polar_stack(a, threads=2), once)
    assert_same(polar_stack(a, threads=5), once)
    assert_same(polar_stack(a), once)


@pytest.mark.parametrize("dtype", DTYPES)
def test_empty_stack(dtype):
    u, h, status = polar_stack(np.zeros((0, 4, 3), dtype))
    assert u.shape == (0, 4, 3)
    assert h.shape == (0, 3, 3)
    assert status.shape == (0,)
    assert u.dtype == h.dtype == dtype
