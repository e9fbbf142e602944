"""Derivatives of the Cayley map and its inverse in PyTorch."""

from __future__ import annotations

import pytest

from orthola import cayley, cayley_inverse
from orthola.testing import gaussian, machine_epsilon

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
gradcheck, gradgradcheck = torch.autograd.gradcheck, torch.autograd.gradgradcheck
OF_TORCH = "ignore:.*torch.jit.script:DeprecationWarning"

dtypes = pytest.mark.parametrize("dtype", ["float64", "complex128"])
# One matrix goes to the kernel for single ones, five to that for stacks.
batches = pytest.mark.parametrize("batch", [(), (5,)], ids=str)


def drawn(n, dtype="float64", batch=(), seed=0):
    return torch.tensor(gaussian(n, n, shape=batch, dtype=dtype, rng=seed))


def leaf(*arguments, **keywords):
    return drawn(*arguments, **keywords).requires_grad_()


def phases(n, dtype):
    angle = torch.arange(float(n), dtype=torch.float64)
    return torch.polar(torch.ones_like(angle), angle) if "complex" in dtype else angle.cos().sign()


# Against finite differences


@batches
@dtypes
def test_first_and_second_derivatives_of_the_map(dtype, batch):
    a, signs = leaf(4, dtype, batch), phases(4, dtype)
    for options in ({}, {"signs": signs, "scale": 1.3}):

        def function(a, options=options):
            return cayley(a, **options)

        assert gradcheck(function, (a,))
        if not batch:
            assert gradgradcheck(function, (a,))


@dtypes
def test_derivatives_of_the_polar_form(dtype):
    a = leaf(4, dtype)

    def function(a):
        return cayley(a, method="polar", norm_bound=10.0)

    assert gradcheck(function, (a,))
    assert gradgradcheck(function, (a,))


def through(a, signs, scale=0.5):
    """The inverse along orthonormal matrices, where its derivative belongs.

    Phases that are chosen vary with the matrix and are constants to the derivative all the same:
    differences see them, so only real signs are chosen in these tests.
    """
    # A factor that does not commute, so that the composition is no identity.
    q = cayley(drawn(4, str(a.dtype).rsplit(".", 1)[-1], seed=7)) @ cayley(a)
    return cayley_inverse(q, signs=signs, scale=scale).skew


@batches
@dtypes
def test_first_and_second_derivatives_of_the_inverse(dtype, batch):
    a = (0.4 * drawn(4, dtype, batch)).requires_grad_()
    assert gradcheck(lambda a: through(a, phases(4, dtype), 1.3), (a,))
    chosen = None if dtype == "float64" else phases(4, dtype).conj()
    assert gradcheck(lambda a: through(a, chosen), (a,))
    if not batch:
        assert gradgradcheck(lambda a: through(a, phases(4, dtype)), (a,))
        assert gradgradcheck(lambda a: through(a, chosen), (a,))


@batches
@dtypes
def test_the_inverse_undoes_the_derivative_too(dtype, batch):
    a = leaf(5, dtype, batch)
    w = drawn(5, dtype, batch, seed=1)

    def there_and_back(a):
        return cayley_inverse(cayley(a), signs=torch.ones(5, dtype=a.dtype)).skew

    (gradient,) = torch.autograd.grad((w.conj() * there_and_back(a)).real.sum(), a)
    expected = (w - w.mH) / 2
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-11)


@dtypes
def test_gradient_against_differences_of_a_large_stack(dtype):
    a, w, t = leaf(24, dtype, (9,)), drawn(24, dtype, (9,), 1), drawn(24, dtype, (9,), 2)

    def loss(a):
        return (w.conj() * cayley(a)).real.sum()

    (gradient,) = torch.autograd.grad(loss(a), a)
    slope, step = float((gradient.conj() * t).real.sum()), 1e-5
    with torch.no_grad():
        difference = float(loss(a + step * t) - loss(a - step * t)) / (2 * step)
    assert abs(slope - difference) <= 1e-8 * max(1.0, abs(slope))


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_single_precision_gives_the_gradient_of_double_rounded(dtype):
    a = leaf(6, dtype, (4,))
    double = a.detach().to(torch.complex128 if "complex" in dtype else torch.float64)
    double.requires_grad_()
    for x in (a, double):
        (cayley(x) ** 3).real.sum().backward()
    assert a.grad.dtype == a.dtype
    tolerance = 100 * 6 * machine_epsilon(dtype)
    torch.testing.assert_close(a.grad, double.grad.to(a.dtype), rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_has_gradients_in_half_precision(dtype):
    a = drawn(4).to(dtype).requires_grad_()
    cayley(a).sum().backward()
    assert a.grad.dtype == dtype
    assert torch.isfinite(a.grad).all()


# What is kept, and what has no derivative


@batches
def test_kept_for_the_way_back_is_the_result_alone(batch):
    a, q = leaf(6, batch=batch), None
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x) or x, lambda x: x):
        q = cayley(a)
    assert [x.data_ptr() for x in kept] == [q.data_ptr()]
    kept.clear()
    p = q.detach().requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x) or x, lambda x: x):
        found = cayley_inverse(p)
    pointers = {found.skew.data_ptr(), found.signs.data_ptr()}
    assert pointers <= {x.data_ptr() for x in kept}
    assert p.data_ptr() not in {x.data_ptr() for x in kept}


