"""The matrix operations that the Array-API standard lacks, for whole stacks at once.

`products` hands an algorithm the one object it calculates with: `Products` (any library, stacks),
`orthola._core.blas_products.BlasProducts` (one NumPy matrix, in place), or a device version
registered in `orthola._kernels.table`. An algorithm is written once against these methods;
Hermitian matrices made by `gram`, `inverse_shifted` and `tail` are opaque to it, because the BLAS
version stores one triangle only.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from .blas import matrix_product, solve_regular, square_sum
from .dispatch import find_kernel, load
from .space import Space

__all__ = [
    "Front",
    "Products",
    "adjoint",
    "adjoint_product",
    "conjugate",
    "hermitian_part",
    "inner_product",
    "inverse",
    "inverse_positive",
    "operations",
    "product",
    "products",
    "quotient",
    "real_part",
    "squared_norm",
    "start_vector",
    "sums_of_squares",
    "wide",
]


_POWER_STEPS = 6


def adjoint(xp: Any, x: Any) -> Any:
    """Conjugate transpose of the last two axes: a view where conjugation is trivial."""
    return conjugate(xp, xp.matrix_transpose(x))


@lru_cache(maxsize=64, typed=True)  # dtypes of different libraries must not be compared
def _is_complex(dtype: Any) -> bool:
    # By name, because isdtype of NumPy and CuPy refuses the bfloat16 of ml_dtypes.
    return "complex" in str(dtype)


def hermitian_part(xp: Any, x: Any) -> Any:
    """(X + X^H)/2, bitwise Hermitian: both triangles come from the same two numbers."""
    half = 0.5 * x
    return half + adjoint(xp, half)


def conjugate(xp: Any, x: Any) -> Any:
    """X itself if it is real."""
    return xp.conj(x) if _is_complex(x.dtype) else x


def real_part(xp: Any, x: Any) -> Any:
    """X itself if it is real."""
    return xp.real(x) if _is_complex(x.dtype) else x


def product(space: Space, x: Any, y: Any) -> Any:
    """X Y. This and the next three take SciPy's BLAS for NumPy matrices: `blas` says why."""
    return matrix_product(x, y) if _by_blas(space, x, y) else x @ y


def adjoint_product(space: Space, x: Any, y: Any) -> Any:
    """X^H Y."""
    if _by_blas(space, x, y):
        return matrix_product(x, y, adjoint=True)
    return adjoint(space.xp, x) @ y


def quotient(space: Space, x: Any, y: Any) -> Any:
    """X^-1 Y for regular X."""
    return solve_regular(x, y) if _by_blas(space, x, y) else space.xp.linalg.solve(x, y)


def squared_norm(space: Space, x: Any) -> Any:
    """||X||_F^2 of each item, as an inner product."""
    if _by_blas(space, x):
        return square_sum(x)
    xp = space.xp
    flat = xp.reshape(x, (*x.shape[:-2], x.shape[-2] * x.shape[-1]))
    return xp.real(xp.vecdot(flat, flat)) if space.is_complex else xp.vecdot(flat, flat)


def _by_blas(space: Space, *matrices: Any) -> bool:
    if space.name != "numpy" or space.is_half:
        return False
    first = matrices[0].dtype  # BLAS would cast to it instead of promoting
    return all([x.ndim == 2 and x.size and x.dtype == first for x in matrices])  # noqa: C419


def inner_product(xp: Any, x: Any, y: Any) -> Any:
    """Re tr(X^H Y) of each item."""
    return xp.sum(real_part(xp, conjugate(xp, x) * y), axis=(-2, -1))


def wide(scalar: Any) -> Any:
    """A scalar per item, shaped to multiply matrices; Python floats pass."""
    return scalar if isinstance(scalar, float) else scalar[..., None, None]


def sums_of_squares(xp: Any, x: Any) -> Any:
    """Squared Frobenius norm of each item, real."""
    if xp.isdtype(x.dtype, "complex floating"):
        return xp.sum(xp.real(x) ** 2 + xp.imag(x) ** 2, axis=(-2, -1))
    return xp.sum(x * x, axis=(-2, -1))


