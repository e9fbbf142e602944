"""Derivatives of the Cayley map and its inverse in JAX: both modes, jit, vmap, Hessian."""

from __future__ import annotations

import numpy as np
import pytest

from orthola import Status, cayley, cayley_inverse
from orthola.testing import gaussian

jax = pytest.importorskip("jax", reason="JAX is not installed")
from jax.test_util import check_grads  # noqa: E402

dtypes = pytest.mark.parametrize("dtype", ["float64", "complex128"])


def drawn(n, dtype="float64", batch=(), seed=0):
    return jax.numpy.asarray(gaussian(n, n, shape=batch, dtype=dtype, rng=seed))


def phases(n, dtype):
    angle = np.arange(float(n))
    return jax.numpy.asarray(np.exp(1j * angle) if "complex" in dtype else np.sign(np.cos(angle)))


def check(function, a, order):
    # The library's own differences are taken on NumPy arrays.
    check_grads(
        lambda a: function(jax.numpy.asarray(a)),
        (a,),
        order,
        modes=("fwd", "rev"),
        rtol=1e-4,
        atol=1e-4,
    )


@dtypes
def test_the_map_in_both_modes_and_second_order(dtype):
    a, signs = drawn(4, dtype), phases(4, dtype)
    check(lambda a: cayley(a, signs=signs, scale=1.3), a, 2)
    check(lambda a: cayley(a, method="polar", norm_bound=10.0), a, 2)
    check(cayley, drawn(3, dtype, (2,)), 1)


@dtypes
def test_the_inverse_in_both_modes_and_second_order(dtype):
    """Along orthonormal matrices, where its derivative belongs.

    Phases that are chosen vary with the matrix and are constants to the derivative all the same:
    differences see them, so only real signs are chosen here.
    """
    a, other, signs = 0.4 * drawn(4, dtype), cayley(drawn(4, dtype, seed=7)), phases(4, dtype)
    check(lambda a: cayley_inverse(other @ cayley(a), signs=signs).skew, a, 2)
    if dtype == "float64":
        check(lambda a: cayley_inverse(other @ cayley(a)).skew, a, 1)


@dtypes
def test_gradient_agrees_with_differences(dtype):
    a, w = drawn(4, dtype), drawn(4, dtype, seed=3)

    def loss(a):
        return (w * cayley(a)).real.sum()

    gradient, step = np.asarray(jax.jit(jax.grad(loss))(a)), 1e-6
    for k in range(6):
        t = drawn(4, dtype, seed=10 + k)
        difference = (loss(a + step * t) - loss(a - step * t)) / (2 * step)
        assert abs((gradient * t).real.sum() - difference) <= 1e-8


def test_jvp_is_vjp_through_the_library():
    a, t, bar = (
        drawn(4, "complex128"),
        drawn(4, "complex128", seed=1),
        drawn(4, "complex128", seed=2),
    )
    _, moved = jax.jvp(cayley, (a,), (t,))
    _, pull = jax.vjp(cayley, a)
    (back,) = pull(bar)
    assert abs((bar * moved).real.sum() - (back * t).real.sum()) <= 1e-13


def test_vmap_jit_and_hessian():
    a = drawn(3, batch=(4,))

    def loss(a):
        return (cayley(a) ** 3).sum()

    q = cayley(a)
    assert np.abs(jax.vmap(cayley)(a) - q).max() <= 1e-14
    assert np.abs(jax.jit(cayley)(a) - q).max() <= 1e-14
    mapped = np.asarray(jax.jit(jax.vmap(jax.hessian(loss)))(a))
    each = np.stack([jax.hessian(loss)(one) for one in a])
    assert np.abs(mapped - each).max() <= 1e-12
    assert np.abs(each - np.transpose(each, (0, 3, 4, 1, 2))).max() <= 1e-12


def test_the_inverse_under_jit_and_vmap_has_its_status():
    q = np.array(cayley(drawn(4, batch=(4,))))
    q[1] *= 1.5
    q[2, 0, 0] = np.nan
    expected = [Status.OK, Status.BOUND_VIOLATED, Status.NONFINITE, Status.OK]
    eager = cayley_inverse(jax.numpy.asarray(q))
    for function in (jax.jit(cayley_inverse), jax.vmap(cayley_inverse)):
        found = function(jax.numpy.asarray(q))
        assert found.status.tolist() == expected
        assert np.array_equal(found.signs[0], eager.signs[0])
        assert np.abs(found.skew[0] - eager.skew[0]).max() <= 1e-13
        assert np.isnan(found.skew[2]).all()


def test_signs_carry_no_gradient():
    a, signs = drawn(3), phases(3, "float64")
    gradient = jax.grad(lambda d: cayley(a, signs=d).sum())(signs)
    assert not gradient.any()


def test_huge_parameters_inside_a_transformation():
    a = drawn(5, batch=(3,)) * jax.numpy.asarray([1.0, 1e5, 1e25])[:, None, None]
    q = jax.jit(jax.vmap(cayley))(a)
    gram = np.swapaxes(q, -1, -2) @ q
    assert np.abs(gram - np.eye(5)).max() <= 50 * 5 * 2.0**-53
