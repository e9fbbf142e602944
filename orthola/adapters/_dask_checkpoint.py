"""A decomposition of a Dask array on disk, so that it can go on after it was interrupted."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._core import storage

__all__ = ["read", "write"]

_KIND, _VERSION = "svd of a dask array", 1


def write(
    path: str | os.PathLike[str], signature: str, panels: Sequence[Any], heights: Sequence[Any]
) -> None:
    """Replace the file, or leave it as it was."""
    arrays: dict[str, Any] = {}
    for i, panel in enumerate(panels):
        basis, mean, *numbers = panel
        arrays |= {
            f"panel.{i}.basis": basis,
            f"panel.{i}.mean": mean,
            f"panel.{i}.numbers": np.array(numbers),
        }
    for h, group in enumerate(heights):
        for i, part in enumerate(group):
            arrays |= {f"{h}.{i}.{name}": np.asarray(x) for name, x in part.state._asdict().items()}
            arrays[f"{h}.{i}.rest"] = part.rest
    header = {
        "signature": signature,
        "panels": len(panels),
        "heights": [len(group) for group in heights],
    }
    storage.save(path, _KIND, _VERSION, arrays, header)


def read(path: str | os.PathLike[str], signature: str) -> tuple[list[Any], list[Any]]:
    """Fields of panels, and (fields of states, rests) of subtrees by height."""
    stored = storage.load(path, _KIND, version=_VERSION)
    arrays, header = stored.arrays, stored.header
    if header["signature"] != signature:
        raise ValueError(
            f"svd: expected a checkpoint of this array and these options in {os.fspath(path)!r}, "
            "got one of another run; remove it to begin again, or name another file"
        )
    panels = [
        (
            arrays[f"panel.{i}.basis"],
            arrays[f"panel.{i}.mean"],
            *map(float, arrays[f"panel.{i}.numbers"]),
        )
        for i in range(header["panels"])
    ]
    return panels, [
        [_part(arrays, f"{h}.{i}.") for i in range(n)] for h, n in enumerate(header["heights"])
    ]


def _part(arrays: dict[str, Any], prefix: str) -> tuple[dict[str, Any], Any]:
    # Zero-dimensional arrays as the scalars that NumPy gives.
    fields = {
        name.removeprefix(prefix): x[()] for name, x in arrays.items() if name.startswith(prefix)
    }
    return fields, fields.pop("rest")
