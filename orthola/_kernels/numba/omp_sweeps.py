"""What a pursuit does with all atoms at once: by vectors for real numbers, else by plain loops.

Columns are atoms, in tiles of `tile_width`. ``work`` holds for each tile the correlations c, then
one row of W = (<q_i, a_n>) after the other, `stride` numbers in all. A NaN among the c bans an
atom, because it is never above the best.

`side` has two rows over all columns: 1/||a|| for the rule "normalized"; for "ols" the squared rest
d of each atom, and the values up to which d counts as zero.

The functions return the best atom: of equal ones the first; -1 where none has a score above zero.
Memory is handed on as `pointers`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types
from numba.extending import overload

from . import omp_sweeps_complex, omp_sweeps_real

__all__ = ["begin", "energy", "inner", "residual_energy", "scan", "subtract", "sweep", "tile_width"]

_LINE = 64  # bytes in a vector
_OPTIONS = {"nogil": True, "error_model": "numpy"}


def tile_width(dtype: Any) -> int:
    """Columns in a tile."""
    return int(omp_sweeps_real.UNROLL * _LINE // np.dtype(dtype).type(0).real.itemsize)


def _chosen(place: Any, name: str) -> Any:
    home = omp_sweeps_complex if isinstance(place.dtype, types.Complex) else omp_sweeps_real
    return getattr(home, name)


def begin(
    rule: Any,
    work: Any,
    side: Any,
    stride: Any,
    width: Any,
    tiles: Any,
    c: Any,
    bans: Any,
    squares: Any,
) -> Any:
    """Correlations c of a signal into the tiles, d = ||a||^2, and the best atom.

    ``bans`` is 0 or, for atoms that cannot be used and beyond the last one, NaN.
    """
    raise RuntimeError("for compiled code only")


@overload(begin, jit_options=_OPTIONS)  # type: ignore[untyped-decorator]
def _begin(
    rule: Any,
    work: Any,
    side: Any,
    stride: Any,
    width: Any,
    tiles: Any,
    c: Any,
    bans: Any,
    squares: Any,
) -> Any:
    return _chosen(work, "begin")


def scan(rule: Any, work: Any, side: Any, stride: Any, width: Any, tiles: Any) -> Any:
    """The best atom, without a step."""
    raise RuntimeError("for compiled code only")


@overload(scan, jit_options=_OPTIONS)  # type: ignore[untyped-decorator]
def _scan(rule: Any, work: Any, side: Any, stride: Any, width: Any, tiles: Any) -> Any:
    return _chosen(work, "scan")


def sweep(
    rule: Any,
    work: Any,
    side: Any,
    stride: Any,
    width: Any,
    tiles: Any,
    row: Any,
    whole: Any,
    tail: Any,
    t: Any,
    factors: Any,
) -> Any:
    """Step t: a new row of W, the correlations after it, and the next best atom.

    `row` is that of the Gram matrix, of which `whole` tiles are read, and `tail` what is left of
    it; `factors` holds l, then beta and 1/nu.
    """
    raise RuntimeError("for compiled code only")


@overload(sweep, jit_options=_OPTIONS)  # type: ignore[untyped-decorator]
def _sweep(
    rule: Any,
    work: Any,
    side: Any,
    stride: Any,
    width: Any,
    tiles: Any,
    row: Any,
    whole: Any,
    tail: Any,
    t: Any,
    factors: Any,
) -> Any:
    return _chosen(work, "sweep")


def energy(y: Any, size: Any) -> Any:
    """||y||^2 of `size` numbers."""
    raise RuntimeError("for compiled code only")


@overload(energy, jit_options=_OPTIONS)  # type: ignore[untyped-decorator]
def _energy(y: Any, size: Any) -> Any:
    return _chosen(y, "energy")


def residual_energy(
    y: Any, size: Any, dictionary: Any, atoms: Any, x: Any, count: Any, rest: Any
) -> Any:
    """||y - x A||^2 with the first `count` atoms listed; y - x A stays in `rest`."""
    raise RuntimeError("for compiled code only")


@overload(residual_energy, jit_options=_OPTIONS)  # type: ignore[untyped-decorator]
def _residual_energy(
    y: Any, size: Any, dictionary: Any, atoms: Any, x: Any, count: Any, rest: Any
) -> Any:
    return _chosen(y, "residual_energy")


def inner(x: Any, y: Any, size: Any) -> Any:
    """<x, y> of `size` numbers, linear in y."""
    raise RuntimeError("for compiled code only")


@overload(inner, jit_options=_OPTIONS)  # type: ignore[untyped-decorator]
def _inner(x: Any, y: Any, size: Any) -> Any:
    return _chosen(x, "inner")


def subtract(y: Any, factor: Any, x: Any, size: Any) -> Any:
    """Y - factor * x in place."""
    raise RuntimeError("for compiled code only")


@overload(subtract, jit_options=_OPTIONS)  # type: ignore[untyped-decorator]
def _subtract(y: Any, factor: Any, x: Any, size: Any) -> Any:
    return _chosen(y, "subtract")
