"""`BlockCayley`: a block-diagonal rotation of the input of a layer, for PyTorch."""

# mypy: disallow-untyped-decorators=False, disallow-subclassing-any=False

from __future__ import annotations

import sys
from math import isqrt
from typing import Any

import torch
from torch import Tensor

from .. import cayley, cayley_inverse, polar
from .._core import checks
from ._orthogonal_weight import widened

__all__ = ["BlockCayley"]

_ORIENTATIONS = {"plus": 1.0, "minus": -1.0}


@torch.compiler.allow_in_graph
def _rotations(upper: Tensor, scale: float, signs: Tensor | None) -> Tensor:
    with torch.autocast(upper.device.type, enabled=False):
        if signs is not None:
            signs = signs.to(widened(upper).dtype)
        # The skew part of a strict triangle is half of A.
        return cayley(2.0 * upper, scale=scale, signs=signs)


class BlockCayley(torch.nn.Module):
    r"""Rotation of the last axis by blocks, trained while the weight behind it is frozen.

    Orthogonal fine-tuning: x becomes x diag(R_1, ..., R_b), each block the Cayley map of a skew
    matrix of order `block`. It starts as the identity. Neither the block-diagonal matrix nor a
    changed copy of the weight is formed; `merged` does that once, after training.

    Parameters
    ----------
    width : int
        Length of the last axis of the input, a multiple of `block`.
    block : int
        Order of the blocks, r.
    scale : float, optional
        The s below.
    orientation : {"plus", "minus"}, optional
        ``"plus"``: R = (I + sA)(I - sA)^-1. ``"minus"``: R = (I - sA)(I + sA)^-1, its transpose.
        Both are in circulation, and so are s = 1/2 and s = 1: a checkpoint read with the wrong
        ones gives another model without an error (see `from_checkpoint`).
    device, dtype : optional
        As for every PyTorch module; real dtypes.

    Attributes
    ----------
    vectors : Parameter (b, r (r - 1)/2)
        Entries of each A above its diagonal, row by row.
    signs : tensor (b, r) or None
        Signs of the rows of each R, where it started from given blocks.

    Raises
    ------
    TypeError, ValueError
        If `width` is no multiple of `block`, on unknown orientations and complex dtypes.

    Notes
    -----
    **Cost** per row of input: width * r multiply-adds, and b inverses of order r per call.
    **Accuracy**: blocks are orthogonal to 50 r u, u the unit roundoff of float32 or better: half
    precision is computed in float32 and rounded once; autocast does not reach it.

    References
    ----------
    Z. Qiu et al. 2023, arXiv:2306.07280; 2025, arXiv:2506.19847 (applied to the input).

    Examples
    --------
    >>> import torch
    >>> from orthola.adapters.torch import BlockCayley
    >>> rotation = BlockCayley(6, 3)
    >>> x = torch.arange(6.0)
    >>> bool((rotation(x) == x).all())
    True
    >>> _ = torch.nn.init.normal_(rotation.vectors)
    >>> bool(torch.isclose(rotation(x).norm(), x.norm()))
    True

    Put before a frozen layer, it is all that trains:

    >>> frozen = torch.nn.Linear(6, 4).requires_grad_(False)
    >>> model = torch.nn.Sequential(rotation, frozen)
    >>> sum(p.numel() for p in model.parameters() if p.requires_grad)
    6
    """

    signs: Tensor | None

    def __init__(
        self,
        width: int,
        block: int,
        scale: float = 0.5,
        orientation: str = "plus",
        *,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.block = checks.count("BlockCayley", "block", block)
        self.width = checks.count("BlockCayley", "width", width)
        if self.width % self.block:
            raise ValueError(
                f"BlockCayley: expected width to be a multiple of block, got {width} and {block}"
            )
        self.scale = checks.real_in("BlockCayley", "scale", scale, 0.0, sys.float_info.max)
        checks.one_of("BlockCayley", "orientation", orientation, _ORIENTATIONS)
        self.orientation = orientation
        shape = (self.width // self.block, self.block * (self.block - 1) // 2)
        vectors = torch.zeros(shape, device=device, dtype=dtype)
        if not vectors.is_floating_point():
            raise TypeError(f"BlockCayley: expected a real floating dtype, got {vectors.dtype}")
        self.vectors = torch.nn.Parameter(vectors)
        self.register_buffer("signs", None)

    @classmethod
    def from_checkpoint(cls, vectors: Tensor, *, scale: float, orientation: str) -> BlockCayley:
        """The layer for vectors trained elsewhere, whose conventions must be said.

        Parameters
        ----------
        vectors : tensor (b, r (r - 1)/2)
            Entries above the diagonal of each skew matrix, row by row.
        scale, orientation
            Those of the program that trained them; there is no default.

        Returns
        -------
        BlockCayley
            Of width b r.
        """
        count = vectors.shape[-1]
        block = (1 + isqrt(1 + 8 * count)) // 2
        if vectors.ndim != 2 or block * (block - 1) // 2 != count:
            raise ValueError(
                "BlockCayley: expected vectors of shape (b, r (r - 1)/2), got "
                f"{tuple(vectors.shape)}"
            )
        layer = cls(
            block * vectors.shape[0], block, scale, orientation, device=vectors.device,
            dtype=vectors.dtype,
        )  # fmt: skip
        with torch.no_grad():
            layer.vectors.copy_(vectors)
        return layer

    @classmethod
    def from_rotations(
        cls, rotations: Tensor, *, scale: float = 0.5, orientation: str = "plus"
    ) -> BlockCayley:
        """The layer that starts at given orthogonal blocks, of any determinant.

        Parameters
        ----------
        rotations : tensor (b, r, r)
            Bases of principal components, Hadamard matrices, ... A block that is not orthogonal is
            replaced by its polar factor.
        scale, orientation
            As above: they change the coordinates of training, not where it starts.

        Returns
        -------
        BlockCayley
            Of width b r.
        """
        if rotations.ndim != 3 or rotations.shape[-1] != rotations.shape[-2]:
            raise ValueError(
                f"BlockCayley: expected rotations of shape (b, r, r), got {tuple(rotations.shape)}"
            )
        b, r = rotations.shape[:2]
        layer = cls(b * r, r, scale, orientation, device=rotations.device, dtype=rotations.dtype)
        with torch.no_grad():
            q = polar(widened(rotations)).unitary
            skew, signs, _ = cayley_inverse(q, scale=layer.scale)
            rows, columns = layer._places()
            layer.vectors.copy_(_ORIENTATIONS[orientation] * skew[:, rows, columns])
            layer.signs = signs.to(torch.int8)
        return layer

    def rotations(self) -> Tensor:
        """The blocks R, (b, r, r)."""
        rows, columns = self._places()
        upper = self.vectors.new_zeros(self.vectors.shape[0], self.block, self.block)
        upper[:, rows, columns] = _ORIENTATIONS[self.orientation] * self.vectors
        return _rotations(upper, self.scale, self.signs)

    def forward(self, x: Tensor) -> Tensor:
        """X diag(R_1, ..., R_b) for x of shape (..., width)."""
        parts = self._blocks("x", x)
        return torch.einsum("...bi,bij->...bj", parts, self.rotations()).flatten(-2)

    @torch.no_grad()
    def merged(self, weight: Tensor) -> Tensor:
        """The weight (..., width) of a linear layer that does without this one before it."""
        parts = self._blocks("weight", weight)
        return torch.einsum("...bj,bij->...bi", parts, self.rotations()).flatten(-2)

    def extra_repr(self) -> str:
        """What stands in the printed module."""
        return f"{self.width}, {self.block}, scale={self.scale}, orientation={self.orientation!r}"

    def _blocks(self, name: str, x: Tensor) -> Tensor:
        """The last axis cut into blocks; a single block would be broadcast."""
        if x.ndim == 0 or x.shape[-1] != self.width:
            raise ValueError(
                f"BlockCayley: expected {name} of shape (..., {self.width}), got "
                f"{checks.describe(x)}"
            )
        return x.unflatten(-1, (-1, self.block))

    def _places(self) -> tuple[Tensor, Tensor]:
        rows, columns = torch.triu_indices(
            self.block, self.block, 1, device=self.vectors.device
        ).unbind()
        return rows, columns
