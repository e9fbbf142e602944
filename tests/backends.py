"""The array libraries, in the modes in which the suite meets them."""

from __future__ import annotations

import ctypes
import functools
import importlib
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import array_api_compat
import numpy as np

_NARROWER = {"float64": "float32", "complex128": "complex64", "int64": "int32"}


def held(backend: str) -> tuple[str, ...]:
    """Floating and complex dtypes of a back-end, told from its name: nothing is imported."""
    dtypes: tuple[str, ...] = ("float32", "complex64")
    if backend not in ("strict-no-float64", "strict-no-x64"):
        dtypes += ("float64", "complex128")
    if not backend.startswith("strict"):
        dtypes += ("float16",)
    if backend.startswith(("torch", "jax")):
        dtypes += ("bfloat16",)
    return dtypes


class Unavailable(Exception):
    """The library or the device that a back-end stands for is not on this machine."""


@dataclass(frozen=True)
class Backend:
    """One library on one device in one mode."""

    name: str
    xp: Any
    """Array namespace, the same object that ``array_api_compat.array_namespace`` finds."""
    device: Any
    """What to pass as ``device=``."""
    convert: Callable[[np.ndarray, str], Any]
    """Host array and dtype name to array; the public way is `asarray`."""
    jitted: bool = False
    """Whether `call` compiles the function."""
    restricted: bool = False
    """Whether value-dependent shapes and boolean indexing are forbidden while a test runs."""

    @property
    def dtypes(self) -> tuple[str, ...]:
        """Names of the floating and complex dtypes it holds."""
        return held(self.name)

    def asarray(self, array: Any, dtype: str | None = None) -> Any:
        """Move host data to this back-end.

        `dtype` names the dtype wanted. Without it the array keeps its own, except that 64 bits
        become 32 where there is nothing wider: take eps from the dtype of what came out.
        """
        array = np.asarray(array)
        name = dtype or array.dtype.name
        if dtype is None and (
            (array.dtype.kind in "fc" and name not in self.dtypes)
            or (array.dtype.kind == "i" and self.name == "strict-no-x64")
        ):
            name = _NARROWER.get(name, name)
        return self.convert(array, name)

    def call(self, function: Callable[..., Any], *arrays: Any, **static: Any) -> Any:
        """Apply a function of arrays; the options are closed over, not traced.

        On a jitted back-end the options must be hashable: compiled functions are kept by them.
        """
        if self.jitted:
            return _jitted(function, tuple(static.items()))(*arrays)
        return function(*arrays, **static)

    @contextmanager
    def active(self) -> Iterator[None]:
        """What has to hold while a test of this back-end runs."""
        if self.restricted:
            strict = importlib.import_module("array_api_strict")
            with strict.ArrayAPIStrictFlags(
                boolean_indexing=False, data_dependent_shapes=False, enabled_extensions=("linalg",)
            ):
                yield
        else:
            yield


@functools.lru_cache(maxsize=256)
def _jitted(function: Callable[..., Any], static: tuple[tuple[str, Any], ...]) -> Any:
    import jax

    return jax.jit(functools.partial(function, **dict(static)))


def _library(name: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a library says about itself on import
            return importlib.import_module(name)
    except ImportError as error:
        raise Unavailable(f"{name} cannot be imported: {error}") from None


def _numpy(name: str, *, read_only: bool = False) -> Backend:
    def convert(array: np.ndarray, dtype: str) -> np.ndarray:
        # No copy where none is needed: the memory layout is part of the test.
        view = array.astype(dtype, copy=False).view()
        view.flags.writeable = view.flags.writeable and not read_only
        return view

    xp = array_api_compat.array_namespace(np.empty(0))
    return Backend(name, xp, "cpu", convert)


def _strict(name: str, device: str, *, restricted: bool = False) -> Backend:
    xp = _library("array_api_strict")
    try:
        where = xp.Device(device)
    except ValueError:
        raise Unavailable(f"this array-api-strict has no device {device!r}") from None

    def convert(array: np.ndarray, dtype: str) -> Any:
        return xp.asarray(array.astype(dtype), device=where)

    return Backend(name, xp, where, convert, restricted=restricted)


def _torch(name: str, device: str) -> Backend:
    torch = _library("torch")
    if device == "cuda" and not torch.cuda.is_available():
        raise Unavailable("torch finds no CUDA device")
    # The index is spelled out, because cuda and cuda:0 compare as different.
    where = torch.device("cuda:0" if device == "cuda" else device)

    def convert(array: np.ndarray, dtype: str) -> Any:
        return torch.tensor(np.array(array, order="C"), device=where).to(getattr(torch, dtype))

    xp = array_api_compat.array_namespace(torch.empty(0))
    return Backend(name, xp, where, convert)


def _jax(name: str, platform: str, *, jitted: bool = False) -> Backend:
    jax = _library("jax")
    jnp = _library("jax.numpy")
    if not jax.config.jax_enable_x64:
        raise RuntimeError("JAX was imported before tests/conftest.py could ask for 64 bits")
    try:
        where = jax.devices(platform)[0]
    except RuntimeError:
        raise Unavailable(f"jax finds no {platform} device") from None

    def convert(array: np.ndarray, dtype: str) -> Any:
        return jax.device_put(array.astype(getattr(jnp, dtype)), where)

    return Backend(name, jnp, where, convert, jitted=jitted)


def _cupy(name: str) -> Backend:
    cupy = _library("cupy")
    try:
        found = cupy.cuda.runtime.getDeviceCount() > 0
    except cupy.cuda.runtime.CUDARuntimeError:
        found = False
    if not found:
        raise Unavailable("cupy finds no CUDA device")

    def convert(array: np.ndarray, dtype: str) -> Any:
        return cupy.asarray(array.astype(dtype))

    xp = array_api_compat.array_namespace(cupy.empty(0))
    return Backend(name, xp, cupy.cuda.Device(0), convert)


_LOADERS: dict[str, Callable[[str], Backend]] = {
    "numpy": _numpy,
    "numpy-readonly": functools.partial(_numpy, read_only=True),
    "strict": functools.partial(_strict, device="CPU_DEVICE"),
    "strict-device1": functools.partial(_strict, device="device1"),
    "strict-restricted": functools.partial(_strict, device="device2", restricted=True),
    "strict-no-float64": functools.partial(_strict, device="no_float64", restricted=True),
    "strict-no-x64": functools.partial(_strict, device="no_x64", restricted=True),
    "torch": functools.partial(_torch, device="cpu"),
    "jax": functools.partial(_jax, platform="cpu"),
    "jax-jit": functools.partial(_jax, platform="cpu", jitted=True),
    "cupy": _cupy,
    "torch-cuda": functools.partial(_torch, device="cuda"),
    "jax-cuda": functools.partial(_jax, platform="cuda"),
}

BACKENDS: tuple[str, ...] = tuple(_LOADERS)


NEEDS_CUDA = ("cupy", "torch-cuda", "jax-cuda")


@functools.cache
def cuda_driver() -> bool:
    """Whether an NVIDIA driver is installed, asked without importing any library."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


@functools.cache
def load(name: str) -> Backend:
    """The back-end of that name; raises Unavailable, with the reason, where it is not here."""
    return _LOADERS[name](name)
