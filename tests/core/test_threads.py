"""The thread pool: every item once, the same bits, errors, nesting, fork, BLAS."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from orthola._core.threads import available_threads, over_chunks


@pytest.mark.parametrize("threads", [None, 1, 2, 3, 50])
@pytest.mark.parametrize(("size", "chunk"), [(0, 4), (1, 4), (4, 4), (9, 4), (1000, 7)])
def test_every_item_is_worked_on_once(size, chunk, threads):
    done, lengths = np.zeros(size, int), []

    def task(start, stop):
        done[start:stop] += 1
        lengths.append(stop - start)

    over_chunks(task, size, chunk, threads=threads)
    assert np.all(done == 1)
    assert sum(lengths) == size
    assert all(0 < length <= chunk for length in lengths)


def test_chunks_and_bits_do_not_depend_on_the_number_of_threads():
    x = np.random.default_rng(0).standard_normal(1003)
    sums = []
    for threads in (1, 2, 7):
        result = np.zeros(1003)

        def task(start, stop, result=result):
            result[start:stop] = np.cumsum(x[start:stop])  # depends on where a chunk begins

        over_chunks(task, 1003, 10, threads=threads)
        sums.append(result.tobytes())
    assert sums[0] == sums[1] == sums[2]


def test_threads_work_at_the_same_time():
    barrier = threading.Barrier(2, timeout=30)  # breaks if one thread does everything
    over_chunks(lambda start, stop: barrier.wait(), 2, 1, threads=2)


def test_one_thread_is_the_calling_one():
    names = []
    over_chunks(lambda start, stop: names.append(threading.get_ident()), 5, 1, threads=1)
    over_chunks(
        lambda start, stop: names.append(threading.get_ident()), 5, 1, threads=4, serial_below=6
    )
    assert set(names) == {threading.get_ident()}


def test_no_more_threads_than_asked_for():
    lock, now, most = threading.Lock(), 0, 0

    def task(start, stop):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.002)
        with lock:
            now -= 1

    over_chunks(task, 40, 1, threads=3)
    assert 1 <= most <= 3


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_errors_propagate_and_the_pool_stays_usable(threads):
    def task(start, stop):
        if start >= 20:
            raise ValueError(f"chunk {start}")

    with pytest.raises(ValueError, match="chunk 20"):
        over_chunks(task, 100, 10, threads=threads)
    seen = []
    over_chunks(lambda start, stop: seen.append(start), 4, 1, threads=threads)
    assert sorted(seen) == [0, 1, 2, 3]


def test_after_an_error_the_rest_is_left_out():
    started = []

    def task(start, stop):
        started.append(start)
        raise KeyError(start)

    with pytest.raises(KeyError):
        over_chunks(task, 1000, 1, threads=2)
    assert len(started) <= 2


def test_calls_from_many_threads_at_once():
    def call(seed):
        x, y = np.random.default_rng(seed).standard_normal(500), np.zeros(500)

        def task(start, stop):
            y[start:stop] = 2.0 * x[start:stop]

        for _ in range(20):
            over_chunks(task, 500, 13, threads=3)
        return np.array_equal(y, 2.0 * x)

    with ThreadPoolExecutor(8) as callers:
        assert all(callers.map(call, range(16)))


def test_a_task_may_call_again():
    done = np.zeros((6, 6), int)

    def outer(start, stop):
        def inner(first, last):
            done[start:stop, first:last] += 1

        over_chunks(inner, 6, 1, threads=3)

    over_chunks(outer, 6, 1, threads=3)
    assert np.all(done == 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_gets_a_new_pool():
    # In its own interpreter, since forking is not safe with the other libraries of this suite.
    program = """
import os, signal, threading
from orthola._core.threads import over_chunks
def run():
    barrier = threading.Barrier(2, timeout=20)
    over_chunks(lambda start, stop: barrier.wait(), 2, 1, threads=2)
run()
child = os.fork()
if child == 0:
    signal.alarm(40)
    try:
        run()
    finally:
        os._exit(0 if threading.active_count() == 2 else 1)
assert os.waitpid(child, 0)[1] == 0
run()
"""
    subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program], check=True, timeout=90
    )


def test_calls_while_the_interpreter_ends():
    # At exit the pool takes no more work; the calling thread does it all.
    program = """
import atexit
from orthola._core.threads import over_chunks
seen = []
def late():
    over_chunks(lambda start, stop: seen.append(start), 8, 1, threads=4)
    print(sorted(seen))
atexit.register(late)
over_chunks(lambda start, stop: None, 8, 1, threads=4)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], check=True, timeout=90, capture_output=True, text=True
    )
    assert ran.stdout.strip() == str(list(range(8)))


# In their own interpreter, where BLAS has two threads and nobody else has set a limit.
BLAS = """
import threading
from concurrent.futures import ThreadPoolExecutor
import numpy, threadpoolctl
from orthola._core.threads import over_chunks
def blas():
    info = threadpoolctl.threadpool_info()
    return {library["num_threads"] for library in info if library["user_api"] == "blas"}
before = blas()
"""

INSIDE_AND_OUTSIDE = """
for threads in (1, 3):
    inside = []
    over_chunks(lambda i, j: inside.append(blas()), 6, 1, threads=threads, blas=True)
    assert inside == [{1}] * 6, inside
    assert blas() == before, blas()
try:
    over_chunks(lambda i, j: 1 / 0, 6, 1, threads=2, blas=True)
except ZeroDivisionError:
    assert blas() == before, blas()
inside = []
over_chunks(lambda i, j: inside.append(blas()), 1, 1)
assert inside == [before], inside
"""

OVERLAPPING = """
first_in, second_in, first_out = (threading.Event() for _ in range(3))
def first(start, stop):
    first_in.set()
    assert second_in.wait(30)
def second(start, stop):
    second_in.set()
    assert first_out.wait(30)
    assert blas() == {1}, blas()
with ThreadPoolExecutor(2) as callers:
    one = callers.submit(over_chunks, first, 1, 1, blas=True)
    assert first_in.wait(30)
    two = callers.submit(over_chunks, second, 1, 1, blas=True)
    one.result()
    first_out.set()
    two.result()
assert blas() == before, blas()
with threadpoolctl.threadpool_limits(2, user_api="blas"):
    assert blas() == {2}, blas()
assert blas() == before, blas()
"""


@pytest.mark.parametrize("program", [INSIDE_AND_OUTSIDE, OVERLAPPING], ids=["once", "overlapping"])
def test_blas_has_one_thread_inside_and_its_own_number_outside(program):
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", BLAS + program], check=True, timeout=90, env=environment)


def test_available_threads():
    assert 1 <= available_threads() <= (os.cpu_count() or 1)
