"""Re-basing orthogonal weights for PyTorch, and long training."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from orthola.adapters.torch import rebase  # noqa: E402
from tests.adapters.torch_weights import (  # noqa: E402
    assert_near,
    every_map,
    holder,
    parameter,
    perturbed,
)


@every_map
@pytest.mark.parametrize(
    ("shape", "dtype"), [((4, 4), "complex128"), ((3, 7), "float64"), ((2, 5, 2), "complex128")]
)
def test_rebasing_keeps_the_weight(kind, shape, dtype):
    module = perturbed(holder(shape, kind, dtype=dtype))
    before = module.weight.detach().clone()
    p = parameter(module)
    assert rebase(module, limit=0.0) is not None
    assert_near(module.weight, before)
    assert parameter(module) is p
    lower = p.mT if shape[-2] < shape[-1] else p
    assert not lower.tril(-1).any()


@every_map
def test_rebasing_waits_until_the_parameter_is_large(kind):
    module = holder((7, 3), kind)
    with torch.no_grad():
        parameter(module)[-1, 0] = 1.9  # ||A||_2
    assert rebase(module, limit=1.0) is None
    with torch.no_grad():
        parameter(module)[-1, 0] = 2.1
    before = module.weight.detach().clone()
    assert rebase(module, limit=1.0) is not None
    assert_near(module.weight, before)


@every_map
@pytest.mark.parametrize(
    ("shape", "dtype"), [((4, 4), "float64"), ((7, 3), "complex128"), ((3, 7), "float64")]
)
def test_moments_are_carried_to_the_new_base(kind, shape, dtype):
    """A small step in the old coordinates and its transport in the new ones move Q alike."""
    module = holder(shape, kind, dtype=dtype)
    perturbed(module, size=1e-4)
    p = parameter(module)
    generator = torch.Generator().manual_seed(3)
    moment = torch.randn(p.shape, dtype=p.dtype, generator=generator)
    step = 1e-4

    def moved(by):
        with torch.no_grad():
            p.add_(by, alpha=step)
            out = module.weight.clone()
            p.sub_(by, alpha=step)
        return (out - module.weight.detach()) / step

    old = moved(moment)
    carry = rebase(module, limit=0.0)
    new = moved(carry(moment))
    assert (new - old).abs().max() < 1e-2 * old.abs().max()


def test_rebasing_needs_a_base():
    with pytest.raises(ValueError, match="use_trivialization"):
        rebase(holder((6, 3), "cayley", trivialized=False))
    with pytest.raises(ValueError, match=r"orthola\.adapters\.torch\.orthogonal"):
        rebase(torch.nn.Linear(3, 2))
    with pytest.raises(ValueError, match="limit"):
        rebase(holder((6, 3), "cayley"), limit=-1.0)


# Long training and large weights


def trained(kind, steps, *, shape=(16, 6), lr=0.01):
    """Largest distance from orthonormality while a float32 weight is trained for long."""
    torch.manual_seed(0)
    module = holder(shape, kind, dtype="float32")
    optimizer = torch.optim.Adam(module.parameters(), lr=lr)
    x = torch.randn(64, shape[-1])
    worst = 0.0
    for i in range(steps):
        optimizer.zero_grad()
        y = x @ module.weight.mT
        (torch.cos(3 * y + 0.01 * i).sum() + y[:, 0].sum()).backward()
        optimizer.step()
        if i % 50 == 49:
            rebase(module, limit=1.0)
            q = module.weight.detach().double()
            gram = q.mT @ q - torch.eye(shape[-1], dtype=q.dtype)
            worst = max(worst, float(torch.linalg.matrix_norm(gram, 2)))
    return worst


@every_map
def test_weights_stay_orthonormal_in_training(kind):
    assert trained(kind, 300, lr=0.05) < 1e-6


@pytest.mark.long
@every_map
def test_weights_stay_orthonormal_in_long_training(kind):
    assert trained(kind, 10_000) < 1e-6
