"""JAX is asked for float32 products in float32: its own default on a GPU keeps 11 bits of factors.

The setting does nothing on a CPU, so what is looked at is what is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import orthola
from orthola._core.space import in_full_precision
from orthola.testing import CAPABILITIES
from tests.calls import CALLS

jax = pytest.importorskip("jax", reason="JAX is not installed")
jnp = pytest.importorskip("jax.numpy", reason="JAX is not installed")

TRACED = [name for name, claim in CAPABILITIES.items() if "jax" in claim.libraries and claim.jit]
# No products of JAX arrays: entries are moved, drawn or set to zero, a singular value
# decomposition is one operation, and dictionaries are compared in main memory.
WITHOUT = {
    "skew_from_vector", "vector_from_skew", "haar", "dictionary_init", "svd_init",
    "orthonormal_basis", "dictionary_recovery",
}  # fmt: skip
EAGER = [
    name
    for name, claim in CAPABILITIES.items()
    if "jax" in claim.libraries and not claim.jit and name not in WITHOUT
]


def single(name: str) -> list[Any]:
    return [jnp.asarray(x, dtype="float32") for x in CALLS[name].arrays()]


def products(function: Callable[..., Any], *arrays: Any) -> list[str]:
    """All products that are traced, with what is asked of them."""
    text = str(jax.make_jaxpr(function)(*arrays))
    return re.findall(r"dot_general\[.*?\n\s*\]", text, flags=re.DOTALL)


@pytest.mark.parametrize("name", TRACED)
def test_traced_products_of_single_precision_are_asked_for_in_single_precision(name):
    found = products(CALLS[name].run, *single(name))
    assert bool(found) == (name not in WITHOUT)
    assert all("HIGHEST" in product for product in found)


@pytest.mark.parametrize("name", EAGER)
def test_eager_products_are_made_under_that_setting(monkeypatch, name):
    arrays, seen = single(name), []
    kind = type(arrays[0])
    product = kind.__matmul__

    def watched(x: Any, y: Any) -> Any:
        seen.append(jax.config.jax_default_matmul_precision)
        return product(x, y)

    monkeypatch.setattr(kind, "__matmul__", watched)
    CALLS[name].run(*arrays)
    assert seen
    assert set(seen) == {"highest"}


def test_derivatives_that_are_traced_after_the_call_keep_it():
    def loss(x: Any) -> Any:
        u, h, _ = orthola.polar(x)
        return u[0, 1] + h[0, 1]

    (x,) = single("polar")
    for function in (jax.grad(jax.jit(loss)), jax.jacfwd(jax.jit(loss))):
        found = products(function, x)
        assert found
        assert all("HIGHEST" in product for product in found)


def test_layers_keep_it():
    from orthola.adapters.jax import orthogonal_apply, orthogonal_init, orthogonal_rebase

    def turned(weight: Any) -> Any:
        params, static = orthogonal_init(weight, "cayley")
        return orthogonal_apply(*orthogonal_rebase(params, static, limit=0.0))

    found = products(turned, *single("polar"))
    assert found
    assert all("HIGHEST" in product for product in found)


def test_the_setting_ends_with_the_call_and_is_for_jax_alone():
    asked = in_full_precision(lambda _: jax.config.jax_default_matmul_precision)
    outside = jax.config.jax_default_matmul_precision
    assert asked(jnp.ones(2)) == "highest"
    assert asked(np.ones(2)) == outside
    assert jax.config.jax_default_matmul_precision == outside
