"""The matrices are what they say: spectra, distribution, scale, layout, reproducibility."""

from __future__ import annotations

import numpy as np
import pytest

from orthola.testing import (
    LAYOUTS,
    PROFILES,
    from_spectrum,
    gaussian,
    hard_cases,
    lay_out,
    machine_epsilon,
    orthogonality,
    orthonormal,
    spectrum,
    ulps,
)

DTYPES = ("float64", "float32", "complex128", "complex64", "float16")
SHAPES = ((1, 1), (2, 2), (7, 7), (9, 4), (4, 9), (1, 5), (40, 25))
SPECTRUM_C = 8  # the constant of from_spectrum's docstring
ORTHONORMAL_C = 8


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("condition", [1.0, 3.0, 1e4, 1e15])
def test_spectrum_falls_from_one_to_the_condition(profile, condition):
    for n in (2, 3, 5, 12):
        values = spectrum(profile, n, condition=condition)
        assert values.shape == (n,)
        assert values[0] == 1.0
        assert values[-1] == pytest.approx(1.0 / condition, rel=1e-13)
        assert np.all(np.diff(values) <= 0.0)


@pytest.mark.parametrize("profile", PROFILES)
def test_rank_leaves_exact_zeros_and_keeps_the_condition(profile):
    values = spectrum(profile, 7, condition=100.0, rank=4)
    np.testing.assert_array_equal(values[4:], 0.0)
    np.testing.assert_array_equal(values[:4], spectrum(profile, 4, condition=100.0))
    np.testing.assert_array_equal(spectrum(profile, 3, rank=0), 0.0)
    np.testing.assert_array_equal(spectrum(profile, 1, condition=9.0), 1.0)
    assert spectrum(profile, 0).shape == (0,)


def test_profiles_have_their_own_shapes():
    def six(profile):
        return spectrum(profile, 6, condition=1e4)

    np.testing.assert_allclose(np.diff(np.log10(six("geometric"))), -0.8, rtol=1e-12)
    np.testing.assert_allclose(np.diff(six("linear")), -(1 - 1e-4) / 5, rtol=1e-12)
    np.testing.assert_allclose(six("one-small"), [1, 1, 1, 1, 1, 1e-4])
    np.testing.assert_allclose(six("one-large"), [1, 1e-4, 1e-4, 1e-4, 1e-4, 1e-4])
    np.testing.assert_allclose(six("two-level"), [1, 1, 1, 1e-4, 1e-4, 1e-4])
    np.testing.assert_allclose(six("three-level"), [1, 1, 1e-2, 1e-2, 1e-4, 1e-4])


def test_repeated_values_are_equal_and_clustered_ones_almost():
    repeated = spectrum("repeated", 40, condition=1e6)
    clustered = spectrum("clustered", 40, condition=1e6)
    assert np.unique(repeated).size == 4
    assert np.unique(clustered).size == 40
    relative = np.abs(clustered / repeated - 1.0)
    assert 1e-9 < relative.max() < 1e-7


def test_random_log_follows_its_seed():
    def draw(seed):
        return spectrum("random-log", 20, condition=1e6, rng=seed)

    np.testing.assert_array_equal(draw(4), draw(4))
    assert not np.array_equal(draw(4), draw(5))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"profile": "flat"}, "expected a profile"),
        ({"condition": 0.5}, "condition"),
        ({"condition": np.inf}, "condition"),
        ({"condition": np.nan}, "condition"),
        ({"rank": 5}, "rank"),
        ({"rank": -1}, "rank"),
    ],
)
def test_spectrum_refuses_what_it_cannot_do(arguments, message):
    with pytest.raises(ValueError, match=message):
        spectrum(**{"profile": "linear", "n": 4, **arguments})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_from_spectrum_has_the_stated_singular_values(shape, dtype):
    m, n = shape
    for profile in PROFILES:
        values = spectrum(profile, min(m, n), condition=1e12, rank=max(1, min(m, n) - 1))
        a = from_spectrum(m, n, values, shape=(3,), dtype=dtype, rng=1)
        assert a.shape == (3, m, n)
        assert a.dtype == dtype
        found = np.linalg.svd(a.astype(np.result_type(dtype, "f8")), compute_uv=False)
        assert ulps(np.abs(found - values).max(), max(m, n), dtype) <= SPECTRUM_C, profile


