"""`polar` and `orthogonalize` in compiled and exported PyTorch code, with their gradients."""

from __future__ import annotations

import shutil
import warnings

import pytest

from orthola import Status, orthogonalize, polar
from orthola.testing import gaussian
from tests.autodiff.polar_torch_cases import OF_TORCH, combined, matrix, weights

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


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
