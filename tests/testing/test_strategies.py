"""The strategies reach every kind of matrix, and what they say about one is true."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings

import orthola.testing
from orthola.testing import (
    LAYOUTS,
    PROFILES,
    machine_epsilon,
    matrix_shapes,
    structured_matrices,
)

SPECTRUM_C = 8  # the constant of from_spectrum's docstring
DTYPES = ("float64", "float32", "complex128", "complex64")
SEARCH = settings(
    max_examples=3000, derandomize=True, deadline=None, database=None, phases=[Phase.generate]
)


def is_laid_out(a, layout):
    if layout == "read-only":
        return not a.flags.writeable
    if not a.flags.writeable:
        return False
    return {
        "C": a.flags.c_contiguous,
        "F": np.swapaxes(a, -1, -2).flags.c_contiguous,
        "negative-stride": a.strides[-1] < 0 and a.strides[-2] < 0,
        "strided": a.strides[-1] == 2 * a.itemsize,
    }[layout]


@given(structured_matrices())
def test_a_case_is_what_it_says(case):
    *batch, m, n = case.matrix.shape
    dtype = case.matrix.dtype
    assert dtype.name in DTYPES
    assert case.profile in PROFILES
    assert case.singular_values.shape == (min(m, n),)
    assert np.count_nonzero(case.singular_values) == case.rank
    if case.rank > 1:
        ratio = case.singular_values[0] / case.singular_values[case.rank - 1]
        assert ratio == pytest.approx(case.condition, rel=1e-12)
    if case.matrix.size:
        assert is_laid_out(case.matrix, case.layout)
    double = np.array(case.matrix, dtype=np.result_type(dtype, np.float64))
    unscaled = double * 2.0**-case.exponent
    found = np.linalg.svd(unscaled, compute_uv=False)
    tolerance = SPECTRUM_C * max(m, n) * machine_epsilon(dtype)
    assert found.shape == (*batch, min(m, n))
    assert np.all(np.abs(found - case.singular_values) <= tolerance)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_occurs(layout):
    case = find(structured_matrices(), lambda case: case.layout == layout, settings=SEARCH)
    assert is_laid_out(case.matrix, layout) or case.matrix.size == 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_occurs(dtype):
    find(structured_matrices(), lambda case: case.matrix.dtype == dtype, settings=SEARCH)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_occurs(profile):
    find(structured_matrices(), lambda case: case.profile == profile, settings=SEARCH)


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param(lambda case: case.rank == 0 < min(case.matrix.shape), id="zero"),
        pytest.param(lambda case: 0 < case.rank < min(case.matrix.shape[-2:]), id="deficient"),
        pytest.param(lambda case: case.condition > 1e14, id="ill-conditioned"),
        pytest.param(lambda case: case.exponent > 900, id="huge"),
        pytest.param(lambda case: case.exponent < -900, id="tiny"),
    ],
)
def test_every_extreme_occurs(condition):
    find(structured_matrices(), condition, settings=SEARCH)


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param(lambda s: s[-2] == s[-1] > 2, id="square"),
        pytest.param(lambda s: s[-2] > s[-1] > 1, id="tall"),
        pytest.param(lambda s: 1 < s[-2] < s[-1], id="wide"),
        pytest.param(lambda s: s[-2] == 1 < s[-1], id="row"),
        pytest.param(lambda s: s[-1] == 1 < s[-2], id="column"),
        pytest.param(lambda s: s[-2:] == (1, 1), id="number"),
        pytest.param(lambda s: s[-2] == 0 < s[-1], id="no-rows"),
        pytest.param(lambda s: s[-1] == 0 < s[-2], id="no-columns"),
        pytest.param(lambda s: len(s) == 3 and s[0] > 1, id="stack"),
        pytest.param(lambda s: len(s) == 4 and min(s) > 0, id="stack-of-stacks"),
        pytest.param(lambda s: len(s) > 2 and s[0] == 0, id="empty-stack"),
    ],
)
def test_every_shape_occurs(condition):
    find(matrix_shapes(), condition, settings=SEARCH)


@given(matrix_shapes(min_side=2, max_side=5, max_batch_dims=1, max_batch=2))
def test_shapes_keep_their_limits(shape):
    assert len(shape) in (2, 3)
    assert all(2 <= side <= 5 for side in shape[-2:])
    assert all(size <= 2 for size in shape[:-2])


@given(
    structured_matrices(
        shapes=matrix_shapes(min_side=1),
        dtypes=("float16",),
        profiles=("linear",),
        max_condition=10.0,
        rank_deficient=False,
        max_exponent=0,
        layouts=("F",),
    )
)
def test_choices_can_be_narrowed(case):
    assert case.matrix.dtype == np.float16
    assert (case.profile, case.exponent, case.layout) == ("linear", 0, "F")
    assert 1.0 <= case.condition <= 10.0 * (1 + 1e-12)
    assert case.rank == min(case.matrix.shape[-2:]) > 0


def test_failing_examples_shrink_to_the_simplest_matrix():
    case = find(
        structured_matrices(shapes=matrix_shapes(min_side=1)),
        lambda case: True,
        settings=settings(SEARCH, phases=[Phase.generate, Phase.shrink]),
    )
    assert case.matrix.shape == (1, 1)
    assert (case.condition, case.exponent, case.layout) == (1.0, 0, "C")


def test_hypothesis_is_imported_only_for_a_strategy():
    program = (
        "import sys, orthola.testing\n"
        "assert 'hypothesis' not in sys.modules\n"
        "orthola.testing.matrix_shapes()\n"
        "assert 'hypothesis' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_flat_names_are_all_there():
    assert dir(orthola.testing) == sorted(orthola.testing.__all__)
    for name in orthola.testing.__all__:
        assert getattr(orthola.testing, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = orthola.testing.no_such_name
