"""`Products` for one NumPy matrix: level-3 BLAS and LAPACK in place, one triangle, no temporaries.

Buffers are Fortran-ordered and live as long as the object, that is for one call. Hermitian
matrices are stored in the lower triangle; the strict upper triangle of every buffer stays zero, so
norms can run over the whole buffer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .blas import lower_cholesky, matrix_product, routines, solve_lower_adjoint, square_sum
from .linalg import Front, Products, start_vector
from .scalars import Scalars
from .space import Space
from .triangles import PANEL, asymmetry, clear_upper, fill_upper, symmetrise
from .triangular_inverse import inverse_of_lower

__all__ = ["BlasProducts"]

_POWER_STEPS, _INVERSE_STEPS, _SQUARED_STEPS = 6, 8, 4
_ABOVE_NOISE = 16.0
_ROWS = 512  # rows widened to double precision at a time
_ONE_PASS = 5.0  # condition up to which one pass of CholeskyQR is orthonormal to rounding


class BlasProducts(Products):
    """In-place version of `Products` for a single ``(m, n)`` NumPy array."""

    def __init__(self, space: Space, *, reuse: bool = True) -> None:
        super().__init__(space)
        self.scalars = Scalars
        self.reuse = reuse
        self.fn = routines(np.dtype(space.dtype))
        self._tall: list[Any] = []
        self._triangles: list[Any] = []
        self._inverse: Any = None

    def load(self, x: Any) -> Any:
        """A private Fortran-ordered copy of `x`, free to be overwritten."""
        out = self._other_tall(x)
        out[...] = x
        return out

    def small(self) -> Products:
        return BlasProducts(self.space, reuse=False)

    def full(self, g: Any) -> Any:
        return fill_upper(g.copy(order="F"))

    def shifted(self, s: Any, shift: float) -> Any:
        out = self.full(s)
        np.einsum("ii->i", out)[...] += shift
        return out

    def _other_tall(self, x: Any) -> Any:
        """A buffer of the shape of `x` that is not `x`; two of them take turns."""
        if not self.reuse:
            return np.empty(x.shape, x.dtype, order="F")
        for buffer in self._tall:
            if buffer is not x and buffer.shape == x.shape:
                return buffer
        buffer = np.empty(x.shape, x.dtype, order="F")
        self._tall = [*self._tall[-1:], buffer]
        return buffer

    def _other_triangle(self, n: int, dtype: Any, taken: Any = None) -> Any:
        """A buffer for a Hermitian matrix that is not `taken`; its upper triangle is zero."""
        for buffer in self._triangles:
            if buffer is not taken and buffer.shape[0] == n:
                return buffer
        buffer = np.zeros((n, n), dtype, order="F")
        self._triangles.append(buffer)
        return buffer

    def gram(self, x: Any) -> Any:
        c = self._other_triangle(x.shape[1], x.dtype)
        trans = 2 if self.fn.complex else 1
        return self.fn.rank_k(1.0, x, trans=trans, lower=1, c=c, overwrite_c=1)

    def defect(self, g: Any) -> Any:
        d = np.einsum("ii->i", g)
        kept = d.copy()
        d -= 1.0
        total = 2.0 * square_sum(g) - square_sum(d)
        d[...] = kept
        return np.float64(math.sqrt(max(total, 0.0)) if total == total else math.nan)

    def deviation(self, g: Any) -> Any:
        np.negative(g, out=g)
        np.einsum("ii->i", g)[...] += 1.0
        return g

    def measured_deviation(self, x: Any) -> Any:
        if self.space.eps < 1e-10:
            return self.deviation(self.gram(x))
        double = BlasProducts(self.space.with_dtype("complex128" if self.fn.complex else "float64"))
        out = self._other_triangle(x.shape[1], x.dtype)
        out[...] = double.deviation(double.gram_of_single(x))
        return out

    def norm(self, g: Any) -> Any:
        total = 2.0 * square_sum(g) - square_sum(np.einsum("ii->i", g))
        return np.float64(math.sqrt(total))

    def column_norm(self, v: Any) -> Any:
        return np.float64(math.sqrt(np.vdot(v, v).real))

    def likely(self, condition: Any) -> bool:
        return bool(condition)

    def scaled(self, x: Any, factor: Any) -> Any:
        x *= float(factor)
        return x

    def spectrum_ends(self, x: Any, g: Any) -> tuple[Any, Any, Any]:
        """As in `Products`; the smallest by inverse iteration with a Cholesky factor of G.

        In single precision G loses it below 1e-2: there square X itself is factored.
        """
        _, top = self.dominant(self.times_vector, g, start_vector(self.space, g), _POWER_STEPS)
        if self.space.eps > 1e-10 and x.shape[0] == x.shape[1]:
            smallest = self._smallest_singular_value(x)
            noise = 2.0 * self.space.eps * x.shape[0] ** 0.5  # of the factors, as observed
            return top, np.float64(smallest**2), bool(smallest > noise)
        n, noise = g.shape[0], 4.0 * g.shape[0] * self.space.eps
        z = self._other_triangle(n, g.dtype, g)
        z[...] = g
        np.einsum("ii->i", z)[...] += noise
        factor, info = self.fn.potrf(z, lower=1, clean=0, overwrite_a=1)
        if info:
            return top, np.float64(0.0), False
        v = np.array(start_vector(self.space, g)[:, 0])
        size = 1.0
        for _ in range(_INVERSE_STEPS):
            v, _ = self.fn.potrs(factor, v, lower=1, overwrite_b=1)
            size = float(np.linalg.norm(v))
            v /= size
        bottom = np.float64(1.0 / size - noise)
        return top, bottom, bool(bottom > _ABOVE_NOISE * noise)

    def _smallest_singular_value(self, x: Any) -> float:
        """Of square X, from above; 0 where a factor is singular."""
        y = self._other_tall(x)
        y[...] = x
        factor, pivots, info = self.fn.getrf(y, overwrite_a=1)
        if info:
            return 0.0
        v, flag = np.array(start_vector(self.space, x)[:, 0]), 2 if self.fn.complex else 1
        size = 0.0
        for _ in range(_SQUARED_STEPS):
            v, _ = self.fn.getrs(factor, pivots, v, trans=flag, overwrite_b=1)
            v /= float(np.linalg.norm(v))  # the square of the norm may be out of range
            v, _ = self.fn.getrs(factor, pivots, v, overwrite_b=1)
            size = float(np.linalg.norm(v))  # of n numbers: NumPy's threads stay asleep
            if not 0.0 < size < math.inf:
                return 0.0
            v /= size
        return 1.0 / size

    def dominant(
        self, times: Callable[[Any, Any], Any], s: Any, v: Any, steps: int
    ) -> tuple[Any, Any]:
        size = np.float64(0.0)
        for _ in range(steps):
            v = times(s, v)
            size = self.column_norm(v)
            v *= 1.0 / float(size) if size > 0 else 1.0
        return v, size

    def inverse_shifted(self, g: Any, c: Any) -> Any:
        """L^-1 with L L^H = I + c G: two triangular products cost less than W = L^-H L^-1."""
        g *= float(c)
        np.einsum("ii->i", g)[...] += 1.0
        factor, info = self.fn.potrf(g, lower=1, clean=0, overwrite_a=1)
        if info:
            return np.full_like(g, np.nan)
        return inverse_of_lower(factor, self.fn)

    def add_inverse(self, x: Any, w: Any, alpha: Any, beta: Any) -> Any:
        y = self._other_tall(x)
        y[...] = x
        flag = 2 if self.fn.complex else 1
        y = self.fn.trmm(float(alpha), w, y, side=1, lower=1, trans_a=flag, overwrite_b=1)
        y = self.fn.trmm(1.0, w, y, side=1, lower=1, overwrite_b=1)
        self.fn.axpy(x.ravel(order="F"), y.ravel(order="F"), a=float(beta))
        return y

    def inverse_times_vector(self, w: Any, v: Any) -> Any:
        flag = 2 if self.fn.complex else 1
        v = self.fn.trmv(w, v[:, 0], lower=1)
        return self.fn.trmv(w, v, lower=1, trans=flag, overwrite_x=1)[:, None]

    def tail(self, g: Any, c: tuple[Any, ...]) -> Any:
        c = tuple(float(t) for t in c)
        if len(c) == 1:
            g *= c[0]
            return g
        s = self._other_triangle(g.shape[0], g.dtype, g)
        s[...] = g
        full = fill_upper(g)
        # G is Hermitian: c2 G G^H + c1 G, one triangle.
        s = self.fn.rank_k(c[1], full, beta=c[0], c=s, lower=1, overwrite_c=1)
        if len(c) > 2:
            g2 = self.fn.rank_k(1.0, full, lower=1)
            high = c[2] * full
            if len(c) == 4:
                high += c[3] * fill_upper(g2)
            s = self.fn.symmetric(1.0, g2, high, beta=1.0, c=self.full(s), lower=1, overwrite_c=1)
        clear_upper(g)
        return s

    def product(self, x: Any, y: Any) -> Any:
        if x.flags.f_contiguous:
            return self.fn.gemm(1.0, x, y)
        # A C-ordered X is its transpose in BLAS order: (X Y)^T = Y^T X^T, nothing is copied.
        return self.fn.gemm(1.0, y, x.T, trans_a=1).T

    def multiply_add(self, x: Any, s: Any, alpha: Any, beta: Any) -> Any:
        y = self._other_tall(x)
        y[...] = x
        return self.fn.symmetric(
            float(alpha), s, x, beta=float(beta), c=y, side=1, lower=1, overwrite_c=1
        )

    def hermitian_product(self, u: Any, x: Any) -> Any:
        w = matrix_product(u, x, adjoint=True)
        return symmetrise(w) if w.flags.f_contiguous else symmetrise(w.T).T

    def hermitian_and_skew(self, u: Any, x: Any) -> tuple[Any, Any]:
        w = matrix_product(u, x, adjoint=True)
        v = w if w.flags.f_contiguous else w.T
        skew = np.float64(0.5 * asymmetry(v))
        return (symmetrise(v) if v is w else symmetrise(v).T), skew

    def times_vector(self, s: Any, v: Any) -> Any:
        return self.fn.symmetric_vector(1.0, s, v[:, 0], lower=1)[:, None]

    def inverse(self, x: Any) -> Any:
        if self._inverse is None or self._inverse.shape != x.shape:
            self._inverse = np.empty(x.shape, x.dtype, order="F")
        y = self._inverse
        y[...] = x
        factor, pivots, info = self.fn.getrf(y, overwrite_a=1)
        if info == 0:
            y, info = self.fn.getri(factor, pivots, lwork=64 * x.shape[0], overwrite_lu=1)
        if info:
            y[...] = np.nan
        return y

    def triangular_front(self, x: Any) -> Front:
        """CholeskyQR once or twice where the condition allows it, else Householder QR.

        The first pass leaves a defect of about cond(X)^2 u; up to condition 5 that is rounding.
        Otherwise the second removes it (Yamamoto et al. 2015, 10.1553/etna_vol44s306). The factor
        C = R^-1 or R2^-1 stays apart, n x n.
        """
        y = self.load(x)
        first = lower_cholesky(self.gram(y).copy(order="F"))
        if first is not None and _diagonal_ratio(first) > 1e3 * self.space.eps**0.5:
            r, inverse, norms = self.from_lower(first)
            if norms[0] * norms[1] <= _ONE_PASS:
                return Front(y, inverse, r, inverse.copy(order="F"), norms, False)
            b = solve_lower_adjoint(first, y)
            g = self.gram(b)
            second = lower_cholesky(g.copy(order="F")) if self.defect(g) < 0.5 else None
            if second is not None:
                r2 = _upper(second)
                r = np.asfortranarray(self.fn.trmm(1.0, r2, r, side=0, lower=0))
                c, _ = self.fn.trtri(r2, lower=0)
                return Front(b, c, r, self._inverse_of_upper(r), norms, True)
        q, r = np.linalg.qr(x)
        r = np.asfortranarray(r)
        return Front(np.asfortranarray(q), None, r, self._inverse_of_upper(r), None, True)

    def from_lower(self, factor: Any) -> tuple[Any, Any, tuple[Any, Any]]:
        """R = L^H, its inverse, and estimates of the 2-norms of both."""
        r, inverse = _upper(factor), _upper(inverse_of_lower(factor, self.fn))
        return r, inverse, (self.spectral_norm(r, 6), self.spectral_norm(inverse, 6))

    def gram_of_single(self, x: Any) -> Any:
        """X^H X in this double precision for single-precision X, widened panel by panel."""
        m, n = x.shape
        g = np.zeros((n, n), self.space.dtype, order="F")
        by_column = x.flags.f_contiguous
        trans = 2 if self.fn.complex else 1
        panel = np.empty((min(m, _ROWS), n), self.space.dtype, order="F" if by_column else "C")
        for i in range(0, m, _ROWS):
            rows = panel[: min(_ROWS, m - i)]
            rows[...] = x[i : i + _ROWS]
            if by_column:
                g = self.fn.rank_k(1.0, rows, trans=trans, beta=1.0, c=g, lower=1, overwrite_c=1)
            else:  # the panel is the transpose in BLAS order: X^H X = conj(X^T conj(X))
                g = self.fn.rank_k(1.0, rows.T, beta=1.0, c=g, lower=1, overwrite_c=1)
        return g.conj() if self.fn.complex and not by_column else g

    def product_with_single(self, x: Any, m: Any) -> Any:
        """X M with sums in this double precision, rounded once to the precision of X."""
        out = np.empty((x.shape[0], m.shape[1]), x.dtype)
        for i in range(0, x.shape[0], _ROWS):
            rows = x[i : i + _ROWS].astype(self.space.dtype)
            out[i : i + _ROWS] = self.fn.gemm(1.0, m, rows.T, trans_a=1).T
        return out

    def _inverse_of_upper(self, r: Any) -> Any:
        """R^-1 by columns, each a solution of R y = e: rows of very different size do no harm.

        `trtri` makes Y R = I instead, and would cost Newton's method up to two digits.
        """
        eye = np.eye(r.shape[0], dtype=r.dtype, order="F")
        return self.fn.trsm(1.0, r, eye, lower=0, overwrite_b=1)

    def newton_average(self, x: Any, y: Any, mu: Any) -> Any:
        # Y is read by rows while X is written by columns: panels keep both in cache.
        a, b = 0.5 * mu, 0.5 / mu
        x *= a
        y *= b
        for j in range(0, x.shape[1], PANEL):
            piece = y[j : j + PANEL, :].T
            x[:, j : j + PANEL] += piece.conj() if self.fn.complex else piece
        return x

    def spectral_norm(self, x: Any, steps: int) -> Any:
        v, flag = np.array(start_vector(self.space, x)[:, 0]), 2 if self.fn.complex else 1
        size: Any = 0.0
        for _ in range(steps):
            # Normalised after each product: the square of the norm may be out of range.
            v = self.fn.gemv(1.0, x, v)
            v /= np.linalg.norm(v)
            v = self.fn.gemv(1.0, x, v, trans=flag)
            size = np.linalg.norm(v)
            v /= size
        return np.float64(size)

    def choose(self, condition: Any, yes: Any, no: Any) -> Any:
        return yes if bool(condition) else no


def _upper(lower: Any) -> Any:
    """L^H as a Fortran-ordered upper triangle with clean zeros below."""
    return np.asfortranarray(np.tril(lower).conj().T)


def _diagonal_ratio(factor: Any) -> float:
    d = np.abs(np.einsum("ii->i", factor))
    return float(d.min() / d.max()) if d.size else 1.0
