"""Static mistakes raise at once and say what was expected, what came and what to do."""

from __future__ import annotations

import math
import sys
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import orthola
from orthola._core.checks import compute_space, count, describe, is_matrix, one_of, real_in
from orthola._core.space import resolve

NAMES = ("svd", "newton", "newton-schulz")


# is_matrix


@pytest.mark.parametrize("shape", [(), (3,)])
def test_fewer_than_two_axes_are_refused_with_the_cure(backend, shape):
    x = backend.asarray(np.zeros(shape, "float32"))
    with pytest.raises(ValueError, match=r"expected b of shape \(\.\.\., m, n\)") as caught:
        is_matrix("function", x, name="b")
    message = str(caught.value)
    assert message.startswith("function: ")
    assert "float32" in message
    assert str(shape) in message
    assert "b[:, None]" in message


@pytest.mark.parametrize("shape", [(2, 3), (0, 0), (4, 0, 3), (1, 1, 1, 1)])
def test_matrices_and_stacks_pass(backend, shape):
    assert is_matrix("function", backend.asarray(np.zeros(shape, "float32"))) is None


def test_describe_says_dtype_and_shape(backend):
    text = describe(backend.asarray(np.zeros((2, 3), "float32")))
    assert "float32" in text
    assert text.endswith("(2, 3)")


# one_of


@pytest.mark.parametrize("value", NAMES)
def test_allowed_names_pass(value):
    assert one_of("f", "method", value, NAMES) is None


@pytest.mark.parametrize(
    ("value", "near"), [("newtonschulz", "newton-schulz"), ("SVD ", None), ("svt", "svd")]
)
def test_unknown_names_are_answered_with_the_list_and_the_nearest(value, near):
    with pytest.raises(ValueError, match="f: expected method to be one of") as caught:
        one_of("f", "method", value, iter(NAMES))
    message = str(caught.value)
    assert all(repr(name) in message for name in NAMES)
    assert f"got {value!r}" in message
    assert ("did you mean" in message) == (near is not None)
    assert near is None or message.endswith(f"did you mean {near!r}?")


@pytest.mark.parametrize("value", [None, 3, True, b"svd"])
def test_names_of_another_type_are_type_errors(value):
    with pytest.raises(TypeError, match="expected method to be one of"):
        one_of("f", "method", value, NAMES)


# count


@pytest.mark.parametrize("value", [1, 7, np.int32(7), np.asarray(7)])
def test_integers_count(value):
    number = count("f", "steps", value)
    assert type(number) is int
    assert number == int(value)


@pytest.mark.parametrize(("value", "least"), [(0, 1), (-3, 0), (True, 1), (False, 0), (4, 5)])
def test_small_numbers_and_truth_values_do_not_count(value, least):
    with pytest.raises(ValueError, match=f"f: expected steps >= {least}, got {value!r}"):
        count("f", "steps", value, least=least)


@pytest.mark.parametrize("value", [1.0, "1", None, [1], np.float64(2)])
def test_what_is_no_integer_is_a_type_error(value):
    with pytest.raises(TypeError, match="f: expected steps to be an integer") as caught:
        count("f", "steps", value)
    assert type(value).__name__ in str(caught.value)


# real_in


@pytest.mark.parametrize("value", [0.5, 1, np.float32(0.25), Decimal("0.1"), Fraction(1, 3)])
def test_real_numbers_become_floats(value):
    number = real_in("f", "tol", value, 0.0, 1.0)
    assert type(number) is float
    assert number == float(value)


@pytest.mark.parametrize("value", [0.0, -0.5, 1.0000001, math.inf, math.nan])
def test_numbers_outside_are_refused(value):
    with pytest.raises(ValueError, match=r"f: expected 0\.0 < tol <= 1\.0, got") as caught:
        real_in("f", "tol", value, 0.0, 1.0)
    assert repr(value) in str(caught.value)


def test_any_finite_number_is_an_open_end_in_words():
    assert real_in("f", "tol", 1e308, 0.0, sys.float_info.max) == 1e308
    with pytest.raises(ValueError, match=r"f: expected 0\.0 < tol < inf, got inf"):
        real_in("f", "tol", math.inf, 0.0, sys.float_info.max)


