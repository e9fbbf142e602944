"""What `polar` promises, as numbers: the bounds that its tests share."""

from __future__ import annotations

from typing import NamedTuple

from orthola.testing import dtype_name

# Observed on six spectra of any condition; see the notes of `orthola.polar`.
ITERATION_C = 10.0  # of sqrt(n) u
RESIDUAL_CAPPED = 60.0  # of u: the capped weights cost about sqrt(cap) of them
SVD_C = 10.0  # of n u
SVD_LEAST = 3  # LAPACK: U and V of some 2 x 2 matrices with a tiny singular value have 10 u each
# LAPACK drops off-diagonals below min(100, u^(-1/8)) u while it diagonalises: up to 70 u of the
# matrix are lost whatever its order.
SVD_SMALLEST = 8
SINGLE_ORTHOGONALITY, SINGLE_RESIDUAL = 1.5e-6, 4e-6
PSD_SMALLEST = 6  # n u from here on: entries are rounded whatever the order

ROUNDOFF = {
    "float16": 2.0**-11,
    "bfloat16": 2.0**-8,
    "float32": 2.0**-24,
    "complex64": 2.0**-24,
    "float64": 2.0**-53,
    "complex128": 2.0**-53,
}


class Targets(NamedTuple):
    """Upper bounds for one matrix, in the measures of `orthola.testing`."""

    orthogonality: float
    residual: float
    psd_violation: float


def targets(dtype: object, n: int, *, method: str = "svd") -> Targets:
    """Bounds for items of short side `n`; ``"auto"`` may be any method, the SVD included."""
    name, n = dtype_name(dtype), max(n, 1)
    if name in ("float16", "bfloat16"):
        # Computed in float32; then U and H are rounded once: ||dU||_F <= u sqrt(n).
        u, single = ROUNDOFF[name], targets("float32", n, method=method)
        return Targets(
            single.orthogonality + 2.1 * u * n**0.5,
            single.residual + 2.1 * u * n**0.5,
            single.psd_violation + u * n**0.5,
        )
    u = ROUNDOFF[name]
    psd = max(n, PSD_SMALLEST) * u
    if name in ("float32", "complex64"):
        return Targets(SINGLE_ORTHOGONALITY, SINGLE_RESIDUAL, psd)
    iteration = ITERATION_C * u * n**0.5
    if method in ("svd", "auto"):
        return Targets(
            max(SVD_C * max(n, SVD_LEAST) * u, iteration), SVD_C * max(n, SVD_SMALLEST) * u, psd
        )
    return Targets(iteration, iteration + RESIDUAL_CAPPED * u, psd)
