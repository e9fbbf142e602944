"""Work space of kernels: vectors of `lanes` behind an address.

Memory is a flat float64 or complex128 array of whole vectors; a vector of complex numbers is
eight real parts, then eight imaginary parts. Kernels hand on bare addresses and index them as
arrays, because Numba counts the references to every true array that a function is given, which
cost a third of the time at 3 x 3.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic, lower_builtin, models, register_model, type_callable
from numpy.typing import NDArray

from .lanes import COMPLEX, LANES, REAL, ZERO, LaneType, alike, join, split, typed

__all__ = ["after", "as_numbers", "as_real", "memory", "parts_of", "workspace", "zero"]


def workspace(vectors: int, dtype: type) -> NDArray[Any]:
    """Uninitialised vectors of LANES numbers, aligned to cache lines."""
    size, line = vectors * LANES * np.dtype(dtype).itemsize, 64
    raw = np.empty(size + line, np.uint8)
    start = -raw.ctypes.data % line
    return raw[start : start + size].view(dtype)


class MemoryType(types.Type):
    """A place in a work space, for items of one kind: lanes or single numbers. No bounds."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        super().__init__(name=f"Memory({kind})")

    @property
    def held(self) -> Any:
        """LLVM type of an item."""
        return self.kind.held if isinstance(self.kind, LaneType) else ir.DoubleType()


@register_model(MemoryType)
class _MemoryModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: MemoryType) -> None:
        super().__init__(manager, kind, kind.held.as_pointer())


@intrinsic  # type: ignore[untyped-decorator]
def memory(typing: Any, array: Any) -> Any:
    """The vectors in a flat float64 or complex128 array, which must outlive them."""
    place = MemoryType(COMPLEX if array.dtype == types.complex128 else REAL)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        data = context.make_array(array)(context, builder, values[0]).data
        return builder.bitcast(data, place.held.as_pointer())

    return place(array), generate


@intrinsic  # type: ignore[untyped-decorator]
def after(typing: Any, place: Any, count: Any) -> Any:
    """The place `count` items further on."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.gep(values[0], [values[1]])

    return place(place, types.intp), generate


def _seen_as(place: Any, kind: Any) -> Any:
    seen = MemoryType(kind)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.bitcast(values[0], seen.held.as_pointer())

    return seen(place), generate


@intrinsic  # type: ignore[untyped-decorator]
def as_real(typing: Any, place: Any) -> Any:
    """The same memory as vectors of real numbers."""
    return _seen_as(place, REAL)


@intrinsic  # type: ignore[untyped-decorator]
def as_numbers(typing: Any, place: Any) -> Any:
    """The same memory as float64 numbers."""
    return _seen_as(place, types.float64)


@intrinsic  # type: ignore[untyped-decorator]
def parts_of(typing: Any, place: Any) -> Any:
    """1 for memory of real lanes, 2 for complex ones."""
    parts = 2 if place.kind is COMPLEX else 1
    return types.intp(place), lambda context, *_: context.get_constant(types.intp, parts)


@intrinsic  # type: ignore[untyped-decorator]
def zero(typing: Any, place: Any) -> Any:
    """Zero of the kind of lanes that is kept there."""
    parts = [ZERO] * (2 if place.kind is COMPLEX else 1)
    return typed(lambda builder, _: parts, place.kind, (place,))


@type_callable(operator.getitem)  # type: ignore[untyped-decorator]
def _type_getitem(context: Any) -> Any:
    def typer(place: Any, index: Any) -> Any:
        return place.kind if isinstance(place, MemoryType) else None

    return typer


@type_callable(operator.setitem)  # type: ignore[untyped-decorator]
def _type_setitem(context: Any) -> Any:
    def typer(place: Any, index: Any, value: Any) -> Any:
        return types.void if isinstance(place, MemoryType) else None

    return typer


def _address(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    index = context.cast(builder, values[1], signature.args[1], types.intp)
    return builder.gep(values[0], [index])


@lower_builtin(operator.getitem, MemoryType, types.Integer)  # type: ignore[untyped-decorator]
def _getitem(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    # The work space is aligned to cache lines, but what is promised is a number's alignment.
    return builder.load(_address(context, builder, signature, values), align=8)


@lower_builtin(operator.setitem, MemoryType, types.Integer, types.Any)  # type: ignore[untyped-decorator]
def _setitem(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    place, _, kind = signature.args
    value = values[2]
    if place.kind == types.float64:
        value = context.cast(builder, value, kind, types.float64)
    else:  # real lanes in complex memory and numbers for all lanes are fine, too
        parts = [ZERO] * (2 if place.kind is COMPLEX else 1)
        value = join(builder, alike(split(builder, kind, value), parts)[0])
    builder.store(value, _address(context, builder, signature, values), align=8)
    return context.get_dummy_value()
