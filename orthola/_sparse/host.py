"""Pursuits of NumPy arrays and of CPU tensors: chunks of signals in our threads.

A chunk has its own product with the dictionary and its own pursuit, so memory beyond the result
does not grow with the number of signals, and bits do not depend on the number of threads.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._core import tuning
from .._core.dispatch import load
from .._core.options import current
from .._core.shared_memory import as_numpy, as_tensor
from .._core.space import Space
from .._core.threads import over_chunks
from .gram import gram_of_array
from .plan import Plan

__all__ = ["pursue_on_host"]


def pursue_on_host(
    space: Space, plan: Plan, signals: Any, dictionary: Any, gram: Any, counts: Any,
    tolerances: Any, excluded: Any,
) -> tuple[Any, ...]:  # fmt: skip
    """`pursue` in compiled code; without a Gram matrix it is formed where the plan needs it."""
    if space.name != "torch":
        return _pursue(plan, signals, dictionary, gram, counts, tolerances, excluded)
    arrays = (signals, dictionary, gram, counts, tolerances, excluded)
    given = [None if x is None else as_numpy(x) for x in arrays]
    return tuple(as_tensor(x) for x in _pursue(plan, *given))


def _pursue(
    plan: Plan, signals: Any, dictionary: Any, gram: Any, counts: Any, tolerances: Any,
    excluded: Any,
) -> tuple[Any, ...]:  # fmt: skip
    (items, features), atoms = signals.shape, len(dictionary)
    results = _results(items, plan.k_max, signals.dtype)
    if items == 0:
        return results
    work = items * atoms * (features + plan.k_max**2 / 2)
    serial = work < tuning.pursuit_limits().serial_work
    unit = _exponent(dictionary)
    dictionary = _scaled(np.ascontiguousarray(dictionary), -unit)
    if plan.needs_gram:
        gram = gram_of_array(dictionary, serial) if gram is None else _scaled(gram, -2 * unit)
        gram = np.ascontiguousarray(gram)
        squares = gram.diagonal().real.copy()
    else:
        squares = _squares(dictionary)
    mask, barred = _exclusions(excluded, items, atoms)
    counts, tolerances = _own(counts, np.int64), _own(tolerances, squares.dtype)
    assert plan.kernel is not None
    kernel = load(plan.kernel)

    def task(start: int, stop: int) -> None:
        part = slice(start, stop)
        given = np.ascontiguousarray(signals[part])
        out = tuple(x[part] for x in results)
        rows = mask[part] if len(mask) > 1 else mask
        kernel(
            plan, given, dictionary, gram, squares, counts[part], tolerances[part], rows,
            barred[part], out,
        )  # fmt: skip
        if unit:
            out[1][:] = _scaled(out[1], -unit)

    chunks = -(-items // plan.tile_signals)
    over_chunks(
        task, items, plan.tile_signals, threads=1 if serial else current().threads,
        blas=chunks > 1 and not serial,
    )  # fmt: skip
    return results


def _results(items: int, k: int, dtype: Any) -> tuple[Any, ...]:
    """Indices, coefficients, n_active, residual_norm, status."""
    return (
        np.empty((items, k), np.int64),
        np.empty((items, k), dtype),
        np.empty(items, np.int64),
        np.empty(items, dtype.type(0).real.dtype),
        np.empty(items, np.int32),
    )


def _exclusions(excluded: Any, items: int, atoms: int) -> tuple[Any, Any]:
    """A mask (0 or 1 or B, N) and atoms (B, e) by number."""
    mask, barred = np.zeros((0, atoms), np.bool_), np.zeros((items, 0), np.int64)
    if excluded is None:
        return mask, barred
    if excluded.dtype == np.bool_:
        return _own(excluded.reshape(-1, atoms), np.bool_), barred
    return mask, _own(excluded, np.int64)


def _own(x: Any, dtype: Any) -> Any:
    """X as kernels take it: in C order, and writable, which is a part of its type there."""
    return np.require(x, dtype, ["C", "W"])


def _squares(dictionary: Any) -> Any:
    """||a||^2 of each atom."""
    with np.errstate(all="ignore"):
        result = np.einsum("nm,nm->n", dictionary.real, dictionary.real)
        if dictionary.dtype.kind == "c":
            result += np.einsum("nm,nm->n", dictionary.imag, dictionary.imag)
    return result


def _exponent(x: Any) -> int:
    """A power of two to take out of an array: 0 where products of its numbers are harmless."""
    parts = (x.real, x.imag) if x.dtype.kind == "c" else (x,)
    with np.errstate(all="ignore"):
        # Without NaN, which belongs to its own atom alone
        largest = max(
            float(max(np.fmax.reduce(y, None, initial=0), -np.fmin.reduce(y, None, initial=0)))
            for y in parts
        )
    far = np.finfo(x.dtype).maxexp // 4
    exponent = math.frexp(largest)[1]
    return exponent if 0 < largest < math.inf and abs(exponent) > far else 0


def _scaled(x: Any, exponent: int) -> Any:
    """X times a power of two; x itself where that is one."""
    if exponent == 0:
        return x
    with np.errstate(all="ignore"):
        if x.dtype.kind != "c":
            return np.ldexp(x, exponent)
        return np.ldexp(x.real, exponent) + 1j * np.ldexp(x.imag, exponent)
