"""Polar factors of stacks of small matrices, real or complex, square or tall, on the device.

A block of threads to an item: the Halley iteration of `orthola._polar.halley`, its weights capped
at 30, with the estimate of sigma_n by power iteration, the certificate and the last step. I + c G
has a condition below 31, and is inverted in place by pivots from its diagonal: the eliminations of
a Cholesky factorization, ordered so that all threads have work.

References
----------
Nakatsukasa, Bai and Gygi 2010 (weights), 10.1137/090774999. Higham, Functions of Matrices, 2008,
ch. 8 (Pade family of the last step), 10.1137/1.9780898717778. Peters and Wilkinson 1975 (inversion
in place), 10.1145/360569.360653.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .item import ITEM, lanes
from .pair import ELEMENT_TYPES
from .polar_three import polar_three

__all__ = ["SOURCE", "kernel_options", "polar_stack"]

SOURCE = (
    ITEM
    + r"""
template <typename T, int N> struct Polar : Item<T, N> {
  using R = typename Entry<T>::Real;
  using Base = Item<T, N>;
  using Base::s, Base::x, Base::m, Base::lane, Base::lanes, Base::total, Base::largest;
  using Base::gram, Base::scale, Base::distance, Base::inverse, Base::power, Base::multiply_add;
  using Base::polish, Base::hermitian;

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

  __host__ __device__ int solve(const T *a, T *h, R eps) {
    R top = 0;
    for (int e = lane; e < m * N; e += lanes) {
      const R part = largest_part(a[e]);
      const bool finite = isfinite(real_part(a[e])) && isfinite(imaginary_part(a[e]));
      top = top == top && finite ? fmax(top, part) : R(nan(""));
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
    Polar<ELEMENT, ORDER> item{{work, u + k * m * ORDER, m, (int)threadIdx.x, (int)blockDim.x}};
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


@lru_cache(maxsize=256)
def _kernel(dtype: str, order: int) -> Any:
    import cupy

    return cupy.RawKernel(SOURCE, "polar_small", options=kernel_options(dtype, order))


def polar_stack(x: Any, *, threads: int | None = None) -> tuple[Any, Any, Any]:
    """Polar factors of tall items, and a status for each; nothing waits for the device.

    Parameters
    ----------
    x : cupy.ndarray (items, m, n)
        m >= n, n from 1 to 32, not empty. Subnormal float32 entries count as zero, because
        CuPy compiles all its kernels so.
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
