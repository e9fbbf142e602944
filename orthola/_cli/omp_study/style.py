"""Colours, markers and dashes, the same in every figure.

Blue is OMP, red OLS, black scikit-learn; dashes tell options of a contender, or dictionaries.
"""

from __future__ import annotations

from ..drawing import Look

__all__ = ["DICTIONARY_DASHES", "HEAT", "LOOK", "RULE_NAMES"]

_VARIANT = (0, (5, 1.5))  # the same algorithm with other options is dashed

# Okabe and Ito's palette, told apart with any common colour vision; markers say it again.
LOOK = {
    "omp": Look("#0072B2", "o"),
    "ols": Look("#D55E00", "s"),
    "omp, no Gram": Look("#56B4E9", "v", dashes=_VARIANT),
    "omp, float32": Look("#009E73", "^", dashes=_VARIANT),
    "orthogonal_mp_gram": Look("#000000", "D"),
}
DICTIONARY_DASHES = {"cosines": "-", "data": _VARIANT, "Gaussian": (0, (1, 1))}
RULE_NAMES = {"omp": "OMP", "ols": "OLS"}
HEAT = ("#ffffff", "#cfe3f1", "#8fbfdf", "#3f8fc4", "#0b5c93")
