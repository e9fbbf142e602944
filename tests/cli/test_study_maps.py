"""``orthola study maps``: gradients, the step rule, numbers that can be recomputed, files."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import orthola
from benchmarks.convergence import maps as steps_to_accuracy
from benchmarks.convergence import maps_accuracy
from orthola._cli.main import main
from orthola._cli.maps_study.charts import CHARTS, charts_for
from orthola._cli.maps_study.descent import FOUND, STATIONARY, STEP_LIMIT, descend
from orthola._cli.maps_study.tasks import Task, tasks_for
from orthola._cli.matrices import Problem, handwritten_digits
from orthola.testing import from_spectrum, orthogonality
from tests.cli.runs import study

EPS = np.finfo(float).eps
RETRACTIONS = {"retract-cayley", "retract-polar", "retract-qr"}


def runs(task: dict[str, Any]) -> dict[str, Any]:
    return {run["map"]: run for run in task["runs"]}


@pytest.fixture(scope="module")
def data() -> np.ndarray:
    return from_spectrum(40, 9, np.geomspace(1.0, 0.2, 9), rng=5)


@pytest.fixture(scope="module")
def tasks(data: np.ndarray) -> dict[str, Task]:
    found = tasks_for(Problem("data", "Data", data), components=6, columns=3)
    return {task.name: task for task in found}


@pytest.fixture(scope="module")
def report(data: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The one run that most tests read."""
    directory = tmp_path_factory.mktemp("maps")
    np.save(directory / "mine.npy", data)
    return study(
        "maps",
        directory,
        "--no-figures",
        "--input",
        directory / "mine.npy",
        "--components",
        6,
        "--columns",
        3,
    )


@pytest.mark.parametrize("name", ["rotation", "reflection", "frame"])
def test_gradients_agree_with_differences(name: str, tasks: dict[str, Task]) -> None:
    task = tasks[name]
    for chart_name, chart in charts_for(task.start).items():
        rng = np.random.default_rng(1)
        # Away from the start, where some of the maps are special.
        x = chart.moved(chart.start, 0.2 * rng.standard_normal(chart.start.shape))
        q = chart.value(x)
        loss, qbar = task.loss(q)
        gradient = chart.gradient(x, q, qbar)
        direction = rng.standard_normal(x.shape)
        if chart_name in RETRACTIONS:
            direction = orthola.project_tangent(q, direction)
        size = 1e-5
        ahead, behind = (
            task.loss(chart.value(chart.moved(x, step * direction)))[0] for step in (size, -size)
        )
        expected = (ahead - behind) / (2.0 * size)
        assert np.vdot(gradient, direction) == pytest.approx(expected, rel=1e-6, abs=1e-9), (
            chart_name
        )
        assert loss > 0.0


def test_every_chart_begins_at_the_start_but_the_exponential(tasks: dict[str, Task]) -> None:
    seen = set()
    for task in tasks.values():
        for name, chart in charts_for(task.start).items():
            expected = np.eye(6) if name == "skew-exp" else task.start
            np.testing.assert_allclose(chart.value(chart.start), expected, atol=10 * 6 * EPS)
            seen.add(name)
    assert seen == set(CHARTS)


def test_the_loss_is_that_of_the_data(data: np.ndarray, tasks: dict[str, Task]) -> None:
    task = tasks["rotation"]
    centred = data - data.mean(axis=0)
    left, sigma, _ = np.linalg.svd(centred, full_matrices=False)
    scores = left[:, :6] * sigma[:6] / np.linalg.norm(sigma[:6])
    q = orthola.haar(6, rng=3)
    expected = np.linalg.norm(scores @ q - scores @ task.target) ** 2
    assert task.loss(q)[0] == pytest.approx(expected, rel=1e-12)
    assert task.loss(task.target)[0] == 0.0
    assert [np.linalg.det(tasks[n].target) for n in ("rotation", "reflection")] == pytest.approx(
        [1.0, -1.0]
    )


def test_no_rotation_is_below_the_floor_of_the_reflection(tasks: dict[str, Task]) -> None:
    task = tasks["reflection"]
    assert task.floor is not None
    for rotation in orthola.haar(6, shape=200, rng=4, determinant=1):
        assert task.loss(rotation)[0] >= task.floor
    # The rotation nearest to the data, in closed form, is exactly there.
    gram = np.diag(task.weights[:, 0]) @ task.target
    u, _, vh = np.linalg.svd(gram)
    u[:, -1] *= np.linalg.det(u @ vh)
    assert task.loss(u @ vh)[0] == pytest.approx(task.floor, rel=1e-12)


def test_the_step_rule_decreases_the_loss_until_it_is_rounding(tasks: dict[str, Task]) -> None:
    task = tasks["frame"]
    for name, chart in charts_for(task.start).items():
        found = descend(chart, task, 2000)
        losses = found.losses
        assert all(b < a for a, b in pairwise(losses)), name
        assert len(losses) == len(found.seconds) == len(found.iterates) == found.steps + 1
        assert found.evaluations > found.steps
        if name in RETRACTIONS:
            assert found.ending == FOUND
            assert losses[-1] <= task.rounding


