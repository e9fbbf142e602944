"""Eight numbers at a time: the same matrix entry of eight items of a stack.

Kernels over small matrices keep eight items side by side, entry (i, j) of all eight in one
cache line, and run textbook scalar algorithms on lanes instead of on numbers. Every operation
is elementwise, so an item's bits depend neither on its neighbours nor on its place, and no
optimiser has to be hoped for: a value of these types is a vector register (two or four of them
where the processor's are shorter).

Kernels read and write them through `lane_memory`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic, lower_builtin, models, register_model, type_callable

__all__ = [
    "LANES",
    "any_lane",
    "conjugate",
    "muladd",
    "phase",
    "power_of_two",
    "real_part",
    "reciprocal",
    "root",
    "select",
    "splat",
    "square",
]

LANES = 8

_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_PAIR = ir.LiteralStructType([_VECTOR, _VECTOR])
_BITS = ir.VectorType(ir.IntType(1), LANES)
ZERO = ir.Constant(_VECTOR, [0.0] * LANES)
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


# Below, a value is a list of LLVM vectors: [real parts] or [real parts, imaginary parts]. What has
# no underscore is for `lane_memory`.


def split(builder: Any, kind: Any, value: Any) -> list[Any]:
    if kind is COMPLEX:
        return [builder.extract_value(value, 0), builder.extract_value(value, 1)]
    if kind == types.float64:
        return [_everywhere(builder, value)]
    return [value]


def _everywhere(builder: Any, number: Any) -> Any:
    first = builder.insert_element(ZERO, number, ir.IntType(32)(0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, first, lanes)


def join(builder: Any, parts: list[Any]) -> Any:
    if len(parts) == 1:
        return parts[0]
    pair = builder.insert_value(ir.Constant(_PAIR, ir.Undefined), parts[0], 0)
    return builder.insert_value(pair, parts[1], 1)


def alike(*values: list[Any]) -> list[list[Any]]:
    """All complex if one of them is."""
    most = max(map(len, values))
    return [v + [ZERO] * (most - len(v)) for v in values]


def _call(builder: Any, name: str, *args: Any) -> Any:
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * len(args))
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}f64")
    return builder.call(function, args)


def _plus(b: Any, x: list[Any], y: list[Any]) -> list[Any]:
    return [b.fadd(p, q) for p, q in zip(*alike(x, y), strict=True)]


def _minus(b: Any, x: list[Any], y: list[Any]) -> list[Any]:
    return [b.fsub(p, q) for p, q in zip(*alike(x, y), strict=True)]


def _muladd(b: Any, x: list[Any], y: list[Any], z: list[Any]) -> list[Any]:
    # fmuladd: one rounding where the processor has the instruction, two elsewhere, but always
    # the same on one machine. (fastmath would leave the choice to the surrounding code.)
    if len(x) == 1:
        y, z = alike(y, z)
        return [_call(b, "fmuladd", x[0], q, r) for q, r in zip(y, z, strict=True)]
    if len(y) == 1:
        return _muladd(b, y, x, z)
    (z,) = alike(z, x)[:1]
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
    return [b.select(mask[0], p, q) for p, q in zip(*alike(x, y), strict=True)]


def _widest(*kinds: Any) -> Any:
    return COMPLEX if COMPLEX in kinds else REAL


def typed(code: Callable[..., list[Any]], kind: Any, args: tuple[Any, ...]) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        parts = [split(builder, k, v) for k, v in zip(args, values, strict=True)]
        return join(builder, code(builder, *parts))

    return kind(*args), generate


def _define(symbol: Any, code: Callable[..., list[Any]], kind: Any = None) -> None:
    """Give a Python operator its meaning for lanes, or lanes and a float in every lane."""

    @type_callable(symbol)  # type: ignore[untyped-decorator]
    def typer_of(context: Any) -> Any:
        def typer(x: Any, y: Any) -> Any:
            lanes = [v for v in (x, y) if isinstance(v, LaneType)]
            numbers = [v for v in (x, y) if v == types.float64]
            return (kind or _widest(*lanes)) if lanes and len(lanes + numbers) == 2 else None

        return typer

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        generate = typed(code, signature.return_type, signature.args)[1]
        return generate(context, builder, signature, values)

    for kinds in (LaneType, LaneType), (LaneType, types.Float), (types.Float, LaneType):
        lower_builtin(symbol, *kinds)(lower)


_define(operator.add, _plus)
_define(operator.sub, _minus)
_define(operator.mul, _times)
_define(operator.truediv, _over)  # the divisor is real
# Ordered: false where a NaN is met.
_define(operator.lt, lambda b, x, y: [b.fcmp_ordered("<", x[0], y[0])], MASK)
_define(operator.gt, lambda b, x, y: [b.fcmp_ordered(">", x[0], y[0])], MASK)
_define(operator.and_, lambda b, x, y: [b.and_(x[0], y[0])], MASK)


@intrinsic  # type: ignore[untyped-decorator]
def muladd(typing: Any, x: Any, y: Any, z: Any) -> Any:
    """X * y + z."""
    return typed(_muladd, _widest(x, y, z), (x, y, z))


@intrinsic  # type: ignore[untyped-decorator]
def conjugate(typing: Any, x: Any) -> Any:
    """Complex conjugate."""
    return typed(lambda b, v: v[:1] + [b.fneg(w) for w in v[1:]], x, (x,))


@intrinsic  # type: ignore[untyped-decorator]
def real_part(typing: Any, x: Any) -> Any:
    """Real part, as real lanes."""
    return typed(lambda b, v: v[:1], REAL, (x,))


@intrinsic  # type: ignore[untyped-decorator]
def square(typing: Any, x: Any) -> Any:
    """|x|**2, as real lanes."""
    return typed(_square, REAL, (x,))


@intrinsic  # type: ignore[untyped-decorator]
def root(typing: Any, x: Any) -> Any:
    """Square root of real lanes."""
    return typed(lambda b, v: [_call(b, "sqrt", v[0])], REAL, (x,))


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

    return typed(code, REAL, (x,))


@intrinsic  # type: ignore[untyped-decorator]
def phase(typing: Any, x: Any) -> Any:
    """Sign or phase x / |x|, and 1 for zero; NaN is kept."""

    def real(b: Any, v: list[Any]) -> list[Any]:
        negative = b.fcmp_ordered("<", v[0], ZERO)
        unit = b.select(negative, b.fneg(_ONE), _ONE)
        return [b.select(b.fcmp_unordered("uno", v[0], v[0]), v[0], unit)]

    def of_complex(b: Any, v: list[Any]) -> list[Any]:
        # Divided by its larger part first: squares of very small numbers are zero.
        size = [_call(b, "fabs", part) for part in v]
        larger = b.select(b.fcmp_ordered(">", size[0], size[1]), *size)
        zero = b.fcmp_ordered("==", larger, ZERO)
        larger = b.select(zero, _ONE, larger)
        near = [b.select(zero, _ONE, b.fdiv(v[0], larger)), b.fdiv(v[1], larger)]
        length = _call(b, "sqrt", _square(b, near)[0])
        return [b.fdiv(part, length) for part in near]

    return typed(real if x is REAL else of_complex, x, (x,))


@intrinsic  # type: ignore[untyped-decorator]
def reciprocal(typing: Any, x: Any) -> Any:
    """1 / x."""
    return typed(_reciprocal, x, (x,))


@intrinsic  # type: ignore[untyped-decorator]
def select(typing: Any, mask: Any, x: Any, y: Any) -> Any:
    """X where the mask is true, else y."""
    return typed(_select, _widest(x, y), (mask, x, y))


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
    return typed(lambda builder, v: v, REAL, (types.float64,))
