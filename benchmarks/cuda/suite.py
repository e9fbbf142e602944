"""The test suite on one back-end, in a process of its own, and what came of it."""

import importlib.util
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

BACKENDS = ("cupy", "torch-cuda", "jax-cuda")
_LIBRARY = {"cupy": "cupy", "torch-cuda": "torch", "jax-cuda": "jax"}
_LIMIT = 1800  # seconds; the suite is made for ten minutes
_KEPT = 50  # failures told in full


def run(backend: str, root: Path, tests: str = "tests") -> dict[str, Any]:
    """Run the tests that take this back-end; failures with the first lines of their messages."""
    if importlib.util.find_spec(_LIBRARY[backend]) is None:
        return {"skipped": f"{_LIBRARY[backend]} is not installed"}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [
            sys.executable, "-m", "pytest", tests, "--backend", backend, "-q", "--tb=short",
            "-p", "no:cacheprovider", f"--junitxml={report}",
        ]  # fmt: skip
        try:
            done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=_LIMIT)
        except subprocess.TimeoutExpired:
            return {"ok": False, "error": f"stopped after {_LIMIT} seconds"}
        if not report.exists():
            return {"ok": False, "error": (done.stdout + done.stderr)[-4000:]}
        # 5: no test takes this back-end (yet).
        return {"ok": done.returncode in (0, 5), **summary(report)}


def summary(report: Path) -> dict[str, Any]:
    """Numbers, seconds and failures out of a JUnit file."""
    cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    failures, skips = [], {}
    for case in cases:
        for bad in (*case.findall("failure"), *case.findall("error")):
            text = f"{bad.get('message', '')}\n{bad.text or ''}"
            name = f"{case.get('classname')}::{case.get('name')}"
            failures.append({"test": name, "message": text.strip()[:1500]})
        for skip in case.findall("skipped"):
            reason = skip.get("message", "")
            skips[reason] = skips.get(reason, 0) + 1
    return {
        "run": len(cases),
        "failed": len(failures),
        "skipped_for": skips,
        "seconds": round(sum(float(case.get("time", 0)) for case in cases), 1),
        "failures": failures[:_KEPT],
    }


def line(backend: str, result: dict[str, Any]) -> str:
    """One line for the reader."""
    if "run" not in result:
        return f"tests, {backend}: {result.get('skipped') or result['error'].splitlines()[-1]}"
    skipped = sum(result["skipped_for"].values())
    passed = result["run"] - result["failed"] - skipped
    return f"tests, {backend}: {passed} passed, {result['failed']} failed, {skipped} skipped"
