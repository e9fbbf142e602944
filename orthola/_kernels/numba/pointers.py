"""Bare addresses of arrays, for kernels that hand memory to many small functions.

Numba counts the references to every array that a function is given, by atomic operations; of
addresses it knows nothing. The array must outlive them: kernels take theirs as arguments.
"""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.extending import intrinsic

__all__ = ["address", "after", "pointer", "pointer_at"]


def address(array: Any) -> int:
    """The address of an array, for `pointer_at`.

    Whether an array may be written to is a part of its type: kernels that take the arrays of users
    by address are compiled once.
    """
    return int(array.__array_interface__["data"][0])


@intrinsic  # type: ignore[untyped-decorator]
def pointer(typing: Any, array: Any) -> Any:
    """The address of a C-ordered array; indexed as if flat, without bounds."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return context.make_array(array)(context, builder, values[0]).data

    kind: Any = types.CPointer(array.dtype)  # type: ignore[attr-defined]
    return kind(array), generate


@intrinsic  # type: ignore[untyped-decorator]
def after(typing: Any, place: Any, count: Any) -> Any:
    """The address `count` numbers further on."""
    return place(place, types.intp), lambda _, builder, __, values: builder.gep(
        values[0], [values[1]]
    )


@intrinsic  # type: ignore[untyped-decorator]
def pointer_at(typing: Any, number: Any, like: Any) -> Any:
    """The pointer to numbers as those of the array `like` at an address."""
    kind: Any = types.CPointer(like.dtype)  # type: ignore[attr-defined]

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.inttoptr(values[0], context.get_value_type(kind))

    return kind(types.intp, like), generate
