"""What ``import orthola`` and the first call cost in a fresh interpreter."""

from __future__ import annotations

import statistics
import subprocess
import sys

CASES = {
    "numpy": "import numpy",
    "orthola, on top of NumPy": "import numpy; {start}; import orthola; orthola.polar",
    "polar of one 3 x 3 matrix": (
        "import numpy as np, orthola; x = np.eye(3); {start}; orthola.polar(x)"
    ),
    "polar of a stack, kernel at hand": (
        "import numpy as np, orthola; x = np.ones((50, 3, 3)); {start}; orthola.polar(x)"
    ),
}
_START = "import time; t = time.process_time()"
_END = "; print(1000 * (time.process_time() - t))"


def run(repeats: int = 7) -> dict[str, float]:
    """Median milliseconds of processor time by case; the first of a case is not counted."""
    found = {}
    for name, code in CASES.items():
        code = code.format(start=_START) if "{start}" in code else f"{_START}; {code}"
        times = [_once(code + _END) for _ in range(repeats + 1)][1:]
        found[name] = round(statistics.median(times), 2)
    return found


def _once(code: str) -> float:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)
