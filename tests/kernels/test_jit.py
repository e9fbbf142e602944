from __future__ import annotations

import numba
import pytest

from orthola._kernels.numba.jit import jit


def double(x):
    return x + x


def test_kernels_release_the_gil_and_do_not_trade_accuracy():
    options = jit(double).targetoptions
    assert options["nogil"]
    assert options["error_model"] == "numpy"
    assert not options.get("fastmath")
    assert not options.get("parallel")


def test_without_a_folder_to_write_to_kernels_compile_uncached(monkeypatch):
    njit, asked = numba.njit, []

    def refuse(**options):
        asked.append(options.get("cache", False))
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available for file")
        return njit(**options)

    monkeypatch.setattr(numba, "njit", refuse)
    kernel = jit(double)
    monkeypatch.undo()
    assert asked == [True, False]
    assert kernel(21) == 42


def test_kernels_are_cached_where_possible(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    kernel = jit(double)
    assert kernel(2.0) == 4.0
    assert list(tmp_path.rglob("*.nbi"))
    with pytest.raises(numba.TypingError):
        kernel(None)
