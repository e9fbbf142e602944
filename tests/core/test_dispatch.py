"""The kernel table is searched in order, by static facts, and `explain` tells what was found."""

from __future__ import annotations

import importlib.util
import inspect

import numpy as np
import pytest

import orthola
from orthola._core import dispatch
from orthola._core.dispatch import Explanation, Kernel, explained_by, find_kernel, load
from orthola._core.space import resolve
from orthola._dictionary.oracle import plan_oracle
from orthola._kernels import table
from orthola._maps import cayley_plan, exponential_engine, fast_path, frame_engine
from orthola._polar.plan import facts_of
from orthola._procrustes import plan as procrustes_plan
from orthola._sparse import plan as pursuit_plan
from tests.backends import load as load_backend
from tests.capabilities import EXACT

SMALL_STACK = np.broadcast_to(np.eye(3), (1000, 3, 3))


def refuse(facts):
    raise AssertionError("the predicate of another operation or library was asked")


def kernel(target, applies, *, operation="polar", library="numpy"):
    return Kernel(operation, library, target, applies, f"because {target}")


# The search


def test_first_kernel_whose_predicate_holds_wins(monkeypatch):
    entries = (
        kernel("a:a", lambda facts: False),
        kernel("b:b", lambda facts: facts == "yes"),
        kernel("c:c", lambda facts: True),
    )
    for order in (entries, entries[::-1]):
        monkeypatch.setattr(table, "KERNELS", order)
        first = find_kernel("polar", "numpy", "yes")
        assert first is next(k for k in order if k.target in ("b:b", "c:c"))
        assert find_kernel("polar", "numpy", "no").target == "c:c"


def test_only_kernels_of_the_operation_and_library_are_asked(monkeypatch):
    entries = (
        kernel("a:a", refuse, operation="products"),
        kernel("b:b", refuse, library="cupy"),
        kernel("c:c", lambda facts: False),
    )
    monkeypatch.setattr(table, "KERNELS", entries)
    assert find_kernel("polar", "numpy", None) is None
    assert find_kernel("omp", "torch", None) is None


def test_load_imports_once_and_on_first_use(monkeypatch):
    load.cache_clear()
    imported = []
    real = dispatch.import_module
    monkeypatch.setattr(dispatch, "import_module", lambda name: imported.append(name) or real(name))
    assert load("math:sqrt")(4.0) == 2.0
    assert load("math:sqrt") is load("math:sqrt")
    assert imported == ["math"]


# The table


@pytest.mark.parametrize("entry", table.KERNELS, ids=lambda entry: entry.target)
def test_registrations_are_well_formed_and_their_modules_exist(entry):
    module, _, function = entry.target.partition(":")
    assert function.isidentifier()
    # A library's own way into the same room, or a kernel.
    assert module.startswith(("orthola._kernels.", "orthola._polar.", "orthola._procrustes."))
    assert entry.backend in ("numpy", "cupy", "torch", "jax")
    assert entry.reason
    assert importlib.util.find_spec(module) is not None


def test_no_registration_is_made_twice():
    keys = [(k.operation, k.backend, k.target) for k in table.KERNELS]
    assert len(set(keys)) == len(keys)


def static_facts(**changes):
    return facts_of(*spread(resolve("test", SMALL_STACK)))._replace(**changes)


SIZES = ((3, 3, 1000), (3, 3, 1), (1000, 500, 2), (0, 0, 0), (5, 0, 100))


def facts_for(operation, dtype):
    space, _ = resolve("test", np.eye(2))
    name = operation.removesuffix("_pullback")
    if name == "polar":
        for long, short, batch in SIZES:
            yield static_facts(dtype_name=dtype, long=long, short=short, batch=batch)
    elif name in ("householder_product", "householder_apply"):
        for m, k, batch in SIZES:
            yield fast_path.Facts(dtype, batch, m, k, k, True, False)
    elif name in ("cayley", "cayley_inverse"):
        for n, _, batch in SIZES:
            yield cayley_plan.Facts(dtype, batch, n, True, False)
    elif name in ("cayley_frame", "cayley_frame_inverse"):
        yield from (frame_engine.Facts(host, False) for host in (True, False))
    elif name == "exponential":
        yield from (exponential_engine.Facts(batch, n) for n, _, batch in SIZES)
    elif name == "procrustes":
        for rows, columns, batch in SIZES:
            yield procrustes_plan.Facts("numpy", True, False, True, dtype, rows, columns, batch)
    elif name == "omp":
        for form in ("stored-rows", "residual", "nonnegative"):
            yield from (pursuit_plan.Question(host, False, form, dtype) for host in (True, False))
    elif name == "dictionary_update":
        yield from (plan_oracle(space, lmo, 5, concrete=True) for lmo in ("exact", "inexact"))
    else:  # chosen by the space, whatever the sizes
        assert name in ("products", "signed_lu", "flip_pairs", "frame_vectors", "frame_status")
        yield space.with_dtype(dtype)
        yield space.with_dtype("float16")


@pytest.mark.parametrize("entry", table.KERNELS, ids=lambda entry: entry.target)
@pytest.mark.parametrize("dtype", EXACT)
def test_predicates_decide_on_static_facts_alone(entry, dtype):
    answers = [entry.applies(facts) for facts in facts_for(entry.operation, dtype)]
    assert all(isinstance(answer, bool) for answer in answers)
    assert answers == [entry.applies(facts) for facts in facts_for(entry.operation, dtype)]


