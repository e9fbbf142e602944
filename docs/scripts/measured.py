"""Tables of measured speed and accuracy, from the files in ``benchmarks/results``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orthola
from benchmarks.report.duels import Measured, measured
from docs.scripts.tables import table

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"

# What the README shows: case, beginning of the peer's name, words for the case.
SHOWN = (
    ("polar 1024x1024 float64", "scipy", "`polar`, 1024 × 1024"),
    ("polar 8192x256 float64", "scipy", "`polar`, 8192 × 256"),
    ("polar 10000x3x3 float64", "scipy", "`polar`, 10,000 of 3 × 3"),
    (
        "householder product + gradient 1024x1024 float32",
        "torch",
        "`householder_product` and gradient, 1024 × 1024, float32",
    ),
    (
        "cayley gradient 256x32x32 float64",
        "autograd",
        "`cayley` and gradient, 256 of 32 × 32",
    ),
    ("procrustes, independent 100x3 float64", "scipy", "`procrustes`, 100 × 3"),
    ("procrustes 10000x20x3 float64", "NumPy", "`procrustes`, 10,000 of 20 × 3"),
    ("omp B 20000x64 float64", "scikit", "`omp`, 20,000 signals of length 64, 8 of 256 atoms"),
    ("omp B 20000x64 float64", "dictlearn", "the same"),
    (
        "ols A 2000x256 float64",
        "SPAMS",
        '`omp(selection="ols")`, 2000 signals of length 256, 16 of 1024 atoms',
    ),
)
ROUNDOFF = {"float32": 2.0**-24, "complex64": 2.0**-24, "float64": 2.0**-53, "complex128": 2.0**-53}


def speed() -> str:
    """The comparisons of `SHOWN`, and all in which another library is faster."""
    duels = measured(RESULTS)
    rows = [
        (words, _peer(duel), _ratio(duel))
        for case, peer, words in SHOWN
        for duel in duels
        if duel.case == case and duel.peer.startswith(peer)
    ]
    if len(rows) != len(SHOWN):
        raise ValueError("a comparison that the README shows is not among the results")
    lost = [
        f"{duel.case} beside {_peer(duel)} ({_ratio(duel)})"
        for duel in duels
        if duel.cpu[0] < 0.995 and not _is_ours(duel.peer)
    ]
    text = table(("what", "against", "ratio"), rows)
    return text + ("\nPeers that are faster: " + "; ".join(lost) + ".\n" if lost else "")


def accuracy() -> str:
    """Worst certified result of each method of `polar`, in units of the roundoff."""
    results = _read("convergence-polar")["results"]
    methods = list(dict.fromkeys(row["method"] for row in results))
    rows = []
    for method in methods:
        cells = [f"`{method}`"]
        for dtypes in (("float64", "complex128"), ("float32", "complex64")):
            for measure in ("orthogonality", "residual"):
                found = [
                    row[measure] / ROUNDOFF[row["dtype"]]
                    for row in results
                    if row["method"] == method
                    and row["dtype"] in dtypes
                    and row["status"] in ("OK", "RANK_DEFICIENT")
                ]
                cells.append(f"{max(found):.0f}" if found else "-")
        rows.append(tuple(cells))
    head = (
        "method",
        "‖UᴴU − I‖₂, double",
        "‖A − UH‖/‖A‖, double",
        "‖UᴴU − I‖₂, single",
        "‖A − UH‖/‖A‖, single",
    )
    return table(head, rows)


def _read(stem: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / f"{stem}.json").read_text(encoding="utf-8"))
    return found


def _is_ours(peer: str) -> bool:
    """Whether it is a function of orthola, called another way, or a part of one."""
    first = peer.partition(" ")[0].rstrip(",")
    return first == "its" or first in orthola.__all__


def _peer(duel: Measured) -> str:
    return duel.peer.replace(" (100 items, scaled)", "").replace(" (some signals, scaled)", "")


def _ratio(duel: Measured) -> str:
    return f"{duel.cpu[0]:.3g}"
