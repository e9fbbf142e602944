"""Precision of a dtype, whichever library it belongs to, and errors in units of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def ulps(error: ArrayLike, n: int, dtype: object) -> Any:
    """Express an error in the unit of a backward stable method, ``error / (n * eps)``.

    Parameters
    ----------
    error : array_like
        Relative errors.
    n : int
        Size of the problem; 0 counts as 1.
    dtype : dtype of any library, or its name
        The precision of the computation that is judged. float16 and bfloat16 are known too.

    Returns
    -------
    float or ndarray
        Same shape as `error`.

    Examples
    --------
    >>> from orthola.testing import ulps
    >>> float(ulps(3 * 2.0**-23, 1, "float32"))
    3.0
    """
    return np.asarray(error, dtype=np.float64)[()] / (max(n, 1) * machine_epsilon(dtype))


def machine_epsilon(dtype: object) -> float:
    """Distance from 1 to the next number of a floating or complex dtype.

    Parameters
    ----------
    dtype : dtype of any library, or its name
        For example ``np.float32``, ``torch.bfloat16``, ``"complex128"``.

    Returns
    -------
    float

    Examples
    --------
    >>> from orthola.testing import machine_epsilon
    >>> machine_epsilon("bfloat16")
    0.0078125
    """
    name = dtype_name(dtype)
    return 2.0**-7 if name == "bfloat16" else float(np.finfo(name).eps)


def dtype_name(dtype: object) -> str:
    """Name of a dtype of any library in the words of the Array API standard.

    Parameters
    ----------
    dtype : dtype of any library, or its name

    Returns
    -------
    str

    Examples
    --------
    >>> import numpy as np
    >>> from orthola.testing import dtype_name
    >>> dtype_name(np.dtype("f4")), dtype_name(np.float32)
    ('float32', 'float32')
    """
    # Printed as float32, torch.float32, array_api_strict.float32 or <class 'numpy.float32'>.
    return str(dtype).rsplit(".", 1)[-1].rstrip("'>")
