"""Resolve arrays to the one space they live in: library, device, dtype; and the mixing rules."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from importlib import import_module
from typing import Any, TypeVar, cast

__all__ = ["Space", "in_full_precision", "is_compiling", "is_traced", "resolve"]

F = TypeVar("F", bound=Callable[..., Any])

_HALF = ("float16", "bfloat16")
_SUPPORTED = (*_HALF, "float32", "float64", "complex64", "complex128")
_REAL_OF = {"complex64": "float32", "complex128": "float64"}
_DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
_EXPONENT = {"float16": -14, "bfloat16": -126, "float32": -126, "float64": -1022}
_LIBRARIES = {
    "array_api_compat.numpy": "numpy",
    "array_api_compat.cupy": "cupy",
    "array_api_compat.torch": "torch",
    "jax.numpy": "jax",
}


@dataclass(frozen=True, slots=True)
class Space:
    """Where a computation happens.

    Everything here is static: it can be known while a function is being traced, and it is
    hashable, so plans can be cached on it.
    """

    xp: Any
    name: str  # "numpy", "cupy", "torch", "jax", "array_api_strict", or the module's name
    device: Any = field(hash=False)  # CuPy's cannot be hashed; equality still sees it
    dtype: Any
    dtype_name: str  # "float64", "complex64", ...
    traced: bool  # values cannot be looked at (jax transformation, torch.compile)

    @property
    def is_complex(self) -> bool:
        """Whether the entries are complex."""
        return self.dtype_name in _REAL_OF

    @property
    def real_name(self) -> str:
        """Name of the real dtype of the same precision."""
        return _REAL_OF.get(self.dtype_name, self.dtype_name)

    @property
    def real_dtype(self) -> Any:
        """The real dtype of the same precision."""
        return _dtype(self.xp, self.real_name)

    @property
    def eps(self) -> float:
        """Distance from 1 to the next number (twice the unit roundoff)."""
        return float(2.0 ** (1 - _DIGITS[self.real_name]))

    @property
    def smallest_exponent(self) -> int:
        """Exponent of the smallest normal number."""
        return _EXPONENT[self.real_name]

    @property
    def is_half(self) -> bool:
        """Whether arithmetic in this dtype is left to a wider one."""
        return self.dtype_name in _HALF

    @property
    def on_gpu(self) -> bool:
        """Whether the arrays are on a GPU, as far as that is known (not inside ``jax.jit``)."""
        device = str(self.device).lower()
        return self.name == "cupy" or "cuda" in device or "gpu" in device

    @property
    def eager(self) -> bool:
        """Whether a calculation may look at values: in JAX its loops belong on the device."""
        return not self.traced and self.name != "jax"

    @property
    def has_double(self) -> bool:
        """Whether library and device calculate in double precision."""
        return _has_double(self.xp, self.device)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles have the name of the namespace; modules cannot be pickled."""
        rest = self.name, self.device, self.dtype, self.dtype_name, self.traced
        return _unpickled, (self.xp.__name__, *rest)

    def with_dtype(self, name: str) -> Space:
        """The same space with another dtype, given by name."""
        return Space(self.xp, self.name, self.device, _dtype(self.xp, name), name, self.traced)


def _unpickled(namespace: str, *rest: Any) -> Space:
    return Space(import_module(namespace), *rest)


