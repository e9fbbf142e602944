"""Derivatives of `polar` in PyTorch: reverse mode of any order, and torch.func."""

from __future__ import annotations

import pytest

from orthola import check, polar
from orthola.testing import machine_epsilon
from tests.autodiff.polar_torch_cases import CASES, factors, loss, matrix, weights

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
gradcheck, gradgradcheck = torch.autograd.gradcheck, torch.autograd.gradgradcheck


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("name", CASES)
def test_first_and_second_derivatives_of_both_factors(name, side):
    x = CASES[name].clone().requires_grad_()
    assert gradcheck(factors(side), (x,))
    assert gradgradcheck(factors(side), (x,))


@pytest.mark.parametrize("output", [0, 1])
@pytest.mark.parametrize("name", ["tall", "wide", "identity", "complex tall"])
def test_each_factor_alone(name, output):
    x = CASES[name].clone().requires_grad_()
    assert gradcheck(lambda x: polar(x)[output], (x,))
    assert gradgradcheck(lambda x: polar(x)[output], (x,))


@pytest.mark.parametrize("method", ["svd", "newton", "newton-schulz", "halley", "qr-halley"])
@pytest.mark.parametrize("name", ["tall", "identity", "complex square"])
def test_the_derivative_does_not_depend_on_the_method(name, method):
    x = CASES[name].clone().requires_grad_()
    expected = torch.autograd.grad(loss(x, method="svd"), x)[0]
    found = torch.autograd.grad(loss(x, method=method), x)[0]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)
    assert gradcheck(factors(method=method), (x,))


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
@pytest.mark.parametrize("shape", [(4, 4), (6, 3), (3, 6)])
def test_single_precision_gives_the_gradient_of_double_rounded(dtype, shape):
    x = matrix(*shape, dtype).requires_grad_()
    loss(x).backward()
    y = x.detach().to(torch.float64 if dtype == "float32" else torch.complex128).requires_grad_()
    loss(y).backward()
    assert x.grad.dtype == x.dtype
    tolerance = 100 * max(shape) * machine_epsilon(dtype)
    torch.testing.assert_close(x.grad, y.grad.to(x.dtype), rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_has_gradients_in_half_precision(dtype):
    x = matrix(4, 3).to(dtype).requires_grad_()
    u, h, _ = polar(x)
    (u.sum() + h.sum()).backward()
    assert x.grad.dtype == dtype
    y = x.detach().double().requires_grad_()
    u, h, _ = polar(y)
    (u.sum() + h.sum()).backward()
    tolerance = 4 * machine_epsilon(dtype)
    torch.testing.assert_close(x.grad.double(), y.grad, rtol=tolerance, atol=tolerance)


def test_compute_dtype_leaves_the_dtype_of_the_gradient():
    x = matrix(3, 3, "float32").requires_grad_()
    polar(x, compute_dtype="float64").unitary.sum().backward()
    assert x.grad.dtype == torch.float32


@pytest.mark.parametrize("name", ["square", "tall", "identity", "repeated tall"])
def test_hessian_agrees_with_differences_of_the_gradient(name):
    x = CASES[name]
    t = weights(x, 5)
    hessian = torch.autograd.functional.hessian(loss, x)
    step = 1e-5
    grad = torch.func.grad(loss)
    difference = (grad(x + step * t) - grad(x - step * t)) / (2 * step)
    along = torch.einsum("abij,ij->ab", hessian, t)
    # Third derivatives grow like the inverse fourth power of sigma_n, here 1/4.
    torch.testing.assert_close(along, difference, rtol=0, atol=10 * step**2 * 4**4)
    swapped = hessian.permute(2, 3, 0, 1)
    torch.testing.assert_close(hessian, swapped, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["square", "wide", "complex tall", "repeated tall"])
def test_taylor_remainders_with_the_gradient_and_with_the_hessian(name):
    x = CASES[name]
    t = weights(x, 6)
    y = x.clone().requires_grad_()
    value = loss(y)
    (gradient,) = torch.autograd.grad(value, y, create_graph=True)
    slope = (gradient.conj() * t).real.sum()
    (curved,) = torch.autograd.grad(slope, y)
    curvature = (curved.conj() * t).real.sum()
    steps = 2.0 ** -torch.arange(4.0, 9.0, dtype=torch.float64)
    moved = torch.stack([loss(x + step * t) for step in steps])
    first = (moved - value - steps * slope).abs().detach()
    second = (moved - value - steps * slope - steps**2 / 2 * curvature).abs().detach()
    for errors, order in ((first, 2.0), (second, 3.0)):
        slopes = torch.diff(errors.log2()) / torch.diff(steps.log2())
        assert slopes[-1] > order - 0.2


def test_only_the_factors_carry_gradients():
    x = matrix(3, 3).requires_grad_()
    result = polar(x)
    assert result.unitary.requires_grad
    assert result.hermitian.requires_grad
    assert not result.status.requires_grad
    check(result)


def test_without_a_graph_nothing_is_recorded():
    x = matrix(3, 3).requires_grad_()
    with torch.no_grad():
        assert not polar(x).unitary.requires_grad
    assert not polar(x.detach()).unitary.requires_grad


def test_gradients_add_up_over_two_uses():
    x = matrix(3, 2).requires_grad_()
    u, h, _ = polar(x)
    (u.sum() + h.sum()).backward()
    together = x.grad.clone()
    x.grad = None
    polar(x).unitary.sum().backward()
    polar(x).hermitian.sum().backward()
    torch.testing.assert_close(x.grad, together, rtol=0, atol=1e-14)


@pytest.mark.parametrize("shape", [(0, 3, 2), (3, 0), (0, 3), (0, 0)])
def test_empty_matrices_have_empty_gradients(shape):
    x = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    u, h, _ = polar(x)
    (u.sum() + h.sum()).backward()
    assert x.grad is None or x.grad.shape == shape


STACK = matrix(4, 3, shape=(5,))


def test_vmap_equals_the_stack():
    stacked = polar(STACK)
    for found in (
        torch.func.vmap(polar)(STACK),
        torch.func.vmap(polar, in_dims=1)(STACK.movedim(0, 1)),
    ):
        for actual, expected in zip(found, stacked, strict=True):
            torch.testing.assert_close(actual, expected, rtol=0, atol=1e-14)


def test_nested_vmap():
    x = matrix(3, 2, shape=(2, 4))
    found = torch.func.vmap(torch.func.vmap(polar))(x)
    for actual, expected in zip(found, polar(x), strict=True):
        torch.testing.assert_close(actual, expected, rtol=0, atol=1e-14)


def test_vmap_of_a_constant_and_a_batched_part():
    scale = torch.arange(1.0, 4.0, dtype=torch.float64)
    x = matrix(3, 2)
    found = torch.func.vmap(lambda s: polar(s * x).hermitian)(scale)
    torch.testing.assert_close(found, scale[:, None, None] * polar(x).hermitian)


def test_gradients_per_sample():
    found = torch.func.vmap(torch.func.grad(loss))(STACK)
    for i, x in enumerate(STACK):
        y = x.clone().requires_grad_()
        loss(y).backward()
        torch.testing.assert_close(found[i], y.grad, rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", ["tall", "identity"])
def test_jacobians(name):
    x = CASES[name]
    by_func = torch.func.jacrev(lambda x: polar(x).unitary)(x)
    by_autograd = torch.autograd.functional.jacobian(lambda x: polar(x).unitary, x)
    torch.testing.assert_close(by_func, by_autograd, rtol=0, atol=1e-14)
    # At the identity dU is the skew part, everywhere it is orthogonal to symmetric changes of U.
    m, n = x.shape
    for i in range(m):
        for j in range(n):
            step = torch.zeros_like(x)
            step[i, j] = 1.0
            moved = torch.einsum("abij,ij->ab", by_func, step)
            skew = polar(x).unitary.mT @ moved
            torch.testing.assert_close(skew, -skew.mT, rtol=0, atol=1e-14)


def test_second_derivatives_by_torch_func():
    x = CASES["identity"]
    found = torch.func.jacrev(torch.func.jacrev(loss))(x)
    expected = torch.autograd.functional.hessian(loss, x)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)
