"""Derivatives of `polar` in JAX: both modes, any order, jit, vmap, and what is traced."""

from __future__ import annotations

import functools
import os
import subprocess
import sys

import numpy as np
import pytest

from orthola import Status, polar
from orthola.testing import from_spectrum, gaussian, machine_epsilon, orthonormal, spectrum

jax = pytest.importorskip("jax", reason="JAX is not installed")
jnp = pytest.importorskip("jax.numpy", reason="JAX is not installed")

LARGEST = 5
WEIGHTS = gaussian(LARGEST, LARGEST, shape=(2,), dtype="complex128", rng=0)


def matrix(m, n, dtype="float64", *, shape=(), condition=4.0):
    values = spectrum("geometric", min(m, n), condition=condition)
    return jnp.asarray(from_spectrum(m, n, values, shape=shape, dtype=dtype, rng=10 * m + n))


def weighted(x, k):
    """Real number: a fixed linear function of a matrix."""
    m, n = x.shape[-2:]
    return (WEIGHTS[k, :m, :n].conj() * x).real.sum()


def loss(x, **options):
    """A real number that depends on all entries of both factors."""
    u, h, _ = polar(x, **options)
    return weighted(u, 0) + weighted(h @ h, 1)


def real_loss(pair, *, shape, is_complex, **options):
    """The same as a function of real numbers: real and imaginary parts."""
    x = pair[0] + 1j * pair[1] if is_complex else pair[0]
    return loss(x.reshape(shape), **options)


def real_function(x, **options):
    """`loss` of a vector of real numbers, and the vector for x."""
    is_complex = jnp.iscomplexobj(x)
    parts = jnp.stack([x.real.ravel(), x.imag.ravel()]) if is_complex else x.real.ravel()[None]
    return functools.partial(real_loss, shape=x.shape, is_complex=is_complex, **options), parts


@functools.cache
def compiled(shape, is_complex, options):
    """Value and the first two derivatives of `real_loss`, compiled once for a shape."""
    function = functools.partial(real_loss, shape=shape, is_complex=is_complex, **dict(options))
    return jax.jit(function), jax.jit(lambda p: (jax.grad(function)(p), jax.hessian(function)(p)))


CASES = {
    "square": (matrix(3, 3), {}),
    "complex tall": (matrix(3, 2, "complex128"), {}),
    "identity": (jnp.eye(3), {}),
    "repeated tall": (jnp.asarray(2.0 * orthonormal(4, 2, rng=3)), {}),
}
DEGENERATE = ("nan", "zero", "tikhonov")


# Against finite differences


@pytest.mark.parametrize("name", CASES)
def test_gradient_and_hessian_agree_with_differences(name):
    x, options = CASES[name]
    _, parts = real_function(x)
    value, derivatives = compiled(x.shape, jnp.iscomplexobj(x), tuple(options.items()))
    gradient, hessian = derivatives(parts)
    assert np.isfinite(hessian).all()
    rng = np.random.default_rng(1)
    steps = 2.0 ** -np.arange(6.0, 11.0)
    for _ in range(2):
        t = jnp.asarray(rng.standard_normal(parts.shape))
        slope = float((gradient * t).sum())
        curvature = float(jnp.einsum("ab,abij,ij->", t, hessian, t))
        moved = np.array([float(value(parts + step * t)) for step in steps])
        plain = moved - float(value(parts))
        first = np.abs(plain - steps * slope)
        second = np.abs(plain - steps * slope - steps**2 / 2 * curvature)
        for errors, order in ((first, 2.0), (second, 3.0)):
            slopes = np.diff(np.log2(errors)) / np.diff(np.log2(steps))
            assert slopes[-1] > order - 0.2
    flat = hessian.reshape(parts.size, parts.size)
    np.testing.assert_allclose(flat, flat.T, atol=1e-12)


