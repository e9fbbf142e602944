"""Matrix operations on one small item in shared memory, by a team of threads: kernel source."""

from __future__ import annotations

from .pair import PAIR

__all__ = ["ITEM", "lanes"]

ITEM = (
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
    for (int i = 0; i < lanes; ++i) top = top != top || s.part[i] <= top ? top : s.part[i];
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
};
"""
)


def lanes(order: int) -> int:
    """Threads to a block: as many as `Work` has room for."""
    return 32 if order <= 8 else 64 if order <= 16 else 128
