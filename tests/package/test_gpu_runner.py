"""The one command for a GPU: what it does without one, and its parts that need none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks import gpu
from benchmarks.cuda import judge, suite, timing, worker
from benchmarks.cuda.floors import Peaks, Work
from benchmarks.cuda.orthogonalization import flop
from tests.backends import cuda_driver

ROOT = Path(__file__).resolve().parents[2]
RNG = np.random.default_rng(7)


@pytest.mark.skipif(cuda_driver(), reason="there is an NVIDIA driver, so the command would run")
@pytest.mark.parametrize("options", [(), ("--quick", "--tests"), ("--benchmarks",)])
def test_without_a_device_it_says_so_and_writes_nothing(tmp_path, options):
    out = tmp_path / "out.json"
    command = [sys.executable, "benchmarks/gpu.py", "--json", str(out), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("no CUDA device")
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_the_record_is_whole_after_every_step(tmp_path):
    file = tmp_path / "out.json"
    record = gpu.Record(file, {"device": "none"})
    for part, result in (("tests", {"cupy": {"run": 3}}), ("complete", True)):
        record.write(part, result)
        assert json.loads(file.read_text())[part] == result
    assert list(tmp_path.iterdir()) == [file]


SUITE = """
import os
import pytest
@pytest.mark.parametrize("backend", ["cupy"])
def test_good(backend): pass
@pytest.mark.parametrize("backend", ["cupy"])
def test_bad(backend): assert 1 == 2, 'not the same'
@pytest.mark.skip(reason='not here')
@pytest.mark.parametrize("backend", ["cupy"])
def test_absent(backend): pass
@pytest.mark.parametrize("backend", ["cupy"])
def test_last(backend): LAST
"""


def test_a_run_that_is_cut_off_keeps_what_it_had_and_is_resumed(tmp_path, monkeypatch):
    monkeypatch.setitem(suite._LIBRARY, "cupy", "json")  # a library that is here
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --confcutdir=.\n")
    (tmp_path / "conftest.py").write_text(
        "def pytest_addoption(parser): parser.addoption('--backend')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # the process below is nobody's worker
    test, journal = tmp_path / "test_four.py", tmp_path / "journal"
    test.write_text(SUITE.replace("LAST", "os.kill(os.getpid(), 9)"))
    found = suite.run("cupy", tmp_path, journal, ("test_four.py",), seconds=60.0)
    assert (found["run"], found["failed"], found["finished"], found["ok"]) == (3, 1, False, False)
    assert found["skipped_for"] == {"not here": 1}
    assert found["failures"][0]["test"].endswith("test_bad[cupy]")
    assert "not the same" in found["failures"][0]["message"]
    line = suite.line("cupy", found)
    assert line.startswith("tests, cupy: 1 passed, 1 failed, 1 skipped; NOT FINISHED")
    with journal.open("a") as lines:
        lines.write('{"test": "cut o')  # by the end of the machine
    test.write_text(SUITE.replace("LAST", "pass").replace("assert 1", "raise OSError  #"))
    found = suite.run("cupy", tmp_path, journal, ("test_four.py",), seconds=60.0)
    assert (found["run"], found["failed"], found["finished"]) == (4, 1, True)
    assert "not the same" in found["failures"][0]["message"]  # it was not run again


def test_time_is_up_and_no_process_is_left(tmp_path):
    command = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"]
    code, _ = suite._within(command, tmp_path, dict(os.environ), 1.0)
    assert code is None


def test_a_library_that_is_missing_is_no_failure(monkeypatch, tmp_path):
    monkeypatch.setitem(suite._LIBRARY, "cupy", "no_such_library_anywhere")
    found = suite.run("cupy", ROOT, tmp_path / "journal")
    assert found == {"skipped": "no_such_library_anywhere is not installed"}


def test_a_comparison_that_takes_its_process_with_it_is_one_failure(tmp_path):
    """A stand-in for the process: the first peaks, one good, one that dies, one after it."""
    script = tmp_path / "worker.py"
    script.write_text(
        "import json, os, sys\n"
        "order = json.load(open(sys.argv[1]))\n"
        "def say(x): print('bout: ' + json.dumps(x), flush=True)\n"
        "for name in ('peaks', 'good', 'bad', 'after'):\n"
        "    if name in order['left_out']: continue\n"
        "    say({'begun': name})\n"
        "    if name == 'bad': os.abort()\n"
        "    say({'name': name, 'line': name, 'peaks': order['peaks']})\n"
    )
    order = {"quick": True, "containing": [""], "left_out": [], "peaks": None}
    command = (sys.executable, str(script))
    found = list(worker.entries(order, until=time.monotonic() + 60, command=command))
    assert [x["name"] for x in found] == ["peaks", "good", "bad", "after"]
    assert found[2]["ok"] is False
    assert "exit status" in found[2]["error"]
    assert found[3]["peaks"]["name"] == "peaks"  # measured once
    assert list(worker.entries(order, until=time.monotonic(), command=command)) == []


def test_results_of_other_code_are_not_taken_over(tmp_path):
    file = tmp_path / "out.json"
    head = {"device": {"name": "one"}, "quick": False, "revision": "a"}
    assert gpu._before(file, head) == {}
    found = {**head, "date": "then", "tests": {"cupy": {"run": 1}}, "complete": False}
    file.write_text(json.dumps(found))
    assert gpu._before(file, head) == {"tests": {"cupy": {"run": 1}}, "earlier_dates": ["then"]}
    with pytest.raises(SystemExit, match="revision a, this run b"):
        gpu._before(file, {**head, "revision": "b"})


def test_contestants_take_turns(monkeypatch):
    monkeypatch.setattr(timing, "_SAMPLE", 0.0)  # one call a sample
    calls = []
    timed, mine, theirs = timing.interleaved(
        lambda: calls.append("ours") or "a",
        lambda: calls.append("peer") or "b",
        lambda: calls.append("wait"),
        quick=True,
    )
    assert (mine, theirs) == ("a", "b")
    sample = {side: ["wait", side, "wait"] for side in ("ours", "peer")}
    warm_up = 2 * sample["ours"] + 2 * sample["peer"]
    assert calls == warm_up + timed.pairs * (sample["ours"] + sample["peer"])
    assert timed.pairs == dict(timing.QUICK)[0.0]
    assert dict(timing.FULL)[0.0] >= 20


def test_the_floor_is_the_tighter_of_both_peaks():
    peaks = Peaks({"float32": 1e12}, bandwidth=1e11)
    assert peaks.floor(Work(flop=4e12, bytes=1e11, dtype="float32")) == 4.0
    assert peaks.floor(Work(flop=4e12, bytes=1e12, dtype="float32")) == 10.0
    assert peaks.floor(Work(flop=4e12, bytes=1e12, dtype="float16")) is None


def test_flop_of_five_quintic_steps():
    # Two symmetric products at half price and a plain one: 2 of the 3 products of a step.
    assert flop((100, 100)) == 5 * 2 * (2 * 100**3)
    assert flop((400, 100)) == flop((100, 400))


def tall() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a = RNG.standard_normal((3, 9, 5))
    p, s, qh = np.linalg.svd(a, full_matrices=False)
    return a, p @ qh, (qh.mT * s[..., None, :]) @ qh


def test_right_factors_are_accepted_and_wrong_ones_are_not():
    a, u, h = tall()
    assert judge.polar(a, u, h)["ok"]
    assert not judge.polar(a, 1.00001 * u, h)["ok"]
    assert not judge.polar(a, u, h + 1e-10)["ok"]
    assert not judge.polar(a, -u, -h)["ok"]  # H is not positive semidefinite
    single = [x.astype("float32") for x in (a, u, h)]
    assert judge.polar(*single)["ok"]


def test_singular_values_outside_the_interval_are_found():
    a, u, _ = (x[0] for x in tall())
    assert judge.orthogonalized(a, u, (0.9, 1.1), "float32")["ok"]
    for wrong in (1.2 * u, 0.8 * u, np.linalg.qr(RNG.standard_normal((9, 5)))[0]):
        assert not judge.orthogonalized(a, wrong, (0.9, 1.1), "float32")["ok"]
    assert judge.sane(a.T, u.T)["ok"]
    assert not judge.sane(a, 2 * u)["ok"]


def test_only_promised_singular_values_count():
    a = np.diag([1.0, 0.5, 1e-5])
    y = np.diag([1.0, 1.0, 1e-2])  # the third is below a thousandth of the norm
    verdict = judge.orthogonalized(a, y, (0.9, 1.1), "float32")
    assert verdict["ok"]
    assert verdict["promised"] == 2
    assert verdict["sigma_min_promised"] == pytest.approx(1.0)
