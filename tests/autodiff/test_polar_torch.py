"""Derivatives of `polar` in PyTorch: reverse mode of any order, functorch, compile, refusals."""

from __future__ import annotations

import shutil
import warnings

import numpy as np
import pytest

from orthola import Status, check, orthogonalize, polar
from orthola.testing import from_spectrum, gaussian, machine_epsilon, orthonormal, spectrum

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
gradcheck, gradgradcheck = torch.autograd.gradcheck, torch.autograd.gradgradcheck

# What PyTorch says about itself when forward mode or a compiler is first used.
OF_TORCH = "ignore:.*torch.jit.script:DeprecationWarning"


def matrix(m, n, dtype="float64", *, shape=(), condition=4.0):
    values = spectrum("geometric", min(m, n), condition=condition)
    return torch.tensor(from_spectrum(m, n, values, shape=shape, dtype=dtype, rng=10 * m + n))


def repeated(m, n, dtype="float64"):
    return torch.tensor(2.0 * orthonormal(m, n, dtype=dtype, rng=3))


def weights(like, seed=0):
    dtype = str(like.dtype).removeprefix("torch.")
    return torch.tensor(
        gaussian(*like.shape[-2:], shape=tuple(like.shape[:-2]), dtype=dtype, rng=seed)
    )


CASES = {
    "square": matrix(3, 3),
    "reflection": torch.diag(torch.tensor([2.0, 1.0, -0.5], dtype=torch.float64)),
    "tall": matrix(4, 2),
    "wide": matrix(2, 4),
    "column": matrix(3, 1),
    "row": matrix(1, 3),
    "number": torch.tensor([[-2.0]], dtype=torch.float64),
    "complex square": matrix(2, 2, "complex128"),
    "complex tall": matrix(3, 2, "complex128"),
    "complex wide": matrix(2, 3, "complex128"),
    "batch": matrix(3, 2, shape=(2, 2)),
    "identity": torch.eye(3, dtype=torch.float64),
    "complex identity": torch.eye(2, dtype=torch.complex128),
    "repeated tall": repeated(4, 3),
    "repeated complex": repeated(3, 2, "complex128"),
}
DEGENERATE = ("nan", "zero", "tikhonov")


def factors(side="right", **options):
    return lambda x: polar(x, side=side, **options)[:2]


def loss(x, **options):
    """A real number that depends on all entries of both factors."""
    u, h, _ = polar(x, **options)
    return combined(u, h, weights(u, 1), weights(h, 2))


def combined(u, h, v, w):
    return (v * u).real.sum() + (w * h @ h).real.sum()


# Against finite differences


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


# Graphs


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


# torch.func


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


# Forward mode


@pytest.mark.filterwarnings(OF_TORCH)
def test_forward_mode_is_refused_with_a_clear_message():
    x = CASES["tall"]
    for attempt in (
        lambda: torch.func.jvp(lambda x: polar(x).unitary, (x,), (x,)),
        lambda: torch.func.jacfwd(lambda x: polar(x).hermitian)(x),
        lambda: torch.func.hessian(loss)(x),
    ):
        with pytest.raises(NotImplementedError, match="jvp"):
            attempt()


UNROLLED = {
    # method: agreement with the closed form; newton-schulz amplifies on its way (documented)
    "auto": 1e-13,
    "newton": 1e-13,
    "halley": 1e-13,
    "qr-halley": 1e-13,
    "newton-schulz": 1e-4,
}


@pytest.mark.filterwarnings(OF_TORCH)
@pytest.mark.parametrize("method", UNROLLED)
@pytest.mark.parametrize("name", ["square", "tall", "wide", "complex tall", "identity", "batch"])
def test_unrolled_derivatives_agree_with_the_closed_form_in_both_modes(name, method):
    x = CASES[name]
    t = weights(x, 8)
    options = {"derivative": "unrolled", "method": method}
    reverse = torch.func.grad(lambda x: loss(x, **options))(x)
    expected = torch.func.grad(loss)(x)
    torch.testing.assert_close(reverse, expected, rtol=0, atol=UNROLLED[method])
    _, forward = torch.func.jvp(lambda x: loss(x, **options), (x,), (t,))
    slope = (expected.conj() * t).real.sum()
    torch.testing.assert_close(forward, slope, rtol=0, atol=10 * UNROLLED[method])


