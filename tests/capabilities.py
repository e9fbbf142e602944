"""Tests over all that a public function claims in `orthola.testing.CAPABILITIES`."""

from __future__ import annotations

import pytest

from orthola.testing import CAPABILITIES
from orthola.testing.capabilities import EXACT, HALVES
from tests.backends import BACKENDS, held

__all__ = ["CAPABILITIES", "EXACT", "HALVES", "on_every_backend"]


def on_every_backend(
    function: str, *, dtypes: tuple[str, ...] | None = None
) -> pytest.MarkDecorator:
    """Run a test that takes ``backend`` and ``dtype`` on all that `function` claims.

    ``@on_every_backend("polar")``; `dtypes` narrows the choice, to leave out halves, say.
    """
    claimed = CAPABILITIES[function].dtypes
    cases = [
        pytest.param(backend, dtype, id=f"{backend}-{dtype}")
        for backend in BACKENDS
        for dtype in claimed
        if dtype in held(backend) and (dtypes is None or dtype in dtypes)
    ]
    return pytest.mark.parametrize(("backend", "dtype"), cases, indirect=["backend"])
