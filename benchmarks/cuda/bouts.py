"""Every comparison on the device: ours against a peer, both answers judged, beside the floor."""

import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.cuda import floors
from benchmarks.cuda.floors import Peaks, Work
from benchmarks.cuda.judge import Verdict
from benchmarks.cuda.libraries import Unavailable, wait
from benchmarks.cuda.timing import interleaved

Call = Callable[[], Any]


@dataclass(frozen=True)
class Bout:
    """A comparison that is ready to be timed."""

    ours: Call
    peer: Call
    peer_label: str
    work: Work
    judge_ours: Callable[[Any], Verdict]
    judge_peer: Callable[[Any], Verdict]
    goal: float | None = None
    more: Callable[[bool], dict[str, Any]] | None = None  # further figures for the record


Prepare = Callable[[], Bout]
PEAKS = "peaks"


def every_case(*, quick: bool) -> Iterator[tuple[str, Prepare]]:
    """Names of all comparisons, and what makes them ready; the device is not touched."""
    from benchmarks.cuda import (
        alignment,
        factors,
        maps,
        orthogonalization,
        pursuit,
        symmetric,
        tensor,
    )

    for module in (symmetric, tensor, orthogonalization, factors, maps, alignment, pursuit):
        yield from module.cases(quick=quick)


def measured_peaks(*, quick: bool) -> dict[str, Any]:
    """The record of the device's own rates, by which floors are computed."""
    try:
        peaks = floors.measure(quick=quick)
    except Unavailable as reason:  # no library, nothing to measure
        return {"name": PEAKS, "ok": False, "error": str(reason), "line": f"peaks: {reason}"}
    rates = ", ".join(f"{name} {rate / 1e12:.1f}" for name, rate in peaks.flops.items())
    return {
        "name": PEAKS,
        "flops": peaks.flops,
        "bandwidth": peaks.bandwidth,
        "line": f"measured peaks: {rates} Tflop/s, {peaks.bandwidth / 1e12:.2f} TB/s",
    }


def run(name: str, prepare: Prepare, peaks: Peaks | None, *, quick: bool) -> dict[str, Any]:
    """Time and judge one comparison; without peaks it has no floor."""
    try:
        bout = prepare()
        timed, mine, theirs = interleaved(bout.ours, bout.peer, wait, quick=quick)
        ours, peer = bout.judge_ours(mine), bout.judge_peer(theirs)
        more = bout.more(quick) if bout.more else {}
    except Unavailable as reason:
        return {"name": name, "skipped": str(reason), "line": f"{name}: skipped, {reason}"}
    except Exception:  # one failure must not end the run
        text = traceback.format_exc()[-3000:]
        reason = text.splitlines()[-1]
        return {"name": name, "ok": False, "error": text, "line": f"{name}: failed, {reason}"}
    floor = None if peaks is None else peaks.floor(bout.work)
    entry = {
        "name": name,
        "ok": bool(ours["ok"] and peer["ok"]),
        "against": bout.peer_label,
        **asdict(timed),
        "goal": bout.goal,
        "work": asdict(bout.work),
        "floor_seconds": floor,
        "of_floor": None if floor is None else floor / timed.ours.median,
        "accuracy_ours": ours,
        "accuracy_peer": peer,
        **more,
    }
    return {**entry, "line": _line(entry)}


def _line(entry: dict[str, Any]) -> str:
    ratio = entry["ratio"]
    goal = "" if entry["goal"] is None else f", goal {entry['goal']}"
    floor = entry["of_floor"]
    share = "" if floor is None else f", {100 * floor:.0f} % of the device's peak"
    verdict = "" if entry["ok"] else f"  WRONG: {entry['accuracy_ours']} {entry['accuracy_peer']}"
    return (
        f"{entry['name']}: {1e3 * entry['ours']['median']:.4g} ms, {ratio['median']:.3g} "
        f"[{ratio['q1']:.3g}, {ratio['q3']:.3g}] times as fast as {entry['against']}{goal}{share}"
        f"{verdict}"
    )
