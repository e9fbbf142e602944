"""Every study that ``orthola study`` offers; a new one is one more line here.

The module named has ``add_arguments(parser)`` and ``prepare(arguments) -> Plan``, reports what the
user can mend as `Failure`, and imports nothing heavy before it prepares. Its docstring is what
users read about the study: a title in one line, then what is measured and what comes out.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

__all__ = ["STUDIES", "Study"]


class Study(NamedTuple):
    """One registration."""

    name: str
    help: str
    module: str

    def load(self) -> Any:
        """The module."""
        return import_module(self.module)


STUDIES: tuple[Study, ...] = (
    Study(
        "polar",
        "convergence of every method of polar: accuracy per step and per second",
        "orthola._cli.polar_study.command",
    ),
    Study(
        "maps",
        "gradient descent through every orthogonal map: loss, drift and time per step",
        "orthola._cli.maps_study.command",
    ),
    Study(
        "procrustes",
        "accuracy and speed of procrustes beside SciPy: condition, offset, size, batch",
        "orthola._cli.procrustes_study.command",
    ),
    Study(
        "omp",
        "sparse coding: recovery of planted codes, residuals, throughput beside scikit-learn",
        "orthola._cli.omp_study.command",
    ),
    Study(
        "dictionary",
        "online dictionary learning: recovery, gap and speed on streams, codes of photographs",
        "orthola._cli.dictionary_study.command",
    ),
    Study(
        "svd",
        "streamed SVDs: certificates beside the truth, ranks, time, memory, clusters of blocks",
        "orthola._cli.svd_study.command",
    ),
)
