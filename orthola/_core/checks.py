"""Checks of static facts (shapes, option names, numbers); one wording for all functions."""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterable
from typing import Any

from .space import Space

__all__ = [
    "common_batch",
    "compute_space",
    "count",
    "describe",
    "is_matrix",
    "is_square",
    "one_of",
    "precision",
    "real_in",
    "shape",
]


def is_matrix(function: str, x: Any, *, name: str = "a", rows: bool = False) -> None:
    """Raise unless `x` has at least two axes; with `rows` a vector is meant as one row."""
    if x.ndim < 2:
        remedy = f"row with {name}[None, :]" if rows else f"column with {name}[:, None]"
        raise ValueError(
            f"{function}: expected {name} of shape (..., m, n) with at least two axes, got "
            f"{describe(x)}; reshape a vector to a {remedy}"
        )


def is_square(function: str, x: Any, *, name: str = "a") -> None:
    """Raise unless the last two axes of `x` are of one length."""
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ValueError(
            f"{function}: expected {name} of shape (..., n, n), got {describe(x)}; a stack has its "
            "items on the leading axes"
        )


def common_batch(function: str, **shapes: Any) -> tuple[int, ...]:
    """The shape that the named batch shapes broadcast to; raises where they do not."""
    import numpy as np

    try:
        return np.broadcast_shapes(*(tuple(shape) for shape in shapes.values()))
    except ValueError:
        listed = " and ".join(str(tuple(shape)) for shape in shapes.values())
        raise ValueError(
            f"{function}: expected batch shapes of {' and '.join(shapes)} that broadcast, got "
            f"{listed}"
        ) from None


def one_of(function: str, option: str, value: Any, allowed: Iterable[str]) -> None:
    """Raise unless `value` is one of the allowed strings, naming the nearest one."""
    allowed = tuple(allowed)
    if value in allowed:
        return
    import difflib

    near = difflib.get_close_matches(str(value), allowed, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    kind = ValueError if isinstance(value, str) else TypeError
    listed = ", ".join(repr(v) for v in allowed)
    raise kind(f"{function}: expected {option} to be one of {listed}, got {value!r}{hint}")


def count(function: str, option: str, value: Any, *, least: int = 1) -> int:
    """Return `value` as an int of at least `least`."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(
            f"{function}: expected {option} to be an integer, got {value!r} "
            f"({type(value).__name__})"
        ) from None
    if isinstance(value, bool) or number < least:
        raise ValueError(f"{function}: expected {option} >= {least}, got {value!r}")
    return number


def real_in(
    function: str, option: str, value: Any, low: float, high: float, *, closed: bool = False
) -> float:
    """Return `value` as a float in ``(low, high]``, or in ``[low, high]`` with `closed`.

    ``sys.float_info.max`` as `high` lets all finite numbers pass.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"{function}: expected {option} to be a real number, got {value!r} "
            f"({type(value).__name__})"
        ) from None
    if not (low < number <= high or (closed and number == low)):
        sign = "<=" if closed else "<"
        end = "< inf" if high == sys.float_info.max else f"<= {high}"
        raise ValueError(f"{function}: expected {low} {sign} {option} {end}, got {number!r}")
    return number


def precision(function: str, option: str, value: Any, allowed: Iterable[str]) -> str:
    """Name of the dtype that an option says: a string, or a dtype of any library."""
    name = str(value).rsplit(".", 1)[-1].rstrip("'>")
    one_of(function, option, name, allowed)
    return name


def compute_space(
    function: str, space: Space, compute_dtype: str | None, *, half: bool = False
) -> Space:
    """The space to calculate in: half precision is widened, `compute_dtype` wins.

    `compute_dtype` names a real precision; complex arrays use the complex dtype of it. Half
    precisions are accepted only by functions that calculate in them (``half=True``).
    """
    if compute_dtype is None:
        return space.with_dtype("float32") if space.is_half else space
    allowed = ("float32", "float64", *(("float16", "bfloat16") if half else ()))
    name = precision(function, "compute_dtype", compute_dtype, allowed)
    if space.is_complex:
        if name in ("float16", "bfloat16"):
            raise ValueError(
                f"{function}: expected compute_dtype 'float32' or 'float64' for complex arrays, "
                f"got {name!r}; no library has complex half precision"
            )
        name = {"float32": "complex64", "float64": "complex128"}[name]
    return space if name == space.dtype_name else space.with_dtype(name)


def shape(*lengths: Any) -> str:
    """A shape in which some lengths are letters, for messages."""
    return f"({', '.join(map(str, lengths))})"


def describe(x: Any) -> str:
    """Shape and dtype of an array, for messages."""
    return f"{x.dtype} of shape {tuple(x.shape)}"
