"""The orthogonal parametrisation for PyTorch: values, assignment, derivatives, mechanics."""

from __future__ import annotations

import copy
import itertools
import subprocess
import sys

import pytest

from orthola import polar
from orthola.testing import gaussian

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from torch.nn.utils import parametrizations, parametrize  # noqa: E402

from orthola.adapters.torch import orthogonal  # noqa: E402
from tests.adapters.torch_weights import (  # noqa: E402
    DTYPES,
    Holder,
    assert_near,
    assert_orthonormal,
    every_map,
    every_shape,
    every_way,
    frame,
    holder,
    parameter,
    perturbed,
    real_and_complex,
    ways,
)

# What PyTorch says about itself when a compiler is first used.
OF_TORCH = "ignore:.*torch.jit.script:DeprecationWarning"


# Values


@every_map
@every_shape
def test_assign_then_read(kind, shape):
    """And a parameter at random gives an orthonormal weight."""
    for trivialized, dtype in itertools.product((True, False), DTYPES):
        module = perturbed(holder(shape, kind, dtype=dtype, trivialized=trivialized))
        p = parameter(module)
        assert module.weight.shape == shape
        assert module.weight.dtype == getattr(torch, dtype)
        assert_orthonormal(module.weight)
        if trivialized not in ways(kind, shape):
            continue
        one, other = (frame(shape, dtype, rng=3, flip=flip) for flip in (False, True))
        for given in (one, other, -module.weight.detach()):
            module.weight = given
            assert_near(module.weight, given)
            assert parameter(module) is p  # optimisers know it
            assert p.is_contiguous()


@every_map
@pytest.mark.parametrize("shape", [(512, 512), (2048, 32)])
def test_large_weights_are_orthonormal_to_a_few_roundings(kind, shape):
    for dtype, limit in (("float32", 1e-6), ("float64", 1e-14)):
        module = perturbed(holder(shape, kind, dtype=dtype), size=0.5 / shape[0] ** 0.5)
        q = module.weight.detach().double()
        defect = q.mT @ q - torch.eye(shape[1], dtype=q.dtype)
        assert torch.linalg.matrix_norm(defect, 2) < limit


@every_map
def test_special_matrices_can_be_assigned(kind):
    for trivialized in (True, False):
        for n in (1, 2, 3, 6):
            module = holder((n, n), kind, trivialized=trivialized)
            eye = torch.eye(n, dtype=torch.float64)
            for given in (eye, -eye, eye.flip(0), -eye.flip(0), eye.roll(1, 0), -eye.roll(1, 0)):
                module.weight = given
                assert_near(module.weight, given)


@every_map
@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 2, 5)])
def test_a_value_that_is_not_orthonormal_becomes_its_polar_factor(kind, shape):
    given = torch.tensor(gaussian(*shape[-2:], shape=shape[:-2], rng=5))
    expected = polar(given).unitary
    for trivialized in ways(kind, shape):
        module = orthogonal(Holder(given), "weight", kind, use_trivialization=trivialized)
        assert_near(module.weight, expected)
        perturbed(module).weight = 7 * given
        assert_near(module.weight, expected)


@every_map
@every_way
@pytest.mark.parametrize(
    ("shape", "dtype"), [((4, 4), "float64"), ((2, 5), "float64"), ((5, 2), "complex128")]
)
def test_the_gradient_agrees_with_differences(kind, trivialized, shape, dtype):
    module = perturbed(holder(shape, kind, dtype=dtype, trivialized=trivialized), size=0.3)

    def weight(p):
        state = {"parametrizations.weight.original": p}
        return torch.func.functional_call(module, state, torch.eye(shape[-1], dtype=p.dtype))

    p = parameter(module).detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(weight, (p,))
    if dtype == "float64":
        assert torch.autograd.gradgradcheck(weight, (p,))


@every_map
@every_way
def test_the_gradient_is_finite_where_training_begins(kind, trivialized):
    """At the identity all angles are equal, and eigenvectors have no derivative."""
    shape = (5, 2) if trivialized else (4, 4)
    module = orthogonal(
        Holder(torch.eye(*shape, dtype=torch.float64)), "weight", kind,
        use_trivialization=trivialized,
    )  # fmt: skip
    (torch.arange(1.0, 1 + module.weight.numel()).reshape(shape) * module.weight).sum().backward()
    assert parameter(module).grad.isfinite().all()
    assert parameter(module).grad.abs().max() > 0


