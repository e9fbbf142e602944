"""Exact scaling of every item by its own power of two, from 1e-300 to 1e300."""

from __future__ import annotations

from typing import Any

from .linalg import wide
from .space import Space

__all__ = ["largest_entry", "power_of_two_exponent", "scale_by_power_of_two"]


def largest_entry(space: Space, x: Any) -> Any:
    """Largest modulus of a real or imaginary part in each item; NaN and Inf show through."""
    xp = space.xp
    if space.is_complex:
        re, im = xp.real(x), xp.imag(x)
        return xp.maximum(_largest_real(xp, re), _largest_real(xp, im))
    return _largest_real(xp, x)


def _largest_real(xp: Any, x: Any) -> Any:
    # Two passes without a temporary of |x|.
    return xp.maximum(xp.max(x, axis=(-2, -1)), -xp.min(x, axis=(-2, -1)))


def power_of_two_exponent(space: Space, size: Any) -> Any:
    """Integer e with 2**(e-1) <= `size` < 2**e; 0 where `size` is 0. `size` must be finite.

    Without the library's own `frexp`, subnormal sizes have a larger e: they are lifted to eps.
    """
    xp = space.xp
    frexp = getattr(xp, "frexp", None)
    if frexp is not None:
        return frexp(size)[1]
    # Bisection on the bits of the exponent.
    exponent = xp.zeros_like(size, dtype=xp.int32)
    bits = 9 if space.smallest_exponent < -126 else 6
    for j in range(bits, -1, -1):
        step = 2**j
        big, small = size >= 2.0**step, (size < 2.0**-step) & (size > 0)
        one = xp.ones_like(size)  # the factor, not the product, is chosen: it cannot overflow
        size = size * xp.where(big, 2.0**-step * one, xp.where(small, 2.0**step * one, one))
        move = xp.astype(big, xp.int32) - xp.astype(small, xp.int32)
        exponent = exponent + step * move
    return exponent + xp.astype(size >= 1.0, xp.int32)


def scale_by_power_of_two(space: Space, x: Any, exponent: Any) -> Any:
    """X times 2**exponent for each item, rounded once even where the result is subnormal."""
    half = exponent // 2
    x = x * wide(_power(space, half))
    return x * wide(_power(space, exponent - half))


def _power(space: Space, exponent: Any) -> Any:
    """2**exponent exactly. exp2 is not used: some compilers make it inexact at integers."""
    xp = space.xp
    if space.name == "numpy":
        return xp.ldexp(xp.ones_like(exponent, dtype=space.real_dtype), exponent)
    result = xp.ones_like(exponent, dtype=space.real_dtype)
    size = xp.abs(exponent)
    bits = 10 if space.smallest_exponent < -126 else 7
    one = xp.ones_like(result)
    for j in range(bits):
        has_bit = (size // 2**j) % 2 == 1
        sign = xp.where(exponent < 0, one * 2.0 ** -(2**j), one * 2.0 ** (2**j))
        result = result * xp.where(has_bit, sign, one)
    return result
