"""A stream of samples on disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, NamedTuple

import numpy as np

from .._core import storage
from .._core.random import destination
from .intervals import Interval
from .rotations import Rotation
from .state import EXACT_UP_TO, SVDConfig, SVDState
from .window import Window

__all__ = ["Kept", "read", "write"]

# 1: rotations were single matrices, nothing was centred; 2: "auto" kept R for any tolerance
_KIND, _VERSION = "svd stream", 3
_PARTS = ("upper", "lower", "shift", "roots")


class Kept(NamedTuple):
    """All that a stream is made of."""

    config: SVDConfig
    backend: str
    dtype: str
    state: SVDState
    window: Window | None
    shards: frozenset[str]  # streams whose samples are in here
    extras: dict[str, Any]  # settings of the shell
    rotations: list[Rotation]
    inner: Any = None  # L, its diagonal, or a function
    intervals: Sequence[Interval] = ()  # of the samples, where they have numbers


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
    for i, rotation in enumerate(kept.rotations):
        for part in _PARTS:
            arrays[f"rotation.{i}.{part}"] = storage.on_host(getattr(rotation, part))
    if kept.inner is not None and not callable(kept.inner):
        arrays["inner_product"] = storage.on_host(kept.inner)
    header = {
        "needs_function": callable(kept.inner),
        "rotations": [rotation.fade for rotation in kept.rotations],
        "config": asdict(kept.config),
        "library": kept.backend,
        "dtype": kept.dtype,
        "window": None if window is None else [len(window.older), len(window.newer)],
        "shards": sorted(kept.shards),
        "intervals": kept.intervals,
        "extras": kept.extras,
    }
    storage.save(path, _KIND, _VERSION, arrays, header)


def read(path: str | os.PathLike[str], xp: Any, device: Any, inner: Any = None) -> Kept:
    """What `write` wrote, as arrays of `xp`, by default of the library that it came from."""
    stored, name = storage.load(path, _KIND, version=_VERSION), "IncrementalSVD.load"
    head = stored.header
    place = destination(name, xp or head["library"], head["dtype"], device)

    def state(prefix: str) -> SVDState:
        fields = {}
        # Fields that came later than the file are sums of nothing yet.
        for field in SVDState._fields:
            host = stored.arrays.get(f"{prefix}.{field}", np.zeros(()))
            kind = getattr(place.xp, host.dtype.name)
            fields[field] = place.xp.asarray(host.copy(order="K"), dtype=kind, device=device)
        return SVDState(**fields)

    rotations = []
    for i, note in enumerate(head["rotations"]):
        host = _rotation(stored, i, note)
        parts = {
            part: place.xp.asarray(x, dtype=getattr(place.xp, x.dtype.name), device=device)
            for part, x in zip(_PARTS, host, strict=True)
        }
        rotations.append(Rotation(**parts, fade=1.0 if stored.version == 1 else note))
    if inner is None and head.get("needs_function", False):
        raise ValueError(
            f"{name}: expected inner_product, the function that this stream was made with, got none"
        )
    if inner is None and "inner_product" in stored.arrays:
        root = stored.arrays["inner_product"]
        kind = getattr(place.xp, root.dtype.name)
        inner = place.xp.asarray(root, dtype=kind, device=device)
    window = None
    if head["window"] is not None:
        older, newer = head["window"]
        window = Window(
            tuple(state(f"older.{i}") for i in range(older)),
            tuple(state(f"newer.{i}") for i in range(newer)),
            state("running") if newer else None,
        )
    config = SVDConfig(**head["config"])
    if stored.version < 3 and head["dtype"] in ("float64", "complex128"):
        config = _as_it_was(config)
    return Kept(
        config, head["library"] if xp is None else place.xp.__name__,
        head["dtype"], state("state"), window, frozenset(head["shards"]), head["extras"],
        rotations, inner, [(start, stop) for start, stop in head.get("intervals", ())],
    )  # fmt: skip


def _as_it_was(config: SVDConfig) -> SVDConfig:
    """With the engine that "auto" chose before version 3 for double precision and a tolerance."""
    small = config.features <= EXACT_UP_TO * config.capacity
    if config.engine != "auto" or config.tolerance is None or not small:
        return config
    return replace(config, engine="exact-r")


def _rotation(stored: storage.Stored, i: int, note: Any) -> tuple[Any, ...]:
    """The arrays of one rotation; in version 1 one matrix and, noted, the samples of its block."""
    if stored.version > 1:
        return tuple(stored.arrays[f"rotation.{i}.{part}"] for part in _PARTS)
    w = stored.arrays[f"rotation.{i}"]
    first = w.shape[0] - int(note)
    return w[:first], w[first:], np.zeros(w.shape[1], w.dtype), np.ones(int(note), w.real.dtype)


def _named(prefix: str, state: SVDState) -> dict[str, Any]:
    return {f"{prefix}.{field}": storage.on_host(x) for field, x in state._asdict().items()}