@every_map
@pytest.mark.parametrize("shape", [(3, 3), (4, 2)])
@real_and_complex
def test_training_can_go_in_every_direction(kind, shape, dtype):
    """The rank of the derivative is the number of freedoms of orthonormal frames."""
    module = perturbed(holder(shape, kind, dtype=dtype), size=0.3)

    def weight(p):
        x = torch.view_as_complex(p) if dtype == "complex128" else p
        state = {"parametrizations.weight.original": x}
        q = torch.func.functional_call(module, state, torch.eye(shape[-1], dtype=x.dtype))
        return torch.view_as_real(q) if dtype == "complex128" else q

    p = parameter(module).detach()
    p = torch.view_as_real(p).clone() if dtype == "complex128" else p
    jacobian = torch.autograd.functional.jacobian(weight, p).reshape(p.numel(), -1)
    n, k = max(shape), min(shape)
    freedoms = 2 * n * k - k * k if dtype == "complex128" else n * k - k * (k + 1) // 2
    assert int(torch.linalg.matrix_rank(jacobian, rtol=1e-9)) == freedoms


@every_way
@pytest.mark.parametrize("shape", [(4, 4), (3, 6)])
def test_complex_householder_parametrisation(trivialized, shape):
    """PyTorch's own refuses it; phases beside the reflectors are all that it takes."""
    with pytest.raises(ValueError, match="complex"):
        parametrizations.orthogonal(Holder(frame(shape, "complex128")), "weight", "householder")
    module = holder(shape, "householder", dtype="complex128", trivialized=trivialized)
    assert_near(module.weight, frame(shape, "complex128"))
    assert_orthonormal(perturbed(module).weight)
    target = frame(shape, "complex128", rng=8)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.1)
    losses = []
    for _ in range(600):
        optimizer.zero_grad()
        loss = (module.weight - target).abs().square().sum()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert min(losses) < 1e-3
    assert_orthonormal(module.weight)


# Mechanics of modules


@every_map
@every_way
def test_copies_are_independent(kind, trivialized):
    shape = (4, 4) if kind == "matrix_exp" else (6, 3)
    module = perturbed(holder(shape, kind, trivialized=trivialized))
    twin = copy.deepcopy(module)
    assert torch.equal(twin.weight, module.weight)
    before = module.weight.detach().clone()
    twin.weight = frame(shape, rng=6)
    perturbed(twin, seed=5)
    assert torch.equal(module.weight, before)
    fresh = holder(shape, kind, trivialized=trivialized)
    fresh.load_state_dict(copy.deepcopy(module).state_dict())
    assert torch.equal(fresh.weight, before)


@every_map
def test_removing_the_parametrisation_leaves_the_weight(kind):
    for trivialized in (True, False):
        module = perturbed(holder((6, 3), kind, trivialized=trivialized))
        before = module.weight.detach().clone()
        parametrize.remove_parametrizations(module, "weight")
        assert type(module) is Holder
        assert torch.equal(module.weight, before)


def test_cached_weights_are_computed_once():
    module = holder((6, 3), "cayley")
    calls = []
    module.parametrizations.weight[0].register_forward_hook(lambda *_: calls.append(1))
    with parametrize.cached():
        assert module.weight is module.weight
    assert len(calls) == 1


def test_it_parametrises_layers_of_any_kind_under_any_name():
    convolution = orthogonal(torch.nn.Conv1d(3, 4, 5))
    assert_orthonormal(convolution.weight)
    recurrent = orthogonal(torch.nn.RNN(3, 6), "weight_hh_l0")
    recurrent(torch.zeros(2, 1, 3))[0].sum().backward()
    assert_orthonormal(recurrent.weight_hh_l0)


def test_the_parameter_keeps_its_place_in_an_optimiser():
    layer = torch.nn.Linear(3, 6)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    orthogonal(layer)
    before = layer.weight.detach().clone()
    layer.weight.sum().backward()
    optimizer.step()
    assert not torch.equal(layer.weight, before)
    assert_orthonormal(layer.weight)


@every_map
def test_weight_decay_does_not_touch_the_signs(kind):
    """Signs inside the parameter, as PyTorch keeps them, shrink and are rounded to zero."""
    for trivialized in (True, False):
        module = perturbed(holder((5, 3), kind, trivialized=trivialized))
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1, weight_decay=1.0)
        for _ in range(20):
            optimizer.zero_grad()
            module.weight.sum().backward()
            optimizer.step()
        assert_orthonormal(module.weight)


@every_map
def test_conversions_of_the_module_reach_everything(kind):
    for trivialized in (True, False):
        module = perturbed(holder((6, 3), kind, trivialized=trivialized))
        before = module.weight.detach().clone()
        single = copy.deepcopy(module).float()
        assert single.weight.dtype == torch.float32
        assert_near(single.weight, before.float())
        assert_orthonormal(single.weight)


