"""Arrays resolve to one space: library, device and dtype are read, and never changed unasked."""

from __future__ import annotations

import types
from typing import Any

import array_api_compat
import numpy as np
import pytest

import orthola
from orthola._core.space import Space, is_compiling, is_traced, resolve
from orthola.testing import dtype_name, machine_epsilon
from tests.backends import load
from tests.isolation import to_numpy

INTEGERS = ("int8", "int16", "int32", "int64", "uint8")
WIDER = {
    ("float32", "float64"): "float64",
    ("float32", "complex64"): "complex64",
    ("float64", "complex64"): "complex128",
    ("complex64", "complex128"): "complex128",
}


def traced_space(*arrays: Any) -> Any:
    """Under jit only arrays can be returned; the space is kept on the side."""
    space, resolved = resolve("traced_space", *arrays)
    SPACES.append(space)
    return resolved


SPACES: list[Space] = []


def resolved(backend: Any, *arrays: Any) -> tuple[Space, tuple[Any, ...]]:
    if not backend.jitted:
        return resolve("test", *arrays)
    import jax

    out = jax.jit(lambda *xs: traced_space(*xs))(*arrays)
    return SPACES.pop(), out


def default_float(backend: Any) -> Any:
    info = backend.xp.__array_namespace_info__()
    return info.default_dtypes(device=backend.device)["real floating"]


# One array


def test_every_floating_dtype_keeps_library_device_and_dtype(backend):
    for dtype in backend.dtypes:
        x = backend.asarray(np.eye(3), dtype=dtype)
        space, (y,) = resolved(backend, x)
        assert space.xp is backend.xp
        assert space.dtype == x.dtype
        assert space.dtype_name == dtype
        assert space.traced == backend.jitted
        assert space.device is None if backend.jitted else space.device == backend.device
        assert y is x or backend.jitted
        assert y.dtype == x.dtype


def test_names_of_the_libraries(backend):
    space, _ = resolved(backend, backend.asarray(np.eye(2, dtype="float32")))
    known = {"numpy": "numpy", "torch": "torch", "jax": "jax", "cupy": "cupy"}
    assert space.name == known.get(backend.name.split("-")[0], "array_api_strict")


def test_precision_is_read_off_the_dtype(backend):
    for dtype in backend.dtypes:
        space, _ = resolved(backend, backend.asarray(np.eye(2), dtype=dtype))
        assert space.eps == machine_epsilon(dtype)
        assert space.is_complex == dtype.startswith("complex")
        assert space.is_half == (dtype in ("float16", "bfloat16"))
        assert dtype_name(space.real_dtype) == space.real_name
        expected = {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)
        assert space.real_name == expected


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_smallest_exponent_is_that_of_the_smallest_normal_number(dtype):
    space, _ = resolve("test", np.eye(2, dtype=dtype))
    assert 2.0**space.smallest_exponent == np.finfo(dtype).smallest_normal


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_become_the_default_float_of_the_library(backend, dtype):
    if backend.name == "strict-no-x64" and dtype == "int64":
        dtype = "int32"  # the device has nothing wider
    x = backend.asarray(np.arange(6).reshape(2, 3).astype(dtype))
    space, (y,) = resolved(backend, x)
    assert space.dtype == default_float(backend)
    assert y.dtype == space.dtype
    np.testing.assert_array_equal(to_numpy(y), np.arange(6).reshape(2, 3))


def test_a_space_is_hashable_equal_for_equal_input_and_changes_dtype_only(backend):
    x = backend.asarray(np.eye(2, dtype="float32"))
    space, _ = resolved(backend, x)
    again, _ = resolved(backend, x)
    assert space == again
    assert hash(space) == hash(again)
    other = space.with_dtype("complex64")
    assert other != space
    assert (other.xp, other.name, other.device) == (space.xp, space.name, space.device)
    assert other.dtype == backend.xp.complex64
    assert other.with_dtype("float32") == space


# Several arrays