def resolve(function: str, /, *arrays: Any) -> tuple[Space, tuple[Any, ...]]:
    """Return the common space of the arrays, and the arrays as floating arrays of that space.

    Nested lists of numbers become NumPy arrays; integers become the library's default float, then
    different floating dtypes are promoted. Nothing is moved between libraries or devices.
    """
    first = arrays[0]
    known = _known_space(first)
    if known is not None and all(_known_space(x) is known for x in arrays[1:]):
        return known, arrays
    arrays = tuple(_as_array(function, x) for x in arrays)
    first = arrays[0]
    xp, name = _namespace(function, first)
    devices = [_device(name, first)]
    for x in arrays[1:]:
        _, other = _namespace(function, x)
        if other != name:
            raise TypeError(
                f"{function}: expected all arrays from one library, got {name} and {other}; "
                "convert one of them (orthola never moves data between libraries)"
            )
        devices.append(_device(name, x))
    known_devices = [device for device in devices if device is not None]
    for device in known_devices[1:]:
        if device != known_devices[0]:
            raise ValueError(
                f"{function}: expected all arrays on one device, got {known_devices[0]} and "
                f"{device}; move one of them (orthola never moves data)"
            )
    # Beside one abstract array, all are at the disposal of the transformation.
    device = None if None in devices else devices[0]
    dtypes = [_floating(function, xp, name, device, x.dtype) for x in arrays]
    dtype = dtypes[0] if len(dtypes) == 1 else xp.result_type(*dtypes)
    kind = _dtype_name(name, dtype)
    assert kind is not None
    arrays = tuple(x if x.dtype == dtype else xp.astype(x, dtype) for x in arrays)
    traced = any(is_traced(x) for x in arrays)
    return Space(xp, name, device, dtype, kind, traced), arrays


def _known_space(x: Any) -> Space | None:
    """The space of a plain NumPy array or tensor of a supported dtype, ready made."""
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if numpy is not None and type(x) is numpy.ndarray:
        return _of_numpy(x.dtype)
    if torch is not None and type(x) in (torch.Tensor, torch.nn.Parameter):
        dense = x.layout is torch.strided and not torch.compiler.is_compiling()
        return _of_torch(x.dtype, x.device) if dense else None
    return None


@lru_cache(maxsize=32)
def _of_numpy(dtype: Any) -> Space | None:
    from array_api_compat import numpy as xp

    name = _dtype_name("numpy", dtype)
    return None if name is None else Space(xp, "numpy", "cpu", dtype, name, False)


@lru_cache(maxsize=64)
def _of_torch(dtype: Any, device: Any) -> Space | None:
    from array_api_compat import torch as xp

    name = _dtype_name("torch", dtype)
    return None if name is None else Space(xp, "torch", device, dtype, name, False)


def is_traced(x: Any) -> bool:
    """Whether looking at the values of `x` is impossible (an abstract value)."""
    jax = sys.modules.get("jax")
    if jax is not None and isinstance(x, jax.core.Tracer):
        return True
    return is_compiling()


def is_compiling() -> bool:
    """Whether ``torch.compile`` is tracing this very call."""
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.compiler.is_compiling())


def in_full_precision(function: F) -> F:
    """Decorator: products of float32 in float32, where JAX would take TensorFloat-32 or bfloat16.

    That is what JAX does on a GPU and a TPU unless it is told otherwise. What is traced in the
    call keeps the setting; a generator would not, its text runs after the call.
    """

    @wraps(function)
    def called(*arrays: Any, **options: Any) -> Any:
        # Plain NumPy arrays and tensors have no JAX arrays beside them.
        if "jax" not in sys.modules or is_compiling() or _is_plain(arrays):
            return function(*arrays, **options)
        import jax

        with jax.default_matmul_precision("highest"):
            return function(*arrays, **options)

    return cast(F, called)


def _is_plain(arrays: tuple[Any, ...]) -> bool:
    return bool(arrays) and _known_space(arrays[0]) is not None


def _as_array(function: str, x: Any) -> Any:
    import numpy as np

    if type(x) is np.ndarray:
        return x
    if isinstance(x, (list, tuple)):
        return _from_nested(function, x)
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(
            f"{function}: expected a plain array, got a masked array; fill it first (x.filled(...))"
        )
    if isinstance(x, np.ndarray):
        return np.asarray(x)
    from array_api_compat import is_array_api_obj

    if not is_array_api_obj(x):
        raise TypeError(
            f"{function}: expected an array (NumPy, CuPy, PyTorch, JAX or another Array-API "
            f"library) or nested lists of numbers, got {type(x).__module__}.{type(x).__qualname__}"
            "; convert it first, for example with numpy.asarray"
        )
    return x


