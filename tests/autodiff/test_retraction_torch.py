"""Derivatives of the retractions in PyTorch, in the step and in the base."""

from __future__ import annotations

import pytest

from orthola import haar, project_tangent, rebase, retract
from orthola.testing import gaussian

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
gradcheck, gradgradcheck = torch.autograd.gradcheck, torch.autograd.gradgradcheck
OF_TORCH = "ignore:.*torch.jit.script:DeprecationWarning"

METHODS = ("cayley", "polar", "qr")
methods = pytest.mark.parametrize("method", METHODS)
dtypes = pytest.mark.parametrize("dtype", ["float64", "complex128"])


def drawn(n, k, dtype="float64", *, shape=(), scale=1.0, seed=0):
    x = torch.tensor(haar(n, k, shape=shape, dtype=dtype, rng=seed))
    z = torch.tensor(scale * gaussian(n, k, shape=shape, dtype=dtype, rng=seed + 1))
    return x, z.requires_grad_()


@methods
@pytest.mark.parametrize("shape", [(4, 2), (3, 3), (3, 1)], ids=str)
@dtypes
def test_in_the_step(dtype, shape, method):
    x, z = drawn(*shape, dtype)
    assert gradcheck(lambda z: retract(x, z, method=method), z)
    assert gradgradcheck(lambda z: retract(x, z, method=method), z)


@methods
@dtypes
def test_at_zero(dtype, method):
    x, z = drawn(4, 2, dtype, scale=0.0)
    assert gradcheck(lambda z: retract(x, z, method=method), z)
    w = torch.tensor(gaussian(4, 2, dtype=dtype, rng=5))
    (gradient,) = torch.autograd.grad(retract(x, z, method=method), z, w)
    torch.testing.assert_close(gradient, project_tangent(x, w), rtol=0, atol=1e-14)


@dtypes
def test_in_the_base_along_orthonormal_frames(dtype):
    """X = R(P, W) stays orthonormal while W moves; any formula is wrong off the manifold."""
    p, w = drawn(4, 2, dtype)
    _, z = drawn(4, 2, dtype, seed=7)

    def function(w, z):
        return retract(retract(p, w), z)

    assert gradcheck(function, (w, z))
    assert gradgradcheck(function, (w, z))


@pytest.mark.parametrize("scale", [10.0, 1e3])
def test_long_steps(scale):
    x, z = drawn(6, 2, scale=scale)
    w = torch.tensor(gaussian(6, 2, dtype="float64", rng=5))

    def dense(z):
        t = project_tangent(x, z)
        b = t - x @ (x.mT @ t) / 2
        a = b @ x.mT - x @ b.mT
        return torch.linalg.solve(torch.eye(6, dtype=x.dtype) - a / 2, x + a @ x / 2)

    (found,) = torch.autograd.grad(retract(x, z), z, w)
    (expected,) = torch.autograd.grad(dense(z), z, w)
    # The cotangent is about ||Z||^-1 in size; rounding of Y^H Y is u ||Z||^2 beside it.
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-15 * scale**2)


@dtypes
def test_projection(dtype):
    x, z = drawn(4, 2, dtype)
    x.requires_grad_()
    assert gradcheck(project_tangent, (x, z))
    assert gradgradcheck(project_tangent, (x, z))


@methods
def test_vmap_and_gradients_of_a_batch(method):
    x, z = drawn(4, 2, shape=(5,), scale=2.0)
    z = z.detach()

    def one(x, z):
        return retract(x, z, method=method)

    def loss(z, x):
        return (one(x, z) ** 3).sum()

    mapped = torch.func.vmap(one)(x, z)
    torch.testing.assert_close(mapped, one(x, z), rtol=0, atol=1e-14)
    mapped = torch.func.vmap(torch.func.grad(loss))(z, x)
    each = torch.stack([torch.func.grad(loss)(*pair) for pair in zip(z, x, strict=True)])
    torch.testing.assert_close(mapped, each, rtol=0, atol=1e-13)


@pytest.mark.filterwarnings(OF_TORCH)
@methods
def test_compiles_to_one_graph(method):
    x, z = drawn(6, 3)

    def loss(x, z):
        return (retract(x, z, method=method) ** 3).sum() + (project_tangent(x, z) ** 3).sum()

    (expected,) = torch.autograd.grad(loss(x, z), z)
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    (found,) = torch.autograd.grad(compiled(x, z), z)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)


@pytest.mark.filterwarnings(OF_TORCH)
def test_forward_mode_is_refused_and_not_wrong():
    x, z = drawn(4, 2)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(z.detach(), torch.ones_like(x))
        with pytest.raises((RuntimeError, NotImplementedError)):
            retract(x, dual)


def test_training_with_rebase_keeps_the_frame():
    base, z = drawn(8, 3, scale=0.0)
    target = torch.tensor(haar(8, 3, rng=9))
    momentum = torch.zeros_like(base)
    for i in range(120):
        loss = (retract(base, z) - target).square().sum()
        (gradient,) = torch.autograd.grad(loss, z)
        momentum = 0.5 * momentum + gradient
        z = (z.detach() - 0.1 * momentum).requires_grad_()
        if i % 20 == 19:
            value = retract(base, z).detach()
            base, z, momentum = rebase(base, z.detach(), moment=momentum)
            z.requires_grad_()
            torch.testing.assert_close(retract(base, z).detach(), value, rtol=0, atol=1e-14)
    assert float(loss.detach()) <= 0.05
    eye = torch.eye(3, dtype=base.dtype)
    torch.testing.assert_close(base.mT @ base, eye, rtol=0, atol=1e-13)
