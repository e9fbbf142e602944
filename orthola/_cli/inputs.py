"""Matrices from the user's files: .npy, .npz, .safetensors, .zarr."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .failure import Failure, needed
from .matrices import Problem

__all__ = ["from_file"]


def from_file(path: Path, key: str | None) -> Problem:
    """The matrix in a file; `key` names it where the file holds several."""
    opener = _OPENERS.get(path.suffix.lower())
    if opener is None:
        known = ", ".join(_OPENERS)
        raise Failure(f"{path}: expected a file ending in {known}, got {path.suffix or 'none'!r}")
    if not path.exists():
        raise Failure(f"{path}: no such file")
    if not path.is_file() and path.suffix.lower() != _DIRECTORY:
        raise Failure(f"{path}: not a file")
    matrix, name = opener(path, key)
    where = f"{path}: {name}" if name else str(path)
    _require_matrix(where, matrix)
    stem = f"{path.stem}-{name}" if name else path.stem
    safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in stem)
    return Problem(safe, f"{stem}, {matrix.shape[0]} × {matrix.shape[1]}", matrix)


def _require_matrix(where: str, x: np.ndarray[Any, Any]) -> None:
    if x.dtype.kind not in "fciub":
        raise Failure(f"{where}: expected numbers, got dtype {x.dtype}")
    if x.ndim != 2 or 0 in x.shape:
        raise Failure(f"{where}: expected a matrix, two axes and not empty, got shape {x.shape}")
    if bad := x.size - int(np.count_nonzero(np.isfinite(x))):
        raise Failure(f"{where}: expected finite entries, got {bad} of {x.size} NaN or infinite")
    if not x.any():
        raise Failure(f"{where}: all entries are zero, there is nothing to converge to")


def _npy(path: Path, key: str | None) -> tuple[np.ndarray[Any, Any], str | None]:
    if key is not None:
        raise Failure(f"{path}: a .npy file holds one array without a name; leave --key out")
    with _readable(path):
        return np.load(path, allow_pickle=False), None


def _npz(path: Path, key: str | None) -> tuple[np.ndarray[Any, Any], str | None]:
    with _readable(path), np.load(path, allow_pickle=False) as archive:
        return _picked(path, dict.fromkeys(archive.files, archive.__getitem__), key)


def _safetensors(path: Path, key: str | None) -> tuple[np.ndarray[Any, Any], str | None]:
    safetensors = needed("safetensors", "reading .safetensors")
    with _readable(path), safetensors.safe_open(path, framework="numpy") as tensors:
        return _picked(path, dict.fromkeys(tensors.keys(), tensors.get_tensor), key)


def _zarr(path: Path, key: str | None) -> tuple[np.ndarray[Any, Any], str | None]:
    zarr = needed("zarr", "reading .zarr", "zarr")
    with _readable(path):
        node = zarr.open(str(path), mode="r")
        if not hasattr(node, "shape"):
            return _picked(
                path, {name: partial(_loaded, array) for name, array in node.arrays()}, key
            )
        if key is not None:
            raise Failure(f"{path}: holds one array without a name; leave --key out")
        return _loaded(node), None


def _loaded(array: Any, _: str = "") -> np.ndarray[Any, Any]:
    return np.asarray(array[...])


def _picked(
    path: Path, arrays: Mapping[str, Callable[[str], Any]], key: str | None
) -> tuple[np.ndarray[Any, Any], str]:
    names = sorted(arrays)
    if key is None and len(names) != 1:
        raise Failure(f"{path}: holds {len(names)} arrays, choose one with --key: {_list(names)}")
    name = names[0] if key is None else key
    if name not in arrays:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it holds {_list(names)}"
        raise Failure(f"{path}: no array named {name!r}; {hint}")
    return np.asarray(arrays[name](name)), name


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:10]) or "nothing"
    return shown if len(names) <= 10 else f"{shown} and {len(names) - 10} more"


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what the readers raise into one line."""
    try:
        yield
    except Failure:
        raise
    except Exception as error:  # each reader has exceptions of its own
        reason = str(error).splitlines()[0]
        if "pickle" in reason:  # NumPy's words for anything that is not a plain array
            reason = "not an array, or one of Python objects"
        if "bfloat16" in reason:
            reason = "NumPy has no bfloat16; save the array as float32"
        raise Failure(f"{path}: cannot be read: {reason}") from None


_DIRECTORY = ".zarr"
_OPENERS = {".npy": _npy, ".npz": _npz, ".safetensors": _safetensors, _DIRECTORY: _zarr}
