"""A = U S V^H with all n columns of V, also where A has fewer rows; and what U makes of B."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.linalg import adjoint
from .._core.space import Space

__all__ = ["Rows", "decomposed_rows"]


class Rows(NamedTuple):
    """The rows of A and B in the coordinates of A."""

    singular: Any  # (..., n), descending; 0 beyond the rows of A
    v: Any  # (..., n, n)
    images: Any  # (..., n, k): U^H B
    tolerance: Any  # (...): singular values up to here are rounding


def decomposed_rows(space: Space, a: Any, b: Any) -> Rows:
    """Rows of zeros, which change no norm, make A at least square."""
    xp = space.xp
    *batch, m, n = a.shape
    if m < n:
        a, b = (
            xp.concat(
                [x, xp.zeros((*batch, n - m, x.shape[-1]), dtype=x.dtype, device=space.device)],
                axis=-2,
            )
            for x in (a, b)
        )
    u, s, vh = xp.linalg.svd(a, full_matrices=False)
    tolerance = 0.5 * space.eps * max(m, n) * s[..., 0]
    return Rows(s, adjoint(xp, vh), adjoint(xp, u) @ b, tolerance)
