"""One pair of NumPy matrices in as few calls as possible.

The same calculation as `fit_stack`. Below order ten the calls themselves are most of the time:
this version makes twenty instead of two hundred. What is not regular goes on in the text.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._core.blas import Routines, determinant, matrix_product, routines, square_sum
from .._core.errors import Status
from .._core.space import Space
from .general import IDENTITY, LEAST, MOST, finished, fit_stack
from .host import decomposed, plain_sums, sums_by_pieces
from .moments import Moments, Points, pieces
from .plan import Plan
from .refine import ENOUGH, FAR

__all__ = ["fit_one"]

_DTYPES = {"float64": np.dtype(np.float64), "complex128": np.dtype(np.complex128)}
_FEW = 16  # columns up to which NumPy's product is the cheaper call and starts no threads
_HALF_EPS = 2.0**-53
_NUMBERS = 2**16  # single-precision numbers that are widened at once
_OK = int(Status.OK)


def fit_one(space: Space, plan: Plan, points: Points) -> Any:
    """As `fit_stack`."""
    work = space if plan.work == space.dtype_name else space.with_dtype(plan.work)
    if plan.work not in _DTYPES:
        return fit_stack(space, plan, points)
    given, (a, b, w, *_) = points, points
    fn, sums, (m, n) = routines(_DTYPES[plan.work]), None, a.shape
    if w is None and not plan.translation and (work is space or a.size <= _NUMBERS):
        if work is not space:
            a, b = a.astype(plan.work), b.astype(plan.work)
            points = Points(a, b, None)
        p, q, cross = plain_sums(a, b)
    else:
        with np.errstate(all="ignore"):
            sums, points = sums_by_pieces(points, _DTYPES[plan.work], plan.translation)
        p, q, cross = sums[3:]
    if not (LEAST < p < MOST and LEAST < q < MOST) or (w is not None and w.min() < 0):
        return fit_stack(space, plan, given)
    parts = decomposed(cross, fn)
    if parts is None:
        return fit_stack(space, plan, given)
    u, s, vh = parts
    singular, r = s.tolist(), u.dot(vh) if n <= _FEW else matrix_product(u, vh)
    flip = plan.rotation_only and determinant(r) < 0
    last = -singular[-1] if flip else singular[-1]
    gap = singular[-2] + last if n > 1 else last
    closest = 2.0 * last if work.is_complex else gap
    known = min(abs(last), gap) > _HALF_EPS * max(m, n) * math.sqrt(p * q)
    inner = sum(singular[:-1]) + last
    lossy = n > 1 and singular[0] > ENOUGH * closest and inner * inner >= FAR * p * q
    if not known or (plan.refine and lossy):
        return finished(space, plan, points, _lifted(sums, m, n, p, q, cross), None, parts)
    if flip:
        r = r - 2.0 * np.outer(u[:, -1], vh[-1])
    scale = max(inner, 0.0) / p if plan.scaling else 1.0
    size = scale * scale * p + q
    total = size - 2.0 * scale * inner
    if total < IDENTITY * size:
        total = _formed(work, points, scale * r)
    row = np.zeros(n, r.dtype)
    if sums is not None and plan.translation:
        row = sums.mean_b - (scale * sums.mean_a) @ r
    gain = -4.0 * last if flip else 0.0
    numbers = map(np.asarray, (math.sqrt(total), gap, gain))
    return r, np.asarray(scale), row, *numbers, _whole(n), np.asarray(True), _whole(_OK)


def _lifted(sums: Moments | None, m: int, n: int, p: float, q: float, cross: Any) -> Moments:
    """Sums as the text has them: arrays."""
    weight = float(m) if sums is None else sums.weight
    zero = np.zeros(n, cross.dtype)
    mean_a, mean_b = (zero, zero) if sums is None else sums[1:3]
    return Moments(np.asarray(weight), mean_a, mean_b, np.asarray(p), np.asarray(q), cross)


def _formed(work: Space, points: Points, factor: Any) -> float:
    """||W^(1/2) (s A_c R - B_c)||_F^2 from the points themselves."""
    total, fn = 0.0, routines(np.dtype(work.dtype))
    if points.a.dtype == work.dtype and points.weights is None and points.mean_a is None:
        return square_sum(_difference(points.a, factor, points.b, fn))
    for x, y, column in pieces(work, points):
        e = matrix_product(x, factor)
        e -= y
        total += square_sum(e if column is None else np.sqrt(column) * e)
    return total


def _difference(a: Any, factor: Any, b: Any, fn: Routines) -> Any:
    """A F - B in one call where the rows are contiguous."""
    if a.flags.c_contiguous and b.flags.c_contiguous:
        # In the order of BLAS these are A^T and B^T: F^T A^T - B^T.
        return fn.gemm(1.0, factor.T, a.T, beta=-1.0, c=b.T)
    return matrix_product(a, factor) - b


def _whole(number: int) -> Any:
    return np.asarray(number, dtype=np.int32)