def test_the_lower_end_is_taken_where_the_interval_is_closed():
    assert real_in("f", "tol", 0, 0.0, 1.0, closed=True) == 0.0
    for value in (-1e-300, 1.5, math.nan):
        with pytest.raises(ValueError, match=r"f: expected 0\.0 <= tol <= 1\.0, got"):
            real_in("f", "tol", value, 0.0, 1.0, closed=True)


@pytest.mark.parametrize("value", [None, 1j, [0.5], "half"])
def test_what_is_no_real_number_is_a_type_error(value):
    with pytest.raises(TypeError, match="f: expected tol to be a real number"):
        real_in("f", "tol", value, 0.0, 1.0)


# compute_space


def space_of(dtype):
    return resolve("test", np.eye(2, dtype=dtype))[0]


@pytest.mark.parametrize(
    ("dtype", "asked", "expected"),
    [
        ("float64", None, "float64"),
        ("complex64", None, "complex64"),
        ("float16", None, "float32"),
        ("float32", "float64", "float64"),
        ("float64", "float32", "float32"),
        ("complex64", "float64", "complex128"),
        ("complex128", "float32", "complex64"),
        ("float16", "float64", "float64"),
        ("float32", np.float64, "float64"),
        ("float32", np.dtype("float64"), "float64"),
    ],
)
def test_where_to_compute(dtype, asked, expected):
    assert compute_space("f", space_of(dtype), asked).dtype_name == expected


def test_the_same_precision_is_the_same_space():
    space = space_of("float64")
    assert compute_space("f", space, "float64") is space
    assert compute_space("f", space, None) is space


def test_half_precisions_only_where_a_function_computes_in_them():
    space = space_of("float32")
    assert compute_space("f", space, "float16", half=True).dtype_name == "float16"
    assert compute_space("f", space_of("float16"), "float16", half=True).is_half
    with pytest.raises(ValueError, match="'float32', 'float64', got 'float16'"):
        compute_space("f", space, "float16")


@pytest.mark.parametrize("asked", ["complex64", "int32", "double", "float128"])
def test_other_precisions_are_refused(asked):
    with pytest.raises(ValueError, match="f: expected compute_dtype to be one of 'float32'"):
        compute_space("f", space_of("float64"), asked)


@pytest.mark.parametrize("asked", ["float16", "bfloat16"])
def test_complex_arrays_have_no_half_precision(asked):
    with pytest.raises(ValueError, match="no library has complex half precision"):
        compute_space("f", space_of("complex64"), asked, half=True)


# Through a public function: the message starts with its name


@pytest.mark.parametrize(
    ("options", "error", "part"),
    [
        ({"method": "newton_schulz"}, ValueError, "did you mean 'newton-schulz'?"),
        ({"side": "Left"}, ValueError, "did you mean 'left'?"),
        ({"completion": None}, TypeError, "expected completion to be one of"),
        ({"degenerate": "inf"}, ValueError, "'nan', 'zero', 'tikhonov'"),
        ({"derivative": "auto"}, ValueError, "'closed-form', 'unrolled'"),
        ({"lower_bound": 0.0}, ValueError, "expected 0.0 < lower_bound <= 1.0"),
        ({"lower_bound": "small"}, TypeError, "expected lower_bound to be a real number"),
        ({"cap": 1.0}, ValueError, "expected 3.0 < cap"),
        ({"max_steps": -1}, ValueError, "expected max_steps >= 0"),
        ({"max_steps": 2.0}, TypeError, "expected max_steps to be an integer"),
        ({"compute_dtype": "float16"}, ValueError, "expected compute_dtype to be one of"),
        ({"method": "gram"}, ValueError, "expected float32 or complex64"),
        ({"method": "halley", "completion": "none"}, ValueError, "expected method='svd'"),
    ],
)
def test_polar_names_itself_the_option_and_the_value(options, error, part):
    with pytest.raises(error) as caught:
        orthola.polar(np.eye(2), **options)
    assert str(caught.value).startswith("polar: ")
    assert part in str(caught.value)
