"""Speed of ``cayley`` and ``cayley_inverse`` against their peers, answers judged in the same run.

Time is never asserted: a goal that is missed shows as a number in the table.
"""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.speed.accuracy import MEASURES, SUMMARY, Accuracy
from benchmarks.speed.protocol import Case, Job, contender, peer
from benchmarks.speed.report import NO_GOAL, Compare, Goal, Outcome

LOOP_ITEMS = 500  # a Python loop over a long stack is sampled on its first items
C_LIMIT = 50.0  # errors in units of n u; those of A and of gradients times the size of A or Q
PEER_SLACK = 1e4  # a peer further from our targets than this was called wrongly

Shape = tuple[int, ...]
BLOCKS: Shape = (256, 32, 32)
TINY: Shape = (10000, 8, 8)


# --- problems --------------------------------------------------------------------------------


def _skew(a: NDArray[Any]) -> NDArray[Any]:
    return (a - a.mT) / 2


def _weights(shape: Shape) -> NDArray[np.float64]:
    """The cotangent of Q in the gradients."""
    return np.random.default_rng(7).standard_normal(shape)


def _rotations(a: NDArray[Any]) -> NDArray[Any]:
    """Haar rotations made of Gaussian matrices; determinant 1, so that the plain route exists."""
    q, r = np.linalg.qr(a.astype(np.float64))
    q = q * np.sign(np.einsum("...ii->...i", r))[..., None, :]
    q[..., 0] *= np.linalg.det(q)[..., None]
    return q.astype(a.dtype)


def _frobenius(x: NDArray[Any]) -> NDArray[Any]:
    return np.linalg.norm(x, axis=(-2, -1))


def cayley_accuracy(a: NDArray[Any], q: NDArray[Any]) -> Accuracy:
    """Defect of Q, and the relative residual of Q (I - T) = I + T, T = skew(a)/2."""
    q, t = q.astype(np.float64), _skew(a.astype(np.float64)) / 2
    eye = np.eye(a.shape[-1])
    return {
        "orthogonality": float(np.max(np.linalg.norm(q.mT @ q - eye, ord=2, axis=(-2, -1)))),
        "residual": float(np.max(_frobenius(q @ (eye - t) - eye - t) / _frobenius(eye + t))),
    }


def gradient_accuracy(a: NDArray[Any], q: NDArray[Any], gradient: NDArray[Any]) -> Accuracy:
    """The same, and the relative error of the gradient."""
    t, eye = _skew(a.astype(np.float64)) / 2, np.eye(a.shape[-1])
    z = np.linalg.inv(eye - t)
    w = _weights(a.shape)[: len(a)] if a.ndim > 2 else _weights(a.shape)
    exact = _skew(z.mT @ w.astype(a.dtype) @ z.mT)
    error = np.max(_frobenius(gradient - exact) / _frobenius(exact))
    return {**cayley_accuracy(a, q), "gradient": float(error)}


def inverse_accuracy(a: NDArray[Any], skew: NDArray[Any], signs: NDArray[Any]) -> Accuracy:
    """Relative residual of Q (I - T) = D (I + T), T = A/2, and the largest entry of T."""
    q, t = _rotations(a).astype(np.float64), skew.astype(np.float64) / 2
    eye = np.eye(a.shape[-1])
    right = signs.astype(np.float64)[..., None] * (eye + t)
    return {
        "residual": float(np.max(_frobenius(q @ (eye - t) - right) / _frobenius(eye + t))),
        "entry": float(np.max(np.abs(t))),
    }


# Workers import this file when they look for a contender.
MEASURES["cayley"] = cayley_accuracy
MEASURES["cayley gradient"] = gradient_accuracy
MEASURES["cayley inverse"] = inverse_accuracy
SUMMARY["cayley"] = "{orthogonality:.1e} / {residual:.1e}"
SUMMARY["cayley gradient"] = "{orthogonality:.1e} / {gradient:.1e}"
SUMMARY["cayley inverse"] = "{residual:.1e}, entries to {entry:.2g}"


# --- the map ---------------------------------------------------------------------------------


