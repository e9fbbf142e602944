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
    "CayleyResult": "orthola._maps.result",
    "HaarReflectors": "orthola._maps.haar",
    "HouseholderVectors": "orthola._maps.vectors",
    "PolarQuality": "orthola._polar.quality",
    "PolarResult": "orthola._polar.api",
    "ProjectorVectors": "orthola._maps.projector",
    "RebaseResult": "orthola._maps.retraction",
    "Schedule": "orthola._polar.schedules",
    "Status": "orthola._core.errors",
    "StatusError": "orthola._core.errors",
    "cayley": "orthola._maps.cayley",
    "cayley_frame": "orthola._maps.frame",
    "cayley_frame_inverse": "orthola._maps.frame",
    "cayley_inverse": "orthola._maps.cayley",
    "check": "orthola._core.errors",
    "explain": "orthola._core.dispatch",
    "haar": "orthola._maps.haar",
    "householder_apply": "orthola._maps.householder",
    "householder_product": "orthola._maps.householder",
    "householder_projector": "orthola._maps.projector",
    "householder_projector_vectors": "orthola._maps.projector",
    "householder_vectors": "orthola._maps.vectors",
    "options": "orthola._core.options",
    "orthogonalize": "orthola._polar.orthogonalize",
    "polar": "orthola._polar.api",
    "polar_quality": "orthola._polar.quality",
    "project_tangent": "orthola._maps.retraction",
    "rebase": "orthola._maps.retraction",
    "retract": "orthola._maps.retraction",
    "schedule": "orthola._polar.schedules",
    "show_versions": "orthola._core.versions",
    "skew_exp": "orthola._maps.exponential",
    "skew_exp_frame": "orthola._maps.exponential_frame",
    "skew_from_vector": "orthola._maps.packed",
    "testing": "orthola.testing",
    "vector_from_skew": "orthola._maps.packed",
}

__all__ = [
    "CayleyResult",
    "HaarReflectors",
    "HouseholderVectors",
    "PolarQuality",
    "PolarResult",
    "ProjectorVectors",
    "RebaseResult",
    "Schedule",
    "Status",
    "StatusError",
    "__version__",
    "cayley",
    "cayley_frame",
    "cayley_frame_inverse",
    "cayley_inverse",
    "check",
    "explain",
    "haar",
    "householder_apply",
    "householder_product",
    "householder_projector",
    "householder_projector_vectors",
    "householder_vectors",
    "options",
    "orthogonalize",
    "polar",
    "polar_quality",
    "project_tangent",
    "rebase",
    "retract",
    "schedule",
    "show_versions",
    "skew_exp",
    "skew_exp_frame",
    "skew_from_vector",
    "testing",
    "vector_from_skew",
]

if TYPE_CHECKING:
    from . import testing
    from ._core.dispatch import explain
    from ._core.errors import Status, StatusError, check
    from ._core.options import options
    from ._core.versions import show_versions
    from ._maps.cayley import cayley, cayley_inverse
    from ._maps.exponential import skew_exp
    from ._maps.exponential_frame import skew_exp_frame
    from ._maps.frame import cayley_frame, cayley_frame_inverse
    from ._maps.haar import HaarReflectors, haar
    from ._maps.householder import householder_apply, householder_product
    from ._maps.packed import skew_from_vector, vector_from_skew
    from ._maps.projector import (
        ProjectorVectors,
        householder_projector,
        householder_projector_vectors,
    )
    from ._maps.result import CayleyResult
    from ._maps.retraction import RebaseResult, project_tangent, rebase, retract
    from ._maps.vectors import HouseholderVectors, householder_vectors
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
