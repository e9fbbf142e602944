"""States on disk: arrays and a JSON header in one file, written atomically, never pickled.

The file is an ordinary uncompressed ``.npz`` archive, with one more member for the header: what
zip checks (a directory at the end, a checksum per member) tells whole files from broken ones.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .atomic import replacing
from .shared_memory import as_numpy

__all__ = ["Stored", "load", "on_host", "save"]

_HEADER = "header.json"
_FORMAT = "orthola state"
_DATE = (1980, 1, 1, 0, 0, 0)  # the same state gives the same bytes
# What a file that ends too early, or was damaged, makes the readers raise.
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, NotImplementedError)


class Stored(NamedTuple):
    """What a file holds."""

    version: int
    header: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


def on_host(x: Any) -> NDArray[Any]:
    """An array of any library as a NumPy array in main memory: writing a file is what moves it."""
    from array_api_compat import is_cupy_array, is_torch_array, to_device

    if is_torch_array(x):
        found: NDArray[Any] = as_numpy(to_device(x, "cpu"))
        return found
    return np.asarray(to_device(x, "cpu") if is_cupy_array(x) else x)


def save(
    path: str | os.PathLike[str],
    kind: str,
    version: int,
    arrays: Mapping[str, NDArray[Any]],
    header: Mapping[str, Any],
) -> None:
    """Write a state; whenever the process is killed, `path` has the old state or the new one.

    Parameters
    ----------
    path : path
        File to write or to replace; a link is followed. The new file is first written beside it
        as a hidden ``.part`` file; one that a killed process has left goes with the next save.
    kind : str
        What is stored, ``"procrustes stream"`` for example; `load` asks for it again.
    version : int
        Version of the layout of this kind.
    arrays : mapping of str to ndarray
        Arrays by name, of any dtype but objects.
    header : mapping
        What JSON can hold.

    Raises
    ------
    TypeError
        For objects in arrays or in the header; nothing has been written then.
    OSError
        If the file cannot be written; the old one is still there.
    """
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.dtype.hasobject:
            raise TypeError(
                f"save: expected NumPy arrays of numbers, got {type(array).__name__} for {name!r}"
            )
    text = json.dumps({"format": _FORMAT, "kind": kind, "version": version, "header": dict(header)})
    with replacing(path) as file:
        _write(file, text, arrays)


def _write(file: Any, text: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        archive.writestr(zipfile.ZipInfo(_HEADER, _DATE), text)
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy", _DATE), "w", force_zip64=True) as out:
                np.lib.format.write_array(out, array, allow_pickle=False)


def load(path: str | os.PathLike[str], kind: str, *, version: int) -> Stored:
    """Read a state back.

    Parameters
    ----------
    path : path
        What `save` wrote.
    kind : str
        What is expected to be in it.
    version : int
        The newest layout that the caller understands; older ones are handed over as they are.

    Returns
    -------
    Stored

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it is not whole, not written by `save`, of another kind, or newer than `version`.
    """
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                head = json.loads(archive.read(_HEADER))
                known = isinstance(head, dict) and head.get("format") == _FORMAT
                if not known:
                    raise ValueError("no header of orthola")
                _check_kind(path, head, kind, version)
                arrays = {
                    entry.removesuffix(".npy"): _array(archive, entry)
                    for entry in archive.namelist()
                    if entry.endswith(".npy")
                }
        except _Refused:
            raise
        except _BROKEN as error:
            raise ValueError(
                f"load: expected a whole file of kind {kind!r}, but {os.fspath(path)!r} is "
                f"truncated, damaged or of another origin ({error}); use an older copy of it"
            ) from error
    return Stored(int(head["version"]), dict(head["header"]), arrays)


class _Refused(ValueError):
    """The file is whole, and is not what was asked for."""


def _check_kind(path: Any, head: Mapping[str, Any], kind: str, version: int) -> None:
    if head["kind"] != kind:
        raise _Refused(f"load: expected {kind!r} in {os.fspath(path)!r}, got {head['kind']!r}")
    if head["version"] > version:
        raise _Refused(
            f"load: expected {kind!r} of version {version} at most in {os.fspath(path)!r}, got "
            f"version {head['version']}; a newer orthola has written it: update orthola"
        )


def _array(archive: zipfile.ZipFile, entry: str) -> NDArray[Any]:
    with archive.open(entry) as member:
        array: NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
        member.read(1)  # to the end, where the checksum is compared
    return array
