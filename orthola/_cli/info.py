"""``orthola info``: what is installed, what it runs on, and what polar would choose."""

from __future__ import annotations

import argparse
import json
from typing import Any

from .._core.versions import environment
from .terminal import Terminal, terminal

__all__ = ["add_arguments", "facts", "run"]

# Shapes on both sides of the crossovers: stacks of small, small, large, tall, very tall.
_SHAPES = ((10_000, 3, 3), (64, 64), (512, 512), (1024, 1024), (2048, 128), (100_000, 16))
_DTYPES = ("float64", "float32")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--json", action="store_true", help="print everything as one JSON object")


def run(arguments: argparse.Namespace) -> None:
    """Print everything."""
    found = facts()
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        _show(found, terminal())


def facts() -> dict[str, Any]:
    """Environment, kernels and choices as plain values."""
    return environment() | {"tuning": _tuning(), "kernels": _kernels(), "polar": _choices()}


def _tuning() -> dict[str, Any]:
    """Which measured crossovers are in force."""
    from .._core.tuning_file import BUILT_IN_NAME, chosen_file, read

    chosen = chosen_file()
    found = read(chosen)
    if found.source != BUILT_IN_NAME:
        summary = f"{found.source}, of {found.notes.get('date')} (from {chosen.by})"
    elif chosen.path is None:
        summary = f"built-in (from {chosen.by})"
    else:
        summary = f"built-in; 'orthola tune' writes {chosen.path}"
    return {"source": found.source, "by": chosen.by, "summary": summary}


def _kernels() -> list[dict[str, str]]:
    from .._kernels.table import KERNELS

    return [
        {
            "operation": kernel.operation,
            "library": kernel.backend,
            "target": kernel.target,
            "reason": kernel.reason,
        }
        for kernel in KERNELS
    ]


def _choices() -> list[dict[str, Any]]:
    """The plans of `polar` for typical NumPy inputs."""
    import numpy as np

    from .._core.dispatch import explain
    from .._polar.api import polar

    choices = []
    for shape in _SHAPES:
        for dtype in _DTYPES:
            # Only shape and dtype are read: a broadcast scalar needs no memory.
            plan = explain(polar, np.broadcast_to(np.zeros((), dtype), shape))
            choices.append(
                {
                    "shape": list(shape),
                    "dtype": dtype,
                    "method": plan["method"],
                    "kernel": plan["kernel"],
                    "because": plan["because"],
                }
            )
    return choices


def _show(found: dict[str, Any], out: Terminal) -> None:
    out.heading(f"orthola {found['orthola']}")
    out.table(("", ""), [("Python", found["python"]), ("system", found["system"])])

    packages = [
        (name, version or f"not installed: {found['missing'][name]}")
        for name, version in found["packages"].items()
    ]
    out.heading("Packages")
    out.table(("package", "version"), packages)

    threads = found["threads"]
    pools = [
        (
            pool["kind"].upper() if pool["kind"] == "blas" else pool["kind"],
            f"{pool['library']} {pool['version']}, threads: {pool['threads']} ({pool['file']})",
        )
        for pool in threads["pools"]
    ]
    machine = [
        ("array libraries", ", ".join(found["backends"])),
        ("processors", f"{threads['processors']} for this process"),
        *pools,
        ("GPU", found["gpu"]["summary"]),
        ("crossovers", found["tuning"]["summary"]),
    ]
    out.heading("Array libraries and hardware")
    out.table(("", ""), machine)

    out.heading("Kernels")
    out.table(("operation", "libraries", "for", "code in orthola"), _merged(found["kernels"]))

    choices = [
        (" × ".join(map(str, c["shape"])), c["dtype"], c["method"], c["because"])
        for c in found["polar"]
    ]
    out.heading("What polar chooses for NumPy arrays")
    out.table((">shape", "dtype", "method", "because"), choices)
    out.paragraph("Ask for any other call with orthola.explain(orthola.polar, array, ...).")


def _merged(kernels: list[dict[str, str]]) -> list[tuple[str, ...]]:
    """One row for each kernel, with all libraries that it serves."""
    libraries: dict[tuple[str, str, str], list[str]] = {}
    for kernel in kernels:
        key = kernel["operation"], kernel["reason"], kernel["target"]
        libraries.setdefault(key, []).append(kernel["library"])
    return [
        (operation, ", ".join(names), reason, target.removeprefix("orthola."))
        for (operation, reason, target), names in libraries.items()
    ]
