"""Derivatives of `procrustes` in PyTorch against finite differences, and its transformations."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import orthola
from orthola import Status, procrustes
from orthola.testing import gaussian

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
gradcheck, gradgradcheck = torch.autograd.gradcheck, torch.autograd.gradgradcheck

FREE, TURN = {}, {"rotation_only": True}
SIMILARITY = {"scaling": True, "translation": True}
ALL = TURN | SIMILARITY


def tensor(x):
    return torch.tensor(np.asarray(x)).requires_grad_()


def factors(n):
    """Points A with A^T A = I, and errors E with A^T E = 0."""
    q = np.linalg.qr(gaussian(2 * n + 1, 2 * n, rng=n))[0]
    return q[:, :n], q[:, n:]


def pairs():
    a, e = factors(3)
    wide, others = factors(4)
    x = gaussian(6, 3, shape=(3,), rng=0)
    flip = x[0] @ np.diag([1.0, 1.0, -1.0]) + 0.1 * gaussian(6, 3, rng=1)
    return {
        "M = I": (a, a + 0.3 * e),
        "M = c I": (2.0 * a, 1.5 * a + 0.3 * e),
        "M = diag(2, 2, 1, 1)": (wide * [2.0, 2.0, 1.0, 1.0], wide + 0.2 * others),
        "negative determinant": (x[0], flip),
        "batch": (x, x @ orthola.haar(3, shape=(3,), rng=2) + 0.2 * x[::-1]),
        "column": (x[0, :, :1], x[1, :, :1]),
        "column that runs the other way": (x[0, :, :1], -x[1, :, :1]),
        "plane": (x[0, :, :2], x[1, :, :2]),
    }


PAIRS = pairs()


def outputs(**options):
    def function(a, b, *w):
        fit = procrustes(a, b, weights=w[0] if w else None, **options)
        return (*fit.transform, fit.residual)

    return function


def weights(a):
    return tensor(np.broadcast_to(np.linspace(0.5, 2.0, a.shape[-2]), a.shape[:-1]).copy())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("options", [FREE, TURN, SIMILARITY, ALL], ids=str)
@pytest.mark.parametrize("name", PAIRS)
def test_gradient_of_all_outputs(name, options, weighted):
    a, b = PAIRS[name]
    arrays = [tensor(a), tensor(b), *([weights(a)] if weighted else [])]
    assert gradcheck(outputs(**options), arrays)


def test_gradient_repeated_singular_values():
    """Also of an exact fit, whose residual has derivative 0 instead of none."""
    a, _ = factors(4)
    for scale in (np.ones(4), np.full(4, 3.0), np.array([2.0, 2.0, 1.0, 1.0])):
        x, y = tensor(a * scale), tensor(a)
        for options in (FREE, TURN, SIMILARITY):
            assert gradcheck(lambda a, b, o=options: outputs(**o)(a, b)[:3], (x, y))
    x, y = tensor(2.0 * a), tensor(2.0 * a)
    assert gradcheck(lambda a, b: outputs(**FREE)(a, b)[:3], (x, y))
    procrustes(x, y).residual.backward()
    assert not x.grad.any()
    assert not y.grad.any()


def test_gradient_rank_n_minus_1():
    """Among rotations M of rank n - 1 determines R, and its derivative."""
    a, e = factors(3)
    x, y = tensor(a * [2.0, 1.0, 0.0]), tensor(a + 0.3 * e)
    assert gradcheck(lambda a, b: outputs(**TURN)(a, b)[:3], (x, y))
    fit = procrustes(x, y)
    assert int(fit.status) == Status.RANK_DEFICIENT
    fit.transform.rotation.square().sum().backward()
    assert x.grad.isfinite().all()


def test_gradient_so_negative_determinant():
    a, b = PAIRS["negative determinant"]
    x, y = tensor(a), tensor(b)
    fit = procrustes(x, y, rotation_only=True)
    assert float(fit.uniqueness.reflection_gain) > 0
    assert gradcheck(outputs(**ALL), (x, y))
    assert gradgradcheck(outputs(**TURN), (x, y))


def test_second_derivatives():
    a, b = PAIRS["M = c I"]
    assert gradgradcheck(outputs(**SIMILARITY), (tensor(a), tensor(b), weights(a)))
    a, b = PAIRS["batch"]
    assert gradgradcheck(outputs(**TURN), (tensor(a[:2]), tensor(b[:2])))


def test_complex_points():
    a, b = (tensor(gaussian(5, 2, dtype="complex128", rng=k)) for k in (0, 1))
    assert gradcheck(outputs(**SIMILARITY), (a, b, weights(a)))
    assert gradcheck(outputs(**FREE), (a[:, :1].detach().requires_grad_(), b[:, :1]))


def test_rank_deficient_and_empty_points_have_finite_gradients():
    for shape in ((2, 4), (1, 3), (0, 3), (2, 0)):
        x, y = tensor(gaussian(*shape, rng=0)), tensor(gaussian(*shape, rng=1))
        total = sum(t.sum() for t in outputs(**SIMILARITY)(x, y))
        if total.requires_grad:
            total.backward()
            assert x.grad.isfinite().all()
            assert y.grad.isfinite().all()


def test_a_refined_fit_has_the_gradient_of_the_exact_one():
    q, _ = factors(4)
    x, y = tensor(q * [1.0, 1e-1, 1e-2, 1e-3]), tensor(q)
    w = torch.tensor(gaussian(4, 4, rng=7))
    grads = []
    for steps in (0, 1):
        r = procrustes(x, y, refine=steps).transform.rotation
        grads.append(torch.autograd.grad((w * r).sum(), (x, y)))
    for one, two in zip(*grads, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-6, atol=1e-9)


def test_single_precision_gradients_keep_their_dtype():
    a, b = PAIRS["batch"]
    x, y = tensor(a.astype(np.float32)), tensor(b.astype(np.float32))
    fit = procrustes(x, y, translation=True)
    fit.transform.rotation.sum().backward()
    assert x.grad.dtype == torch.float32
    p, q = tensor(a), tensor(b)
    procrustes(p, q, translation=True).transform.rotation.sum().backward()
    torch.testing.assert_close(x.grad, p.grad.float(), rtol=1e-4, atol=1e-5)


def test_nan_items_leave_the_gradients_of_others_alone():
    a, b = PAIRS["batch"]
    x, y = tensor(a), tensor(b)
    fit = procrustes(x, y)
    fit.transform.rotation[[0, 2]].sum().backward()
    bad = a.copy()
    bad[1, 0, 0] = np.nan
    z, y2 = tensor(bad), tensor(b)
    fit = procrustes(z, y2, check_finite=False)
    assert fit.status.tolist() == [Status.OK, Status.NONFINITE, Status.OK]
    fit.transform.rotation[[0, 2]].sum().backward()
    torch.testing.assert_close(z.grad[[0, 2]], x.grad[[0, 2]])


def test_vmap_equals_the_stack_and_jacobians_agree():
    a, b = (torch.tensor(x) for x in PAIRS["batch"])
    w = weights(a).detach()

    def fit(a, b, w):
        return tuple(outputs(**ALL)(a, b, w))

    found = torch.func.vmap(fit)(a, b, w)
    for x, y in zip(found, fit(a, b, w), strict=True):
        torch.testing.assert_close(x, y, rtol=0, atol=1e-14)

    def rotation(a, b):
        return procrustes(a, b, rotation_only=True).transform.rotation

    per_sample = torch.func.vmap(torch.func.jacrev(rotation, argnums=(0, 1)))(a, b)
    for i in range(3):
        one = torch.autograd.functional.jacobian(rotation, (a[i], b[i]))
        for x, y in zip(per_sample, one, strict=True):
            torch.testing.assert_close(x[i], y, rtol=0, atol=1e-12)


def test_compiled_equals_eager_without_a_warning():
    a, b = PAIRS["batch"]
    w = torch.tensor(gaussian(3, 3, rng=5))

    def loss(x, y):
        fit = procrustes(x, y, rotation_only=True, scaling=True, translation=True)
        r, s, t = fit.transform
        return (w * r).sum() + s.sum() + t.square().sum() + fit.residual.sum()

    grads = []
    for function in (loss, torch.compile(loss, fullgraph=True, backend="aot_eager")):
        x, y = tensor(a), tensor(b)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            function(x, y).backward()
        grads.append((x.grad, y.grad))
    torch._dynamo.reset()
    for one, two in zip(*grads, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-13)


def test_transforms_pass_gradients_on():
    a, b = PAIRS["M = I"]
    x, y, z = tensor(a), tensor(b), tensor(gaussian(4, 3, rng=3))

    def there_and_back(x, y, z):
        transform = procrustes(x, y, scaling=True, translation=True).transform
        return transform.apply(z), transform.inverse().compose(transform).apply(z)

    assert gradcheck(there_and_back, (x, y, z))
