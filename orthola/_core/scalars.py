"""The few array functions that an iteration applies to its scalars, for one NumPy matrix.

The scalars of a stack are arrays of the batch shape, and the Array-API functions serve. For one
matrix they are float64 numbers, and a step of an iteration has thirty such operations: through
array functions they would cost as much as a product of order 100.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["Scalars"]


class Scalars:
    """Stands in for an array namespace where every argument is a number; NaN is kept."""

    @staticmethod
    def where(condition: Any, yes: Any, no: Any) -> Any:
        return yes if condition else no

    @staticmethod
    def sqrt(x: Any) -> Any:
        return np.float64(math.sqrt(x)) if x >= 0 else np.float64(math.nan)

    @staticmethod
    def maximum(x: Any, y: Any) -> Any:
        return x if x >= y or x != x else y

    @staticmethod
    def clip(x: Any, *, min: float = -math.inf, max: float = math.inf) -> Any:
        return np.float64(min) if x < min else np.float64(max) if x > max else x

    @staticmethod
    def ones_like(x: Any) -> Any:
        return np.float64(1.0)

    @staticmethod
    def isnan(x: Any) -> bool:
        return bool(x != x)

    @staticmethod
    def any(condition: Any) -> bool:
        return bool(condition)

    @staticmethod
    def logical_not(condition: Any) -> bool:
        return not condition
