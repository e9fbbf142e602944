"""Polar factors of stacks of small matrices, real or complex, square or tall, on the device.

A block of threads to an item, which stays in shared memory: the capped Halley iteration of
`orthola._polar.halley` with the same weights, estimate, certificate and last step. I + c G, whose
condition the cap holds below 31, is inverted in place by pivots from its diagonal: the
eliminations of a Cholesky factorization, ordered so that all threads have work.

References
----------
Nakatsukasa, Bai and Gygi 2010 (weights), 10.1137/090774999. Higham, Functions of Matrices, 2008,
ch. 8 (Pade family of the last step), 10.1137/1.9780898717778. Peters and Wilkinson 1975 (inversion
in place), 10.1145/360569.360653.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .pair import ELEMENT_TYPES, PAIR
from .polar_three import polar_three

__all__ = ["SOURCE", "kernel_options", "lanes", "polar_stack"]

SOURCE = (
    PAIR
    + r"""
template <typename T, int N> struct Work {  // the shared memory of a block
  static constexpr int LD = N | 1;  // odd: the entries of a column lie in different banks
  static constexpr int LANES = N <= 8 ? 32 : N <= 16 ? 64 : 128;
  T g[N * LD], w[N * LD], v[N], y[N], staged[LANES];
  typename Entry<T>::Real part[LANES];
};

