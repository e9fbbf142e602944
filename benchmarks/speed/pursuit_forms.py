"""The two forms of a pursuit on both sides of where they cross: the one that is chosen, the other.

A case ``omp form N/k`` of shape (B, M) is B signals of k out of N atoms, as in `pursuits`. Forming
the Gram matrix, where the form has one, is part of the time. A plan made for 1.15 times the least
time on every shape never has a ratio below 1/1.15.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.accuracy import MEASURES, SUMMARY, Accuracy
from benchmarks.speed.protocol import Case, Job, contender
from benchmarks.speed.pursuits import CODES, dense_codes, drawn, judged

PROBLEM = "omp form"
DICTIONARIES = ((256, 64, 4), (256, 64, 16), (1024, 128, 8), (1024, 256, 32), (2048, 512, 16))
SIGNALS = (1, 16, 64, 128, 512, 2000)
CASES = tuple(
    Case(f"{PROBLEM} {atoms}/{k}", (signals, features))
    for atoms, features, k in DICTIONARIES
    for signals in SIGNALS
)
# How many times the signals that repay a Gram matrix there must be: with these it is never, always.
FORCED = {"residual": float("inf"), "stored-rows": 0.0}


class _Measure:
    """Supports and residuals, as of other pursuits."""

    def __init__(self, atoms: int, k: int) -> None:
        self.sizes = atoms, k

    def __call__(self, noise: NDArray[Any], dense: NDArray[Any]) -> Accuracy:
        return judged(drawn(noise, *self.sizes, np.float64), dense, "omp")


def _sizes(problem: str) -> tuple[int, int]:
    atoms, k = problem.rpartition(" ")[2].split("/")
    return int(atoms), int(k)


for _case in CASES:
    MEASURES[_case.problem] = _Measure(*_sizes(_case.problem))
    SUMMARY[_case.problem] = CODES


def _job(case: Case, *, other: bool) -> Job:
    import orthola
    from orthola._core.options import with_tuning
    from orthola._core.tuning import BUILT_IN, using

    given = drawn(case.array(), *_sizes(case.problem), case.dtype)
    arguments = given.signals, given.atoms
    chosen = orthola.explain(orthola.omp, *arguments, n_nonzero=given.k)["form"]
    if not other:
        return Job(
            lambda: orthola.omp(*arguments, n_nonzero=given.k),
            lambda codes: (dense_codes(codes, given),),
        )
    (form,) = FORCED.keys() - {chosen}
    limits = dict.fromkeys(("gram_steps", "gram_factor"), FORCED[form])
    with using(BUILT_IN, pursuit=limits) as tuning:
        assert orthola.explain(orthola.omp, *arguments, n_nonzero=given.k)["form"] == form

    def call() -> Any:
        with with_tuning(tuning):  # the same object every time: its plans are kept
            return orthola.omp(*arguments, n_nonzero=given.k)

    return Job(call, lambda codes: (dense_codes(codes, given),))


@contender("omp, the form that is chosen")
def chosen_form(case: Case) -> Job:
    return _job(case, other=False)


@contender("omp, the other form")
def other_form(case: Case) -> Job:
    return _job(case, other=True)
