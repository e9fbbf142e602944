"""Every comparison on the device: ours against a peer, both answers judged, beside the floor."""

import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.cuda import floors
from benchmarks.cuda.floors import Peaks, Work
from benchmarks.cuda.judge import Verdict
from benchmarks.cuda.libraries import Unavailable, free, wait
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


def every_bout(*, quick: bool, containing: str = "") -> Iterator[dict[str, Any]]:
    """Run all comparisons; a record of each, of those too that could not be run."""
    from benchmarks.cuda import (
        alignment,
        factors,
        maps,
        orthogonalization,
        pursuit,
        symmetric,
        tensor,
    )

    try:
        peaks = floors.measure(quick=quick)
    except Unavailable as reason:  # no library, nothing to measure
        yield {"name": "peaks", "ok": False, "error": str(reason), "line": f"peaks: {reason}"}
        return
    rates = ", ".join(f"{name} {rate / 1e12:.1f}" for name, rate in peaks.flops.items())
    yield {
        "name": "peaks",
        "flops": peaks.flops,
        "bandwidth": peaks.bandwidth,
        "line": f"measured peaks: {rates} Tflop/s, {peaks.bandwidth / 1e12:.2f} TB/s",
    }
    for module in (symmetric, tensor, orthogonalization, factors, maps, alignment, pursuit):
        for name, prepare in module.cases(quick=quick):
            if containing in name:
                yield run(name, prepare, peaks, quick=quick)
                free()


def run(name: str, prepare: Prepare, peaks: Peaks, *, quick: bool) -> dict[str, Any]:
    """Time and judge one comparison."""
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
    floor = peaks.floor(bout.work)
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
