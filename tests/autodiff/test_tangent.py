"""The closed-form tangents of both polar factors, against oracles that know nothing of them."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

import orthola
from orthola._core.space import resolve
from orthola._polar.tangent import polar_pullback, polar_tangent
from orthola.testing import from_spectrum, gaussian, machine_epsilon, orthonormal, spectrum
from tests.backends import BACKENDS, held
from tests.capabilities import EXACT
from tests.dtypes import on_dtypes
from tests.isolation import assert_same_kind, to_numpy

SHAPES = ((3, 3), (4, 2), (5, 1), (1, 1))
CONDITION = 4.0  # of the random matrices below: errors of H^-1 grow with it
C_TANGENT = 40.0  # errors of tangents, in n eps condition


def on_shapes(*dtypes: str) -> pytest.MarkDecorator:
    """All shapes, but for JAX, which compiles each case for seconds, one shape, jitted, a dtype."""
    cases = [
        (name, dtype, shape)
        for name in BACKENDS
        for dtype in dtypes
        for shape in SHAPES
        if dtype in held(name)
        and (
            not name.startswith("jax") or (name != "jax" and shape == (4, 2) and dtype[-2:] == "64")
        )
    ]
    return pytest.mark.parametrize(("backend", "dtype", "shape"), cases, indirect=["backend"])


def h(x: Any) -> Any:
    return np.swapaxes(x, -1, -2).conj()


def matrix(m: int, n: int, dtype: str, *, shape: tuple[int, ...] = ()) -> Any:
    values = spectrum("geometric", n, condition=CONDITION)
    return from_spectrum(m, n, values, shape=shape, dtype=dtype, rng=10 * m + n)


def direction(m: int, n: int, dtype: str, *, seed: int = 7, shape: tuple[int, ...] = ()) -> Any:
    return gaussian(m, n, shape=shape, dtype=dtype, rng=seed)


# What the adapters do, for a tall array of any library.


def both_tangents(a: Any, t: Any, *, degenerate: str = "nan") -> tuple[Any, Any]:
    space, (a, t) = resolve("test", a, t)
    u, k, _ = orthola.polar(a)
    return polar_tangent(space, degenerate, a, u, k, t)


def pulled_back(a: Any, ubar: Any, hbar: Any, *, degenerate: str = "nan") -> Any:
    space, (a, ubar, hbar) = resolve("test", a, ubar, hbar)
    u, k, _ = orthola.polar(a)
    return polar_pullback(space, degenerate, a, u, k, ubar, hbar)


def inner(x: Any, y: Any) -> Any:
    return np.sum((x.conj() * y).real, axis=(-2, -1))


# Oracles


def exact_factors(a: mpmath.matrix) -> tuple[mpmath.matrix, mpmath.matrix]:
    """A (A^H A)^(-1/2) and (A^H A)^(1/2) from the eigenvalues of A^H A."""
    values, v = mpmath.eighe(a.H * a)
    root = mpmath.diag([mpmath.sqrt(value) for value in values])
    k = v * root * v.H
    return a * k**-1, k


def exact_tangents(a: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Central differences with 60 digits: exact to 25 of them."""
    with mpmath.workdps(60):
        step = mpmath.mpf(10) ** -15
        a, t = (mpmath.matrix(x.tolist()) for x in (a, t))
        forth, back = exact_factors(a + step * t), exact_factors(a - step * t)
        return tuple(
            np.array(((p - q) / (2 * step)).tolist(), dtype=complex)
            for p, q in zip(forth, back, strict=True)
        )


@on_shapes("float64", "complex128")
def test_tangents_agree_with_exact_differences(backend, dtype, shape):
    a, t = matrix(*shape, dtype), direction(*shape, dtype)
    found = backend.call(both_tangents, backend.asarray(a), backend.asarray(t))
    tolerance = C_TANGENT * shape[0] * machine_epsilon(dtype) * CONDITION
    for actual, expected in zip(found, exact_tangents(a, t), strict=True):
        assert_same_kind(actual, backend.asarray(a), shape=expected.shape)
        expected = expected if dtype == "complex128" else expected.real
        np.testing.assert_allclose(to_numpy(actual), expected, rtol=0, atol=tolerance)


