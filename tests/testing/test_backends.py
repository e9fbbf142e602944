"""The back-end fixtures: library, device and dtype arrive as they should, and come back whole."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, NamedTuple

import array_api_compat
import numpy as np
import pytest
from hypothesis import given, settings

from orthola.testing import dtype_name, machine_epsilon, structured_matrices
from tests.backends import cuda_driver, load
from tests.capabilities import CAPABILITIES, on_every_backend
from tests.isolation import assert_same_kind, to_numpy

HERE = ("numpy", "numpy-readonly", "strict", "strict-device1", "strict-restricted", "torch", "jax")


class Halves(NamedTuple):
    half: Any
    negative: Any


def halves(x, *, factor=0.5):
    return Halves(x * factor, -x)


def test_fixtures_belong_together(backend, xp, device):
    assert xp is backend.xp
    assert device is backend.device
    x = backend.asarray(np.eye(2, dtype="float32"))
    assert array_api_compat.array_namespace(x) is xp
    assert array_api_compat.device(x) == device


def test_functions_of_the_namespace_accept_the_device(xp, device, backend):
    made = xp.eye(2, dtype=xp.float32, device=device)
    assert_same_kind(made, backend.asarray(np.eye(2, dtype="float32")), shape=(2, 2))


def test_every_dtype_goes_there_and_back(backend):
    for dtype in backend.dtypes:
        host = np.array([[1.0, -0.5, 0.25], [2.0, 0.0, 3.0]])
        x = backend.asarray(host, dtype=dtype)
        assert dtype_name(x.dtype) == dtype
        assert x.dtype == getattr(backend.xp, dtype)
        np.testing.assert_array_equal(to_numpy(x), host)
        expected = "float32" if dtype == "bfloat16" else dtype
        assert to_numpy(x).dtype == expected


def test_dtypes_that_are_not_held_are_refused(backend):
    for dtype in {"float64", "complex128"} - set(backend.dtypes):
        with pytest.raises(ValueError, match=dtype):
            backend.asarray(np.eye(2), dtype=dtype)
        x = backend.asarray(np.eye(2, dtype=dtype))
        assert machine_epsilon(x.dtype) == 2.0**-23


def test_integers_and_truth_values_go_there_and_back(backend):
    for host in (np.arange(6).reshape(2, 3), np.array([True, False]), np.asarray(3)):
        x = backend.asarray(host)
        assert tuple(x.shape) == host.shape
        np.testing.assert_array_equal(to_numpy(x), host)


def test_call_keeps_kind_and_passes_options(backend):
    x = backend.asarray(np.arange(6.0).reshape(2, 3))
    for factor in (0.5, 0.25):
        result = backend.call(halves, x, factor=factor)
        assert isinstance(result, Halves)
        assert_same_kind(result.half, x, shape=(2, 3))
        np.testing.assert_array_equal(to_numpy(result.half), to_numpy(x) * factor)


def test_call_traces_on_jitted_backends_only(backend):
    seen = []

    def look(x):
        seen.append(x)
        return x

    x = backend.asarray(np.eye(2))
    backend.call(look, x)
    assert (seen[0] is x) != backend.jitted
    if backend.jitted:
        import jax

        assert isinstance(seen[0], jax.core.Tracer)


def test_jax_has_64_bits():
    jnp = pytest.importorskip("jax.numpy")
    assert jnp.asarray(1.0).dtype == jnp.float64


def test_read_only_arrays_refuse_writing():
    x = load("numpy-readonly").asarray(np.eye(2))
    with pytest.raises(ValueError, match="read-only"):
        x[0, 0] = 2.0


@given(structured_matrices(dtypes=("float32", "complex64")))
@settings(max_examples=10)
def test_fixtures_work_under_hypothesis_and_take_every_layout(backend, case):
    x = backend.asarray(case.matrix)
    assert dtype_name(x.dtype) == case.matrix.dtype.name
    assert tuple(x.shape) == case.matrix.shape
    np.testing.assert_array_equal(to_numpy(x), case.matrix)


def test_numpy_backends_keep_the_layout():
    host = np.asfortranarray(np.ones((3, 2)))[::-1]
    for name in ("numpy", "numpy-readonly"):
        assert load(name).asarray(host).strides == host.strides


def test_restricted_mode_holds_during_the_test_and_only_then(backend, xp):
    x = backend.asarray(np.eye(2, dtype="float32"))
    if backend.restricted:
        with pytest.raises(RuntimeError):
            xp.nonzero(x)
        with pytest.raises(RuntimeError):
            x[x > 0]
    elif backend.name.startswith("strict"):
        assert x[x > 0].shape == (2,)


def test_restricted_mode_is_off_in_other_tests():
    strict = load("strict").xp
    assert strict.get_array_api_strict_flags()["boolean_indexing"]


def test_the_default_device_is_caught():
    like = load("strict-device1").asarray(np.eye(2))
    careless = like.device and load("strict").xp.eye(2)
    with pytest.raises(AssertionError, match="device"):
        assert_same_kind(careless, like)


def test_another_library_dtype_or_shape_is_caught(backend):
    x = backend.asarray(np.eye(2, dtype="float32"))
    other = load("numpy" if backend.name != "numpy" else "strict")
    if other.xp is not backend.xp:
        with pytest.raises(AssertionError, match="library"):
            assert_same_kind(other.asarray(np.eye(2, dtype="float32")), x)
    with pytest.raises(AssertionError, match="dtype"):
        assert_same_kind(backend.asarray(np.eye(2, dtype="complex64")), x)
    with pytest.raises(AssertionError, match="shape"):
        assert_same_kind(x, x, shape=(2, 3))
    assert_same_kind(backend.asarray(np.eye(2, dtype="complex64")), x, dtype="complex64")


def test_strict_arrays_of_two_devices_do_not_mix():
    one, two = (load(name).asarray(np.eye(2)) for name in ("strict", "strict-device1"))
    with pytest.raises(ValueError, match="device"):
        _ = one + two


@pytest.mark.parametrize("name", HERE)
def test_backends_of_the_test_extra_are_here(name):
    # They are all in the extra "test": their tests must not be skipped unnoticed.
    assert load(name).name == name


def run_pytest(*options):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, __file__]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_backend_option_selects():
    run = run_pytest("--backend", "strict", "--backend", "numpy", "--collect-only")
    names = [line for line in run.stdout.splitlines() if "::" in line]
    assert len(names) > 20
    assert all("[strict" in name or "[numpy" in name for name in names)
    assert not any("readonly" in name or "device1" in name for name in names)


@pytest.mark.skipif(cuda_driver(), reason="there is a GPU, so that CuPy may be here")
def test_a_backend_asked_for_by_name_fails_where_it_is_missing():
    run = run_pytest("--backend", "cupy", "-k", "test_fixtures_belong_together")
    assert run.returncode == pytest.ExitCode.TESTS_FAILED
    assert "cupy" in run.stdout


@on_every_backend("polar_quality")
def test_a_capability_supplies_backend_and_dtype(backend, dtype):
    assert dtype in CAPABILITIES["polar_quality"].dtypes
    x = backend.asarray(np.eye(2), dtype=dtype)
    assert_same_kind(backend.call(halves, x).negative, x, dtype=dtype)


@on_every_backend("polar", dtypes=("float16", "bfloat16"))
def test_a_capability_can_be_narrowed(backend, dtype):
    assert dtype in ("float16", "bfloat16")
    assert dtype in backend.dtypes
