"""On what the figures were measured."""

import importlib.metadata
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.speed.duel import ROOT

PACKAGES = (
    "orthola",
    "numpy",
    "scipy",
    "numba",
    "threadpoolctl",
    "jax",
    "jaxlib",
    "optax",
    "torch",
    "scikit-learn",
    "spams-bin",
    "dictlearn",
    "qc-procrustes",
    "pymor",
    "dask",
    "zarr",
    "pytest-benchmark",
)


def machine() -> dict[str, Any]:
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
        "revision": _revision(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "load": load(),
    }


def load() -> list[float] | None:
    """Load averages: how busy others keep the machine; each figure carries the one at its end."""
    return [round(x, 2) for x in os.getloadavg()] if hasattr(os, "getloadavg") else None


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _revision() -> str | None:
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True
        )
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None
