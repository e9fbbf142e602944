"""Certificates beside the truth: against the rank, along the stream, and with a tolerance."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import IncrementalSVD
from .contenders import CONTENDERS, Found
from .outcome import Experiment
from .rows import Stream

__all__ = ["against_rank", "against_tolerance", "along_the_stream"]

Array = np.ndarray[Any, Any]
_RANKS = (1, 2, 4, 8, 16, 32, 64)
_TOLERANCES = (0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01)
_FIXED = 8  # rank along the stream
_POINTS = 8
_ROUNDING = 1e-12  # of the norm: a least possible error below it is none
_STREAMED = ("exact-r", "brand", "IncrementalPCA")


def against_rank(stream: Stream, *, quick: bool) -> Experiment:
    """How much more than the least error there is, and how much more is certified."""
    ranks = [k for k in _RANKS if k <= stream.features // 2][: 3 if quick else None]
    truth = _Truth(stream.joined())
    curves, violations = _excesses([(stream.blocks, k, truth) for k in ranks])
    return Experiment(
        "rank", "How far from the best approximation?", "rank", "excess",
        [float(k) for k in ranks], curves, violations,
    )  # fmt: skip


def along_the_stream(stream: Stream, *, quick: bool) -> Experiment:
    """The same while the data drift, at a small rank."""
    total, points = len(stream.blocks), 3 if quick else _POINTS
    rank = min(_FIXED, stream.features // 4)
    counts = sorted({round(n) for n in np.geomspace(2, total, points).tolist()})
    cases = [(stream.blocks[:n], rank, _Truth(stream.joined(n))) for n in counts]
    curves, violations = _excesses(cases)
    return Experiment(
        "stream", f"The same along the stream, rank {rank}", "blocks so far", "excess",
        [float(n) for n in counts], curves, violations,
    )  # fmt: skip


def against_tolerance(stream: Stream, *, quick: bool) -> Experiment:
    """The rank that a tolerance leads to, beside the least possible one."""
    truth = _Truth(stream.joined())
    tolerances = list(_TOLERANCES[: 3 if quick else None])
    found, violations = [], 0
    for tol in tolerances:
        svd = IncrementalSVD(tol=tol, center=True, engine="brand")
        for block in stream.blocks:
            svd.partial_fit(block)
        result = svd.result()
        rank = int(result.rank)
        found.append(float(rank))
        allowed = tol * truth.norm + 2.0 * float(result.certificate.allowance)
        violations += truth.error(result.basis[:, :rank]) > allowed
    least = [float(truth.rank(tol)) for tol in tolerances]
    return Experiment(
        "tolerance", "Rank that a tolerance leads to", "tolerance", "rank", tolerances,
        {"brand": found, "least possible": least}, violations,
    )  # fmt: skip


class _Truth:
    """Everything about the data, from all of them."""

    def __init__(self, rows: Array) -> None:
        self.rows = rows - rows.mean(axis=0)
        self.values = np.linalg.svd(self.rows, compute_uv=False)
        self.norm = float(np.linalg.norm(self.rows))
        # Summed from the small end.
        self.tails = np.sqrt(np.cumsum(self.values[::-1] ** 2))[::-1]

    def least(self, rank: int) -> float:
        return float(self.tails[rank]) if rank < len(self.tails) else 0.0

    def rank(self, tol: float) -> int:
        return int(np.count_nonzero(self.tails > tol * self.norm))

    def error(self, axes: Array) -> float:
        return float(np.linalg.norm(self.rows - (self.rows @ axes) @ axes.T))

    def outside(self, found: Found, error: float) -> int:
        """Certified statements that are false."""
        if found.intervals is None:
            return 0
        low, high = found.intervals.T
        values = np.pad(self.values, (0, len(low)))[: len(low)]
        return int(np.count_nonzero((values < low) | (values > high))) + (error > found.certified)


def _excesses(cases: list[tuple[list[Array], int, _Truth]]) -> tuple[dict[str, list[float]], int]:
    curves: dict[str, list[float]] = {}
    violations = 0
    for blocks, rank, truth in cases:
        least = truth.least(rank)
        unit = max(least, _ROUNDING * truth.norm)
        for name in _STREAMED:
            found = CONTENDERS[name](blocks, rank)
            error = truth.error(found.axes)
            violations += truth.outside(found, error)
            curves.setdefault(name, []).append(max((error - least) / unit, 0.0))
            if found.intervals is not None:
                surplus = (found.certified - least) / unit
                curves.setdefault(f"{name}, certified", []).append(surplus)
    return curves, violations
