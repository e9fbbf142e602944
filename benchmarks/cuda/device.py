"""The GPU and its driver, asked through the driver's own interface: no array library is loaded."""

import ctypes
import sys
from typing import Any

# Numbers of CUdevice_attribute.
_ATTRIBUTES = {
    "multiprocessors": 16,
    "clock_khz": 13,
    "compute_major": 75,
    "compute_minor": 76,
    "l2_bytes": 38,
}


class NoDevice(Exception):
    """There is no GPU to run on; the message says what is missing."""


def describe() -> dict[str, Any]:
    """Name, driver and size of the first visible device."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        raise NoDevice("no NVIDIA driver is installed") from None
    version, count = ctypes.c_int(), ctypes.c_int()
    code = driver.cuInit(0)
    if code:
        raise NoDevice(f"the driver does not start (cuInit gives {code})")
    driver.cuDriverGetVersion(ctypes.byref(version))
    driver.cuDeviceGetCount(ctypes.byref(count))
    if count.value == 0:
        raise NoDevice("the driver sees no device")
    handle, memory, name = ctypes.c_int(), ctypes.c_size_t(), ctypes.create_string_buffer(256)
    driver.cuDeviceGet(ctypes.byref(handle), 0)
    driver.cuDeviceGetName(name, len(name), handle)
    driver.cuDeviceTotalMem_v2(ctypes.byref(memory), handle)
    found = {}
    for key, number in _ATTRIBUTES.items():
        value = ctypes.c_int()
        driver.cuDeviceGetAttribute(ctypes.byref(value), number, handle)
        found[key] = value.value
    return {
        "name": name.value.decode(),
        "count": count.value,
        "memory_bytes": memory.value,
        "cuda_of_driver": f"{version.value // 1000}.{version.value % 1000 // 10}",
        "driver": _driver_version(),
        "compute_capability": f"{found.pop('compute_major')}.{found.pop('compute_minor')}",
        **found,
    }


def _driver_version() -> str | None:
    """The driver's own version, which its CUDA interface does not tell."""
    try:
        with open("/proc/driver/nvidia/version") as file:
            return file.readline().strip()
    except OSError:
        return None
