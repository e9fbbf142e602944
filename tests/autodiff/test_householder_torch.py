"""Derivatives of products of reflectors in PyTorch."""

from __future__ import annotations

import pytest

from orthola import householder_apply, householder_product, options
from orthola.testing import gaussian

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
gradcheck, gradgradcheck = torch.autograd.gradcheck, torch.autograd.gradgradcheck
OF_TORCH = "ignore:.*torch.jit.script:DeprecationWarning"

dtypes = pytest.mark.parametrize("dtype", ["float64", "complex128"])
packings = pytest.mark.parametrize("packed", [False, True])
# Derivatives by the kernel of small matrices, or by the text; second ones always by the text.
kernels = pytest.mark.parametrize("kernels", [True, False])


def leaf(*shape, dtype="float64", seed=0):
    *batch, m, n = shape
    x = gaussian(m, n, shape=tuple(batch), dtype=dtype, rng=seed)
    return torch.tensor(x, requires_grad=True)


@kernels
@packings
@dtypes
def test_first_and_second_derivatives_of_products(dtype, packed, kernels):
    v, tau = leaf(4, 3, dtype=dtype), leaf(1, 3, dtype=dtype, seed=1)
    for columns in (3, 4):

        def given(v, tau, columns=columns):
            return householder_product(v, tau[..., 0, :], columns=columns, packed=packed)

        def tied(v, columns=columns):
            return householder_product(v, columns=columns, packed=packed)

        with options(kernels=kernels):
            assert gradcheck(given, (v, tau))
            assert gradcheck(tied, (v,))
        if kernels:
            assert gradgradcheck(given, (v, tau))
            assert gradgradcheck(tied, (v,))


@pytest.mark.parametrize("adjoint", [False, True])
@pytest.mark.parametrize("side", ["left", "right"])
@kernels
@packings
@dtypes
def test_first_and_second_derivatives_of_multiplication(dtype, packed, kernels, side, adjoint):
    v, tau = leaf(4, 3, dtype=dtype), leaf(1, 3, dtype=dtype, seed=1)
    x = leaf(*((4, 2) if side == "left" else (2, 4)), dtype=dtype, seed=2)
    chosen = {"side": side, "adjoint": adjoint, "packed": packed}

    def given(v, tau, x):
        return householder_apply(v, tau[..., 0, :], x, **chosen)

    def tied(v, x):
        return householder_apply(v, None, x, **chosen)

    with options(kernels=kernels):
        assert gradcheck(given, (v, tau, x))
        assert gradcheck(tied, (v, x))
    if kernels and not packed:
        assert gradgradcheck(given, (v, tau, x))
        assert gradgradcheck(tied, (v, x))


@dtypes
def test_nested_derivative_householder(dtype):
    v, t = leaf(4, 3, dtype=dtype), leaf(4, 3, dtype=dtype, seed=3).detach()
    w = leaf(4, 3, dtype=dtype, seed=4).detach()

    def slope(v, *, graph=True):
        value = (w.conj() * householder_product(v) ** 2).real.sum()
        (gradient,) = torch.autograd.grad(value, v, create_graph=graph)
        return (gradient.conj() * t).real.sum()

    (second,) = torch.autograd.grad(slope(v), v)
    along = (second.conj() * t).real.sum()
    step = 1e-5
    ahead, behind = ((v.detach() + s * t).requires_grad_() for s in (step, -step))
    difference = (slope(ahead, graph=False) - slope(behind, graph=False)) / (2 * step)
    torch.testing.assert_close(along, difference, rtol=1e-6, atol=1e-6)


@dtypes
def test_complex_householder_parametrisation(dtype):
    v = leaf(5, 3, dtype=dtype)
    target = householder_product(leaf(5, 3, dtype=dtype, seed=5).detach())
    optimiser = torch.optim.SGD([v], lr=0.1)
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = (householder_product(v) - target).abs().square().sum()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]
    q = householder_product(v).detach()
    eye = torch.eye(3, dtype=q.dtype)
    torch.testing.assert_close(q.mH @ q, eye, rtol=0, atol=1e-13)


def test_a_zero_column_has_zero_gradient():
    v = leaf(4, 3).detach()
    v[:, 1] = 0
    v.requires_grad_()
    householder_product(v).sum().backward()
    assert torch.isfinite(v.grad).all()
    assert not v.grad[:, 1].any()


def test_vmap_and_gradients_of_a_batch():
    v, x = leaf(5, 4, 3).detach(), leaf(5, 4, 2, seed=6).detach()
    together = householder_apply(v, None, x)
    mapped = torch.func.vmap(lambda v, x: householder_apply(v, None, x))(v, x)
    torch.testing.assert_close(mapped, together, rtol=0, atol=1e-14)

    def loss(v):
        return (householder_product(v) ** 3).sum()

    mapped = torch.func.vmap(torch.func.grad(loss))(v)
    each = torch.stack([torch.func.grad(loss)(one) for one in v])
    torch.testing.assert_close(mapped, each, rtol=0, atol=1e-13)


@pytest.mark.filterwarnings(OF_TORCH)
@packings
def test_compiles_to_one_graph(packed):
    v, x = leaf(6, 3), leaf(6, 2, seed=7)

    def loss(v, x):
        q = householder_product(v, packed=packed, columns=4)
        return (q**3).sum() + (householder_apply(v, None, x.mT, side="right") ** 3).sum()

    expected = torch.autograd.grad(loss(v, x), (v, x))
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    for one, other in zip(torch.autograd.grad(compiled(v, x), (v, x)), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-13)


@pytest.mark.filterwarnings(OF_TORCH)
def test_forward_mode_is_refused_and_not_wrong():
    v = leaf(4, 2).detach()
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(v, torch.ones_like(v))
        with pytest.raises(NotImplementedError, match="jvp"):
            householder_product(dual)


def test_results_are_not_in_the_memory_of_an_argument():
    x = torch.ones(3, 2)
    y = householder_apply(torch.ones(3, 0), None, x)
    y.add_(1.0)
    assert bool((x == 1).all())
