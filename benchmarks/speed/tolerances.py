"""Streams whose rank a tolerance decides: the data, who takes them in, and how good the answer is.

A case stands for 512 x 12800 in 200 blocks of columns, 96 decaying directions and noise, that are
to be kept with an error of at most so much of their norm, in as few directions as possible.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed import streams
from benchmarks.speed.accuracy import MEASURES, SUMMARY, Accuracy
from benchmarks.speed.protocol import Case, Job, contender, peer

COARSE, FINE = "stream to 5e-2", "stream to 1e-2"
TOLERANCES = {COARSE: 5e-2, FINE: 1e-2}
SHARE = 0.9  # of the tolerance that the peer leaves to its last step, as in its own example
HASTY = 0.75  # the same where it is fastest, for more directions


def data(case: Case) -> NDArray[Any]:
    """What a case stands for."""
    return streams.data(Case(streams.SHORT, case.shape, seed=case.seed))


def blocks(x: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Its blocks."""
    width = streams.BLOCK[streams.SHORT]
    return (x[:, start : start + width] for start in range(0, x.shape[1], width))


class _Measure:
    """Error of the projection over the tolerance, directions, and how many more than the fewest."""

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def __call__(self, numbers: NDArray[Any], basis: NDArray[Any]) -> Accuracy:
        x = data(Case(self.problem, numbers.shape))
        allowed = TOLERANCES[self.problem] * np.linalg.norm(x)
        tails = np.sqrt(np.cumsum(np.linalg.svd(x, compute_uv=False)[::-1] ** 2))
        return {
            "error": float(np.linalg.norm(x - basis @ (basis.T @ x)) / allowed),
            "kept": float(basis.shape[1]),
            "more": float(basis.shape[1] - np.sum(tails > allowed)),
        }


for _problem in TOLERANCES:
    MEASURES[_problem] = _Measure(_problem)
    SUMMARY[_problem] = "{error:.3f} of the tolerance, {kept:.0f} kept, {more:.0f} more than needed"


@contender("IncrementalSVD, tol")
def orthola_stream(case: Case) -> Job:
    import orthola

    x = data(case)

    def call() -> Any:
        svd = orthola.IncrementalSVD(tol=TOLERANCES[case.problem], axis=1)
        for block in blocks(x):
            svd.partial_fit(block)
        return svd.result()

    return Job(call, lambda found: (found.basis[:, : int(found.rank)],))


def _hapod(case: Case, share: float) -> Job:
    algorithm = peer("pymor.algorithms.hapod")
    space = peer("pymor.vectorarrays.numpy").NumpyVectorSpace(case.shape[0])
    peer("pymor.core.logger").set_log_levels({"pymor": "ERROR"})
    x = data(case)
    steps = case.shape[1] // streams.BLOCK[streams.SHORT]
    # Its tolerance is a mean over the samples; it has to know the norm of all data beforehand.
    mean = TOLERANCES[case.problem] * np.linalg.norm(x) / np.sqrt(case.shape[1])

    def call() -> Any:
        parts = (space.from_numpy(block) for block in blocks(x))
        return algorithm.inc_hapod(steps, parts, mean, share)[0]

    return Job(call, lambda modes: (modes.to_numpy(),))


@contender("pyMOR inc_hapod")
def pymor_hapod(case: Case) -> Job:
    return _hapod(case, SHARE)


@contender("pyMOR inc_hapod, hasty")
def pymor_hasty(case: Case) -> Job:
    return _hapod(case, HASTY)
