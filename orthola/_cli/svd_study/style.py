"""Colours and markers, the same in every figure; what is certified is dashed."""

from __future__ import annotations

from ..drawing import Look

__all__ = ["LOOK"]

_CERTIFIED = (0, (5, 1.5))

# Okabe and Ito's palette, told apart with any common colour vision; markers say it again.
_BRAND, _EXACT = Look("#D55E00", "s"), Look("#0072B2", "o")
LOOK = {
    "exact-r": _EXACT,
    "exact-r, certified": _EXACT._replace(dashes=_CERTIFIED, hollow=True),
    "brand": _BRAND,
    "brand, certified": _BRAND._replace(dashes=_CERTIFIED, hollow=True),
    "IncrementalPCA": Look("#000000", "D"),
    "full SVD": Look("#888888", "X"),
    "least possible": Look("#999999", "x", dashes=(0, (1, 1))),
    "merge": Look("#0072B2", "P"),
    "incremental": Look("#E69F00", "^"),
    "residual": Look("#009E73", "v"),
    "norm": Look("#CC79A7", "<"),
}
