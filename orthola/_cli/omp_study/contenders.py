"""Who codes: orthola with its options, and scikit-learn. The Gram matrix is given where it can be.

Each is prepared once for a dictionary; a call is then a complete coding, products with the signals
included.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ... import omp

__all__ = ["CONTENDERS", "Contender"]

Array = np.ndarray[Any, Any]
Coding = Callable[[int], Any]  # with so many atoms


class Contender(NamedTuple):
    """One way to code."""

    rule: str  # of selection
    begin: Callable[[Array, Array], Coding]  # of signals and dictionary
    dense: Callable[[Any, int], Array]  # codes (B, N) of what a coding returned, for N atoms
    precision: str = "float64"


def _dense(result: Any, atoms: int) -> Array:
    return np.asarray(result.dense(atoms))


def _with_gram(**options: Any) -> Callable[[Array, Array], Coding]:
    def begin(signals: Array, dictionary: Array) -> Coding:
        gram = dictionary @ dictionary.T
        return lambda k: omp(signals, dictionary, n_nonzero=k, gram=gram, **options)

    return begin


def _alone(signals: Array, dictionary: Array) -> Coding:
    return lambda k: omp(signals, dictionary, n_nonzero=k)


def _single(signals: Array, dictionary: Array) -> Coding:
    return _with_gram()(signals.astype("float32"), dictionary.astype("float32"))


def _scikit_learn(signals: Array, dictionary: Array) -> Coding:
    from sklearn.linear_model import orthogonal_mp_gram

    gram = dictionary @ dictionary.T

    def code(k: int) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where it stops before k atoms
            return orthogonal_mp_gram(gram, dictionary @ signals.T, n_nonzero_coefs=k)

    return code


CONTENDERS: dict[str, Contender] = {
    "omp": Contender("omp", _with_gram(), _dense),
    "ols": Contender("ols", _with_gram(selection="ols"), _dense),
    "omp, no Gram": Contender("omp", _alone, _dense),
    "omp, float32": Contender("omp", _single, _dense, "float32"),
    "orthogonal_mp_gram": Contender(
        "omp", _scikit_learn, lambda x, atoms: np.reshape(x, (atoms, -1)).T
    ),
}
