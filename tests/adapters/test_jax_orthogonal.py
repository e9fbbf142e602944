"""Orthogonal weights as pure functions for JAX: values, transformations, re-basing."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest

from orthola import polar
from orthola.testing import gaussian, machine_epsilon, orthogonality, orthonormal

jax = pytest.importorskip("jax", reason="JAX is not installed")
jnp = pytest.importorskip("jax.numpy", reason="JAX is not installed")

from orthola.adapters.jax import (  # noqa: E402
    OrthogonalStatic,
    orthogonal_apply,
    orthogonal_init,
    orthogonal_inverse,
    orthogonal_rebase,
    orthogonal_transport,
)

MAPS = ("matrix_exp", "cayley", "householder")
SHAPES = {
    (4, 4): ("float64",),
    (5, 3): ("float64",),
    (3, 5): ("complex128",),
    (1, 1): ("float64",),
    (2, 5, 3): ("float64",),
}
C = 50.0  # of n eps: a map and its inverse
PYTORCH = 100.0  # of n eps: two libraries, each with rounding of its own

every_map = pytest.mark.parametrize("kind", MAPS)


def frame(shape, dtype="float64", *, rng=0, flip=False):
    q = orthonormal(*shape[-2:], shape=tuple(shape[:-2]), dtype=dtype, rng=rng)
    if flip:
        q[..., 0] *= -1
    return jnp.asarray(q)


def noise(shape, dtype="float64", *, rng=1):
    return jnp.asarray(gaussian(*shape[-2:], shape=tuple(shape[:-2]), dtype=dtype, rng=rng))


def start(shape, kind=None, *, dtype="float64", trivialize=True):
    """A parameter off its start, and the static part."""
    params, static = orthogonal_init(frame(shape, dtype), kind, trivialize=trivialize)
    return params + 0.3 * noise(shape, dtype), static


def assert_near(found, expected, c=C):
    assert found.dtype == expected.dtype
    n, eps = max(expected.shape[-2:]), machine_epsilon(expected.dtype)
    np.testing.assert_allclose(found, expected, rtol=0, atol=c * n * eps)


def assert_orthonormal(q, c=C):
    assert np.max(orthogonality(np.asarray(q))) <= c * max(q.shape[-2:]) * machine_epsilon(q.dtype)


def ways(kind, shape):
    """With a base and without, where that can be."""
    return (True, False) if kind != "matrix_exp" or shape[-1] == shape[-2] else (True,)


# Values


@every_map
@pytest.mark.parametrize("shape", SHAPES)
def test_assign_then_read(kind, shape):
    """On the way the weight of a parameter that is not at its start."""
    for trivialize, dtype in itertools.product(ways(kind, shape), SHAPES[shape]):
        params, static = start(shape, kind, dtype=dtype, trivialize=trivialize)
        assert params.shape == shape
        assert_orthonormal(orthogonal_apply(params, static))
        for flip in (False, True):
            given = frame(shape, dtype, rng=4, flip=flip)
            params, other = orthogonal_inverse(given, static)
            assert_near(orthogonal_apply(params, other), given)
            assert jax.tree.structure(other) == jax.tree.structure(static)


@every_map
def test_a_value_that_is_not_orthonormal_becomes_its_polar_factor(kind):
    given = noise((5, 3))
    params, static = orthogonal_init(3 * given, kind)
    assert_near(orthogonal_apply(params, static), polar(given).unitary)


@every_map
@pytest.mark.parametrize("shape", [(4, 4), (3, 5)])
def test_it_is_the_map_of_the_pytorch_adapter(kind, shape):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from orthola.adapters.torch import orthogonal

    for trivialize in ways(kind, shape):
        layer = torch.nn.Linear(shape[1], shape[0], bias=False, dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(np.asarray(frame(shape))))
        orthogonal(layer, "weight", kind, use_trivialization=trivialize)
        params, static = orthogonal_init(frame(shape), kind, trivialize=trivialize)
        step = np.asarray(0.3 * noise(shape))
        with torch.no_grad():
            layer.parametrizations.weight.original.add_(torch.tensor(step))
        found = orthogonal_apply(params + step, static)
        assert_near(found, jnp.asarray(layer.weight.detach().numpy()), PYTORCH)


@pytest.mark.parametrize(
    ("shape", "dtype", "kind"),
    [((4, 4), "float64", "matrix_exp"), ((5, 3), "float64", "householder"),
     ((5, 3), "complex128", "matrix_exp")],
)  # fmt: skip
def test_the_default_map_is_the_one_of_pytorch(shape, dtype, kind):
    assert start(shape, dtype=dtype)[1].orthogonal_map == kind


@pytest.mark.parametrize(("kind", "dtype"), [("cayley", "float16"), ("householder", "bfloat16")])
def test_half_precision_is_rounded_once(kind, dtype):
    params, static = orthogonal_init(frame((5, 3)).astype(dtype), kind)
    params = params + (0.2 * noise((5, 3))).astype(dtype)
    q = orthogonal_apply(params, static)
    assert q.dtype == params.dtype
    wide = jax.tree.map(lambda x: x.astype("float32") if x.dtype == params.dtype else x, static)
    exact = orthogonal_apply(params.astype("float32"), wide)
    error = np.abs(np.asarray(q.astype("float32")) - np.asarray(exact)).max()
    assert error <= machine_epsilon(dtype)


# Transformations


@pytest.mark.parametrize(
    ("kind", "trivialize", "shape"),
    [("matrix_exp", True, (3, 5)), ("cayley", False, (4, 4)), ("cayley", True, (3, 5)),
     ("householder", True, (5, 3)), ("householder", False, (3, 5))],
)  # fmt: skip
def test_first_and_second_derivatives_agree_with_differences(kind, trivialize, shape):
    """Forward over reverse, in one program: compiling is what takes time here."""
    params, static = start(shape, kind, trivialize=trivialize)
    weights = noise(shape, rng=7)

    def loss(p):
        return (weights * orthogonal_apply(p, static) ** 3).sum()

    @jax.jit
    def along(p, direction):
        (value, gradient), (slope, turned) = jax.jvp(jax.value_and_grad(loss), (p,), (direction,))
        return value, gradient, slope, turned

    u, v = noise(shape, rng=8), noise(shape, rng=9)
    h = 1e-4
    far, ahead, behind, back = (along(params + step * h * u, u) for step in (2, 1, -1, -2))

    def difference(i):  # of order h^4
        return (8 * (ahead[i] - behind[i]) - (far[i] - back[i])) / (12 * h)

    _, gradient, slope, turned = along(params, u)
    assert float(slope) == pytest.approx(float(difference(0)), abs=1e-8)
    assert float((gradient * u).sum()) == pytest.approx(float(slope), abs=1e-11)
    np.testing.assert_allclose(turned, difference(1), atol=1e-8)
    symmetric = float((along(params, v)[3] * u).sum())
    assert float((turned * v).sum()) == pytest.approx(symmetric, abs=1e-10)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_jax_householder_has_gradient(dtype):
    """JAX's own product of reflectors has none."""
    params, static = start((4, 2), "householder", dtype=dtype)
    u = noise((4, 2), dtype, rng=6)

    @jax.jit
    def along(t):
        return jnp.abs(orthogonal_apply(params + t * u, static)[-1, 0]) ** 2

    h = 1e-4
    far, ahead, behind, back = (float(along(step * h)) for step in (2, 1, -1, -2))
    slope = float(jax.jit(jax.grad(along))(0.0))
    assert abs(slope) > 1e-3
    assert slope == pytest.approx((8 * (ahead - behind) - (far - back)) / (12 * h), abs=1e-9)


