"""The pursuit of one signal by a block of threads, with stored rows: kernel source.

Every thread owns some atoms, and forms their entry of the new row of W, their correlation, what is
left of them and their candidate in one pass (rows: Rubinstein, Zibulevsky and Elad 2008, Technion
CS-2008-08; coefficients corrected by seminormal equations: Bjoerck, 10.1016/0024-3795(87)90101-7).
"""

from __future__ import annotations

from ..._core.errors import Status
from .pair import PAIR

__all__ = ["BLOCKS", "LANES", "SOURCE"]

LANES = 256  # threads to a block, a power of two
BLOCKS = 2  # to a multiprocessor: registers for more would spill

SOURCE = (
    PAIR
    + f"#define LANES {LANES}\n#define BLOCKS {BLOCKS}\n"
    + f"#define EXHAUSTED {int(Status.EXHAUSTED)}\n#define MISSED {int(Status.TOLERANCE_NOT_MET)}\n"
    + r"""
template <typename T> struct Team { T value[LANES]; int place[LANES]; };  // of one block

template <typename T> struct Data {
  const T *signals, *dictionary, *gram, *squares;
  const T *weights, *tolerances;  // or null
  const long long *counts;
  const bool *mask;  // or null
  const long long *barred;
  T *correlations;  // of all signals with all atoms; overwritten
  long long items, mask_step;
  int bars, features, atoms, k, ols;
  T dependence, floor, eps;
};

template <typename T> struct Results {
  long long *indices;
  T *coefficients;
  long long *used;
  T *norms;
  int *status;
};

template <typename T> struct Pursuit {
  const Data<T> &p;
  Team<T> &team;
  T *scratch;
  int lane, lanes;
  const T *y;
  T *c, *d, *w, *factor, *b, *l, *x, *z, *u, *r;  // columns of R lie one after the other
  long long *chosen;
  int t, place;
  T top;

  __host__ __device__ T total(T mine) {
    team.value[lane] = mine;
    BARRIER();
    for (int half = lanes / 2; half > 0; half /= 2) {
      if (lane < half) team.value[lane] += team.value[lane + half];
      BARRIER();
    }
    const T sum = team.value[0];
    BARRIER();
    return sum;
  }

  __host__ __device__ T energy(const T *v) {
    T sum = 0;
    for (int f = lane; f < p.features; f += lanes) sum += v[f] * v[f];
    return total(sum);
  }

  __host__ __device__ void offer(int n) {  // a lane sees its atoms in rising order
    const T g = p.squares[n];
    if (!(d[n] > p.dependence * g)) return;
    T score = fabs(c[n]);
    if (p.ols) score = score * score / fmax(d[n], 2 * p.floor * g);
    else if (p.weights) score *= p.weights[n];
    if (score > top) top = score, place = n;
  }

  __host__ __device__ void agree() {  // the largest score, of equal ones the lowest atom
    team.value[lane] = top;
    team.place[lane] = place;
    BARRIER();
    for (int half = lanes / 2; half > 0; half /= 2) {
      if (lane < half) {
        const T other = team.value[lane + half], mine = team.value[lane];
        const int theirs = team.place[lane + half];
        if (other > mine || (other == mine && theirs < team.place[lane])) {
          team.value[lane] = other;
          team.place[lane] = theirs;
        }
      }
      BARRIER();
    }
    top = team.value[0];
    place = team.place[0];
    BARRIER();
  }

  __host__ __device__ void begin(long long s, T *out) {
    for (int i = lane; i < p.k; i += lanes) chosen[i] = -1, out[i] = 0;
    for (int n = lane; n < p.atoms; n += lanes) {
      const bool shut = p.mask && p.mask[s * p.mask_step + n];
      d[n] = p.squares[n] > 0 && !shut ? p.squares[n] : T(-1);  // -1: it may not be chosen
    }
    BARRIER();
    for (int e = lane; e < p.bars; e += lanes) {
      const long long n = p.barred[s * p.bars + e];
      if (n >= 0 && n < p.atoms) d[n] = -1;
    }
    BARRIER();
    top = -1, place = p.atoms, t = 0;
#pragma unroll 1  // registers are for `sweep`
    for (int n = lane; n < p.atoms; n += lanes) offer(n);
    agree();
  }

  __host__ __device__ T enter() {  // the atom `place`: a column of R, read off W
    const T nu = sqrt(d[place]), beta = c[place] / nu;
    for (int i = lane; i < t; i += lanes)
      l[i] = factor[t * p.k + i] = w[(long long)i * p.atoms + place];
    if (lane == 0) {
      factor[t * p.k + t] = nu;
      b[t] = beta;
      chosen[t] = place;
    }
    BARRIER();
    ++t;
    return beta;
  }

  __host__ __device__ void sweep(T beta) {  // row t - 1 of W, and the next candidate
    const int j = place;
    const T nu = factor[(t - 1) * (p.k + 1)];
    const T *row = p.gram + (long long)j * p.atoms;
    top = -1, place = p.atoms;
    for (int n = lane; n < p.atoms; n += lanes) {
      T v = row[n], *entry = w + n;
#pragma unroll 8  // loads in flight
      for (int i = 0; i < t - 1; ++i, entry += p.atoms) v -= l[i] * *entry;
      *entry = v = v / nu;
      c[n] -= beta * v;
      d[n] = n == j ? T(-1) : d[n] - v * v;
      offer(n);
    }
    agree();
  }

  __host__ __device__ void back(T *v, T *out) {  // R out = v, which is lost
    for (int i = t - 1; i >= 0; --i) {
      const T known = v[i] / factor[i * (p.k + 1)];
      for (int m = lane; m < i; m += lanes) v[m] -= factor[i * p.k + m] * known;
      if (lane == 0) out[i] = known;
      BARRIER();
    }
  }

  __host__ __device__ void forth(T *v, T *out) {  // R^T out = v, which is lost
    for (int i = 0; i < t; ++i) {
      const T known = v[i] / factor[i * (p.k + 1)];
      for (int m = i + 1 + lane; m < t; m += lanes) v[m] -= factor[m * p.k + i] * known;
      if (lane == 0) out[i] = known;
      BARRIER();
    }
  }

  __host__ __device__ T residual() {  // r = y - x A_S, and its square
    for (int f = lane; f < p.features; f += lanes) {
      T v = y[f];
#pragma unroll 4
      for (int i = 0; i < t; ++i) v -= x[i] * p.dictionary[chosen[i] * p.features + f];
      r[f] = v;
    }
    return energy(r);
  }

  // R x = b, corrected once from the data by R^-1 R^-T A_S r (Bjoerck 1987)
  __host__ __device__ T settle() {
    for (int i = lane; i < t; i += lanes) z[i] = b[i];
    BARRIER();
    back(z, x);
    residual();
    for (int i = 0; i < t; ++i) {
      T sum = 0;
      const T *atom = p.dictionary + chosen[i] * p.features;
      for (int f = lane; f < p.features; f += lanes) sum += atom[f] * r[f];
      sum = total(sum);
      if (lane == 0) z[i] = sum;
    }
    BARRIER();
    forth(z, u);
    back(u, z);
    for (int i = lane; i < t; i += lanes) x[i] += z[i];
    BARRIER();
    return residual();
  }

  __host__ __device__ void solve(long long s, const Results<T> &out) {
    const int atoms = p.atoms, k = p.k;
    y = p.signals + s * p.features;
    c = p.correlations + s * atoms;
    d = scratch, w = d + atoms, factor = w + (long long)k * atoms, b = factor + k * k;
    l = b + k, x = l + k, z = x + k, u = z + k, r = u + k;
    chosen = out.indices + s * k;
    const T square = energy(y), tolerance = p.tolerances ? p.tolerances[s] : T(0);
    const T size = sqrt(square);
    const int count = p.counts[s] < k ? (int)p.counts[s] : k;
    T rest = square;
    bool met = false, settled = false;
    begin(s, out.coefficients + s * k);
    for (;;) {
      if (tolerance > 0) {
        // What the recursion has lost, and 10 percent beside the tolerance: there it is measured.
        const T near = fmax(T(1.21) * tolerance * tolerance, 100 * p.eps * (t + 1));
        if (rest <= near * square) rest = settle(), settled = true;
        if ((met = sqrt(fmax(rest, T(0))) <= tolerance * size)) break;
      }
      if (t >= count || top < 0) break;
      if (fabs(c[place]) <= p.floor * sqrt(p.squares[place]) * size) break;  // is rounding
      const T beta = enter();
      rest -= beta * beta;
      settled = false;
      if (t < count) sweep(beta);
    }
    if (!settled) rest = settle();
    for (int i = lane; i < t; i += lanes) out.coefficients[s * k + i] = x[i];
    if (lane == 0) {
      out.used[s] = t;
      out.norms[s] = sqrt(rest);
      out.status[s] = met ? 0 : t < count ? EXHAUSTED : tolerance > 0 ? MISSED : 0;
    }
    BARRIER();
  }
};

#ifdef __CUDACC__
extern "C" __global__ void __launch_bounds__(LANES, BLOCKS) omp_stored_rows(
    const ELEMENT *signals, const ELEMENT *dictionary, const ELEMENT *gram, const ELEMENT *squares,
    const ELEMENT *weights, const ELEMENT *tolerances, const long long *counts, const bool *mask,
    const long long *barred, ELEMENT *correlations, long long items, long long mask_step, int bars,
    int features, int atoms, int k, int ols, double dependence, double floor, double eps,
    ELEMENT *scratch, long long scratch_size, long long *indices, ELEMENT *coefficients,
    long long *used, ELEMENT *norms, int *status) {
  __shared__ Team<ELEMENT> team;
  const Data<ELEMENT> data{signals, dictionary, gram, squares, weights, tolerances, counts, mask,
                           barred, correlations, items, mask_step, bars, features, atoms, k, ols,
                           (ELEMENT)dependence, (ELEMENT)floor, (ELEMENT)eps};
  const Results<ELEMENT> results{indices, coefficients, used, norms, status};
  Pursuit<ELEMENT> block{data, team, scratch + blockIdx.x * scratch_size, (int)threadIdx.x, LANES};
  for (long long s = blockIdx.x; s < items; s += gridDim.x) block.solve(s, results);
}
#endif
"""
)
