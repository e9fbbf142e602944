"""Online dictionaries: the stream, who learns from it, and how good what was learned is.

A case (M, n) of Gaussian numbers stands for M rows x D: D orthogonal, and x the numbers, of which
all but a share theta are 0. Learners see every row once, from the same random start. Peers have the
mini-batch and the penalty at which they ended best in a scan, which only those can make who know D;
ours a mini-batch with which the streams of a scan ended below them.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.accuracy import MEASURES, SUMMARY, Accuracy
from benchmarks.speed.protocol import Case, Job, contender, peer

SPARSE, DENSER = "dictionary, theta 0.1", "dictionary, theta 0.3"
SHARES = {SPARSE: 0.1, DENSER: 0.3}
UPDATE = "dictionary update"
# Rows of a mini-batch; of the peers with their penalty.
OURS = {
    (SPARSE, 20): 128, (SPARSE, 50): 128, (SPARSE, 100): 192,
    (DENSER, 10): 128, (DENSER, 20): 64, (DENSER, 50): 64,
}  # fmt: skip
SKLEARN = {
    (SPARSE, 20): (10, 0.2), (SPARSE, 50): (32, 0.3), (SPARSE, 100): (50, 0.3),
    (DENSER, 10): (10, 0.2), (DENSER, 20): (10, 0.2), (DENSER, 50): (25, 0.3),
}  # fmt: skip
SPAMS = {
    (SPARSE, 20): (8, 0.15), (SPARSE, 50): (8, 0.15), (SPARSE, 100): (8, 0.15),
    (DENSER, 10): (8, 0.15), (DENSER, 20): (8, 0.2), (DENSER, 50): (8, 0.3),
}  # fmt: skip


def truth(n: int) -> NDArray[Any]:
    """The atoms."""
    return np.linalg.qr(np.random.default_rng(1).standard_normal((n, n)))[0]


def start(n: int) -> NDArray[Any]:
    """Where every learner starts."""
    return np.linalg.qr(np.random.default_rng(2).standard_normal((n, n)))[0]


def rows(case: Case) -> NDArray[Any]:
    """What a case stands for."""
    numbers = case.array()
    used = np.random.default_rng(case.seed + 1).random(numbers.shape) < SHARES[case.problem]
    return ((numbers * used) @ truth(numbers.shape[1])).astype(case.dtype)


def recovery_accuracy(numbers: NDArray[Any], atoms: NDArray[Any]) -> Accuracy:
    """Error of the fourth powers, and what the worst matched cosine lacks to 1."""
    import orthola

    found = orthola.dictionary_recovery(np.asarray(atoms, np.float64), truth(numbers.shape[1]))
    return {"err4": float(found.err4), "lacking": 1.0 - float(found.smallest)}


def update_accuracy(numbers: NDArray[Any], point: NDArray[Any]) -> Accuracy:
    """How far outside of the ball of spectral norm 1."""
    return {"outside": max(0.0, float(np.linalg.norm(point, 2)) - 1.0)}


for _problem in SHARES:
    MEASURES[_problem] = recovery_accuracy
    SUMMARY[_problem] = "{err4:.1e} / {lacking:.1e}"
MEASURES[UPDATE] = update_accuracy
SUMMARY[UPDATE] = "{outside:.0e}"


def _job(case: Case, learn: Callable[[NDArray[Any], NDArray[Any]], Any]) -> Job:
    y, a = rows(case), start(case.shape[1]).astype(case.dtype)
    return Job(lambda: learn(y, a), lambda atoms: (np.asarray(atoms),))


@contender("OnlineOrthogonalDictionary, one pass")
def orthola_online(case: Case) -> Job:
    import orthola

    batch = OURS[case.problem, case.shape[1]]

    def learn(y: NDArray[Any], a: NDArray[Any]) -> Any:
        model = orthola.OnlineOrthogonalDictionary(batch_size=batch, init=a)
        return model.fit(y).components_

    return _job(case, learn)


@contender("MiniBatchDictionaryLearning, one pass")
def sklearn_online(case: Case) -> Job:
    decomposition = peer("sklearn.decomposition")
    batch, alpha = SKLEARN[case.problem, case.shape[1]]

    def learn(y: NDArray[Any], a: NDArray[Any]) -> Any:
        model = decomposition.MiniBatchDictionaryLearning(
            len(a), alpha=alpha, batch_size=batch, fit_algorithm="cd", dict_init=a, random_state=0,
            max_iter=1, tol=0, max_no_improvement=None, shuffle=False,
        )  # fmt: skip
        return model.fit(y).components_

    return _job(case, learn)


@contender("SPAMS trainDL, one pass")
def spams_online(case: Case) -> Job:
    train = peer("spams").trainDL
    batch, penalty = SPAMS[case.problem, case.shape[1]]
    steps = case.shape[0] // batch

    def learn(y: NDArray[Any], a: NDArray[Any]) -> Any:
        # Columns are samples and atoms there: transposes of ours in Fortran order, not copied.
        return train(
            y.T, D=np.asfortranarray(a.T), lambda1=penalty, batchsize=batch, iter=steps,
            numThreads=1, verbose=False,
        ).T  # fmt: skip

    return _job(case, learn)


@contender("the published step, rewritten")
def published_online(case: Case) -> Job:
    """Mini-batches as ours, the published weights, two SVDs a step and no tail."""
    batch = OURS[case.problem, case.shape[1]]

    def learn(y: NDArray[Any], a: NDArray[Any]) -> Any:
        z = np.zeros_like(a)
        for t in range(len(y) // batch):
            rows = y[t * batch : (t + 1) * batch]
            c = rows @ a.T
            rho, gamma = 4.0 * (t + 1) ** -0.5, 2.0 * (t + 2) ** -0.75
            z = (1.0 - rho) * z + (rho / batch) * ((c * np.abs(c)).T @ rows)
            a = _orthogonal((1.0 - gamma) * a + gamma * _orthogonal(z))
        return a

    return _job(case, learn)


@contender("orthogonal_dictionary")
def orthola_offline(case: Case) -> Job:
    import orthola

    return _job(case, lambda y, a: orthola.orthogonal_dictionary(y, init=a).dictionary)


@contender("power method, 60 steps, rewritten")
def power_method(case: Case) -> Job:
    def learn(y: NDArray[Any], a: NDArray[Any]) -> Any:
        for _ in range(60):
            c = y @ a.T
            a = _orthogonal((c * np.abs(c)).T @ y)
        return a

    return _job(case, learn)


def _orthogonal(x: NDArray[Any]) -> NDArray[Any]:
    """The polar factor, as one writes it."""
    u, _, vh = np.linalg.svd(x)
    return u @ vh  # type: ignore[no-any-return]


@contender("dictionary_update")
def orthola_update(case: Case) -> Job:
    import orthola

    y = case.array()
    state = orthola.dictionary_init(y.shape[1], init=start(y.shape[1]))
    for _ in range(5):
        state = orthola.dictionary_update(state, y)
    return Job(lambda: orthola.dictionary_update(state, y), lambda new: (new.iterate,))


@contender("its four products and one polar factor")
def products_and_polar(case: Case) -> Job:
    import orthola

    y = case.array()
    a = start(y.shape[1])
    w = y @ a.T

    def floor() -> Any:
        # Codes of the iterate and of refined atoms, the gradient, and the product of the tail.
        y @ a.T
        y @ a.T
        w.T @ y
        return orthola.polar(w.T @ y).unitary

    return Job(floor, lambda s: (s,))