@every_map
@pytest.mark.parametrize(
    ("trivialized", "dtype"), [(True, torch.bfloat16), (False, torch.bfloat16), (True, torch.half)]
)
def test_half_precision_is_rounded_once(kind, trivialized, dtype):
    shape = (6, 3)
    layer = torch.nn.Linear(*shape[::-1], dtype=dtype)
    module = perturbed(orthogonal(layer, "weight", kind, use_trivialization=trivialized), size=0.2)
    assert module.weight.dtype == dtype
    (module.weight.float() ** 3).sum().backward()
    assert parameter(module).grad.dtype == dtype
    exact = copy.deepcopy(module).double().weight
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(module.weight.double(), exact, rtol=0, atol=eps)


@every_map
@pytest.mark.parametrize("shape", [(6, 6), (8, 3)])
def test_mixed_precision_multiplies_in_half_and_stays_orthonormal(kind, shape):
    module = perturbed(holder(shape, kind, dtype="float32"))
    expected = module.weight.detach().clone()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        weight = module.weight
        out = module(torch.ones(2, shape[-1]))
    assert out.dtype == torch.bfloat16
    assert torch.equal(weight, expected)
    out.sum().backward()
    assert parameter(module).grad.dtype == torch.float32
    assert parameter(module).grad.abs().max() > 0


@pytest.mark.filterwarnings(OF_TORCH)
@every_map
@pytest.mark.parametrize(
    ("trivialized", "shape"), [(True, (6, 6)), (True, (3, 8)), (False, (8, 3))]
)
def test_compiles_as_one_graph(kind, trivialized, shape):
    module = perturbed(holder(shape, kind, trivialized=trivialized))
    x = torch.tensor(gaussian(2, shape[-1], rng=0))
    torch.compiler.reset()
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    results = []
    for function in (module, compiled):
        parameter(module).grad = None
        out = function(x)
        (out**3).sum().backward()
        results.append((out.detach(), parameter(module).grad.clone()))
    for found, expected in zip(results[1], results[0], strict=True):
        torch.testing.assert_close(found, expected)


@every_map
def test_ensembles_are_evaluated_by_vmap(kind):
    module = holder((5, 3), kind)
    p = parameter(module).detach()
    many = torch.stack([p, p + 0.3, 2 * p + 0.1])

    def weight(x):
        return torch.func.functional_call(
            module, {"parametrizations.weight.original": x}, torch.eye(3, dtype=x.dtype)
        )

    found = torch.func.vmap(weight)(many)
    expected = torch.stack([weight(x) for x in many])
    torch.testing.assert_close(found, expected)


# Refusals


def test_what_cannot_be_parametrised_is_refused():
    with pytest.raises(ValueError, match=r"no parameter or buffer .*'kernel'"):
        orthogonal(torch.nn.Linear(2, 3), "kernel")
    with pytest.raises(ValueError, match="at least two axes"):
        orthogonal(torch.nn.Linear(2, 3), "bias")
    with pytest.raises(ValueError, match="did you mean 'cayley'"):
        orthogonal(torch.nn.Linear(2, 3), "weight", "caley")
    module = torch.nn.Module()
    module.register_buffer("weight", torch.eye(3, dtype=torch.int64))
    with pytest.raises(TypeError, match="floating"):
        orthogonal(module)
    with pytest.raises(ValueError, match="finite"):
        orthogonal(Holder(torch.full((3, 2), float("nan"))))


def test_a_value_of_another_shape_is_refused():
    module = holder((6, 3), "cayley")
    with pytest.raises(ValueError, match=r"\(6, 3\).*\(3, 6\)"):
        module.weight = frame((3, 6))


def test_the_exponential_of_a_tall_weight_has_no_inverse():
    module = holder((6, 3), "matrix_exp", trivialized=False)
    assert_orthonormal(module.weight)  # of the weight that was there, as parameter
    with pytest.raises(NotImplementedError, match="use_trivialization=True"):
        module.weight = frame((6, 3))


TALL = """
import resource, sys, torch
from orthola.adapters.torch import orthogonal, rebase
n, k = 20000, 8
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
def work(n):
    for kind in ("matrix_exp", "cayley", "householder"):
        layer = orthogonal(torch.nn.Linear(k, n, bias=False), "weight", kind)
        with torch.no_grad():
            layer.parametrizations.weight.original.add_(0.01)
        (layer.weight ** 3).sum().backward()
        rebase(layer)
        layer.weight = torch.nn.init.orthogonal_(torch.empty(n, k))
work(40)  # libraries and kernels are loaded
before = peak()
work(n)
print((peak() - before) / 1024)
"""


def test_tall_weights_need_memory_of_their_own_size():
    """20000 x 8 in float32 is 0.6 MB; a square of that order would be 1.6 GB."""
    run = subprocess.run([sys.executable, "-c", TALL], capture_output=True, text=True, check=True)
    megabytes = float(run.stdout)
    assert megabytes < 60
