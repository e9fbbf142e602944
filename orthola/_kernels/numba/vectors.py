"""One cache line of real numbers at a time: 8 in double, 16 in single precision.

For long rows, where Numba's own vectorizer cannot be relied on: it neither fuses products with
sums nor keeps a running maximum with its place. Everything is elementwise and in a fixed order, so
bits do not depend on the processor's registers, which may be shorter than these vectors.

They are read and written through the bare addresses of `pointers`.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic, models, register_model

__all__ = [
    "above",
    "as_place",
    "both",
    "lanes",
    "largest",
    "load",
    "lower",
    "lowest",
    "magnitude",
    "minus_product",
    "over",
    "pick",
    "places",
    "plus",
    "plus_product",
    "positive",
    "spread",
    "store",
    "times",
    "total",
]


class VectorType(types.Type):
    """A Numba type for a vector of `count` numbers of LLVM type `number`."""

    def __init__(self, name: str, number: Any, count: int) -> None:
        self.count = count
        self.held = ir.VectorType(number, count)
        super().__init__(name=name)


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: VectorType) -> None:
        super().__init__(manager, kind, kind.held)


_NUMBERS = {
    types.float64: VectorType("Vector(float64)", ir.DoubleType(), 8),
    types.float32: VectorType("Vector(float32)", ir.FloatType(), 16),
}
_PLACES = {8: VectorType("Vector(int64)", ir.IntType(64), 8),
           16: VectorType("Vector(int32)", ir.IntType(32), 16)}  # fmt: skip
_MASKS = {n: VectorType(f"Vector(bool, {n})", ir.IntType(1), n) for n in (8, 16)}


def _everywhere(builder: Any, kind: VectorType, number: Any) -> Any:
    first = builder.insert_element(ir.Constant(kind.held, ir.Undefined), number, ir.IntType(32)(0))
    same = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), [0] * kind.count)
    return builder.shuffle_vector(first, first, same)


def _call(builder: Any, name: str, result: Any, *args: Any, flags: tuple[str, ...] = ()) -> Any:
    kind = ir.FunctionType(result, [x.type for x in args])
    vector = next(x.type for x in reversed(args) if isinstance(x.type, ir.VectorType))
    letter = {"double": "f64", "float": "f32"}.get(str(vector.element), str(vector.element))
    full = f"llvm.{name}.v{vector.count}{letter}"
    function = cgutils.get_or_insert_function(builder.module, kind, full)
    return builder.call(function, args, fastmath=flags)


def _place(builder: Any, pointer: Any, index: Any, kind: Any) -> Any:
    return builder.bitcast(builder.gep(pointer, [index]), kind.held.as_pointer())


@intrinsic  # type: ignore[untyped-decorator]
def lanes(typing: Any, pointer: Any) -> Any:
    """Numbers in a vector of what the pointer points to."""
    count = _NUMBERS[pointer.dtype].count
    return types.intp(pointer), lambda context, *_: context.get_constant(types.intp, count)


@intrinsic  # type: ignore[untyped-decorator]
def load(typing: Any, pointer: Any, index: Any) -> Any:
    """The vector that begins at ``pointer[index]``."""
    kind = _NUMBERS[pointer.dtype]

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _place(builder, values[0], values[1], kind)
        return builder.load(place, align=pointer.dtype.bitwidth // 8)

    return kind(pointer, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def store(typing: Any, pointer: Any, index: Any, vector: Any) -> Any:
    """Write the vector to ``pointer[index]`` and what follows."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _place(builder, values[0], values[1], vector)
        builder.store(values[2], place, align=pointer.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(pointer, types.intp, vector), generate


@intrinsic  # type: ignore[untyped-decorator]
def spread(typing: Any, pointer: Any, number: Any) -> Any:
    """The same number everywhere, rounded to the precision of what the pointer points to."""
    kind = _NUMBERS[pointer.dtype]

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        rounded = context.cast(builder, values[1], number, pointer.dtype)
        return _everywhere(builder, kind, rounded)

    return kind(pointer, number), generate


def _product(sign: int) -> Any:
    def typed(typing: Any, z: Any, x: Any, y: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            addend, left, right = values
            left = left if sign > 0 else builder.fneg(left)
            return _call(builder, "fmuladd", z.held, left, right, addend)

        return z(z, x, y), generate

    return typed


@intrinsic  # type: ignore[untyped-decorator]
def plus_product(typing: Any, z: Any, x: Any, y: Any) -> Any:
    """Z + x * y, rounded once where the processor can."""
    return _product(1)(typing, z, x, y)


@intrinsic  # type: ignore[untyped-decorator]
def minus_product(typing: Any, z: Any, x: Any, y: Any) -> Any:
    """Z - x * y, rounded once where the processor can."""
    return _product(-1)(typing, z, x, y)


@intrinsic  # type: ignore[untyped-decorator]
def plus(typing: Any, x: Any, y: Any) -> Any:
    """X + y."""
    return x(x, y), lambda _, builder, __, values: builder.fadd(*values)


@intrinsic  # type: ignore[untyped-decorator]
def times(typing: Any, x: Any, y: Any) -> Any:
    """X * y."""
    return x(x, y), lambda _, builder, __, values: builder.fmul(*values)


@intrinsic  # type: ignore[untyped-decorator]
def over(typing: Any, x: Any, y: Any) -> Any:
    """X / y."""
    return x(x, y), lambda _, builder, __, values: builder.fdiv(*values)


@intrinsic  # type: ignore[untyped-decorator]
def magnitude(typing: Any, x: Any) -> Any:
    """|x|."""
    return x(x), lambda _, builder, __, values: _call(builder, "fabs", x.held, values[0])


@intrinsic  # type: ignore[untyped-decorator]
def above(typing: Any, x: Any, y: Any) -> Any:
    """Where x > y; false where a NaN is met."""
    mask = _MASKS[x.count]
    return mask(x, y), lambda _, builder, __, values: builder.fcmp_ordered(">", *values)


@intrinsic  # type: ignore[untyped-decorator]
def positive(typing: Any, x: Any) -> Any:
    """Where x > 0."""
    mask, zero = _MASKS[x.count], ir.Constant(x.held, [0.0] * x.count)
    return mask(x), lambda _, builder, __, values: builder.fcmp_ordered(">", values[0], zero)


@intrinsic  # type: ignore[untyped-decorator]
def both(typing: Any, x: Any, y: Any) -> Any:
    """Where both masks are true."""
    return x(x, y), lambda _, builder, __, values: builder.and_(*values)


@intrinsic  # type: ignore[untyped-decorator]
def pick(typing: Any, mask: Any, x: Any, y: Any) -> Any:
    """X where the mask is true, else y."""
    return x(mask, x, y), lambda _, builder, __, values: builder.select(*values)


@intrinsic  # type: ignore[untyped-decorator]
def as_place(typing: Any, like: Any, number: Any) -> Any:
    """The same integer everywhere, as many as `like` has numbers."""
    kind = _PLACES[like.count]

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        number = values[1]
        if kind.held.element.width < 64:
            number = builder.trunc(number, kind.held.element)
        return _everywhere(builder, kind, number)

    return kind(like, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def largest(typing: Any, x: Any) -> Any:
    """The largest number of a vector without NaN."""
    number = types.float64 if x.count == 8 else types.float32

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _call(builder, "vector.reduce.fmax", x.held.element, values[0], flags=("nnan",))

    return number(x), generate


@intrinsic  # type: ignore[untyped-decorator]
def total(typing: Any, x: Any) -> Any:
    """The sum of a vector, by halves."""
    number = types.float64 if x.count == 8 else types.float32

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        (rest,), count = values, x.count
        while count > 1:
            count //= 2
            low, high = (
                builder.shuffle_vector(
                    rest, rest, ir.Constant(ir.VectorType(ir.IntType(32), count), list(part))
                )
                for part in (range(count), range(count, 2 * count))
            )
            rest = builder.fadd(low, high)
        return builder.extract_element(rest, ir.IntType(32)(0))

    return number(x), generate


@intrinsic  # type: ignore[untyped-decorator]
def places(typing: Any, x: Any, number: Any, where: Any) -> Any:
    """``where * count + lane`` in the lanes in which x equals the number, else very large."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        vector, number, blocks = values
        count, integer = x.count, where.held.element
        equal = builder.fcmp_ordered("==", vector, _everywhere(builder, x, number))
        scale = ir.Constant(where.held, [count] * count)
        lane = ir.Constant(where.held, list(range(count)))
        never = ir.Constant(where.held, [(1 << (integer.width - 1)) - 1] * count)
        place = builder.add(builder.mul(blocks, scale), lane)
        return builder.select(equal, place, never)

    return where(x, number, where), generate


@intrinsic  # type: ignore[untyped-decorator]
def lower(typing: Any, x: Any, y: Any) -> Any:
    """The lower of two places."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.select(builder.icmp_unsigned("<", *values), *values)

    return x(x, y), generate


@intrinsic  # type: ignore[untyped-decorator]
def lowest(typing: Any, x: Any) -> Any:
    """The lowest of all places."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        integer = x.held.element
        found = _call(builder, "vector.reduce.umin", integer, values[0])
        return found if integer.width == 64 else builder.zext(found, ir.IntType(64))

    return types.intp(x), generate
