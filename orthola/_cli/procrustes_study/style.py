"""Colours and markers of the solvers, the same in every figure."""

from __future__ import annotations

from ..drawing import Look
from ..palette import BLUE, DASHED, GREEN, RED, SKY

__all__ = ["LOOK"]

LOOK = {
    "procrustes": Look(BLUE, "o"),
    "refine=0": Look(SKY, "s", dashes=DASHED),
    "sums as given": Look(SKY, "D", dashes=DASHED),
    "orthogonal_procrustes": Look(RED, "^"),
    "align_vectors": Look(GREEN, "v"),
}
