"""Sparse samples: the data, who decomposes them without making them dense, and how well.

A case of shape (n, m) stands for n sparse rows of length 2000, like counts of words: each row takes
m entries, most of them from what its topic, one of 100, is about.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.accuracy import MEASURES, SUMMARY, Accuracy
from benchmarks.speed.protocol import Case, Job, contender, peer

SPARSE = "sparse rows"
RANK, FEATURES, TOPICS, BLOCK = 64, 2000, 100, 5000


def data(case: Case) -> Any:
    """What a case stands for, in CSR form."""
    sparse = peer("scipy.sparse")
    values = np.abs(case.array())
    n, m = values.shape
    rng = np.random.default_rng(case.seed + 1)
    popular = 1.0 / (1.0 + np.arange(FEATURES))
    columns = np.empty((n, m), np.int64)
    topics = rng.integers(0, TOPICS, n)
    for topic in range(TOPICS):
        mine = np.flatnonzero(topics == topic)
        weight = popular[rng.permutation(FEATURES)] + 0.1 * popular
        columns[mine] = rng.choice(FEATURES, (len(mine), m), p=weight / weight.sum())
    rows = np.repeat(np.arange(n), m)
    return sparse.coo_array((values.ravel(), (rows, columns.ravel())), (n, FEATURES)).tocsr()


def _accuracy(numbers: NDArray[Any], *answer: NDArray[Any]) -> Accuracy:
    """Relative error of the singular values, and error of the basis over the best one."""
    x = data(Case(SPARSE, numbers.shape))
    gram = (x.T @ x).toarray()
    truth = np.linalg.eigvalsh(gram)[::-1]
    values, components = answer
    kept = np.einsum("ki,ij,kj->", components, gram, components, optimize=True)
    return {
        "sigma": float(np.max(np.abs(values / np.sqrt(truth[:RANK]) - 1))),
        "excess": float(np.sqrt((truth.sum() - kept) / truth[RANK:].sum()) - 1),
    }


MEASURES[SPARSE] = _accuracy
SUMMARY[SPARSE] = "{sigma:.1e} / {excess:.1e}"


@contender("IncrementalSVD")
def orthola_sparse(case: Case) -> Job:
    import orthola

    x = data(case)

    def call() -> Any:
        svd = orthola.IncrementalSVD(RANK)
        for start in range(0, x.shape[0], BLOCK):
            svd.partial_fit(x[start : start + BLOCK])
        return svd.result()

    return Job(call, lambda found: (found.singular_values, found.components))


@contender("scikit-learn TruncatedSVD")
def sklearn_sparse(case: Case) -> Job:
    decomposition = peer("sklearn.decomposition")
    x = data(case)

    def call() -> Any:
        return decomposition.TruncatedSVD(RANK, random_state=0).fit(x)

    return Job(call, lambda found: (found.singular_values_, found.components_))
