"""Speed and memory of frames, of their inverse, and of reflectors of frames against their peers.

Time is never asserted: a goal that is missed shows as a number in the table. The memory of a
contender is the growth of its process, at its largest, after a warm-up on a small frame.
"""

import resource
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.speed.accuracy import MEASURES, SUMMARY, Accuracy
from benchmarks.speed.protocol import Case, Job, contender, peer
from benchmarks.speed.report import NO_GOAL, Compare, Goal, Outcome

C_LIMIT = 25.0  # errors in units of n eps
C_GRADIENT = 25.0  # the same for a derivative, beside what its central difference has
PEER_SLACK = 100  # a peer further from our targets than this was called wrongly
STEP = 1e-5
WARM = 64  # rows of the first frame, which loads what the process needs

Shape = tuple[int, ...]
full = pytest.mark.full
dtypes = pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=full)])


# --- problems --------------------------------------------------------------------------------


def _parameters(a: NDArray[Any]) -> NDArray[Any]:
    """X of norm about 1."""
    return a / np.asarray(a.shape[-2] ** 0.5, a.dtype)


def _weights(shape: Shape) -> NDArray[np.float64]:
    """The cotangent of Q in the gradients."""
    return np.random.default_rng(7).standard_normal(shape)


def _orthonormal(a: NDArray[Any]) -> NDArray[Any]:
    q, r = np.linalg.qr(a.astype(np.float64))
    return (q * np.sign(np.diag(r))).astype(a.dtype)


