"""Systems with a triangular matrix, for one matrix or a stack, in any library.

Plain operations of the library, so PyTorch and JAX differentiate through them.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from . import linalg
from .blas import routines
from .space import Space

__all__ = ["solve_triangular"]


def solve_triangular(
    space: Space, t: Any, b: Any, *, lower: bool, adjoint: bool = False, unit: bool = False
) -> Any:
    """T^-1 B or T^-H B for T (..., k, k) and B (..., k, p); the batch shapes broadcast.

    Both of one dtype, not half precision. Only the named triangle of T is read, and with `unit`
    not its diagonal. A zero on the diagonal gives infinities or NaN in that item (an exception
    where the library has only a general solver). Nothing is written to.
    """
    if space.name == "torch":
        import torch

        matrix = linalg.adjoint(space.xp, t) if adjoint else t
        return torch.linalg.solve_triangular(matrix, b, upper=lower == adjoint, unitriangular=unit)
    if t.ndim > 2 or b.ndim > 2:
        batch = np.broadcast_shapes(t.shape[:-2], b.shape[:-2])
        t = space.xp.broadcast_to(t, (*batch, *t.shape[-2:]))
        b = space.xp.broadcast_to(b, (*batch, *b.shape[-2:]))
    if 0 in b.shape:
        return space.xp.zeros_like(b)
    if space.name == "numpy":
        return _by_blas(t, b, lower=lower, adjoint=adjoint, unit=unit)
    if space.name == "jax":
        from jax.lax.linalg import triangular_solve

        return triangular_solve(
            t, b, left_side=True, lower=lower, transpose_a=adjoint, conjugate_a=adjoint,
            unit_diagonal=unit,
        )  # fmt: skip
    if space.name == "cupy":
        return _by_cublas(space, t, b, lower=lower, adjoint=adjoint, unit=unit)
    return _by_general_solver(space, t, b, lower=lower, adjoint=adjoint, unit=unit)


def _by_blas(t: Any, b: Any, *, lower: bool, adjoint: bool, unit: bool) -> Any:
    out = np.array(b, order="K" if b.ndim == 2 and b.flags.f_contiguous else "C")
    if t.ndim == 2:
        _in_place(t, out, lower, adjoint, unit)
        return out
    for index in np.ndindex(t.shape[:-2]):
        _in_place(t[index], out[index], lower, adjoint, unit)
    return out


def _in_place(t: Any, x: Any, lower: bool, adjoint: bool, unit: bool) -> None:
    """Overwrite contiguous X by the solution; the rows of a C-ordered array are BLAS's columns."""
    fn = routines(x.dtype)
    t_columns, x_columns = t.flags.f_contiguous, x.flags.f_contiguous
    a = t if t_columns else t.T  # a view in BLAS order; f2py copies what has no order at all
    if t_columns == x_columns:
        trans = 2 if adjoint else 0
    elif adjoint:  # needs conj(A), for which BLAS has no flag
        a, trans = (a.conj() if fn.complex else a), 0
    else:
        trans = 1
    fn.trsm(
        1.0, a, x if x_columns else x.T, side=0 if x_columns else 1, lower=lower == t_columns,
        trans_a=trans, diag=unit, overwrite_b=1,
    )  # fmt: skip


def _by_cublas(space: Space, t: Any, b: Any, *, lower: bool, adjoint: bool, unit: bool) -> Any:
    from cupyx.scipy.linalg import solve_triangular as solve

    trans = 0 if not adjoint else 2 if space.is_complex else 1
    if t.ndim == 2:
        return solve(t, b, trans=trans, lower=lower, unit_diagonal=unit)
    xp, count = space.xp, prod(t.shape[:-2])
    systems, sides = xp.reshape(t, (count, *t.shape[-2:])), xp.reshape(b, (count, *b.shape[-2:]))
    out = [
        solve(systems[i], sides[i], trans=trans, lower=lower, unit_diagonal=unit)
        for i in range(count)
    ]
    return xp.reshape(xp.stack(out), b.shape)


def _by_general_solver(
    space: Space, t: Any, b: Any, *, lower: bool, adjoint: bool, unit: bool
) -> Any:
    xp = space.xp
    if unit:
        strict = xp.tril(t, k=-1) if lower else xp.triu(t, k=1)
        t = strict + xp.eye(t.shape[-1], dtype=t.dtype, device=space.device)
    else:
        t = xp.tril(t) if lower else xp.triu(t)
    return xp.linalg.solve(linalg.adjoint(xp, t) if adjoint else t, b)