@lru_cache(maxsize=64)
def products(space: Space) -> Products:
    """The set of matrix operations for arrays of this space (chosen on static facts)."""
    kernel = find_kernel("products", space.name, space)
    if kernel is not None:
        return load(kernel.target)(space)  # type: ignore[no-any-return]
    if space.is_half:
        from .half import HalfProducts

        return HalfProducts(space)
    return Products(space)


def operations(space: Space, ndim: int) -> Products:
    """In-place BLAS for one NumPy matrix, the library's stacked operations otherwise."""
    if space.name == "numpy" and ndim == 2 and not space.is_half:
        from .blas_products import BlasProducts

        return BlasProducts(space)
    return products(space)


class Front(NamedTuple):
    """Tall X = (B C) R with R square upper triangular and B C orthonormal."""

    basis: Any  # B, tall
    correction: Any | None  # C, square upper triangular; None is I
    factor: Any  # R
    inverse: Any | None  # R^-1 where it was needed anyway
    norms: tuple[Any, Any] | None  # estimates of ||R||_2 and ||R^-1||_2, likewise
    orthonormal: bool  # to rounding; else only up to cond(X)^2 roundings


class Products:
    """Matrix operations on stacks ``(..., m, n)``, m >= n, in Array-API calls.

    Scalars are Python floats or real arrays of the batch shape. These operations write into none
    of their arguments, but callers must not use again what they have handed to `scaled` or
    `newton_average`, nor a Hermitian matrix handed to `inverse_shifted` or `tail`: the in-place
    version reuses its memory.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.xp = space.xp
        self.scalars = space.xp  # the namespace for numbers that belong to an item

    def load(self, x: Any) -> Any:
        """X in a form that these operations may overwrite (they do so only in place)."""
        return x

    def small(self) -> Products:
        """Operations for several n x n matrices alive at once."""
        return self

    def full(self, g: Any) -> Any:
        """A copy of a Hermitian matrix with both triangles, to be used as an ordinary one."""
        return g

    def shifted(self, s: Any, shift: float) -> Any:
        """S + shift I, with both triangles."""
        return s + shift * self.identity(s)

    def likely(self, condition: Any) -> bool:
        """False if values can be looked at and the condition holds for no item.

        Decides only whether work can be skipped, never what the result is.
        """
        return not self.space.eager or bool(self.xp.any(condition))

    def constant(self, x: Any) -> Any:
        """X without its derivative: for estimates, which set the speed but not the result."""
        if self.space.name == "torch":
            return x.detach()
        if self.space.name == "jax":
            from jax import lax

            return lax.stop_gradient(x)
        return x

    def identity(self, like: Any) -> Any:
        """I of the order of the last axis."""
        return self.xp.eye(like.shape[-1], dtype=like.dtype, device=self.space.device)

    def gram(self, x: Any) -> Any:
        """X^H X."""
        return adjoint(self.xp, x) @ x

    def defect(self, g: Any) -> Any:
        """Frobenius norm of I - G, per item: how far from orthonormal."""
        return self.xp.sqrt(sums_of_squares(self.xp, self.identity(g) - g))

    def deviation(self, g: Any) -> Any:
        """I - G."""
        return self.identity(g) - g

    def measured_deviation(self, x: Any) -> Any:
        """I - X^H X for the last correction, which cannot be better than this is known.

        Single precision is summed in double where that is cheap. Sums of many equal terms, as in
        Hadamard or constant matrices, all round the same way: they would leave a defect of 1e-5.
        """
        if self.space.eps < 1e-10 or self.space.on_gpu or not self.space.has_double:
            return self.deviation(self.gram(x))
        xp = self.xp
        wide = self.space.with_dtype("complex128" if self.space.is_complex else "float64")
        y = xp.astype(x, wide.dtype)
        return xp.astype(Products(wide).deviation(adjoint(xp, y) @ y), x.dtype)

    def norm(self, g: Any) -> Any:
        """Frobenius norm per item."""
        return self.xp.sqrt(sums_of_squares(self.xp, g))

    def scaled(self, x: Any, factor: Any) -> Any:
        """X times a real scalar per item."""
        return x * wide(factor)

    def spectrum_ends(self, x: Any, g: Any) -> tuple[Any, Any, Any]:
        """Estimates from inside of the largest and smallest eigenvalue of G = X^H X, per item.

        Also whether the smallest one is above the noise; this version does not look for it.
        """
        _, top = self.dominant(self.times_vector, g, start_vector(self.space, g), _POWER_STEPS)
        return top, self.xp.zeros_like(top), self.xp.zeros_like(top, dtype=self.xp.bool)

    def dominant(
        self, times: Callable[[Any, Any], Any], s: Any, v: Any, steps: int
    ) -> tuple[Any, Any]:
        """Power iteration from v on S, which `times` applies: (vector, estimate of ||S||_2)."""
        xp, size = self.xp, None
        for _ in range(steps):
            v = times(s, v)
            size = self.column_norm(v)
            v = v / wide(xp.where(size > 0, size, xp.ones_like(size)))
        return v, size

    def inverse_shifted(self, g: Any, c: Any) -> Any:
        """W = (I + c G)^-1 for Hermitian positive semidefinite G, in whatever form is cheapest."""
        return inverse_positive(self.space, self.identity(g) + wide(c) * g)

    def add_inverse(self, x: Any, w: Any, alpha: Any, beta: Any) -> Any:
        """Beta X + alpha X W for W from `inverse_shifted`."""
        return wide(beta) * x + wide(alpha) * (x @ w)

    def inverse_times_vector(self, w: Any, v: Any) -> Any:
        """W v for W from `inverse_shifted` and a column per item."""
        return w @ v

    def tail(self, g: Any, c: tuple[Any, ...]) -> Any:
        """c1 G + c2 G^2 + ... for up to four coefficients, with at most two products.

        Degree 5 needs G^2; 7 and 9 add one product (Paterson and Stockmeyer 1973).
        """
        if len(c) == 1:
            return wide(c[0]) * g
        g2 = self.commuting_product(g, g)
        low = wide(c[0]) * g + wide(c[1]) * g2
        if len(c) == 2:
            return low
        high = wide(c[2]) * g if len(c) == 3 else wide(c[2]) * g + wide(c[3]) * g2
        return low + self.commuting_product(g2, high)

    def gram_tail(self, x: Any, c: tuple[Any, ...]) -> Any:
        """`tail` of G = X^H X, for versions that need not keep G by itself."""
        return self.tail(self.gram(x), c)

    def commuting_product(self, g: Any, h: Any) -> Any:
        """G H for Hermitian matrices that commute, so that G H is Hermitian too."""
        return g @ h

    def multiply_add(self, x: Any, s: Any, alpha: Any, beta: Any) -> Any:
        """Beta X + alpha X S for Hermitian S."""
        return wide(beta) * x + wide(alpha) * (x @ s)

    def hermitian_product(self, u: Any, x: Any) -> Any:
        """sym(U^H X), bitwise Hermitian."""
        return self.hermitian_and_skew(u, x)[0]

    def hermitian_and_skew(self, u: Any, x: Any) -> tuple[Any, Any]:
        """sym(W) for W = U^H X, and the Frobenius norm of W - sym(W), per item."""
        w = adjoint(self.xp, u) @ x
        h = hermitian_part(self.xp, w)
        return h, self.norm(w - h)

    def product(self, x: Any, y: Any) -> Any:
        """X Y."""
        return x @ y

    def column_norm(self, v: Any) -> Any:
        """2-norm of a column per item."""
        return self.xp.sqrt(sums_of_squares(self.xp, v))

    def times(self, x: Any, q: Any) -> Any:
        """X Q for Hermitian Q."""
        return self.multiply_add(x, q, 1.0, 0.0)

    def times_vector(self, s: Any, v: Any) -> Any:
        """S v for Hermitian S and a column per item."""
        return s @ v

    def inverse(self, x: Any) -> Any:
        """X^-1; items that are exactly singular come back as NaN or infinities."""
        return inverse(self.space, x)

    def triangular_front(self, x: Any) -> Front:
        """Tall X = Q R with R square."""
        q, r = self.xp.linalg.qr(x)
        return Front(q, None, r, None, None, True)

    def newton_average(self, x: Any, y: Any, mu: Any) -> Any:
        """(mu X + Y^H/mu)/2, with Y = X^-1: one step of Newton's method."""
        return wide(0.5 * mu) * x + adjoint(self.xp, wide(0.5 / mu) * y)

    def spectral_norm(self, x: Any, steps: int) -> Any:
        """Largest singular value of each item by power iteration: a lower estimate."""
        xp = self.xp
        v = start_vector(self.space, x)
        size = None
        for _ in range(steps):
            # Normalised after each product: the square of the norm may be out of range.
            v = x @ v
            v = adjoint(xp, x) @ (v / wide(xp.sqrt(sums_of_squares(xp, v))))
            size = xp.sqrt(sums_of_squares(xp, v))
            v = v / wide(size)
        return size

    def choose(self, condition: Any, yes: Any, no: Any) -> Any:
        """Item by item, `yes` where the condition holds: how finished items are frozen."""
        return self.xp.where(wide(condition), yes, no)


