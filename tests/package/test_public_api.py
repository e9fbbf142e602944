"""The public names: which they are, and that each says what it takes and gives."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import orthola
import orthola.testing

NAMES = [
    "CayleyResult",
    "ClusterResult",
    "ConcatSVDBounds",
    "ConcatSVDResult",
    "DictionaryRecovery",
    "DictionaryResult",
    "DictionaryState",
    "GPAResult",
    "HaarReflectors",
    "HouseholderVectors",
    "IncrementalSVD",
    "MeanRotation",
    "MergeResult",
    "OMPPath",
    "OMPResult",
    "ObliqueResult",
    "OnlineOrthogonalDictionary",
    "OrthogonalTransform",
    "OrthonormalBasis",
    "PermutationResult",
    "PolarQuality",
    "PolarResult",
    "PrincipalAngles",
    "ProcrustesResult",
    "ProcrustesStream",
    "ProjectorVectors",
    "RebaseResult",
    "SVDCertificate",
    "SVDConfig",
    "SVDResult",
    "SVDState",
    "Schedule",
    "Status",
    "StatusError",
    "StiefelResult",
    "SymmetricResult",
    "TwoSidedResult",
    "Uniqueness",
    "__version__",
    "cayley",
    "cayley_frame",
    "cayley_frame_inverse",
    "cayley_inverse",
    "check",
    "cluster_blocks",
    "concat_svd",
    "concat_svd_bounds",
    "dictionary_init",
    "dictionary_merge",
    "dictionary_recovery",
    "dictionary_result",
    "dictionary_update",
    "explain",
    "generalized_procrustes",
    "haar",
    "householder_apply",
    "householder_product",
    "householder_projector",
    "householder_projector_vectors",
    "householder_vectors",
    "mean_rotation",
    "merge_weights",
    "oblique_procrustes",
    "omp",
    "omp_path",
    "options",
    "orthogonal_dictionary",
    "orthogonalize",
    "orthonormal_basis",
    "permutation_procrustes",
    "polar",
    "polar_quality",
    "principal_angles",
    "procrustes",
    "project",
    "project_tangent",
    "rebase",
    "retract",
    "schedule",
    "show_versions",
    "skew_exp",
    "skew_exp_frame",
    "skew_from_vector",
    "stiefel_procrustes",
    "svd_downdate",
    "svd_init",
    "svd_merge",
    "svd_result",
    "svd_update",
    "symmetric_procrustes",
    "testing",
    "transfer_codes",
    "two_sided_procrustes",
    "vector_from_skew",
]
FUNCTIONS = [name for name in NAMES if inspect.isfunction(getattr(orthola, name))]
RESULTS = [name for name in NAMES if hasattr(getattr(orthola, name), "_fields")]
# Functions that take no arrays; all others compute.
SERVICES = {"check", "explain", "haar", "options", "schedule", "show_versions"}
NUMERICAL = [name for name in FUNCTIONS if name not in SERVICES]
STORAGE = {"skew_from_vector", "vector_from_skew"}  # nothing is computed, so there is no source
TESTING = [
    name for name in orthola.testing.__all__ if inspect.isfunction(getattr(orthola.testing, name))
]
EVERY_FUNCTION = [f"orthola.{name}" for name in FUNCTIONS] + [
    f"orthola.testing.{name}" for name in TESTING
]


def the(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def sections(text: str) -> dict[str, str]:
    """Sections of a numpydoc docstring by title; the beginning has the title ''."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}$", inspect.cleandoc(text), flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def documented(text: str) -> dict[str, str]:
    """Names of a Parameters section with their types; ``a, b : int`` counts for both."""
    found = {}
    for match in re.finditer(r"^([\w*][\w*, ]*) ?(?:: (.*))?$", text, flags=re.MULTILINE):
        for name in match[1].split(","):
            found[name.strip().lstrip("*")] = match[2] or ""
    return found


# Names


def test_the_public_names_are_these():
    assert sorted(orthola.__all__) == sorted(NAMES)
    assert sorted(dir(orthola)) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_resolves_to_something_that_calls_itself_so(name):
    thing = getattr(orthola, name)
    if name not in ("__version__", "testing"):
        assert thing.__name__ == name
    assert getattr(thing, "__doc__", None)


