"""Consensus of many configurations: the inputs, who solves it, and how good an answer is.

A case (N, m, n) of Gaussian numbers stands for N turned copies of one shape of m points with a
tenth of noise. Both contenders hand over the configurations moved; transforms alone, which ours
returns, are applied inside the clock.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.protocol import Case, Job, contender, peer

NOISE = 0.1


def configurations(numbers: NDArray[Any]) -> NDArray[Any]:
    """What a case stands for."""
    turns = np.linalg.qr(numbers[:, : numbers.shape[-1]])[0]
    return numbers[0] @ turns + NOISE * numbers


def generalized_accuracy(numbers: NDArray[Any], moved: NDArray[Any]) -> dict[str, float]:
    """Objective relative to the squared norms, and how far distances were changed."""
    x, y = (np.asarray(z, dtype=np.float64) for z in (configurations(numbers), moved))
    inner = np.linalg.norm(y @ y.mT - x @ x.mT, axis=(-2, -1))
    return {
        "objective": float(np.sum((y - y.mean(0)) ** 2) / np.sum(x**2)),
        "distortion": float(np.max(inner / np.linalg.norm(x @ x.mT, axis=(-2, -1)))),
    }


@contender("generalized_procrustes, NumPy arrays")
def orthola_generalized(case: Case) -> Job:
    import orthola

    x = configurations(case.array())
    return Job(
        lambda: orthola.generalized_procrustes(x).transforms.apply(x), lambda moved: (moved,)
    )


@contender("qc-procrustes generalized")
def theochem_generalized(case: Case) -> Job:
    generalized = peer("procrustes").generalized
    x = list(configurations(case.array()))
    return Job(lambda: generalized(x), lambda answer: (np.stack(answer[0]),))
