"""Householder products of any size: panels on BLAS, items of a stack in threads."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._core import tuning
from ..._core.threads import over_chunks
from .blas import addresses
from .householder_panels import Form, apply_panels, product_panels

__all__ = ["apply_large", "product_large"]

_SAFE = {"f": (2.0**-60, 2.0**100), "d": (2.0**-500, 2.0**900)}  # of ||v||^2
_WORTH_THREADS = 2.0**22  # multiply-adds of a stack


def product_large(
    v: Any, tau: Any | None, columns: int, *, packed: bool, threads: int | None = None
) -> Any | None:
    """First `columns` columns of the products of reflectors (B, m, k).

    None if `tau` is and the norm of some column is near overflow or underflow, or not a number.
    """
    items, m, _ = v.shape
    out = np.empty((items, m, columns), v.dtype)
    return _run(product_panels, v, tau, out, (), packed, threads)


def apply_large(
    v: Any,
    tau: Any | None,
    x: Any,
    *,
    conjugate: bool,
    packed: bool,
    right: bool,
    threads: int | None = None,
) -> Any | None:
    """Q X or Q^H X for X (B, m, p); with `right`, X and the result are given by their adjoints.

    None as for `product_large`.
    """
    out = np.array(x, order="C")
    return _run(apply_panels, v, tau, out, (conjugate, right), packed, threads)


def _run(
    kernel: Any, v: Any, tau: Any, out: Any, flags: Any, packed: bool, threads: int | None
) -> Any | None:
    items, _, k = v.shape
    # LAPACK's order is read as it is, except that BLAS cannot conjugate without transposing.
    by_rows = v.dtype.kind == "f" and not v.flags.c_contiguous and v.mT.flags.c_contiguous
    v = np.require(v.mT if by_rows else v, None, ["C", "W", "A"])
    tied = tau is None
    tau = np.empty((items, k), v.dtype) if tied else np.require(tau, None, ["C", "W", "A"])
    moderate = np.empty(items, np.bool_)
    low, high = _SAFE[v.real.dtype.char]
    width = min(tuning.householder_limits().width(out.nbytes // items), k)
    form, blas = Form(by_rows, packed, tied, low, high, width), addresses(v.dtype)

    def task(start: int, stop: int) -> None:
        kernel(blas, form, v, tau, out, moderate, *flags, start, stop)

    work = k * out.size
    if items == 1 or work < _WORTH_THREADS:
        task(0, items)
    else:
        over_chunks(task, items, 1, threads=threads, blas=True)
    return out if not tied or bool(moderate.all()) else None