@pytest.mark.parametrize(("pair", "expected"), WIDER.items())
def test_floating_dtypes_are_promoted(backend, pair, expected):
    if not {*pair, expected} <= set(backend.dtypes):
        pair, expected = ("float32", "complex64"), "complex64"
    arrays = [backend.asarray(np.eye(2), dtype=dtype) for dtype in pair]
    for order in (arrays, arrays[::-1]):
        space, out = resolved(backend, *order)
        assert space.dtype_name == expected
        assert all(x.dtype == space.dtype for x in out)


def test_integers_become_the_default_float_before_they_are_promoted(backend):
    whole = backend.asarray(np.eye(2, dtype="int32"))
    single = backend.asarray(np.eye(2, dtype="float32"))
    expected = backend.xp.result_type(default_float(backend), single.dtype)
    for order in ((whole, single), (single, whole)):
        space, out = resolved(backend, *order)
        assert space.dtype == expected
        assert all(x.dtype == expected for x in out)


def test_two_halves_meet_in_single_precision():
    for name in ("torch", "jax"):
        backend = load(name)
        pair = [backend.asarray(np.eye(2), dtype=dtype) for dtype in ("float16", "bfloat16")]
        space, _ = resolve("test", *pair)
        assert space.dtype_name == "float32"


def test_a_truth_value_beside_a_float_is_refused_too():
    with pytest.raises(TypeError, match="got bool from numpy"):
        resolve("test", np.eye(2), np.eye(2, dtype=bool))


@pytest.mark.parametrize(
    ("one", "other"), [("numpy", "torch"), ("strict", "numpy"), ("jax", "torch")]
)
def test_libraries_do_not_mix(one, other):
    a, b = (load(name).asarray(np.eye(2)) for name in (one, other))
    with pytest.raises(TypeError, match="one library") as caught:
        resolve("polar_quality", a, b)
    first, second = (resolve("test", x)[0].name for x in (a, b))
    assert f"got {first} and {second}" in str(caught.value)
    assert str(caught.value).startswith("polar_quality:")


def test_a_list_counts_as_numpy_beside_another_library():
    with pytest.raises(TypeError, match="numpy and torch"):
        resolve("test", [[1.0]], load("torch").asarray(np.eye(1)))


@pytest.mark.parametrize(
    ("one", "other"), [("strict", "strict-device1"), ("strict-device1", "strict")]
)
def test_devices_do_not_mix(one, other):
    a, b = (load(name).asarray(np.eye(2)) for name in (one, other))
    with pytest.raises(ValueError, match="one device") as caught:
        resolve("test", a, b)
    assert "device1" in str(caught.value)
    assert "CPU_DEVICE" in str(caught.value)


# Lists and relatives of NumPy arrays


@pytest.mark.parametrize(
    ("nested", "dtype"),
    [
        ([[1, 2], [3, 4]], "float64"),
        (((1.0, 2.0), (3.0, 4.0)), "float64"),
        ([[1j, 2], [3, 4]], "complex128"),
        ([np.ones(2, "float32"), np.ones(2, "float32")], "float32"),
        ([], "float64"),
    ],
)
def test_nested_lists_of_numbers_become_numpy_arrays(nested, dtype):
    space, (x,) = resolve("test", nested)
    assert space.name == "numpy"
    assert type(x) is np.ndarray
    assert x.dtype == dtype
    np.testing.assert_array_equal(x, np.asarray(nested))


@pytest.mark.parametrize(
    ("nested", "message"),
    [
        ([[1, 2], [3]], "rows of equal length"),
        ([["1"]], "nested lists of numbers, got elements of type"),
        ([[True]], "elements of type bool"),
        ([[None]], "elements of type object"),
    ],
)
def test_other_lists_are_refused(nested, message):
    with pytest.raises(TypeError, match=message):
        resolve("test", nested)


@pytest.mark.parametrize("name", ["torch", "jax", "strict"])
def test_a_list_of_arrays_of_another_library_does_not_become_numpy(name):
    row = load(name).asarray(np.ones(2))
    library = type(row).__module__.partition(".")[0]
    for nested in ([row, row], [[1.0, 2.0], row], [[[1.0, 2.0], row]]):
        with pytest.raises(TypeError, match=f"a list that holds an array of {library}"):
            resolve("test", nested)


