"""An online dictionary on disk: all that is needed to go on to the last bit."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .._core import storage
from .._core.pytree import register_static
from .._core.random import destination
from .._core.space import resolve
from .online_stream import Settings, Stream
from .schedules import Steps
from .state import DictionaryOptions, DictionaryState

__all__ = ["read", "write"]

_KIND, _VERSION = "online orthogonal dictionary", 2
_NAME = "OnlineOrthogonalDictionary.load"
_OWN = ("init", "mean", "precondition", "rest", "moments", "unit")
_GENERATORS = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")


def write(
    path: str | os.PathLike[str], settings: Settings, stream: Stream, rng: np.random.Generator
) -> None:
    """Replace the file, or leave it as it was."""
    held = {name: getattr(stream, name) for name in _OWN}
    options, state = None, stream.state
    known = [x for x in (stream.example(), *held.values()) if x is not None]
    library = resolve(_NAME, known[0])[0].name if known else None
    if state is not None:
        held |= {f"state.{name}": getattr(state, name) for name in state._fields[:-1]}
        options = {name: getattr(state.options, name) for name in state.options.__slots__}
    header = {
        "library": library,
        "settings": settings._asdict(),
        "options": options,
        "measured": stream.measured,
        "refused": stream.refused,
        "generator": _frozen(rng.bit_generator.state),
    }
    arrays = {name: storage.on_host(x) for name, x in held.items() if x is not None}
    storage.save(path, _KIND, _VERSION, arrays, header)


def read(
    path: str | os.PathLike[str], xp: Any, device: Any
) -> tuple[Settings, Stream, np.random.Generator]:
    """What `write` wrote, as arrays of `xp`, by default of the library that they came from."""
    stored = storage.load(path, _KIND, version=_VERSION)
    head = stored.header
    library = xp or head["library"]
    if stored.version < 2 and head["options"] is not None:
        _refine(stored.arrays)
    held = {name: _moved(library, x, device) for name, x in stored.arrays.items()}
    state = None
    if head["options"] is not None:
        register_static(DictionaryOptions)
        options = DictionaryOptions(**{**head["options"], "steps": _steps(head["options"])})
        fields = {name: held[f"state.{name}"] for name in DictionaryState._fields[:-1]}
        state = DictionaryState(**fields, options=options)
    stream = Stream(
        **{name: held.get(name) for name in _OWN},
        state=state, measured=head["measured"], refused=head["refused"],
    )  # fmt: skip
    settings = Settings(**{**head["settings"], "steps": _steps(head["settings"])})
    return settings, stream, _thawed(head["generator"])


def _refine(arrays: dict[str, Any]) -> None:
    """Of files without refined atoms: those of the iterate, as at the start of a stream."""
    iterate, noise = arrays["state.iterate"], arrays["state.noise"]
    record = np.zeros((*iterate.shape[:-2], 4, iterate.shape[-1]), noise.dtype)
    arrays |= {"state.refined": iterate, "state.record": record}


def _moved(library: Any, x: Any, device: Any) -> Any:
    """As an array of the library, of the same dtype; counters as its integers."""
    if library is None:
        return x
    if x.dtype.kind not in "fc":
        xp = destination(_NAME, library, None, device).xp
        info = xp.__array_namespace_info__().dtypes(kind="signed integer")
        return xp.asarray(x, dtype=info.get("int64", info["int32"]), device=device)
    place = destination(_NAME, library, str(x.dtype), device)
    probe = place.xp.zeros((1, 1), device=device)
    if (
        x.dtype.itemsize > 8 // (2 - (x.dtype.kind == "c"))
        and not resolve(_NAME, probe)[0].has_double
    ):
        raise ValueError(
            f"{_NAME}: expected a library and a device that hold {x.dtype}; enable double "
            "precision there"
        )
    return place.xp.asarray(x, dtype=place.dtype, device=device)


def _steps(plain: dict[str, Any]) -> Steps:
    average, move, clip, project = plain["steps"]
    return Steps(tuple(average), tuple(move), clip, project)


def _frozen(x: Any) -> Any:
    """The state of a bit generator as JSON can hold it."""
    if isinstance(x, dict):
        return {key: _frozen(value) for key, value in x.items()}
    if isinstance(x, np.ndarray):
        return {"array": x.tolist(), "dtype": str(x.dtype)}
    return x.item() if isinstance(x, np.generic) else x


def _whole(x: Any) -> Any:
    if isinstance(x, dict) and set(x) == {"array", "dtype"}:
        return np.asarray(x["array"], x["dtype"])
    return {key: _whole(value) for key, value in x.items()} if isinstance(x, dict) else x


def _thawed(frozen: dict[str, Any]) -> np.random.Generator:
    state = _whole(frozen)
    if state["bit_generator"] not in _GENERATORS:
        raise ValueError(
            f"{_NAME}: expected one of NumPy's bit generators ({', '.join(_GENERATORS)}), got "
            f"{state['bit_generator']!r}; make the stream with a seed instead"
        )
    bits = getattr(np.random, state["bit_generator"])()
    bits.state = state
    return np.random.Generator(bits)