@pytest.mark.parametrize("kind", ["matrix_exp", "householder"])
def test_the_gradient_is_finite_where_training_begins(kind):
    params, static = orthogonal_init(jnp.eye(5, 3), kind)
    found = jax.grad(lambda p: orthogonal_apply(p, static)[-1].sum())(params)
    assert np.isfinite(found).all()
    assert np.abs(found).max() > 0


@pytest.mark.parametrize(
    ("kind", "trivialize"), [("matrix_exp", False), ("cayley", False), ("householder", True)]
)
def test_it_works_under_jit_with_the_static_part_as_an_argument(kind, trivialize):
    shape = (4, 4) if kind == "matrix_exp" else (5, 3)
    params, static = start(shape, kind, trivialize=trivialize)
    assert_near(jax.jit(orthogonal_apply)(params, static), orthogonal_apply(params, static))
    params, static = jax.jit(orthogonal_inverse)(frame(shape, rng=3), static)
    assert isinstance(static, OrthogonalStatic)
    assert_near(orthogonal_apply(params, static), frame(shape, rng=3))


@every_map
def test_ensembles_are_evaluated_by_vmap(kind):
    pairs = [orthogonal_init(frame((5, 3), rng=i), kind) for i in range(3)]
    pairs = [
        (params + 0.2 * noise((5, 3), rng=i), static) for i, (params, static) in enumerate(pairs)
    ]
    params, static = jax.tree.map(lambda *leaves: jnp.stack(leaves), *pairs)
    found = jax.vmap(orthogonal_apply)(params, static)
    for i, pair in enumerate(pairs):
        assert_near(found[i], orthogonal_apply(*pair))


