"""Checkpoints of orthogonal weights for PyTorch: its own, and ours."""

from __future__ import annotations

import pytest

from orthola.testing import gaussian

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from torch.nn.utils import parametrizations  # noqa: E402

from orthola.adapters.torch import orthogonal  # noqa: E402
from tests.adapters.torch_weights import (  # noqa: E402
    DTYPES,
    MAPS,
    Holder,
    assert_near,
    every_map,
    every_way,
    frame,
    holder,
    parameter,
    perturbed,
)

LOADED = 200.0  # of n eps: PyTorch's own maps and bases have rounding of their own


@pytest.mark.parametrize(
    ("shape", "dtype", "same_as"),
    [((4, 4), "float64", "matrix_exp"), ((5, 3), "float64", "householder"),
     ((3, 5), "float64", "householder"), ((5, 3), "complex128", "matrix_exp"),
     ((4, 4), "complex128", "matrix_exp")],
)  # fmt: skip
def test_the_default_map_is_the_one_of_pytorch(shape, dtype, same_as):
    given = frame(shape, dtype)
    found = perturbed(orthogonal(Holder(given)))
    expected = perturbed(orthogonal(Holder(given), "weight", same_as))
    assert torch.equal(found.weight, expected.weight)


def of_torch(shape, kind, dtype="float64", *, trivialized=True):
    """A module parametrised by PyTorch, its parameter off the start."""
    torch.manual_seed(2)  # it completes the base at random
    module = parametrizations.orthogonal(
        Holder(frame(shape, dtype, rng=11)), "weight", kind, use_trivialization=trivialized
    )
    p = parameter(module)
    with torch.no_grad():
        # The diagonal holds the signs of its reflectors.
        p += 0.4 * torch.randn(p.shape, dtype=p.dtype) * (1 - torch.eye(*p.shape[-2:]))
    return module


@every_map
@every_way
@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 2, 5)])
def test_loads_torch_state_dict(kind, trivialized, shape):
    # Of complex reflectors PyTorch has none.
    for dtype in DTYPES if kind != "householder" else ("float64",):
        theirs = of_torch(shape, kind, dtype, trivialized=trivialized)
        ours = holder(shape, kind, dtype=dtype, trivialized=trivialized)
        state = theirs.state_dict()
        before = {name: value.clone() for name, value in state.items()}
        assert not any(ours.load_state_dict(state))
        assert_near(ours.weight, theirs.weight, LOADED)
        assert all(torch.equal(state[name], before[name]) for name in before)


@every_map
@every_way
def test_a_loaded_checkpoint_trains_as_it_would_have(kind, trivialized):
    """The coordinates below the base differ by a rotation, which gradient descent does not see."""
    shape = (3, 7)
    theirs = of_torch(shape, kind, trivialized=trivialized)
    ours = holder(shape, kind, trivialized=trivialized)
    ours.load_state_dict(theirs.state_dict())
    direction = torch.tensor(gaussian(*shape, rng=4))
    for module in (theirs, ours):
        optimizer = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.5)
        for _ in range(5):
            optimizer.zero_grad()
            (module.weight * direction).sum().backward()
            optimizer.step()
    assert_near(ours.weight, theirs.weight, LOADED)


@every_map
def test_square_checkpoints_go_back_to_pytorch(kind):
    ours = holder((4, 4), kind)
    with torch.no_grad():
        parameter(ours).add_(torch.tensor(gaussian(4, 4, rng=2)).tril(-1))
    theirs = of_torch((4, 4), kind)
    missing, unexpected = theirs.load_state_dict(ours.state_dict(), strict=False)
    assert not missing
    assert set(unexpected) <= {"parametrizations.weight.0.signs"}
    assert_near(theirs.weight, ours.weight)


@every_map
@every_way
def test_state_dicts_come_back(kind, trivialized):
    shape = (3, 7) if trivialized else (4, 4)
    saved = perturbed(holder(shape, kind, trivialized=trivialized))
    loaded = holder(shape, kind, trivialized=trivialized, rng=9)
    assert not any(loaded.load_state_dict(saved.state_dict()))
    assert torch.equal(loaded.weight, saved.weight)
    assigned = holder(shape, kind, trivialized=trivialized, rng=10)
    assigned.load_state_dict(saved.state_dict(), assign=True)
    assert torch.equal(assigned.weight, saved.weight)


def test_a_state_dict_holds_the_parameter_the_base_and_the_signs():
    n, k = 9, 3
    for kind in MAPS:
        state = holder((n, k), kind).state_dict()
        assert state["parametrizations.weight.original"].shape == (n, k)
        assert state["parametrizations.weight.0.base"].shape == (n, k)
        assert sum(value.numel() for value in state.values()) <= 2 * n * k + k
    signs = holder((n, k), "cayley", trivialized=False).state_dict()[
        "parametrizations.weight.0.signs"
    ]
    assert signs.dtype == torch.int8
