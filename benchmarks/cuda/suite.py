"""The test suite on one back-end, in processes of its own, and what came of it."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

BACKENDS = ("cupy", "torch-cuda", "jax-cuda")
_LIBRARY = {"cupy": "cupy", "torch-cuda": "torch", "jax-cuda": "jax"}
_KEPT = 50  # failures told in full
_SILENCE = 240  # seconds in one test, after which its process writes where it is

# What newer versions of other libraries deprecate is no news about the device.
_WARNINGS = [
    f"-Wdefault::{kind}"
    for kind in ("DeprecationWarning", "PendingDeprecationWarning", "FutureWarning")
]
# What makes JAX's own time small beside ours: no trials of every product on the device.
_ENVIRONMENT = {
    "cupy": {},
    "torch-cuda": {},
    "jax-cuda": {"XLA_FLAGS": "--xla_gpu_autotune_level=0"},
}


def run(
    backend: str,
    root: Path,
    journal: Path,
    tests: tuple[str, ...] = ("tests",),
    *,
    seconds: float = 1800.0,
    workers: int = 1,
) -> dict[str, Any]:
    """Run the tests that take this back-end and are not in the journal yet, for so many seconds."""
    if importlib.util.find_spec(_LIBRARY[backend]) is None:
        return {"skipped": f"{_LIBRARY[backend]} is not installed"}
    command = [
        sys.executable, "-m", "pytest", *tests, "--backend", backend, "-q", "--tb=short",
        "-p", "no:cacheprovider", "-p", "benchmarks.cuda.journal",
        "-o", f"faulthandler_timeout={_SILENCE}", "--continue-on-collection-errors", *_WARNINGS,
    ]  # fmt: skip
    if workers > 1:
        command += ["-n", str(workers), "--dist", "worksteal", "--max-worker-restart", "40"]
    with tempfile.TemporaryDirectory() as folder:
        done = Path(folder) / "done.json"
        done.write_text(json.dumps([line["test"] for line in _lines(journal)]))
        environment = {
            **os.environ, **_ENVIRONMENT[backend], "JOURNAL": str(journal),
            "JOURNAL_DONE": str(done),
        }  # fmt: skip
        code, said = _within(command, root, environment, seconds)
    found = summary(journal)
    # 5: no test takes this back-end, or none is left.
    finished = code in (0, 1, 5)
    if code not in (0, 1, 5, None):
        found["error"] = said[-4000:]
    return {"ok": not found["failed"] and code in (0, 5, None), "finished": finished, **found}


def _within(
    command: list[str], folder: Path, environment: dict[str, str], seconds: float
) -> tuple[int | None, str]:
    """Exit status, None where time was up, and the end of what was said; no process is left."""
    with tempfile.TemporaryFile("w+", errors="replace") as out:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            code: int | None = process.wait(max(seconds, 1.0))
        except subprocess.TimeoutExpired:
            code = None
        finally:
            if process.poll() is None:  # the workers too, which hold the device
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        out.seek(0)
        return code, out.read()


def _lines(journal: Path) -> list[dict[str, Any]]:
    """What finished, the worst report of each test; a line that was cut off is not there."""
    worst: dict[str, dict[str, Any]] = {}
    for text in journal.read_text().splitlines() if journal.exists() else []:
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            continue
        before = worst.get(line["test"])
        if before is None or before["outcome"] != "failed":
            worst[line["test"]] = line
    return list(worst.values())


def summary(journal: Path) -> dict[str, Any]:
    """Numbers, seconds and failures out of a journal."""
    lines = _lines(journal)
    failures = [line for line in lines if line["outcome"] == "failed"]
    skips: dict[str, int] = {}
    for line in lines:
        if line["outcome"] == "skipped":
            skips[line["message"]] = skips.get(line["message"], 0) + 1
    return {
        "run": len(lines),
        "failed": len(failures),
        "skipped_for": skips,
        "seconds": round(sum(line["seconds"] for line in lines), 1),
        "failures": [{"test": x["test"], "message": x["message"]} for x in failures[:_KEPT]],
        "more_failures": [x["test"] for x in failures[_KEPT:]],
    }


def line(backend: str, result: dict[str, Any]) -> str:
    """One line for the reader."""
    if "run" not in result:
        return f"tests, {backend}: skipped, {result['skipped']}"
    skipped = sum(result["skipped_for"].values())
    passed = result["run"] - result["failed"] - skipped
    end = "" if result["finished"] else "; NOT FINISHED"
    error = f"; pytest stopped: {result['error'].strip()[-200:]}" if "error" in result else ""
    return (
        f"tests, {backend}: {passed} passed, {result['failed']} failed, {skipped} skipped"
        f"{end}{error}"
    )