def _woodbury(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The frame in double precision by a system of order 2 k."""
    n, k = x.shape
    lower, e = np.tril(x, -1), np.eye(n, k)
    u, v = np.hstack([lower, e]), np.hstack([e, -lower])
    return e + u @ np.linalg.solve(np.eye(2 * k) - 0.5 * v.T @ u, v.T @ e)


def _defect(q: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(q.T @ q - np.eye(q.shape[1]), 2))


def frame_accuracy(a: NDArray[Any], q: NDArray[Any], memory: NDArray[Any]) -> Accuracy:
    """Defect and error of Q."""
    q, exact = q.astype(np.float64), _woodbury(_parameters(a).astype(np.float64))
    return {
        "orthogonality": _defect(q),
        "error": float(np.linalg.norm(q - exact, 2)),
        "megabytes": float(memory),
    }


def gradient_accuracy(
    a: NDArray[Any], q: NDArray[Any], xbar: NDArray[Any], memory: NDArray[Any]
) -> Accuracy:
    """The same, and the relative error of the gradient in one direction."""
    x, bar = _parameters(a).astype(np.float64), xbar.astype(np.float64)
    direction = np.tril(bar, -1) / np.linalg.norm(bar)
    sides = [np.vdot(_weights(x.shape), _woodbury(x + s * direction)) for s in (STEP, -STEP)]
    slope = (sides[0] - sides[1]) / (2 * STEP)
    found = float(np.vdot(np.tril(bar, -1), direction))
    return frame_accuracy(a, q, memory) | {"slope": abs(found - slope) / abs(slope)}


def inverse_accuracy(a: NDArray[Any], x: NDArray[Any], signs: NDArray[Any]) -> Accuracy:
    """Distance of the frame of X from the one that was asked for."""
    q, back = _orthonormal(a).astype(np.float64), _woodbury(x.astype(np.float64))
    back[: len(signs)] *= signs[:, None]
    return {"round_trip": float(np.linalg.norm(back - q, 2))}


def vectors_accuracy(
    a: NDArray[Any], v: NDArray[Any], tau: NDArray[Any], signs: NDArray[Any]
) -> Accuracy:
    """The same for the product of the reflectors."""
    v, tau, back = v.astype(np.float64), tau.astype(np.float64), np.eye(*a.shape)
    for column, factor in zip(v.T[::-1], tau[::-1], strict=True):
        back -= np.outer(factor * column, column @ back)
    return {"round_trip": float(np.linalg.norm(back * signs - _orthonormal(a), 2))}


MEASURES["frame"] = frame_accuracy
MEASURES["frame gradient"] = gradient_accuracy
MEASURES["frame inverse"] = inverse_accuracy
MEASURES["frame vectors"] = vectors_accuracy
SUMMARY["frame"] = "{orthogonality:.1e} / {error:.1e}, {megabytes:.0f} MB"
SUMMARY["frame gradient"] = "{orthogonality:.1e} / {slope:.1e}, {megabytes:.0f} MB"
SUMMARY["frame inverse"] = SUMMARY["frame vectors"] = "{round_trip:.1e}"


# --- contenders ------------------------------------------------------------------------------


def _peak() -> float:
    """Megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _in_torch(case: Case, prepared: Callable[[Any], tuple[Any, Callable[[], Any]]]) -> Job:
    """The frame by a function of tensors without arguments, and the gradient of its leaf."""
    torch = peer("torch")

    def made(a: NDArray[Any]) -> Callable[[], tuple[Any, ...]]:
        leaf, frame = prepared(torch.from_numpy(_parameters(a)))
        bar = torch.from_numpy(_weights(a.shape).astype(a.dtype))

        def call() -> tuple[Any, ...]:
            if "gradient" not in case.problem:
                with torch.no_grad():
                    return (frame(),)
            q = frame()
            return q, *torch.autograd.grad(q, leaf, bar)

        return call

    a = case.array()
    made(a[:WARM])()
    before = _peak()
    return Job(
        made(a),
        lambda answer: (
            *(part.detach().numpy() for part in answer), np.asarray(_peak() - before)
        ),
    )  # fmt: skip


@contender("cayley_frame, PyTorch tensors")
def ours_torch(case: Case) -> Job:
    import orthola

    def prepared(x: Any) -> tuple[Any, Callable[[], Any]]:
        leaf = x.requires_grad_()
        return leaf, lambda: orthola.cayley_frame(leaf)

    return _in_torch(case, prepared)


@contender("torch orthogonal, cayley")
def torch_orthogonal(case: Case) -> Job:
    torch = peer("torch")
    parametrizations = peer("torch.nn.utils.parametrizations")

    def prepared(x: Any) -> tuple[Any, Callable[[], Any]]:
        layer = torch.nn.Linear(x.shape[1], x.shape[0], bias=False, dtype=x.dtype)
        parametrizations.orthogonal(
            layer, orthogonal_map="cayley", use_trivialization=False
        )  # fmt: skip
        leaf = layer.parametrizations.weight.original
        with torch.no_grad():
            leaf.copy_(x)
        return leaf, lambda: layer.weight

    return _in_torch(case, prepared)


@contender("cayley_frame, NumPy arrays")
def ours_numpy(case: Case) -> Job:
    import orthola

    x = _parameters(case.array())
    orthola.cayley_frame(x[:WARM])
    before = _peak()
    return Job(
        lambda: orthola.cayley_frame(x), lambda q: (q, np.asarray(_peak() - before))
    )  # fmt: skip


@contender("cayley_frame_inverse, NumPy arrays")
def ours_inverse(case: Case) -> Job:
    import orthola

    q = _orthonormal(case.array())
    return Job(lambda: orthola.cayley_frame_inverse(q), lambda answer: tuple(answer[:2]))


@contender("the formulas in NumPy, no signs, no status")
def plain_inverse(case: Case) -> Job:
    q = _orthonormal(case.array())
    k = q.shape[1]
    eye, ones = np.eye(k, dtype=q.dtype), np.ones(k)

    def call() -> tuple[NDArray[Any], ...]:
        system = 2 * np.linalg.inv(eye + q[:k])
        skew = 0.5 * (system.T - system)
        return np.concatenate([np.tril(2 * skew, -1), q[k:] @ system]), ones

    return Job(call, lambda answer: answer)


@contender("householder_vectors, NumPy arrays")
def ours_vectors(case: Case) -> Job:
    import orthola

    q = _orthonormal(case.array())
    return Job(lambda: orthola.householder_vectors(q), lambda answer: tuple(answer[:3]))


@contender("scipy.linalg.qr, raw, and the signs; no status")
def scipy_vectors(case: Case) -> Job:
    from scipy.linalg import qr

    q = _orthonormal(case.array())
    eye = np.eye(*q.shape, dtype=q.dtype)

    def call() -> tuple[NDArray[Any], ...]:
        (packed, tau), r = qr(q, mode="raw", check_finite=False)
        return np.tril(packed, -1) + eye, tau, np.sign(np.diagonal(r))

    return Job(call, lambda answer: answer)


# --- comparisons -----------------------------------------------------------------------------


def judge(outcome: Outcome) -> None:
    n = outcome.case.shape[-2]
    limit = C_LIMIT * n * float(np.finfo(outcome.case.dtype).eps)
    limits = {
        "orthogonality": limit,
        "error": limit,
        "round_trip": limit,
        "slope": C_GRADIENT * n * float(np.finfo(outcome.case.dtype).eps) + 1e-7,
    }
    for measure, most in limits.items():
        if measure in outcome.ours:
            assert outcome.ours[measure] <= most, (measure, outcome.ours)
            assert outcome.peer[measure] <= PEER_SLACK * most, (measure, outcome.peer)
    # Three or four arrays of the size of X, and what BLAS and the allocator take once.
    if "megabytes" in outcome.ours:
        size = np.dtype(outcome.case.dtype).itemsize * np.prod(outcome.case.shape) / 2**20
        assert outcome.ours["megabytes"] <= 8 * size + 8


@dtypes
@pytest.mark.parametrize("ours", [ours_torch, ours_numpy], ids=["torch", "numpy"])
@pytest.mark.parametrize(
    ("shape", "goal"),
    [((512, 32), 100.0), pytest.param((2048, 32), 1500.0, marks=full)],
    ids=["512x32", "2048x32"],
)
def test_frame(compare: Compare, shape: Shape, goal: float, ours: Any, dtype: str) -> None:
    judge(compare(Case("frame", shape, dtype), ours, torch_orthogonal, Goal(cpu=goal)))


@dtypes
@pytest.mark.parametrize(
    ("shape", "goal"),
    [((512, 32), 50.0), pytest.param((2048, 32), 500.0, marks=full)],
    ids=["512x32", "2048x32"],
)
def test_frame_with_its_gradient(compare: Compare, shape: Shape, goal: float, dtype: str) -> None:
    case = Case("frame gradient", shape, dtype)
    judge(compare(case, ours_torch, torch_orthogonal, Goal(cpu=goal)))


@dtypes
@pytest.mark.parametrize("shape", [(512, 32), (1000, 200)], ids=["512x32", "1000x200"])
def test_frame_inverse(compare: Compare, shape: Shape, dtype: str) -> None:
    """The peer finds no signs, and does not look whether its argument is orthonormal."""
    judge(compare(Case("frame inverse", shape, dtype), ours_inverse, plain_inverse, NO_GOAL))


@dtypes
@pytest.mark.parametrize("shape", [(512, 32), (1000, 200)], ids=["512x32", "1000x200"])
def test_vectors(compare: Compare, shape: Shape, dtype: str) -> None:
    judge(compare(Case("frame vectors", shape, dtype), ours_vectors, scipy_vectors, Goal(cpu=1.0)))
