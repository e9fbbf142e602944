"""Holding every library to the same number of threads, before it is loaded."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

POOLS = ("OPENBLAS", "OMP", "MKL", "BLIS", "VECLIB", "NUMBA")


def thread_environment(threads: int) -> dict[str, str]:
    """Environment of a process in which every numerical library uses ``threads`` threads."""
    variables = {f"{pool}_NUM_THREADS": str(threads) for pool in POOLS}
    variables["VECLIB_MAXIMUM_THREADS"] = variables.pop("VECLIB_NUM_THREADS")
    variables["JAX_PLATFORMS"] = "cpu"
    variables["NPROC"] = str(threads)  # XLA's pool for work inside one computation
    eigen = str(threads > 1).lower()
    variables["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={eigen}"
    return variables


@contextmanager
def processors(threads: int) -> Iterator[None]:
    """Processes started inside may use only the first ``threads`` processors, where Linux allows.

    XLA sizes several of its pools by the processors it may use and by nothing else.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:threads])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
