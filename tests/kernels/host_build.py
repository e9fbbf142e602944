"""The CUDA kernels' own functions, compiled by a C++ compiler and called on NumPy stacks.

A block of threads is here a team of one lane, for which a barrier is nothing to wait for.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np

from orthola._kernels.cupy import mirror, polar_small, polar_three
from orthola._kernels.cupy.pair import ELEMENT_TYPES

ORDERS = (1, 2, 3, 5, 8, 17, 32)

# The device compiler knows the functions of math.h, but none of its macros.
HEAD = r"""
#include <math.h>
#include <cmath>
#undef NAN
#undef INFINITY
#undef HUGE_VAL
#define __host__
#define __device__
using std::isfinite;
"""

SMALL = r"""
template <typename T, int N>
void stack(const T *a, T *u, T *h, int *status, int items, int m, double eps) {
  static Work<T, N> work;
  for (int k = 0; k < items; ++k) {
    Polar<T, N> item{{work, u + k * m * N, m, 0, 1}};
    status[k] = item.solve(a + k * m * N, h + k * N * N, eps);
  }
}
"""


def compiler() -> str | None:
    """A C++ compiler, if there is one."""
    return shutil.which("g++") or shutil.which("clang++")


def build(folder: Path, name: str, source: str, *flags: str) -> Path:
    """Compile a source that may use neither headers nor macros of its own."""
    text, out = folder / f"{name}.cpp", folder / name
    text.write_text(HEAD + source)
    # Products and sums stay apart unless the source joins them: what is tested is what it says.
    command = [compiler(), "-std=c++17", "-O1", "-w", "-ffp-contract=off", *flags]
    subprocess.run([*map(str, command), str(text), "-o", str(out)], check=True)
    return out


def shared(folder: Path, name: str, source: str, *flags: str) -> ctypes.CDLL:
    return ctypes.CDLL(str(build(folder, f"{name}.so", source, "-shared", "-fPIC", *flags)))


def small_library(folder: Path) -> ctypes.CDLL:
    source = polar_small.SOURCE + SMALL
    for dtype, element in ELEMENT_TYPES.items():
        for n in ORDERS:
            source += (
                f'extern "C" void polar_{dtype}_{n}(const {element} *a, {element} *u, '
                f"{element} *h, int *status, int items, int m, double eps) "
                f"{{ stack<{element}, {n}>(a, u, h, status, items, m, eps); }}\n"
            )
    return shared(folder, "small", source)


def three_library(folder: Path) -> ctypes.CDLL:
    source = polar_three.SOURCE
    for dtype in ("float32", "float64"):
        element = ELEMENT_TYPES[dtype]
        source += (
            f'extern "C" void polar_{dtype}_3(const {element} *a, {element} *u, {element} *h, '
            "int *status, int items, int, double eps) {\n"
            "  for (int k = 0; k < items; ++k)\n"
            f"    status[k] = polar_item(a + 9 * k, u + 9 * k, h + 9 * k, ({element})eps);\n}}\n"
        )
    return shared(folder, "three", source)


def call_polar(library: ctypes.CDLL, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What `polar_stack` would give: factors and statuses of a stack (items, m, n)."""
    x = np.ascontiguousarray(x)
    items, m, n = x.shape
    u, h = np.empty_like(x), np.empty((items, n, n), x.dtype)
    status = np.empty(items, np.int32)
    function = getattr(library, f"polar_{x.dtype.name}_{n}")
    function.restype = None
    pointers = [ctypes.c_void_p(a.ctypes.data) for a in (x, u, h, status)]
    function(*pointers, items, m, ctypes.c_double(float(np.finfo(x.dtype).eps)))
    return u, h, status


MIRROR = r"""
extern "C" void mirror(const ELEMENT *a, double x, const ELEMENT *b, double y, ELEMENT *out,
                       int n) {
  static ELEMENT tile[TILE][TILE + 1];
  using R = Entry<ELEMENT>::Real;
  for (int down = 0; down < n; down += TILE)
    for (int right = 0; right <= down; right += TILE)
      mirror_tile({a, (R)x}, {b, (R)y}, out, n, down, right, tile, 0, 1);
}
"""


def call_mirror(
    folder: Path, out: np.ndarray, *terms: tuple[float, np.ndarray | None]
) -> np.ndarray:
    element = ELEMENT_TYPES[out.dtype.name]
    library = shared(folder, "mirror", mirror.SOURCE + MIRROR, f"-DELEMENT={element}", "-DSTORED=0")
    arguments: list[ctypes.c_void_p | ctypes.c_double] = []
    for factor, a in terms:
        arguments += [
            ctypes.c_void_p(None if a is None else a.ctypes.data),
            ctypes.c_double(factor),
        ]
    library.mirror(*arguments, ctypes.c_void_p(out.ctypes.data), out.shape[0])
    return out
