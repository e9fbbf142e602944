"""Colours and markers of the solvers, the same in every figure."""

from __future__ import annotations

from ..drawing import Look

__all__ = ["LOOK"]

# Okabe and Ito's palette, told apart with any common colour vision; markers say it again.
_PLAIN = Look("#56B4E9", "s", dashes=(0, (5, 1.5)))
LOOK = {
    "procrustes": Look("#0072B2", "o"),
    "refine=0": _PLAIN,
    "sums as given": _PLAIN._replace(marker="D"),
    "orthogonal_procrustes": Look("#D55E00", "^"),
    "align_vectors": Look("#009E73", "v"),
}
