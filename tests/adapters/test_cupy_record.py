"""A recorded call: what happens in which order, by a stand-in for CuPy; on a device, results."""

from __future__ import annotations

import sys
import types
from contextlib import contextmanager

import numpy as np
import pytest

import orthola
from orthola.adapters.cupy import record
from tests.isolation import to_numpy


class Waits(Exception):
    """As the runtime says it when a captured stream is waited for."""


@pytest.fixture
def log(monkeypatch):
    """Events of a CuPy made of NumPy, whose graph repeats the call that was captured."""
    events: list[str] = []

    class Graph:
        def launch(self, stream):
            assert stream == "current"
            events.append("launch")

    class Stream:
        def __init__(self, non_blocking):
            assert non_blocking  # the default stream cannot be captured

        def __enter__(self):
            events.append("enter")

        def __exit__(self, *_):
            events.append("exit")

        def synchronize(self):
            events.append("wait")

        def begin_capture(self):
            events.append("begin")

        def end_capture(self):
            events.append("end")
            if "broken" in events:  # an error of the call has ended the capture
                raise Waits("operation failed due to a previous error during capture")
            return Graph()

    @contextmanager
    def using_allocator(malloc):
        assert malloc == "malloc of a pool"
        events.append("own memory")
        yield
        events.append("memory as before")

    class Current(str):
        def synchronize(self):
            events.append("wait for examples")

    cuda = types.SimpleNamespace(
        MemoryPool=lambda: types.SimpleNamespace(malloc="malloc of a pool"),
        Stream=Stream,
        using_allocator=using_allocator,
        get_current_stream=lambda: Current("current"),
        runtime=types.SimpleNamespace(getDevice=lambda: 0, CUDARuntimeError=Waits),
    )
    module = types.SimpleNamespace(cuda=cuda, ndarray=np.ndarray)
    monkeypatch.setitem(sys.modules, "cupy", module)
    return events


def test_memory_is_sized_before_the_call_is_captured(log):
    def double(x, *, factor):
        log.append("call")
        return factor * x

    x = np.arange(3.0)
    step = record(double, x, factor=2.0)
    assert log == [
        "wait for examples", "own memory", "enter", "call", "call", "wait", "begin", "call", "end",
        "exit", "memory as before",
    ]  # fmt: skip
    given = np.array([1.0, 2.0, 4.0])
    mine = step(given, copy=False)
    assert log[-1] == "launch"
    np.testing.assert_array_equal(step._given[0], given)  # what the graph works on
    assert step(given, copy=False) is mine
    assert step(given) is not mine
    np.testing.assert_array_equal(x, np.arange(3.0))


def test_results_keep_their_type(log):
    found = record(lambda x: orthola.PolarResult(x, 2 * x, x > 0), np.ones(2))(np.ones(2))
    assert type(found) is orthola.PolarResult
    assert log[-1] == "launch"


def test_a_call_that_waits_is_refused_and_the_capture_is_ended(log):
    calls = []

    def waits(x):
        calls.append(x)
        if len(calls) == 3:
            log.append("broken")
            raise Waits("operation not permitted when stream is capturing")
        return x

    with pytest.raises(ValueError, match=r"never waits for the device.*check_finite=False"):
        record(waits, np.ones(2))
    assert log[-2:] == ["end", "exit"]


def test_a_library_that_cupy_does_not_record_is_named(log):
    def refused(x):
        if "begin" in log:
            raise NotImplementedError("calling cuSOLVER API during stream capture is unsupported")
        return x

    with pytest.raises(ValueError, match="got calling cuSOLVER API"):
        record(refused, np.ones(2))
    assert log[-2:] == ["end", "exit"]


def test_wrong_arguments_are_named(log):
    with pytest.raises(TypeError, match="argument 1 of type float"):
        record(lambda x, y: x, np.ones(2), 1.0)
    step = record(lambda x: x, np.ones(2))
    for wrong in (np.ones(3), np.ones(2, "float32"), [1.0, 2.0]):
        with pytest.raises(ValueError, match=r"argument 0 .* shape \(2,\) and dtype float64"):
            step(wrong)
    with pytest.raises(TypeError, match="expected 1 arrays, got 2"):
        step(np.ones(2), np.ones(2))
    assert "launch" not in log


# With a device

cupy_only = pytest.mark.parametrize("backend", ["cupy"], indirect=True)


@cupy_only
@pytest.mark.parametrize("shape", [(60, 60), (3, 40, 20), (33, 90)])
def test_a_recorded_call_gives_the_same_bits(backend, shape):
    rng = np.random.default_rng(0)
    x, y = (backend.asarray(rng.standard_normal(shape).astype("float32")) for _ in range(2))
    for function, options in (
        (orthola.orthogonalize, {}),
        (orthola.orthogonalize, {"compute_dtype": "float16"}),
    ):
        step = record(function, x, **options)
        for given in (x, y, 2 * x):
            np.testing.assert_array_equal(
                to_numpy(step(given)), to_numpy(function(given, **options))
            )


@cupy_only
def test_a_recorded_stack_of_small_factors_gives_the_same_bits(backend):
    x = backend.asarray(np.random.default_rng(1).standard_normal((64, 5, 3)))
    options = {"check_finite": False, "fallback": False}
    found = record(orthola.polar, x, **options)(2 * x)
    for mine, plain in zip(found, orthola.polar(2 * x, **options), strict=True):
        np.testing.assert_array_equal(to_numpy(mine), to_numpy(plain))


@cupy_only
def test_what_cupy_does_not_record_is_refused_in_words(backend):
    x = backend.asarray(np.eye(40))
    with pytest.raises(ValueError, match="record: expected"):
        record(orthola.polar, x, check_finite=False, fallback=False, method="halley")


@cupy_only
def test_what_looks_at_values_cannot_be_recorded(backend):
    x = backend.asarray(np.eye(4))
    with pytest.raises(ValueError, match="never waits"):
        record(orthola.polar, x)
