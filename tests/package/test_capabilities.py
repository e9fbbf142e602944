"""Every claim of `orthola.testing.CAPABILITIES` is held by a call."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import orthola
from orthola.testing import CAPABILITIES, dtype_name
from tests.backends import Backend
from tests.calls import CALLS, Call
from tests.dtypes import real_of
from tests.isolation import assert_same_kind, to_numpy

ROOT = Path(__file__).parents[2]
SERVICES = {"check", "explain", "options", "schedule", "show_versions"}
# Programs that JAX would compile operation by operation for half a minute; these files do it once.
ELSEWHERE = {
    "ProcrustesStream": "procrustes/test_stream.py",
    "cluster_blocks": "lowrank/test_clustering.py",
    "concat_svd_bounds": "lowrank/test_bounds.py",
}
# Rules whose derivatives in JAX have tests of their own, with numbers.
RULES = {
    name: f"autodiff/test_{file}_jax.py"
    for file, names in {
        "polar": ("polar",),
        "householder": ("householder_product", "householder_apply"),
        "cayley": ("cayley", "cayley_inverse"),
        "frame": ("cayley_frame", "cayley_frame_inverse"),
        "exponential": ("skew_exp", "skew_exp_frame"),
        "retraction": ("retract", "project_tangent"),
        "procrustes": ("procrustes",),
        "omp": ("omp",),
    }.items()
    for name in names
}
JAX_REVERSE = [name for name, claim in CAPABILITIES.items() if claim.jax]
JAX_FORWARD_ONLY = [
    name for name, claim in CAPABILITIES.items() if claim.jax_forward and not claim.jax
]
BY_NUMBERS = [name for name in JAX_REVERSE + JAX_FORWARD_ONLY if name not in RULES]
# Tracing takes its time as well: one of each kind, in JAX.
TRACED = {True: ("float64", "complex64", "bfloat16"), False: ("float32",)}
SOME_BACKENDS = ("numpy", "strict-restricted", "torch", "jax", "cupy", "torch-cuda", "jax-cuda")


def floating(result: Any) -> Iterator[Any]:
    """Floating and complex arrays in a result."""
    if isinstance(result, (tuple, list)):
        for part in result:
            yield from floating(part)
    elif hasattr(result, "dtype") and dtype_name(result.dtype).startswith(
        ("float", "complex", "bfloat")
    ):
        yield result


def outputs(call: Call, *arrays: Any) -> tuple[Any, ...]:
    assert call.smooth is not None
    return call.smooth(call.run(*arrays))


def library(backend: Backend) -> str:
    stem = backend.name.partition("-")[0]
    return "array-api-strict" if stem == "strict" else stem


# The record itself


def test_every_public_function_and_class_that_computes_has_a_record_and_a_call():
    functions = {n for n in orthola.__all__ if inspect.isfunction(getattr(orthola, n))} - SERVICES
    shells = {"OnlineOrthogonalDictionary", "IncrementalSVD", "ProcrustesStream"}
    assert set(CAPABILITIES) == functions | shells | {"OrthogonalTransform"}
    assert set(CALLS) == set(CAPABILITIES)


def test_claims_fit_together():
    for name, claim in CAPABILITIES.items():
        assert not (claim.on_host and (claim.jit or claim.torch or claim.jax)), name
        assert bool(claim.torch or claim.jax_forward) == (CALLS[name].smooth is not None), name
        assert claim.jax_forward or not claim.jax, name


def test_routes_lead_somewhere():
    for route in {route for claim in CAPABILITIES.values() for route in claim.routes}:
        module, _, name = route.partition(".")
        assert hasattr(importlib.import_module(f"orthola.adapters.{module}"), name), route


@pytest.mark.parametrize(("name", "file"), sorted({**ELSEWHERE, **RULES}.items()))
def test_files_said_to_test_a_function_name_it(name, file):
    text = (ROOT / "tests" / file).read_text(encoding="utf-8")
    assert name in text
    assert "jax" in text or "backend" in text


# Libraries and dtypes


@pytest.mark.parametrize("name", CAPABILITIES)
@pytest.mark.parametrize("backend", SOME_BACKENDS, indirect=True)
def test_results_are_of_the_library_dtype_and_device_of_the_input(backend: Backend, name):
    claim, call = CAPABILITIES[name], CALLS[name]
    if library(backend) not in claim.libraries:
        with pytest.raises(TypeError, match="NumPy"):
            call.run(*(backend.asarray(x) for x in call.arrays()))
        return
    if backend.restricted and claim.on_host:
        return  # a pretended device sends nothing to main memory
    traced = library(backend) == "jax"
    if traced and name in ELSEWHERE:
        return
    for dtype in claim.dtypes:
        if dtype not in backend.dtypes or (traced and dtype not in TRACED[claim.jit]):
            continue
        host = call.arrays(complex_values=dtype.startswith("complex"))
        arrays = tuple(backend.asarray(x, dtype=dtype) for x in host)
        if traced and claim.jit:  # as jit does, short of compiling
            import jax

            result = jax.eval_shape(call.run, *arrays)
        else:
            result = call.run(*arrays)
        found = list(floating(result))
        if claim.on_host and name != "cluster_blocks":
            continue  # numbers, positions and reports
        assert found, dtype
        kept = dtype if claim.half_kept or dtype not in ("float16", "bfloat16") else "float32"
        for x in found:
            assert dtype_name(x.dtype) in (kept, real_of(kept)), (dtype, x.dtype)
            if not traced:
                assert_same_kind(x, arrays[0], dtype=dtype_name(x.dtype))
                assert np.all(np.isfinite(to_numpy(x))), dtype
        assert any(dtype_name(x.dtype) == kept for x in found) or name == "polar_quality"


# Derivatives


@pytest.mark.parametrize("name", [name for name, claim in CAPABILITIES.items() if claim.torch])
def test_derivatives_in_torch(name):
    import torch
    from torch.autograd import gradcheck, gradgradcheck

    call = CALLS[name]
    arrays = tuple(torch.asarray(x).requires_grad_() for x in call.arrays())
    assert gradcheck(lambda *x: outputs(call, *x), arrays, fast_mode=True)
    if CAPABILITIES[name].torch > 1:
        assert gradgradcheck(lambda *x: outputs(call, *x), arrays, fast_mode=True)


def along_a_line(name: str) -> Any:
    """Sum of all outputs as a function of one number, for JAX."""
    import jax.numpy as jnp

    call, rng = CALLS[name], np.random.default_rng(5)
    lines = [(jnp.asarray(x), jnp.asarray(rng.standard_normal(x.shape))) for x in call.arrays()]
    return lambda t: sum(jnp.sum(y) for y in outputs(call, *(x + t * d for x, d in lines)))


@pytest.mark.parametrize("name", JAX_REVERSE + JAX_FORWARD_ONLY)
def test_derivatives_in_jax_can_be_traced(name):
    import jax

    function = along_a_line(name)
    if name in JAX_REVERSE:
        function = jax.grad(function)
        if CAPABILITIES[name].jax > 1:
            jax.eval_shape(jax.grad(function), 0.0)
    jax.eval_shape(lambda t: jax.jvp(function, (t,), (1.0,)), 0.0)


@pytest.mark.parametrize("name", BY_NUMBERS)
def test_derivatives_in_jax_are_those_in_torch(name):
    import jax
    import torch

    function = along_a_line(name)
    if name in JAX_REVERSE:
        found = jax.jit(jax.grad(function))(0.0)
    else:
        found = jax.jit(lambda t: jax.jvp(function, (t,), (1.0,))[1])(0.0)
    call, rng = CALLS[name], np.random.default_rng(5)
    t = torch.zeros((), dtype=torch.float64, requires_grad=True)
    moved = [
        torch.asarray(x) + t * torch.asarray(rng.standard_normal(x.shape)) for x in call.arrays()
    ]
    sum(y.sum() for y in outputs(call, *moved)).backward()
    np.testing.assert_allclose(float(found), float(t.grad), rtol=1e-9, atol=1e-9)


# Transformations


def twice(name: str) -> list[np.ndarray]:
    return [np.stack([x, x]) for x in CALLS[name].arrays()]


@pytest.mark.parametrize("name", [n for n, claim in CAPABILITIES.items() if "torch" in claim.vmap])
def test_vmap_of_torch_equals_the_single_call(name):
    import torch

    def run(*arrays: Any) -> tuple[Any, ...]:
        return tuple(floating(CALLS[name].run(*arrays)))

    arrays = [torch.asarray(x) for x in twice(name)]
    many = torch.func.vmap(run)(*arrays)
    one = run(*(x[0] for x in arrays))
    for x, y in zip(many, one, strict=True):
        torch.testing.assert_close(x[1], y, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", [n for n, claim in CAPABILITIES.items() if "jax" in claim.vmap])
def test_vmap_of_jax_can_be_traced(name):
    import jax

    def run(*arrays: Any) -> tuple[Any, ...]:
        return tuple(floating(CALLS[name].run(*arrays)))

    single = jax.eval_shape(run, *CALLS[name].arrays())
    many = jax.eval_shape(jax.vmap(run), *twice(name))
    assert [x.shape for x in many] == [(2, *x.shape) for x in single]


@pytest.mark.parametrize("name", [n for n, claim in CAPABILITIES.items() if claim.compiles])
def test_torch_compile_takes_it_into_one_graph(name):
    import torch

    call = CALLS[name]
    arrays = [torch.asarray(x) for x in call.arrays()]
    torch.compiler.reset()
    compiled = torch.compile(lambda *x: outputs(call, *x), fullgraph=True, backend="aot_eager")
    for x, y in zip(compiled(*arrays), outputs(call, *arrays), strict=True):
        torch.testing.assert_close(x, y, rtol=1e-9, atol=1e-9)
