"""What an online dictionary is given: arrays, files that can be sliced, iterables of chunks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .._core import checks
from .._core.space import Space, resolve
from .arguments import converted, expect_home

__all__ = ["chunks", "mean_of", "rows_of"]

_BYTES = 2**24  # read from a sliced source at a time


def mean_of(name: str, mean: Any) -> Any:
    """A mean as a floating array (n,)."""
    _, (row,) = resolve(name, mean)
    if row.ndim != 1:
        raise ValueError(f"{name}: expected mean of shape (n,), got {checks.describe(row)}")
    return row


def rows_of(name: str, samples: Any, mean: Any, example: Any, *, check_finite: bool) -> Any:
    """(space, samples (b, n)) as centred floating arrays that go with an `example` from before."""
    given, (y,) = resolve(name, samples)
    if given.traced:
        raise TypeError(
            f"{name}: expected concrete arrays, got traced ones; use dictionary_update inside of "
            "jit and compile"
        )
    if y.ndim != 2:
        raise ValueError(
            f"{name}: expected samples of shape (b, n), got {checks.describe(y)}; rows are samples"
        )
    space = checks.compute_space(name, given, None)
    if example is not None:
        space, _ = resolve(name, example)
        expect_home(name, space, given)
    if mean is not None:
        _expect_mean_of(name, space, y, mean)
    elif example is not None and y.shape[1] != example.shape[-1]:
        raise ValueError(
            f"{name}: expected samples of shape (b, {example.shape[-1]}), as before, got "
            f"{checks.describe(y)}"
        )
    if given.name == "torch":
        y = y.detach()
    y = converted(name, space, given, y)
    if check_finite:
        _expect_finite(name, space, y)
    return space, y if mean is None else y - space.xp.astype(mean, space.dtype, copy=False)


def _expect_mean_of(name: str, space: Space, y: Any, mean: Any) -> None:
    given, _ = resolve(name, mean)
    expect_home(name, given, space, like="the mean")
    if y.shape[1] != mean.shape[0] or (given.is_complex and not space.is_complex):
        raise ValueError(
            f"{name}: expected samples of shape (b, {mean.shape[0]}), as the mean in "
            f"{given.dtype_name}, got {checks.describe(y)}"
        )


def _expect_finite(name: str, space: Space, y: Any) -> None:
    xp = space.xp
    finite = xp.isfinite(y)
    if not bool(xp.all(finite)):
        bad = xp.any(~finite, axis=-1)
        raise ValueError(
            f"{name}: expected finite samples, got NaN or infinity in "
            f"{int(xp.sum(xp.astype(bad, xp.int32)))} rows of {checks.describe(y)}; mend them, or "
            "pass check_finite=False to skip such rows"
        )


def chunks(name: str, data: Any, batch: int | None) -> Iterator[Any]:
    """Chunks of rows of a source that has a shape and can be sliced, or whatever it iterates over.

    Arrays of any library, memory maps, and the arrays of zarr and h5py are read slice by slice,
    whole batches at a time; nothing else is held in memory.
    """
    shape = getattr(data, "shape", None)
    if shape is None and isinstance(data, (list, tuple)) and not _holds_arrays(data):
        yield data  # nested lists of numbers
        return
    if shape is None:
        try:
            iterator = iter(data)
        except TypeError:
            raise TypeError(
                f"{name}: expected an array, something that can be sliced like one, or an "
                f"iterable of arrays, got {type(data).__name__}"
            ) from None
        yield from iterator
        return
    if len(shape) != 2:
        raise ValueError(f"{name}: expected samples of shape (M, n), got {tuple(shape)}")
    size = batch or 1
    rows = max(1, _BYTES // (8 * max(int(shape[1]), 1) * size)) * size
    for first in range(0, int(shape[0]), rows):
        yield data[first : first + rows]


def _holds_arrays(data: Any) -> bool:
    return bool(data) and hasattr(data[0], "shape")
