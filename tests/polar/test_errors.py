"""Bad input to `polar` and `polar_quality`: what was expected, what came, what to do about it."""

from __future__ import annotations

import numpy as np
import pytest

from orthola import Status, StatusError, check, polar, polar_quality
from orthola.testing import gaussian
from tests.backends import Backend

FUNCTIONS = (polar, lambda a: polar_quality(a, np.eye(2)))


class Opaque:
    """Has a shape and nothing else of an array."""

    shape = (2, 2)


@pytest.mark.parametrize(
    "bad", ["matrix", None, 3.0, {1: 2}, Opaque(), b"ab"], ids=lambda x: type(x).__name__
)
@pytest.mark.parametrize("function", FUNCTIONS, ids=["polar", "polar_quality"])
def test_what_is_no_array(function, bad):
    kind = type(bad).__qualname__
    with pytest.raises(TypeError, match=rf"^polar\w*: expected an array .*got .*{kind}.*convert"):
        function(bad)


@pytest.mark.parametrize(
    ("bad", "got"),
    [
        ([[1, 2], [3]], "rows of equal length"),
        ([["a", "b"], ["c", "d"]], "elements of type <U1"),
        ([[True, False], [False, True]], "elements of type bool"),
        ([[None, 1], [2, 3]], "elements of type object"),
    ],
)
def test_nested_lists_of_something_else(bad, got):
    with pytest.raises(TypeError, match=rf"^polar: expected .*{got}"):
        polar(bad)


@pytest.mark.parametrize("dtype", ["bool", "object", "U3", "S2", "M8[s]", "longdouble"])
def test_dtypes_without_a_meaning(dtype):
    a = np.zeros((2, 2), dtype=dtype)
    if a.dtype == np.float64:
        pytest.skip("longdouble is float64 on this platform")
    with pytest.raises(TypeError, match=r"^polar: expected .*(float64|integers).*got .*astype"):
        polar(a)


def test_booleans_of_every_library(backend: Backend):
    bad = backend.xp.zeros((2, 2), dtype=backend.xp.bool, device=backend.device)
    with pytest.raises(TypeError, match=r"floating dtype .*bool"):
        polar(bad)


def test_masked_arrays_are_not_silently_unmasked():
    with pytest.raises(TypeError, match=r"masked array; fill it first"):
        polar(np.ma.masked_array(np.eye(2), mask=np.eye(2)))


@pytest.mark.parametrize("shape", [(), (0,), (3,)])
def test_fewer_than_two_axes(shape, backend: Backend):
    bad = backend.asarray(np.ones(shape), "float32")
    with pytest.raises(
        ValueError,
        match=r"^polar: expected a of shape \(\.\.\., m, n\).*two axes.*reshape a vector",
    ):
        polar(bad)


def test_arrays_kept_elsewhere_are_not_computed_unasked():
    dask = pytest.importorskip("dask.array")
    with pytest.raises(TypeError, match=r"held in memory, got one of .*dask.*compute it first"):
        polar(dask.ones((4, 4)))


def test_mixed_libraries_are_not_converted():
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match=r"^polar_quality: .*one library, got numpy and torch"):
        polar_quality(np.eye(2), torch.eye(2))
    jax = pytest.importorskip("jax")
    with pytest.raises(TypeError, match=r"one library, got jax and numpy"):
        polar_quality(jax.numpy.eye(2), np.eye(2))


def test_mixed_devices_are_not_moved():
    strict = pytest.importorskip("array_api_strict")
    a, u = (strict.ones((2, 2), device=strict.Device(name)) for name in ("CPU_DEVICE", "device1"))
    with pytest.raises(ValueError, match=r"one device.*move one of them"):
        polar_quality(a, u)


