"""What every public function takes and gives: the one record that tests and documents read.

`CAPABILITIES` maps the name of each public function and class that computes to its `Capability`.
The test suite calls each of them on every library and dtype that it claims, and the table of the
documentation is written from it.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CAPABILITIES", "EXACT", "HALVES", "LIBRARIES", "Capability"]

LIBRARIES = ("numpy", "cupy", "torch", "jax", "array-api-strict")
EXACT = ("float64", "float32", "complex128", "complex64")
HALVES = ("float16", "bfloat16")


@dataclass(frozen=True)
class Capability:
    """What one public function, or class, can do.

    Attributes
    ----------
    area : str
        The group of functions that it belongs to, as in the reference.
    dtypes : tuple of str
        Floating dtypes that it takes, where the library has them. Half precisions are computed
        in float32.
    half_kept : bool
        Whether the result of half-precision input is in half precision again; otherwise float32.
    libraries : tuple of str
        Array libraries whose arrays it takes and gives; "array-api-strict" stands for any other
        that keeps to the standard.
    on_host : bool
        Whether it takes decisions by values in main memory, so that a device has to be one that
        sends them there, and nothing can be traced.
    jit : bool
        Whether ``jax.jit`` can trace it.
    torch, jax : int
        Order of the derivatives in reverse mode that are stated and tested; 0 is none.
    jax_forward : bool
        Whether JAX has forward mode, which goes with any order of reverse mode.
    vmap : tuple of str
        Libraries whose ``vmap`` it works under.
    compiles : bool
        Whether ``torch.compile(fullgraph=True)`` takes it as part of one graph.
    routes : tuple of str
        Adapters that bring it into another library, by their public names.

    Examples
    --------
    >>> from orthola.testing import CAPABILITIES
    >>> claim = CAPABILITIES["omp"]
    >>> claim.torch, claim.jax, claim.compiles, "float16" in claim.dtypes
    (2, 2, True, True)
    """

    area: str
    dtypes: tuple[str, ...] = EXACT + HALVES
    half_kept: bool = True
    libraries: tuple[str, ...] = LIBRARIES
    on_host: bool = False
    jit: bool = True
    torch: int = 0
    jax: int = 0
    jax_forward: bool = False
    vmap: tuple[str, ...] = ()
    compiles: bool = False
    routes: tuple[str, ...] = ()


_BOTH = ("torch", "jax")


def _differentiable(
    area: str, *, compiles: bool = False, routes: tuple[str, ...] = ()
) -> Capability:
    """First and second order on both libraries, also under ``vmap``."""
    return Capability(
        area,
        torch=2,
        jax=2,
        jax_forward=True,
        vmap=_BOTH,
        compiles=compiles,
        routes=routes,
    )


def _by_steps(area: str) -> Capability:
    """Derivatives go through a loop of steps, which JAX does not reverse."""
    return Capability(area, torch=2, jax_forward=True, vmap=("jax",))


def _on_host(area: str, **others: tuple[str, ...] | bool) -> Capability:
    return Capability(area, on_host=True, jit=False, **others)  # type: ignore[arg-type]


_POLAR, _MAPS, _PROCRUSTES = "Polar factors", "Orthogonal maps", "Procrustes problems"
_SPARSE, _DICTIONARY = "Sparse codes", "Orthogonal dictionaries"
_SVD, _SUBSPACE = "Singular values of streams", "Subspaces"
_LAYERS = ("torch.orthogonal", "jax.orthogonal_init")

CAPABILITIES: dict[str, Capability] = {
    "polar": _differentiable(_POLAR, compiles=True, routes=_LAYERS),
    "orthogonalize": _differentiable(_POLAR, compiles=True),
    "polar_quality": Capability(_POLAR, half_kept=False, vmap=_BOTH),
    "householder_product": _differentiable(_MAPS, compiles=True, routes=_LAYERS),
    "householder_apply": _differentiable(_MAPS, compiles=True),
    "householder_vectors": _differentiable(_MAPS, compiles=True, routes=_LAYERS),
    "householder_projector": _differentiable(
        _MAPS, compiles=True, routes=("torch.HouseholderProjector",)
    ),
    "householder_projector_vectors": Capability(
        _MAPS, vmap=_BOTH, routes=("torch.HouseholderProjector",)
    ),
    "cayley": _differentiable(_MAPS, compiles=True, routes=(*_LAYERS, "torch.BlockCayley")),
    "cayley_inverse": _differentiable(_MAPS, compiles=True, routes=_LAYERS),
    "cayley_frame": _differentiable(_MAPS, compiles=True, routes=_LAYERS),
    "cayley_frame_inverse": _differentiable(_MAPS, compiles=True, routes=_LAYERS),
    "skew_exp": _differentiable(_MAPS, compiles=True, routes=_LAYERS),
    "skew_exp_frame": _differentiable(_MAPS, compiles=True, routes=_LAYERS),
    "skew_from_vector": _differentiable(_MAPS),
    "vector_from_skew": _differentiable(_MAPS),
    "haar": Capability(_MAPS),
    "retract": _differentiable(_MAPS, compiles=True),
    "project_tangent": _differentiable(_MAPS, compiles=True),
    "rebase": Capability(_MAPS),
    "procrustes": _differentiable(_PROCRUSTES, compiles=True),
    "OrthogonalTransform": _differentiable(_PROCRUSTES),
    "ProcrustesStream": Capability(_PROCRUSTES, jit=False),
    "generalized_procrustes": _by_steps(_PROCRUSTES),
    "stiefel_procrustes": _by_steps(_PROCRUSTES),
    "oblique_procrustes": _by_steps(_PROCRUSTES),
    "two_sided_procrustes": Capability(_PROCRUSTES),
    "symmetric_procrustes": Capability(
        _PROCRUSTES, torch=2, jax=2, jax_forward=True, vmap=("jax",)
    ),
    "permutation_procrustes": _on_host(
        _PROCRUSTES, libraries=("numpy",), dtypes=(*EXACT, "float16")
    ),
    "mean_rotation": _differentiable(_PROCRUSTES),
    "merge_weights": _differentiable(_PROCRUSTES),
    "omp": _differentiable(
        _SPARSE,
        compiles=True,
        routes=("sklearn.OrthogonalMatchingPursuit", "sklearn.PursuitCoder", "dask.omp"),
    ),
    "omp_path": Capability(_SPARSE, torch=2, jax=2, jax_forward=True, vmap=("jax",)),
    "transfer_codes": _differentiable(_SPARSE),
    "dictionary_init": Capability(_DICTIONARY, half_kept=False),
    "dictionary_update": Capability(_DICTIONARY, half_kept=False),
    "dictionary_result": Capability(_DICTIONARY, half_kept=False),
    "dictionary_merge": _on_host(_DICTIONARY, half_kept=False),
    "dictionary_recovery": _on_host(_DICTIONARY, dtypes=EXACT),
    "orthogonal_dictionary": Capability(_DICTIONARY, half_kept=False),
    "OnlineOrthogonalDictionary": Capability(
        _DICTIONARY, half_kept=False, jit=False, routes=("sklearn.OrthogonalDictionary",)
    ),
    "svd_init": Capability(_SVD, half_kept=False),
    "svd_update": Capability(_SVD, half_kept=False),
    "svd_merge": Capability(_SVD, half_kept=False),
    "svd_downdate": Capability(_SVD, half_kept=False),
    "svd_result": Capability(_SVD, half_kept=False),
    "IncrementalSVD": Capability(
        _SVD,
        dtypes=EXACT,
        jit=False,
        routes=(
            "sklearn.IncrementalSVD",
            "sklearn.IncrementalPCA",
            "sklearn.TruncatedSVD",
            "dask.svd",
        ),
    ),
    "concat_svd": Capability(_SVD, half_kept=False, routes=("dask.svd",)),
    "concat_svd_bounds": _on_host(_SVD),
    "cluster_blocks": _on_host(_SVD),
    "orthonormal_basis": _differentiable(_SUBSPACE),
    "project": _differentiable(_SUBSPACE),
    "principal_angles": _differentiable(_SUBSPACE),
}
