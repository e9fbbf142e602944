"""The maps from a parameter to orthonormal columns and back, in the layout of PyTorch's own.

A parameter X has the shape ``(..., n, k)``, n >= k, of the matrix Q that it stands for. Read are
its strictly lower part and, if it is complex, the imaginary part of its diagonal: as many real
numbers as such matrices have freedoms. With A = X E^H - E X^H of order n and E = I[:, :k]:

    matrix_exp    Q = D exp(A) E
    cayley        Q = D (I + A/2)(I - A/2)^-1 E
    householder   Q = H_1 ... H_k E D exp(4i Im diag X), H_j from column j of X below a one

D is a diagonal of signs (phases), set by the inverse and never differentiated: through it every
Q is reached.
"""

from __future__ import annotations

from typing import Any

from .. import (
    cayley,
    cayley_frame,
    cayley_frame_inverse,
    cayley_inverse,
    householder_product,
    householder_vectors,
)
from .._core.linalg import adjoint
from .._core.space import Space, resolve
from .._maps.exponential_frame import skew_exp_frame

__all__ = ["MAPS", "orthonormal_columns", "parameter_of"]

MAPS = ("matrix_exp", "cayley", "householder")


def orthonormal_columns(kind: str, x: Any, signs: Any | None) -> Any:
    """Q from the parameter X; `signs` (..., k) or None for ones."""
    space, (x,) = resolve("orthogonal", x)
    xp = space.xp
    if kind == "householder":
        q = householder_product(x, packed=True)
        if space.is_complex:
            # From X = 0 the reflectors move Q by 2 A E, and so do the phases.
            d = xp.linalg.diagonal(x)
            q = q * xp.exp(2.0 * (d - xp.conj(d)))[..., None, :]
        return q if signs is None else q * signs[..., None, :]
    square = x.shape[-2] == x.shape[-1]
    if kind == "cayley":
        # The skew part of a triangle is A/2.
        return (
            cayley(xp.tril(x), scale=1.0, signs=signs) if square else cayley_frame(x, signs=signs)
        )
    q = skew_exp_frame(x)
    return q if signs is None else q * signs[..., None]  # None unless square


def parameter_of(kind: str, q: Any) -> tuple[Any, Any]:
    """The parameter X and the signs of orthonormal columns Q."""
    space, (q,) = resolve("orthogonal", q)
    xp = space.xp
    square = q.shape[-2] == q.shape[-1]
    if kind == "householder":
        found = householder_vectors(q)
        return xp.tril(found.vectors, k=-1), found.signs
    if kind == "cayley" and not square:
        return cayley_frame_inverse(q)[:2]
    if not square:
        raise NotImplementedError(
            "orthogonal: the parameter of map 'matrix_exp' is known for square matrices only, got "
            f"shape {tuple(q.shape)}; use_trivialization=True takes any value, as do the maps "
            "'cayley' and 'householder'"
        )
    a, signs, _ = cayley_inverse(q)
    if kind == "matrix_exp":
        a = _logarithm(space, a)
    return 0.5 * (xp.tril(a) + xp.tril(a, k=-1)), signs


def _logarithm(space: Space, a: Any) -> Any:
    """The skew L with exp(L) = (I + A/2)(I - A/2)^-1: its eigenvalues are 2i atan(lambda/2)."""
    xp = space.xp
    angles, w = xp.linalg.eigh(-1j * a)  # A = W diag(i lambda) W^H
    log = (w * (2j * xp.atan(0.5 * angles))[..., None, :]) @ adjoint(xp, w)
    return log if space.is_complex else xp.real(log)
