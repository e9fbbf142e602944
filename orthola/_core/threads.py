"""Our thread pool: a batch in chunks of fixed size, for serial kernels that release the GIL."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext, suppress
from functools import lru_cache
from itertools import count
from threading import Lock
from typing import Any

__all__ = ["available_threads", "over_chunks"]

_MOST = 256  # threads in the pool; they are started as they are needed

_lock = Lock()
_pool: ThreadPoolExecutor | None = None
_pinned = 0  # calls inside `_one_blas_thread`
_keeper: ThreadPoolExecutor | None = None  # one thread that sets and restores BLAS
_limits: Future[Any] | None = None


def available_threads() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def over_chunks(
    task: Callable[[int, int], object],
    size: int,
    chunk: int,
    *,
    threads: int | None = None,
    serial_below: int = 2,
    blas: bool = False,
) -> None:
    """Call ``task(start, stop)`` for the chunks of ``range(size)``, in several threads.

    Parameters
    ----------
    task : callable
        Works on items start ... stop - 1 and writes its results where no other chunk does. It
        should release the GIL for most of its time.
    size : int
        Items in the batch.
    chunk : int
        Items per chunk, the last one may have less. It must not be derived from the number of
        threads: then the results, to the last bit, do not depend on that number either.
    threads : int, optional
        Threads at most, the calling one included; default: `available_threads`.
    serial_below : int, default 2
        With fewer chunks than this, everything runs in the calling thread.
    blas : bool, default False
        Keep BLAS at one thread meanwhile, in the whole process, as far as threadpoolctl can (it
        gives way to limits that the program holds itself). For tasks that call BLAS; it costs
        two hundred microseconds.

    Raises
    ------
    Exception
        What a task raised. If several did, the error of the earliest chunk; chunks that
        had not been started then are left out.

    Notes
    -----
    The calling thread works too, and help that the pool cannot give (because it is busy, or the
    interpreter is ending) is not waited for. So calls may come from many threads at once, and
    from tasks.
    """
    chunks = -(-size // chunk)
    threads = available_threads() if threads is None else threads
    helpers = 0 if chunks < serial_below else min(threads, chunks) - 1
    with _one_blas_thread() if blas else nullcontext():
        if helpers <= 0:
            for start in range(0, size, chunk):
                task(start, min(start + chunk, size))
            return
        _share(task, size, chunk, chunks, helpers)


def _share(
    task: Callable[[int, int], object], size: int, chunk: int, chunks: int, helpers: int
) -> None:
    numbers = count()  # next() on it is atomic
    errors: dict[int, BaseException] = {}

    def work() -> None:
        while not errors and (number := next(numbers)) < chunks:
            start = number * chunk
            try:
                task(start, min(start + chunk, size))
            except BaseException as error:
                errors[number] = error

    futures: list[Future[None]] = []
    for _ in range(helpers):
        try:
            futures.append(_executor().submit(work))
        except RuntimeError:  # no new threads at the end of the interpreter
            break
    work()
    # What has not begun would find nothing left to do.
    wait([future for future in futures if not future.cancel()])
    if errors:
        raise errors[min(errors)]


def _executor() -> ThreadPoolExecutor:
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(_MOST, thread_name_prefix="orthola")
        return _pool


def _forget() -> None:
    """In a forked child: the threads are not there, and the lock may be held by one of them."""
    global _lock, _pool, _pinned, _keeper, _limits
    _lock, _pool = Lock(), None
    _pinned, _keeper, _limits = 0, None, None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    # BLAS has one setting per process: the first call in saves it, the last one out restores it.
    # threadpoolctl lets only the thread that changed it change it back, hence the keeper.
    global _pinned, _keeper, _limits
    with _lock:
        if _pinned == 0:
            _keeper = _keeper or ThreadPoolExecutor(1, thread_name_prefix="orthola-blas")
            # RuntimeError at the end of the interpreter: BLAS stays as it is
            with suppress(RuntimeError):
                _limits = _keeper.submit(_pin)
                _limits.result()
        _pinned += 1
    try:
        yield
    finally:
        with _lock:
            _pinned -= 1
            if _pinned == 0 and _keeper and _limits:
                with suppress(RuntimeError):
                    _keeper.submit(_limits.result().__exit__, None, None, None).result()
                _limits = None


def _pin() -> Any:
    return _controller(len(sys.modules)).limit(limits=1, user_api="blas").__enter__()


@lru_cache(maxsize=1)
def _controller(modules: int) -> Any:
    """All thread pools in the process; looking for them takes milliseconds.

    Another BLAS comes with an import, so the search is repeated when there are more modules.
    """
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
