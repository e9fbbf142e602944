"""Speed of ``skew_exp``, ``haar`` and ``retract`` against their peers, answers judged.

Time is never asserted: a goal that is missed shows as a number in the table.
"""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.speed.accuracy import MEASURES, SUMMARY, Accuracy
from benchmarks.speed.protocol import Case, Job, contender, peer
from benchmarks.speed.report import NO_GOAL, Compare, Goal, Outcome

C_LIMIT = 50.0  # errors in units of n u, those of gradients times 100
PEER_SLACK = 1e3  # a peer further from our targets than this was called wrongly

Shape = tuple[int, ...]
STACK: Shape = (1000, 8, 8)
ROTATIONS: Shape = (10000, 3, 3)
FRAME: Shape = (2048, 32)


# --- problems --------------------------------------------------------------------------------


def _skew(a: NDArray[Any]) -> NDArray[Any]:
    """Of a Gaussian matrix; the largest angle is near sqrt(2 n)."""
    return (a - a.mT) / 2


def _weights(shape: Shape, dtype: Any) -> NDArray[Any]:
    """The cotangent of Q in the gradients."""
    return np.random.default_rng(7).standard_normal(shape).astype(dtype)


def _frobenius(x: NDArray[Any]) -> NDArray[Any]:
    return np.linalg.norm(x, axis=(-2, -1))


def _defect(q: NDArray[Any]) -> float:
    gram = q.mT @ q - np.eye(q.shape[-1])
    return float(np.max(np.linalg.norm(gram, ord=2, axis=(-2, -1))))


def exponential_accuracy(
    a: NDArray[Any], q: NDArray[Any], gradient: NDArray[Any] | None = None
) -> Accuracy:
    """Defect of Q, its error and that of the gradient, against eigenvectors in double precision."""
    q = q.astype(np.float64)
    t, w = np.linalg.eigh(-1j * _skew(a.astype(np.float64)))
    wh = w.conj().mT
    exact = ((w * np.exp(1j * t)[..., None, :]) @ wh).real
    size = np.maximum(1.0, np.abs(t).max(axis=-1))
    found = {"orthogonality": _defect(q), "error": float(np.max(_frobenius(q - exact) / size))}
    if gradient is not None:
        mean, half = (
            (t[..., :, None] + t[..., None, :]) / 2,
            (t[..., :, None] - t[..., None, :]) / 2,
        )
        phi = np.exp(-1j * mean) * np.sinc(half / np.pi)
        weights = _weights(a.shape, a.dtype).astype(np.float64)
        right = _skew((w @ (phi * (wh @ weights @ w)) @ wh).real)
        error = _frobenius(gradient - right) / _frobenius(right)
        found["gradient"] = float(np.max(error))
    return found


def haar_accuracy(a: NDArray[Any], q: NDArray[Any]) -> Accuracy:
    """Defect and distance of the determinant from 1 or -1; a mean for the distribution.

    ``trace``: the mean of (tr Q)^2, which is 1, in standard deviations (about sqrt(2/items)).
    """
    trace = np.trace(q, axis1=-2, axis2=-1)
    items = max(trace.size, 1)
    return {
        "orthogonality": _defect(q),
        "determinant": float(np.max(np.abs(np.abs(np.linalg.det(q)) - 1))),
        "trace": float(abs(np.mean(trace**2) - 1) / np.sqrt(2 / items)),
    }


