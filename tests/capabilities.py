"""What each public function takes: the one record that tests, and the support table, read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from tests.backends import BACKENDS, held

EXACT = ("float64", "float32", "complex128", "complex64")
HALVES = ("float16", "bfloat16")


@dataclass(frozen=True)
class Capability:
    """One public function: the dtypes it takes, and where it does not work."""

    dtypes: tuple[str, ...]
    excluded: Mapping[str, str] = field(default_factory=dict)
    """Back-end name to the reason why it cannot work there."""


CAPABILITIES: dict[str, Capability] = {
    "polar": Capability(EXACT + HALVES),
    "orthogonalize": Capability(EXACT + HALVES),
    "polar_quality": Capability(EXACT),
}


def on_every_backend(
    function: str, *, dtypes: tuple[str, ...] | None = None
) -> pytest.MarkDecorator:
    """Run a test that takes ``backend`` and ``dtype`` on all that `function` claims.

    ``@on_every_backend("polar")``; `dtypes` narrows the choice, to leave out halves, say.
    """
    capability = CAPABILITIES[function]
    cases = [
        pytest.param(
            backend,
            dtype,
            id=f"{backend}-{dtype}",
            marks=[pytest.mark.skip(reason=capability.excluded[backend])]
            if backend in capability.excluded
            else [],
        )
        for backend in BACKENDS
        for dtype in capability.dtypes
        if dtype in held(backend) and (dtypes is None or dtype in dtypes)
    ]
    return pytest.mark.parametrize(("backend", "dtype"), cases, indirect=["backend"])
