"""Tables of measured speed and accuracy, from the files in ``benchmarks/results``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from docs.scripts.tables import table

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"

# What the README shows: file, case, beginning of the peer's name, words for the case.
SHOWN = (
    ("polar", "polar 1024x1024 float64", "scipy", "`polar`, 1024 × 1024"),
    ("polar", "polar 8192x256 float64", "scipy", "`polar`, 8192 × 256"),
    ("polar", "polar 10000x3x3 float64", "scipy", "`polar`, 10,000 of 3 × 3"),
    (
        "maps-procrustes",
        "householder product + gradient 1024x1024 float32",
        "torch",
        "`householder_product` and gradient, 1024 × 1024, float32",
    ),
    (
        "maps-procrustes",
        "cayley gradient 256x32x32 float64",
        "autograd",
        "`cayley` and gradient, 256 of 32 × 32",
    ),
    ("maps-procrustes", "procrustes, independent 100x3 float64", "scipy", "`procrustes`, 100 × 3"),
    ("maps-procrustes", "procrustes 10000x20x3 float64", "NumPy", "`procrustes`, 10,000 of 20 × 3"),
    ("sparse", "omp B 20000x64 float64", "scikit", "`omp`, 20,000 signals, 256 atoms of 64"),
    ("sparse", "omp B 20000x64 float64", "dictlearn", "the same"),
    (
        "sparse",
        "ols A 2000x256 float64",
        "SPAMS",
        '`omp(selection="ols")`, 2000 signals, 1024 atoms of 256',
    ),
)
ROUNDOFF = {"float32": 2.0**-24, "complex64": 2.0**-24, "float64": 2.0**-53, "complex128": 2.0**-53}


def speed() -> str:
    """The comparisons of `SHOWN`, and all in which the peer is faster."""
    duels = {stem: _read(f"speed-{stem}")["duels"] for stem, *_ in SHOWN}
    rows = [
        (words, _peer(duel), _ratio(duel))
        for stem, label, peer, words in SHOWN
        for duel in duels[stem]
        if duel["label"] == label and duel["single"]["peer"]["label"].startswith(peer)
    ]
    if len(rows) != len(SHOWN):
        raise ValueError("a comparison that the README shows is not among the results")
    lost = [
        f"{duel['label']} beside {_peer(duel)} ({_ratio(duel)})"
        for stem in duels
        for duel in duels[stem]
        if duel["single"]["cpu_ratio"]["median"] < 0.995
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


def _peer(duel: dict[str, Any]) -> str:
    label: str = duel["single"]["peer"]["label"]
    return label.replace(" (100 items, scaled)", "").replace(" (some signals, scaled)", "")


def _ratio(duel: dict[str, Any]) -> str:
    return f"{duel['single']['cpu_ratio']['median']:.3g}"
