"""Sparse coding: the signals, who codes them, and how good the codes are.

A case ``omp C`` of shape (B, M) is one of three configurations: unit Gaussian atoms, signals made
of k of them with Gaussian coefficients, and 1 % of noise, the numbers of the case. The answer of a
contender is judged by its supports and residuals, in float64, against a pursuit by another method
(an orthonormal basis and the residual instead of the Gram matrix).
"""

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.accuracy import MEASURES, SUMMARY, Accuracy
from benchmarks.speed.protocol import Case, Job, contender, peer

NOISE = 0.01


class Configuration(NamedTuple):
    """How many signals of how many features over how many atoms, and atoms in each."""

    items: int
    features: int
    atoms: int
    k: int
    sample: int  # signals for a contender too slow for all


CONFIGURATIONS = {
    "A": Configuration(2000, 256, 1024, 16, 200),
    "B": Configuration(20000, 64, 256, 8, 1000),
    "C": Configuration(256, 1024, 4096, 64, 16),
}
RULES = ("omp", "ols")


def case_of(name: str, dtype: str = "float64", rule: str = "omp") -> Case:
    """The case of a configuration."""
    given = CONFIGURATIONS[name]
    return Case(f"{rule} {name}", (given.items, given.features), dtype)


class Problem(NamedTuple):
    """What a contender is given."""

    signals: NDArray[Any]
    atoms: NDArray[Any]
    gram: NDArray[Any]
    k: int


def drawn(noise: NDArray[Any], atoms: int, k: int, dtype: Any) -> Problem:
    """Signals of k atoms with this noise, so many atoms, and their Gram matrix."""
    rng = np.random.default_rng(atoms)
    a = rng.standard_normal((atoms, noise.shape[1]))
    a /= np.linalg.norm(a, axis=1, keepdims=True)
    y = np.empty(noise.shape)
    for i, e in enumerate(noise.astype(np.float64)):
        clean = rng.standard_normal(k) @ a[rng.choice(atoms, k, replace=False)]
        y[i] = clean + NOISE * np.linalg.norm(clean) / np.linalg.norm(e) * e
    return Problem(y.astype(dtype), a.astype(dtype), (a @ a.T).astype(dtype), k)


def problem_of(problem: str, noise: NDArray[Any], dtype: Any) -> Problem:
    """What the contenders are given in a case of this name with these numbers."""
    given = CONFIGURATIONS[problem.rpartition(" ")[2]]
    return drawn(noise, given.atoms, given.k, dtype)


def judged(given: Problem, dense: NDArray[Any], rule: str) -> Accuracy:
    """Supports and residuals of codes beside those of the pursuit without a Gram matrix."""
    import orthola

    codes = orthola.omp(
        given.signals,
        given.atoms,
        n_nonzero=given.k,
        selection=rule,
        max_memory=2 * given.gram.nbytes - 1,  # too little for a Gram matrix
    )
    expected = np.zeros(dense.shape, dtype=bool)
    np.put_along_axis(expected, codes.indices, values=True, axis=1)
    same = ((dense != 0) == expected).all(axis=1)
    residual = np.linalg.norm(given.signals - dense @ given.atoms, axis=1)
    sizes = np.linalg.norm(given.signals, axis=1)
    excess = np.abs(residual - codes.residual_norm) / sizes
    return {
        "wrong": float(1 - same.mean()),
        "residual": float((residual / sizes).mean()),
        "excess": float(excess[same].max(initial=0.0)),
    }


def _measure(problem: str) -> Callable[..., Accuracy]:
    def accuracy(noise: NDArray[Any], dense: NDArray[Any]) -> Accuracy:
        return judged(problem_of(problem, noise, np.float64), dense, problem.partition(" ")[0])

    return accuracy


CODES = "{wrong:.2%} wrong / {residual:.4f} / {excess:.0e}"
for _name in CONFIGURATIONS:
    for _rule in RULES:
        MEASURES[f"{_rule} {_name}"] = _measure(f"{_rule} {_name}")
        SUMMARY[f"{_rule} {_name}"] = CODES


def dense_codes(codes: Any, given: Problem) -> NDArray[Any]:
    """As one array, zeros included."""
    dense = np.zeros((len(codes.indices), len(given.atoms)))
    np.put_along_axis(dense, codes.indices, codes.coefficients.astype(np.float64), axis=1)
    return dense


def _prepared(case: Case, *, sampled: bool = False) -> tuple[Problem, int | None]:
    given = problem_of(case.problem, case.array(), case.dtype)
    if not sampled:
        return given, None
    items = CONFIGURATIONS[case.problem.rpartition(" ")[2]].sample
    return given._replace(signals=given.signals[:items]), items


def _ours(case: Case, *, dtype: str | None = None, known_gram: bool = True, **options: Any) -> Job:
    import orthola

    given, _ = _prepared(case)
    if dtype is not None:
        given = Problem(*(x.astype(dtype) for x in given[:3]), given.k)
    options.setdefault("selection", case.problem.partition(" ")[0])
    if known_gram:
        options["gram"] = given.gram

    def call() -> Any:
        return orthola.omp(given.signals, given.atoms, n_nonzero=given.k, **options)

    return Job(call, lambda codes: (dense_codes(codes, given),))


@contender("omp, Gram matrix given")
def orthola_omp(case: Case) -> Job:
    return _ours(case)


@contender("omp, end to end")
def orthola_whole(case: Case) -> Job:
    return _ours(case, known_gram=False)


@contender("omp in float64")
def orthola_double(case: Case) -> Job:
    return _ours(case, dtype="float64")


@contender("omp, rule omp")
def orthola_rule_omp(case: Case) -> Job:
    return _ours(case, selection="omp")


@contender("omp, rule ols")
def orthola_rule_ols(case: Case) -> Job:
    return _ours(case, selection="ols")


@contender("omp, one thread")
def orthola_one_thread(case: Case) -> Job:
    import orthola

    job = _ours(case)

    def call() -> Any:
        with orthola.options(threads=1):
            return job.call()

    return Job(call, job.factors)


@contender("scikit-learn orthogonal_mp_gram (some signals, scaled)")
def sklearn_gram(case: Case) -> Job:
    pursue = peer("sklearn.linear_model").orthogonal_mp_gram
    given, items = _prepared(case, sampled=True)

    def call() -> Any:
        return pursue(given.gram, given.atoms @ given.signals.T, n_nonzero_coefs=given.k)

    return Job(call, lambda x: (np.asarray(x, dtype=np.float64).T,), items=items)


@contender("SPAMS omp, end to end")
def spams_omp(case: Case) -> Job:
    omp = peer("spams").omp
    given, _ = _prepared(case)
    signals, atoms = np.asfortranarray(given.signals.T), np.asfortranarray(given.atoms.T)
    threads = len(os.sched_getaffinity(0))

    def call() -> Any:
        return omp(signals, atoms, L=given.k, numThreads=threads)

    return Job(call, lambda x: (np.asarray(x.todense(), dtype=np.float64).T,))


@contender("dictlearn batch_omp_gram")
def dictlearn_gram(case: Case) -> Job:
    pursue = peer("dictlearn._coders._omp").batch_omp_gram
    given, _ = _prepared(case)

    def call() -> Any:
        return pursue(given.gram, given.atoms @ given.signals.T, n_nonzero_coefs=given.k)

    return Job(call, lambda x: (x.T,))