def _from_nested(function: str, x: Any) -> Any:
    import numpy as np

    stranger = _array_in(x)
    if stranger is not None:
        raise TypeError(
            f"{function}: expected nested lists of numbers, got a list that holds an array of "
            f"{type(stranger).__module__.partition('.')[0]}; stack the arrays first"
        )
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise TypeError(
            f"{function}: expected rows of equal length, got nested lists that are no array: "
            f"{error}"
        ) from None
    if array.dtype.kind not in "fciu":
        raise TypeError(
            f"{function}: expected nested lists of numbers, got elements of type {array.dtype}"
        )
    return array


def _array_in(x: Any) -> Any:
    """An array of another library than NumPy inside nested lists: NumPy would copy it over."""
    import numpy as np
    from array_api_compat import is_array_api_obj

    for y in x:
        if isinstance(y, (list, tuple)):
            y = _array_in(y)
        if is_array_api_obj(y) and not isinstance(y, (np.ndarray, np.generic)):
            return y
    return None


def _namespace(function: str, x: Any) -> tuple[Any, str]:
    from array_api_compat import array_namespace

    xp = array_namespace(x)
    name = _LIBRARIES.get(xp.__name__, xp.__name__)
    if "dask" in name or "ndonnx" in name or name == "sparse":
        raise TypeError(
            f"{function}: expected an array held in memory, got one of {name}; compute it first, "
            "or apply the function to its blocks"
        )
    if name == "torch" and str(x.layout) != "torch.strided":
        raise TypeError(
            f"{function}: expected a dense tensor, got one of layout {x.layout}; convert it with "
            "to_dense()"
        )
    return xp, name


def _device(name: str, x: Any) -> Any:
    if name == "numpy":
        return "cpu"
    if is_traced(x) and name == "jax":
        return None  # the enclosing transformation decides
    from array_api_compat import device

    return device(x)


@lru_cache(maxsize=64)
def _has_double(xp: Any, device: Any) -> bool:
    info = xp.__array_namespace_info__()
    try:
        return "float64" in info.dtypes(device=device, kind="real floating")
    except (TypeError, ValueError):  # a device that the library can only be asked about by name
        return "float64" in info.dtypes(kind="real floating")


@lru_cache(maxsize=256)
def _dtype_name(library: str, dtype: Any) -> str | None:
    """Name of a supported floating dtype, else None."""
    text = str(dtype).rsplit(".", 1)[-1]
    return text if text in _SUPPORTED else None


@lru_cache(maxsize=256)
def _dtype(xp: Any, name: str) -> Any:
    dtype = getattr(xp, name, None)
    return _missing_dtype(xp, name) if dtype is None else dtype


def _missing_dtype(xp: Any, name: str) -> Any:
    """CuPy takes its bfloat16 from ml_dtypes; nobody else has one outside their namespace."""
    if xp.__name__ != "array_api_compat.cupy":
        raise ValueError(f"{xp.__name__.rpartition('.')[2]} has no dtype {name}; choose another")
    import cupy

    try:
        from ml_dtypes import bfloat16
    except ImportError:
        bfloat16 = None
    if name != "bfloat16" or bfloat16 is None or int(cupy.__version__.split(".")[0]) < 14:
        raise ValueError(
            f"CuPy {cupy.__version__} has no dtype {name} here; bfloat16 needs CuPy 14 and the "
            "package ml_dtypes, float16 neither"
        )
    return bfloat16


def _floating(function: str, xp: Any, name: str, device: Any, dtype: Any) -> Any:
    """The dtype itself if it is floating, the library's default for an integer dtype."""
    if _dtype_name(name, dtype) is not None:
        return dtype
    if not xp.isdtype(dtype, "integral"):
        raise TypeError(
            f"{function}: expected a real or complex floating dtype ({', '.join(_SUPPORTED)}) or "
            f"integers, got {dtype} from {name}; convert it with astype"
        )
    info = xp.__array_namespace_info__()
    return info.default_dtypes(device=device)["real floating"]
