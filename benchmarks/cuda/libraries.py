"""The array libraries on the device: arrays made from host numbers, and waiting for the device."""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Unavailable(Exception):
    """A library, or something in it, that is missing here."""


def library(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Unavailable(f"{name} cannot be imported: {error}") from None


def to_cupy(host: NDArray[Any], dtype: str) -> Any:
    cupy = library("cupy")
    array = cupy.asarray(host)
    if dtype != "bfloat16":
        return array.astype(dtype)
    try:
        return array.astype(library("ml_dtypes").bfloat16)
    except TypeError as error:
        raise Unavailable(f"this CuPy has no bfloat16: {error}") from None


def to_torch(host: NDArray[Any], dtype: str) -> Any:
    torch = library("torch")
    if not torch.cuda.is_available():
        raise Unavailable("this PyTorch finds no CUDA device")
    return torch.from_numpy(host).to("cuda").to(getattr(torch, dtype))


ARRAYS: dict[str, Callable[[NDArray[Any], str], Any]] = {"cupy": to_cupy, "torch": to_torch}


def wait() -> None:
    """Until the device has done everything that was asked of it, by whichever library."""
    cupy, torch = sys.modules.get("cupy"), sys.modules.get("torch")
    if cupy is not None:
        cupy.cuda.runtime.deviceSynchronize()
    elif torch is not None:
        torch.cuda.synchronize()


def free() -> None:
    """Give cached memory back, so that one library does not starve the other.

    It waits for the device, so a device that was lost is found here.
    """
    wait()
    cupy, torch = sys.modules.get("cupy"), sys.modules.get("torch")
    if cupy is not None:
        cupy.get_default_memory_pool().free_all_blocks()
    if torch is not None:
        torch.cuda.empty_cache()


def gaussian(shape: tuple[int, ...], seed: int = 20240229) -> NDArray[Any]:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
