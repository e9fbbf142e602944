"""What it takes to test orthogonality: structured matrices, error measures, strategies.

`CAPABILITIES` says of every function of orthola which libraries, dtypes and derivatives it has.

Public, for other libraries as well, and made of NumPy alone. The hypothesis strategies
(`matrix_shapes`, `structured_matrices`) are imported on first use, so that everything else works
where hypothesis is not installed.

Examples
--------
>>> import numpy as np
>>> from orthola.testing import from_spectrum, orthogonality, spectrum, ulps
>>> a = from_spectrum(6, 4, spectrum("geometric", 4, condition=1e8), rng=0)
>>> u, _, vh = np.linalg.svd(a, full_matrices=False)
>>> bool(ulps(orthogonality(u @ vh), 4, "float64") < 5)
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orthola.testing.capabilities import CAPABILITIES, Capability
from orthola.testing.layouts import LAYOUTS, lay_out
from orthola.testing.matrices import (
    PROFILES,
    from_spectrum,
    gaussian,
    orthonormal,
    spectrum,
)
from orthola.testing.measures import (
    asymmetry,
    dual_gap,
    orthogonality,
    polar_residual,
    psd_violation,
    relative_error,
)
from orthola.testing.precision import dtype_name, machine_epsilon, ulps
from orthola.testing.special import hard_cases

if TYPE_CHECKING:
    from orthola.testing.strategies import StructuredMatrix, matrix_shapes, structured_matrices

_STRATEGIES = ("StructuredMatrix", "matrix_shapes", "structured_matrices")

__all__ = [
    "CAPABILITIES",
    "LAYOUTS",
    "PROFILES",
    "Capability",
    "StructuredMatrix",
    "asymmetry",
    "dtype_name",
    "dual_gap",
    "from_spectrum",
    "gaussian",
    "hard_cases",
    "lay_out",
    "machine_epsilon",
    "matrix_shapes",
    "orthogonality",
    "orthonormal",
    "polar_residual",
    "psd_violation",
    "relative_error",
    "spectrum",
    "structured_matrices",
    "ulps",
]


def __getattr__(name: str) -> Any:
    if name in _STRATEGIES:
        from orthola.testing import strategies

        return getattr(strategies, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
