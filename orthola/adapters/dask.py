"""Dask arrays: what outgrows the memory of one machine, block by block.

Sparse codes of signals in rows: `omp`. Singular values and vectors, with certificates: `svd`, with
`svd_factors` for both sides, and `svd_state` for the lazy state that can be merged with others.
"""

from __future__ import annotations

from ._dask_factors import SVDFactors, svd_factors
from ._dask_omp import omp
from ._dask_svd import svd, svd_state

__all__ = ["SVDFactors", "omp", "svd", "svd_factors", "svd_state"]