def test_forward_and_reverse_mode_agree_to_second_order():
    function, parts = real_function(jnp.eye(2, dtype=complex))

    @jax.jit
    def derivatives(p):
        return (
            (jax.jacfwd(function)(p), jax.jacrev(function)(p)),
            (jax.jacfwd(jax.jacfwd(function))(p), jax.jacrev(jax.jacrev(function))(p)),
        )

    for forward, reverse in derivatives(parts):
        np.testing.assert_allclose(forward, reverse, rtol=0, atol=1e-12)


def test_vjp_is_jvp_through_the_library():
    x = matrix(4, 3, "complex128")
    t, ubar = (jnp.asarray(gaussian(4, 3, dtype="complex128", rng=k)) for k in (1, 2))
    hbar = jnp.asarray(gaussian(3, 3, dtype="complex128", rng=3))

    def both(x):
        return polar(x)[:2]

    @jax.jit
    def two_ways(x):
        _, (du, dh) = jax.jvp(both, (x,), (t,))
        _, pull = jax.vjp(both, x)
        (back,) = pull((ubar.conj(), hbar.conj()))  # JAX pulls back without conjugation
        forward = (ubar.conj() * du).real.sum() + (hbar.conj() * dh).real.sum()
        return forward, (back * t).real.sum()

    forward, back = two_ways(x)
    assert abs(forward - back) <= 1e-13 * jnp.linalg.norm(t) * 10


def test_the_derivative_does_not_depend_on_the_method():
    x = matrix(4, 3)
    expected = jax.jit(jax.grad(loss))(x)
    found = jax.jit(jax.grad(functools.partial(loss, method="halley")))(x)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)


def test_single_precision_gives_the_gradient_of_double_rounded():
    x = matrix(5, 3, "float32")
    gradient = jax.jit(jax.grad(lambda x: polar(x).unitary[0, 1] + polar(x).hermitian[0, 1]))
    found, expected = gradient(x), gradient(x.astype("float64"))
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, expected, rtol=0, atol=500 * machine_epsilon("float32"))


@pytest.mark.parametrize("shape", [(3, 0), (0, 3), (0, 2, 2)])
def test_empty_matrices_have_empty_gradients(shape):
    def total(x):
        u, h, _ = polar(x)
        return u.sum() + h.sum()

    assert jax.grad(total)(jnp.zeros(shape)).shape == shape


# Transformations


STACK = matrix(4, 3, shape=(4,))


def test_vmap_equals_the_stack_and_nests():
    stacked = polar(STACK)
    nested = jax.vmap(jax.vmap(polar))(STACK.reshape(2, 2, 4, 3))
    other_axis = jax.vmap(polar, in_axes=2)(jnp.moveaxis(STACK, 0, 2))
    for one, other, expected in zip(nested, other_axis, stacked, strict=True):
        np.testing.assert_allclose(one.reshape(expected.shape), expected, rtol=0, atol=1e-14)
        np.testing.assert_allclose(other, expected, rtol=0, atol=1e-14)


def test_gradients_per_sample_under_jit_and_vmap():
    found = jax.jit(jax.vmap(jax.grad(loss)))(STACK)
    gradient = jax.jit(jax.grad(loss))
    for i in range(STACK.shape[0]):
        np.testing.assert_allclose(found[i], gradient(STACK[i]), rtol=0, atol=1e-14)


def test_gradient_of_a_wide_matrix_with_the_factor_on_the_left_is_that_of_its_adjoint():
    x = matrix(2, 3, "complex128")

    def left(x):
        return weighted(polar(x, side="left").hermitian, 0)

    def right(y):
        return weighted(polar(y).hermitian, 0)

    found = jax.jit(jax.grad(left))(x)
    expected = jax.jit(jax.grad(right))(x.conj().T).conj().T
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


def test_vmap_over_tangents_alone():
    tangents = jnp.asarray(gaussian(4, 3, shape=(5,), rng=4))
    moved = jax.vmap(lambda t: jax.jvp(lambda x: polar(x).unitary, (STACK[0],), (t,))[1])(tangents)
    jacobian = jax.jacrev(lambda x: polar(x).unitary)(STACK[0])
    expected = jnp.einsum("abij,kij->kab", jacobian, tangents)
    np.testing.assert_allclose(moved, expected, rtol=0, atol=1e-13)