def test_the_exponential_ends_at_the_floor(tasks: dict[str, Task]) -> None:
    task = tasks["reflection"]
    found = descend(charts_for(task.start)["skew-exp"], task, 5000)
    assert found.ending == STATIONARY
    assert found.losses[-1] == pytest.approx(task.floor, rel=1e-6)


def test_report_can_be_recomputed(report: dict[str, Any], tasks: dict[str, Task]) -> None:
    (problem,) = report["problems"]
    assert [task["name"] for task in problem["tasks"]] == ["rotation", "reflection", "frame"]
    for found in problem["tasks"]:
        task = tasks[found["name"]]
        for name, chart in charts_for(task.start).items():
            run = runs(found)[name]
            again = descend(chart, task, 8)
            # Rounding of BLAS may depend on where arrays lie; it has not grown in a few steps.
            np.testing.assert_allclose(run["loss"][:9], again.losses, rtol=1e-9)
            drift = orthogonality(np.stack(again.iterates))
            np.testing.assert_allclose(run["drift"][:9], drift, atol=10 * 6 * EPS)
            assert run["ending"] in (FOUND, STATIONARY, STEP_LIMIT)
            assert len(run["loss"]) == len(run["drift"]) == len(run["seconds"]) == run["steps"] + 1
            assert max(run["drift"]) <= 50 * 6 * EPS


def test_time_to_a_loss_is_that_of_the_first_step_that_has_it(report: dict[str, Any]) -> None:
    run = runs(report["problems"][0]["tasks"][2])["retract-qr"]
    for digits, seconds in run["seconds_to_digits"].items():
        first = next((i for i, f in enumerate(run["loss"]) if f <= 10.0 ** -int(digits)), None)
        assert seconds == (None if first is None else run["seconds"][first])


def test_report_says_where_and_how_it_was_made(report: dict[str, Any]) -> None:
    assert report["study"] == "maps"
    assert report["environment"]["orthola"] == orthola.__version__
    assert report["settings"] == {
        "components": 6, "columns": 3, "steps": 60, "repeats": 1, "seed": 0,
        "files": [],
    }  # fmt: skip
    (problem,) = report["problems"]
    assert (problem["name"], problem["shape"], problem["dtype"]) == ("mine", [40, 9], "float64")


def test_figures_table_and_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "maps", "--quick", "--steps", "6", "--out", str(tmp_path)]) == 0
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["maps-digits.png", "maps-digits.svg", "maps.json"]
    assert (tmp_path / "maps-digits.png").stat().st_size > 50_000
    printed = capsys.readouterr()
    for word in ("cayley-frame", "Reflection 12 × 12", "drift", "came nearest", "maps.json"):
        assert word in printed.out
    assert "maps 1/20: digits, rotation: householder" in printed.err


def test_single_precision_is_kept(tmp_path: Path) -> None:
    report = study("maps", tmp_path, "--no-figures", "--dtype", "float32")
    (problem,) = report["problems"]
    assert problem["dtype"] == "float32"
    for task in problem["tasks"]:
        for run in task["runs"]:
            assert 1e-8 < max(run["drift"]) <= 50 * 12 * np.finfo("float32").eps, run["map"]


def test_directions_without_data_are_left_out() -> None:
    digits = handwritten_digits(quick=True).matrix
    doubled = np.hstack([digits[:, :5], digits[:, :5]])
    (first, *_) = tasks_for(Problem("twice", "Twice", doubled), components=10, columns=3)
    assert first.target.shape[0] <= 5
    assert first.condition < 1e12


def test_steps_to_accuracy_are_tabulated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(steps_to_accuracy, "CONDITIONS", (4.0,))
    monkeypatch.setattr(steps_to_accuracy, "SEEDS", range(2))
    file = tmp_path / "maps.json"
    assert steps_to_accuracy.main(["--steps", "50", "--json", str(file)]) == 0
    assert "retract-polar" in capsys.readouterr().out
    results = json.loads(file.read_text(encoding="utf-8"))["results"]
    assert {result["task"] for result in results} == {"rotation", "reflection", "frame"}
    assert all(result["drift"] <= 50 * steps_to_accuracy.ORDER * EPS for result in results)


def test_accuracy_is_tabulated_in_units_of_rounding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(maps_accuracy, "SHAPES", ((6, 6), (30, 4)))
    file = tmp_path / "accuracy.json"
    assert maps_accuracy.main(["--json", str(file)]) == 0
    assert "round trip" in capsys.readouterr().out
    results = json.loads(file.read_text(encoding="utf-8"))["results"]
    assert {result["map"] for result in results} == set(maps_accuracy.CONTENDERS)
    for result in results:
        assert max(result["double"], result["single"], result["round_trip"] or 0.0) <= 50.0
