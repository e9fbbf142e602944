"""Polar factors of stacks of real 3 x 3 matrices on the device, a thread to an item.

Scaled Newton iteration X <- (gamma X + Y / gamma)/2 with Y = X^-T from cofactors. A cofactor is a
difference of two products; fused multiply-add makes each one accurate however much cancels, so
the iteration stays accurate at any condition number. A singular item of rank two is completed by
its own cofactors, which are the missing direction.

References
----------
Higham 1986 (iteration), 10.1137/0907079. Jeannerod, Louvet and Muller 2013 (differences of
products), 10.1090/S0025-5718-2013-02679-8.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

__all__ = ["SOURCE", "kernel_options", "polar_three"]

SOURCE = r"""
#define BOTH template <typename R> __host__ __device__ inline

BOTH R difference_of_products(R a, R b, R c, R d) {  // a b - c d, nearly correctly rounded
  const R w = c * d;
  return fma(a, b, -w) + fma(-c, d, w);
}

BOTH void cofactors(const R *x, R *y) {  // adj(x)^T: x^-T times the determinant
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j) {
      const int k = (i + 1) % 3, l = (i + 2) % 3, p = (j + 1) % 3, q = (j + 2) % 3;
      y[3 * i + j] =
          difference_of_products(x[3 * k + p], x[3 * l + q], x[3 * k + q], x[3 * l + p]);
    }
}

BOTH R norm(const R *x) {  // Frobenius, of entries of any size
  R top = 0, sum = 0;
  for (int i = 0; i < 9; ++i) top = fmax(top, fabs(x[i]));
  if (top == 0) return top;
  for (int i = 0; i < 9; ++i) sum += (x[i] / top) * (x[i] / top);
  return top * sqrt(sum);
}

BOTH R distance(const R *x, R *g) {  // ||x^T x - I||_F, with g = x^T x
  R sum = 0;
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j) {
      g[3 * i + j] = x[i] * x[j] + x[3 + i] * x[3 + j] + x[6 + i] * x[6 + j];
      const R d = g[3 * i + j] - R(i == j);
      sum += d * d;
    }
  return sqrt(sum);
}

// Newton's method in place, from a scaled x whose norm is given. Returns the status, which says
// only of the iteration itself whether it has converged.
BOTH int newton(R *x, R size, R eps) {
  R y[9], old;
  cofactors(x, y);
  R minors = norm(y), det = x[0] * y[0] + x[1] * y[1] + x[2] * y[2];
  if (minors == 0) return 2;  // rank one
  const bool deficient = fabs(det) <= 3 * eps * size * minors;  // |det| / minors is about sigma_3
  if (deficient) {
    // Adds sigma_2 to sigma_3 and next to nothing to the others, all with the sign of det.
    for (int i = 0; i < 9; ++i) x[i] += copysign(R(1), det) / size * y[i];
    cofactors(x, y);
    det = x[0] * y[0] + x[1] * y[1] + x[2] * y[2];
  }
  for (int step = 0; step < 12; ++step) {
    for (int i = 0; i < 9; ++i) y[i] /= det;
    const R gamma = sqrt(norm(y) / norm(x));
    R moved = 0;
    for (int i = 0; i < 9; ++i) {
      old = x[i];
      x[i] = (gamma * old + y[i] / gamma) / 2;
      moved += (x[i] - old) * (x[i] - old);
    }
    // Quadratic: what is left is about the square of the last change.
    if (moved <= R(1e-6)) return deficient ? 1 : 0;
    cofactors(x, y);
    det = x[0] * y[0] + x[1] * y[1] + x[2] * y[2];
  }
  return 2;
}

BOTH int polar_item(const R *a, R *u, R *h, R eps) {
  R x[9], s[9], g[9], top = 0;
  bool finite = true;
  for (int i = 0; i < 9; ++i) {
    finite = finite && isfinite(a[i]);
    top = fmax(top, fabs(a[i]));
  }
  if (!finite || top == 0) {  // NaN everywhere, or I and 0
    for (int i = 0; i < 9; ++i) u[i] = finite ? R(i % 4 == 0) : R(nan(""));
    for (int i = 0; i < 9; ++i) h[i] = finite ? R(0) : R(nan(""));
    return finite ? 1 : 3;
  }
  int exponent;
  frexp(top, &exponent);
  // Two equal factors, because 2^-exponent alone may be out of range.
  const int half = (exponent + (exponent & 1)) / 2;
  const R down = ldexp(R(1), -half), up = ldexp(R(1), half);
  for (int i = 0; i < 9; ++i) s[i] = x[i] = down * (down * a[i]);
  const R size = norm(x);
  int status = newton(x, size, eps);
  if (!(distance(x, g) <= cbrt(eps / 4))) status = 2;
  for (int i = 0; i < 3; ++i)  // x (15 I - 10 g + 3 g^2) / 8
    for (int j = 0; j < 3; ++j) {
      R sum = 0;
      for (int k = 0; k < 3; ++k) {
        const R gg = g[3 * k] * g[j] + g[3 * k + 1] * g[3 + j] + g[3 * k + 2] * g[6 + j];
        sum += x[3 * i + k] * (R(0.375) * gg - R(1.25) * g[3 * k + j]);
      }
      u[3 * i + j] = R(1.875) * x[3 * i + j] + sum;
    }
  R skew = 0;  // of u^T s: by so much u h differs from s
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j <= i; ++j) {
      R p = 0, q = 0;
      for (int r = 0; r < 3; ++r) {
        p += u[3 * r + i] * s[3 * r + j];
        q += u[3 * r + j] * s[3 * r + i];
      }
      skew += (p - q) * (p - q) / 2;
      h[3 * i + j] = h[3 * j + i] = up * (up * ((p + q) / 2));
    }
  return sqrt(skew) <= R(40) * eps * size ? status : 2;
}

#ifdef __CUDACC__
extern "C" __global__ void polar_three(const ELEMENT *a, ELEMENT *u, ELEMENT *h, int *status,
                                       long long items, double eps) {
  const long long stride = (long long)gridDim.x * blockDim.x;
  for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < items; k += stride)
    status[k] = polar_item<ELEMENT>(a + 9 * k, u + 9 * k, h + 9 * k, (ELEMENT)eps);
}
#endif
"""

_THREADS = 128


def kernel_options(dtype: str) -> tuple[str, ...]:
    """What the source has to be compiled with."""
    return ("-std=c++17", f"-DELEMENT={'float' if dtype == 'float32' else 'double'}")


@lru_cache(maxsize=2)
def _kernel(dtype: str) -> Any:
    import cupy

    return cupy.RawKernel(SOURCE, "polar_three", options=kernel_options(dtype))


def polar_three(x: Any, unitary: Any, hermitian: Any, status: Any) -> None:
    """Fill the factors and statuses of real C-contiguous `x` (items, 3, 3)."""
    import cupy

    items = x.shape[0]
    blocks = min(-(-items // _THREADS), 2**31 - 1)
    eps = float(cupy.finfo(x.dtype).eps)
    arguments = (x, unitary, hermitian, status, cupy.int64(items), eps)
    _kernel(x.dtype.name)((blocks,), (_THREADS,), arguments)
