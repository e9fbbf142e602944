"""Preconditioners: the inverse square root of the second moments of samples.

For samples X A_0 with sparse X and any complete A_0, Y H^-1 with H = (Y^H Y / M)^(1/2) is about
X Q with orthogonal Q.
"""

from __future__ import annotations

from typing import Any

from .._core.linalg import adjoint, hermitian_part
from .._core.space import Space

__all__ = ["inverse_root"]


def inverse_root(space: Space, moments: Any) -> tuple[Any, Any]:
    """H^-1 of H^2 = `moments` (..., n, n), and the rank.

    Eigenvalues below n eps of the largest are noise: there H^-1 is 0, and the directions are not
    in the data.
    """
    xp = space.xp
    values, vectors = xp.linalg.eigh(hermitian_part(xp, moments))
    kept = values > values.shape[-1] * space.eps * values[..., -1:]
    inverse = xp.where(kept, 1.0 / xp.sqrt(xp.where(kept, values, xp.ones_like(values))), 0.0)
    root = (vectors * xp.astype(inverse, vectors.dtype)[..., None, :]) @ adjoint(xp, vectors)
    return hermitian_part(xp, root), xp.sum(xp.astype(kept, xp.int32), axis=-1)
