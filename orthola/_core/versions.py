"""What is installed and what it runs on: the facts of `show_versions` and of every bug report."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from contextlib import suppress
from importlib import metadata
from typing import Any

from .threads import available_threads

__all__ = ["environment", "processor", "show_versions"]

_REQUIRED = ("numpy", "scipy", "numba", "threadpoolctl", "array-api-compat")
# Name shown -> (distributions that provide it, what to install).
_OPTIONAL: dict[str, tuple[tuple[str, ...], str]] = {
    "cupy": (
        ("cupy", "cupy-cuda12x", "cupy-cuda13x"),
        '"orthola[cuda12]" (or "orthola[cuda13]" for CUDA 13)',
    ),
    "torch": (("torch",), '"orthola[torch]"'),
    "jax": (("jax",), '"orthola[jax]"'),
    "array-api-strict": (("array-api-strict",), "array-api-strict"),
    "dask": (("dask",), '"orthola[dask]"'),
    "scikit-learn": (("scikit-learn",), '"orthola[sklearn]"'),
    "matplotlib": (("matplotlib",), '"orthola[study]"'),
    "rich": (("rich",), '"orthola[study]"'),
    "pillow": (("pillow",), '"orthola[study]"'),
    "safetensors": (("safetensors",), '"orthola[study]"'),
}
_BACKENDS = ("numpy", "cupy", "torch", "jax", "array-api-strict")


def environment() -> dict[str, Any]:
    """Versions, array libraries, BLAS, threads and GPU as plain values, fit for JSON.

    A package that is not installed has the version None. Nothing is imported but NumPy, SciPy and
    threadpoolctl, the first two because a BLAS is only seen once it is loaded.
    """
    from .. import __version__

    packages = {name: _version(name) for name in _REQUIRED}
    packages |= {name: _version(*names) for name, (names, _) in _OPTIONAL.items()}
    return {
        "orthola": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": packages,
        "missing": {
            name: f"pip install {_OPTIONAL[name][1] if name in _OPTIONAL else name}"
            for name, version in packages.items()
            if version is None
        },
        "backends": [name for name in _BACKENDS if packages[name] is not None],
        "threads": {"processors": available_threads(), "pools": _thread_pools()},
        "gpu": _gpu(packages),
    }


def show_versions() -> None:
    """Print versions, BLAS libraries, threads and GPU: paste it into a bug report.

    The command ``orthola info`` shows the same, and which methods `polar` would choose.

    Returns
    -------
    None

    Examples
    --------
    >>> import orthola
    >>> orthola.show_versions()
    orthola ...
    """
    facts = environment()
    packages, pools = facts["packages"].items(), facts["threads"]["pools"]
    lines = [
        ("orthola", facts["orthola"]),
        ("python", f"{facts['python']}, {facts['system']}"),
        *((name, v or f"not installed: {facts['missing'][name]}") for name, v in packages),
        *((p["library"], f"{p['version']}, threads: {p['threads']} ({p['file']})") for p in pools),
        ("processors", str(facts["threads"]["processors"])),
        ("GPU", facts["gpu"]["summary"]),
    ]
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        print(f"{name:<{width}}  {value}")


def processor() -> str:
    """The model of the processor, as the system names it."""
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(*distributions: str) -> str | None:
    """Version of the first distribution that is installed."""
    for name in distributions:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def _thread_pools() -> list[dict[str, Any]]:
    """BLAS and OpenMP libraries in this process, with their thread counts."""
    import scipy.linalg  # noqa: F401  loads SciPy's BLAS
    from threadpoolctl import threadpool_info

    return [
        {
            "library": pool["internal_api"],
            "version": pool.get("version") or "unknown version",
            "kind": pool["user_api"],
            "threads": pool["num_threads"],
            "architecture": pool.get("architecture"),
            "file": os.path.basename(pool["filepath"]),
        }
        for pool in threadpool_info()
    ]


def _gpu(packages: dict[str, str | None]) -> dict[str, Any]:
    """Devices that the NVIDIA driver reports, and whether an array library here can use them."""
    devices, trouble = _cuda_devices()
    if not devices:
        return {"devices": [], "usable": False, "summary": f"none: {trouble}"}
    named = ", ".join(devices)
    if packages["cupy"] is not None:
        return {"devices": devices, "usable": True, "summary": f"{named}; CuPy is installed"}
    others = [name for name in ("torch", "jax") if packages[name] is not None]
    if others:
        reason = f"CuPy is not installed; {' and '.join(others)} may have been built with CUDA"
    else:
        reason = f"no array library for it: pip install {_OPTIONAL['cupy'][1]}"
    return {"devices": devices, "usable": bool(others), "summary": f"{named}; {reason}"}


def _cuda_devices() -> tuple[list[str], str]:
    """Names of the CUDA devices, asked from the driver itself, and why there are none."""
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(library)
    except OSError:
        return [], f"no NVIDIA driver ({library} cannot be loaded)"
    if code := driver.cuInit(0):
        return [], f"the NVIDIA driver cannot start (CUDA error {code})"
    count = ctypes.c_int(0)
    driver.cuDeviceGetCount(ctypes.byref(count))
    names = []
    for index in range(count.value):
        device, name = ctypes.c_int(), ctypes.create_string_buffer(256)
        driver.cuDeviceGet(ctypes.byref(device), index)
        driver.cuDeviceGetName(name, len(name), device)
        names.append(name.value.decode(errors="replace"))
    return names, "the NVIDIA driver reports no device"
