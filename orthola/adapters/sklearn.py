"""Estimators for scikit-learn, and functions that take the place of some of its own.

Orthogonal matching pursuit: `OrthogonalMatchingPursuit`, `orthogonal_mp`, `orthogonal_mp_gram`,
`sparse_encode` and `PursuitCoder`. Online dictionaries: `OrthogonalDictionary`. Principal
components and truncated SVD of batches: `IncrementalSVD`, `IncrementalPCA` and `TruncatedSVD`.
"""

from __future__ import annotations

from ._sklearn_coder import PursuitCoder, sparse_encode
from ._sklearn_dictionary import OrthogonalDictionary
from ._sklearn_pca import IncrementalPCA, TruncatedSVD
from ._sklearn_pursuit import orthogonal_mp, orthogonal_mp_gram
from ._sklearn_regression import OrthogonalMatchingPursuit
from ._sklearn_svd import IncrementalSVD

__all__ = [
    "IncrementalPCA",
    "IncrementalSVD",
    "OrthogonalDictionary",
    "OrthogonalMatchingPursuit",
    "PursuitCoder",
    "TruncatedSVD",
    "orthogonal_mp",
    "orthogonal_mp_gram",
    "sparse_encode",
]
