"""Streamed decompositions: the data, who takes them in, and how good the answer is.

A case stands for data whose samples come in blocks, all centred, 64 directions wanted:

* rows, low rank: 20000 x 512, rank 64 and a tenth of noise, 40 blocks;
* rows, slow decay: the same size, singular values as i^(-1/2);
* columns, short: 512 x 12800 in 200 blocks, 96 decaying directions and noise;
* columns, long: 12000 x 1920 in 60 blocks, the same.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.accuracy import MEASURES, SUMMARY, Accuracy
from benchmarks.speed.protocol import Case, Job, contender, peer

LOW_RANK, SLOW = "stream of rows, low rank", "stream of rows, slow decay"
SHORT, LONG = "stream of short columns", "stream of long columns"
RANK = 64
BLOCK = {LOW_RANK: 500, SLOW: 500, SHORT: 64, LONG: 32}
AXIS = {LOW_RANK: 0, SLOW: 0, SHORT: 1, LONG: 1}


def data(case: Case) -> NDArray[Any]:
    """What a case stands for."""
    x = case.array()
    rng = np.random.default_rng(case.seed + 1)
    if case.problem == LOW_RANK:
        return x[:, :RANK] @ rng.standard_normal((RANK, x.shape[1])) + 0.1 * x
    if case.problem == SLOW:
        return x / np.sqrt(np.arange(1, x.shape[1] + 1))
    basis = np.linalg.qr(rng.standard_normal((x.shape[0], 96)))[0]
    decay = 0.9 ** np.arange(96)
    return np.asfortranarray((basis * decay) @ rng.standard_normal((96, x.shape[1])) + 1e-3 * x)


def blocks(case: Case, x: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Its blocks, samples as they are given."""
    axis, width = AXIS[case.problem], BLOCK[case.problem]
    for start in range(0, x.shape[axis], width):
        cut = slice(start, start + width)
        yield x[cut] if axis == 0 else x[:, cut]


def stream_accuracy(problem: str, numbers: NDArray[Any], *answer: NDArray[Any]) -> Accuracy:
    """Relative error of the 64 singular values, and error of the basis over the best one."""
    case = Case(problem, numbers.shape)
    x = data(case)
    m = x if AXIS[problem] == 0 else x.T
    m = m - m.mean(0)
    truth = np.linalg.svd(m, compute_uv=False)
    values, components = answer
    kept = np.linalg.norm(m @ components.T)
    best = np.linalg.norm(truth[RANK:])
    error = np.sqrt(max(np.sum(truth**2) - kept**2, 0.0))
    return {
        "sigma": float(np.max(np.abs(values / truth[:RANK] - 1))),
        "excess": float(error / best - 1),
    }


class _Measure:
    def __init__(self, problem: str) -> None:
        self.problem = problem

    def __call__(self, numbers: NDArray[Any], *answer: NDArray[Any]) -> Accuracy:
        return stream_accuracy(self.problem, numbers, *answer)


for _problem in BLOCK:
    MEASURES[_problem] = _Measure(_problem)
    SUMMARY[_problem] = "{sigma:.1e} / {excess:.1e}"


def _streamed(case: Case, **options: Any) -> Job:
    import orthola

    x = data(case)

    def call() -> Any:
        svd = orthola.IncrementalSVD(RANK, axis=AXIS[case.problem], center=True, **options)
        for block in blocks(case, x):
            svd.partial_fit(block)
        return svd.result()

    return Job(call, lambda found: (found.singular_values, found.components))


@contender("IncrementalSVD")
def orthola_stream(case: Case) -> Job:
    return _streamed(case)


@contender("IncrementalSVD, Gram")
def orthola_gram(case: Case) -> Job:
    return _streamed(case, engine="exact-gram")


@contender("scikit-learn IncrementalPCA")
def sklearn_stream(case: Case) -> Job:
    decomposition = peer("sklearn.decomposition")
    x = data(case)
    rows = x if AXIS[case.problem] == 0 else x.T
    width = max(RANK, BLOCK[case.problem])  # it takes no fewer samples at first

    def call() -> Any:
        return decomposition.IncrementalPCA(RANK, batch_size=width).fit(rows)

    return Job(call, lambda found: (found.singular_values_, found.components_))


@contender("SVD of everything")
def whole_svd(case: Case) -> Job:
    x = data(case)
    rows = x if AXIS[case.problem] == 0 else x.T

    def call() -> Any:
        return np.linalg.svd(rows - rows.mean(0), full_matrices=False)

    return Job(call, lambda found: (found[1][:RANK], found[2][:RANK]))
