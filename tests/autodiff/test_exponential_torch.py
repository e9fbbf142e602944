"""Derivatives of `skew_exp` and `skew_exp_frame` in PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

from orthola import options, skew_exp
from orthola._maps.exponential_frame import skew_exp_frame
from orthola.testing import gaussian

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
gradcheck, gradgradcheck = torch.autograd.gradcheck, torch.autograd.gradgradcheck
OF_TORCH = "ignore:.*torch.jit.script:DeprecationWarning"

dtypes = pytest.mark.parametrize("dtype", ["float64", "complex128"])


def leaf(*shape, dtype="float64", seed=0, scale=1.0):
    *batch, m, n = shape
    x = scale * gaussian(m, n, shape=tuple(batch), dtype=dtype, rng=seed)
    return torch.tensor(x, requires_grad=True)


def equal_angles(dtype):
    """Two equal blocks: every angle occurs twice."""
    block = gaussian(2, 2, dtype=dtype, rng=1)
    return torch.tensor(np.kron(np.eye(2), block - block.conj().T), requires_grad=True)


CASES = {
    "general": lambda dtype: leaf(3, 3, dtype=dtype),
    "long": lambda dtype: leaf(3, 3, dtype=dtype, scale=6.0),
    "zero": lambda dtype: leaf(3, 3, dtype=dtype, scale=0.0),
    "equal angles": equal_angles,
}


@pytest.mark.parametrize("case", CASES)
@dtypes
def test_exp_repeated_angles_gradient(dtype, case):
    a = CASES[case](dtype)
    assert gradcheck(skew_exp, a)
    assert gradgradcheck(skew_exp, a)


def test_text_and_kernel_have_one_derivative():
    a, z = leaf(4, 3, 3, scale=3.0), leaf(4, 3, 3, seed=1).detach()
    with options(kernels=False):
        (expected,) = torch.autograd.grad((skew_exp(a) * z).sum(), a)
    (found,) = torch.autograd.grad((skew_exp(a) * z).sum(), a)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)


def test_norm_bound_keeps_the_derivative():
    a = leaf(3, 3)
    assert gradcheck(lambda a: skew_exp(a, norm_bound=8.0), a)
    assert gradgradcheck(lambda a: skew_exp(a, norm_bound=8.0), a)


@pytest.mark.parametrize("n", [40, 90])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_gradient_of_large_matrices_against_eigenvectors(n, dtype):
    a, z = leaf(n, n, dtype=dtype), leaf(n, n, dtype=dtype, seed=2).detach()
    (found,) = torch.autograd.grad(skew_exp(a), a, z)
    x = a.detach().numpy().astype(np.complex128)
    t, w = np.linalg.eigh(-0.5j * (x - x.conj().T))
    mean, half = (t[:, None] + t) / 2, (t[:, None] - t) / 2
    phi = np.exp(1j * mean) * np.sinc(half / np.pi)
    g = w @ (phi.conj() * (w.conj().T @ z.numpy() @ w)) @ w.conj().T
    g = (g - g.conj().T) / 2
    expected = g.real if dtype == "float64" else g
    size = np.linalg.norm(expected)
    assert np.linalg.norm(found.numpy() - expected) <= 1e-12 * size


@pytest.mark.parametrize("shape", [(4, 2), (3, 3), (3, 1)], ids=str)
@dtypes
def test_frames(dtype, shape):
    x = leaf(*shape, dtype=dtype)
    assert gradcheck(skew_exp_frame, x)
    assert gradgradcheck(skew_exp_frame, x)


@dtypes
def test_frames_where_qr_has_no_derivative(dtype):
    for x in (leaf(4, 2, dtype=dtype, scale=0.0), leaf(5, 2, dtype=dtype)):
        with torch.no_grad():
            x[2:, 1] = x[2:, 0]
        assert gradcheck(skew_exp_frame, x)
        assert gradgradcheck(skew_exp_frame, x)


def test_vmap_and_gradients_of_a_batch():
    a, x = leaf(4, 3, 3, scale=2.0).detach(), leaf(4, 4, 2, seed=1).detach()
    for function, given in ((skew_exp, a), (skew_exp_frame, x)):

        def loss(a, function=function):
            return (function(a) ** 3).sum()

        mapped = torch.func.vmap(function)(given)
        torch.testing.assert_close(mapped, function(given), rtol=0, atol=1e-14)
        mapped = torch.func.vmap(torch.func.grad(loss))(given)
        each = torch.stack([torch.func.grad(loss)(one) for one in given])
        torch.testing.assert_close(mapped, each, rtol=0, atol=1e-13)


@pytest.mark.filterwarnings(OF_TORCH)
def test_compiles_to_one_graph():
    a, x = leaf(4, 4, scale=2.0), leaf(6, 2, seed=1)

    def loss(a, x):
        q, p = skew_exp(a), skew_exp(0.5 * a, norm_bound=8.0)
        return (q**3).sum() + (p**3).sum() + (skew_exp_frame(x) ** 3).sum()

    expected = torch.autograd.grad(loss(a, x), (a, x))
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    for one, other in zip(torch.autograd.grad(compiled(a, x), (a, x)), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-13)


@pytest.mark.filterwarnings(OF_TORCH)
@pytest.mark.parametrize("function", [skew_exp, skew_exp_frame])
def test_forward_mode_is_refused_and_not_wrong(function):
    a = leaf(3, 3).detach()
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(a, torch.ones_like(a))
        with pytest.raises((RuntimeError, NotImplementedError)):
            function(dual)


def test_descent_finds_a_rotation():
    target = skew_exp(leaf(4, 4, seed=3).detach())
    a = leaf(4, 4, scale=0.0)
    optimiser = torch.optim.SGD([a], lr=0.1)
    for _ in range(300):
        optimiser.zero_grad()
        loss = (skew_exp(a) - target).square().sum()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) <= 1e-6
