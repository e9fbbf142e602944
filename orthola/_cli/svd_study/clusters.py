"""Compression by clusters of blocks that share an approximation, against the error allowed."""

from __future__ import annotations

import numpy as np

from ... import cluster_blocks
from .outcome import Experiment
from .rows import Stream

__all__ = ["against_error"]

_METHODS = ("merge", "incremental", "residual", "norm")
_ERRORS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
_RANK = 16
_ROWS = 16  # of each block that is clustered


def against_error(stream: Stream, *, quick: bool) -> Experiment:
    """Ratios of four methods; each cluster's error is looked at with a full decomposition."""
    errors = list(_ERRORS[::3] if quick else _ERRORS)
    rank = min(_RANK, stream.features // 4)
    rows = stream.joined()
    rows = rows - rows.mean(axis=0)
    count = len(rows) // _ROWS
    blocks = list(rows[: count * _ROWS].reshape(count, _ROWS, -1))
    curves: dict[str, list[float]] = {}
    violations = 0
    for method in _METHODS:
        for allowed in errors:
            result = cluster_blocks(blocks, rank=rank, max_error=allowed, method=method)
            curves.setdefault(method, []).append(float(result.compression_ratio))
            labels = np.asarray(result.labels)
            violations += sum(
                _error([b for b, c in zip(blocks, labels, strict=True) if c == cluster], rank)
                > allowed * (1.0 + 1e-9)
                for cluster in np.unique(labels)
                if np.count_nonzero(labels == cluster) > 1
            )
    return Experiment(
        "clusters", f"{count} blocks of {_ROWS} rows in clusters of rank {rank}",
        "relative error allowed", "compression", errors, curves, violations, log_y=False,
    )  # fmt: skip


def _error(blocks: list[np.ndarray], rank: int) -> float:
    values = np.linalg.svd(np.concatenate(blocks), compute_uv=False)
    return float(np.linalg.norm(values[rank:]) / np.linalg.norm(values))