def test_shapes_that_do_not_belong_together():
    with pytest.raises(ValueError, match=r"one shape, got \(3, 2\) and \(2, 2\)"):
        polar_quality(np.zeros((3, 2)), np.eye(2))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"side": "lefft"},
            ValueError,
            r"side .*'right', 'left', got 'lefft'; did you mean 'left'",
        ),
        ({"side": None}, TypeError, r"side to be one of .*got None"),
        ({"side": ["left"]}, TypeError, r"side to be one of .*got \['left'\]"),
        ({"method": "haley"}, ValueError, r"method .*got 'haley'; did you mean 'halley'\?"),
        ({"method": "SVD"}, ValueError, r"method to be one of 'auto', 'svd'.*got 'SVD'"),
        ({"method": 1}, TypeError, r"method to be one of .*got 1"),
        ({"completion": "zero"}, ValueError, r"completion .*'orthonormal', 'none', got 'zero'"),
        ({"degenerate": "raise"}, ValueError, r"degenerate .*'nan', 'zero', 'tikhonov'"),
        ({"derivative": "none"}, ValueError, r"derivative .*'closed-form', 'unrolled'"),
        ({"compute_dtype": "float8"}, ValueError, r"compute_dtype .*'float32', 'float64', got"),
        ({"compute_dtype": "float16"}, ValueError, r"compute_dtype .*got 'float16'"),
        ({"lower_bound": 0.0}, ValueError, r"0.0 < lower_bound <= 1.0, got 0.0"),
        ({"lower_bound": -1.0}, ValueError, r"lower_bound"),
        ({"lower_bound": 1.5}, ValueError, r"lower_bound"),
        ({"lower_bound": float("nan")}, ValueError, r"lower_bound"),
        ({"lower_bound": "small"}, TypeError, r"lower_bound to be a real number, got 'small'"),
        ({"cap": 2.0}, ValueError, r"3.0 < cap|cap"),
        ({"cap": float("inf")}, ValueError, r"cap"),
        ({"cap": None, "max_steps": -1}, ValueError, r"max_steps >= 0, got -1"),
        ({"max_steps": 2.0}, TypeError, r"max_steps to be an integer, got 2.0 \(float\)"),
        ({"max_steps": True}, ValueError, r"max_steps"),
        ({"completion": "none", "method": "halley"}, ValueError, r"completion='none'.*'halley'"),
        ({"method": "gram"}, ValueError, r"float32 or complex64.*got float64; use method='auto'"),
    ],
)
def test_options_out_of_range(options, error, message):
    a = gaussian(3, 3, rng=1)
    before = a.copy()
    with pytest.raises(error, match="^polar: .*" + message):
        polar(a, **options)
    np.testing.assert_array_equal(a, before)


def test_options_that_do_not_exist():
    with pytest.raises(TypeError, match="tolerance"):
        polar(np.eye(2), tolerance=1e-3)
    with pytest.raises(TypeError, match="positional"):
        polar(np.eye(2), "left")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("shape", [(3, 3), (5, 2), (2, 5), (40, 3, 3), (200, 200)])
def test_nonfinite_input(shape, value):
    a = gaussian(*shape[-2:], shape=shape[:-2], rng=2)
    a[..., -1, 0] = value
    before = a.copy()
    items = "in 40 of its items" if len(shape) == 3 else "float64 of shape"
    for method in ("auto", "svd", "newton", "halley"):
        with pytest.raises(
            ValueError,
            match=rf"expected finite entries, got NaN or infinity.*{items}.*check_finite",
        ):
            polar(a, method=method)
        u, h, status = polar(a, method=method, check_finite=False)
        assert np.all(np.isnan(u))
        assert np.all(np.isnan(h))
        assert np.all(status == Status.NONFINITE)
    np.testing.assert_array_equal(a, before)


def test_nonfinite_in_complex_parts():
    for value in (complex(0, np.nan), complex(np.inf, 0), complex(1, -np.inf)):
        a = np.eye(3, dtype=complex)
        a[1, 2] = value
        with pytest.raises(ValueError, match="finite"):
            polar(a)
        assert polar(a, check_finite=False).status == Status.NONFINITE


def test_check_turns_status_into_advice():
    good = polar(np.eye(2))
    assert check(good) is good
    stack = np.stack([np.eye(2), np.zeros((2, 2)), np.full((2, 2), np.nan)])
    result = polar(stack, check_finite=False)
    with pytest.raises(StatusError, match=r"NONFINITE in 2 of 3 items") as caught:
        check(result)
    assert caught.value.status == Status.NONFINITE
    assert check(result, allow=(Status.RANK_DEFICIENT, Status.NONFINITE)) is result
    with pytest.raises(StatusError, match=r"NOT_CONVERGED.*max_steps"):
        check(polar(gaussian(5, 5, rng=3), method="newton", max_steps=1, fallback=False))
