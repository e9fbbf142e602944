"""The measures against mpmath at 50 digits, and on the inputs that break careless ones."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from orthola.testing import (
    asymmetry,
    dtype_name,
    dual_gap,
    from_spectrum,
    gaussian,
    lay_out,
    machine_epsilon,
    orthogonality,
    orthonormal,
    polar_residual,
    psd_violation,
    relative_error,
    ulps,
)

MEASURE_C = 4  # rounding of a measure itself, in n * eps of what it is compared with
EPS = 2.0**-52
SHAPES = ((1, 1), (4, 4), (6, 3), (3, 6))
DTYPES = ("float64", "complex128")


@pytest.fixture(autouse=True)
def _fifty_digits():
    with mpmath.workdps(50):
        yield


def exact(x):
    return mpmath.matrix(x.tolist())


def largest_singular_value(x):
    return max(mpmath.svd_c(x, compute_uv=False))


def frobenius(x):
    return mpmath.mnorm(x, "f")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_orthogonality_equals_the_exact_spectral_norm(shape, dtype):
    for noise in (1.0, 1e-3, 1e-9):
        u = orthonormal(*shape, dtype=dtype, rng=0) + noise * gaussian(*shape, dtype=dtype, rng=1)
        tall = exact(u if shape[0] >= shape[1] else u.conj().T)
        reference = largest_singular_value(tall.H * tall - mpmath.eye(tall.cols))
        size = float(largest_singular_value(tall)) ** 2
        error = abs(orthogonality(u) - float(reference))
        assert error <= MEASURE_C * max(shape) * EPS * size


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e300, 2.0**-1060])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("side", ["right", "left"])
def test_polar_residual_equals_the_exact_one(side, shape, dtype, scale):
    n = shape[1] if side == "right" else shape[0]
    a = gaussian(*shape, dtype=dtype, rng=0) * 2 * scale
    u = orthonormal(*shape, dtype=dtype, rng=1)
    h = gaussian(n, n, dtype=dtype, rng=2) * 2 * scale
    product = exact(u) * exact(h) if side == "right" else exact(h) * exact(u)
    reference = float(frobenius(exact(a) - product) / frobenius(exact(a)))
    found = polar_residual(a, u, h, side=side)
    assert abs(found - reference) <= MEASURE_C * max(shape) * EPS * (1 + reference)


@pytest.mark.parametrize("dtype", DTYPES)
def test_polar_residual_of_the_exact_factors_is_rounding(dtype):
    a = from_spectrum(7, 4, [1.0, 1e-3, 1e-9, 1e-15], dtype=dtype, rng=0)
    p, s, qh = np.linalg.svd(a, full_matrices=False)
    u, h = p @ qh, (qh.conj().T * s) @ qh
    assert polar_residual(a, u, h) <= MEASURE_C * 7 * EPS
    assert polar_residual(a, -u, h) == pytest.approx(2.0)


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e300])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_hermitian_measures_equal_the_exact_ones(n, dtype, scale):
    h = gaussian(n, n, dtype=dtype, rng=n) * scale
    x = exact(h)
    values = mpmath.eigh((x + x.H) / 2, eigvals_only=True)
    reference = max(mpmath.mpf(0), -min(values)) / max(abs(value) for value in values)
    assert abs(psd_violation(h) - float(reference)) <= MEASURE_C * n * EPS
    reference = frobenius(x - x.H) / frobenius(x)
    assert abs(asymmetry(h) - float(reference)) <= MEASURE_C * n * EPS


@pytest.mark.parametrize("dtype", DTYPES)
def test_positive_and_hermitian_matrices_violate_nothing(dtype):
    a = gaussian(5, 5, dtype=dtype, rng=0)
    h = a.conj().T @ a
    h = (h + h.conj().T) / 2
    assert asymmetry(h) == 0.0
    assert psd_violation(h) == 0.0
    assert psd_violation(-h) == 1.0


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e300])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_dual_gap_equals_the_exact_one(shape, dtype, scale):
    a = gaussian(*shape, dtype=dtype, rng=0) * scale
    u = orthonormal(*shape, dtype=dtype, rng=1)
    x, y = exact(a), exact(u)
    nuclear = sum(mpmath.svd_c(x, compute_uv=False))
    inner = sum(mpmath.re(mpmath.conj(p) * q) for p, q in zip(y, x, strict=True))
    reference = float((nuclear - inner) / nuclear)
    assert abs(dual_gap(a, u) - reference) <= MEASURE_C * max(shape) * EPS


def test_dual_gap_sees_a_wrong_orthogonal_factor():
    a = from_spectrum(6, 4, [4.0, 3.0, 2.0, 1.0], rng=0)
    p, _, qh = np.linalg.svd(a, full_matrices=False)
    assert abs(dual_gap(a, p @ qh)) <= MEASURE_C * 6 * EPS
    wrong = p @ np.diag([1.0, 1.0, 1.0, -1.0]) @ qh
    assert orthogonality(wrong) <= MEASURE_C * 6 * EPS
    assert dual_gap(a, wrong) == pytest.approx(0.2)


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e300])
@pytest.mark.parametrize("dtype", DTYPES)
def test_relative_error_equals_the_exact_one(dtype, scale):
    expected = gaussian(4, 3, dtype=dtype, rng=0) * scale
    for noise in (1.0, 1e-8, 0.0):
        actual = expected * (1 + noise * gaussian(4, 3, rng=1))
        x, y = exact(actual), exact(expected)
        reference = float(frobenius(x - y) / frobenius(y))
        assert abs(relative_error(actual, expected) - reference) <= MEASURE_C * EPS


def measures_of(a, u, h):
    return {
        "orthogonality": orthogonality(u),
        "polar_residual": polar_residual(a, u, h),
        "psd_violation": psd_violation(h),
        "asymmetry": asymmetry(h),
        "dual_gap": dual_gap(a, u),
        "relative_error": relative_error(u, a),
    }


def test_a_stack_gives_what_its_matrices_give():
    a = gaussian(5, 3, shape=(2, 3), rng=0) * 10.0 ** np.arange(-300, 300, 100).reshape(2, 3, 1, 1)
    u = gaussian(5, 3, shape=(2, 3), rng=1)
    h = gaussian(3, 3, shape=(2, 3), rng=2)
    for name, found in measures_of(a, u, h).items():
        assert found.shape == (2, 3), name
        for index in np.ndindex(2, 3):
            single = measures_of(a[index], u[index], h[index])[name]
            assert isinstance(single, float), name
            assert found[index] == pytest.approx(single, rel=1e-12), name


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", DTYPES)
def test_nonfinite_items_give_nan_and_leave_the_others_alone(dtype, bad):
    a, u = (gaussian(4, 3, shape=(3,), dtype=dtype, rng=seed) for seed in (0, 1))
    h = gaussian(3, 3, shape=(3,), dtype=dtype, rng=2)
    before = measures_of(a, u, h)
    for x in (a, u, h):
        x[1, 2, 0] = bad
    for name, found in measures_of(a, u, h).items():
        assert np.isnan(found[1]), name
        np.testing.assert_array_equal(found[[0, 2]], before[name][[0, 2]], err_msg=name)


def test_what_is_too_large_is_infinite():
    assert orthogonality(np.full((2, 2), 1e300)) == np.inf
    assert polar_residual(np.full((2, 2), 1e-300), np.eye(2), np.full((2, 2), 1e300)) == np.inf
    assert relative_error(np.full((2, 2), 1e300), np.full((2, 2), 1e-300)) == np.inf


def test_zero_matrices_are_judged():
    zero, one = np.zeros((3, 2)), np.eye(3, 2)
    assert orthogonality(zero) == 1.0
    assert polar_residual(zero, one, np.zeros((2, 2))) == 0.0
    assert polar_residual(zero, one, np.eye(2)) == np.inf
    assert psd_violation(np.zeros((2, 2))) == 0.0
    assert asymmetry(np.zeros((2, 2))) == 0.0
    assert dual_gap(zero, one) == 0.0
    assert relative_error(zero, zero) == 0.0
    assert relative_error(one, zero) == np.inf


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0), (4, 0, 3), (0, 2, 2)])
def test_empty_matrices_are_perfect(shape):
    n, empty = shape[-1], np.zeros(shape)
    if shape[-2] == 0:
        found = measures_of(empty, empty, np.zeros((*shape[:-2], n, n)))
        for name, value in found.items():
            np.testing.assert_array_equal(value, np.zeros(shape[:-2]), err_msg=name)
    np.testing.assert_array_equal(orthogonality(empty), np.zeros(shape[:-2]))


@pytest.mark.parametrize("layout", ["F", "negative-stride", "strided", "read-only"])
def test_measures_do_not_depend_on_the_layout_nor_change_their_input(layout):
    a, u, h = gaussian(5, 3, rng=0), gaussian(5, 3, rng=1), gaussian(3, 3, rng=2)
    placed = [lay_out(x, layout) for x in (a, u, h)]
    found, expected = measures_of(*placed), measures_of(a, u, h)
    for name in expected:
        assert found[name] == pytest.approx(expected[name], rel=1e-13), name
    for x, original in zip(placed, (a, u, h), strict=True):
        np.testing.assert_array_equal(x, original)


def test_lower_precision_is_measured_in_double():
    u = orthonormal(6, 4, dtype="float32", rng=0)
    assert orthogonality(u) == orthogonality(u.astype(np.float64))
    assert orthogonality(u.astype(np.float16)) > orthogonality(u) > 0.0


@pytest.mark.parametrize("measure", [orthogonality, psd_violation, asymmetry])
def test_a_vector_is_refused(measure):
    with pytest.raises(ValueError, match=r"\(\.\.\., m, n\)"):
        measure(np.ones(3))


def test_an_unknown_side_is_refused():
    with pytest.raises(ValueError, match="side"):
        polar_residual(np.eye(2), np.eye(2), np.eye(2), side="both")


@pytest.mark.parametrize(
    ("dtype", "digits"),
    [("float64", 52), ("complex128", 52), ("float32", 23), ("complex64", 23), ("float16", 10)],
)
def test_machine_epsilon_by_name_and_by_numpy_dtype(dtype, digits):
    for spelling in (dtype, np.dtype(dtype), np.dtype(dtype).type):
        assert machine_epsilon(spelling) == 2.0**-digits
        assert dtype_name(spelling) == dtype


def test_ulps_are_errors_in_n_eps():
    assert ulps(6 * EPS, 3, "float64") == 2.0
    np.testing.assert_array_equal(ulps([0.0, EPS], 1, "complex128"), [0.0, 1.0])
    assert ulps(2.0**-7, 0, "bfloat16") == 1.0
