"""The array libraries that a study can run on: how to get there and back, and when it is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .failure import Failure, needed

__all__ = ["BACKENDS", "Backend", "load"]

BACKENDS = ("numpy", "torch", "jax", "array-api-strict", "cupy")


class Backend(NamedTuple):
    """One array library as a study sees it."""

    name: str
    device: str
    asarray: Callable[[np.ndarray[Any, Any]], Any]
    to_host: Callable[[Any], np.ndarray[Any, Any]]
    wait: Callable[[Any], object]  # until the arrays given are computed
    compiled: Callable[[Callable[..., Any]], Callable[..., Any]]


def load(name: str) -> Backend:
    """The back-end of that name; a `Failure` that says what to install where it is missing."""
    return _LOADERS[name]()


def _same(x: Any) -> Any:
    return x


def _numpy() -> Backend:
    return Backend("numpy", "cpu", _same, np.asarray, _same, _same)


def _torch() -> Backend:
    torch = needed("torch", "--backend torch", '"orthola[torch]"')

    def to_host(x: Any) -> np.ndarray[Any, Any]:
        host: np.ndarray[Any, Any] = x.resolve_conj().resolve_neg().numpy()
        return host

    return Backend("torch", "cpu", torch.tensor, to_host, _same, _same)


def _jax() -> Backend:
    jax = needed("jax", "--backend jax", '"orthola[jax]"')
    # Without this, JAX would quietly compute in single precision.
    jax.config.update("jax_enable_x64", True)
    device = jax.devices()[0].platform
    # Not compiled, every call would compile its loop again.
    return Backend("jax", device, jax.numpy.asarray, np.asarray, jax.block_until_ready, jax.jit)


def _strict() -> Backend:
    strict = needed("array_api_strict", "--backend array-api-strict", "array-api-strict")
    return Backend("array-api-strict", "cpu", strict.asarray, np.asarray, _same, _same)


def _cupy() -> Backend:
    cupy = needed("cupy", "--backend cupy", '"orthola[cuda12]" or "orthola[cuda13]"')
    try:
        name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise Failure(
            f"--backend cupy needs an NVIDIA GPU, and CUDA finds none ({error})"
        ) from None

    def wait(_: Any) -> None:
        cupy.cuda.get_current_stream().synchronize()

    return Backend("cupy", name, cupy.asarray, cupy.asnumpy, wait, _same)


_LOADERS = {
    "numpy": _numpy,
    "torch": _torch,
    "jax": _jax,
    "array-api-strict": _strict,
    "cupy": _cupy,
}
