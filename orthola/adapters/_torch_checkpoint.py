"""Checkpoints of `torch.nn.utils.parametrizations.orthogonal`, read into our layout.

There the base is square, of order n, and the signs of reflectors stand in the diagonal of the
parameter. Its base and the completion of its first k columns differ by a rotation W of the other
columns; with the lower rows of X turned by W, all three maps give the same weight.
"""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ._orthogonal_weight import tall, widened
from ._torch_orthogonal import Orthogonal
from ._trivialization import base_at, to_base

__all__ = ["read_torch_layout"]


@torch.no_grad()
def read_torch_layout(
    parametrizations: Any, state_dict: dict[str, Any], prefix: str, *_: Any
) -> None:
    """Hook before loading: bring what belongs to our parametrisation into its layout."""
    original = state_dict.get(f"{prefix}original")
    ours = parametrizations[0]
    if original is None or not isinstance(ours, Orthogonal):
        return
    signs, base = f"{prefix}0.signs", f"{prefix}0.base"
    if ours.signs is not None and signs not in state_dict:
        state_dict[signs] = _signs(ours.orthogonal_map, original, ours.signs.dtype)
    square = state_dict.get(base)
    n, k = tall(original).shape[-2:]
    if ours.base is not None and square is not None and square.shape[-2:] == (n, n) and n > k:
        state_dict[base] = square[..., :k].contiguous()
        state_dict[f"{prefix}original"] = _turned(original, square)


def _signs(kind: str, original: Tensor, dtype: torch.dtype) -> Tensor:
    diagonal = torch.linalg.diagonal(original).to(dtype)
    return diagonal if kind == "householder" else torch.ones_like(diagonal)


def _turned(original: Tensor, base: Tensor) -> Tensor:
    """The parameter for the base that is the completion of the first columns of this one."""
    x, base = widened(tall(original)), widened(base)
    k = x.shape[-1]
    y = to_base(base_at(base[..., :k]), base @ x)
    y = torch.cat([x[..., :k, :], y[..., k:, :]], dim=-2).to(original.dtype)
    return y.mT if y.shape != original.shape else y
