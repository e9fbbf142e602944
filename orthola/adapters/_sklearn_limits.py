"""What scikit-learn calls X, `n_nonzero_coefs` and `tol`, in the terms of `orthola.omp`."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import checks

__all__ = ["most_atoms", "numbers", "relative_tolerance", "row_norms"]


def numbers(function: str, name: str, x: Any) -> NDArray[Any]:
    """An argument as a NumPy array of finite numbers, which `omp` need not refuse in its terms."""
    if hasattr(x, "toarray"):
        raise TypeError(
            f"{function}: expected {name} as a dense array, got {type(x).__name__}; convert it "
            "with toarray()"
        )
    array = np.asarray(x)
    if array.dtype.kind not in "iufc":
        raise TypeError(
            f"{function}: expected numbers in {name}, got {checks.describe(array)}; convert it "
            "with astype"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{function}: expected finite {name}, got NaN or infinity; mend the input")
    return array


def most_atoms(
    function: str, option: str, value: Any, tol: Any, *, default: int, largest: int
) -> int:
    """Atoms per signal at most; a count above `largest` is clipped, with a warning.

    `default` is for neither a count nor a tolerance. With a tolerance alone nothing else ends the
    pursuit.
    """
    if value is None:
        return min(default, largest) if tol is None else largest
    number = checks.count(function, option, value)
    if number > largest:
        warnings.warn(
            f"{function}: {option}={number} is more than the {largest} atoms that can be "
            "independent (the smaller one of atoms and samples, or features); going on with "
            f"{largest}",
            UserWarning,
            stacklevel=3,
        )
    return min(number, largest)


def relative_tolerance(
    function: str, option: str, tol: Any, norms: NDArray[Any]
) -> NDArray[Any] | None:
    """Relative 2-norms for a squared absolute tolerance, one for each signal; None for 0 or None.

    With 0 only rounding ends the pursuit, which `orthola.omp` does by itself.
    """
    if tol is None or (np.isscalar(tol) and tol == 0):
        return None
    root = np.sqrt(checks.real_in(function, option, tol, 0.0, np.inf))
    with np.errstate(over="ignore", divide="ignore"):
        # Above 1 no atom is taken, as for a signal that is zero.
        return np.where(norms > 0, np.minimum(root / norms, 2.0), 2.0).astype(norms.dtype)


def row_norms(y: NDArray[Any]) -> NDArray[Any]:
    """2-norms of the rows, whose squares need not be representable."""
    unit = np.max(np.abs(y), axis=-1, initial=0.0, keepdims=True)
    unit = np.where(unit > 0, unit, np.ones_like(unit))
    norms: NDArray[Any] = np.linalg.norm(y / unit, axis=-1) * unit[..., 0]
    return norms
