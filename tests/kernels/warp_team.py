"""Blocks of CUDA warps on the host: a thread for each lane, barriers for what warps do together.

`ldmatrix` and `mma.sync` exchange registers among 32 lanes. Here every lane lays what it holds on
a table of its warp, waits for the others, and takes from it what the instruction would give it:
which lane has which entries is written down once more, from the description of the instructions.
"""

from __future__ import annotations

__all__ = ["TEAM"]

# To be put before a kernel's source; `run_block` calls a function with each thread's number.
TEAM = r"""
#include <barrier>
#include <cstring>
#include <thread>
#include <vector>
using std::max;
using std::min;
#define DEVICE inline
#define LANES 256
using Bits = unsigned short;

struct Table { const Bits *rows[32]; unsigned a[32][4], b[32][2]; std::barrier<> all{32}; };
static Table *tables;
static std::barrier<> *block;
static thread_local int thread_number;
#define BARRIER() block->arrive_and_wait()

#if BRAIN
inline float widen(Bits h) { unsigned w = (unsigned)h << 16; float x; memcpy(&x, &w, 4); return x; }
inline Bits narrow(float x) {  // to nearest, ties to even; no NaN comes here
  unsigned w; memcpy(&w, &x, 4);
  return (Bits)((w + 0x7fff + (w >> 16 & 1)) >> 16);
}
#else
inline float widen(Bits h) { _Float16 x; memcpy(&x, &h, 2); return (float)x; }
inline Bits narrow(float x) { _Float16 h = (_Float16)x; Bits b; memcpy(&b, &h, 2); return b; }
#endif

inline void copy_chunk(Bits *to, const Bits *from, int bytes) {
  if ((unsigned long)from % 16 || (unsigned long)to % 16) abort();  // the device would stop here
  memset(to, 0, 16);
  memcpy(to, from, bytes);
}
inline void commit() {}
inline void wait_for_oldest() {}
inline void wait_for_all() {}

// Four 8 x 8 matrices; lane 8 m + i gives row i of matrix m. Turned, lane l gets column l / 4.
inline void load_turned(unsigned (&r)[4], const Bits *row) {
  Table &t = tables[thread_number / 32];
  const int l = thread_number % 32;
  t.rows[l] = row;
  t.all.arrive_and_wait();
  for (int m = 0; m < 4; ++m) {
    const int i = 8 * m + l % 4 * 2;
    r[m] = t.rows[i][l / 4] | (unsigned)t.rows[i + 1][l / 4] << 16;
  }
  t.all.arrive_and_wait();
}

inline float half_of(unsigned pair, int i) { return widen((Bits)(pair >> 16 * i)); }

// C (16 x 8) += A (16 x 16) B (16 x 8). Lane l = 4 g + t holds of A the pairs from column 2 t in
// rows g, g + 8 and from column 2 t + 8 in the same rows; of B the pairs from rows 2 t and 2 t + 8
// in column g; of C columns 2 t, 2 t + 1 in rows g and g + 8.
inline void multiply(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  Table &table = tables[thread_number / 32];
  const int l = thread_number % 32, g = l / 4, t = l % 4;
  memcpy(table.a[l], a, sizeof a);
  table.b[l][0] = b0;
  table.b[l][1] = b1;
  table.all.arrive_and_wait();
  for (int e = 0; e < 4; ++e) {
    const int row = g + e / 2 * 8, column = 2 * t + e % 2;
    for (int k = 0; k < 16; ++k) {
      const unsigned p = table.a[row % 8 * 4 + k % 8 / 2][row / 8 + k / 8 * 2];
      const unsigned q = table.b[column * 4 + k % 8 / 2][k / 8];
      c[e] += half_of(p, k % 2) * half_of(q, k % 2);
    }
  }
  table.all.arrive_and_wait();
}

template <typename F> void run_block(F work) {
  std::vector<Table> warps(LANES / 32);
  std::barrier<> everybody(LANES);
  tables = warps.data();
  block = &everybody;
  std::vector<std::thread> lanes;
  for (int i = 0; i < LANES; ++i)
    lanes.emplace_back([=] { thread_number = i; work(i); });
  for (auto &lane : lanes) lane.join();
}
"""