@on_dtypes("float32", "complex64")
def test_tangents_in_single_precision(backend, dtype):
    a, t = matrix(4, 3, dtype), direction(4, 3, dtype)
    found = backend.call(both_tangents, backend.asarray(a), backend.asarray(t))
    tolerance = C_TANGENT * 4 * machine_epsilon(dtype) * CONDITION
    for actual, expected in zip(found, exact_tangents(a, t), strict=True):
        assert_same_kind(actual, backend.asarray(a), shape=expected.shape)
        np.testing.assert_allclose(to_numpy(actual), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("shape", [(6, 6), (40, 8)])
def test_tangents_agree_with_central_differences_at_larger_orders(dtype, shape):
    a, t = matrix(*shape, dtype), direction(*shape, dtype)
    step = 1e-5
    forth, back = orthola.polar(a + step * t), orthola.polar(a - step * t)
    size = np.linalg.norm(t) * CONDITION
    # Truncation about (step size)^2 size / 6, rounding about eps / step.
    tolerance = step**2 * size**3 + 50 * machine_epsilon(dtype) / step
    for i, actual in enumerate(both_tangents(a, t)):
        np.testing.assert_allclose(actual, (forth[i] - back[i]) / (2 * step), atol=tolerance)


# Known derivatives


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("scale", [1.0, 2.0, 2.0**-60])
def test_at_a_multiple_of_the_identity_the_tangent_splits_into_skew_and_hermitian(dtype, scale):
    a, t = scale * np.eye(3, dtype=dtype), direction(3, 3, dtype)
    du, dh = both_tangents(a.astype(dtype), t)
    tolerance = C_TANGENT * 3 * machine_epsilon(dtype)
    np.testing.assert_allclose(scale * du, (t - h(t)) / 2, rtol=0, atol=tolerance)
    np.testing.assert_allclose(dh, (t + h(t)) / 2, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", EXACT)
def test_at_a_diagonal_matrix_entries_are_divided_by_sums(dtype):
    values = np.array([3.0, 1.0, 0.5])
    t = direction(3, 3, dtype)
    du, dh = both_tangents(np.diag(values).astype(dtype), t)
    sums = values[:, None] + values
    tolerance = C_TANGENT * 3 * machine_epsilon(dtype)
    np.testing.assert_allclose(du, (t - h(t)) / sums, rtol=0, atol=tolerance)
    expected = (values[:, None] * t + h(t) * values) / sums
    np.testing.assert_allclose(dh, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", EXACT)
def test_a_column_has_the_derivatives_of_direction_and_length(dtype):
    a, t = direction(6, 1, dtype, seed=1), direction(6, 1, dtype, seed=2)
    length = np.linalg.norm(a)
    u = a / length
    du, dh = both_tangents(a, t)
    dlength = (h(u) @ t).real
    tolerance = C_TANGENT * 6 * machine_epsilon(dtype)
    np.testing.assert_allclose(du, (t - u * dlength) / length, rtol=0, atol=tolerance)
    np.testing.assert_allclose(dh, dlength, rtol=0, atol=tolerance)


def test_a_complex_number_turns_by_the_derivative_of_its_angle():
    z, w = np.array([[3.0 + 4.0j]]), np.array([[1.0 - 2.0j]])
    du, dh = both_tangents(z, w)
    np.testing.assert_allclose(du, 1j * (w / z).imag * z / 5.0, atol=1e-15)
    np.testing.assert_allclose(dh, (z.conj() * w).real / 5.0, atol=1e-15)


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("shape", [(4, 4), (6, 3)])
def test_repeated_singular_values_are_regular(dtype, shape):
    q = orthonormal(*shape, dtype=dtype, rng=3)
    t = direction(*shape, dtype)
    du, dh = both_tangents(2 * q, t)
    k = h(q) @ t
    expected = q @ (k - h(k)) / 4 + (t - q @ k) / 2
    tolerance = C_TANGENT * shape[0] * machine_epsilon(dtype)
    np.testing.assert_allclose(du, expected, rtol=0, atol=tolerance)
    np.testing.assert_allclose(dh, (k + h(k)) / 2, rtol=0, atol=tolerance)


# Laws


@on_shapes(*EXACT)
def test_tangents_keep_the_constraints_and_the_product_rule(backend, dtype, shape):
    a, t = (matrix(*shape, dtype, shape=(2,)), direction(*shape, dtype, shape=(2,)))
    du, dh = backend.call(both_tangents, backend.asarray(a), backend.asarray(t))
    du, dh = to_numpy(du), to_numpy(dh)
    u, k, _ = orthola.polar(a)
    tolerance = C_TANGENT * shape[0] * machine_epsilon(dtype) * CONDITION
    skew = h(u) @ du
    np.testing.assert_allclose(skew, -h(skew), rtol=0, atol=tolerance)
    np.testing.assert_allclose(dh, h(dh), rtol=0, atol=tolerance)
    np.testing.assert_allclose(du @ k + u @ dh, t, rtol=0, atol=tolerance)


@on_shapes(*EXACT)
def test_vjp_is_jvp(backend, dtype, shape):
    a = matrix(*shape, dtype, shape=(3,))
    t = direction(*shape, dtype, seed=1, shape=(3,))
    ubar = direction(*shape, dtype, seed=2, shape=(3,))
    hbar = direction(shape[1], shape[1], dtype, seed=3, shape=(3,))
    arrays = [backend.asarray(x) for x in (a, t, ubar, hbar)]
    du, dh = (to_numpy(x) for x in backend.call(both_tangents, *arrays[:2]))
    back = to_numpy(backend.call(pulled_back, arrays[0], *arrays[2:]))
    forward = inner(ubar, du) + inner(hbar, dh)
    size = CONDITION * (np.linalg.norm(ubar) + np.linalg.norm(hbar)) * np.linalg.norm(t)
    tolerance = 1e-13 if machine_epsilon(dtype) < 1e-10 else 100 * machine_epsilon(dtype)
    np.testing.assert_allclose(inner(back, t), forward, rtol=0, atol=tolerance * size)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_map_to_the_tangent_of_u_is_self_adjoint(dtype, shape):
    a = matrix(*shape, dtype)
    x, y = direction(*shape, dtype, seed=1), direction(*shape, dtype, seed=2)
    jx, jy = both_tangents(a, x)[0], both_tangents(a, y)[0]
    assert abs(inner(jx, y) - inner(x, jy)) <= 1e-13 * np.linalg.norm(x) * np.linalg.norm(y)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("shape", [(3, 3), (5, 2), (2, 5)])
def test_taylor_remainder_is_of_second_order(dtype, shape):
    a = matrix(max(shape), min(shape), dtype)
    t = direction(max(shape), min(shape), dtype)
    u, k, _ = orthola.polar(a)
    du, dh = both_tangents(a, t)
    steps = 2.0 ** -np.arange(5, 13)
    errors = []
    for step in steps:
        near = orthola.polar(a + step * t)
        errors.append(
            [np.linalg.norm(near[0] - u - step * du), np.linalg.norm(near[1] - k - step * dh)]
        )
    slopes = np.diff(np.log2(errors), axis=0) / np.diff(np.log2(steps))[:, None]
    # Along one direction the quadratic term may vanish for U or H of small order, never less.
    assert np.all(slopes[-3:] > 1.9)
    assert np.all(slopes[-3:] < 3.1)


# Where the map has no derivative


def null_tall(dtype: str) -> Any:
    """Orthogonal columns of lengths 2, 1 and 0."""
    q = orthonormal(5, 3, dtype="complex128" if dtype[0] == "c" else "float64", rng=5)
    return (q * np.array([2.0, 1.0, 0.0])).astype(dtype)


def null_square(dtype: str, rank: int) -> Any:
    values = np.array([3.0, 2.0, 1.0, 0.5])
    values[rank:] = 0.0
    q = orthonormal(4, 4, dtype="complex128" if dtype[0] == "c" else "float64", rng=6)
    return (q * values).astype(dtype)


DEGENERATE = {
    "tall, real": null_tall("float64"),
    "tall, complex": null_tall("complex128"),
    "square, rank n-2, real": null_square("float64", 2),
    "square, rank n-1, complex": null_square("complex128", 3),
    "zero": np.zeros((3, 3)),
    "one zero": np.zeros((1, 1)),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_by_default_the_whole_tangent_is_nan(name):
    a = DEGENERATE[name]
    du, dh = both_tangents(a, direction(*a.shape, a.dtype.name))
    assert np.isnan(du).all()
    assert np.isnan(dh).all()


@pytest.mark.parametrize("dtype", EXACT)
def test_zero_takes_the_entries_concerned_out_of_the_formula(dtype):
    a, t = null_tall(dtype), direction(5, 3, dtype)
    u = orthola.polar(a).unitary
    du, dh = both_tangents(a, t, degenerate="zero")
    lam = np.array([2.0, 1.0, 0.0])  # H is diagonal
    sums = lam[:, None] + lam
    sums[2, 2] = np.inf
    inverse = np.array([0.5, 1.0, 0.0])
    core = h(u) @ t
    expected = u @ ((core - h(core)) / sums) + (t - u @ core) * inverse
    tolerance = C_TANGENT * 5 * machine_epsilon(dtype)
    np.testing.assert_allclose(du, expected, rtol=0, atol=tolerance)
    m = h(a) @ t
    np.testing.assert_allclose(dh, (m + h(m)) / sums, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", DEGENERATE)
@pytest.mark.parametrize("degenerate", ["zero", "tikhonov"])
def test_the_other_policies_are_finite_and_keep_the_adjoint_identity(name, degenerate):
    a = DEGENERATE[name]
    n = a.shape[1]
    t, ubar = (direction(*a.shape, a.dtype.name, seed=seed) for seed in (1, 2))
    hbar = direction(n, n, a.dtype.name, seed=3)
    du, dh = both_tangents(a, t, degenerate=degenerate)
    back = pulled_back(a, ubar, hbar, degenerate=degenerate)
    assert all(np.isfinite(x).all() for x in (du, dh, back))
    # A reciprocal of the policy may be as large as 1/(2 eps): compared with what is added up.
    size = (np.linalg.norm(du) + np.linalg.norm(dh) + np.linalg.norm(back)) * 10
    error = abs(inner(ubar, du) + inner(hbar, dh) - inner(back, t))
    assert error <= 1e-13 * max(size, 1.0)


def test_tikhonov_is_the_stated_filter():
    # Diagonal input, so that H and its eigenvectors are exact: s/(s^2 + tau^2), tau = eps sigma_1.
    eps = machine_epsilon("float64")
    small = 0.25 * eps
    a = np.diag([1.0, 0.5, small])
    a = np.vstack([a, np.zeros((1, 3))])
    t = np.zeros((4, 3))
    t[3] = 1.0  # orthogonal to the range of A: dU = T H^-1
    space, (x,) = resolve("test", a)
    du, _ = polar_tangent(space, "tikhonov", x, np.eye(4, 3), np.diag([1.0, 0.5, small]), t)
    expected = [s / (s * s + eps * eps) for s in (1.0, 0.5, small)]
    np.testing.assert_allclose(du[3], expected, rtol=4 * eps)
    np.testing.assert_array_equal(du[:3], np.zeros((3, 3)))


@pytest.mark.parametrize("degenerate", ["zero", "tikhonov"])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_policies_change_nothing_where_the_map_is_regular(degenerate, dtype):
    a, t = matrix(5, 3, dtype), direction(5, 3, dtype)
    for actual, expected in zip(
        both_tangents(a, t, degenerate=degenerate), both_tangents(a, t), strict=True
    ):
        np.testing.assert_allclose(actual, expected, rtol=4 * machine_epsilon(dtype), atol=1e-16)


@pytest.mark.parametrize("degenerate", ["nan", "zero", "tikhonov"])
def test_u_of_a_real_square_matrix_of_rank_one_less_is_regular(degenerate):
    a, t = null_square("float64", 3), direction(4, 4, "float64")
    u, k, _ = orthola.polar(a)
    if np.linalg.det(a + 1e-3 * t) * np.linalg.det(u) < 0:
        t = -t  # U is one-sidedly continuous: on the side where det keeps its sign
    space, (a, t) = resolve("test", a, t)
    du = polar_pullback(space, degenerate, a, u, k, t, None)  # self-adjoint: the tangent
    errors = []
    for step in (1e-3, 1e-4):
        difference = (orthola.polar(a + step * t).unitary - u) / step
        errors.append(np.abs(difference - du).max())
    assert errors[0] < 0.1
    assert errors[1] < 0.15 * errors[0]


@on_dtypes("float64")
def test_one_degenerate_item_leaves_the_others_alone(backend, dtype):
    a = matrix(5, 3, dtype, shape=(3,))
    t = direction(5, 3, dtype, shape=(3,))
    good = backend.call(both_tangents, backend.asarray(a), backend.asarray(t))
    a[1] = null_tall(dtype)
    mixed = backend.call(both_tangents, backend.asarray(a), backend.asarray(t))
    for before, after in zip(good, mixed, strict=True):
        before, after = to_numpy(before), to_numpy(after)
        assert np.isnan(after[1]).all()
        np.testing.assert_allclose(after[[0, 2]], before[[0, 2]], rtol=0, atol=1e-14)


def test_an_item_of_nan_has_nan_tangents_and_leaves_the_others_alone():
    a, t = matrix(4, 3, "float64", shape=(2,)), direction(4, 3, "float64", shape=(2,))
    broken = a.copy()
    broken[0, 0, 0] = np.nan
    space, _ = resolve("test", a)
    u, k, _ = orthola.polar(broken, check_finite=False)
    du, dh = polar_tangent(space, "zero", broken, u, k, t)
    assert np.isnan(du[0]).all()
    assert np.isnan(dh[0]).all()
    np.testing.assert_allclose(du[1], both_tangents(a, t)[0][1], rtol=0, atol=1e-14)


@pytest.mark.parametrize("shape", [(0, 3, 3), (2, 3, 0), (0, 0)])
def test_empty_matrices_have_empty_tangents(shape):
    a = np.zeros(shape)
    du, dh = both_tangents(a, a)
    assert du.shape == shape
    assert dh.shape == (*shape[:-2], shape[-1], shape[-1])
