"""What `explain` says about `polar` and `orthogonalize`, and that calls do what it says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from orthola import Status, explain, options, orthogonalize, polar, polar_quality
from orthola._core.tuning import orthogonalize_limits, polar_limits
from orthola.testing import gaussian, relative_error
from tests.backends import Backend
from tests.capabilities import EXACT

KERNEL = "orthola._kernels.numba.polar_small:polar_stack"
TEXT = "none: Array-API text"
SAME_C = 50  # two methods on well-conditioned items, in n u


def matrix(*shape, dtype="float64"):
    return np.broadcast_to(np.zeros((), dtype), shape)  # plans look at no value


def method_of(*shape, dtype="float64", **static):
    return explain(polar, matrix(*shape, dtype=dtype), **static)["method"]


def test_every_fact_is_there_and_prints():
    plan = explain(polar, matrix(30, 50))
    assert [key for key, _ in plan.facts] == [
        "input", "computed in", "method", "because", "kernel", "fallback"
    ]  # fmt: skip
    assert plan["input"] == "numpy float64 of shape (30, 50) on cpu"
    assert plan["computed in"] == "float64, as its adjoint (wide)"
    text = str(plan)
    assert text.startswith("polar\n")
    assert all(value in text for _, value in plan.facts)
    assert explain(polar, matrix(3, 3), fallback=False)["fallback"] == "none"
    with pytest.raises(KeyError):
        plan["no such fact"]


@pytest.mark.parametrize("dtype", EXACT)
def test_crossovers_are_respected(dtype):
    limits = polar_limits(dtype)
    n = limits.square_order
    assert method_of(n - 1, n - 1, dtype=dtype) == "svd"
    assert method_of(n, n, dtype=dtype) in ("halley", "newton")
    single = dtype in ("float32", "complex64")
    n, m = limits.tall_order, math.ceil(limits.tall_aspect * limits.tall_order)
    assert method_of(m, n, dtype=dtype) == "halley"
    assert method_of(math.ceil(limits.newton_aspect * n), n, dtype=dtype) == "newton"
    assert method_of(n, m, dtype=dtype) == method_of(m, n, dtype=dtype)
    assert method_of(m, n - 1, dtype=dtype) == "svd"
    n, m = limits.long_order, math.ceil(limits.long_aspect * limits.long_order)
    assert method_of(m, n, dtype=dtype) == "newton"
    assert method_of(m, n - 1, dtype=dtype) == method_of(m - 1, n, dtype=dtype) == "svd"
    # From the aspect of the Gram form on, single precision has a way of its own.
    n, m = limits.gram_order, math.ceil(limits.gram_aspect * limits.gram_order)
    assert (method_of(m, n, dtype=dtype) == "gram") == single
    if single:
        assert method_of(m - 1, n, dtype=dtype) != "gram"
        assert method_of(10 * m, n - 1, dtype=dtype) != "gram"
    assert (
        f"crossover {limits.square_order}"
        in explain(polar, matrix(limits.square_order, limits.square_order, dtype=dtype))["because"]
    )


@pytest.mark.parametrize("dtype", EXACT)
def test_small_stacks_run_in_the_kernel(dtype):
    limits = polar_limits(dtype)
    few, order = limits.stack_items, limits.stack_order
    some = order // 16
    for shape in ((few, 3, 3), (2, few, 5, 4), (few, 4, 5), (some, order, order)):
        plan = explain(polar, matrix(*shape, dtype=dtype))
        assert (plan["method"], plan["kernel"]) == ("small", KERNEL)
    for shape in (
        (few - 1, 3, 3), (some - 1, order, order), (99, order + 1, order + 1), (3, 3), (0, 3, 3),
        (few, 0, 3),
    ):  # fmt: skip
        assert explain(polar, matrix(*shape, dtype=dtype))["kernel"] == TEXT
    # Asking for a method is asking for that method.
    plan = explain(polar, matrix(few, 3, 3, dtype=dtype), method="halley")
    assert (plan["method"], plan["because"], plan["kernel"]) == ("halley", "asked for", TEXT)
    assert explain(polar, matrix(few, 3, 3), completion="none")["method"] == "svd"


def test_halves_are_planned_as_single():
    plan = explain(polar, matrix(400, 64, dtype="float16"))
    assert plan["computed in"] == "float32"
    assert plan["method"] == "gram"
    assert explain(polar, matrix(4, 3, dtype="float16"), compute_dtype="float64")[
        "computed in"
    ] == ("float64")


def test_other_libraries_use_their_own_decomposition(backend: Backend):
    a = backend.asarray(np.zeros((300, 300)), "float32")
    plan = explain(polar, a)
    if backend.name.startswith("numpy"):
        assert plan["method"] in ("newton", "halley")
    elif backend.name in ("cupy", "torch-cuda", "jax-cuda"):
        assert plan["method"] == "halley"
    else:
        assert plan["method"] in ("svd", "newton", "halley")
        assert plan["because"]
    assert plan["input"].split()[1:5] == ["float32", "of", "shape", "(300,"]


@pytest.mark.parametrize("dtype", EXACT)
def test_results_with_and_without_kernels_agree(dtype):
    for shape in ((50, 3, 3), (40, 6, 4), (40, 4, 6), (40, 1, 1), (64, 20, 20)):
        a = gaussian(*shape[-2:], shape=shape[:-2], dtype=dtype, rng=1)
        fast = polar(a)
        with options(kernels=False):
            plan = explain(polar, a)
            plain = polar(a)
        assert plan["kernel"] == TEXT
        assert plan["method"] != "small"
        unit = np.finfo(dtype).eps / 2 * SAME_C * min(shape[-2:])
        condition = np.linalg.cond(a.astype("complex128"))
        assert np.all(relative_error(fast.unitary, plain.unitary) <= unit * condition)
        assert np.all(relative_error(fast.hermitian, plain.hermitian) <= unit)
        np.testing.assert_array_equal(fast.status, plain.status)
    assert explain(polar, a)["kernel"] == KERNEL


def test_threads_do_not_change_a_bit():
    a = gaussian(5, 4, shape=(700,), rng=2)
    results = []
    for threads in (1, 2, 3):
        with options(threads=threads):
            results.append(polar(a))
    for result in results[1:]:
        for one, other in zip(result, results[0], strict=True):
            np.testing.assert_array_equal(one, other)


def test_plan_is_carried_out():
    # The method that is named is the one that runs: its own limit on steps shows.
    a = gaussian(200, 200, rng=3)
    method = explain(polar, a)["method"]
    by_name = polar(a, method=method)
    np.testing.assert_array_equal(polar(a).unitary, by_name.unitary)
    assert polar(a, max_steps=1, fallback=False).status == Status.NOT_CONVERGED


def test_explain_takes_what_the_function_takes():
    assert explain(polar, [[1.0, 2.0], [3.0, 4.0]])["input"].startswith("numpy float64 of shape (2")
    assert explain(polar, np.eye(3, dtype=int))["computed in"] == "float64"
    assert explain(orthogonalize, [[1, 2], [3, 4]])["computed in"] == "float64"
    with pytest.raises(ValueError, match="did you mean 'halley'"):
        explain(polar, np.eye(2), method="haley")
    with pytest.raises(ValueError, match="at least two axes"):
        explain(polar, np.ones(3))
    assert explain(polar_quality, np.eye(2), np.eye(2))["method"].startswith("no plan of its own")


def test_orthogonalize_explains_form_and_interval():
    limits = orthogonalize_limits("float32")
    m = limits.gram_rows
    n = math.floor(m / limits.gram_aspect)
    plan = explain(orthogonalize, matrix(m, n, dtype="float32"))
    assert [key for key, _ in plan.facts] == [
        "input", "computed in", "schedule", "interval", "form", "because"
    ]  # fmt: skip
    assert plan["schedule"] == "polar-express, 5 steps"
    assert plan["interval"].startswith("[0.852")
    assert plan["form"].startswith("Gram, formed 2 times")
    assert explain(orthogonalize, matrix(m - 1, 3))["form"] == "direct"
    assert explain(orthogonalize, matrix(m, n + 1))["form"] == "direct"
    assert explain(orthogonalize, matrix(4, 4), gram=True)["because"] == "asked for"
    plan = explain(orthogonalize, matrix(4, 4), compute_dtype="float16", steps=6)
    assert plan["computed in"] == "float16"
    assert plan["schedule"] == "polar-express, 6 steps"
    first_of_list = explain(orthogonalize, [matrix(m, n), matrix(3, 3)])
    assert first_of_list["input"].endswith(f"shape ({m}, {n})")


def test_options_come_back_after_the_block():
    a = matrix(100, 3, 3)
    with options(kernels=False, threads=1) as inside:
        assert (inside.kernels, inside.threads) == (False, 1)
        assert explain(polar, a)["kernel"] == TEXT
        with pytest.raises(TypeError), options(threads=2):
            polar("of no use")
        assert explain(polar, a)["kernel"] == TEXT
    assert explain(polar, a)["kernel"] == KERNEL
    with pytest.raises(ValueError, match=r"threads >= 1, got 0"), options(threads=0):
        pass