@pytest.mark.filterwarnings(OF_TORCH)
def test_unrolled_newton_schulz_is_accurate_with_a_lower_bound():
    x = CASES["tall"]
    options = {"derivative": "unrolled", "method": "newton-schulz", "lower_bound": 0.1}
    expected = torch.func.jacrev(lambda x: polar(x).unitary)(x)
    for jacobian in (torch.func.jacrev, torch.func.jacfwd):
        found = jacobian(lambda x: polar(x, **options).unitary)(x)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)


def test_unrolled_values_are_those_of_the_method():
    x = CASES["tall"]
    for method in ("newton", "qr-halley"):
        unrolled = polar(x, derivative="unrolled", method=method)
        closed = polar(x, method=method)
        for actual, expected in zip(unrolled, closed, strict=True):
            torch.testing.assert_close(actual, expected, rtol=0, atol=0)


# Where there is no derivative


def singular(m, n, rank, dtype="float64"):
    values = np.array([3.0, 2.0, 1.0, 0.5])[:n]
    values[rank:] = 0.0
    return torch.tensor(orthonormal(m, n, dtype=dtype, rng=5) * values)


SINGULAR = {
    "tall": singular(5, 3, 2),
    "tall complex": singular(5, 3, 2, "complex128"),
    "square n-2": singular(4, 4, 2),
    "square complex n-1": singular(4, 4, 3, "complex128"),
}


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("name", SINGULAR)
def test_degenerate_policies_decide_the_gradient_and_never_the_result(name, side):
    results, gradients = [], []
    for policy in DEGENERATE:
        x = SINGULAR[name].clone().requires_grad_()
        result = polar(x, side=side, degenerate=policy)
        (weights(result.unitary) * result.unitary).real.sum().backward()
        results.append(result)
        gradients.append(x.grad)
    for other in results[1:]:
        for actual, expected in zip(other, results[0], strict=True):
            torch.testing.assert_close(actual, expected, rtol=0, atol=0)
    assert int(results[0].status) == Status.RANK_DEFICIENT
    assert gradients[0].isnan().all()
    assert gradients[1].isfinite().all()
    assert gradients[2].isfinite().all()
    assert gradients[1].abs().max() < 10


@pytest.mark.parametrize("policy", DEGENERATE)
def test_u_at_real_rank_one_less_has_a_gradient_under_every_policy(policy):
    x = singular(4, 4, 3).requires_grad_()
    u = polar(x, degenerate=policy).unitary
    (weights(u) * u).sum().backward()
    expected = torch.func.grad(lambda x: (weights(x) * polar(x, degenerate="zero").unitary).sum())
    assert x.grad.isfinite().all()
    torch.testing.assert_close(x.grad, expected(x.detach()), rtol=0, atol=1e-12)


def test_h_has_no_derivative_at_a_zero_singular_value():
    x = singular(4, 4, 3).requires_grad_()
    polar(x).hermitian.sum().backward()
    assert x.grad.isnan().all()


def test_a_degenerate_item_leaves_the_gradients_of_the_others_alone():
    x = matrix(5, 3, shape=(3,))
    expected = torch.func.grad(loss)(x)
    x[1] = SINGULAR["tall"]
    found = torch.func.grad(loss)(x)
    assert found[1].isnan().all()
    torch.testing.assert_close(found[[0, 2]], expected[[0, 2]], rtol=0, atol=1e-14)


# torch.compile


@pytest.fixture
def compiling():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def compiled(function, backend="aot_eager"):
    return torch.compile(function, fullgraph=True, backend=backend)


