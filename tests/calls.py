"""One small call of every public function, written so that every array library can make it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import array_api_compat
import numpy as np

import orthola

Arrays = tuple[np.ndarray, ...]


class Call(NamedTuple):
    """What goes in, as NumPy arrays in double precision, and what is done with it."""

    shapes: tuple[tuple[int, ...], ...]
    run: Callable[..., Any]
    smooth: Callable[[Any], tuple[Any, ...]] | None = None
    """The outputs that have derivatives, where the call has any."""

    def arrays(self, *, complex_values: bool = False) -> Arrays:
        """Well-conditioned input: Gaussian numbers with some weight on the diagonal."""
        rng = np.random.default_rng(20260101)
        made = []
        for shape in self.shapes:
            x = (
                rng.standard_normal(shape) + 2.0 * np.eye(*shape[-2:])
                if len(shape) > 1
                else (rng.standard_normal(shape))
            )
            made.append(x + 1j * rng.standard_normal(shape) if complex_values else x)
        return tuple(made)


def _place(x: Any) -> dict[str, Any]:
    return {
        "xp": array_api_compat.array_namespace(x),
        "dtype": x.dtype,
        "device": array_api_compat.device(x),
    }


def _orthonormal(x: Any) -> Any:
    return orthola.polar(x).unitary


def _codes(y: Any, a: Any) -> Any:
    return orthola.omp(y, a, n_nonzero=2)


def _learned(y: Any) -> Any:
    state = orthola.dictionary_init(3, rng=0, warmup=3, **_place(y))
    return orthola.dictionary_update(state, y)


def _config() -> Any:
    return orthola.SVDConfig(features=3, rank=2, engine="brand")


def _summed(y: Any, config: Any) -> Any:
    return orthola.svd_update(orthola.svd_init(config, **_place(y)), y, config)


def _online(y: Any) -> Any:
    model = orthola.OnlineOrthogonalDictionary(rng=0, warmup=3)
    return model.partial_fit(y).components_, model.transform(y)


def _streamed(y: Any) -> Any:
    svd = orthola.IncrementalSVD(rank=2).partial_fit(y)
    return svd.result().components, svd.transform(y)


def _aligned(a: Any, b: Any) -> Any:
    return orthola.ProcrustesStream().update(a, b).solve(scaling=True, translation=True)


def _transformed(a: Any, b: Any) -> Any:
    moved = orthola.procrustes(a, b, scaling=True, translation=True).transform
    return moved.compose(moved.inverse()).apply(a)


def _fit(result: Any) -> tuple[Any, ...]:
    moved = result.transform
    return moved.rotation, moved.scale, moved.translation, result.residual


def _itself(result: Any) -> tuple[Any, ...]:
    return (result,)


CALLS: dict[str, Call] = {
    # Polar factors
    "polar": Call(((4, 3),), orthola.polar, lambda r: (r.unitary, r.hermitian)),
    "orthogonalize": Call(((4, 3),), orthola.orthogonalize, _itself),
    "polar_quality": Call(((4, 3),), lambda a: orthola.polar_quality(a, _orthonormal(a))),
    # Maps
    "householder_product": Call(((4, 2),), orthola.householder_product, _itself),
    "householder_apply": Call(
        ((4, 2), (4, 3)), lambda v, x: orthola.householder_apply(v, None, x), _itself
    ),
    "householder_vectors": Call(
        ((4, 2),),
        lambda a: orthola.householder_vectors(_orthonormal(a)),
        lambda r: (r.vectors, r.tau),
    ),
    "householder_projector": Call(((4, 2), (3, 2)), orthola.householder_projector, _itself),
    "householder_projector_vectors": Call(
        ((4, 3),),
        lambda w: orthola.householder_projector_vectors(w, rank=2),
    ),
    "cayley": Call(((3, 3),), orthola.cayley, _itself),
    "cayley_inverse": Call(
        ((3, 3),), lambda a: orthola.cayley_inverse(orthola.cayley(a)), lambda r: (r.skew,)
    ),
    "cayley_frame": Call(((4, 2),), orthola.cayley_frame, _itself),
    "cayley_frame_inverse": Call(
        ((4, 2),),
        lambda x: orthola.cayley_frame_inverse(orthola.cayley_frame(x)),
        lambda r: (r.skew,),
    ),
    "skew_exp": Call(((3, 3),), lambda a: orthola.skew_exp(a, norm_bound=16.0), _itself),
    "skew_exp_frame": Call(
        ((4, 2),), lambda x: orthola.skew_exp_frame(x, norm_bound=16.0), _itself
    ),
    "skew_from_vector": Call(((3,),), orthola.skew_from_vector, _itself),
    "vector_from_skew": Call(((3, 3),), orthola.vector_from_skew, _itself),
    "haar": Call(((1,),), lambda x: orthola.haar(3, rng=0, **_place(x))),
    "retract": Call(((4, 2), (4, 2)), lambda x, z: orthola.retract(_orthonormal(x), z), _itself),
    "project_tangent": Call(
        ((4, 2), (4, 2)), lambda x, z: orthola.project_tangent(_orthonormal(x), z), _itself
    ),
    "rebase": Call(
        ((4, 2), (4, 2)),
        lambda x, z: orthola.rebase(_orthonormal(x), z, moment=z),
    ),
    # Procrustes problems
    "procrustes": Call(
        ((5, 3), (5, 3)),
        lambda a, b: orthola.procrustes(a, b, scaling=True, translation=True),
        _fit,
    ),
    "OrthogonalTransform": Call(((5, 3), (5, 3)), _transformed, _itself),
    "ProcrustesStream": Call(((5, 3), (5, 3)), _aligned),
    "generalized_procrustes": Call(
        ((2, 5, 3),),
        lambda x: orthola.generalized_procrustes(x, max_steps=3),
        lambda r: (r.consensus,),
    ),
    "stiefel_procrustes": Call(
        ((5, 3), (5, 2)),
        lambda a, b: orthola.stiefel_procrustes(a, b, starts=0, max_steps=5),
        lambda r: (r.factor,),
    ),
    "oblique_procrustes": Call(((5, 3), (5, 2)), orthola.oblique_procrustes, lambda r: (r.factor,)),
    "two_sided_procrustes": Call(((3, 3), (3, 3)), orthola.two_sided_procrustes),
    "symmetric_procrustes": Call(
        ((5, 3), (5, 3)), orthola.symmetric_procrustes, lambda r: (r.factor,)
    ),
    "permutation_procrustes": Call(((5, 3), (5, 3)), orthola.permutation_procrustes),
    "mean_rotation": Call(
        ((2, 3, 3),), lambda a: orthola.mean_rotation(orthola.cayley(a)), lambda r: (r.rotation,)
    ),
    "merge_weights": Call(((4, 3), (2, 4, 3)), orthola.merge_weights, lambda r: (r.merged,)),
    # Sparse codes
    "omp": Call(((4, 6), (5, 6)), _codes, lambda r: (r.coefficients, r.residual_norm)),
    "omp_path": Call(
        ((4, 6), (5, 6)),
        lambda y, a: orthola.omp_path(y, a, n_nonzero=2),
        lambda r: (r.coefficients, r.residual_norm),
    ),
    "transfer_codes": Call(
        ((4, 6), (5, 6), (5, 3)),
        lambda y, a, t: orthola.transfer_codes(_codes(y, a), t),
        _itself,
    ),
    # Dictionaries
    "dictionary_init": Call(
        ((1,),), lambda x: orthola.dictionary_init(3, rng=0, **_place(x)).iterate
    ),
    "dictionary_update": Call(((6, 3),), lambda y: _learned(y).iterate),
    "dictionary_result": Call(((6, 3),), lambda y: orthola.dictionary_result(_learned(y))),
    "dictionary_merge": Call(
        ((6, 3), (6, 3)),
        lambda x, y: orthola.dictionary_merge(_learned(x), _learned(y)).state.iterate,
    ),
    "dictionary_recovery": Call(((3, 3), (3, 3)), orthola.dictionary_recovery),
    "orthogonal_dictionary": Call(
        ((20, 3),), lambda y: orthola.orthogonal_dictionary(y, rng=0).dictionary
    ),
    "OnlineOrthogonalDictionary": Call(((6, 3),), _online),
    # Low rank
    "svd_init": Call(((1,),), lambda x: orthola.svd_init(_config(), **_place(x)).factor),
    "svd_update": Call(((6, 3),), lambda y: _summed(y, _config()).factor),
    "svd_merge": Call(
        ((6, 3), (6, 3)),
        lambda x, y: (
            orthola.svd_merge(_summed(x, _config()), _summed(y, _config()), _config()).factor
        ),
    ),
    "svd_downdate": Call(
        ((6, 3),), lambda y: orthola.svd_downdate(_summed(y, _config()), y[:2, :], _config()).factor
    ),
    "svd_result": Call(
        ((6, 3),), lambda y: orthola.svd_result(_summed(y, _config()), _config()).components
    ),
    "IncrementalSVD": Call(((6, 3),), _streamed),
    "concat_svd": Call(((2, 4, 3),), lambda y: orthola.concat_svd(y, rank=2).components),
    "concat_svd_bounds": Call(((2, 4, 3),), lambda y: orthola.concat_svd_bounds(y, 1)),
    "cluster_blocks": Call(
        ((3, 4, 3),), lambda y: orthola.cluster_blocks(y, rank=2, max_error=0.5).bases
    ),
    # Subspaces
    "orthonormal_basis": Call(
        ((4, 3),), orthola.orthonormal_basis, lambda r: (r.basis @ r.basis.mT, r.singular_values)
    ),
    "project": Call(((4, 3), (4, 2)), lambda x, a: orthola.project(x, _orthonormal(a)), _itself),
    "principal_angles": Call(((5, 2), (5, 2)), orthola.principal_angles, lambda r: (r.angles,)),
}