def test_type_checkers_see_the_same_names_from_the_same_modules():
    tree = ast.parse(Path(orthola.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: f"orthola.{node.module}" if node.module else f"orthola.{alias.name}"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == orthola._HOME


def test_the_package_is_typed():
    assert (Path(orthola.__file__).parent / "py.typed").exists()


def test_the_version_is_a_release_number():
    assert re.fullmatch(r"\d+\.\d+\.\d+([a-z]+\d+)?", orthola.__version__)


@pytest.mark.parametrize("name", sorted(orthola.testing.__all__))
def test_names_of_the_testing_module_resolve(name):
    assert getattr(orthola.testing, name) is not None


# Signatures


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arrays_are_positional_and_options_are_named(name):
    for parameter in inspect.signature(getattr(orthola, name)).parameters.values():
        assert parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            assert parameter.default in (inspect.Parameter.empty, None)


@pytest.mark.parametrize("name", EVERY_FUNCTION)
def test_every_parameter_and_result_is_annotated(name):
    signature = inspect.signature(the(name))
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty


@pytest.mark.parametrize("name", RESULTS)
def test_results_are_typed_named_tuples_with_a_word_on_each_field(name):
    kind = getattr(orthola, name)
    assert issubclass(kind, tuple)
    assert list(kind.__annotations__) == list(kind._fields)
    source = inspect.getsource(kind)
    for field in kind._fields:
        assert re.search(rf"^    {field}: .*  # \S", source, flags=re.MULTILINE), field


def test_fields_of_the_results():
    assert orthola.PolarResult._fields == ("unitary", "hermitian", "status")
    assert orthola.PolarQuality._fields == (
        "orthogonality", "residual", "psd_violation", "asymmetry", "dual_gap",
    )  # fmt: skip


def test_the_type_of_a_result_does_not_depend_on_an_option():
    import numpy as np

    a = np.eye(2)
    for options in ({}, {"side": "left"}, {"method": "halley"}, {"completion": "none"}):
        assert type(orthola.polar(a, **options)) is orthola.PolarResult


# Docstrings


@pytest.mark.parametrize("name", EVERY_FUNCTION)
def test_docstrings_have_their_sections_in_order(name):
    function = the(name)
    found = sections(function.__doc__)
    assert inspect.cleandoc(function.__doc__).partition("\n")[0].endswith(".")
    expected = ["Examples"]
    if inspect.signature(function).parameters:
        expected.append("Parameters")
    assert set(expected) <= set(found)
    assert {"Returns", "Yields"} & set(found)
    order = [
        "", "Parameters", "Returns", "Yields", "Raises", "See Also", "Notes", "References",
        "Examples",
    ]  # fmt: skip
    titles = list(found)
    assert titles == [title for title in order if title in titles]
    assert ">>> " in found["Examples"]


@pytest.mark.parametrize("name", EVERY_FUNCTION)
def test_every_parameter_is_documented_with_its_type_and_no_other(name):
    function = the(name)
    parameters = list(inspect.signature(function).parameters)
    written = documented(sections(function.__doc__).get("Parameters", ""))
    assert list(written) == parameters
    assert all(written.values()) or "options" in written


@pytest.mark.parametrize("name", NUMERICAL)
def test_numerical_functions_say_shape_cost_accuracy_derivatives_errors_and_source(name):
    found = sections(getattr(orthola, name).__doc__)
    assert re.search(r"\(\.\.\., \w", found["Parameters"])
    assert re.search(r"TypeError|ValueError", found["Raises"])
    if name in STORAGE:
        return
    assert re.search(r"doi:10\.|arXiv:\d", found["References"])
    for said in ("cost", "accura|round|exact|error", "derivative|differentiab"):
        assert re.search(said, found["Notes"], flags=re.IGNORECASE), said


@pytest.mark.parametrize("name", NUMERICAL)
def test_functions_without_derivatives_say_so(name):
    claim = orthola.testing.CAPABILITIES[name]
    said = re.search(r"No\s+derivatives|Derivatives exist nowhere", getattr(orthola, name).__doc__)
    assert bool(said) is not bool(claim.torch or claim.jax or claim.jax_forward)


@pytest.mark.parametrize(
    ("name", "option"),
    [("polar", "side"), ("polar", "method"), ("polar", "completion"), ("polar", "degenerate"),
     ("polar", "derivative")],
)  # fmt: skip
def test_every_accepted_word_is_documented(name, option):
    function = getattr(orthola, name)
    import numpy as np

    with pytest.raises(ValueError, match=option) as caught:
        function(np.eye(2), **{option: "?"})
    words = re.findall(r"'([\w-]+)'", str(caught.value).partition(", got")[0])
    assert len(words) > 1
    written = documented(sections(function.__doc__)["Parameters"])[option]
    assert all(f'"{word}"' in written for word in words)


@pytest.mark.parametrize("name", ["Schedule", "Status", "StatusError"])
def test_public_classes_are_documented(name):
    kind = getattr(orthola, name)
    text = inspect.cleandoc(kind.__doc__)
    assert len(text) > 100
    if name != "Status":
        attributes = documented(sections(text)["Attributes"])
        assert set(attributes) == set(getattr(kind, "__dataclass_fields__", ("status", "count")))
