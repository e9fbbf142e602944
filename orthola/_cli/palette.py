"""Colours and dashes of all figures.

Okabe and Ito's palette, told apart with any common colour vision; markers or names say it again.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "BLACK", "BLUE", "DASHED", "DOTTED", "GREEN", "GREY", "ORANGE", "PINK", "RED", "SKY",
]  # fmt: skip

BLACK = "#000000"
BLUE = "#0072B2"
GREEN = "#009E73"
GREY = "#777777"
ORANGE = "#E69F00"
PINK = "#CC79A7"
RED = "#D55E00"
SKY = "#56B4E9"

DASHED: Any = (0, (5, 1.5))
DOTTED: Any = (0, (1, 1))