def _frame(a: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """X with orthonormal columns, and a tangent step of norm 2 from it."""
    x = np.linalg.qr(a)[0]
    z = _weights(a.shape, a.dtype)
    s = x.T @ z
    z -= x @ (s + s.T) / 2
    return x, z * (2 / np.linalg.norm(z))


def retraction_accuracy(a: NDArray[Any], r: NDArray[Any]) -> Accuracy:
    """Defect of R, and the residual of (I - A/2) R = (I + A/2) X, A = B X^T - X B^T."""
    x, z = _frame(a.astype(np.float64))
    b = z - x @ (x.T @ z) / 2
    s = x + r
    residual = r - x - (b @ (x.T @ s) - x @ (b.T @ s)) / 2
    return {"orthogonality": _defect(r), "error": float(np.linalg.norm(residual))}


# Workers import this file when they look for a contender.
MEASURES["exponential"] = exponential_accuracy
MEASURES["exponential gradient"] = exponential_accuracy
MEASURES["haar"] = haar_accuracy
MEASURES["retraction"] = retraction_accuracy
SUMMARY["exponential"] = "{orthogonality:.1e} / {error:.1e}"
SUMMARY["exponential gradient"] = "{orthogonality:.1e} / {gradient:.1e}"
SUMMARY["haar"] = "{orthogonality:.1e}, tr {trace:.1f}"
SUMMARY["retraction"] = "{orthogonality:.1e} / {error:.1e}"


# --- exponential -----------------------------------------------------------------------------


def _one(answer: Any) -> tuple[NDArray[Any], ...]:
    return (np.asarray(answer),)


@contender("skew_exp, NumPy arrays")
def ours_numpy(case: Case) -> Job:
    import orthola

    a = case.array()
    return Job(lambda: orthola.skew_exp(a), _one)


@contender("skew_exp, PyTorch tensors")
def ours_torch(case: Case) -> Job:
    import orthola

    a = peer("torch").from_numpy(case.array())
    return Job(lambda: orthola.skew_exp(a), _one)


@contender("scipy.linalg.expm")
def scipy_expm(case: Case) -> Job:
    from scipy.linalg import expm

    a = case.array()
    return Job(lambda: expm((a - a.mT) / 2), _one)


@contender("torch.matrix_exp")
def torch_exp(case: Case) -> Job:
    torch = peer("torch")
    a = torch.from_numpy(case.array())
    return Job(lambda: torch.matrix_exp((a - a.mT) / 2), _one)


def _with_gradient(case: Case, function: Any) -> Job:
    torch = peer("torch")
    array = case.array()
    a = torch.from_numpy(array).requires_grad_()
    weights = torch.from_numpy(_weights(array.shape, array.dtype))

    def call() -> Any:
        q = function(a)
        return q, torch.autograd.grad(q, a, weights)[0]

    return Job(call, lambda answer: tuple(x.detach().numpy() for x in answer))


@contender("skew_exp, forward and backward")
def ours_gradient(case: Case) -> Job:
    import orthola

    return _with_gradient(case, orthola.skew_exp)


@contender("torch.matrix_exp, forward and backward")
def torch_gradient(case: Case) -> Job:
    torch = peer("torch")
    return _with_gradient(case, lambda a: torch.matrix_exp((a - a.mT) / 2))


# --- haar ------------------------------------------------------------------------------------


@contender("haar")
def ours_haar(case: Case) -> Job:
    import orthola

    *batch, n, _ = case.shape
    rng, determinant = np.random.default_rng(1), 1 if n == 3 else None
    return Job(lambda: orthola.haar(n, shape=tuple(batch), rng=rng, determinant=determinant), _one)


@contender("scipy.stats")
def scipy_haar(case: Case) -> Job:
    stats = peer("scipy.stats")
    *batch, n, _ = case.shape
    rng, count = np.random.default_rng(1), batch[0] if batch else 1
    group = (stats.special_ortho_group if n == 3 else stats.ortho_group)(n, seed=rng)
    return Job(lambda: group.rvs(count), _one)


# --- retraction ------------------------------------------------------------------------------


@contender("retract, NumPy arrays")
def ours_retraction(case: Case) -> Job:
    import orthola

    x, z = _frame(case.array())
    return Job(lambda: orthola.retract(x, z), _one)


@contender("scipy.linalg.solve of order n")
def dense_retraction(case: Case) -> Job:
    from scipy.linalg import solve

    x, z = _frame(case.array())

    def call() -> NDArray[Any]:
        b = z - x @ (x.T @ z) / 2
        a = (b @ x.T - x @ b.T) / 2
        return solve(np.eye(len(x), dtype=x.dtype) - a, x + a @ x)

    return Job(call, _one)


@contender("Woodbury form of order 2k")
def woodbury_retraction(case: Case) -> Job:
    """As published (Wen and Yin 2013, doi:10.1007/s10107-012-0584-1)."""
    x, z = _frame(case.array())
    k = x.shape[1]

    def call() -> NDArray[Any]:
        b = z - x @ (x.T @ z) / 2
        u, v = np.concatenate([b, x], axis=1), np.concatenate([x, -b], axis=1)
        return x + u @ np.linalg.solve(np.eye(2 * k, dtype=x.dtype) - v.T @ u / 2, v.T @ x)

    return Job(call, _one)


# --- comparisons -----------------------------------------------------------------------------


def judge(outcome: Outcome) -> None:
    """Ours meets its target, or is at least as accurate as the peer; the peer is sane."""
    case = outcome.case
    u = float(np.finfo(case.dtype).eps) / 2
    limit = C_LIMIT * case.shape[-2] * u
    for measure in ("orthogonality", "error", "gradient", "determinant"):
        if measure in outcome.ours:
            allowed = 100 * limit if measure == "gradient" else limit
            ours, other = outcome.ours[measure], outcome.peer[measure]
            assert other <= PEER_SLACK * allowed, (measure, other)
            assert ours <= max(allowed, other), (measure, ours, allowed, other)
    assert outcome.ours.get("trace", 0.0) <= 6.0


dtypes = pytest.mark.parametrize("dtype", ["float64", "float32"])
full = pytest.mark.full


def _sizes(*orders: int) -> Any:
    cases = [(n, n) for n in orders] + [STACK]
    return pytest.mark.parametrize(
        "shape",
        [pytest.param(s, marks=() if s in ((64, 64), STACK) else full) for s in cases],
        ids=lambda s: "x".join(map(str, s)),
    )


@dtypes
@_sizes(64, 256, 512)
def test_exponential_against_scipy(compare: Compare, shape: Shape, dtype: str) -> None:
    goal = Goal(cpu=5.0) if shape == STACK else Goal(cpu=1.0)
    judge(compare(Case("exponential", shape, dtype), ours_numpy, scipy_expm, goal))


@dtypes
@_sizes(64, 256, 512)
def test_exponential_against_torch(compare: Compare, shape: Shape, dtype: str) -> None:
    goal = Goal(cpu=2.0) if shape == STACK else Goal(cpu=1.0)
    judge(compare(Case("exponential", shape, dtype), ours_torch, torch_exp, goal))


@dtypes
@_sizes(64, 256, 512)
def test_gradient_against_torch(compare: Compare, shape: Shape, dtype: str) -> None:
    goal = Goal(cpu=4.0) if shape == STACK else Goal(cpu=1.5)
    judge(compare(Case("exponential gradient", shape, dtype), ours_gradient, torch_gradient, goal))


def test_single_tiny_exponential(compare: Compare) -> None:
    """Almost nothing but the cost of a call."""
    judge(compare(Case("exponential", (3, 3)), ours_numpy, scipy_expm))


@pytest.mark.parametrize("shape", [ROTATIONS, (256, 256)], ids=str)
def test_haar_against_scipy(compare: Compare, shape: Shape) -> None:
    goal = Goal(cpu=10.0) if shape == ROTATIONS else NO_GOAL
    judge(compare(Case("haar", shape), ours_haar, scipy_haar, goal))


@dtypes
def test_retraction_against_dense_solve(compare: Compare, dtype: str) -> None:
    goal = Goal(cpu=100.0)
    judge(compare(Case("retraction", FRAME, dtype), ours_retraction, dense_retraction, goal))


@dtypes
def test_retraction_against_woodbury(compare: Compare, dtype: str) -> None:
    judge(compare(Case("retraction", FRAME, dtype), ours_retraction, woodbury_retraction))
