"""Eight numbers at a time: the same matrix entry of eight items of a stack.

Kernels over small matrices keep eight items side by side, entry (i, j) of all eight in one
cache line, and run textbook scalar algorithms on lanes instead of on numbers. Every operation
is elementwise, so an item's bits depend neither on its neighbours nor on its place, and no
optimiser has to be hoped for: a value of these types is a vector register (two or four of them
where the processor's are shorter).

Memory is a flat float64 or complex128 array of whole vectors; a vector of complex numbers is
eight real parts, then eight imaginary parts. It is passed on as bare addresses, since Numba counts
the references to every array that a function is given.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic, lower_builtin, models, register_model, type_callable

LANES = 8

_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_PAIR = ir.LiteralStructType([_VECTOR, _VECTOR])
_BITS = ir.VectorType(ir.IntType(1), LANES)
_ZERO = ir.Constant(_VECTOR, [0.0] * LANES)
_ONE = ir.Constant(_VECTOR, [1.0] * LANES)


class LaneType(types.Type):
    """A Numba type for eight values at a time, held as the LLVM type `held`."""

    def __init__(self, name: str, held: Any) -> None:
        self.held = held
        super().__init__(name=name)


REAL = LaneType("RealLanes", _VECTOR)
COMPLEX = LaneType("ComplexLanes", _PAIR)
MASK = LaneType("MaskLanes", _BITS)


@register_model(LaneType)
class _LaneModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: LaneType) -> None:
        super().__init__(manager, kind, kind.held)


# Below, a value is a list of LLVM vectors: [real parts] or [real parts, imaginary parts].


def _split(builder: Any, kind: Any, value: Any) -> list[Any]:
    if kind is COMPLEX:
        return [builder.extract_value(value, 0), builder.extract_value(value, 1)]
    return [value]


def _join(builder: Any, parts: list[Any]) -> Any:
    if len(parts) == 1:
        return parts[0]
    pair = builder.insert_value(ir.Constant(_PAIR, ir.Undefined), parts[0], 0)
    return builder.insert_value(pair, parts[1], 1)


def _alike(*values: list[Any]) -> list[list[Any]]:
    """All complex if one of them is."""
    most = max(map(len, values))
    return [v + [_ZERO] * (most - len(v)) for v in values]


def _call(builder: Any, name: str, *args: Any) -> Any:
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * len(args))
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}f64")
    return builder.call(function, args)


def _plus(b: Any, x: list[Any], y: list[Any]) -> list[Any]:
    return [b.fadd(p, q) for p, q in zip(*_alike(x, y), strict=True)]


def _minus(b: Any, x: list[Any], y: list[Any]) -> list[Any]:
    return [b.fsub(p, q) for p, q in zip(*_alike(x, y), strict=True)]


def _muladd(b: Any, x: list[Any], y: list[Any], z: list[Any]) -> list[Any]:
    # fmuladd: one rounding where the processor has the instruction, two elsewhere, but always
    # the same on one machine. (fastmath would leave the choice to the surrounding code.)
    if len(x) == 1:
        y, z = _alike(y, z)
        return [_call(b, "fmuladd", x[0], q, r) for q, r in zip(y, z, strict=True)]
    if len(y) == 1:
        return _muladd(b, y, x, z)
    (z,) = _alike(z, x)[:1]
    re = _call(b, "fmuladd", b.fneg(x[1]), y[1], _call(b, "fmuladd", x[0], y[0], z[0]))
    im = _call(b, "fmuladd", x[1], y[0], _call(b, "fmuladd", x[0], y[1], z[1]))
    return [re, im]


def _times(b: Any, x: list[Any], y: list[Any]) -> list[Any]:
    if len(x) == 1:
        return [b.fmul(x[0], q) for q in y]
    if len(y) == 1:
        return _times(b, y, x)
    re = _call(b, "fmuladd", b.fneg(x[1]), y[1], b.fmul(x[0], y[0]))
    im = _call(b, "fmuladd", x[1], y[0], b.fmul(x[0], y[1]))
    return [re, im]


def _over(b: Any, x: list[Any], y: list[Any]) -> list[Any]:
    return [b.fdiv(p, y[0]) for p in x]


def _square(b: Any, x: list[Any]) -> list[Any]:
    size = b.fmul(x[0], x[0])
    return [size] if len(x) == 1 else [_call(b, "fmuladd", x[1], x[1], size)]


def _reciprocal(b: Any, x: list[Any]) -> list[Any]:
    if len(x) == 1:
        return [b.fdiv(_ONE, x[0])]
    size = _square(b, x)
    return [b.fdiv(x[0], size[0]), b.fneg(b.fdiv(x[1], size[0]))]


def _select(b: Any, mask: list[Any], x: list[Any], y: list[Any]) -> list[Any]:
    return [b.select(mask[0], p, q) for p, q in zip(*_alike(x, y), strict=True)]


def _widest(*kinds: Any) -> Any:
    return COMPLEX if COMPLEX in kinds else REAL


def _typed(code: Callable[..., list[Any]], kind: Any, args: tuple[Any, ...]) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        parts = [_split(builder, k, v) for k, v in zip(args, values, strict=True)]
        return _join(builder, code(builder, *parts))

    return kind(*args), generate


def _define(symbol: Any, code: Callable[..., list[Any]], kind: Any = None) -> None:
    """Give a Python operator of two lane values its meaning."""

    @type_callable(symbol)  # type: ignore[untyped-decorator]
    def typer_of(context: Any) -> Any:
        def typer(x: Any, y: Any) -> Any:
            if isinstance(x, LaneType) and isinstance(y, LaneType):
                return kind or _widest(x, y)
            return None

        return typer

    @lower_builtin(symbol, LaneType, LaneType)  # type: ignore[untyped-decorator]
    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _typed(code, signature.return_type, signature.args)[1](
            context, builder, signature, values
        )


_define(operator.add, _plus)
_define(operator.sub, _minus)
_define(operator.mul, _times)
_define(operator.truediv, _over)  # the divisor is real
# Ordered: false where a NaN is met.
_define(operator.gt, lambda b, x, y: [b.fcmp_ordered(">", x[0], y[0])], MASK)
_define(operator.and_, lambda b, x, y: [b.and_(x[0], y[0])], MASK)


@intrinsic  # type: ignore[untyped-decorator]
def muladd(typing: Any, x: Any, y: Any, z: Any) -> Any:
    """X * y + z."""
    return _typed(_muladd, _widest(x, y, z), (x, y, z))


@intrinsic  # type: ignore[untyped-decorator]
def conjugate(typing: Any, x: Any) -> Any:
    """Complex conjugate."""
    return _typed(lambda b, v: v[:1] + [b.fneg(w) for w in v[1:]], x, (x,))


@intrinsic  # type: ignore[untyped-decorator]
def real_part(typing: Any, x: Any) -> Any:
    """Real part, as real lanes."""
    return _typed(lambda b, v: v[:1], REAL, (x,))


@intrinsic  # type: ignore[untyped-decorator]
def square(typing: Any, x: Any) -> Any:
    """|x|**2, as real lanes."""
    return _typed(_square, REAL, (x,))


@intrinsic  # type: ignore[untyped-decorator]
def root(typing: Any, x: Any) -> Any:
    """Square root of real lanes."""
    return _typed(lambda b, v: [_call(b, "sqrt", v[0])], REAL, (x,))


@intrinsic  # type: ignore[untyped-decorator]
def power_of_two(typing: Any, x: Any) -> Any:
    """Largest power of two not above positive x; at least 2**-1022."""

    def code(b: Any, v: list[Any]) -> list[Any]:
        # The exponent bits alone, and their lowest value for what has none.
        bits = ir.VectorType(ir.IntType(64), LANES)
        mask = ir.Constant(bits, [0x7FF << 52] * LANES)
        least = ir.Constant(bits, [1 << 52] * LANES)
        exponent = b.and_(b.bitcast(v[0], bits), mask)
        some = b.icmp_unsigned(">", exponent, least)
        return [b.bitcast(b.select(some, exponent, least), _VECTOR)]

    return _typed(code, REAL, (x,))


@intrinsic  # type: ignore[untyped-decorator]
def reciprocal(typing: Any, x: Any) -> Any:
    """1 / x."""
    return _typed(_reciprocal, x, (x,))


@intrinsic  # type: ignore[untyped-decorator]
def select(typing: Any, mask: Any, x: Any, y: Any) -> Any:
    """X where the mask is true, else y."""
    return _typed(_select, _widest(x, y), (mask, x, y))


@intrinsic  # type: ignore[untyped-decorator]
def any_lane(typing: Any, mask: Any) -> Any:
    """Is the mask true in at least one lane?"""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        bits = builder.bitcast(values[0], ir.IntType(LANES))
        return builder.icmp_unsigned("!=", bits, bits.type(0))

    return types.boolean(mask), generate


@intrinsic  # type: ignore[untyped-decorator]
def splat(typing: Any, number: Any) -> Any:
    """The same real number in every lane."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        first = builder.insert_element(_ZERO, values[0], ir.IntType(32)(0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(first, first, everywhere)

    return REAL(types.float64), generate


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
def zero(typing: Any, place: Any) -> Any:
    """Zero of the kind of lanes that is kept there."""
    parts = [_ZERO] * (2 if place.kind is COMPLEX else 1)
    return _typed(lambda builder, _: parts, place.kind, (place,))


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
    if place.kind is COMPLEX:  # real lanes may be stored, too
        value = _join(builder, _alike(_split(builder, kind, value), [_ZERO, _ZERO])[0])
    elif place.kind is types.float64:
        value = context.cast(builder, value, kind, types.float64)
    builder.store(value, _address(context, builder, signature, values), align=8)
    return context.get_dummy_value()
