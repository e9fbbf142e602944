"""Complex numbers for kernel sources: compiled by NVRTC for the device, by any C++ for the host."""

from __future__ import annotations

__all__ = ["ELEMENT_TYPES", "PAIR"]

# Type of one matrix entry in a kernel, by dtype name.
ELEMENT_TYPES = {
    "float32": "float",
    "float64": "double",
    "complex64": "Pair<float>",
    "complex128": "Pair<double>",
}

PAIR = r"""
#if defined(__CUDA_ARCH__)
#define BARRIER() __syncthreads()
#elif !defined(BARRIER)
#define BARRIER()  // a team of one lane on the host
#endif

template <typename R> struct Pair { R re, im; };

#define BOTH template <typename R> __host__ __device__ inline

BOTH Pair<R> operator+(Pair<R> x, Pair<R> y) { return {x.re + y.re, x.im + y.im}; }
BOTH Pair<R> operator-(Pair<R> x, Pair<R> y) { return {x.re - y.re, x.im - y.im}; }
BOTH Pair<R> operator*(R x, Pair<R> y) { return {x * y.re, x * y.im}; }
BOTH Pair<R> operator*(Pair<R> x, Pair<R> y) {
  return {x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re};
}

// The same names for real and complex entries.
template <typename T> struct Entry {
  using Real = T;
  static __host__ __device__ T of(T re) { return re; }
};
template <typename R> struct Entry<Pair<R>> {
  using Real = R;
  static __host__ __device__ Pair<R> of(R re) { return {re, R(0)}; }
};
BOTH R real_part(R x) { return x; }
BOTH R real_part(Pair<R> x) { return x.re; }
BOTH R imaginary_part(R) { return R(0); }
BOTH R imaginary_part(Pair<R> x) { return x.im; }
BOTH R conjugate(R x) { return x; }
BOTH Pair<R> conjugate(Pair<R> x) { return {x.re, -x.im}; }
BOTH R squared(R x) { return x * x; }
BOTH R squared(Pair<R> x) { return x.re * x.re + x.im * x.im; }
BOTH R largest_part(R x) { return fabs(x); }
BOTH R largest_part(Pair<R> x) { return fmax(fabs(x.re), fabs(x.im)); }
"""
