"""Householder products and their derivatives for stacks of small matrices, chunks in threads.

Everything is computed in double precision, whatever the dtype, and rounded once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._core.threads import over_chunks
from .householder_lane_pullback import pull_back, untie
from .householder_lanes import explicit_columns, reflect
from .jit import jit, jit_part
from .lane_memory import after, memory, workspace
from .lane_transfer import read, write
from .lanes import LANES

__all__ = ["apply_pullback_stack", "apply_stack", "product_pullback_stack", "product_stack"]

_CHUNK_NUMBERS = 2**13  # entries per chunk


def product_stack(
    v: Any, tau: Any | None, columns: int, *, packed: bool, threads: int | None = None
) -> Any:
    """First `columns` columns of the products of reflectors (B, m, k)."""
    items, m, k = v.shape
    out = np.empty((items, m, columns), v.dtype)
    _run(v, tau, None, None, (out,), (m, k, columns), packed, False, False, threads)
    return out


def apply_stack(
    v: Any,
    tau: Any | None,
    x: Any,
    *,
    conjugate: bool,
    packed: bool,
    right: bool,
    threads: int | None = None,
) -> Any:
    """Q X or Q^H X for X (B, m, p); with `right`, X and the result are given by their adjoints."""
    _, m, k = v.shape
    out = np.empty(x.shape, v.dtype)
    size = (m, k, x.shape[-2 if right else -1])
    _run(v, tau, x, None, (out,), size, packed, conjugate, right, threads)
    return out


def product_pullback_stack(
    v: Any, tau: Any | None, bar: Any, *, packed: bool, threads: int | None = None
) -> tuple[Any, ...]:
    """Cotangents of V, and of tau if it is given, from that of the product."""
    items, m, k = v.shape
    out = (np.empty((items, m, k), v.dtype), np.empty((items, 1, k), v.dtype))
    size = (m, k, bar.shape[-1])
    _run(v, tau, None, bar, out, size, packed, False, False, threads)
    return out[:1] if tau is None else (out[0], out[1][:, 0])


def apply_pullback_stack(
    v: Any,
    tau: Any | None,
    x: Any,
    bar: Any,
    *,
    conjugate: bool,
    packed: bool,
    right: bool,
    threads: int | None = None,
) -> tuple[Any, ...]:
    """Cotangents of V, tau if it is given, and X from that of `apply_stack`."""
    items, m, k = v.shape
    out = (np.empty((items, m, k), v.dtype), np.empty((items, 1, k), v.dtype), np.empty_like(x))
    size = (m, k, x.shape[-2 if right else -1])
    _run(v, tau, x, bar, out, size, packed, conjugate, right, threads)
    return (out[0], out[2]) if tau is None else (out[0], out[1][:, 0], out[2])


def _run(
    v: Any, tau: Any, x: Any, bar: Any, outputs: Any, size: Any, packed: bool, conjugate: bool,
    right: bool, threads: int | None,
) -> None:  # fmt: skip
    m, k, p = size
    number, is_complex = v.real.dtype, v.dtype.kind == "c"
    nothing = np.empty((v.shape[0], 1, 0), number)

    def given(array: Any) -> tuple[bool, Any]:
        """In C order by rows or by columns, and seen as real numbers."""
        if array is None:
            return False, nothing
        by_columns = not array.flags.c_contiguous and array.mT.flags.c_contiguous
        array = array.mT if by_columns else array
        array = np.require(array, array.dtype.newbyteorder("="), ["C", "W", "A"])
        return by_columns, array.view(number)

    stacks = [given(v), given(None if tau is None else tau[:, None]), given(x), given(bar)]
    arrays = tuple(stack for _, stack in stacks)
    layout = tuple(by_columns for by_columns, _ in stacks)
    results = tuple(array.view(number) for array in outputs)
    while len(results) < 3:
        results += (nothing,)
    kernel = _forward if bar is None else _backward
    vectors = 3 * m * k + k * k + 4 * k + 3 * k * p + 2 * m * p

    def task(start: int, stop: int) -> None:
        work = workspace(vectors, np.complex128 if is_complex else np.float64)
        kernel(
            *arrays, layout, *results, size, tau is None, x is None, packed, conjugate, right,
            work, start, stop,
        )  # fmt: skip

    chunk = LANES * max(1, _CHUNK_NUMBERS // (LANES * m * max(k, p)))
    over_chunks(task, v.shape[0], chunk, threads=threads)


@jit
def _forward(
    v: Any, tau: Any, x: Any, bar: Any, layout: Any, out: Any, unused: Any, also_unused: Any,
    size: Any, tied: bool, fresh: bool, packed: bool, adjoint: bool, right: bool, work: Any,
    start: int, stop: int,
) -> None:  # fmt: skip
    m, k, p = size
    columns = memory(work)
    factors = after(columns, m * k)
    scale = after(factors, k)
    moved = after(scale, k)
    for first in range(start, stop, LANES):
        _fetch(v, tau, layout, tied, packed, first, stop, columns, factors, scale, m, k)
        if fresh:
            for i in range(m):
                for c in range(p):
                    moved[i * p + c] = 1.0 if i == c else 0.0
        else:
            read(x, layout[2] != right, right, first, stop, moved, m, p)
        reflect(columns, factors, moved, m, k, p, packed, adjoint, fresh)
        write(out, right, right, first, stop, moved, m, p)


@jit
def _backward(
    v: Any, tau: Any, x: Any, bar: Any, layout: Any, vbar: Any, taubar: Any, xbar: Any,
    size: Any, tied: bool, fresh: bool, packed: bool, adjoint: bool, right: bool, work: Any,
    start: int, stop: int,
) -> None:  # fmt: skip
    m, k, p = size
    columns = memory(work)
    factors = after(columns, m * k)
    scale = after(factors, k)
    given, moved = after(scale, k), after(scale, k + m * p)
    of_v = after(moved, m * p)
    of_tau = after(of_v, m * k)
    g, a = after(of_tau, k), after(of_tau, k + k * k)
    b, f = after(a, k * p), after(a, 2 * k * p)
    for first in range(start, stop, LANES):
        _fetch(v, tau, layout, tied, packed, first, stop, columns, factors, scale, m, k)
        if not fresh:
            read(x, layout[2] != right, right, first, stop, given, m, p)
        read(bar, layout[3] != right, right, first, stop, moved, m, p)
        pull_back(
            columns, factors, given, moved, of_v, of_tau, g, a, b, f, m, k, p, packed, adjoint,
            fresh,
        )  # fmt: skip
        if tied:
            untie(columns, factors, scale, of_v, of_tau, m, k)
        else:
            write(taubar, False, False, first, stop, of_tau, 1, k)
        if packed:
            for i in range(min(m, k)):
                for j in range(i, k):
                    of_v[i * k + j] = 0.0
        write(vbar, False, False, first, stop, of_v, m, k)
        if not fresh:
            write(xbar, right, right, first, stop, moved, m, p)


@jit_part
def _fetch(
    v: Any, tau: Any, layout: Any, tied: bool, packed: bool, first: int, stop: int, columns: Any,
    factors: Any, scale: Any, m: int, k: int,
) -> None:  # fmt: skip
    read(v, layout[0], False, first, stop, columns, m, k)
    if not tied:
        read(tau, layout[1], False, first, stop, factors, 1, k)
    explicit_columns(columns, factors, scale, m, k, packed, tied)
