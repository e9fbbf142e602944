"""Colours and markers, the same in every figure; what is certified is dashed."""

from __future__ import annotations

from ..drawing import Look
from ..palette import BLACK, BLUE, DASHED, DOTTED, GREEN, ORANGE, PINK, RED

__all__ = ["LOOK"]

_BRAND, _EXACT = Look(RED, "s"), Look(BLUE, "o")
LOOK = {
    "exact-r": _EXACT,
    "exact-r, certified": _EXACT._replace(dashes=DASHED, hollow=True),
    "brand": _BRAND,
    "brand, certified": _BRAND._replace(dashes=DASHED, hollow=True),
    "IncrementalPCA": Look(BLACK, "D"),
    "full SVD": Look("#888888", "X"),
    "least possible": Look("#999999", "x", dashes=DOTTED),
    "merge": Look(BLUE, "P"),
    "incremental": Look(ORANGE, "^"),
    "residual": Look(GREEN, "v"),
    "norm": Look(PINK, "<"),
}
