"""A Hermitian matrix from lower triangles: x A + y B, both triangles, rounded once."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .pair import ELEMENT_TYPES, PAIR

__all__ = ["SOURCE", "TILE", "kernel_options", "mirrored"]

TILE = 32
_ROWS = 8  # threads of a block: TILE x _ROWS

SOURCE = (
    PAIR
    + r"""
#define TILE 32

// The stored form of an entry: its own type, or the bits of a half-precision number.
#if STORED == 16 || STORED == 17
using Stored = unsigned short;
__device__ inline Stored stored(float x) {
  Stored bits;
#if STORED == 16
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
#else
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
#endif
  return bits;
}
#else
using Stored = ELEMENT;
__host__ __device__ inline Stored stored(ELEMENT x) { return x; }
#endif

struct Term {
  const ELEMENT *data;  // null: no term
  Entry<ELEMENT>::Real factor;
};

// One tile on or below the diagonal, and its mirror image. `out` may be the only term itself.
__host__ __device__ inline void mirror_tile(Term p, Term q, Stored *out, int n, int down, int right,
                                            ELEMENT (*tile)[TILE + 1], int lane, int lanes) {
  for (int e = lane; e < TILE * TILE; e += lanes) {
    const int i = e / TILE, j = e % TILE, row = down + i, column = right + j;
    if (row >= n || column >= n) continue;
    const long long at = (long long)row * n + column;
    ELEMENT sum = p.factor * p.data[at];
    if (q.data) sum = sum + q.factor * q.data[at];
    tile[i][j] = row == column ? Entry<ELEMENT>::of(real_part(sum)) : sum;
  }
  BARRIER();
  for (int e = lane; e < TILE * TILE; e += lanes) {
    const int i = e / TILE, j = e % TILE;
    if (down + i < n && right + j < n) {
      const bool above = down == right && j > i;
      out[(long long)(down + i) * n + right + j] =
          stored(above ? conjugate(tile[j][i]) : tile[i][j]);
    }
    if (down != right && right + i < n && down + j < n)
      out[(long long)(right + i) * n + down + j] = stored(conjugate(tile[j][i]));
  }
  BARRIER();
}

#ifdef __CUDACC__
extern "C" __global__ void mirror(const ELEMENT *a, double x, const ELEMENT *b, double y,
                                  Stored *out, int n, long long items) {
  using R = Entry<ELEMENT>::Real;
  __shared__ ELEMENT tile[TILE][TILE + 1];
  if (blockIdx.x > blockIdx.y) return;
  const int lane = threadIdx.y * blockDim.x + threadIdx.x, lanes = blockDim.x * blockDim.y;
  for (long long k = blockIdx.z; k < items; k += gridDim.z) {
    const long long at = k * n * n;
    mirror_tile({a + at, (R)x}, {b ? b + at : b, (R)y}, out + at, n, blockIdx.y * TILE,
                blockIdx.x * TILE, tile, lane, lanes);
  }
}
#endif
"""
)

_STORED = {"float16": 16, "bfloat16": 17}


def kernel_options(dtype: str, stored: str) -> tuple[str, ...]:
    """What the source has to be compiled with."""
    element = ELEMENT_TYPES[dtype]
    return ("-std=c++17", f"-DELEMENT={element}", f"-DSTORED={_STORED.get(stored, 0)}")


@lru_cache(maxsize=16)
def _kernel(dtype: str, stored: str) -> Any:
    import cupy

    return cupy.RawKernel(SOURCE, "mirror", options=kernel_options(dtype, stored))


def mirrored(*terms: tuple[float, Any], out: Any) -> Any:
    """Fill `out` with the Hermitian matrix whose lower triangle is the sum of one or two terms.

    Parameters
    ----------
    *terms : (float, cupy.ndarray (..., n, n))
        C-contiguous; only what is on or below the diagonal is read.
    out : cupy.ndarray (..., n, n)
        C-contiguous; of the terms' dtype, or of half precision for terms in float32. May be the
        only term itself.
    """
    import cupy

    n = out.shape[-1]
    if out.size == 0:
        return out
    items = out.size // (n * n)
    dtype = terms[0][1].dtype.name
    none = cupy.uint64(0)  # a null pointer
    arguments: list[Any] = []
    for factor, term in (*terms, (0.0, none))[:2]:
        arguments += [term, float(factor)]
    blocks = -(-n // TILE)
    grid = (blocks, blocks, min(items, 65535))
    kernel = _kernel(dtype, out.dtype.name)
    kernel(grid, (TILE, _ROWS), (*arguments, out, cupy.int32(n), cupy.int64(items)))
    return out
