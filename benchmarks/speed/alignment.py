"""Procrustes problems: the points, who fits them, and how good a fit is.

A case (..., m, n) of Gaussian numbers, or of a given condition, is the points A. Their images are
A R with Haar rotations R and a tenth of noise ("procrustes"), A R itself ("procrustes, exact"), or
Gaussian numbers of their own ("procrustes, independent"), as in comparisons of bare routines. Rows
have weights for contenders that take them.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.accuracy import MEASURES, SUMMARY, Accuracy
from benchmarks.speed.protocol import Case, Job, contender, peer

NOISE = 0.1
LOOP_ITEMS = 100  # a Python loop over a long stack is sampled on so many items and scaled up
INDEPENDENT, EXACT = "procrustes, independent", "procrustes, exact"


def images(case: Case, a: NDArray[Any]) -> NDArray[Any]:
    """B of the points A of a case."""
    rng = np.random.default_rng(case.seed + 1)
    noise = rng.standard_normal(a.shape)
    if case.problem == INDEPENDENT:
        return noise.astype(case.dtype)
    n = a.shape[-1]
    q = np.linalg.qr(rng.standard_normal((*a.shape[:-2], n, n)))[0]
    q[..., 0] *= np.sign(np.linalg.det(q))[..., None]
    return (a @ q + (0 if case.problem == EXACT else NOISE) * noise).astype(case.dtype)


def weights(case: Case, a: NDArray[Any]) -> NDArray[Any]:
    """Weights of the points A of a case."""
    rng = np.random.default_rng(case.seed + 2)
    return rng.uniform(0.5, 2.0, a.shape[:-1]).astype(case.dtype)


def alignment_accuracy(
    a: NDArray[Any], b: NDArray[Any], w: NDArray[Any] | None, rotation: NDArray[Any]
) -> Accuracy:
    """Distance from orthogonality, and the squared residual above the least one, relative.

    The images are such that the best orthogonal map has the determinant that was planted.
    """
    a, b, r = (np.asarray(x, dtype=np.float64) for x in (a, b, rotation))
    wa = a if w is None else w[..., None].astype(np.float64) * a
    cross = wa.mT @ b
    best = np.linalg.svd(cross, compute_uv=False).sum(axis=-1)
    inner = np.sum(r * cross, axis=(-2, -1))
    size = np.sqrt(np.sum(wa * a, axis=(-2, -1)) * np.sum(b * b, axis=(-2, -1)))
    defect = np.linalg.eigvalsh(r.mT @ r - np.eye(r.shape[-1]))
    return {
        "orthogonality": float(np.max(np.abs(defect))),
        "excess": float(np.max((best - inner) / size)),
    }


def exact_accuracy(
    a: NDArray[Any], b: NDArray[Any], w: NDArray[Any] | None, rotation: NDArray[Any]
) -> Accuracy:
    """The same, and what is left of the images that a rotation can reach, relative."""
    misfit = np.linalg.norm(a @ rotation - b) / np.linalg.norm(b)
    return alignment_accuracy(a, b, w, rotation) | {"misfit": float(misfit)}


for _problem in ("procrustes", INDEPENDENT):
    MEASURES[_problem] = alignment_accuracy
    SUMMARY[_problem] = "{orthogonality:.1e} / {excess:.1e}"
MEASURES[EXACT] = exact_accuracy
SUMMARY[EXACT] = "{orthogonality:.1e} / {misfit:.1e}"


def _job(
    case: Case,
    solve: Callable[..., Any],
    rotation: Callable[[Any], Any],
    *,
    weighted: bool = False,
    items: int | None = None,
) -> Job:
    """A job that solves all problems at once, or the first `items` in a loop."""
    a = case.array()
    b, w = images(case, a), weights(case, a) if weighted else None
    if items is not None:
        a, b, w = a[:items], b[:items], None if w is None else w[:items]
    given = (a, b) if w is None else (a, b, w)

    def factors(answer: Any) -> tuple[Any, ...]:
        return b, w, np.asarray(rotation(answer))

    return Job(lambda: solve(*given), factors, items=items)


def _looped(case: Case, solve: Callable[..., Any], rotation: Callable[[Any], Any]) -> Job:
    def loop(a: NDArray[Any], b: NDArray[Any]) -> list[Any]:
        return [solve(x, y) for x, y in zip(a, b, strict=True)]

    def every(answer: list[Any]) -> NDArray[Any]:
        return np.stack([rotation(item) for item in answer])

    return _job(case, loop, every, items=LOOP_ITEMS)


def _ours(case: Case, *, weighted: bool = False, **options: Any) -> Job:
    import orthola

    def solve(a: Any, b: Any, w: Any = None) -> Any:
        return orthola.procrustes(a, b, weights=w, **options)

    return _job(case, solve, lambda fit: fit.transform.rotation, weighted=weighted)


@contender("procrustes, NumPy arrays")
def orthola_procrustes(case: Case) -> Job:
    return _ours(case)


@contender("procrustes, refine=1")
def orthola_refined(case: Case) -> Job:
    return _ours(case, refine=1)


@contender("procrustes, refine=0")
def orthola_plain(case: Case) -> Job:
    return _ours(case, refine=0)


@contender("procrustes, rotations")
def orthola_rotations(case: Case) -> Job:
    return _ours(case, rotation_only=True)


@contender("procrustes, sums in the dtype of the points")
def orthola_same(case: Case) -> Job:
    return _ours(case, accumulate="same", refine=0)


@contender("procrustes, weighted")
def orthola_weighted(case: Case) -> Job:
    return _ours(case, weighted=True)


@contender("procrustes, weighted with translation")
def orthola_weighted_shift(case: Case) -> Job:
    return _ours(case, weighted=True, translation=True)


@contender("procrustes, unweighted with translation")
def orthola_shift(case: Case) -> Job:
    return _ours(case, translation=True)


@contender("scipy.linalg.orthogonal_procrustes")
def scipy_procrustes(case: Case) -> Job:
    from scipy.linalg import orthogonal_procrustes

    return _job(case, orthogonal_procrustes, lambda answer: answer[0])


@contender(f"scipy orthogonal_procrustes loop ({LOOP_ITEMS} items, scaled)")
def scipy_loop(case: Case) -> Job:
    from scipy.linalg import orthogonal_procrustes

    return _looped(case, orthogonal_procrustes, lambda answer: answer[0])


@contender(f"Rotation.align_vectors loop ({LOOP_ITEMS} items, scaled)")
def align_vectors_loop(case: Case) -> Job:
    from scipy.spatial.transform import Rotation

    def solve(a: NDArray[Any], b: NDArray[Any]) -> Any:
        return Rotation.align_vectors(b, a)

    return _looped(case, solve, lambda answer: answer[0].as_matrix().T)


@contender("NumPy batched SVD")
def numpy_svd(case: Case) -> Job:
    def solve(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        u, _, vh = np.linalg.svd(a.mT @ b)
        return u @ vh

    return _job(case, solve, lambda r: r)


@contender("qc-procrustes orthogonal")
def theochem_orthogonal(case: Case) -> Job:
    return _job(case, peer("procrustes").orthogonal, lambda answer: answer.t)


@contender(f"qc-procrustes rotational loop ({LOOP_ITEMS} items, scaled)")
def theochem_rotational_loop(case: Case) -> Job:
    return _looped(case, peer("procrustes").rotational, lambda answer: answer.t)


@contender("qc-procrustes orthogonal, weighted")
def theochem_weighted(case: Case) -> Job:
    orthogonal = peer("procrustes").orthogonal

    def solve(a: NDArray[Any], b: NDArray[Any], w: NDArray[Any]) -> Any:
        return orthogonal(a, b, weight=w)

    return _job(case, solve, lambda answer: answer.t, weighted=True)
