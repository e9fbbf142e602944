"""Tests over back-ends and dtypes that belong to no public function's record."""

from __future__ import annotations

import pytest

from tests.backends import BACKENDS, held

_COMPILED = ("float64", "complex64")  # JAX compiles every case: of four dtypes it gets these two
_COVERED = ("strict", "strict-no-float64")  # other modes of this library are stricter


def on_dtypes(*dtypes: str) -> pytest.MarkDecorator:
    """Run a test that takes ``backend`` and ``dtype`` on all back-ends that hold the dtypes."""
    some = [dtype for dtype in dtypes if dtype in _COMPILED] or dtypes
    cases = [
        (name, dtype)
        for name in BACKENDS
        if name not in _COVERED
        for dtype in (some if name.startswith("jax") else dtypes)
        if dtype in held(name)
    ]
    return pytest.mark.parametrize(("backend", "dtype"), cases, indirect=["backend"])


def real_of(dtype: str) -> str:
    """Name of the real dtype of the same precision."""
    return {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)