def mixed():
    """A good item, a zero, a deficient and a nearly singular one."""
    x = np.array(matrix(4, 3, shape=(4,)))
    x[1] = 0.0
    x[2, :, 1] = 0.0
    x[3] = from_spectrum(4, 3, [1.0, 1e-3, 1e-9], rng=1)
    return jnp.asarray(x)


@pytest.mark.parametrize("method", ["auto", "halley"])
def test_traced_equals_eager(method):
    x = mixed()
    function = functools.partial(polar, method=method)
    eager = function(x)
    expected = [Status.OK, Status.RANK_DEFICIENT, Status.RANK_DEFICIENT, Status.OK]
    assert eager.status.tolist() == expected
    for traced in (jax.jit(function)(x), jax.jit(jax.vmap(function))(x)):
        assert traced.status.dtype == eager.status.dtype
        np.testing.assert_array_equal(traced.status, eager.status)
        np.testing.assert_allclose(traced.hermitian, eager.hermitian, rtol=0, atol=1e-14)
        # Where the factor is not unique, or sensitive, only what it satisfies is compared.
        np.testing.assert_allclose(traced.unitary[0], eager.unitary[0], rtol=0, atol=1e-14)
        gram = jnp.swapaxes(traced.unitary, -1, -2) @ traced.unitary
        np.testing.assert_allclose(gram, jnp.broadcast_to(jnp.eye(3), gram.shape), atol=1e-14)
        np.testing.assert_allclose(traced.unitary @ traced.hermitian, x, rtol=0, atol=1e-14)


@pytest.mark.parametrize("method", ["auto", "halley"])
def test_an_item_of_nan_inside_jit_is_marked_and_leaves_the_others_bitwise_alone(method):
    x = matrix(4, 3, shape=(3,))
    function = jax.jit(functools.partial(polar, method=method))
    good = function(x)
    u, h, status = function(x.at[1, 2, 0].set(jnp.nan))
    assert status.tolist() == [Status.OK, Status.NONFINITE, Status.OK]
    assert np.isnan(u[1]).all()
    assert np.isnan(h[1]).all()
    for i in (0, 2):
        np.testing.assert_array_equal(u[i], good.unitary[i])
        np.testing.assert_array_equal(h[i], good.hermitian[i])


def test_nan_raises_outside_of_jit_and_not_inside_a_gradient():
    x = matrix(4, 3, shape=(2,)).at[1, 0, 0].set(jnp.nan)
    with pytest.raises(ValueError, match="flat index 1"):
        polar(x)
    gradient = jax.grad(lambda x: jnp.nansum(polar(x).unitary))(x)
    assert np.isfinite(gradient[0]).all()
    assert np.isnan(gradient[1]).all()


def test_status_under_jit_reports_lack_of_convergence():
    x = jnp.asarray(from_spectrum(3, 3, [1.0, 1e-2, 1e-4], rng=0))

    def steps(fallback):
        return lambda x: polar(x, method="halley", max_steps=1, fallback=fallback).status

    assert int(jax.jit(steps(False))(x)) == Status.NOT_CONVERGED
    assert int(jax.jit(steps(True))(x)) == Status.OK


def test_compiled_once_for_a_shape():
    traces = []

    @jax.jit
    def function(x):
        traces.append(x.shape)
        return polar(x).unitary

    for k in range(3):
        function(matrix(3, 2) * (k + 1))
    assert traces == [(3, 2)]


# Where there is no derivative


def singular(m, n, rank, dtype="float64"):
    values = np.array([3.0, 2.0, 1.0, 0.5])[:n]
    values[rank:] = 0.0
    return jnp.asarray(orthonormal(m, n, dtype=dtype, rng=5) * values)


