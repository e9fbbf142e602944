"""Settings that hold for a block of code rather than for one call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import Any

from .checks import count

__all__ = ["Options", "current", "options"]


@dataclass(frozen=True, slots=True)
class Options:
    """What `options` can set."""

    threads: int | None = None
    kernels: bool = True


_options: ContextVar[Options] = ContextVar("orthola_options", default=Options())  # noqa: B039 frozen


def current() -> Options:
    """The options in force in this thread or task."""
    return _options.get()


@contextmanager
def options(
    *, threads: int | EllipsisType | None = ..., kernels: bool | EllipsisType = ...
) -> Iterator[Options]:
    """Set options for a ``with`` block, in this thread or asynchronous task only.

    Parameters
    ----------
    threads : int or None, optional
        Threads for orthola's own kernels over stacks of matrices; None means every processor
        the process may use. BLAS keeps its own setting (see threadpoolctl).
    kernels : bool, optional
        False runs the Array-API text everywhere, without Numba or CUDA kernels: slower, useful
        to compare or to find a fault.

    Yields
    ------
    Options
        The settings in force.

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> with orthola.options(kernels=False):
    ...     u = orthola.polar(np.eye(3)).unitary
    """
    changes: dict[str, Any] = {}
    if threads is not ...:
        changes["threads"] = None if threads is None else count("options", "threads", threads)
    if kernels is not ...:
        if not isinstance(kernels, bool):
            raise TypeError(f"options: expected kernels to be True or False, got {kernels!r}")
        changes["kernels"] = kernels
    token = _options.set(replace(_options.get(), **changes))
    try:
        yield _options.get()
    finally:
        _options.reset(token)
