"""Operations per second of the parts of a streamed SVD, results verified."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..._core.blas import lean_svd, routines
from ..._lowrank.exact import appended_rows
from .duels import Clock

__all__ = ["RATES", "Part", "measured_rate"]

_ROWS = 2048  # long side of tall matrices
_ORDERS = (32, 64, 128, 256, 512)
_PANEL_ORDERS = (64, 256, 512)
_ACCURACY = 1e-11
_LEAST_RUNS = 3


class Part(NamedTuple):
    """One table of `LowRankRates`."""

    name: str
    orders: tuple[int, ...]
    prepare: Callable[[np.random.Generator, int], Iterator[Any]]  # operations, then each result


def measured_rate(part: Part, order: int, *, clock: Clock, seconds: float) -> float:
    """Operations per second at an order, of the fastest run."""
    rng = np.random.default_rng(order)
    best, runs, end = float("inf"), 0, time.monotonic() + seconds
    while runs < _LEAST_RUNS or time.monotonic() < end:
        job = part.prepare(rng, order)
        operations = next(job)  # inputs are made here, outside of the clock
        begin = clock()
        next(job)
        took = clock() - begin
        if runs == 0 and not next(job):
            raise ArithmeticError(f"a result that is timed is wrong: {part.name} of order {order}")
        best, runs = min(best, took), runs + 1
    return float(operations / max(best, 1e-9))


def _gemm(rng: np.random.Generator, n: int) -> Iterator[Any]:
    a, b = rng.standard_normal((_ROWS, n)), rng.standard_normal((n, n))
    a, b = np.asfortranarray(a), np.asfortranarray(b)
    x, fn = rng.standard_normal(n), routines(a.dtype)
    yield 2.0 * _ROWS * n * n
    c = fn.gemm(1.0, a, b)
    yield c
    yield _close(c @ x, a @ (b @ x), n)


def _herk(rng: np.random.Generator, n: int) -> Iterator[Any]:
    a = np.asfortranarray(rng.standard_normal((n, _ROWS)))
    fn, x = routines(a.dtype), rng.standard_normal(n)
    yield float(_ROWS) * n * n
    lower = fn.rank_k(1.0, a, lower=1)
    yield lower
    full = np.tril(lower) + np.tril(lower, -1).T
    yield _close(full @ x, a @ (a.T @ x), _ROWS)


def _qr(rng: np.random.Generator, n: int) -> Iterator[Any]:
    a = rng.standard_normal((_ROWS, n))
    yield 4.0 * _ROWS * n * n
    q, r = np.linalg.qr(a)
    yield q
    yield _close(q @ r, a, n) and _close(q.T @ q, np.eye(n), n)


def _triangle(rng: np.random.Generator, n: int) -> Iterator[Any]:
    rows = rng.standard_normal((n, n))
    old = np.tril(rng.standard_normal((n, n)))
    given = np.asfortranarray(rows)
    yield 2.0 * n**3
    new = appended_rows(old, given)
    yield new
    yield _close(new @ new.T, old @ old.T + rows.T @ rows, n)


def _svd(rng: np.random.Generator, n: int) -> Iterator[Any]:
    a = rng.standard_normal((n, n))
    given = np.array(a, order="F")
    yield 20.0 * n**3
    found = lean_svd(given)
    yield found
    yield found is not None and _close((found[0] * found[1]) @ found[2], a, n)


def _eigh(rng: np.random.Generator, n: int) -> Iterator[Any]:
    x = rng.standard_normal((n, n))
    a = x + x.T
    yield 9.0 * n**3
    values, v = np.linalg.eigh(a)
    yield values
    yield _close((v * values) @ v.T, a, n)


def _close(x: Any, y: Any, n: int) -> bool:
    return bool(np.linalg.norm(x - y) <= _ACCURACY * n**0.5 * np.linalg.norm(y))


RATES = (
    Part("gemm", _ORDERS, _gemm),
    Part("herk", _ORDERS, _herk),
    Part("qr", _ORDERS, _qr),
    Part("triangle", _PANEL_ORDERS, _triangle),
    Part("svd", _ORDERS, _svd),
    Part("eigh", _ORDERS, _eigh),
)