def test_from_spectrum_takes_a_spectrum_per_matrix():
    values = np.array([[3.0, 1.0], [2.0, 0.0]])
    found = np.linalg.svd(from_spectrum(5, 2, values, shape=(2,), rng=0), compute_uv=False)
    np.testing.assert_allclose(found, values, atol=3 * SPECTRUM_C * 5 * 2.0**-52)


@pytest.mark.parametrize("dtype", DTYPES[:4])
@pytest.mark.parametrize("fraction", [-0.8, 0.8])
def test_scale_by_a_power_of_two_changes_no_digit(dtype, fraction):
    exponent = int(fraction * np.finfo(dtype).maxexp)
    plain = from_spectrum(4, 3, [1.0, 0.7, 0.5], dtype=dtype, rng=2)
    scaled = from_spectrum(4, 3, [1.0, 0.7, 0.5], dtype=dtype, scale=2.0**exponent, rng=2)
    np.testing.assert_array_equal(scaled, plain * np.asarray(2.0**exponent, dtype=plain.real.dtype))


@pytest.mark.parametrize("values", [[1.0], [1.0, -1.0], [1.0, np.nan], [np.inf, 1.0]])
def test_from_spectrum_refuses_impossible_singular_values(values):
    with pytest.raises(ValueError, match="singular values"):
        from_spectrum(3, 2, values, rng=0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_orthonormal_is_orthonormal(shape, dtype):
    q = orthonormal(*shape, shape=(2,), dtype=dtype, rng=0)
    assert q.shape == (2, *shape)
    assert q.dtype == dtype
    assert np.all(ulps(orthogonality(q), max(shape), dtype) <= ORTHONORMAL_C)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_orthonormal_is_haar(dtype):
    # Entries of a Haar matrix have mean 0, mean square 1/n and are uncorrelated with the trace;
    # without the phases of R every Q[0, 0] of Householder QR is negative.
    n, count = 3, 4000
    q = orthonormal(n, n, shape=(count,), dtype=dtype, rng=0)
    noise = 5.0 / np.sqrt(count)  # five standard deviations of a mean of values of size <= 1
    assert np.abs(q.mean(axis=0)).max() < noise
    assert np.abs((np.abs(q) ** 2).mean(axis=0) - 1 / n).max() < noise
    # E |trace|^2 = 1 for Haar matrices of both kinds; |trace|^2 has standard deviation < 2.
    assert abs((np.abs(np.trace(q, axis1=1, axis2=2)) ** 2).mean() - 1.0) < 2 * noise


def test_gaussian_has_unit_variance():
    for dtype in ("float64", "complex128"):
        a = gaussian(50, 50, shape=(4,), dtype=dtype, rng=0)
        assert abs((np.abs(a) ** 2).mean() - 1.0) < 5 * np.sqrt(2.0 / a.size)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_same_seed_gives_the_same_matrix(dtype):
    def draw(rng):
        return from_spectrum(3, 2, [2.0, 1.0], dtype=dtype, rng=rng)

    np.testing.assert_array_equal(draw(7), draw(7))
    np.testing.assert_array_equal(draw(7), draw(np.random.default_rng(7)))
    moving = np.random.default_rng(7)
    assert not np.array_equal(draw(moving), draw(moving))


def test_a_seed_is_demanded():
    with pytest.raises(TypeError, match="seed"):
        gaussian(2, 2, rng=None)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_empty_matrices(shape):
    assert from_spectrum(*shape, [], shape=(2,), rng=0).shape == (2, *shape)
    assert orthonormal(*shape, shape=(0,), dtype="complex64", rng=0).shape == (0, *shape)
    assert [name for name, _ in hard_cases(*shape, rng=0)] == ["empty"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(6, 6), (8, 5), (5, 8), (1, 1), (1, 4), (4, 1)])