@pytest.mark.parametrize("name", ["numpy", "strict", "torch", "jax"])
def test_facts_are_plain_and_do_not_depend_on_values(name):
    backend = load_backend(name)
    facts = [
        facts_of(*spread(resolve("test", backend.asarray(np.full((4, 5, 3), value)))))
        for value in (1.0, np.nan)
    ]
    assert facts[0] == facts[1]
    assert all(type(value) in (str, bool, int) for value in facts[0])
    assert facts[0][-3:] == (5, 3, 4)


def spread(result):
    space, (x,) = result
    return space, x


def test_facts_are_known_while_tracing():
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    seen = []

    def look(x):
        seen.append(facts_of(*spread(resolve("test", x))))
        return x

    x = jax.numpy.ones((7, 5, 3))
    jax.jit(look)(x)
    eager = facts_of(*spread(resolve("test", x)))
    assert seen[0] == eager._replace(traced=True)


def test_small_stacks_alone_run_in_the_small_kernel():
    def applies(**changes):
        return find_kernel("polar", "numpy", static_facts(**changes)) is not None

    assert applies()
    assert applies(long=12, short=3)
    assert not applies(batch=1)
    assert not applies(short=0)
    assert not applies(long=500, short=500)
    assert not applies(long=100_000)


# explain


def test_explain_tells_method_reason_and_kernel():
    plan = orthola.explain(orthola.polar, SMALL_STACK)
    assert plan["method"] == "small"
    assert plan["kernel"] == "orthola._kernels.numba.polar_small:polar_stack"
    plan = orthola.explain(orthola.polar, np.eye(3))
    assert plan["method"] == "svd"
    assert plan["kernel"].startswith("none")
    assert "float64 of shape (3, 3)" in plan["input"]


def test_explain_prints_one_line_a_fact():
    plan = orthola.explain(orthola.polar, np.eye(3), method="halley")
    lines = str(plan).splitlines()
    assert lines[0] == "polar"
    assert len(lines) == 1 + len(plan.facts)
    assert all(
        key in line and value in line
        for (key, value), line in zip(plan.facts, lines[1:], strict=True)
    )
    assert repr(plan) == str(plan)
    assert plan["method"] == "halley"
    assert plan["because"] == "asked for"


def test_explain_of_orthogonalize():
    plan = orthola.explain(orthola.orthogonalize, np.ones((512, 64)), steps=6)
    assert plan["schedule"] == "polar-express, 6 steps"
    assert plan["form"].startswith("Gram")


def test_explain_does_not_look_at_values():
    assert orthola.explain(orthola.polar, np.full((3, 3), np.nan))["method"] == "svd"
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    seen = []
    jax.jit(lambda x: seen.append(orthola.explain(orthola.polar, x)) or x)(jax.numpy.ones((3, 2)))
    assert seen[0]["method"] == "svd"


def test_explain_follows_the_options_in_force():
    with orthola.options(kernels=False):
        assert orthola.explain(orthola.polar, SMALL_STACK)["method"] != "small"
    assert orthola.explain(orthola.polar, SMALL_STACK)["method"] == "small"


def test_explain_names_what_the_call_runs(monkeypatch):
    ran = []
    monkeypatch.setattr(
        "orthola._polar.halley.halley", lambda *args, **kwargs: ran.append("halley") or 1 / 0
    )
    assert orthola.explain(orthola.polar, np.eye(3), method="halley")["method"] == "halley"
    with pytest.raises(ZeroDivisionError):
        orthola.polar(np.eye(3), method="halley")
    assert ran == ["halley"]


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((np.eye(3),), {"method": "qr"}),
        ((np.eye(3),), {"side": "middle"}),
        ((np.ones(3),), {}),
        ((None,), {}),
        ((np.eye(3),), {"max_steps": -1}),
    ],
)
def test_explain_raises_what_the_call_raises(arguments, options):
    with pytest.raises((TypeError, ValueError)) as from_call:
        orthola.polar(*arguments, **options)
    with pytest.raises(type(from_call.value)) as from_explain:
        orthola.explain(orthola.polar, *arguments, **options)
    assert str(from_explain.value) == str(from_call.value)


@pytest.mark.parametrize("function", [len, np.eye, facts_of])
def test_explain_of_a_function_of_others(function):
    with pytest.raises(TypeError, match="a public orthola function, got") as caught:
        orthola.explain(function, np.eye(2))
    assert function.__name__ in str(caught.value)


def test_explain_says_of_every_public_function_what_there_is_to_say():
    for name in orthola.__all__:
        function = getattr(orthola, name)
        if inspect.isfunction(function) and not hasattr(function, "__orthola_explain__"):
            plan = orthola.explain(function)
            assert plan.function == name
            assert plan["method"].startswith("no plan of its own")
    assert "numpy: a stack of small matrices" in orthola.explain(orthola.skew_exp)["kernels"]
    assert orthola.explain(orthola.schedule)["kernels"].startswith("none")


def test_explained_by_leaves_the_function_as_it_is():
    def function(a, /, *, option=1):
        """Documented."""

    def planner(a, /, **options):
        return Explanation("function", (("option", str(options)),))

    marked = explained_by(planner)(function)
    assert marked is function
    assert inspect.signature(marked).parameters["option"].default == 1
    assert orthola.explain(marked, 0, option=2)["option"] == "{'option': 2}"
