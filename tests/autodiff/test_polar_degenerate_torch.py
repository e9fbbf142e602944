"""What the gradient of `polar` is in PyTorch where the matrix is singular."""

from __future__ import annotations

import numpy as np
import pytest

from orthola import Status, polar
from orthola.testing import orthonormal
from tests.autodiff.polar_torch_cases import loss, matrix, weights

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
DEGENERATE = ("nan", "zero", "tikhonov")


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
