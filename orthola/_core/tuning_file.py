"""Where measured limits are kept: one JSON file, replaced atomically, never needed.

A file that is broken, of another machine or from a newer orthola is told about in a warning, and
the built-in values are used: no choice between methods may depend on half a file.
"""

from __future__ import annotations

import json
import math
import os
import platform
import sys
import warnings
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from .atomic import replacing
from .tuning import BUILT_IN, Tuning, forget_files
from .versions import processor

__all__ = ["BUILT_IN_NAME", "VARIABLE", "Chosen", "Found", "chosen_file", "read", "user_file",
           "write"]  # fmt: skip

VARIABLE = "ORTHOLA_TUNING"
BUILT_IN_NAME = "built-in"
_FORMAT, _VERSION = "orthola tuning", 1


class Chosen(NamedTuple):
    """A file, and who asked for it."""

    path: Path | None  # None: the built-in values
    by: str
    must_exist: bool


class Found(NamedTuple):
    """What is in force."""

    tuning: Tuning
    source: str  # "built-in", or the path
    notes: dict[str, Any]  # of the file: date, machine


def user_file() -> Path:
    """Where the configuration of programs belongs on this system."""
    if sys.platform == "win32":  # pragma: no cover - not run there
        folder = os.environ.get("APPDATA") or "~/AppData/Roaming"
    elif sys.platform == "darwin":  # pragma: no cover - not run there
        folder = "~/Library/Application Support"
    else:
        folder = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(folder).expanduser() / "orthola" / "tuning.json"


def chosen_file(option: str | None = None) -> Chosen:
    """By the option, else by the environment, else the user's."""
    for name, by in ((option, "options"), (os.environ.get(VARIABLE), VARIABLE)):
        if name == BUILT_IN_NAME:
            return Chosen(None, by, False)
        if name:
            return Chosen(Path(name).expanduser(), by, True)
    return Chosen(user_file(), "the user's folder", False)


def read(chosen: Chosen) -> Found:
    """The limits of a file, or the built-in ones, with a warning where a file cannot be used."""
    built_in = Found(BUILT_IN, BUILT_IN_NAME, {})
    path = chosen.path
    if path is None:
        return built_in
    try:
        text = path.read_text(encoding="utf-8")
        tuning, notes = _parsed(text)
    except FileNotFoundError:
        if not chosen.must_exist:
            return built_in
        trouble = "there is no such file"
    except OSError as error:
        trouble = error.strerror or str(error)
    except ValueError as error:
        trouble = str(error)
    else:
        return Found(tuning, str(path), notes)
    warnings.warn(
        f"orthola uses its built-in crossovers, not those of {path} (from {chosen.by}): {trouble}; "
        "measure again with 'orthola tune', or remove the file",
        UserWarning,
        stacklevel=2,
    )
    return built_in


def write(path: Path, tuning: Tuning, notes: Mapping[str, Any]) -> None:
    """Replace the file; whenever the process is killed, the old one or the new one is there."""
    head = {
        "format": _FORMAT,
        "version": _VERSION,
        "processor": processor(),
        "architecture": platform.machine(),
    }
    limits = {part.name: getattr(tuning, part.name)._asdict() for part in fields(Tuning)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write((json.dumps(head | dict(notes) | {"limits": limits}, indent=1) + "\n").encode())
    forget_files()


def _parsed(text: str) -> tuple[Tuning, dict[str, Any]]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ValueError(f"it is no JSON ({error})") from None
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ValueError("it was not written by 'orthola tune'")
    if content.get("version") != _VERSION:
        raise ValueError(f"it has version {content.get('version')!r}, and {_VERSION} is known here")
    here = (processor(), platform.machine())
    there = (content.get("processor"), content.get("architecture"))
    if there != here:
        raise ValueError(f"it was measured on {_named(there)}, and this is {_named(here)}")
    limits = content.get("limits")
    if not isinstance(limits, dict):
        raise ValueError("it has no limits")
    parts = {part.name: getattr(BUILT_IN, part.name) for part in fields(Tuning)}
    if unknown := set(limits) - set(parts):
        raise ValueError(f"it names what is unknown here: {', '.join(sorted(unknown))}")
    for name, given in limits.items():
        parts[name] = _changed(name, parts[name], given)
    notes = {name: x for name, x in content.items() if name not in ("format", "version", "limits")}
    return Tuning(**parts), notes


def _changed(name: str, limits: Any, given: Any) -> Any:
    """Limits with the values of a file, each of the type that it has here."""
    if not isinstance(given, dict) or set(given) - set(limits._fields):
        raise ValueError(f"{name} is not what it is here")
    values = {}
    for field, value in given.items():
        values[field] = _like(getattr(limits, field), value)
        if values[field] is None:
            raise ValueError(f"{name}.{field} cannot be {value!r}")
    return limits._replace(**values)


def _like(built_in: Any, value: Any) -> Any:
    """The value in the form of the built-in one; None if it has another."""
    if isinstance(built_in, tuple):
        rows = value if isinstance(value, list) and value else [None]
        out = [_row(built_in[0], row) for row in rows]
        firsts = [row[0] for row in out if row is not None]
        ascending = len(firsts) == len(out) and firsts == sorted(set(firsts))
        return tuple(out) if ascending else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    if isinstance(built_in, int):
        return value if isinstance(value, int) and value >= 0 else None
    return float(value) if value > 0 else None


def _row(built_in: Any, value: Any) -> Any:
    if not isinstance(value, list) or len(value) != len(built_in):
        return None
    out = tuple(_like(b, v) for b, v in zip(built_in, value, strict=True))
    return None if None in out else out


def _named(machine: tuple[Any, Any]) -> str:
    return " ".join(str(x) for x in machine)
