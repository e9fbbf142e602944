"""The process in which comparisons run: ``python -m benchmarks.cuda.worker ORDER.json``.

An access outside of an array takes the device from a process for good, and a kernel may never
return. So `gpu.py` gives the comparisons to a process of its own, which says before each one what
it begins, and afterwards what came of it.
"""

import json
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.cuda import bouts

ROOT = Path(__file__).resolve().parents[2]
_MARK = "bout: "  # begins a line that is meant for `entries`
_LOST = 70  # exit status of a process that has lost the device
_BOUT_LIMIT = 240.0  # seconds of silence, after which a comparison counts as stuck


def entries(
    order: dict[str, Any], *, until: float, command: tuple[str, ...] = ()
) -> Iterator[dict[str, Any]]:
    """Records of the comparisons in the order, until that time of the monotonic clock.

    One that takes the process with it is recorded as failed, and a new process does the rest.
    """
    left_out = list(order["left_out"])
    peaks = order["peaks"]
    while True:
        begun = None
        for said in _said({**order, "left_out": left_out, "peaks": peaks}, until, command):
            if "begun" in said:
                begun = said["begun"]
                continue
            if "stopped" not in said:
                begun = None
                left_out.append(said["name"])
                peaks = said if said["name"] == bouts.PEAKS else peaks
                yield said
                continue
            if said["stopped"] in ("time", "done"):
                return
            if said["stopped"] == "lost":
                break
            name = begun or "the process of the comparisons"
            reason = said["stopped"]
            yield {"name": name, "ok": False, "error": reason, "line": f"{name}: {reason[-300:]}"}
            if begun is None:  # it did not even start
                return
            left_out.append(begun)


def _said(
    order: dict[str, Any], until: float, command: tuple[str, ...]
) -> Iterator[dict[str, Any]]:
    """What one process says, and last why it stopped: "done", "time", "lost" or what happened."""
    with tempfile.TemporaryDirectory() as folder:
        file, errors = Path(folder) / "order.json", Path(folder) / "errors"
        file.write_text(json.dumps(order))
        started = command or (sys.executable, "-m", "benchmarks.cuda.worker")
        with errors.open("w") as stream:
            process = subprocess.Popen(
                [*started, str(file)], cwd=ROOT, stdout=subprocess.PIPE, stderr=stream,
                text=True, errors="replace",
            )  # fmt: skip
        lines: queue.Queue[str | None] = queue.Queue()
        reader = threading.Thread(target=_read, args=(process.stdout, lines), daemon=True)
        reader.start()
        try:
            while True:
                left = until - time.monotonic()
                if left <= 0:
                    yield {"stopped": "time"}
                    return
                try:
                    line = lines.get(timeout=min(left, _BOUT_LIMIT))
                except queue.Empty:
                    if left > _BOUT_LIMIT:
                        yield {"stopped": f"nothing for {_BOUT_LIMIT:.0f} s"}
                        return
                    continue
                if line is None:
                    break
                if line.startswith(_MARK):
                    yield json.loads(line.removeprefix(_MARK))
            code = process.wait()
            text = f"exit status {code}\n{errors.read_text(errors='replace')[-3000:]}"
            yield {"stopped": {0: "done", _LOST: "lost"}.get(code, text)}
        finally:
            process.kill()
            process.wait()
            reader.join()


def _read(stream: Any, lines: "queue.Queue[str | None]") -> None:
    with stream:
        for line in stream:
            lines.put(line)
    lines.put(None)


def _say(what: dict[str, Any]) -> None:
    print(_MARK + json.dumps(what), flush=True)


def main(order: dict[str, Any]) -> None:
    """Do what is ordered: `quick`, texts in the names, names that are left out, and the peaks."""
    from benchmarks.cuda.libraries import free

    quick, left_out, peaks = order["quick"], set(order["left_out"]), order["peaks"]
    if bouts.PEAKS not in left_out:
        _say({"begun": bouts.PEAKS})
        peaks = bouts.measured_peaks(quick=quick)
        _say(peaks)
    known = bouts.Peaks(peaks["flops"], peaks["bandwidth"]) if peaks and "flops" in peaks else None
    for name, prepare in bouts.every_case(quick=quick):
        if name in left_out or not any(text in name for text in order["containing"]):
            continue
        _say({"begun": name})
        entry = bouts.run(name, prepare, known, quick=quick)
        _say(entry)
        try:
            free()
        except Exception as error:  # whatever CUDA says: it answers no call of this process again
            print(f"the device is lost: {error}", file=sys.stderr)
            raise SystemExit(_LOST) from None


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
