"""`polar_quality` against independent formulas, on right and wrong factors, on every library."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from orthola import polar, polar_quality
from orthola.testing import from_spectrum, gaussian, lay_out, orthonormal, spectrum
from tests.backends import Backend
from tests.capabilities import EXACT, on_every_backend
from tests.isolation import assert_same_kind, to_numpy
from tests.polar.selection import on_backends
from tests.polar.targets import ROUNDOFF

REAL = {"complex64": "float32", "complex128": "float64"}
MEASURE_C = 20  # rounding of the measures themselves, in n u times what was added up
FIELDS = ("orthogonality", "residual", "psd_violation", "asymmetry", "dual_gap")


def reference(a, u):
    """The five measures straight from their definitions, in double precision."""
    kind = np.complex128 if np.iscomplexobj(a) or np.iscomplexobj(u) else np.float64
    a, u = a.astype(kind), u.astype(kind)
    if a.shape[0] < a.shape[1]:
        a, u = a.conj().T, u.conj().T
    scale = np.abs(a).max() or 1.0
    a = a / scale
    k = u.conj().T @ a
    h = (k + k.conj().T) / 2
    size, singular = np.linalg.norm(a) or 1.0, np.linalg.svd(a, compute_uv=False)
    gap = 1 - np.trace(k).real / singular.sum() if singular[0] else 0.0
    return (
        np.linalg.norm(u.conj().T @ u - np.eye(u.shape[1]), 2),
        np.linalg.norm(u @ h - a) / size,
        max(0.0, -np.linalg.eigvalsh(h)[0]) / (singular[0] or 1.0),
        np.linalg.norm(k - k.conj().T) / size,
        gap,
    )


def candidates(a, dtype):
    """The right factor and wrong ones, each wrong in another way."""
    m, n = a.shape
    right = polar(a).unitary
    flipped = right.copy()
    flipped[0] *= -1
    yield "right", right
    yield "negative", -right
    yield "a row flipped", flipped
    yield "another orthonormal matrix", orthonormal(m, n, dtype=dtype, rng=1)
    yield "too long", 1.25 * right
    yield "noisy", right + 1e-3 * gaussian(m, n, dtype=dtype, rng=2)
    yield "zero", np.zeros_like(right)
    yield "arbitrary", gaussian(m, n, dtype=dtype, rng=3)


@on_backends(
    "polar_quality",
    dtypes=EXACT,
    compiled=(
        "complex64",
        "float64",
    ),
)
def test_measures_equal_independent_formulas(backend: Backend, dtype):
    jax = backend.name.startswith("jax")  # a second of compilation for each shape
    for m, n in ((3, 7),) if jax else ((5, 5), (7, 3), (3, 7)):
        a = gaussian(m, n, dtype=dtype, rng=4)
        for name, u in candidates(a, dtype):
            arrays = backend.asarray(a, dtype), backend.asarray(u, dtype)
            found = backend.call(polar_quality, *arrays)
            for field, value, expected in zip(FIELDS, found, reference(a, u), strict=True):
                assert_same_kind(value, arrays[0], dtype=REAL.get(dtype, dtype), shape=())
                bound = MEASURE_C * max(m, n) * ROUNDOFF[dtype] * max(1, np.linalg.norm(u, 2) ** 2)
                assert abs(float(to_numpy(value)) - expected) <= bound, (name, field)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_measures_equal_fifty_digits(dtype):
    a = gaussian(5, 3, dtype=dtype, rng=5)
    u = orthonormal(5, 3, dtype=dtype, rng=6) + 1e-7 * gaussian(5, 3, dtype=dtype, rng=7)
    with mpmath.workdps(50):
        exact_a, exact_u = mpmath.matrix(a.tolist()), mpmath.matrix(u.tolist())
        k = exact_u.H * exact_a
        h = (k + k.H) / 2
        singular = mpmath.svd_c(exact_a, compute_uv=False)
        size = mpmath.mnorm(exact_a, "f")
        trace = sum(mpmath.re(k[i, i]) for i in range(3))
        expected = (
            max(mpmath.svd_c(exact_u.H * exact_u - mpmath.eye(3), compute_uv=False)),
            mpmath.mnorm(exact_u * h - exact_a, "f") / size,
            max(0, -min(mpmath.eigh(h, eigvals_only=True))) / max(singular),
            mpmath.mnorm(k - k.H, "f") / size,
            1 - trace / sum(singular),
        )
    for value, exact in zip(polar_quality(a, u), expected, strict=True):
        assert abs(value - float(exact)) <= MEASURE_C * 5 * ROUNDOFF[dtype]


def test_orthogonality_alone_cannot_see_a_wrong_factor():
    a = gaussian(6, 4, rng=8)
    wrong = polar_quality(a, orthonormal(6, 4, rng=9))
    assert wrong.orthogonality < 1e-14
    assert min(wrong.residual, wrong.psd_violation, wrong.asymmetry, wrong.dual_gap) > 0.1
    # A symmetric reproduction with one negative eigenvalue: only two of them see that.
    u, h, _ = polar(a)
    values, vectors = np.linalg.eigh(h)
    mirror = vectors @ np.diag([1, -1, 1, 1]) @ vectors.T
    mirrored = polar_quality(a, u @ mirror)
    assert max(mirrored.orthogonality, mirrored.residual, mirrored.asymmetry) < 1e-14
    assert mirrored.psd_violation == pytest.approx(values[1] / values[-1])
    assert mirrored.dual_gap == pytest.approx(2 * values[1] / values.sum())


@pytest.mark.parametrize("dtype", EXACT)
def test_all_measures_of_a_good_factor_are_rounding(dtype):
    for condition in (1e1, 1e6):
        a = from_spectrum(
            60, 40, spectrum("geometric", 40, condition=condition), dtype=dtype, rng=10
        )
        quality = polar_quality(a, polar(a).unitary)
        assert max(abs(value) for value in quality) <= MEASURE_C * 40 * ROUNDOFF[dtype]


def test_scale_does_not_matter():
    a, u = gaussian(5, 3, rng=11), orthonormal(5, 3, rng=12)
    plain = polar_quality(a, u)
    for k in (-990, -500, 500, 990):
        np.testing.assert_array_equal(polar_quality(2.0**k * a, u), plain)
    for scale in (1e-300, 1e300):
        np.testing.assert_allclose(polar_quality(scale * a, u), plain, rtol=1e-13)
    single = polar_quality((1e-37 * a).astype("float32"), u.astype("float32"))
    np.testing.assert_allclose(single, plain, atol=1e-5)


@on_backends("polar_quality", dtypes=("float32", "complex64"), compiled=("complex64",))
def test_stacks_with_zero_and_nan_items(backend: Backend, dtype):
    kind = "complex128" if dtype == "complex64" else "float64"
    a = gaussian(4, 3, shape=(2, 3), dtype=kind, rng=13)
    u = orthonormal(4, 3, shape=(2, 3), dtype=kind, rng=14)
    a[0, 1] = 0.0
    a[1, 0, 2, 1] = np.nan
    a[1, 1, 0, 0] = -np.inf
    u[1, 2, 3, 2] = np.nan
    found = backend.call(polar_quality, backend.asarray(a, dtype), backend.asarray(u, dtype))
    for value in found:
        value = to_numpy(value)
        assert value.shape == (2, 3)
        np.testing.assert_array_equal(np.isnan(value), [[False] * 3, [True] * 3])
    for i in (0, 2):
        expected = reference(a[0, i].astype(dtype), u[0, i].astype(dtype))
        for value, exact in zip(found, expected, strict=True):
            assert abs(to_numpy(value)[0, i] - exact) <= MEASURE_C * 4 * ROUNDOFF[dtype]
    for field, value in zip(FIELDS, found, strict=True):
        at_zero = to_numpy(value)[0, 1]
        assert at_zero <= 1e-6 if field == "orthogonality" else at_zero == 0.0


@on_every_backend("polar_quality", dtypes=("float32",))
def test_empty_items_have_no_error(backend: Backend, dtype):
    for shape in ((0, 3), (3, 0), (0, 0), (2, 4, 0), (0, 3, 3)):
        a = backend.asarray(np.zeros(shape), dtype)
        for value in polar_quality(a, a):
            assert_same_kind(value, a, shape=shape[:-2])
            assert not np.any(to_numpy(value))


def test_halves_integers_lists_and_layouts():
    a = [[3, 1], [0, 2], [4, 0]]
    u = polar(a).unitary
    expected = polar_quality(np.array(a, dtype=float), u)
    np.testing.assert_array_equal(polar_quality(a, u), expected)
    np.testing.assert_array_equal(polar_quality(np.array(a), u), expected)
    moved = lay_out(u, "negative-stride")
    np.testing.assert_allclose(
        polar_quality(lay_out(np.array(a, float), "F"), moved), expected, atol=1e-15
    )
    half = polar_quality(np.array(a, "float16"), u.astype("float16"))
    assert {value.dtype.name for value in half} == {"float32"}
    # Storage of U in half precision is what is measured now.
    assert 1e-5 < half.orthogonality < 2e-3


def test_dtypes_are_promoted_together():
    a = gaussian(4, 3, dtype="complex64", rng=15)
    real = orthonormal(4, 3, rng=16)
    quality = polar_quality(a, real)
    assert {value.dtype.name for value in quality} == {"float64"}
    for value, expected in zip(quality, reference(a, real), strict=True):
        assert abs(value - expected) <= MEASURE_C * 4 * ROUNDOFF["float64"]
