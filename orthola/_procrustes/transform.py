"""`OrthogonalTransform`: an orthogonal map with a scale and a shift, acting on rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core import checks
from .._core.linalg import adjoint
from .._core.space import Space, in_full_precision, resolve

__all__ = ["OrthogonalTransform"]


class OrthogonalTransform(NamedTuple):
    """The map ``x -> scale * x @ rotation + translation`` on rows, or a stack of such maps.

    Parameters
    ----------
    rotation : array (..., n, n)
        Orthogonal or unitary matrix R.
    scale : array (...) or float
        Factor s.
    translation : array (..., n) or float
        Row t that is added to every point; a number stands for a row of it.

    Notes
    -----
    A NamedTuple of arrays: JAX and ``torch.utils._pytree`` see its fields as leaves, and
    ``transform._asdict()`` is what to save. All methods work inside transformations and are
    differentiable. They do not check that the rotation is orthogonal.

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> quarter = np.array([[0.0, 1.0], [-1.0, 0.0]])
    >>> transform = orthola.OrthogonalTransform(quarter, 2.0, np.array([1.0, 0.0]))
    >>> transform.apply(np.array([[1.0, 0.0], [0.0, 1.0]]))
    array([[ 1.,  2.],
           [-1.,  0.]])
    >>> back = transform.compose(transform.inverse())
    >>> np.allclose(back.rotation, np.eye(2)), float(back.scale), np.allclose(back.translation, 0)
    (True, 1.0, True)
    """

    rotation: Any  # (..., n, n)
    scale: Any = 1.0  # (...)
    translation: Any = 0.0  # (..., n)

    @in_full_precision
    def apply(self, x: Any, /) -> Any:
        """Map points: ``scale * x @ rotation + translation``.

        Parameters
        ----------
        x : array (..., k, n) or (n,)
            Rows are points, any number of them, or one point without its axis. Batch axes
            broadcast against those of the transform.

        Returns
        -------
        array (..., k, n) or (..., n)
            The points moved, in the dtype common to `x` and the transform.

        Raises
        ------
        ValueError
            If the rows of `x` have another length than those of the rotation.
        """
        parts = _Parts.of("apply", self, x)
        (x,), r = parts.others, parts.rotation
        if x.ndim == 0 or x.shape[-1] != r.shape[-2]:
            raise ValueError(
                f"OrthogonalTransform.apply: expected points of shape (..., k, {r.shape[-2]}) for "
                f"a rotation of shape {tuple(r.shape)}, got {checks.describe(x)}; rows are points"
            )
        rows = x[None, :] if x.ndim == 1 else x
        moved = parts.scale[..., None, None] * (rows @ r) + parts.translation[..., None, :]
        return parts.rounded(moved[..., 0, :] if x.ndim == 1 else moved)

    @np.errstate(all="ignore")
    @in_full_precision
    def inverse(self) -> OrthogonalTransform:
        """The map back: ``R^H``, ``1/s``, ``-(t R^H)/s``.

        Returns
        -------
        OrthogonalTransform
            Where the scale is 0 there is no way back, and its scale and translation are infinite
            or NaN.
        """
        parts = _Parts.of("inverse", self)
        back = adjoint(parts.work.xp, parts.rotation)
        row = -_times(parts.translation, back) / parts.scale[..., None]
        return OrthogonalTransform(*map(parts.rounded, (back, 1.0 / parts.scale, row)))

    @in_full_precision
    def compose(self, other: OrthogonalTransform, /) -> OrthogonalTransform:
        """Map by this one, then by `other`: ``R1 R2``, ``s1 s2``, ``s2 t1 R2 + t2``.

        Parameters
        ----------
        other : OrthogonalTransform
            Of the same order n; batch axes broadcast.

        Returns
        -------
        OrthogonalTransform
            ``self.compose(other).apply(x)`` is ``other.apply(self.apply(x))`` to rounding.

        Raises
        ------
        TypeError, ValueError
            If `other` is no transform, or the orders differ.
        """
        if not isinstance(other, OrthogonalTransform):
            raise TypeError(
                "OrthogonalTransform.compose: expected another OrthogonalTransform, got "
                f"{type(other).__name__}; points are moved by apply"
            )
        one = _Parts.of("compose", self, other.rotation)
        two = _Parts.of("compose", other, self.rotation)
        if one.rotation.shape[-1] != two.rotation.shape[-2]:
            raise ValueError(
                "OrthogonalTransform.compose: expected transforms of one order, got rotations of "
                f"shape {tuple(one.rotation.shape)} and {tuple(two.rotation.shape)}"
            )
        row = two.scale[..., None] * _times(one.translation, two.rotation) + two.translation
        whole = one.rotation @ two.rotation, one.scale * two.scale, row
        return OrthogonalTransform(*map(one.rounded, whole))


class _Parts(NamedTuple):
    """A transform, and the arrays it meets, in the dtype of the work."""

    given: Space
    work: Space
    others: list[Any]
    rotation: Any
    scale: Any
    translation: Any  # always a row

    @classmethod
    def of(cls, method: str, transform: OrthogonalTransform, *others: Any) -> _Parts:
        name = f"OrthogonalTransform.{method}"
        rotation, scale, row = transform
        given, arrays = resolve(name, *others, rotation)
        checks.is_matrix(name, arrays[-1], name="rotation")
        work = checks.compute_space(name, given, None)
        xp, n = work.xp, arrays[-1].shape[-1]
        if isinstance(row, (int, float)):
            row = xp.full((n,), float(row), dtype=work.dtype, device=work.device)
        if isinstance(scale, (int, float)):
            scale = xp.asarray(float(scale), dtype=work.real_dtype, device=work.device)
        resolve(name, rotation, scale, row)  # one library, one device
        *rest, whole, row = (xp.astype(x, work.dtype, copy=False) for x in (*arrays, row))
        scale = xp.astype(scale, work.real_dtype, copy=False)
        return cls(given, work, rest, whole, scale, row)

    def rounded(self, x: Any) -> Any:
        """In the dtype of what was given."""
        if self.given is self.work:
            return x
        xp = self.given.xp
        is_complex = xp.isdtype(x.dtype, "complex floating")
        return xp.astype(x, self.given.dtype if is_complex else self.given.real_dtype, copy=False)


def _times(row: Any, matrix: Any) -> Any:
    """Row vector times matrix, item by item."""
    return (row[..., None, :] @ matrix)[..., 0, :]
