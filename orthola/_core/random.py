"""Random numbers that are the same on every library.

They are drawn by NumPy on the host in double precision, whatever array is wanted in the end; the
finished result is rounded once to its dtype and moved to its device.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Destination", "delivered", "destination", "generator", "normals"]

_FLOATING = ("float16", "bfloat16", "float32", "float64", "complex64", "complex128")
_WRAPPED = ("numpy", "cupy", "torch")


class Destination(NamedTuple):
    """Where random arrays go."""

    xp: Any
    dtype: Any
    dtype_name: str
    device: Any

    @property
    def is_complex(self) -> bool:
        """Whether the entries are complex."""
        return self.dtype_name.startswith("complex")

    @property
    def real(self) -> Destination:
        """The same place for real numbers of the same precision."""
        name = {"complex64": "float32", "complex128": "float64"}.get(self.dtype_name)
        if name is None:
            return self
        return self._replace(dtype=getattr(self.xp, name), dtype_name=name)


def generator(function: str, rng: Any) -> np.random.Generator:
    """The NumPy generator that an `rng` argument stands for.

    None (fresh entropy), a seed (integer, sequence of integers, ``numpy.random.SeedSequence``), a
    bit generator, or a generator, which moves on.
    """
    if isinstance(rng, np.random.Generator):
        return rng
    library = type(rng).__module__.partition(".")[0]
    if isinstance(rng, bool) or library in ("torch", "jax", "jaxlib"):
        raise _no_seed(function, rng)
    try:
        return np.random.default_rng(rng)
    except TypeError:
        raise _no_seed(function, rng) from None
    except ValueError:
        raise ValueError(f"{function}: expected a seed that is not negative, got {rng!r}") from None


def _no_seed(function: str, rng: Any) -> TypeError:
    return TypeError(
        f"{function}: expected rng to be None, an integer seed or a numpy.random.Generator, got "
        f"{type(rng).__module__}.{type(rng).__qualname__}; numbers are drawn on the host so that "
        "they are the same on every library, so derive a seed from it"
    )


def normals(
    rng: np.random.Generator, shape: tuple[int, ...], *, is_complex: bool = False
) -> NDArray[Any]:
    """Independent standard normal numbers in double precision; complex ones of variance 2."""
    if not is_complex:
        return rng.standard_normal(shape)
    return rng.standard_normal((*shape, 2)).view(np.complex128)[..., 0]


def destination(function: str, xp: Any, dtype: Any, device: Any) -> Destination:
    """The place that the arguments `xp`, `dtype`, `device` of a public function describe.

    `xp` is a namespace or its name, NumPy by default; `dtype` a dtype of it or its name, by
    default the library's default float; `device` None or what the library takes.
    """
    xp = _namespace(function, xp)
    if dtype is None:
        info = xp.__array_namespace_info__()
        dtype = info.default_dtypes(device=device)["real floating"]
    name = _name_of(dtype)
    if name not in _FLOATING:
        raise TypeError(
            f"{function}: expected dtype to be a real or complex floating dtype "
            f"({', '.join(_FLOATING)}), got {dtype!r}"
        )
    found = getattr(xp, name, None)
    if found is None:
        raise ValueError(f"{function}: {xp.__name__.rpartition('.')[2]} has no dtype {name}")
    return Destination(xp, found, name, device)


def _name_of(dtype: Any) -> str:
    if isinstance(dtype, str):
        return dtype
    try:
        return str(np.dtype(dtype).name)
    except TypeError:
        return str(dtype).rpartition(".")[2].rstrip("'>")


def _namespace(function: str, xp: Any) -> Any:
    if xp is None:
        xp = "numpy"
    name = xp.__name__ if isinstance(xp, ModuleType) else xp
    if name in _WRAPPED:
        return import_module(f"array_api_compat.{name}")
    if name == "jax" or name == "jax.numpy":
        return import_module("jax.numpy")
    if isinstance(xp, str) and name in sys.modules:
        xp = sys.modules[name]
    if not hasattr(xp, "__array_namespace_info__"):
        raise TypeError(
            f"{function}: expected xp to be an array namespace (numpy, torch, jax.numpy, ...) or "
            f"its name, got {xp!r}"
        )
    return xp


def delivered(place: Destination, host: NDArray[Any]) -> Any:
    """A host array in double precision, rounded to the dtype and moved to the device."""
    single = {"bfloat16": "float32"}.get(place.dtype_name, place.dtype_name)
    rounded = host.astype(single, copy=False)
    if place.xp.__name__ == "array_api_compat.numpy":
        return rounded
    return place.xp.asarray(np.ascontiguousarray(rounded), dtype=place.dtype, device=place.device)
