"""The same numbers in another place in memory: what BLAS wrappers and kernels get wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LAYOUTS: tuple[str, ...] = ("C", "F", "negative-stride", "strided", "read-only")
"""Names that `lay_out` knows."""


def lay_out(a: NDArray[Any], layout: str) -> NDArray[Any]:
    """Copy a stack of matrices into another memory layout; values and shape stay.

    Parameters
    ----------
    a : (..., m, n) ndarray
        Floating or complex.
    layout : str
        * ``"C"``: contiguous rows;
        * ``"F"``: every matrix by columns, the batch axes still outermost;
        * ``"negative-stride"``: both matrix axes run backwards through memory;
        * ``"strided"``: every second element of every second row of a larger array that holds NaN
          elsewhere, so that code which reads past the strides is seen;
        * ``"read-only"``: contiguous rows that cannot be written.

    Returns
    -------
    (..., m, n) ndarray
        Shares no memory with `a`.

    Raises
    ------
    ValueError
        Unknown layout, or fewer than two axes.

    Examples
    --------
    >>> import numpy as np
    >>> from orthola.testing import lay_out
    >>> lay_out(np.eye(2), "negative-stride").strides
    (-16, -8)
    """
    if a.ndim < 2:
        raise ValueError(f"expected a (..., m, n) array, got shape {a.shape}")
    if layout == "C":
        return np.array(a, order="C")
    if layout == "F":
        return np.swapaxes(np.array(np.swapaxes(a, -1, -2), order="C"), -1, -2)
    if layout == "negative-stride":
        return np.array(a[..., ::-1, ::-1], order="C")[..., ::-1, ::-1]
    if layout == "strided":
        *batch, m, n = a.shape
        view = np.full((*batch, 2 * m, 2 * n), np.nan, dtype=a.dtype)[..., ::2, ::2]
        view[...] = a
        return view
    if layout == "read-only":
        frozen = np.array(a, order="C")
        frozen.flags.writeable = False
        return frozen
    raise ValueError(f"expected a layout out of {', '.join(LAYOUTS)}, got {layout!r}")
