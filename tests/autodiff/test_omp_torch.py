"""Derivatives of `omp` in PyTorch against finite differences, and its transformations."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from orthola import omp, omp_path, transfer_codes
from orthola.testing import gaussian

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
gradcheck, gradgradcheck = torch.autograd.gradcheck, torch.autograd.gradgradcheck

K = 3


def tensor(x):
    return torch.tensor(np.asarray(x)).requires_grad_()


def problem(dtype="float64"):
    return gaussian(3, 6, dtype=dtype, rng=1), gaussian(9, 6, dtype=dtype, rng=2)


def outputs(**options):
    def function(y, a):
        codes = omp(y, a, **({"n_nonzero": K} | options))
        return codes.coefficients, codes.residual_norm

    return function


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize(
    "options", [{}, {"selection": "ols"}, {"tol": 0.7}, {"n_nonzero": [1, 3, 2]}], ids=str
)
def test_gradient_of_coefficients_and_residual(dtype, options):
    assert gradcheck(outputs(**options), tuple(map(tensor, problem(dtype))))


def test_gradient_of_nonnegative_codes():
    y, a = problem()
    assert gradcheck(outputs(nonnegative=True), (tensor(np.abs(y)), tensor(a)))


def test_second_derivatives():
    assert gradgradcheck(outputs(n_nonzero=2), tuple(map(tensor, problem())))
    y, a = problem("complex128")
    assert gradgradcheck(outputs(n_nonzero=2), (tensor(y[:1]), tensor(a)))


def test_padding_exact_fits_and_bad_signals_contribute_zero():
    y, a = problem()
    y[0] = 2.0 * a[4]  # an exact fit
    y[1] = np.nan
    y[2] = 0.0
    signals, atoms = tensor(y), tensor(a)
    codes = omp(signals, atoms, n_nonzero=K, normalize=True, check_finite=False)
    assert codes.n_active.tolist() == [1, 0, 0]
    (codes.coefficients.sum() + codes.residual_norm[[0, 2]].sum()).backward()
    assert signals.grad.isfinite().all()
    assert not signals.grad[1:].any()
    expected = np.zeros((9, 6))
    size = a[4] @ a[4]
    expected[4] = -2.0 * a[4] / size  # of the coefficient 2
    np.testing.assert_allclose(atoms.grad, expected, atol=1e-14)
    np.testing.assert_allclose(signals.grad[0], a[4] / size, atol=1e-14)


def test_single_precision_gradients_keep_their_dtype():
    wide = tuple(map(tensor, problem()))
    single = tuple(tensor(x.astype(np.float32)) for x in problem())
    for y, a in (wide, single):
        omp(y, a, n_nonzero=K).coefficients.square().sum().backward()
    for x, expected in zip(single, wide, strict=True):
        assert x.grad.dtype == torch.float32
        torch.testing.assert_close(x.grad, expected.grad.float(), rtol=1e-4, atol=1e-5)


def test_stacks_of_dictionaries():
    y, a = gaussian(2, 6, shape=(3,), rng=1), gaussian(9, 6, shape=(3,), rng=2)
    assert gradcheck(outputs(n_nonzero=2), (tensor(y), tensor(a)))


def test_vmap_equals_the_batch_and_per_sample_jacobians():
    y, a = (torch.tensor(x) for x in problem())

    def one(y, a):
        codes = omp(y[None, :], a, n_nonzero=K)
        return codes.coefficients[0], codes.residual_norm[0]

    found = torch.func.vmap(one, (0, None))(y, a)
    for x, expected in zip(found, outputs()(y, a), strict=True):
        torch.testing.assert_close(x, expected, rtol=0, atol=1e-13)
    jacobians = torch.func.vmap(torch.func.jacrev(lambda y: one(y, a)[0]))(y)
    for i in range(3):
        expected = torch.autograd.functional.jacobian(lambda y: one(y, a)[0], y[i])
        torch.testing.assert_close(jacobians[i], expected, rtol=0, atol=1e-12)


def test_compiled_equals_eager_without_a_warning():
    y, a = problem()

    def loss(y, a):
        codes = omp(y, a, n_nonzero=K, tol=0.05)
        return codes.coefficients.square().sum() + codes.residual_norm.sum()

    gradients = []
    for function in (loss, torch.compile(loss, fullgraph=True, backend="aot_eager")):
        signals, atoms = tensor(y), tensor(a)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            function(signals, atoms).backward()
        gradients.append((signals.grad, atoms.grad))
    torch._dynamo.reset()
    for one, two in zip(*gradients, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-13)


def test_paths_and_transfers_pass_gradients_on():
    y, a = problem()

    def function(y, a, target):
        path = omp_path(y, a, n_nonzero=2)
        moved = transfer_codes(omp(y, a, n_nonzero=2), target)
        return path.coefficients, path.residual_norm, moved

    assert gradcheck(function, (tensor(y), tensor(a), tensor(gaussian(9, 2, rng=3))))
