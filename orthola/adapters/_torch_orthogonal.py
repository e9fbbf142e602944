"""The orthogonal parametrisation as a PyTorch module: a parameter in, orthonormal columns out."""

# mypy: disallow-untyped-decorators=False, disallow-subclassing-any=False

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ._orthogonal_weight import fit, weight_of
from ._trivialization import Base, base_at

__all__ = ["Orthogonal"]


# One node in the graph of a compiler; with plain arguments, which such nodes need.
@torch.compiler.allow_in_graph
def _weight(
    kind: str,
    x: Tensor,
    signs: Tensor | None,
    frame: Tensor | None,
    left: Tensor | None,
    right: Tensor | None,
    base_signs: Tensor | None,
) -> Tensor:
    base = None if frame is None else Base(frame, left, right, base_signs)
    # Products in the reduced precision of autocast would not be orthonormal.
    with torch.autocast(x.device.type, enabled=False):
        return weight_of(kind, x, signs, base)


class Orthogonal(torch.nn.Module):
    """Parametrisation of one tensor; `orthogonal` registers it.

    Attributes
    ----------
    base : tensor (..., n, k) or None
        Orthonormal columns at which the trivialised parameter starts, n >= k.
    signs : tensor (..., k) or None
        Signs (int8) or phases of the map; None are ones.
    """

    base: Tensor | None
    signs: Tensor | None
    left: Tensor | None
    right: Tensor | None
    base_signs: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool) -> None:
        super().__init__()
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        self.use_trivialization = use_trivialization
        self.register_buffer("signs", None)
        self.register_buffer("base", None)
        # What completes the base: known from it, so not saved.
        for name in ("left", "right", "base_signs"):
            self.register_buffer(name, None, persistent=False)

    def extra_repr(self) -> str:
        """What stands in the printed module."""
        return f"{self.orthogonal_map!r}, use_trivialization={self.use_trivialization}"

    def forward(self, x: Tensor) -> Tensor:
        """The weight for a parameter of its shape."""
        base = (self.base, self.left, self.right, self.base_signs)
        return _weight(self.orthogonal_map, x, self.signs, *base)

    @torch.no_grad()
    def right_inverse(self, value: Tensor) -> Tensor:
        """The parameter for a weight; the base moves there, or the signs are set."""
        if value.shape != self.shape:
            raise ValueError(
                f"orthogonal: expected a value of shape {tuple(self.shape)}, got "
                f"{tuple(value.shape)}; remove the parametrization to change the shape"
            )
        x, self.signs, base = fit(self.orthogonal_map, value, self.use_trivialization)
        if base is not None:
            self.completed_base = base
        # In the order of the weight, because some optimisers flatten it.
        return x.contiguous()

    @property
    def completed_base(self) -> Base | None:
        """The base with what completes it."""
        if self.base is None:
            return None
        return Base(self.base, self.left, self.right, self.base_signs)

    @completed_base.setter
    def completed_base(self, base: Base) -> None:
        self.base, self.left, self.right, self.base_signs = base

    @torch.no_grad()
    def _load_from_state_dict(self, *args: Any) -> None:
        super()._load_from_state_dict(*args)
        if self.base is not None:
            self.completed_base = base_at(self.base)
