"""Both polar factors of one NumPy matrix by the SVD, in as few calls as possible.

The same calculation as `factors` with ``method="svd"``. For orders below a hundred the calls
themselves are a good part of the time, so this version makes fifteen instead of a hundred.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._core.blas import lean_svd
from .._core.blas_products import BlasProducts
from .._core.errors import Status
from .._core.space import Space
from .engine import refined

__all__ = ["polar_one"]


def polar_one(space: Space, x: Any) -> tuple[Any, Any, Any] | None:
    """Return (U, H, status) of tall `x`, or None for the cases left to `factors`."""
    m, n = x.shape
    size = _largest(x)
    if not (0.0 < size < math.inf):
        return None  # zero, NaN or infinite
    exponent = math.frexp(size)[1]
    if not space.smallest_exponent + 2 < exponent < -space.smallest_exponent:
        return None  # 2**-exponent is not a normal number
    y = np.empty((m, n), x.dtype, order="F")
    np.multiply(x, math.ldexp(1.0, -exponent), out=y, dtype=x.dtype)
    ops = BlasProducts(space)
    thin = lean_svd(y.copy(order="F"))
    if thin is None:
        return None
    p, s, qh = thin
    u = ops.fn.gemm(1.0, p, qh)
    if space.eps > 1e-10:  # as in `svd`
        u = refined(u, ops)
    h = ops.hermitian_product(u, y)
    h *= math.ldexp(1.0, exponent)
    deficient = s[-1] <= m * space.eps * s[0]
    code = Status.RANK_DEFICIENT if deficient else Status.OK
    return u, h, np.asarray(int(code), dtype=np.int32)


def _largest(x: Any) -> float:
    if x.dtype.kind == "c":
        return max(_largest(x.real), _largest(x.imag))
    top, bottom = float(x.max()), -float(x.min())
    return bottom if bottom > top else top  # NaN in `top` stays
