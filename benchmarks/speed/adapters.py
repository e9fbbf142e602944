"""Who is timed on layers with orthogonal weights: one training step of each.

The memory of a contender is the growth of its process, at its largest, from before it has made its
layer to after the last step.
"""

import resource
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.accuracy import MEASURES, SUMMARY, Accuracy
from benchmarks.speed.protocol import Case, Job, contender, peer

ROWS = 64  # of input per step
RATE = 1e-4
WARM = 256  # order of a first layer, which loads what the process needs


def step_accuracy(
    a: NDArray[Any], weight: NDArray[Any], fall: NDArray[Any], memory: NDArray[Any]
) -> Accuracy:
    """Distance from orthonormality after the steps, and how far they brought the loss."""
    q = np.asarray(weight, dtype=np.float64)
    defect = q.T @ q - np.eye(q.shape[1])
    return {
        "orthogonality": float(np.linalg.norm(defect, 2)),
        "fall": float(fall),
        "megabytes": float(memory),
    }


def reflection_accuracy(
    v: NDArray[Any], y: NDArray[Any], bar: NDArray[Any], memory: NDArray[Any]
) -> Accuracy:
    """Errors of the reflected input and of its derivative in the vectors, from one in float64."""
    v = np.asarray(v, dtype=np.float64)
    x, weights = _rows(v.shape[0])
    exact, w = x, weights
    for vector in v.T[::-1]:
        exact = exact - np.outer(exact @ vector, vector) * (2 / (vector @ vector))
    # The derivative is perpendicular to each vector, and changes with nothing but its direction.
    along = np.abs(np.sum(v * bar, axis=0)) / (np.linalg.norm(v, axis=0) * np.linalg.norm(bar))
    sides = []
    for sign in (1, -1):
        moved = v + sign * 1e-5 * np.random.default_rng(3).standard_normal(v.shape)
        out = x
        for vector in moved.T[::-1]:
            out = out - np.outer(out @ vector, vector) * (2 / (vector @ vector))
        sides.append(np.sum(out * w))
    slope = (sides[0] - sides[1]) / 2e-5
    found = float(np.sum(bar * np.random.default_rng(3).standard_normal(v.shape)))
    scale = float(np.linalg.norm(bar))
    return {
        "error": float(np.linalg.norm(y - exact) / np.linalg.norm(exact)),
        "slope": abs(found - slope) / scale,
        "radial": float(np.max(along)),
        "megabytes": float(memory),
    }


MEASURES["orthogonal step"] = step_accuracy
SUMMARY["orthogonal step"] = "{orthogonality:.1e}, {megabytes:.0f} MB"
MEASURES["reflections"] = reflection_accuracy
SUMMARY["reflections"] = "{error:.1e}, {megabytes:.0f} MB"


def _rows(width: int) -> tuple[NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(1)
    return rng.standard_normal((ROWS, width)), rng.standard_normal((ROWS, width))


def _peak(*, forget: bool = False) -> float:
    """Largest memory of this process in megabytes; earlier peaks are forgotten if Linux can."""
    if forget:
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _step(case: Case, kind: str, parametrise: Callable[..., Any]) -> Job:
    torch = peer("torch")
    n, k = case.shape

    def made(n: int, k: int) -> tuple[Any, Callable[[], Any]]:
        torch.manual_seed(0)
        layer = torch.nn.Linear(k, n, bias=False)
        start = torch.linalg.qr(torch.randn(n, k))[0]
        with torch.no_grad():
            layer.weight.copy_(start)
        parametrise(layer, "weight", kind)
        x = torch.randn(ROWS, k)
        target = x @ torch.linalg.qr(start + 0.1 * torch.randn(n, k) / n**0.5)[0].T
        optimizer = torch.optim.SGD(layer.parameters(), lr=RATE)

        def step() -> Any:
            optimizer.zero_grad()
            loss = (layer(x) - target).square().sum()
            loss.backward()
            optimizer.step()
            return loss.detach()

        return layer, step

    for _ in range(2):
        made(WARM, min(k, WARM))[1]()
    before = _peak(forget=True)
    layer, step = made(n, k)
    first = float(step())
    return Job(
        step,
        lambda loss: (
            layer.weight.detach().numpy(), np.asarray(float(loss) / first),
            np.asarray(_peak() - before),
        ),
    )  # fmt: skip


def _ours(case: Case, kind: str) -> Job:
    from orthola.adapters.torch import orthogonal

    return _step(case, kind, orthogonal)


def _theirs(case: Case, kind: str) -> Job:
    return _step(case, kind, peer("torch.nn.utils.parametrizations").orthogonal)


@contender("orthogonal, cayley")
def ours_cayley(case: Case) -> Job:
    return _ours(case, "cayley")


@contender("orthogonal, householder")
def ours_householder(case: Case) -> Job:
    return _ours(case, "householder")


@contender("orthogonal, matrix_exp")
def ours_matrix_exp(case: Case) -> Job:
    return _ours(case, "matrix_exp")


@contender("torch orthogonal, cayley")
def torch_cayley(case: Case) -> Job:
    return _theirs(case, "cayley")


@contender("torch orthogonal, householder")
def torch_householder(case: Case) -> Job:
    return _theirs(case, "householder")


@contender("torch orthogonal, matrix_exp")
def torch_matrix_exp(case: Case) -> Job:
    return _theirs(case, "matrix_exp")


def _reflected(case: Case, apply: Callable[[Any, Any], Any]) -> Job:
    torch = peer("torch")
    v = torch.from_numpy(case.array()).requires_grad_()
    x, weights = (torch.tensor(rows, dtype=v.dtype) for rows in _rows(case.shape[0]))

    def call() -> tuple[Any, Any]:
        y = apply(v, x)
        (bar,) = torch.autograd.grad((y * weights).sum(), v)
        return y.detach(), bar

    small = torch.randn(WARM, case.shape[1], requires_grad=True)
    torch.autograd.grad(apply(small, x[:, :WARM]).sum(), small)
    before = _peak(forget=True)
    return Job(
        call,
        lambda answer: (answer[0].numpy(), answer[1].numpy(), np.asarray(_peak() - before)),
    )


@contender("householder_apply to the rows")
def reflector_adapter(case: Case) -> Job:
    """X times the transpose of H_1 ... H_r: the input is reflected, and no square is formed."""
    import orthola

    return _reflected(case, lambda v, x: orthola.householder_apply(v, None, x.mT).mT)


@contender("dense d x d reflections")
def dense_adapter(case: Case) -> Job:
    """The orthogonal matrix of order d is updated by every reflector, then multiplied."""
    torch = peer("torch")

    def apply(v: Any, x: Any) -> Any:
        q = torch.eye(len(v), dtype=v.dtype)
        for vector in (v / v.norm(dim=0)).unbind(1):
            q = q - 2 * torch.outer(q @ vector, vector)
        return x @ q.mT

    return _reflected(case, apply)
