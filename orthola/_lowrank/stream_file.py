"""A stream of samples on disk."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any, NamedTuple

from .._core import storage
from .._core.random import destination
from .state import SVDConfig, SVDState
from .window import Window

__all__ = ["Kept", "read", "write"]

_KIND, _VERSION = "svd stream", 1


class Kept(NamedTuple):
    """All that a stream is made of."""

    config: SVDConfig
    library: str
    dtype: str
    state: SVDState
    window: Window | None
    shards: frozenset[str]  # streams whose samples are in here
    extras: dict[str, Any]  # settings of the shell
    rotations: list[tuple[Any, int]]


def write(path: str | os.PathLike[str], kept: Kept) -> None:
    """Replace the file, or leave it as it was."""
    arrays = _named("state", kept.state)
    window = kept.window
    if window is not None:
        for part in ("older", "newer"):
            for i, state in enumerate(getattr(window, part)):
                arrays |= _named(f"{part}.{i}", state)
        if window.running is not None:
            arrays |= _named("running", window.running)
    for i, (w, _) in enumerate(kept.rotations):
        arrays[f"rotation.{i}"] = storage.on_host(w)
    header = {
        "rotations": [n for _, n in kept.rotations],
        "config": asdict(kept.config),
        "library": kept.library,
        "dtype": kept.dtype,
        "window": None if window is None else [len(window.older), len(window.newer)],
        "shards": sorted(kept.shards),
        "extras": kept.extras,
    }
    storage.save(path, _KIND, _VERSION, arrays, header)


def read(path: str | os.PathLike[str], xp: Any, device: Any) -> Kept:
    """What `write` wrote, as arrays of `xp`, by default of the library that it came from."""
    stored, name = storage.load(path, _KIND, version=_VERSION), "IncrementalSVD.load"
    head = stored.header
    place = destination(name, xp or head["library"], head["dtype"], device)

    def state(prefix: str) -> SVDState:
        fields = {}
        for field in SVDState._fields:
            host = stored.arrays[f"{prefix}.{field}"]
            kind = getattr(place.xp, host.dtype.name)
            fields[field] = place.xp.asarray(host.copy(order="K"), dtype=kind, device=device)
        return SVDState(**fields)

    rotations = []
    for i, n in enumerate(head["rotations"]):
        host = stored.arrays[f"rotation.{i}"]
        rotations.append((place.xp.asarray(host, dtype=place.dtype, device=device), n))
    window = None
    if head["window"] is not None:
        older, newer = head["window"]
        window = Window(
            tuple(state(f"older.{i}") for i in range(older)),
            tuple(state(f"newer.{i}") for i in range(newer)),
            state("running") if newer else None,
        )
    return Kept(
        SVDConfig(**head["config"]), head["library"] if xp is None else place.xp.__name__,
        head["dtype"], state("state"), window, frozenset(head["shards"]), head["extras"],
        rotations,
    )  # fmt: skip


def _named(prefix: str, state: SVDState) -> dict[str, Any]:
    return {f"{prefix}.{field}": storage.on_host(x) for field, x in state._asdict().items()}
