"""A stream of points on disk."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from .._core import storage
from .._core.random import destination
from .._core.space import Space, resolve
from .state import State

__all__ = ["Kept", "read", "write"]

_KIND, _VERSION = "procrustes stream", 1


class Kept(NamedTuple):
    """All that a stream is made of."""

    state: State
    given: Space  # of the points
    work: Space  # of the sums
    check_finite: bool


def write(path: str | os.PathLike[str], kept: Kept) -> None:
    """Replace the file, or leave it as it was."""
    header = {
        "library": kept.given.name,
        "dtype": kept.given.dtype_name,
        "sums": kept.work.dtype_name,
        "check_finite": kept.check_finite,
    }
    arrays = {name: storage.on_host(x) for name, x in kept.state._asdict().items()}
    storage.save(path, _KIND, _VERSION, arrays, header)


def read(path: str | os.PathLike[str], xp: Any, device: Any) -> Kept:
    """What `write` wrote, as arrays of `xp`, by default of the library that it came from."""
    stored, name = storage.load(path, _KIND, version=_VERSION), "ProcrustesStream.load"
    head = stored.header
    place = destination(name, xp or head["library"], head["sums"], device)
    kinds = {"f": place.real.dtype, "c": place.dtype}
    arrays = {
        field: place.xp.asarray(x, dtype=kinds.get(x.dtype.kind), device=device)
        for field, x in stored.arrays.items()
    }
    state = State(**arrays)
    work, _ = resolve(name, state.cross)
    if work.dtype_name != head["sums"]:
        raise ValueError(
            f"{name}: expected a library and a device that hold sums of {head['sums']}, got "
            f"{work.dtype_name} from {work.name}; enable double precision there"
        )
    return Kept(state, work.with_dtype(head["dtype"]), work, head["check_finite"])
