"""What an online dictionary is given: arrays, files that can be sliced, iterables of chunks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .._core import checks
from .._core.space import Space, resolve
from .arguments import converted, expect_home

__all__ = ["chunks", "rows_of"]

_BYTES = 2**24  # read from a sliced source at a time


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
    n = y.shape[1] if example is None else example.shape[-1]
    n = n if mean is None else mean.shape[-1]
    if y.shape[1] != n:
        raise ValueError(
            f"{name}: expected samples of shape (b, {n}), as before, got {checks.describe(y)}"
        )
    if given.name == "torch":
        y = y.detach()
    y = converted(name, space, given, y)
    if check_finite:
        _expect_finite(name, space, y)
    return space, y if mean is None else y - space.xp.astype(mean, space.dtype, copy=False)


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
