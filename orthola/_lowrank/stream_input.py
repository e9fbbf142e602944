"""What a stream can be fed from: arrays in memory or on disk, sparse matrices, iterators."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

__all__ = ["blocks_of", "is_sliced", "is_sparse", "slices", "total_of"]


def is_sparse(x: Any) -> bool:
    """Whether this is a matrix or array of scipy.sparse."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(x))


def is_sliced(source: Any) -> bool:
    """Whether this has a shape and can be cut: arrays, memmap, zarr, h5py, sparse matrices."""
    return hasattr(source, "shape") and hasattr(source, "dtype")


def total_of(source: Any, axis: int) -> int | None:
    """Samples in it, if that can be known."""
    return int(source.shape[axis]) if is_sliced(source) else None


def slices(source: Any, axis: int, width: int) -> Iterator[Any]:
    """Sparse matrices as dense blocks of at most `width` samples; one conversion to CSR or CSC."""
    compressed = source.tocsr() if axis == 0 else source.tocsc()
    for start in range(0, source.shape[axis], width):
        cut = slice(start, start + width)
        yield (compressed[cut] if axis == 0 else compressed[:, cut]).toarray()


def blocks_of(source: Any, axis: int, width: int, skip: int) -> Iterator[Any]:
    """Blocks of a source without its first `skip` samples; the next one is read ahead."""
    if not is_sliced(source):
        yield from _rest(iter(source), axis, skip)
        return
    if is_sparse(source):
        rest = source.tocsr()[skip:] if axis == 0 else source.tocsc()[:, skip:]
        yield from slices(rest, axis, width)
        return
    length = _along_chunks(source, axis, width)
    starts = range(skip, int(source.shape[axis]), length)

    def read(start: int) -> Any:
        # To the next boundary of chunks, wherever the first sample is.
        stop = min(start - start % length + length, int(source.shape[axis]))
        return source[start:stop] if axis == 0 else source[:, start:stop]

    if isinstance(source, np.ndarray) and not isinstance(source, np.memmap):
        yield from (read(start) for start in _starts(skip, starts, length))
        return
    with ThreadPoolExecutor(1, thread_name_prefix="orthola-read") as reader:
        ahead = None
        for start in _starts(skip, starts, length):
            following = reader.submit(read, start)
            if ahead is not None:
                yield ahead.result()
            ahead = following
        if ahead is not None:
            yield ahead.result()


def _starts(skip: int, starts: range, length: int) -> Iterator[int]:
    if len(starts):
        yield skip
        yield from range(skip - skip % length + length, starts.stop, length)


def _along_chunks(source: Any, axis: int, width: int) -> int:
    """A whole number of chunks, of about `width` samples."""
    chunks = getattr(source, "chunks", None)
    if not chunks or not isinstance(chunks[axis], int):
        return width
    return int(chunks[axis]) * max(1, width // int(chunks[axis]))


def _rest(blocks: Iterator[Any], axis: int, skip: int) -> Iterator[Any]:
    for block in blocks:
        n = block.shape[axis]
        if skip >= n:
            skip -= n
            continue
        yield (block[skip:] if axis == 0 else block[:, skip:]) if skip else block
        skip = 0