// One item and the team of lanes that works on it. x (m by N) lies in global memory, in the place
// of the result. Every lane holds the same scalars, so all take the same branches.
template <typename T, int N> struct Item {
  using R = typename Entry<T>::Real;
  static constexpr int LD = Work<T, N>::LD, LANES = Work<T, N>::LANES;
  Work<T, N> &s;
  T *x;
  int m, lane, lanes;

  __host__ __device__ R total(R mine) {
    s.part[lane] = mine;
    BARRIER();
    R sum = 0;
    for (int i = 0; i < lanes; ++i) sum += s.part[i];
    BARRIER();
    return sum;
  }

  __host__ __device__ R largest(R mine) {  // of finite numbers; NaN if one is not finite
    s.part[lane] = mine;
    BARRIER();
    R top = 0;
    for (int i = 0; i < lanes; ++i) top = s.part[i] <= top ? top : s.part[i];
    BARRIER();
    return top;
  }

  __host__ __device__ void gram() {  // g = x^H x
    for (int e = lane; e < N * N; e += lanes) {
      const int i = e / N, j = e % N;
      if (j > i) continue;
      T sum = Entry<T>::of(0);
      for (int r = 0; r < m; ++r) sum = sum + conjugate(x[r * N + i]) * x[r * N + j];
      if (i == j) sum = Entry<T>::of(real_part(sum));
      s.g[i * LD + j] = sum;
      s.g[j * LD + i] = conjugate(sum);
    }
    BARRIER();
  }

  __host__ __device__ R distance(R d) {  // ||g - d I||_F
    R sum = 0;
    for (int e = lane; e < N * N; e += lanes)
      sum += squared(s.g[e / N * LD + e % N] - Entry<T>::of(e / N == e % N ? d : R(0)));
    return sqrt(total(sum));
  }

  __host__ __device__ void scale(R by) {  // x by this factor, g by its square
    for (int e = lane; e < m * N; e += lanes) x[e] = by * x[e];
    for (int e = lane; e < N * LD; e += lanes) s.g[e] = by * by * s.g[e];
    BARRIER();
  }

  __host__ __device__ void inverse(R c) {  // w = (I + c g)^-1
    for (int e = lane; e < N * N; e += lanes) {
      const int i = e / N, j = e % N;
      s.w[i * LD + j] = Entry<T>::of(i == j ? R(1) : R(0)) + c * s.g[i * LD + j];
    }
    BARRIER();
    for (int k = 0; k < N; ++k) {
      const R pivot = R(1) / real_part(s.w[k * LD + k]);
      for (int e = lane; e < N * N; e += lanes) {
        const int i = e / N, j = e % N;
        if (i == k || j == k) continue;
        s.w[i * LD + j] = s.w[i * LD + j] - pivot * (s.w[i * LD + k] * s.w[k * LD + j]);
      }
      BARRIER();
      for (int i = lane; i < N; i += lanes) {
        if (i == k) {
          s.w[k * LD + k] = Entry<T>::of(pivot);
        } else {
          s.w[k * LD + i] = pivot * s.w[k * LD + i];
          s.w[i * LD + k] = -pivot * s.w[i * LD + k];
        }
      }
      BARRIER();
    }
  }

  __host__ __device__ R power(int steps) {  // largest eigenvalue of w, from below
    R size = 0;
    for (int step = 0; step < steps; ++step) {
      R sum = 0;
      for (int i = lane; i < N; i += lanes) {
        T y = Entry<T>::of(0);
        for (int j = 0; j < N; ++j) y = y + s.w[i * LD + j] * s.v[j];
        s.y[i] = y;
        sum += squared(y);
      }
      size = sqrt(total(sum));
      for (int i = lane; i < N; i += lanes) s.v[i] = R(1) / size * s.y[i];
      BARRIER();
    }
    return size;
  }

  __host__ __device__ void multiply_add(R alpha, R beta) {  // x = beta x + alpha x w
    constexpr int ROWS = LANES / N;
    for (int first = 0; first < m; first += ROWS) {
      const int count = (m - first < ROWS ? m - first : ROWS) * N;
      T *block = x + first * N;
      for (int e = lane; e < count; e += lanes) {
        T sum = Entry<T>::of(0);
        for (int k = 0; k < N; ++k) sum = sum + block[e / N * N + k] * s.w[k * LD + e % N];
        s.staged[e] = beta * block[e] + alpha * sum;
      }
      BARRIER();
      for (int e = lane; e < count; e += lanes) block[e] = s.staged[e];
      BARRIER();
    }
  }

  __host__ __device__ void polish() {  // x (15 I - 10 g + 3 g^2) / 8
    for (int e = lane; e < N * N; e += lanes) {
      const int i = e / N, j = e % N;
      T sum = Entry<T>::of(0);
      for (int k = 0; k < N; ++k) sum = sum + s.g[i * LD + k] * s.g[k * LD + j];
      s.w[i * LD + j] = R(0.375) * sum - R(1.25) * s.g[i * LD + j];
    }
    BARRIER();
    multiply_add(R(1), R(1.875));
  }

  __host__ __device__ bool halley(R eps, R &smallest) {  // true where certified
    const R u = eps / 2, root = sqrt(R(31)), slack = R(N) * eps;
    const R cap = sqrt((2 * root - 1) / 30) / (root - 1);  // there the best c is 30
    R known = u / 4, estimate = 0, slope = 1, sum = 0;
    bool committed = false;
    for (int j = lane; j < N; j += lanes) {
      const R t = R(j + 1) * R(0.6180339887498949);
      const R entry = R(0.5) + (t - floor(t));
      s.v[j] = Entry<T>::of(entry);
      sum += entry * entry;
    }
    sum = sqrt(total(sum));
    for (int j = lane; j < N; j += lanes) s.v[j] = R(1) / sum * s.v[j];
    gram();
    scale(R(1) / sqrt(distance(0) * (1 + 4 * slack)));
    smallest = 1;
    for (int left = eps < R(1e-10) ? 30 : 20;; --left) {
      const R e = distance(1);
      if (e <= cbrt(eps / 4) + slack) {
        polish();
        return true;
      }
      if (left == 0) return false;
      const R proved = e < 1 ? sqrt(1 - e) : R(0);
      R lower = fmax(known, estimate);
      const bool wrong = 1 - lower <= sqrt(u) / 4;  // yet not converged
      lower = wrong ? proved : fmax(lower, proved);
      committed = committed && !wrong;
      const R l = fmin(fmax(lower, cap), R(1)), ll = l * l;
      const R d = cbrt(4 * (1 - l) * (1 + l) / (ll * ll)), q = sqrt(1 + d);
      const R a = q + sqrt(fmax(2 - d + 2 * (2 - ll) / (ll * q), R(0)));
      const R b = (a - 1) * (a - 1) / 4, c = a + b - 1;
      inverse(c);
      const R raw = sqrt(fmax(1 / power(6) - 1, R(0)) / c);
      const R guess = committed ? lower : raw / 2;
      multiply_add(a - b / c, b / c);
      gram();
      if (!committed) smallest = raw / slope;
      known = wrong ? R(0) : known * (a + b * known * known) / (1 + c * known * known);
      estimate = guess * (a + b * guess * guess) / (1 + c * guess * guess);
      committed = committed || guess >= cap;
      slope *= a;
    }
  }

  // h = sym(x^H a) with a scaled by down * down, h scaled back by up * up
  __host__ __device__ void hermitian(const T *a, T *h, R down, R up) {
    for (int e = lane; e < N * N; e += lanes) {
      const int i = e / N, j = e % N;
      if (j > i) continue;
      T p = Entry<T>::of(0), q = p;
      for (int r = 0; r < m; ++r) {
        p = p + conjugate(x[r * N + i]) * (down * (down * a[r * N + j]));
        q = q + conjugate(x[r * N + j]) * (down * (down * a[r * N + i]));
      }
      p = R(0.5) * p + R(0.5) * conjugate(q);
      if (i == j) p = Entry<T>::of(real_part(p));
      p = up * (up * p);
      h[i * N + j] = p;
      h[j * N + i] = conjugate(p);
    }
  }

  __host__ __device__ int solve(const T *a, T *h, R eps) {
    R top = 0;
    for (int e = lane; e < m * N; e += lanes) {
      const R part = largest_part(a[e]);
      top = isfinite(real_part(a[e])) && isfinite(imaginary_part(a[e])) ? fmax(top, part)
                                                                        : R(NAN);
      if (top != top) break;
    }
    top = largest(top);
    if (top == 0 || top != top) {  // I and 0, or NaN everywhere
      for (int e = lane; e < m * N; e += lanes)
        x[e] = Entry<T>::of(top != top ? top : R(e / N == e % N));
      for (int e = lane; e < N * N; e += lanes) h[e] = Entry<T>::of(top);
      return top == 0 ? 1 : 3;
    }
    int exponent;
    frexp(top, &exponent);
    // Two equal factors, because 2^-exponent alone may be out of range.
    const int half = (exponent + (exponent & 1)) / 2;
    const R down = ldexp(R(1), -half), up = ldexp(R(1), half);
    for (int e = lane; e < m * N; e += lanes) x[e] = down * (down * a[e]);
    BARRIER();
    R smallest;
    const bool certified = halley(eps, smallest);
    hermitian(a, h, down, up);
    return !certified ? 2 : smallest <= R(m > N ? m : N) * eps ? 1 : 0;
  }
};

