"""orthola: orthogonality for every array.

Polar factors and what is built on them, exact, fast and certified, for NumPy, CuPy, PyTorch, JAX
and any other Array-API library. Names are loaded on first use: ``import orthola`` brings in none
of those libraries.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Public name -> module that defines it.
_HOME = {
    "CayleyResult": "orthola._maps.result",
    "ClusterResult": "orthola._lowrank.clustering",
    "ConcatSVDBounds": "orthola._lowrank.bounds",
    "ConcatSVDResult": "orthola._lowrank.concatenated",
    "DictionaryRecovery": "orthola._dictionary.objectives",
    "DictionaryResult": "orthola._dictionary.frank_wolfe",
    "DictionaryState": "orthola._dictionary.state",
    "GPAResult": "orthola._procrustes.generalized",
    "HaarReflectors": "orthola._maps.haar",
    "HouseholderVectors": "orthola._maps.vectors",
    "IncrementalSVD": "orthola._lowrank.stream",
    "MeanRotation": "orthola._procrustes.mean_rotation",
    "MergeResult": "orthola._procrustes.merging",
    "OMPPath": "orthola._sparse.path",
    "OMPResult": "orthola._sparse.result",
    "ObliqueResult": "orthola._procrustes.oblique",
    "OnlineOrthogonalDictionary": "orthola._dictionary.online",
    "OrthogonalTransform": "orthola._procrustes.transform",
    "OrthonormalBasis": "orthola._subspace.basis",
    "PermutationResult": "orthola._procrustes.permutation",
    "PolarQuality": "orthola._polar.quality",
    "PolarResult": "orthola._polar.api",
    "PrincipalAngles": "orthola._subspace.angles",
    "ProcrustesResult": "orthola._procrustes.api",
    "ProcrustesStream": "orthola._procrustes.stream",
    "ProjectorVectors": "orthola._maps.projector",
    "RebaseResult": "orthola._maps.retraction",
    "SVDCertificate": "orthola._lowrank.certificate",
    "SVDConfig": "orthola._lowrank.state",
    "SVDResult": "orthola._lowrank.results",
    "SVDState": "orthola._lowrank.state",
    "Schedule": "orthola._polar.schedules",
    "Status": "orthola._core.errors",
    "StatusError": "orthola._core.errors",
    "StiefelResult": "orthola._procrustes.stiefel",
    "SymmetricResult": "orthola._procrustes.symmetric",
    "TwoSidedResult": "orthola._procrustes.two_sided",
    "Uniqueness": "orthola._procrustes.api",
    "cayley": "orthola._maps.cayley",
    "cayley_frame": "orthola._maps.frame",
    "cayley_frame_inverse": "orthola._maps.frame",
    "cayley_inverse": "orthola._maps.cayley",
    "check": "orthola._core.errors",
    "cluster_blocks": "orthola._lowrank.clustering",
    "concat_svd": "orthola._lowrank.concatenated",
    "concat_svd_bounds": "orthola._lowrank.bounds",
    "dictionary_init": "orthola._dictionary.frank_wolfe",
    "dictionary_merge": "orthola._dictionary.merging",
    "dictionary_recovery": "orthola._dictionary.objectives",
    "dictionary_result": "orthola._dictionary.frank_wolfe",
    "dictionary_update": "orthola._dictionary.frank_wolfe",
    "explain": "orthola._core.dispatch",
    "generalized_procrustes": "orthola._procrustes.generalized",
    "haar": "orthola._maps.haar",
    "householder_apply": "orthola._maps.householder",
    "householder_product": "orthola._maps.householder",
    "householder_projector": "orthola._maps.projector",
    "householder_projector_vectors": "orthola._maps.projector",
    "householder_vectors": "orthola._maps.vectors",
    "mean_rotation": "orthola._procrustes.mean_rotation",
    "merge_weights": "orthola._procrustes.merging",
    "oblique_procrustes": "orthola._procrustes.oblique",
    "omp": "orthola._sparse.omp",
    "omp_path": "orthola._sparse.path",
    "options": "orthola._core.options",
    "orthogonal_dictionary": "orthola._dictionary.offline",
    "orthogonalize": "orthola._polar.orthogonalize",
    "orthonormal_basis": "orthola._subspace.basis",
    "permutation_procrustes": "orthola._procrustes.permutation",
    "polar": "orthola._polar.api",
    "polar_quality": "orthola._polar.quality",
    "principal_angles": "orthola._subspace.angles",
    "procrustes": "orthola._procrustes.api",
    "project": "orthola._subspace.projection",
    "project_tangent": "orthola._maps.retraction",
    "rebase": "orthola._maps.retraction",
    "retract": "orthola._maps.retraction",
    "schedule": "orthola._polar.schedules",
    "show_versions": "orthola._core.versions",
    "skew_exp": "orthola._maps.exponential",
    "skew_exp_frame": "orthola._maps.exponential_frame",
    "skew_from_vector": "orthola._maps.packed",
    "stiefel_procrustes": "orthola._procrustes.stiefel",
    "svd_downdate": "orthola._lowrank.combining",
    "svd_init": "orthola._lowrank.incremental",
    "svd_merge": "orthola._lowrank.combining",
    "svd_result": "orthola._lowrank.results",
    "svd_update": "orthola._lowrank.incremental",
    "symmetric_procrustes": "orthola._procrustes.symmetric",
    "testing": "orthola.testing",
    "transfer_codes": "orthola._sparse.transfer",
    "two_sided_procrustes": "orthola._procrustes.two_sided",
    "vector_from_skew": "orthola._maps.packed",
}

__all__ = [
    "CayleyResult",
    "ClusterResult",
    "ConcatSVDBounds",
    "ConcatSVDResult",
    "DictionaryRecovery",
    "DictionaryResult",
    "DictionaryState",
    "GPAResult",
    "HaarReflectors",
    "HouseholderVectors",
    "IncrementalSVD",
    "MeanRotation",
    "MergeResult",
    "OMPPath",
    "OMPResult",
    "ObliqueResult",
    "OnlineOrthogonalDictionary",
    "OrthogonalTransform",
    "OrthonormalBasis",
    "PermutationResult",
    "PolarQuality",
    "PolarResult",
    "PrincipalAngles",
    "ProcrustesResult",
    "ProcrustesStream",
    "ProjectorVectors",
    "RebaseResult",
    "SVDCertificate",
    "SVDConfig",
    "SVDResult",
    "SVDState",
    "Schedule",
    "Status",
    "StatusError",
    "StiefelResult",
    "SymmetricResult",
    "TwoSidedResult",
    "Uniqueness",
    "__version__",
    "cayley",
    "cayley_frame",
    "cayley_frame_inverse",
    "cayley_inverse",
    "check",
    "cluster_blocks",
    "concat_svd",
    "concat_svd_bounds",
    "dictionary_init",
    "dictionary_merge",
    "dictionary_recovery",
    "dictionary_result",
    "dictionary_update",
    "explain",
    "generalized_procrustes",
    "haar",
    "householder_apply",
    "householder_product",
    "householder_projector",
    "householder_projector_vectors",
    "householder_vectors",
    "mean_rotation",
    "merge_weights",
    "oblique_procrustes",
    "omp",
    "omp_path",
    "options",
    "orthogonal_dictionary",
    "orthogonalize",
    "orthonormal_basis",
    "permutation_procrustes",
    "polar",
    "polar_quality",
    "principal_angles",
    "procrustes",
    "project",
    "project_tangent",
    "rebase",
    "retract",
    "schedule",
    "show_versions",
    "skew_exp",
    "skew_exp_frame",
    "skew_from_vector",
    "stiefel_procrustes",
    "svd_downdate",
    "svd_init",
    "svd_merge",
    "svd_result",
    "svd_update",
    "symmetric_procrustes",
    "testing",
    "transfer_codes",
    "two_sided_procrustes",
    "vector_from_skew",
]

if TYPE_CHECKING:
    from . import testing
    from ._core.dispatch import explain
    from ._core.errors import Status, StatusError, check
    from ._core.options import options
    from ._core.versions import show_versions
    from ._dictionary.frank_wolfe import (
        DictionaryResult,
        dictionary_init,
        dictionary_result,
        dictionary_update,
    )
    from ._dictionary.merging import dictionary_merge
    from ._dictionary.objectives import DictionaryRecovery, dictionary_recovery
    from ._dictionary.offline import orthogonal_dictionary
    from ._dictionary.online import OnlineOrthogonalDictionary
    from ._dictionary.state import DictionaryState
    from ._lowrank.bounds import ConcatSVDBounds, concat_svd_bounds
    from ._lowrank.certificate import SVDCertificate
    from ._lowrank.clustering import ClusterResult, cluster_blocks
    from ._lowrank.combining import svd_downdate, svd_merge
    from ._lowrank.concatenated import ConcatSVDResult, concat_svd
    from ._lowrank.incremental import svd_init, svd_update
    from ._lowrank.results import SVDResult, svd_result
    from ._lowrank.state import SVDConfig, SVDState
    from ._lowrank.stream import IncrementalSVD
    from ._maps.cayley import cayley, cayley_inverse
    from ._maps.exponential import skew_exp
    from ._maps.exponential_frame import skew_exp_frame
    from ._maps.frame import cayley_frame, cayley_frame_inverse
    from ._maps.haar import HaarReflectors, haar
    from ._maps.householder import householder_apply, householder_product
    from ._maps.packed import skew_from_vector, vector_from_skew
    from ._maps.projector import (
        ProjectorVectors,
        householder_projector,
        householder_projector_vectors,
    )
    from ._maps.result import CayleyResult
    from ._maps.retraction import RebaseResult, project_tangent, rebase, retract
    from ._maps.vectors import HouseholderVectors, householder_vectors
    from ._polar.api import PolarResult, polar
    from ._polar.orthogonalize import orthogonalize
    from ._polar.quality import PolarQuality, polar_quality
    from ._polar.schedules import Schedule, schedule
    from ._procrustes.api import ProcrustesResult, Uniqueness, procrustes
    from ._procrustes.generalized import GPAResult, generalized_procrustes
    from ._procrustes.mean_rotation import MeanRotation, mean_rotation
    from ._procrustes.merging import MergeResult, merge_weights
    from ._procrustes.oblique import ObliqueResult, oblique_procrustes
    from ._procrustes.permutation import PermutationResult, permutation_procrustes
    from ._procrustes.stiefel import StiefelResult, stiefel_procrustes
    from ._procrustes.stream import ProcrustesStream
    from ._procrustes.symmetric import SymmetricResult, symmetric_procrustes
    from ._procrustes.transform import OrthogonalTransform
    from ._procrustes.two_sided import TwoSidedResult, two_sided_procrustes
    from ._sparse.omp import omp
    from ._sparse.path import OMPPath, omp_path
    from ._sparse.result import OMPResult
    from ._sparse.transfer import transfer_codes
    from ._subspace.angles import PrincipalAngles, principal_angles
    from ._subspace.basis import OrthonormalBasis, orthonormal_basis
    from ._subspace.projection import project


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'orthola' has no attribute {name!r}")
    module = import_module(home)
    value = module if home == f"orthola.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