@pytest.mark.usefixtures("compiling")
@pytest.mark.parametrize(
    "options",
    [{}, {"side": "left"}, {"method": "halley"}, {"method": "newton", "lower_bound": 0.1}],
    ids=str,
)
def test_compiled_forward_and_backward_equal_eager_without_a_warning(options):
    x = matrix(4, 3, shape=(2,)).requires_grad_()
    y = x.detach().clone().requires_grad_()
    u, h, _ = polar(x, **options)
    v, w = weights(u, 1), weights(h, 2)

    def function(x):
        u, h, _ = polar(x, **options)
        return combined(u, h, v, w)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value = compiled(function)(x)
        value.backward()
    expected = function(y)
    expected.backward()
    torch.testing.assert_close(value, expected, rtol=1e-14, atol=1e-14)
    torch.testing.assert_close(x.grad, y.grad, rtol=0, atol=1e-13)


@pytest.mark.usefixtures("compiling")
def test_traced_equals_eager():
    x = matrix(4, 3, shape=(4,))
    x[1] = 0.0
    x[2] = torch.diag(torch.tensor([1.0, 1.0, 0.0, 0.0], dtype=torch.float64))[:, :3]
    eager = polar(x)
    traced = compiled(polar)(x)
    assert eager.status.tolist() == [
        Status.OK,
        Status.RANK_DEFICIENT,
        Status.RANK_DEFICIENT,
        Status.OK,
    ]
    torch.testing.assert_close(traced.status, eager.status, rtol=0, atol=0)
    for actual, expected in zip(traced[:2], eager[:2], strict=True):
        torch.testing.assert_close(actual, expected, rtol=0, atol=1e-14)


@pytest.mark.usefixtures("compiling")
@pytest.mark.parametrize("method", ["auto", "halley"])
def test_compiled_code_marks_nan_items_instead_of_raising(method):
    x = matrix(4, 3, shape=(3,))
    x[1, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="flat index 1"):
        polar(x, method=method)
    u, h, status = compiled(lambda x: polar(x, method=method))(x)
    assert status.tolist() == [Status.OK, Status.NONFINITE, Status.OK]
    assert u[1].isnan().all()
    assert h[1].isnan().all()
    expected = polar(x[[0, 2]], method=method)
    torch.testing.assert_close(u[[0, 2]], expected.unitary, rtol=0, atol=1e-14)
    torch.testing.assert_close(h[[0, 2]], expected.hermitian, rtol=0, atol=1e-14)


@pytest.mark.usefixtures("compiling")
def test_compiled_code_takes_other_shapes():
    function = compiled(polar)
    for shape in ((3, 2), (5, 2), (2, 5), (4, 4), (2, 3, 3), (5, 3, 3), (6, 3, 3)):
        x = torch.tensor(gaussian(*shape[-2:], shape=shape[:-2], rng=1))
        torch.testing.assert_close(function(x).unitary, polar(x).unitary, rtol=0, atol=1e-14)


@pytest.mark.usefixtures("compiling")
def test_orthogonalize_compiles_with_its_gradient():
    x = matrix(5, 3).requires_grad_()
    y = x.detach().clone().requires_grad_()
    found = compiled(lambda x: (orthogonalize(x, steps=4) ** 3).sum())(x)
    expected = (orthogonalize(y, steps=4) ** 3).sum()
    found.backward()
    expected.backward()
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(x.grad, y.grad, rtol=0, atol=1e-12)


@pytest.mark.usefixtures("compiling")
def test_export_keeps_one_node():
    class Layer(torch.nn.Module):
        def forward(self, x):
            return polar(x).unitary

    x = matrix(4, 3)
    program = torch.export.export(Layer(), (x,))
    nodes = [node.target for node in program.graph.nodes if node.op == "call_function"]
    assert torch.ops.orthola.polar.default in nodes
    torch.testing.assert_close(program.module()(x), polar(x).unitary, rtol=0, atol=1e-14)


@pytest.mark.skipif(
    shutil.which("g++") is None and shutil.which("gcc") is None, reason="inductor needs a compiler"
)
@pytest.mark.filterwarnings(OF_TORCH)
@pytest.mark.usefixtures("compiling")
def test_inductor():
    x = matrix(4, 3).requires_grad_()
    y = x.detach().clone().requires_grad_()
    compiled(lambda x: (polar(2.0 * x).unitary * x).sum(), "inductor")(x).backward()
    (polar(2.0 * y).unitary * y).sum().backward()
    torch.testing.assert_close(x.grad, y.grad, rtol=0, atol=1e-13)
