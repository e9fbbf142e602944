"""Two matrices for a constrained problem: checked, of one dtype, in units with squares in range."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core import checks
from .._core.errors import Status
from .._core.linalg import sums_of_squares, wide
from .._core.scaling import largest_entry, power_of_two_exponent, scale_by_power_of_two
from .._core.space import Space, resolve
from .units import times_power

__all__ = ["Pair", "pair_of"]

_WIDER = {"float32": "float64", "complex64": "complex128"}


class Pair(NamedTuple):
    """A and B, to be multiplied by 2**of_a and 2**of_b; zero where an item is not finite."""

    given: Space
    work: Space
    a: Any
    b: Any
    of_a: Any  # (...) integer
    of_b: Any
    finite: Any  # bool (...)

    def residual(self, error: Any) -> Any:
        """Frobenius norm of an error in units of B, as the caller is to see it."""
        norm = self.work.xp.sqrt(sums_of_squares(self.work.xp, error))
        return self.rounded(times_power(self.work, norm, self.of_b))

    def rounded(self, x: Any) -> Any:
        """In the dtype of the caller; NaN where the input is not finite."""
        xp = self.work.xp
        finite = xp.reshape(self.finite, (*self.finite.shape, *(1,) * (x.ndim - self.finite.ndim)))
        kind = self.given.dtype if "complex" in str(x.dtype) else self.given.real_dtype
        return xp.astype(xp.where(finite, x, xp.full_like(x, float("nan"))), kind, copy=False)

    def status(self, *codes: tuple[Any, Status]) -> Any:
        """OK, or the code of the last condition that holds, or NONFINITE."""
        xp = self.work.xp
        code = xp.zeros_like(self.finite, dtype=xp.int32)
        for condition, status in (*codes, (~self.finite, Status.NONFINITE)):
            code = xp.where(condition, xp.full_like(code, int(status)), code)
        return code


def pair_of(
    function: str, a: Any, b: Any, *, like: str, together: bool, check_finite: bool
) -> Pair:
    """Check everything; single precision is calculated in double where there is double.

    `like` says what A and B have in common, "rows" or "shape" or nothing ("any"); `together` that
    both have one unit.
    """
    given, (a, b) = resolve(function, a, b)
    checks.is_matrix(function, a)
    checks.is_matrix(function, b, name="b")
    equal = {"rows": a.shape[-2] == b.shape[-2], "shape": a.shape[-2:] == b.shape[-2:]}
    if not equal.get(like, True):
        raise ValueError(
            f"{function}: expected a and b with the same {like}, got shapes {tuple(a.shape)} and "
            f"{tuple(b.shape)}"
        )
    if 0 in a.shape or 0 in b.shape:
        raise ValueError(
            f"{function}: expected matrices with entries, got shapes {tuple(a.shape)} and "
            f"{tuple(b.shape)}"
        )
    work = checks.compute_space(function, given, None)
    if work.real_name == "float32" and work.has_double:
        work = work.with_dtype(_WIDER[work.dtype_name])
    xp = work.xp
    try:
        batch = np.broadcast_shapes(tuple(a.shape[:-2]), tuple(b.shape[:-2]))
    except ValueError:
        raise ValueError(
            f"{function}: expected batch axes that broadcast, got shapes {tuple(a.shape)} and "
            f"{tuple(b.shape)}"
        ) from None
    a, b = (
        xp.broadcast_to(xp.astype(x, work.dtype, copy=False), (*batch, *x.shape[-2:]))
        for x in (a, b)
    )
    finite = xp.all(xp.isfinite(a), axis=(-2, -1)) & xp.all(xp.isfinite(b), axis=(-2, -1))
    if check_finite and not work.traced and not bool(xp.all(finite)):
        raise ValueError(
            f"{function}: expected finite entries, got NaN or infinity; mend the input, or pass "
            "check_finite=False to get NaN and status NONFINITE for those items only"
        )
    a, b = (xp.where(wide(finite), x, xp.zeros_like(x)) for x in (a, b))
    of_a, of_b = (_exponent(work, x) for x in (a, b))
    if together:
        of_a = of_b = xp.maximum(of_a, of_b)
    a, b = scale_by_power_of_two(work, a, -of_a), scale_by_power_of_two(work, b, -of_b)
    return Pair(given, work, a, b, of_a, of_b, finite)


def _exponent(space: Space, x: Any) -> Any:
    """Of zero: that of the smallest number, so that it never decides a common unit."""
    size, xp = largest_entry(space, x), space.xp
    least = xp.full_like(size, 2.0**space.smallest_exponent)
    return power_of_two_exponent(space, xp.maximum(size, least))
