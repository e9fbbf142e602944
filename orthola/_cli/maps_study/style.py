"""Colours and markers of the contenders, the same in every figure."""

from __future__ import annotations

from ..drawing import Look

__all__ = ["LOOK"]

_MOVED = (0, (5, 1.5))  # retractions are dashed

# Okabe and Ito's palette, told apart with any common colour vision; markers say it again. Both
# Cayley maps are one family, and no task has both.
LOOK = {
    "householder": Look("#0072B2", "o"),
    "cayley": Look("#D55E00", "s"),
    "cayley-frame": Look("#D55E00", "s"),
    "skew-exp": Look("#009E73", "^"),
    "polar": Look("#000000", "D"),
    "retract-cayley": Look("#CC79A7", "v", dashes=_MOVED),
    "retract-polar": Look("#56B4E9", "P", dashes=_MOVED),
    "retract-qr": Look("#E69F00", "X", dashes=_MOVED),
}