@every_map
def test_the_static_part_gets_no_gradient(kind):
    shape, trivialize = ((4, 4), False) if kind == "matrix_exp" else ((5, 3), True)
    params, static = start(shape, kind, trivialize=trivialize)
    leaves, structure = jax.tree.flatten(static)
    assert leaves
    floating = [i for i, leaf in enumerate(leaves) if jnp.issubdtype(leaf.dtype, jnp.inexact)]

    def loss(some):
        changed = list(leaves)
        for i, leaf in zip(floating, some, strict=True):
            changed[i] = leaf
        return orthogonal_apply(params, jax.tree.unflatten(structure, changed)).sum()

    for bar in jax.grad(loss)([leaves[i] for i in floating]):
        assert not bar.any()


def test_signs_are_a_leaf_of_small_integers():
    _, static = start((5, 3), "cayley", trivialize=False)
    assert [leaf.dtype for leaf in jax.tree.leaves(static)] == [jnp.int8]


@pytest.mark.parametrize("kind", ["cayley", "householder"])
def test_optimisers_of_pytrees_train_it(kind):
    optax = pytest.importorskip("optax", reason="optax is not installed")
    model, static = {}, {}
    model["weight"], static["weight"] = orthogonal_init(frame((5, 3)), kind)
    model["bias"] = jnp.zeros(5)
    target = frame((5, 3), rng=9)
    optimizer = optax.adam(0.1)

    @jax.jit
    def step(model, state, static):
        def loss(model):
            q = orthogonal_apply(model["weight"], static["weight"])
            return ((q - target) ** 2).sum() + (model["bias"] ** 2).sum()

        value, bars = jax.value_and_grad(loss)(model)
        updates, state = optimizer.update(bars, state, model)
        return optax.apply_updates(model, updates), state, value

    state = optimizer.init(model)
    for _ in range(400):
        model, state, value = step(model, state, static)
    assert value < 1e-3
    assert_orthonormal(orthogonal_apply(model["weight"], static["weight"]))


# Re-basing


@pytest.mark.parametrize(
    ("kind", "shape", "dtype"),
    [("matrix_exp", (4, 4), "float64"), ("cayley", (3, 5), "complex128"),
     ("householder", (5, 3), "float64")],
)  # fmt: skip
def test_rebasing_keeps_the_weight(kind, shape, dtype):
    params, static = start(shape, kind, dtype=dtype)
    before = orthogonal_apply(params, static)
    params, static = jax.jit(functools.partial(orthogonal_rebase, limit=0.0))(params, static)
    assert_near(orthogonal_apply(params, static), before)
    lower = params.mT if shape[-2] < shape[-1] else params
    assert not np.tril(lower, -1).any()


