"""Which back-ends and dtypes a test runs on, where compiling for each would take minutes."""

from __future__ import annotations

import pytest

from tests.capabilities import on_every_backend


def on_backends(
    function: str, *, dtypes: tuple[str, ...] | None = None, compiled: tuple[str, ...]
) -> pytest.MarkDecorator:
    """As `on_every_backend`, with the dtypes `compiled` alone for JAX, which compiles each call."""
    mark = on_every_backend(function, dtypes=dtypes)
    names, cases = mark.args
    kept = [
        case for case in cases if not case.values[0].startswith("jax") or case.values[1] in compiled
    ]
    return pytest.mark.parametrize(names, kept, indirect=["backend"])
