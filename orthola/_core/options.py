"""Settings that hold for a block of code rather than for one call."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import TYPE_CHECKING, Any

from .checks import count

if TYPE_CHECKING:
    from .tuning import Tuning

__all__ = ["Options", "current", "options", "with_tuning"]


@dataclass(frozen=True, slots=True)
class Options:
    """What `options` can set."""

    threads: int | None = None
    kernels: bool = True
    tuning: str | Tuning | None = None


_options: ContextVar[Options] = ContextVar("orthola_options", default=Options())  # noqa: B039 frozen


def current() -> Options:
    """The options in force in this thread or task."""
    return _options.get()


@contextmanager
def options(
    *,
    threads: int | EllipsisType | None = ...,
    kernels: bool | EllipsisType = ...,
    tuning: str | os.PathLike[str] | EllipsisType | None = ...,
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
    tuning : path, "built-in" or None, optional
        File with measured crossovers that `orthola tune` has written; "built-in" for those that
        orthola comes with. None: the file that the environment variable ``ORTHOLA_TUNING`` names,
        else the user's, if there is one. A file is read once, when it is first needed.

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
    if tuning is not ...:
        if tuning is not None and not isinstance(tuning, str | os.PathLike):
            raise TypeError(
                f"options: expected tuning to be a path, 'built-in' or None, got {tuning!r}"
            )
        changes["tuning"] = None if tuning is None else os.fspath(tuning)
    with _set(replace(_options.get(), **changes)) as found:
        yield found


@contextmanager
def with_tuning(tuning: Tuning) -> Iterator[Options]:
    """Limits that are in no file."""
    with _set(replace(_options.get(), tuning=tuning)) as found:
        yield found


@contextmanager
def _set(changed: Options) -> Iterator[Options]:
    token = _options.set(changed)
    try:
        yield _options.get()
    finally:
        _options.reset(token)