@every_map
def test_only_what_has_grown_is_rebased(kind):
    params, static = orthogonal_init(frame((2, 5, 3)), kind)
    params = params.at[:, -1, 0].set(jnp.asarray([1.9, 2.1]))  # ||A||_2
    before = orthogonal_apply(params, static)
    moved, other = orthogonal_rebase(params, static, limit=1.0)
    assert (moved[0] == params[0]).all()
    assert moved[1, -1, 0] == 0
    assert_near(orthogonal_apply(moved, other), before)


@pytest.mark.parametrize(
    ("kind", "shape", "dtype"),
    [("matrix_exp", (4, 4), "float64"), ("cayley", (3, 5), "complex128"),
     ("householder", (5, 3), "float64")],
)  # fmt: skip
def test_moments_are_carried_to_the_new_base(kind, shape, dtype):
    """A small step in the old coordinates and its transport in the new ones move Q alike."""
    params, static = orthogonal_init(frame(shape, dtype), kind)
    params = params + 1e-4 * noise(shape, dtype)
    moment = noise(shape, dtype, rng=5)

    def motion(params, static, by):
        step = 1e-4
        moved = orthogonal_apply(params + step * by, static)
        return np.asarray(moved - orthogonal_apply(params, static)) / step

    old = motion(params, static, moment)
    at_new, other = orthogonal_rebase(params, static, limit=0.0)
    new = motion(at_new, other, orthogonal_transport(moment, static, other))
    assert np.abs(new - old).max() < 1e-2 * np.abs(old).max()


def trained(kind, steps, *, shape=(16, 6)):
    """Distance from orthonormality of a float32 weight that was trained for long."""
    params, static = orthogonal_init(frame(shape, "float32"), kind)
    x = noise((64, shape[1]), "float32", rng=2)

    def step(i, carry):
        params, static = carry

        def loss(p):
            y = x @ orthogonal_apply(p, static).T
            return jnp.cos(3 * y + 0.01 * i).sum() + y[:, 0].sum()

        params = params - 0.01 * jax.grad(loss)(params)
        return orthogonal_rebase(params, static)

    train = jax.jit(lambda *start: jax.lax.fori_loop(0, steps, step, start))
    q = np.asarray(orthogonal_apply(*train(params, static)), dtype=np.float64)
    return np.linalg.norm(q.T @ q - np.eye(shape[1]), 2)


@pytest.mark.parametrize("kind", ["cayley", "householder"])
def test_weights_stay_orthonormal_in_training(kind):
    assert trained(kind, 500) < 1e-6


@pytest.mark.long
@every_map
def test_weights_stay_orthonormal_in_long_training(kind):
    assert trained(kind, 10_000) < 1e-6


# Refusals


def test_what_cannot_be_done_is_refused():
    with pytest.raises(ValueError, match="at least two axes"):
        orthogonal_init(jnp.ones(3))
    with pytest.raises(ValueError, match="did you mean 'cayley'"):
        orthogonal_init(jnp.eye(3), "caley")
    with pytest.raises(ValueError, match="finite"):
        orthogonal_init(jnp.full((3, 2), jnp.nan))
    with pytest.raises(NotImplementedError, match="square matrices only"):
        orthogonal_init(jnp.eye(3, 2), "matrix_exp", trivialize=False)
    with pytest.raises(ValueError, match="trivialize=True"):
        orthogonal_rebase(*orthogonal_init(jnp.eye(3, 2), "cayley", trivialize=False))
    params, static = orthogonal_init(jnp.eye(3, 2), "cayley")
    with pytest.raises(TypeError, match="second value of orthogonal_init"):
        orthogonal_apply(static, params)
