"""Forward mode of `polar` in PyTorch: refused, but for derivatives of the unrolled iterations."""

from __future__ import annotations

import pytest

from orthola import polar
from tests.autodiff.polar_torch_cases import CASES, OF_TORCH, loss, weights

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


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
