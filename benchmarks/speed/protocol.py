"""The vocabulary of a speed comparison: what a case, a job and a contender are.

A *case* says which problem is solved on which numbers; it travels to the workers as JSON and
gives the same array everywhere. A *contender* is a named way to solve it: a function that
prepares a case outside the clock and returns a *job*, the callable that is timed.
"""

import importlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Unavailable(Exception):
    """A peer that this environment does not have: its comparison is skipped with this reason."""


@dataclass(frozen=True)
class Case:
    """One problem on one reproducible array of shape ``(..., m, n)``.

    ``condition=None`` is a Gaussian array; a number is the condition of a matrix with Haar
    singular vectors and geometrically spaced singular values from 1 down.
    """

    problem: str
    shape: tuple[int, ...]
    dtype: str = "float64"
    condition: float | None = None
    seed: int = 20240229

    @property
    def label(self) -> str:
        spectrum = "" if self.condition is None else f" cond {self.condition:.0e}"
        return f"{self.problem} {'x'.join(map(str, self.shape))} {self.dtype}{spectrum}"

    def array(self) -> NDArray[Any]:
        rng = np.random.default_rng(self.seed)
        if self.condition is None:
            return rng.standard_normal(self.shape).astype(self.dtype)
        m, n = self.shape
        k = min(m, n)
        left = np.linalg.qr(rng.standard_normal((m, k)))[0]
        right = np.linalg.qr(rng.standard_normal((n, k)))[0]
        return ((left * np.geomspace(1, 1 / self.condition, k)) @ right.T).astype(self.dtype)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Case":
        return cls(**{**data, "shape": tuple(data["shape"])})


@dataclass(frozen=True)
class Job:
    """What a contender does with a case.

    ``call`` is timed. ``factors`` turns its last answer into the NumPy arrays that the problem's
    measure wants, untimed. ``items`` is set by a contender too slow for the whole stack: it works
    through the first ``items`` matrices only, and its times are scaled up to the stack.
    """

    call: Callable[[], Any]
    factors: Callable[[Any], tuple[NDArray[Any], ...]]
    items: int | None = None


@dataclass(frozen=True)
class Contender:
    """A named way to solve a problem, found again in a worker process by its address."""

    label: str
    prepare: Callable[[Case], Job]

    @property
    def address(self) -> str:
        return f"{self.prepare.__module__}:{self.prepare.__name__}"

    @staticmethod
    def at(address: str) -> "Contender":
        module, name = address.split(":")
        found = getattr(importlib.import_module(module), name)
        assert isinstance(found, Contender)
        return found


def contender(label: str) -> Callable[[Callable[[Case], Job]], Contender]:
    """Name a ``prepare(case) -> Job`` function; it must stand at the top level of its module."""
    return lambda prepare: Contender(label, prepare)


def peer(module: str) -> ModuleType:
    """Import a library that may be absent."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise Unavailable(f"{module} is not installed ({error})") from None