def test_hard_cases_keep_shape_and_dtype_and_are_finite(shape, dtype):
    names = []
    for name, a in hard_cases(*shape, dtype, rng=3):
        names.append(name)
        assert a.shape == shape, name
        assert a.dtype == dtype, name
        assert np.all(np.isfinite(a)), name
    assert len(set(names)) == len(names) == 14


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", "complex64"])
def test_hard_cases_are_what_their_names_say(dtype):
    m, n = 8, 6
    eps, tiny = machine_epsilon(dtype), np.finfo(dtype).tiny
    cases = dict(hard_cases(m, n, dtype, rng=0))
    double = {name: a.astype(np.result_type(dtype, "f8")) for name, a in cases.items()}
    values = {name: np.linalg.svd(a, compute_uv=False) for name, a in double.items()}
    roundoff = 8 * m * eps

    def rank(name):
        return int(np.sum(values[name] > roundoff * values[name].max(initial=tiny)))

    assert {name: rank(name) for name in ("zero", "rank_one", "zero_column")} == {
        "zero": 0,
        "rank_one": 1,
        "zero_column": n - 1,
    }
    assert rank("half_zero_spectrum") == n // 2
    for name in ("identity", "reflection", "permutation"):
        np.testing.assert_allclose(values[name], 1.0, rtol=roundoff)
    np.testing.assert_allclose(values["orthonormal"], 2.0, rtol=roundoff)
    assert np.linalg.det(double["reflection"][:n].real) == -1.0
    np.testing.assert_array_equal(np.sum(np.abs(double["permutation"]), axis=0), 1.0)
    assert not np.array_equal(cases["permutation"], cases["identity"])
    assert values["hilbert"][0] > 1e5 * values["hilbert"][-1]
    assert values["nearly_singular"][-2] == pytest.approx(1.0, abs=roundoff)
    assert values["nearly_singular"][-1] < roundoff
    norms = np.linalg.norm(double["graded_rows"], axis=1)
    assert norms[-1] < 100 * eps * norms[0]
    smallest = np.finfo(dtype).smallest_subnormal
    assert np.count_nonzero(cases["subnormal_entry"] == smallest) == 1


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", "complex64"])
def test_squares_of_huge_and_tiny_leave_the_range_and_norms_do_not(dtype):
    cases = dict(hard_cases(6, 6, dtype, rng=0))
    huge, tiny = np.abs(cases["huge"]), np.abs(cases["tiny"])
    with np.errstate(over="ignore", under="ignore"):
        assert np.all(np.isinf((huge * huge).max()))
        assert np.all(tiny * tiny == 0.0)
    assert tiny.min() >= np.finfo(dtype).tiny
    assert np.sum(huge.astype("longdouble")) < np.finfo(dtype).max


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float64", "complex64"])
@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 4), (1, 1), (0, 3), (2, 4, 0)])
def test_lay_out_keeps_the_values_and_shares_nothing(layout, dtype, shape):
    a = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    placed = lay_out(a, layout)
    np.testing.assert_array_equal(placed, a)
    assert placed.dtype == a.dtype
    assert not np.shares_memory(placed, a)


def test_layouts_are_what_their_names_say():
    a = gaussian(4, 3, shape=(2,), rng=0)
    placed = {layout: lay_out(a, layout) for layout in LAYOUTS}
    assert placed["C"].flags.c_contiguous
    assert placed["F"][0].flags.f_contiguous
    assert not placed["F"][0].flags.c_contiguous
    assert placed["F"].strides[0] == 4 * 3 * 8
    assert placed["negative-stride"].strides[-2:] == (-24, -8)
    assert not placed["strided"][0].flags.forc
    assert np.isnan(placed["strided"].base).any()
    assert not placed["read-only"].flags.writeable
    assert all(placed[layout].flags.writeable for layout in LAYOUTS if layout != "read-only")


def test_lay_out_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="expected a layout"):
        lay_out(np.eye(2), "diagonal")
    with pytest.raises(ValueError, match="shape"):
        lay_out(np.ones(3), "C")
