"""The array namespace for the scalars of an iteration, where one of its functions would wait."""

from __future__ import annotations

from typing import Any

__all__ = ["DeviceScalars"]


class DeviceScalars:
    """CuPy's namespace, except for `clip`: array-api-compat picks the values by a mask.

    How many a mask picks is asked of the device, which has to finish all its work first.
    """

    def __init__(self, xp: Any) -> None:
        self._xp = xp

    def __getattr__(self, name: str) -> Any:
        return getattr(self._xp, name)

    def clip(self, x: Any, *, min: float | None = None, max: float | None = None) -> Any:
        x = x if min is None else self._xp.maximum(x, min)
        return x if max is None else self._xp.minimum(x, max)