def test_masked_arrays_are_refused_with_the_cure():
    with pytest.raises(TypeError, match=r"masked array; fill it first \(x.filled"):
        resolve("test", np.ma.masked_less(np.eye(2), 0.5))


def test_subclasses_of_ndarray_become_plain_views():
    class Tagged(np.ndarray):
        pass

    base = np.eye(2)
    _, (x,) = resolve("test", base.view(Tagged))
    assert type(x) is np.ndarray
    assert np.shares_memory(x, base)


# What is no array of numbers


@pytest.mark.parametrize("thing", [None, "abc", 3.0, {"a": 1}, object(), memoryview(b"abc")])
def test_what_is_no_array_is_named(thing):
    kind = f"{type(thing).__module__}.{type(thing).__qualname__}"
    with pytest.raises(TypeError, match="expected an array") as caught:
        resolve("polar", thing)
    assert kind in str(caught.value)


def test_sparse_matrices_are_refused():
    sparse = pytest.importorskip("scipy.sparse", reason="SciPy is not installed")
    with pytest.raises(TypeError, match=r"scipy\.sparse"):
        resolve("test", sparse.eye_array(3))
    torch = load("torch").xp
    with pytest.raises(TypeError, match=r"dense tensor, got one of layout torch\.sparse_coo"):
        resolve("test", torch.eye(3).to_sparse())


@pytest.mark.parametrize("library", ["array_api_compat.dask.array", "ndonnx", "sparse"])
def test_arrays_not_held_in_memory_are_refused(library):
    class Lazy:
        dtype = np.dtype("float64")

        def __array_namespace__(self, api_version: str | None = None) -> Any:
            return types.ModuleType(library)

    with pytest.raises(TypeError, match="held in memory"):
        resolve("test", Lazy())


@pytest.mark.parametrize("dtype", ["bool", "object", "str", "datetime64[s]", "longdouble", ">f8"])
def test_unsupported_numpy_dtypes_are_named(dtype):
    if np.dtype(dtype) == np.dtype("float64"):
        pytest.skip("long double is double here")
    x = np.zeros((2, 2), dtype=dtype)
    with pytest.raises(TypeError, match="real or complex floating dtype") as caught:
        resolve("polar", x)
    assert f"got {x.dtype} from numpy" in str(caught.value)


def test_truth_values_are_refused_everywhere(backend):
    x = backend.asarray(np.eye(2, dtype=bool))
    with pytest.raises(TypeError, match="floating dtype"):
        resolved(backend, x)


# Abstract values


def test_concrete_arrays_are_not_traced(backend):
    assert not is_traced(backend.asarray(np.eye(2)))
    assert not is_compiling()


@pytest.mark.parametrize("transform", ["jit", "grad", "vmap"])
def test_jax_transformations_trace(transform):
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    seen = []

    def look(x):
        space, _ = resolve("test", x)
        seen.append((is_traced(x), space.traced, space.device))
        return x.sum() if transform == "grad" else x

    getattr(jax, transform)(look)(jax.numpy.ones((2, 2)))
    assert seen == [(True, True, None)]


@pytest.mark.parametrize("first", ["constant", "traced"])
def test_a_constant_mixes_with_a_traced_array(first):
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    constant = jax.numpy.eye(2)

    def measure(x):
        pair = (constant, x) if first == "constant" else (x, constant)
        return orthola.polar_quality(*pair).orthogonality

    expected = orthola.polar_quality(constant, constant).orthogonality
    assert jax.jit(measure)(constant) == expected
    assert np.isfinite(jax.grad(measure)(2.0 * constant)).all()


def test_one_traced_array_makes_the_space_traced():
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    constant = jax.numpy.eye(2)
    jax.jit(lambda x: traced_space(constant, x))(constant)
    space = SPACES.pop()
    assert space.traced
    assert space.device is None


def test_namespace_is_that_of_array_api_compat(backend):
    x = backend.asarray(np.eye(2, dtype="float32"))
    space, _ = resolved(backend, x)
    assert space.xp is array_api_compat.array_namespace(x)
