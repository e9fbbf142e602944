"""What an import brings in, and what it costs, seen from fresh interpreters."""

from __future__ import annotations

import subprocess
import sys

import pytest

import orthola

HEAVY = ("numba", "scipy", "cupy", "torch", "jax", "hypothesis", "matplotlib", "rich", "sklearn")
OPTIONAL = (
    "cupy",
    "torch",
    "jax",
    "hypothesis",
    "matplotlib",
    "rich",
    "sklearn",
    "array_api_strict",
)


def python(code: str, *options: str) -> subprocess.CompletedProcess[str]:
    run = subprocess.run(
        [sys.executable, *options, "-c", code], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run


def loaded_after(code: str) -> set[str]:
    """Top-level modules in `sys.modules` at the end."""
    report = "\nimport sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    return set(python(code + report).stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import orthola",
        "import orthola; orthola.polar, orthola.orthogonalize, orthola.explain, orthola.check",
        "import orthola; orthola.schedule('polar-express', steps=5, lower_bound=1e-3)",
        "import orthola; dir(orthola), orthola.options, orthola.show_versions",
        "import orthola.testing; orthola.testing.from_spectrum(3, 2, [1, 1], rng=0)",
        "from orthola import *",
    ],
)
def test_importing_loads_no_heavy_library(code):
    assert not loaded_after(code) & set(HEAVY)


def test_a_schedule_needs_not_even_numpy():
    code = "import orthola; orthola.schedule('muon', lower_bound=1e-3).interval"
    assert "numpy" not in loaded_after(code)


def test_one_small_numpy_matrix_loads_no_compiler_and_no_other_library():
    code = "import numpy as np, orthola; assert orthola.polar(np.eye(3)).unitary[0, 0] == 1"
    assert not loaded_after(code) & (set(HEAVY) - {"scipy"})


@pytest.mark.parametrize(
    ("library", "make"), [("torch", "torch.eye(3)"), ("jax", "jax.numpy.eye(3)")]
)
def test_arrays_of_one_library_do_not_load_another(library, make):
    pytest.importorskip(library, reason=f"{library} is not installed")
    code = f"import {library}, orthola; orthola.polar({make})"
    unwanted = {"numba", "torch", "jax", "cupy"} - {library}
    assert not loaded_after(code) & unwanted


def test_explain_of_a_stack_compiles_nothing():
    code = "import numpy as np, orthola; orthola.explain(orthola.polar, np.ones((100, 3, 3)))"
    assert "numba" not in loaded_after(code)


def test_everything_for_numpy_works_where_optional_libraries_are_missing():
    code = f"""
import sys
for name in {OPTIONAL!r}:
    sys.modules[name] = None  # import raises ModuleNotFoundError
import numpy as np, orthola
x = np.array([[2.0, 1.0], [0.0, 1.0]])
for method in ("auto", "svd", "newton", "halley", "qr-halley", "newton-schulz"):
    orthola.check(orthola.polar(x, method=method))
orthola.check(orthola.polar(np.broadcast_to(x, (50, 2, 2))))
orthola.orthogonalize(x)
orthola.show_versions()
"""
    python(code)


def test_every_module_can_be_imported_alone_and_without_a_warning():
    # One process for all: what a module brings in is the subject of the tests above.
    code = f"""
import importlib, pkgutil, orthola
for found in pkgutil.walk_packages(orthola.__path__, "orthola."):
    if found.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(found.name)
    except ModuleNotFoundError as error:
        if error.name not in {("cupy", *OPTIONAL, "dask", "distributed", "safetensors", "PIL")!r}:
            raise
"""
    python(code, "-W", "error")


def test_importing_twice_gives_the_same_objects():
    assert orthola.polar is orthola.polar
    assert python("import orthola; a = orthola.polar; from orthola import polar; assert a is polar")


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="module 'orthola' has no attribute 'polr'"):
        _ = orthola.polr
    with pytest.raises(ImportError):
        from orthola import polr  # noqa: F401
    assert not hasattr(orthola, "_polarr")
