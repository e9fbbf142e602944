"""The best symmetric matrix between two sets of rows: who finds it, and how good it is.

A case (m, n) of Gaussian numbers is A; B is as many numbers of its own.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.accuracy import MEASURES, SUMMARY, Accuracy
from benchmarks.speed.protocol import Case, Job, contender, peer

PROBLEM = "symmetric procrustes"


def _images(a: NDArray[Any]) -> NDArray[Any]:
    return np.random.default_rng(a.size).standard_normal(a.shape).astype(a.dtype)


def symmetric_accuracy(a: NDArray[Any], factor: NDArray[Any]) -> Accuracy:
    """Asymmetry, and the slope of the objective on symmetric matrices, both relative."""
    a, x = (np.asarray(y, dtype=np.float64) for y in (a, factor))
    b = _images(a)
    slope = a.T @ (a @ x - b)
    return {
        "asymmetry": float(np.linalg.norm(x - x.T) / np.linalg.norm(x)),
        "slope": float(np.linalg.norm(slope + slope.T) / np.linalg.norm(a.T @ b)),
    }


MEASURES[PROBLEM] = symmetric_accuracy
SUMMARY[PROBLEM] = "{asymmetry:.1e} / {slope:.1e}"


@contender("symmetric_procrustes, NumPy arrays")
def orthola_symmetric(case: Case) -> Job:
    import orthola

    a = case.array()
    b = _images(a)
    return Job(lambda: orthola.symmetric_procrustes(a, b), lambda answer: (answer.factor,))


@contender("qc-procrustes symmetric")
def theochem_symmetric(case: Case) -> Job:
    symmetric = peer("procrustes").symmetric
    a = case.array()
    b = _images(a)
    return Job(lambda: symmetric(a, b), lambda answer: (answer.t,))
