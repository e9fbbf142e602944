"""Dependencies point one way: features to core; kernels and adapters are reached by name only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import orthola
from orthola._kernels.table import KERNELS

ROOT = Path(orthola.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# Rooms that hold one feature each: everything private but the three that serve all.
SERVICES = {"_core", "_kernels", "_cli"}
FEATURES = {path.name for path in ROOT.glob("_*") if path.is_dir()} - SERVICES - {"__pycache__"}

# Algorithm texts name no library at all; the other files of the room meet the outside.
TEXTS = {
    "_polar": {
        "approximate", "chain", "engine", "gram", "halley", "image", "kinds", "minimax",
        "newton", "newton_schulz", "other_side", "qr_halley", "roots", "schedules", "svd",
        "tangent", "weights",
    },
    "_maps": {
        "cayley_derivatives", "cayley_inverse_text", "cayley_plan", "cayley_retraction",
        "cayley_rules", "cayley_text", "exponential_columns", "frame_columns",
        "frame_coordinates", "frame_derivatives", "frame_factors", "jets", "orthonormality",
        "pade", "pair_flips", "polar_form", "reflector_derivatives", "reflector_rules",
        "reflectors", "result", "signed_lu", "signs", "skewness",
        "squaring", "vector_derivatives",
    },
    "_procrustes": {
        "consensus", "consensus_data", "consensus_sweep", "consensus_unique", "lyapunov",
        "moments", "refine", "rows", "secular", "solve", "state", "state_second", "state_solve",
        "stiefel_steps", "tangent", "units",
    },
    "_dictionary": {
        "answer", "coding", "gradient", "online_codes", "oracle", "power", "schedules",
        "state", "step", "whitening",
    },
    "_subspace": {
        "cosines", "span",
    },
    "_sparse": {
        "certified", "coding", "derivatives", "finish", "greedy", "nonnegative", "prefixes",
        "problem", "pursuit", "residual_form", "search_state", "selection", "stored_rows",
        "tiles", "units",
    },
    "_lowrank": {
        "appending", "centring", "certificate", "downdating", "extending", "finish",
        "inner", "intervals", "phases", "plan", "rotations", "scale", "sketch", "stack",
        "text", "truncation", "window",
    },
}  # fmt: skip
OTHERS = {
    "_polar": {
        "__init__", "api", "factors", "orthogonalize", "plan", "presets", "quality",
        "sequences", "shared_memory", "single",
    },
    "_maps": {
        "__init__", "cayley", "cayley_engine", "exponential", "exponential_derivatives",
        "exponential_engine", "exponential_frame", "fast_path", "frame", "frame_engine", "haar",
        "householder", "packed", "projector", "reflector_arguments", "retraction", "vectors",
    },
    "_procrustes": {
        "__init__", "api", "fit", "general", "generalized", "host", "mean_rotation", "merging",
        "oblique", "pair", "permutation", "plan", "shared_memory", "single", "stack", "stiefel",
        "stream", "stream_answer", "stream_file", "stream_input", "symmetric", "transform",
        "two_sided",
    },
    "_dictionary": {
        "__init__", "arguments", "frank_wolfe", "host", "merging", "objectives", "offline",
        "online", "online_file", "online_input", "online_stream", "tail", "updating",
    },
    "_subspace": {
        "__init__", "angles", "basis", "projection",
    },
    "_sparse": {
        "__init__", "arguments", "gram", "host", "omp", "path", "plan", "result",
        "transfer",
    },
    "_lowrank": {
        "__init__", "arguments", "blocks", "bounds", "brand", "cluster_candidates",
        "cluster_greedy", "cluster_merge", "cluster_outcome", "cluster_pool",
        "cluster_repair", "cluster_stacks", "cluster_summaries", "clustering", "combining",
        "concatenated", "exact", "gram", "host", "incremental", "intake", "missing",
        "orthonormality", "randomized", "refresh", "results", "sparse", "state", "stream",
        "stream_file", "stream_input", "summaries",
    },
}  # fmt: skip
LIBRARIES = (
    "numpy",
    "np",
    "torch",
    "pytorch",
    "jax",
    "jnp",
    "lax",
    "cupy",
    "numba",
    "scipy",
    "dask",
)
HEAVY = {"torch", "jax", "cupy", "cupyx", "numba", "scipy", "threadpoolctl", "hypothesis"}
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}


class Import(NamedTuple):
    path: Path
    module: str  # absolute
    lazy: bool  # inside a function

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)} imports {self.module}"

    @property
    def room(self) -> str:
        """``_core``, ``adapters``, ... for modules of the package, else empty."""
        parts = self.module.split(".")
        return parts[1] if parts[0] == "orthola" and len(parts) > 1 else ""


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return parts[0] if len(parts) > 1 else ""


def imports_of(path: Path) -> Iterator[Import]:
    """Every import in a file, wherever it stands; what only type checkers see is left out."""
    package = ("orthola", *path.relative_to(ROOT).parent.parts)
    pending: list[tuple[ast.AST, bool]] = [(ast.parse(path.read_text(encoding="utf-8")), False)]
    while pending:
        node, lazy = pending.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending += [(child, lazy) for child in node.orelse]
            continue
        if isinstance(node, ast.Import):
            yield from (Import(path, alias.name, lazy) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *([node.module] if node.module else [])))
            # `from .._core import checks` imports a module, `from .space import Space` a name.
            for alias in node.names:
                whole = f"{module}.{alias.name}"
                yield Import(path, whole if is_module(whole) else module, lazy)
        inside = lazy or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        pending += [(child, inside) for child in ast.iter_child_nodes(node)]


def is_module(name: str) -> bool:
    parts = name.split(".")
    if parts[0] != "orthola":
        return False
    path = ROOT.joinpath(*parts[1:])
    return path.with_suffix(".py").exists() or path.is_dir()


IMPORTS = [found for path in FILES for found in imports_of(path)]


def wrong(condition) -> list[str]:
    return sorted({str(found) for found in IMPORTS if condition(found)})


def test_imports_are_read_at_all():
    assert len(FILES) > 40
    seen = {str(found) for found in IMPORTS}
    assert "_polar/api.py imports orthola._core.checks" in seen
    assert "_core/dispatch.py imports orthola._kernels.table" in seen
    assert "_core/blas.py imports scipy.linalg" in seen
    assert "_polar" in FEATURES


def test_core_imports_no_feature():
    assert not wrong(
        lambda found: room_of(found.path) == "_core" and found.room not in ("", "_core", "_kernels")
    )


def test_core_knows_the_table_of_kernels_alone_and_only_when_asked():
    assert not wrong(
        lambda found: (
            room_of(found.path) == "_core"
            and found.room == "_kernels"
            and (found.module != "orthola._kernels.table" or not found.lazy)
        )
    )


def test_features_do_not_import_private_files_of_other_features():
    assert not wrong(
        lambda found: (
            room_of(found.path) in FEATURES
            and found.room in FEATURES
            and found.room != room_of(found.path)
        )
    )


def test_features_import_core_and_public_names_only():
    allowed = {"", "_core", "adapters"}
    assert not wrong(
        lambda found: (
            room_of(found.path) in FEATURES
            and found.module.startswith("orthola")
            and found.room not in allowed | {room_of(found.path)}
        )
    )


def test_adapters_are_imported_lazily_and_by_nobody_but_themselves_otherwise():
    assert not wrong(
        lambda found: (
            found.room == "adapters" and room_of(found.path) != "adapters" and not found.lazy
        )
    )


def test_kernels_are_reached_by_the_strings_of_the_table_alone():
    def reaches(found: Import) -> bool:
        private = found.room == "_kernels" and found.module != "orthola._kernels.table"
        return private and room_of(found.path) != "_kernels"

    assert not wrong(reaches)
    table = ROOT / "_kernels" / "table.py"
    assert not [found for found in imports_of(table) if found.room == "_kernels"]


def test_kernels_know_core_and_no_feature():
    assert not wrong(
        lambda found: (
            room_of(found.path) == "_kernels" and found.room not in ("", "_core", "_kernels")
        )
    )


def test_numpy_kernels_and_device_kernels_do_not_import_each_other():
    def crosses(found: Import) -> bool:
        own = found.path.relative_to(ROOT).parts[:2]
        return (
            own in (("_kernels", "numba"), ("_kernels", "cupy"))
            and found.module.startswith("orthola._kernels.")
            and not found.module.startswith(".".join(("orthola", *own)))
        )

    assert not wrong(crosses)


def test_testing_stands_alone():
    assert not wrong(
        lambda found: room_of(found.path) == "testing" and found.room not in ("", "testing")
    )


def named_in_the_table() -> set[str]:
    """Modules that the table of kernels reaches by strings."""
    return {entry.target.partition(":")[0] for entry in KERNELS}


def module_of(path: Path) -> str:
    return ".".join(("orthola", *path.relative_to(ROOT).with_suffix("").parts))


def test_what_the_table_names_is_imported_by_nobody_else():
    known = named_in_the_table()
    assert "orthola._kernels.numba.polar_small" in known
    assert not wrong(lambda found: found.module in known and room_of(found.path) != "_kernels")


def test_heavy_libraries_are_imported_at_the_top_of_lazily_reached_files_only():
    lazily_reached = {"adapters", "_kernels", "_cli"}
    assert not wrong(
        lambda found: (
            found.module.partition(".")[0] in HEAVY
            and not found.lazy
            and room_of(found.path) not in lazily_reached
            and module_of(found.path) not in named_in_the_table()
            and found.path.name != "strategies.py"
        )
    )


def test_numba_compiles_through_one_door():
    compilers = {"njit", "jit", "vectorize", "guvectorize", "generated_jit", "cfunc", "stencil"}
    calls = []
    for path in FILES:
        if path == ROOT / "_kernels" / "numba" / "jit.py":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Attribute)
                and node.attr in compilers
                and ast.unparse(node.value) in ("numba", "nb")
            ):
                calls.append(f"{path.name}:{node.lineno}")
            if isinstance(node, ast.ImportFrom) and node.module == "numba":
                calls += [f"{path.name}: {a.name}" for a in node.names if a.name in compilers]
    assert not calls
    door = (ROOT / "_kernels" / "numba" / "jit.py").read_text(encoding="utf-8")
    assert "numba.njit(" in door
    options = [
        keyword.arg
        for node in ast.walk(ast.parse(door))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
    ]
    assert not {"parallel", "fastmath"} & set(options)


@pytest.mark.parametrize("room", sorted(FEATURES))
def test_every_file_of_a_feature_is_a_text_or_known_not_to_be(room):
    found = {path.stem for path in (ROOT / room).glob("*.py")}
    assert found == TEXTS[room] | OTHERS[room]
    assert not TEXTS[room] & OTHERS[room]


@pytest.mark.parametrize(
    "path", [ROOT / room / f"{name}.py" for room, names in TEXTS.items() for name in sorted(names)],
    ids=lambda path: path.stem,
)  # fmt: skip
def test_algorithm_texts_name_no_library(path):
    words = re.compile(rf"\b({'|'.join(LIBRARIES)})\b", re.IGNORECASE)
    named = [
        f"{number}: {line.strip()}"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if words.search(line)
    ]
    assert not named


def test_modules_have_telling_names():
    assert not [str(path) for path in FILES if path.stem.strip("_") in VAGUE]