def test_signs_and_status_are_constants():
    a = leaf(4)
    signs = torch.ones(4, dtype=torch.float64, requires_grad=True)
    cayley(a, signs=signs).sum().backward()
    assert signs.grad is None
    found = cayley_inverse(cayley(a))
    assert found.skew.requires_grad
    assert not found.signs.requires_grad
    assert not found.status.requires_grad


def test_nan_in_one_item_leaves_the_gradients_of_the_others():
    a = drawn(4, batch=(5,))
    a[2, 0, 1] = torch.nan
    a.requires_grad_()
    torch.nansum(cayley(a)).backward()
    assert torch.isfinite(a.grad[[0, 1, 3, 4]]).all()


@pytest.mark.parametrize("shape", [(0, 0), (0, 3, 3)])
def test_empty_matrices_have_empty_gradients(shape):
    a = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    (cayley(a).sum() + cayley_inverse(cayley(a)).skew.sum()).backward()
    assert a.grad.shape == shape


@pytest.mark.filterwarnings(OF_TORCH)
def test_forward_mode_is_refused_and_not_wrong():
    a = drawn(3)
    for function in (cayley, lambda a: cayley_inverse(a).skew):
        with pytest.raises((RuntimeError, NotImplementedError), match=r"jvp|forward"):
            torch.func.jvp(function, (a,), (a,))


# Transformations


@pytest.mark.filterwarnings(OF_TORCH)
def test_vmap_and_gradients_of_a_batch():
    a = drawn(4, batch=(5,))
    q = cayley(a)
    torch.testing.assert_close(torch.func.vmap(cayley)(a), q, rtol=0, atol=1e-14)
    signs = torch.ones(4, dtype=torch.float64)
    mapped = torch.func.vmap(lambda q: cayley_inverse(q, signs=signs).skew)(q)
    torch.testing.assert_close(mapped, cayley_inverse(q, signs=signs).skew, rtol=0, atol=1e-12)

    def loss(a):
        return (cayley(a) ** 3).sum() + (through(0.4 * a, None) ** 2).sum()

    mapped = torch.func.vmap(torch.func.grad(loss))(a)
    each = torch.stack([torch.func.grad(loss)(one) for one in a])
    torch.testing.assert_close(mapped, each, rtol=0, atol=1e-11)
    jacobian = torch.func.jacrev(cayley)(a[0])
    torch.testing.assert_close(jacobian, -jacobian.mT, rtol=0, atol=1e-13)


@pytest.mark.filterwarnings(OF_TORCH)
@dtypes
def test_compiles_to_one_graph(dtype):
    a, signs = leaf(5, dtype), phases(5, dtype)

    def loss(a):
        q = cayley(a, signs=signs)
        found = cayley_inverse(q.conj().mT)
        skew = (found.skew * found.skew.conj()).real.sum() * (found.status == 0)
        return skew + (q**3).real.sum() + (cayley(a, scale=1.0) ** 3).real.sum()

    (expected,) = torch.autograd.grad(loss(a), a)
    torch._dynamo.reset()
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    (found,) = torch.autograd.grad(compiled(a), a)
    torch._dynamo.reset()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)


def test_rotations_are_learned():
    target = cayley(drawn(6, batch=(3,), seed=3))
    a = torch.zeros(3, 6, 6, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.SGD([a], lr=0.2)
    losses = []
    for _ in range(100):
        optimiser.zero_grad()
        loss = (cayley(a) - target).square().sum()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.2 * losses[0]
    q = cayley(a).detach()
    eye = torch.eye(6, dtype=q.dtype).expand_as(q)
    torch.testing.assert_close(q.mT @ q, eye, rtol=0, atol=1e-13)
