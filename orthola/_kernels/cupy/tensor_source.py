"""Source of the symmetric product on tensor cores: alpha X^T Y + beta C + gamma I, rounded once.

A block of eight warps makes one tile of 128 x 128 on or below the diagonal and stores it twice, as
it is and mirrored: half of the work of a full product. The tiles are numbered along the triangle,
so that none of the blocks is idle. Both factors are read along their rows; `ldmatrix` turns them.

Chunks of 16 bytes lie in shared memory at ``chunk ^ (row & 7)``: eight rows of one column fall
into eight different groups of banks.
"""

from __future__ import annotations

__all__ = ["LANES", "SHARED_BYTES", "SOURCE", "TILE", "kernel_options"]

TILE = 128
LANES = 256
_STEP, _STAGES = 32, 3  # rows of X and Y in one stage, stages on their way at a time
SHARED_BYTES = _STAGES * 2 * _STEP * TILE * 2

SOURCE = r"""
#define TILE 128
#define STEP 32
#define STAGES 3
#define CHUNKS (TILE / 8)          // of eight halves, 16 bytes, in a row of a stage
#define STAGE (2 * STEP * TILE)    // halves of X and Y
#define PITCH (TILE + 4)           // floats of a row on its way out

using Half = unsigned short;

#if defined(__CUDA_ARCH__)
#define DEVICE __device__ __forceinline__
DEVICE unsigned shared_address(const void *p) { return (unsigned)__cvta_generic_to_shared(p); }
DEVICE void copy_chunk(Half *to, const Half *from, int bytes) {  // the rest of the 16 is zero
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
               :: "r"(shared_address(to)), "l"(from), "r"(bytes) : "memory");
}
DEVICE void commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
DEVICE void wait_for_oldest() {
  asm volatile("cp.async.wait_group %0;" :: "n"(STAGES - 2) : "memory");
}
DEVICE void wait_for_all() { asm volatile("cp.async.wait_group 0;" ::: "memory"); }
DEVICE void load_turned(unsigned (&r)[4], const Half *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row)) : "memory");
}
DEVICE void multiply(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
#if BRAIN
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
#else
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
#endif
               "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
DEVICE Half narrow(float x) {
  Half bits;
#if BRAIN
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
#else
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
#endif
  return bits;
}
DEVICE float widen(Half bits) {
#if BRAIN
  return __uint_as_float((unsigned)bits << 16);
#else
  float x;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
  return x;
#endif
}
#define BARRIER() __syncthreads()
#elif defined(__CUDACC__)
#define DEVICE __device__ inline  // the host's half of the compilation needs declarations only
DEVICE void copy_chunk(Half *, const Half *, int);
DEVICE void commit();
DEVICE void wait_for_oldest();
DEVICE void wait_for_all();
DEVICE void load_turned(unsigned (&)[4], const Half *);
DEVICE void multiply(float (&)[4], const unsigned (&)[4], unsigned, unsigned);
DEVICE Half narrow(float);
DEVICE float widen(Half);
#define BARRIER()
#endif

struct Problem {
  const Half *x, *y;  // (k, n), rows `ld` apart
  const Half *c;      // (n, n) without gaps; null: no such term
  Half *out;          // (n, n) without gaps; may not be any of the others
  int n, k;
  long long ld;
  float alpha, beta, gamma;
};

// Tiles (0,0), (1,0), (1,1), (2,0) ... of the triangle.
DEVICE void tile_of(int p, int &row, int &column) {
  row = (int)((sqrtf(8.0f * p + 1.0f) - 1.0f) * 0.5f);
  while (row * (row + 1) / 2 > p) --row;
  while ((row + 1) * (row + 2) / 2 <= p) ++row;
  column = p - row * (row + 1) / 2;
}

// Rows `from` ... of X and Y to one stage; what lies outside of them becomes zero.
DEVICE void fetch(const Problem &p, Half *stage, int from, int down, int right, int lane) {
  for (int e = lane; e < 2 * STEP * CHUNKS; e += 256) {
    const int side = e / (STEP * CHUNKS), i = e / CHUNKS % STEP, chunk = e % CHUNKS;
    const Half *data = side ? p.y : p.x;
    const int row = from + i, column = (side ? right : down) + 8 * chunk;
    Half *to = stage + (side * STEP + i) * TILE + 8 * (chunk ^ (i & 7));
    const int there = row < p.k ? min(max(p.n - column, 0), 8) : 0;
    const Half *at = data + (there ? row * p.ld + column : 0);
#if ALIGNED
    copy_chunk(to, at, 2 * there);
#else
    for (int j = 0; j < 8; ++j) to[j] = j < there ? at[j] : Half(0);
#endif
  }
}

// 64 x 32 entries of the tile by this warp: 4 x 4 fragments of 16 x 8.
DEVICE void accumulate(float (&sum)[4][4][4], const Half *stage, int top, int left, int lane) {
  const Half *xs = stage, *ys = stage + STEP * TILE;
  for (int k = 0; k < STEP; k += 16) {
    unsigned a[4][4], b[2][4];
    for (int i = 0; i < 4; ++i) {
      const int row = k + lane / 16 * 8 + lane % 8, chunk = (top + 16 * i) / 8 + lane / 8 % 2;
      load_turned(a[i], xs + row * TILE + 8 * (chunk ^ (row & 7)));
    }
    for (int j = 0; j < 2; ++j) {
      const int row = k + lane / 8 % 2 * 8 + lane % 8, chunk = (left + 16 * j) / 8 + lane / 16;
      load_turned(b[j], ys + row * TILE + 8 * (chunk ^ (row & 7)));
    }
    for (int i = 0; i < 4; ++i)
      for (int j = 0; j < 4; ++j)
        multiply(sum[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
  }
}

// 64 rows of sums, from shared memory to both sides of the diagonal.
DEVICE void store(const Problem &p, const float *sums, int down, int right, int lane) {
  for (int e = lane; e < 64 * TILE; e += 256) {
    const int i = e / TILE, j = e % TILE, row = down + i, column = right + j;
    if (row >= p.n || column > row) continue;
    const long long at = (long long)row * p.n + column;
    float value = p.alpha * sums[i * PITCH + j];
    if (p.c) value += p.beta * widen(p.c[at]);
    if (row == column) value += p.gamma;
    p.out[at] = narrow(value);
  }
  for (int e = lane; e < 64 * TILE; e += 256) {
    const int i = e % 64, j = e / 64, row = down + i, column = right + j;
    if (row >= p.n || column >= row) continue;
    float value = p.alpha * sums[i * PITCH + j];
    if (p.c) value += p.beta * widen(p.c[(long long)column * p.n + row]);
    p.out[(long long)column * p.n + row] = narrow(value);
  }
}

DEVICE void symmetric_tile(const Problem &p, int number, Half *shared, int thread) {
  int row, column;
  tile_of(number, row, column);
  const int down = row * TILE, right = column * TILE, lane = thread % 32, warp = thread / 32;
  const int top = warp / 4 * 64, left = warp % 4 * 32, steps = (p.k + STEP - 1) / STEP;
  float sum[4][4][4] = {};
  for (int s = 0; s < STAGES - 1; ++s) {
    if (s < steps) fetch(p, shared + s * STAGE, s * STEP, down, right, thread);
    commit();
  }
  for (int s = 0; s < steps; ++s) {
    wait_for_oldest();
    BARRIER();  // stage s is there for all, and all have left stage s - 1, which is filled next
    const int ahead = s + STAGES - 1;
    if (ahead < steps) fetch(p, shared + ahead % STAGES * STAGE, ahead * STEP, down, right, thread);
    commit();
    accumulate(sum, shared + s % STAGES * STAGE, top, left, lane);
  }
  wait_for_all();
  float *sums = (float *)shared;
  for (int upper = 0; upper < TILE; upper += 64) {
    BARRIER();
    if (top == upper)
      for (int i = 0; i < 4; ++i)
        for (int j = 0; j < 4; ++j)
          for (int e = 0; e < 4; ++e)
            sums[(16 * i + lane / 4 + e / 2 * 8) * PITCH + left + 8 * j + lane % 4 * 2 + e % 2] =
                sum[i][j][e];
    BARRIER();
    store(p, sums, down + upper, right, thread);
  }
}

#ifdef __CUDACC__
extern "C" __global__ void __launch_bounds__(256, 2)
symmetric(const Half *x, const Half *y, const Half *c, Half *out, int n, int k, long long ld,
          long long x_step, long long y_step, float alpha, float beta, float gamma,
          long long items) {
  extern __shared__ __align__(16) Half shared[];
  const long long square = (long long)n * n;
  for (long long i = blockIdx.y; i < items; i += gridDim.y) {
    const Problem p = {x + i * x_step, y + i * y_step, c ? c + i * square : c, out + i * square,
                       n, k, ld, alpha, beta, gamma};
    symmetric_tile(p, blockIdx.x, shared, threadIdx.x);
    BARRIER();
  }
}
#endif
"""


def kernel_options(dtype: str, *, aligned: bool) -> tuple[str, ...]:
    """What the source has to be compiled with.

    `aligned`: every row of the factors starts at a multiple of 16 bytes, so that chunks of eight
    entries can be copied without passing through registers.
    """
    return ("-std=c++17", f"-DBRAIN={int(dtype == 'bfloat16')}", f"-DALIGNED={int(aligned)}")