def start_vector(space: Space, x: Any) -> Any:
    """A fixed unit column ``(..., n, 1)`` for power iterations, in general position."""
    xp = space.xp
    n = x.shape[-1]
    k = xp.arange(1, n + 1, dtype=space.real_dtype, device=space.device)
    # Fractional parts of multiples of the golden ratio: spread evenly, no random numbers.
    v = 0.5 + (k * 0.6180339887498949) % 1.0
    v = v / xp.sqrt(xp.sum(v * v))
    v = xp.astype(v, x.dtype, copy=False)[:, None]
    return xp.broadcast_to(v, (*x.shape[:-2], n, 1))


def inverse_positive(space: Space, z: Any) -> Any:
    """Inverse of Hermitian positive definite matrices: Cholesky where the library has it."""
    if space.name == "torch":
        import torch
        from torch.autograd import forward_ad

        if forward_ad.unpack_dual(z).tangent is not None:
            # The forward derivative of cholesky_inverse is wrong (PyTorch issue 196682).
            return inverse(space, z)
        factor, info = torch.linalg.cholesky_ex(z)
        y = torch.cholesky_inverse(factor)
        return torch.where((info == 0)[..., None, None], y, torch.nan)
    if space.name == "jax":
        from jax.scipy.linalg import cho_solve

        factor = space.xp.linalg.cholesky(z)
        eye = space.xp.broadcast_to(space.xp.eye(z.shape[-1], dtype=z.dtype), z.shape)
        return cho_solve((factor, True), eye)
    return inverse(space, z)


def inverse(space: Space, x: Any) -> Any:
    """General inverse that never raises on singular items."""
    xp = space.xp
    if space.name == "torch":
        import torch

        y, info = torch.linalg.inv_ex(x)
        return torch.where((info == 0)[..., None, None], y, torch.nan)
    try:
        return xp.linalg.inv(x)
    except Exception as error:
        if type(error).__name__ != "LinAlgError":
            raise
    return _inverse_by_item(xp, x)


def _inverse_by_item(xp: Any, x: Any) -> Any:
    """Some item of the stack is singular, and the library raised for all: find which."""
    flat = xp.reshape(x, (-1, *x.shape[-2:]))
    out = []
    for i in range(flat.shape[0]):
        try:
            out.append(xp.linalg.inv(flat[i, ...]))
        except Exception as error:
            if type(error).__name__ != "LinAlgError":
                raise
            out.append(xp.full_like(flat[i, ...], float("nan")))
    return xp.reshape(xp.stack(out), x.shape)