def _one(answer: Any) -> tuple[NDArray[Any], ...]:
    return (np.asarray(answer),)


@contender("cayley, NumPy arrays")
def ours_numpy(case: Case) -> Job:
    import orthola

    a = case.array()
    return Job(lambda: orthola.cayley(a), _one)


@contender("cayley, PyTorch tensors")
def ours_torch(case: Case) -> Job:
    import orthola

    a = peer("torch").from_numpy(case.array())
    return Job(lambda: orthola.cayley(a), _one)


@contender("scipy.linalg.solve")
def scipy_solve(case: Case) -> Job:
    from scipy.linalg import solve

    a = case.array()
    eye = np.eye(a.shape[-1], dtype=a.dtype)

    def call() -> NDArray[Any]:
        t = (a - a.T) * 0.25
        return solve(eye - t, eye + t)

    return Job(call, _one)


@contender(f"scipy.linalg.solve loop ({LOOP_ITEMS} items, scaled)")
def scipy_solve_loop(case: Case) -> Job:
    from scipy.linalg import solve

    some = case.array()[:LOOP_ITEMS]
    eye = np.eye(some.shape[-1], dtype=some.dtype)

    def call() -> list[Any]:
        return [solve(eye - t, eye + t) for t in (some - some.mT) * 0.25]

    return Job(call, lambda answer: (np.stack(answer),), items=len(some))


@contender("numpy.linalg.solve")
def numpy_solve(case: Case) -> Job:
    a = case.array()
    eye = np.eye(a.shape[-1], dtype=a.dtype)

    def call() -> NDArray[Any]:
        t = (a - a.mT) * 0.25
        return np.linalg.solve(eye - t, eye + t)

    return Job(call, _one)


def _torch_map(torch: Any, a: Any, eye: Any) -> Any:
    """What ``torch.nn.utils.parametrizations.orthogonal`` computes for its map "cayley"."""
    t = (a - a.mT) * 0.5
    return torch.linalg.solve(torch.add(eye, t, alpha=-0.5), torch.add(eye, t, alpha=0.5))


@contender("torch.linalg.solve, as in PyTorch's map")
def torch_map(case: Case) -> Job:
    torch = peer("torch")
    a = torch.from_numpy(case.array())
    eye = torch.eye(a.shape[-1], dtype=a.dtype)
    return Job(lambda: _torch_map(torch, a, eye), _one)


# --- with its gradient -----------------------------------------------------------------------


def _both(function: Any, case: Case, torch: Any) -> Job:
    a = torch.from_numpy(case.array()).requires_grad_()
    w = torch.from_numpy(_weights(case.shape).astype(case.dtype))

    def call() -> Any:
        q = function(a)
        return q, torch.autograd.grad(q, a, w)[0]

    return Job(call, lambda answer: tuple(x.detach().numpy() for x in answer))


@contender("cayley, PyTorch, with gradient")
def ours_gradient(case: Case) -> Job:
    import orthola

    return _both(orthola.cayley, case, peer("torch"))


@contender("autograd through torch.linalg.solve")
def torch_gradient(case: Case) -> Job:
    torch = peer("torch")
    eye = torch.eye(case.shape[-1], dtype=getattr(torch, case.dtype))
    return _both(lambda a: _torch_map(torch, a, eye), case, torch)


# --- the inverse -----------------------------------------------------------------------------


@contender("cayley_inverse, NumPy arrays")
def ours_inverse(case: Case) -> Job:
    import orthola

    q = _rotations(case.array())
    return Job(lambda: orthola.cayley_inverse(q), lambda answer: tuple(answer[:2]))


@contender("cayley_inverse with signs 1, NumPy arrays")
def ours_inverse_of_ones(case: Case) -> Job:
    import orthola

    q = _rotations(case.array())
    ones = np.ones(q.shape[-1], q.dtype)
    return Job(
        lambda: orthola.cayley_inverse(q, signs=ones),
        lambda answer: (answer.skew, np.ones(q.shape[:-1])),
    )


