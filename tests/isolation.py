"""The way back from any library to NumPy, for tests only, and the check that nothing moved."""

from __future__ import annotations

from typing import Any

import array_api_compat
import numpy as np

from orthola.testing import dtype_name


def to_numpy(x: Any) -> np.ndarray:
    """Host copy of an array of any library; bfloat16, which NumPy lacks, comes as float32."""
    if array_api_compat.is_torch_array(x):
        import torch

        x = x.detach().resolve_conj().resolve_neg().cpu()
        return (x.to(torch.float32) if x.dtype == torch.bfloat16 else x).numpy()
    if array_api_compat.is_cupy_array(x):
        return x.get()
    if type(x).__module__.startswith("array_api_strict"):
        xp = array_api_compat.array_namespace(x)
        # Strict arrays on a pretended device refuse NumPy; the exchange protocol is the way.
        x = xp.from_dlpack(x, device=xp.Device("CPU_DEVICE"))
    host = np.array(x)
    return host.astype(np.float32) if host.dtype.name == "bfloat16" else host


def assert_same_kind(
    result: Any, like: Any, *, dtype: str | None = None, shape: tuple[int, ...] | None = None
) -> None:
    """Check that library, device and dtype of an argument were kept.

    `dtype` names another expected dtype, for a real measure of complex input, say; `shape` is
    checked where it is given.
    """
    xp, expected_xp = (array_api_compat.array_namespace(x) for x in (result, like))
    assert xp is expected_xp, f"library {expected_xp.__name__} became {xp.__name__}"
    device, expected_device = (array_api_compat.device(x) for x in (result, like))
    assert device == expected_device, f"device {expected_device} became {device}"
    name, expected_name = dtype_name(result.dtype), dtype or dtype_name(like.dtype)
    assert name == expected_name, f"expected dtype {expected_name}, got {name}"
    if shape is not None:
        assert tuple(result.shape) == shape, f"expected shape {shape}, got {tuple(result.shape)}"
