"""``python -m benchmarks report``: the committed report is in step, and nothing is told wrongly."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.report import markdown, peers, run
from benchmarks.report.command import PAGE, main
from benchmarks.report.duels import RESULTS, machines, measured
from benchmarks.report.targets import HELD, MET, MISSED, PARTLY, UNKNOWN, Mismatch, targets

ROOT = Path(__file__).resolve().parents[2]


def spread(median: float) -> dict[str, float]:
    return {"median": median, "q1": 0.9 * median, "q3": 1.1 * median}


def results(directory: Path, name: str, date: str, ratio: float, *, quick: bool = False) -> None:
    """One comparison as a run writes it."""
    duel = {"cpu_ratio": spread(ratio), "wall_ratio": spread(2 * ratio), "pairs": 21, "threads": 2}
    sides = {"ours": {"label": "ours"}, "peer": {"label": "peer"}}
    machine = {
        "date": date, "quick": quick, "revision": "abc", "cpu": "CPU", "cores": 2, "load": [0.1],
        "python": "3.11", "versions": {"numpy": "2.0", "torch": "2.5"},
    }  # fmt: skip
    entry = {
        "label": "case 3x3", "ours": {"error": 1e-16}, "peer": {"error": 2e-16}, "load": [0.2],
        "single": duel | sides, "several": duel | sides,
    }  # fmt: skip
    text = json.dumps({"machine": machine, "duels": [entry]})
    (directory / f"speed-{name}.json").write_text(text, encoding="utf-8")


def stated(directory: Path, text: str) -> Path:
    file = directory / "targets.toml"
    file.write_text(f'[[target]]\narea = "a"\nwhat = "w"\n{text}', encoding="utf-8")
    return file


def test_the_committed_report_is_in_step_with_the_results() -> None:
    found = measured()
    goals = targets(found)
    report = json.loads((RESULTS / "report.json").read_text(encoding="utf-8"))
    mend = "python -m benchmarks report --from-results"
    assert report["targets"] == json.loads(json.dumps([t.as_json() for t in goals])), mend
    assert len(report["comparisons"]) == len(found), mend
    assert PAGE.read_text(encoding="utf-8") == markdown.targets_page(goals, machines()), mend


def test_every_target_has_a_figure_a_test_or_a_reason() -> None:
    for target in targets(measured()):
        for test in target.tests:
            assert (ROOT / test).exists(), test
        if target.verdict in (MISSED, PARTLY):
            assert len(target.reason) > 60, target.what


def test_the_last_comparison_counts_and_quick_ones_do_not(tmp_path: Path) -> None:
    results(tmp_path, "b-old", "2026-01-01T00:00:00+00:00", 3.0)
    results(tmp_path, "a-new", "2026-02-01T00:00:00+00:00", 5.0)
    results(tmp_path, "c-quick", "2026-03-01T00:00:00+00:00", 7.0, quick=True)
    (found,) = measured(tmp_path)
    assert (found.cpu[0], found.wall[0], found.file) == (5.0, 10.0, "speed-a-new.json")
    assert found.accuracy_of_peer == {"error": 2e-16}


ONE = 'case = "case 3x3", ours = "ours", peer = "peer"'


@pytest.mark.parametrize(
    ("items", "verdict"),
    [
        (f"{{ {ONE}, goal = 4 }}", MET),
        (f'{{ {ONE}, goal = 9, clock = "wall" }}', MET),
        (f"{{ {ONE}, goal = 6 }}", MISSED),
        (f'{{ {ONE}, goal = 6, bound = "most" }}', MET),
        (f"{{ {ONE}, goal = 6 }}, {{ {ONE}, goal = 4 }}", PARTLY),
        (f'{{ {ONE}, goal = 4 }}, {{ goal = 4, note = "no time" }}', f"{MET}, as far as measured"),
        ('{ case = "other", ours = "ours", peer = "peer", goal = 4 }', UNKNOWN),
        ('{ cases = "case ", number = 1, ours = "ours", peer = "peer", goal = 4 }', MET),
        ('{ cases = "case ", number = 2, ours = "ours", peer = "peer", goal = 4 }', UNKNOWN),
        ('{ file = "other.json", path = ["a", 1], goal = 3 }', MET),
    ],
)
def test_verdicts(items: str, verdict: str, tmp_path: Path) -> None:
    results(tmp_path, "a", "2026-01-01T00:00:00+00:00", 5.0)
    (tmp_path / "other.json").write_text('{"date": "2026-01-01", "a": [0, 3.5]}')
    file = stated(tmp_path, f'reason = "it is"\nitems = [{items}]\n')
    (target,) = targets(measured(tmp_path), file, tmp_path)
    assert target.verdict == verdict


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"items = [{{ {ONE}, goal = 6 }}]", "no reason"),
        ('items = [{ file = "other.json", path = ["b"], goal = 3 }]', "other.json has no"),
        ("reason = 'none'", "neither items nor tests"),
    ],
)
def test_a_target_that_does_not_fit_is_named(text: str, words: str, tmp_path: Path) -> None:
    results(tmp_path, "a", "2026-01-01T00:00:00+00:00", 5.0)
    (tmp_path / "other.json").write_text('{"date": "2026-01-01"}')
    with pytest.raises(Mismatch, match=words):
        targets(measured(tmp_path), stated(tmp_path, text), tmp_path)


def test_the_page_marks_what_falls_short(tmp_path: Path) -> None:
    results(tmp_path, "a", "2026-01-01T00:00:00+00:00", 5.0)
    items = f'{{ name = "x", {ONE}, goal = 6, must = 4 }}, {{ name = "y", goal = 1 }}'
    text = f'with = "peer"\nreason = "It is | hard."\nitems = [{items}]\n'
    goals = targets(measured(tmp_path), stated(tmp_path, text), tmp_path)
    page = markdown.targets_page(goals, machines(tmp_path))
    assert "| w | peer | x | ≥ 6 (must 4) | **5** |" in page
    assert "|  |  | y | ≥ 1 | not measured |" in page
    assert "0 of 1 measured figures reach their goal, 1 are not measured" in page
    assert "x 5 (≥ 6 (must 4)).\nIt is | hard." in page
    assert "revision abc" in page
    held = stated(tmp_path, 'tests = ["tests/polar"]')
    assert targets([], held, tmp_path)[0].verdict == HELD


def test_every_comparison_belongs_to_a_part() -> None:
    commands = [word for part in run.parts(quick=False, only=[]) for word in part.command]
    for file in run.SPEED.glob("test_*.py"):
        assert str(file.relative_to(ROOT)) in commands
    for script in run.CONVERGENCE:
        assert (ROOT / "benchmarks" / "convergence" / f"{script}.py").exists()
    maps = list(run.parts(quick=True, only=["maps"]))
    assert [part.file for part in maps] == ["speed-maps.json"]
    assert "--quick" in maps[0].command


@pytest.mark.parametrize(
    ("code", "failure", "left"),
    [
        ("import sys; open(sys.argv[2], 'w').write('new')", None, "new"),
        ("import sys; print('worse'); sys.exit(3)", "exit status 3: worse", "old"),
        ("print('nothing written')", "exit status 0: nothing written", "old"),
    ],
)
def test_a_part_that_fails_leaves_what_was_there(
    code: str, failure: str | None, left: str, tmp_path: Path
) -> None:
    (tmp_path / "x.json").write_text("old")
    part = run.Part("x", "x", ("-c", code), "--json", "x.json")
    assert part.run(tmp_path) == failure
    assert (tmp_path / "x.json").read_text() == left


def test_missing_peers_are_named_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spams", None)
    found: dict[str, Any] = {peer["package"]: peer for peer in peers.peers()}
    assert found["scipy"]["version"]
    assert found["spams-bin"]["version"] is None
    assert "pip install spams-bin" in found["spams-bin"]["reason"]
    seen = {peer["package"]: peer for peer in peers.seen([{"torch": "2.5"}, {"torch": "2.6"}])}
    assert seen["torch"]["version"] == "2.5, 2.6"


def test_the_command_assembles_results_and_refuses_strange_areas(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results(tmp_path, "a", "2026-01-01T00:00:00+00:00", 5.0)
    assert main(["report", "--from-results", "--out", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["comparisons"][0]["cpu"] == [5.0, 4.5, 5.5]
    assert "| case 3x3 | ours | peer | 5 [4.5, 5.5] |" in (tmp_path / "report.md").read_text()
    assert "held by tests" in capsys.readouterr().out
    assert main(["report", "--only", "nothing", "--out", str(tmp_path)]) == 2
    assert "no area nothing; there are" in capsys.readouterr().err
