"""Colours, markers and dashes, the same in every figure.

Blue is OMP, red OLS, black scikit-learn; dashes tell options of a contender, or dictionaries.
"""

from __future__ import annotations

from ..drawing import Look
from ..palette import BLACK, BLUE, DASHED, DOTTED, GREEN, RED, SKY

__all__ = ["DICTIONARY_DASHES", "HEAT", "LOOK", "RULE_NAMES"]

LOOK = {
    "omp": Look(BLUE, "o"),
    "ols": Look(RED, "s"),
    "omp, no Gram": Look(SKY, "v", dashes=DASHED),
    "omp, float32": Look(GREEN, "^", dashes=DASHED),
    "orthogonal_mp_gram": Look(BLACK, "D"),
}
DICTIONARY_DASHES = {"cosines": "-", "data": DASHED, "Gaussian": DOTTED}
RULE_NAMES = {"omp": "OMP", "ols": "OLS"}
HEAT = ("#ffffff", "#cfe3f1", "#8fbfdf", "#3f8fc4", "#0b5c93")
