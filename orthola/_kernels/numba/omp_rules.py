"""The rules of selection as numbers, for kernels."""

from __future__ import annotations

__all__ = ["NORMALIZED", "OLS", "OMP", "RULES"]

OMP, NORMALIZED, OLS = 0, 1, 2
RULES = {"omp": OMP, "normalized": NORMALIZED, "ols": OLS}