def _plain(solve: Any, case: Case) -> Job:
    """2 (Q + I)^-1 (Q - I), made skew: no other signs, no status."""
    q = _rotations(case.array())
    eye = np.eye(q.shape[-1], dtype=q.dtype)

    def call() -> NDArray[Any]:
        x = solve(q + eye, q - eye)
        return x - x.mT

    return Job(call, lambda answer: (answer, np.ones(q.shape[:-1])))


@contender("scipy.linalg.solve, one sign")
def scipy_inverse(case: Case) -> Job:
    from scipy.linalg import solve

    return _plain(solve, case)


@contender("numpy.linalg.solve, one sign")
def numpy_inverse(case: Case) -> Job:
    return _plain(np.linalg.solve, case)


# --- comparisons -----------------------------------------------------------------------------

dtypes = pytest.mark.parametrize("dtype", ["float64", "float32"])


def grid(name: str, *quick: Any, full: tuple[Any, ...] = ()) -> pytest.MarkDecorator:
    """Parametrize; every run has the values ``quick``, and ``--quick`` leaves out ``full``."""
    more = [pytest.param(value, marks=pytest.mark.full, id=_id(value)) for value in full]
    return pytest.mark.parametrize(name, [*(pytest.param(v, id=_id(v)) for v in quick), *more])


def _id(value: Any) -> str:
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    return getattr(getattr(value, "prepare", value), "__name__", str(value))


def judge(outcome: Outcome, *measures: str) -> None:
    """Ours meets its target, or is at least as accurate as the peer; the peer is sane."""
    case = outcome.case
    n, u = case.shape[-1], float(np.finfo(case.dtype).eps) / 2
    limit = C_LIMIT * n * u
    for measure in measures:
        ours, other = outcome.ours[measure], outcome.peer[measure]
        assert other <= PEER_SLACK * limit, (measure, other)
        assert ours <= max(limit, other), (measure, ours, limit, other)


@dtypes
@grid("peer", torch_map, scipy_solve)
@grid("n", 64, 256, full=(8, 512))
def test_one_matrix(compare: Compare, n: int, peer: Any, dtype: str) -> None:
    ours = ours_torch if peer is torch_map else ours_numpy
    judge(compare(Case("cayley", (n, n), dtype), ours, peer), "orthogonality", "residual")


@dtypes
@grid("n", 64, 256, full=(8, 512))
def test_one_matrix_with_gradient(compare: Compare, n: int, dtype: str) -> None:
    outcome = compare(Case("cayley gradient", (n, n), dtype), ours_gradient, torch_gradient)
    judge(outcome, "orthogonality", "residual", "gradient")


@dtypes
@grid("shape", BLOCKS, TINY)
def test_stack_with_gradient(compare: Compare, shape: Shape, dtype: str) -> None:
    goal = Goal(cpu=2.0) if shape == BLOCKS else NO_GOAL
    outcome = compare(Case("cayley gradient", shape, dtype), ours_gradient, torch_gradient, goal)
    judge(outcome, "orthogonality", "residual", "gradient")


@dtypes
@grid("peer", numpy_solve, torch_map, full=(scipy_solve_loop,))
@grid("shape", TINY, full=(BLOCKS,))
def test_stack(compare: Compare, shape: Shape, peer: Any, dtype: str) -> None:
    case = Case("cayley", shape, dtype)
    if peer is scipy_solve_loop and shape == BLOCKS:
        pytest.skip("a loop is no peer worth its time at this order")
    ours = ours_torch if peer is torch_map else ours_numpy
    judge(compare(case, ours, peer), "orthogonality", "residual")


@dtypes
@grid("ours", ours_inverse_of_ones, ours_inverse)
@grid("n", 64, 256, full=(8, 512))
def test_inverse_of_one_matrix(compare: Compare, n: int, ours: Any, dtype: str) -> None:
    judge(compare(Case("cayley inverse", (n, n), dtype), ours, scipy_inverse), "residual")


@dtypes
@grid("ours", ours_inverse_of_ones, ours_inverse)
@grid("shape", BLOCKS, full=(TINY,))
def test_inverse_of_a_stack(compare: Compare, shape: Shape, ours: Any, dtype: str) -> None:
    judge(compare(Case("cayley inverse", shape, dtype), ours, numpy_inverse), "residual")
