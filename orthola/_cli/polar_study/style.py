"""Colours and markers of the methods, the same in every figure."""

from __future__ import annotations

from ..drawing import Look

__all__ = ["LOOK", "STATED"]


# Okabe and Ito's palette, told apart with any common colour vision; markers say it again.
LOOK = {
    "svd": Look("#000000", "D"),
    "newton": Look("#0072B2", "o"),
    "newton-schulz": Look("#E69F00", "s"),
    "halley": Look("#009E73", "^"),
    "qr-halley": Look("#CC79A7", "v"),
    "gram": Look("#56B4E9", "P"),
    # A ring, because "auto" lies on the method that it chose.
    "auto": Look("#D55E00", "o", hollow=True),
}
STATED = "#D55E00"
