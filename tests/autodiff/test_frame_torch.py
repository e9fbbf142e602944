"""Derivatives of frames, their inverse, and reflectors of frames in PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

from orthola import cayley_frame, cayley_frame_inverse, haar, householder_vectors, options
from orthola.testing import gaussian

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
gradcheck, gradgradcheck = torch.autograd.gradcheck, torch.autograd.gradgradcheck
OF_TORCH = "ignore:.*torch.jit.script:DeprecationWarning"

dtypes = pytest.mark.parametrize("dtype", ["float64", "complex128"])
shapes = pytest.mark.parametrize("shape", [(5, 3), (3, 3), (4, 1), (2, 4, 2)], ids=str)


def leaf(*shape, dtype="float64", seed=0):
    *batch, n, k = shape
    x = gaussian(n, k, shape=tuple(batch), dtype=dtype, rng=seed)
    return torch.tensor(x, requires_grad=True)


def frame(*shape, dtype="float64", seed=0):
    *batch, n, k = shape
    return torch.tensor(haar(n, k, shape=tuple(batch), dtype=dtype, rng=seed), requires_grad=True)


def drawn_signs(k, dtype):
    return [1.0, -1.0, 1.0][:k] if dtype == "float64" else [1j, -1.0, (3 + 4j) / 5][:k]


@pytest.mark.parametrize("kernels", [True, False])
@shapes
@dtypes
def test_first_and_second_derivatives_of_frames(dtype, shape, kernels):
    x = leaf(*shape, dtype=dtype)
    signs = torch.tensor(drawn_signs(shape[-1], dtype), dtype=getattr(torch, dtype))

    def by_scale(x):
        return cayley_frame(x, scale=0.8, signs=signs)

    with options(kernels=kernels):
        assert gradcheck(by_scale, (x,))
        if kernels:
            assert gradgradcheck(by_scale, (x,))


@shapes
@dtypes
def test_first_derivatives_of_the_inverse_in_any_direction(dtype, shape):
    q = frame(*shape, dtype=dtype, seed=2)
    _, signs, _ = cayley_frame_inverse(q.detach())

    def coordinates(q):
        return cayley_frame_inverse(q, scale=0.8, signs=signs).skew

    assert gradcheck(coordinates, (q,))


@shapes
@dtypes
def test_second_derivatives_of_the_inverse_along_frames(dtype, shape):
    y = (0.3 * leaf(*shape, dtype=dtype, seed=3)).detach().requires_grad_()
    signs = torch.tensor(drawn_signs(shape[-1], dtype), dtype=getattr(torch, dtype))

    def moved(y):
        q = cayley_frame(y, signs=signs)
        return cayley_frame_inverse(q, scale=0.8, signs=signs).skew ** 2

    assert gradcheck(moved, (y,))
    assert gradgradcheck(moved, (y,))


@dtypes
def test_chosen_signs_are_constants(dtype):
    q = frame(5, 3, dtype=dtype, seed=4)
    chosen = cayley_frame_inverse(q)
    assert not chosen.signs.requires_grad
    assert not chosen.status.requires_grad
    fixed = cayley_frame_inverse(q, signs=chosen.signs)
    bar = leaf(5, 3, dtype=dtype, seed=5).detach()
    one, other = (torch.autograd.grad(r.skew, q, bar)[0] for r in (chosen, fixed))
    torch.testing.assert_close(one, other, rtol=0, atol=1e-13)


@pytest.mark.parametrize("kernels", [True, False])
@shapes
@dtypes
def test_first_and_second_derivatives_of_vectors(dtype, shape, kernels):
    q = frame(*shape, dtype=dtype, seed=6)

    def all_three(q):
        v, tau, signs, _ = householder_vectors(q)
        return v, tau, signs

    with options(kernels=kernels):
        assert gradcheck(all_three, (q,))
        if kernels:
            assert gradgradcheck(all_three, (q,))


@pytest.mark.parametrize("part", [0, 1, 2])
def test_each_result_of_vectors_alone(part):
    q = frame(4, 3, dtype="complex128", seed=7)
    assert gradcheck(lambda q: householder_vectors(q)[part], (q,))


@dtypes
def test_what_is_not_read_has_gradient_zero(dtype):
    x = leaf(6, 4, dtype=dtype, seed=8)
    (gradient,) = torch.autograd.grad(cayley_frame(x).abs().pow(3).sum(), x)
    top = gradient[:4]
    assert not top.triu(1).any()
    assert not torch.diagonal(top.real if top.is_complex() else top).any()
    assert bool((gradient[4:] != 0).all())


def test_gradients_stay_finite_for_large_and_degenerate_parameters():
    for size in (0.0, 1e-200, 1e4, 1e8):
        for rank in (1, 4):
            x = (leaf(9, rank, seed=9) @ leaf(rank, 4, seed=10)).detach() * size
            x.requires_grad_()
            (gradient,) = torch.autograd.grad(cayley_frame(x).pow(3).sum(), x)
            assert torch.isfinite(gradient).all()


def test_gradient_of_a_loss_equals_differences():
    x = leaf(40, 7, seed=11).detach() / 6
    w, t = leaf(40, 7, seed=12).detach(), leaf(40, 7, seed=13).detach()

    def loss(x):
        return (w * cayley_frame(x)).sum()

    y = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(y), y)
    step = 1e-5
    difference = (loss(x + step * t) - loss(x - step * t)) / (2 * step)
    assert abs(float((gradient * t).sum() - difference)) <= 1e-8 * float(abs(difference) + 1)


def test_vmap_and_gradients_of_a_batch():
    x, q = leaf(4, 5, 3, seed=14).detach(), frame(4, 5, 3, seed=15).detach()
    pairs = [
        (lambda x: cayley_frame(x), x),
        (lambda q: cayley_frame_inverse(q).skew, q),
        (lambda q: householder_vectors(q).vectors, q),
    ]
    for function, argument in pairs:

        def loss(y, function=function):
            return (function(y) ** 3).sum()

        mapped = torch.func.vmap(function)(argument)
        torch.testing.assert_close(mapped, function(argument), rtol=0, atol=1e-12)
        mapped = torch.func.vmap(torch.func.grad(loss))(argument)
        each = torch.stack([torch.func.grad(loss)(one) for one in argument])
        scale = float(each.abs().max()) + 1
        torch.testing.assert_close(mapped, each, rtol=0, atol=1e-12 * scale)


@pytest.mark.filterwarnings(OF_TORCH)
def test_compiles_to_one_graph():
    x, q = leaf(6, 3, seed=16), frame(6, 3, seed=17)

    def loss(x, q):
        v, tau, signs, _ = householder_vectors(q)
        skew, d, _ = cayley_frame_inverse(q)
        reached = (cayley_frame(x, scale=0.7) ** 3).sum() + (v**2).sum() + (tau * signs).sum()
        return reached + (cayley_frame(skew, signs=d) ** 3).sum()

    expected = torch.autograd.grad(loss(x, q), (x, q))
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    for one, other in zip(torch.autograd.grad(compiled(x, q), (x, q)), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11)


@pytest.mark.filterwarnings(OF_TORCH)
def test_forward_mode_is_refused_and_not_wrong():
    x = leaf(4, 2).detach()
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, torch.ones_like(x))
        for function in (cayley_frame, cayley_frame_inverse, householder_vectors):
            with pytest.raises((RuntimeError, NotImplementedError)):
                function(dual)


def test_training_reaches_a_frame():
    target = torch.tensor(haar(12, 3, rng=18))
    x = torch.zeros(12, 3, dtype=torch.float64, requires_grad=True)
    _, signs, _ = cayley_frame_inverse(target)
    optimiser = torch.optim.Adam([x], lr=0.1)
    for _ in range(300):
        optimiser.zero_grad()
        loss = (cayley_frame(x, signs=signs) - target).square().sum()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) <= 1e-3
    q = cayley_frame(x, signs=signs).detach().numpy()
    assert np.abs(q.T @ q - np.eye(3)).max() <= 1e-14
