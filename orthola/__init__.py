"""orthola: orthogonality for every array.

Polar factors and what is built on them, exact, fast and certified, for NumPy, CuPy, PyTorch, JAX
and any other Array-API library. Names are loaded on first use: ``import orthola`` brings in none
of those libraries.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Public name -> module that defines it.
_HOME = {
    "PolarResult": "orthola._polar.api",
    "Schedule": "orthola._polar.schedules",
    "Status": "orthola._core.errors",
    "StatusError": "orthola._core.errors",
    "check": "orthola._core.errors",
    "explain": "orthola._core.dispatch",
    "options": "orthola._core.options",
    "orthogonalize": "orthola._polar.orthogonalize",
    "PolarQuality": "orthola._polar.quality",
    "polar": "orthola._polar.api",
    "polar_quality": "orthola._polar.quality",
    "schedule": "orthola._polar.schedules",
    "show_versions": "orthola._core.versions",
    "testing": "orthola.testing",
}

__all__ = [
    "PolarQuality",
    "PolarResult",
    "Schedule",
    "Status",
    "StatusError",
    "__version__",
    "check",
    "explain",
    "options",
    "orthogonalize",
    "polar",
    "polar_quality",
    "schedule",
    "show_versions",
    "testing",
]

if TYPE_CHECKING:
    from . import testing
    from ._core.dispatch import explain
    from ._core.errors import Status, StatusError, check
    from ._core.options import options
    from ._core.versions import show_versions
    from ._polar.api import PolarResult, polar
    from ._polar.orthogonalize import orthogonalize
    from ._polar.quality import PolarQuality, polar_quality
    from ._polar.schedules import Schedule, schedule


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'orthola' has no attribute {name!r}")
    module = import_module(home)
    value = module if home == f"orthola.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
