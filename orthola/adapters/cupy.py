"""CuPy: a call of fixed shapes recorded once as a CUDA graph, and launched again as a whole.

A small `orthogonalize` is some twenty kernels of a few microseconds each: what it waits for is the
host that launches them one by one. A graph launches all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

__all__ = ["RecordedCall", "record"]

_WARM_UPS = 2  # the first one compiles and loads, the second one sizes the memory


def record(function: Callable[..., Any], /, *arrays: Any, **options: Any) -> RecordedCall:
    """Record a call on CuPy arrays, to be repeated on others of the same shapes and dtypes.

    Parameters
    ----------
    function : callable
        A function of orthola, or one of your own, that takes CuPy arrays.
    *arrays : cupy.ndarray
        Examples of its array arguments; they are copied.
    **options
        Its other arguments, the same in every call.

    Returns
    -------
    RecordedCall
        Takes arrays like the examples and returns what `function` returns.

    Raises
    ------
    TypeError
        If an argument is not a CuPy array.
    ValueError
        If the call waits for the device, to look at a value: then it has no fixed list of kernels.

    See Also
    --------
    orthola.explain : Says of many calls whether they are static.

    Notes
    -----
    `orthogonalize` is static as it is. `polar` with ``check_finite=False, fallback=False`` is
    static too, but can be recorded only where one kernel does all of it, for stacks of small
    matrices: CuPy refuses to record cuSOLVER. The graph owns its arguments, its results and all
    memory between, as long as the object lives; it was recorded for one device.

    Examples
    --------
    >>> import cupy  # doctest: +SKIP
    >>> from orthola.adapters.cupy import record  # doctest: +SKIP
    >>> x = cupy.random.standard_normal((512, 512), dtype="float32")  # doctest: +SKIP
    >>> step = record(orthola.orthogonalize, x, compute_dtype="bfloat16")  # doctest: +SKIP
    >>> y = step(2 * x)  # doctest: +SKIP
    """
    return RecordedCall(function, arrays, options)


class RecordedCall:
    """What `record` returns: one CUDA graph with the memory it works in.

    Not to be called by several threads at once: they would share that memory.
    """

    def __init__(
        self, function: Callable[..., Any], arrays: tuple[Any, ...], options: dict[str, Any]
    ) -> None:
        import cupy

        for i, x in enumerate(arrays):
            if not isinstance(x, cupy.ndarray):
                raise TypeError(
                    f"record: expected CuPy arrays, got argument {i} of type {type(x).__name__}; "
                    "hand other arguments over by name"
                )
        self._device = cupy.cuda.runtime.getDevice()
        self._pool = cupy.cuda.MemoryPool()  # nobody else is given what the graph writes to
        stream = cupy.cuda.Stream(non_blocking=True)
        cupy.cuda.get_current_stream().synchronize()  # the examples are there
        with cupy.cuda.using_allocator(self._pool.malloc), stream:
            self._given = tuple(x.copy(order="C") for x in arrays)
            for _ in range(_WARM_UPS):
                function(*self._given, **options)
            stream.synchronize()
            stream.begin_capture()
            waits = cupy.cuda.runtime.CUDARuntimeError
            try:
                self._found = function(*self._given, **options)
            except BaseException as error:
                with suppress(waits):  # a capture that was broken off ends with an error
                    stream.end_capture()
                # CuPy says NotImplementedError of the libraries that it does not record.
                if not isinstance(error, (waits, NotImplementedError)):
                    raise
                raise ValueError(
                    f"record: expected a call that never waits for the device, got {error}; for "
                    "orthola's functions turn off what looks at values: check_finite=False, "
                    "fallback=False"
                ) from error
            self._graph = stream.end_capture()

    def __call__(self, *arrays: Any, copy: bool = True) -> Any:
        """Launch the graph on the current stream, for these arrays.

        Parameters
        ----------
        *arrays : cupy.ndarray
            Of the shapes and dtypes of the examples; they are copied into the graph's own.
        copy : bool, default True
            False returns the graph's own results, which the next call overwrites.

        Returns
        -------
        cupy.ndarray or tuple of them
            Of the type that the function returned.
        """
        import cupy

        if len(arrays) != len(self._given):
            raise TypeError(f"expected {len(self._given)} arrays, got {len(arrays)}")
        for i, (mine, x) in enumerate(zip(self._given, arrays, strict=True)):
            if not isinstance(x, cupy.ndarray) or (x.shape, x.dtype) != (mine.shape, mine.dtype):
                raise ValueError(
                    f"expected argument {i} to be a CuPy array of shape {mine.shape} and dtype "
                    f"{mine.dtype}, as recorded, got {_what(x)}; record the call for it"
                )
        if cupy.cuda.runtime.getDevice() != self._device:
            raise ValueError(
                f"expected device {self._device}, where the call was recorded, got "
                f"{cupy.cuda.runtime.getDevice()}; record it there"
            )
        for mine, x in zip(self._given, arrays, strict=True):
            mine[...] = x
        self._graph.launch(cupy.cuda.get_current_stream())
        return _copied(self._found) if copy else self._found


def _what(x: Any) -> str:
    shape = getattr(x, "shape", None)
    kind = type(x).__name__
    return kind if shape is None else f"{kind} of shape {tuple(shape)} and dtype {x.dtype}"


def _copied(found: Any) -> Any:
    if not isinstance(found, tuple):
        return found.copy() if hasattr(found, "copy") else found
    parts = [_copied(x) for x in found]
    return type(found)(*parts) if hasattr(found, "_fields") else tuple(parts)
