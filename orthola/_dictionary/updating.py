"""`dictionary_update` behind its docstring: where it runs, one mini-batch or many."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

from .._core import checks
from .._core.dispatch import Explanation
from .._core.options import current
from .._core.shared_memory import as_numpy, as_tensor
from .._core.space import resolve
from .arguments import conforming, expect_state, expect_usable
from .host import advanced_host, kernel_of
from .oracle import ORACLES, Oracle, plan_oracle
from .state import DictionaryState
from .step import advanced

__all__ = ["explanation", "updated"]


def updated(
    state: DictionaryState, samples: Any, *, batch: int | None, lmo: str, check_finite: bool
) -> DictionaryState:
    """`dictionary_update` with mini-batches of `batch` rows, or one of all rows."""
    name = "dictionary_update"
    expect_state(name, state)
    space, (a,) = resolve(name, state.iterate)
    space, y, concrete = conforming(name, space, state, samples)
    if 0 in y.shape:
        return state
    oracle = plan_oracle(space, lmo, a.shape[-1], concrete=concrete)
    batch = y.shape[-2] if batch is None else batch
    single = concrete and y.ndim == 2
    if single and space.name == "numpy":
        return advanced_host(space, oracle, state, y, batch=batch, check_finite=check_finite)
    if single and space.name == "torch" and not space.on_gpu:
        return _of_tensors(oracle, state, y, batch=batch, check_finite=check_finite)
    step = (
        _compiled(oracle) if space.name == "jax" and concrete else partial(advanced, space, oracle)
    )
    for first in range(0, y.shape[-2], batch):
        rows = y[..., first : first + batch, :]
        if concrete and check_finite:
            expect_usable(name, space, state.scale, rows)
        state = step(state, rows)
    return state


def _of_tensors(
    oracle: Oracle, state: DictionaryState, y: Any, *, batch: int, check_finite: bool
) -> DictionaryState:
    """CPU tensors, as the NumPy arrays that share their memory."""
    host = DictionaryState._make([*map(as_numpy, state[:-1]), state.options])
    space, (y, _) = resolve("dictionary_update", as_numpy(y), host.iterate)
    new = advanced_host(space, oracle, host, y, batch=batch, check_finite=check_finite)
    return DictionaryState._make([*map(as_tensor, new[:-1]), new.options])


@lru_cache(maxsize=64)
def _compiled(oracle: Oracle) -> Any:
    """The text for JAX, compiled once per shape: step by step it would be mostly overhead."""
    import jax

    def update(state: DictionaryState, y: Any) -> DictionaryState:
        space, _ = resolve("dictionary_update", state.iterate)
        return advanced(space, oracle, state, y)

    return jax.jit(update)


def explanation(state: DictionaryState, samples: Any, /, **options: Any) -> Explanation:
    name = "dictionary_update"
    lmo = options.get("lmo", "auto")
    checks.one_of(name, "lmo", lmo, ORACLES)
    expect_state(name, state)
    space, (a,) = resolve(name, state.iterate)
    space, y, concrete = conforming(name, space, state, samples)
    oracle = plan_oracle(space, lmo, a.shape[-1], concrete=concrete)
    ways = {
        "svd": "exact, by the SVD",
        "polar": "exact, by orthola.polar",
        "products": f"inexact, {oracle.steps} steps of matrix products",
    }
    checked = oracle.method == "products" and oracle.checked
    host = concrete and y.ndim == 2 and (space.name == "numpy" or str(space.device) == "cpu")
    kernel = kernel_of(oracle, current().kernels) if host and space.name != "jax" else None
    facts = [
        ("state", f"{space.name} {space.dtype_name} of shape {tuple(a.shape)} on {space.device}"),
        ("mini-batch", f"{y.shape[-2]} rows"),
        ("linear problem", ways[oracle.method]),
        ("checked", "steps further than 0.1 from orthogonal by the SVD" if checked else "no"),
        ("kernel", kernel or "none: Array-API text"),
    ]
    return Explanation(name, tuple(facts))
