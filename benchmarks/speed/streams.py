"""Streamed decompositions: the data, who takes them in, and how good the answer is.

A case stands for data whose samples come in blocks, 64 directions wanted, the mean taken off:

* rows, low rank: 20000 x 512, rank 64 and a tenth of noise, 40 blocks;
* rows, slow decay: the same size, singular values as i^(-1/2);
* columns, short: 512 x 12800 in 200 blocks, 96 decaying directions and noise;
* columns, long: 12000 x 1920 in 60 blocks, the same;
* columns, long, as they are: the same without taking the mean off;
* columns, long, little noise: the same with a tenth of the noise. All 64 directions are above it
  then: they are 44 * 0.9^63 = 0.06 at least, the noise has 0.015, and 0.15 before.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.accuracy import MEASURES, SUMMARY, Accuracy
from benchmarks.speed.protocol import Case, Job, contender, peer

LOW_RANK, SLOW = "stream of rows, low rank", "stream of rows, slow decay"
SHORT, LONG = "stream of short columns", "stream of long columns"
PLAIN = "stream of long columns, as they are"
CLEAR = "stream of long columns, little noise"
RANK = 64
BLOCK = {LOW_RANK: 500, SLOW: 500, SHORT: 64, LONG: 32, PLAIN: 32, CLEAR: 32}
AXIS = {LOW_RANK: 0, SLOW: 0, SHORT: 1, LONG: 1, PLAIN: 1, CLEAR: 1}
CENTRED = (LOW_RANK, SLOW, SHORT, LONG)


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
    noise = 1e-4 if case.problem == CLEAR else 1e-3
    return np.asfortranarray((basis * decay) @ rng.standard_normal((96, x.shape[1])) + noise * x)


def blocks(case: Case, x: NDArray[Any], width: int | None = None) -> Iterator[NDArray[Any]]:
    """Its blocks, samples as they are given."""
    axis, width = AXIS[case.problem], width or BLOCK[case.problem]
    for start in range(0, x.shape[axis], width):
        cut = slice(start, start + width)
        yield x[cut] if axis == 0 else x[:, cut]


def stream_accuracy(problem: str, numbers: NDArray[Any], *answer: NDArray[Any]) -> Accuracy:
    """Relative error of the 64 singular values, and error of the basis over the best one."""
    case = Case(problem, numbers.shape)
    x = data(case)
    m = x if AXIS[problem] == 0 else x.T
    m = m - m.mean(0) if problem in CENTRED else m
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


def _streamed(case: Case, width: int | None = None, **options: Any) -> Job:
    import orthola

    x = data(case)
    options |= {"axis": AXIS[case.problem], "center": case.problem in CENTRED}

    def call() -> Any:
        svd = orthola.IncrementalSVD(RANK, **options)
        for block in blocks(case, x, width):
            svd.partial_fit(block)
        return svd.result()

    return Job(call, lambda found: (found.singular_values, found.components))


@contender("IncrementalSVD")
def orthola_stream(case: Case) -> Job:
    return _streamed(case)


@contender("IncrementalSVD, Gram")
def orthola_gram(case: Case) -> Job:
    return _streamed(case, engine="exact-gram")


@contender("IncrementalSVD, one sample at a time")
def orthola_singly(case: Case) -> Job:
    return _streamed(case, 1)


@contender("IncrementalSVD, randomized")
def orthola_randomized(case: Case) -> Job:
    return _streamed(case, engine="randomized")


@contender("scikit-learn randomized_svd, in memory")
def sklearn_randomized(case: Case) -> Job:
    function = peer("sklearn.utils.extmath").randomized_svd
    x = data(case)
    rows = x if AXIS[case.problem] == 0 else x.T

    def call() -> Any:
        return function(rows - rows.mean(0), RANK, random_state=0)

    return Job(call, lambda found: (found[1], found[2]))


@contender("update of the textbook")
def textbook_stream(case: Case) -> Job:
    """One QR and one small SVD per block, truncated to the rank: no oversampling, no buffer."""
    x = data(case)

    def call() -> Any:
        u, s = np.zeros((x.shape[0], 0)), np.zeros(0)
        for block in blocks(case, x):
            inside = u.T @ block
            q, r = np.linalg.qr(block - u @ inside)
            core = np.block([[np.diag(s), inside], [np.zeros((len(r), len(s))), r]])
            p, s, _ = np.linalg.svd(core, full_matrices=False)
            u, s = np.concatenate([u, q], axis=1) @ p[:, :RANK], s[:RANK]
        return s, u

    return Job(call, lambda found: (found[0], found[1].T))


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