#ifdef __CUDACC__
extern "C" __global__ void polar_small(const ELEMENT *a, ELEMENT *u, ELEMENT *h, int *status,
                                       long long items, int m, double eps) {
  __shared__ Work<ELEMENT, ORDER> work;
  for (long long k = blockIdx.x; k < items; k += gridDim.x) {
    Item<ELEMENT, ORDER> item{work, u + k * m * ORDER, m, (int)threadIdx.x, (int)blockDim.x};
    const int code = item.solve(a + k * m * ORDER, h + k * ORDER * ORDER, eps);
    if (threadIdx.x == 0) status[k] = code;
    __syncthreads();
  }
}
#endif
"""
)


def kernel_options(dtype: str, order: int) -> tuple[str, ...]:
    """What the source has to be compiled with for matrices of `order` columns."""
    return ("-std=c++17", f"-DELEMENT={ELEMENT_TYPES[dtype]}", f"-DORDER={order}")


def lanes(order: int) -> int:
    """Threads to a block: as many as `Work` has room for."""
    return 32 if order <= 8 else 64 if order <= 16 else 128


@lru_cache(maxsize=256)
def _kernel(dtype: str, order: int) -> Any:
    import cupy

    return cupy.RawKernel(SOURCE, "polar_small", options=kernel_options(dtype, order))


def polar_stack(x: Any, *, threads: int | None = None) -> tuple[Any, Any, Any]:
    """Polar factors of tall items, and a status for each; nothing waits for the device.

    Parameters
    ----------
    x : cupy.ndarray (items, m, n)
        m >= n, n from 1 to 32, not empty.
    threads : int or None
        Of the processor; the device has its own, so this is not used.

    Returns
    -------
    unitary, hermitian : cupy.ndarray (items, m, n) and (items, n, n)
        NaN for items with NaN or infinity; of a zero item I and 0.
    status : cupy.ndarray (items,) of int32
        Values of `orthola.Status`. NOT_CONVERGED items are for the caller to compute otherwise.
    """
    import cupy

    x = cupy.ascontiguousarray(x)
    items, m, n = x.shape
    unitary, hermitian = cupy.empty_like(x), cupy.empty((items, n, n), dtype=x.dtype)
    status = cupy.empty(items, dtype=cupy.int32)
    if (m, n) == (3, 3) and x.dtype.kind == "f":
        polar_three(x, unitary, hermitian, status)
    else:
        eps = float(cupy.finfo(x.dtype).eps)
        arguments = (x, unitary, hermitian, status, cupy.int64(items), cupy.int32(m), eps)
        # A grid has at most 2^31 - 1 blocks; beyond that, blocks take several items.
        _kernel(x.dtype.name, n)((min(items, 2**31 - 1),), (lanes(n),), arguments)
    return unitary, hermitian, status