def test_degenerate_policies_decide_the_derivative_and_never_the_result():
    x = singular(4, 3, 2, "complex128")
    t = jnp.asarray(gaussian(*x.shape, dtype=x.dtype.name, rng=9))
    results = {}
    for policy in DEGENERATE:
        function = functools.partial(polar, degenerate=policy)
        results[policy] = jax.jit(lambda x, f=function: jax.jvp(lambda x: f(x)[:2], (x,), (t,)))(x)
    values = [result[0] for result in results.values()]
    for other in values[1:]:
        for actual, expected in zip(other, values[0], strict=True):
            np.testing.assert_array_equal(actual, expected)
    assert np.isnan(results["nan"][1][0]).all()
    assert np.isfinite(results["zero"][1][0]).all()
    assert np.isfinite(results["tikhonov"][1][0]).all()
    assert np.abs(results["zero"][1][0]).max() < 10


def test_u_at_real_rank_one_less_has_a_gradient_and_h_has_none():
    x = singular(4, 4, 3)

    @jax.jit
    def gradients(x):
        return [jax.grad(lambda x, i=i: weighted(polar(x)[i], 0))(x) for i in (0, 1)]

    of_u, of_h = gradients(x)
    assert np.isfinite(of_u).all()
    assert np.isnan(of_h).all()


# Unrolled


@pytest.mark.parametrize(("method", "reverse"), [("auto", True), ("halley", False)])
def test_unrolled_derivatives_agree_with_the_closed_form(method, reverse):
    unrolled = functools.partial(loss, derivative="unrolled", method=method)
    modes = [jax.jacfwd(unrolled), jax.grad(unrolled)] if reverse else [jax.jacfwd(unrolled)]
    every = jax.jit(lambda x: (jax.grad(loss)(x), *(mode(x) for mode in modes)))
    for x in (matrix(2, 2), jnp.eye(2)):
        expected, *found = every(x)
        for gradient in found:
            np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-13)


def test_reverse_mode_through_an_unrolled_loop_is_refused_by_jax():
    unrolled = functools.partial(loss, derivative="unrolled", method="newton")
    with pytest.raises(ValueError, match="Reverse-mode differentiation does not work"):
        jax.eval_shape(jax.grad(unrolled), matrix(3, 2))


# JAX as it comes, with 32 bits


SINGLE = """
import warnings
warnings.simplefilter("error")
import jax, jax.numpy as jnp, numpy as np
import orthola
assert not jax.config.jax_enable_x64
x = jnp.asarray(np.random.default_rng(0).standard_normal((4, 5, 3)))
assert x.dtype == jnp.float32
eager, traced = orthola.polar(x), jax.jit(orthola.polar)(x)
assert eager.unitary.dtype == eager.hermitian.dtype == jnp.float32
assert eager.status.dtype == traced.status.dtype == jnp.int32
assert eager.status.tolist() == traced.status.tolist() == [0, 0, 0, 0]
eps = 2.0**-23
assert abs(eager.unitary - traced.unitary).max() < 20 * eps
gram = jnp.swapaxes(eager.unitary, -1, -2) @ eager.unitary
assert abs(gram - jnp.eye(3)).max() < 20 * eps
assert abs(eager.unitary @ eager.hermitian - x).max() < 100 * eps
gradient = jax.grad(lambda x: orthola.polar(x).hermitian[:, 0, 1].sum())(x)
assert gradient.dtype == jnp.float32 and bool(jnp.isfinite(gradient).all())
whole = orthola.polar(jnp.asarray([[2, 0], [0, 3]]))
assert whole.unitary.dtype == jnp.float32 and whole.hermitian[1, 1] == 3
assert orthola.polar(x[0], method="halley").status == 0
print("done")
"""


def test_jax_in_its_default_mode_of_32_bits():
    environment = {k: v for k, v in os.environ.items() if k != "JAX_ENABLE_X64"}
    run = subprocess.run(
        [sys.executable, "-c", SINGLE], capture_output=True, text=True, env=environment, check=False
    )
    assert run.stdout == "done\n", run.stderr
