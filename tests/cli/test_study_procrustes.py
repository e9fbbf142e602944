"""``orthola study procrustes``: clouds as stated, errors that can be recomputed, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes

import orthola
from orthola._cli.matrices import Problem
from orthola._cli.procrustes_study import experiments as measurements
from orthola._cli.procrustes_study.clouds import embedded, offset, shaped, triplets
from orthola._cli.procrustes_study.solvers import aligned, fitted, schoenemann
from orthola.testing import gaussian, orthogonality
from tests.cli.runs import study

EPS = np.finfo(float).eps
NAMES = ["condition", "single", "space", "offset", "size", "batch"]


@pytest.fixture(scope="module")
def data() -> Problem:
    return Problem("points", "Points", gaussian(60, 12, rng=0))


@pytest.fixture(scope="module")
def report(data: Problem, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The one run that most tests read."""
    directory = tmp_path_factory.mktemp("procrustes")
    np.save(directory / "mine.npy", data.matrix)
    return study("procrustes", directory, "--no-figures", "--input", directory / "mine.npy")


def test_clouds_have_the_condition_they_state(data: Problem) -> None:
    for condition in (1.0, 1e3):
        pair = shaped(data, 8, condition, noise=False)
        values = np.linalg.svd(pair.a, compute_uv=False)
        assert values[0] / values[-1] == pytest.approx(condition, rel=1e-9)
        np.testing.assert_allclose(pair.a.mean(axis=0), 0.0, atol=10 * EPS)
        np.testing.assert_array_equal(pair.b, pair.a @ pair.rotation)
        assert orthogonality(pair.rotation) <= 50 * 8 * EPS


def test_far_clouds_are_as_large_as_near_ones(data: Problem) -> None:
    pair = offset(data, 3, 1e4)
    spread = pair.a - pair.a.mean(axis=0)
    assert np.linalg.norm(spread) == pytest.approx(np.sqrt(60), rel=1e-9)
    assert np.linalg.norm(pair.a.mean(axis=0)) == pytest.approx(1e4 * np.sqrt(3.0), rel=1e-3)


def test_embeddings_and_triplets_are_turned_by_what_they_say(data: Problem) -> None:
    for pair in (embedded(data, 20), triplets(data, 5)):
        found = orthola.procrustes(pair.a, pair.b).transform.rotation
        # As near as noise of 1e-3 allows.
        np.testing.assert_allclose(found, pair.rotation, atol=0.05)
    assert embedded(data, 20).a.shape == (60, 20)
    assert triplets(data, 5).a.shape == (5, 20, 3)


def test_solvers_agree_where_the_problem_is_easy(data: Problem) -> None:
    stack = triplets(data, 4)
    ours = fitted(rotation_only=True)(stack.a, stack.b)
    assert ours.sure
    for peer in (schoenemann, aligned):
        np.testing.assert_allclose(peer(stack.a, stack.b).rotation, ours.rotation, atol=1e3 * EPS)


def test_a_solver_that_is_not_sure_says_so() -> None:
    flat = np.zeros((10, 3))
    flat[:, :1] = np.arange(10.0)[:, None]
    assert not fitted()(flat, flat).sure


def test_experiments_are_all_there(report: dict[str, Any]) -> None:
    (problem,) = report["problems"]
    assert (problem["name"], problem["shape"]) == ("mine", [60, 12])
    assert [e["name"] for e in problem["experiments"]] == NAMES
    for experiment in problem["experiments"]:
        for curve in experiment["solvers"].values():
            assert len(curve) == 3
            assert all(value >= 0.0 for value in curve)
    assert report["environment"]["orthola"] == orthola.__version__
    assert report["settings"] == {"repeats": 1, "seed": 0, "files": []}


def test_errors_can_be_recomputed(report: dict[str, Any], data: Problem) -> None:
    double, single, *_ = report["problems"][0]["experiments"]
    assert double["condition"] == [1.0, 10.0, 100.0]
    for i, condition in enumerate(double["condition"]):
        pair = shaped(data, 8, condition, noise=False)
        error = np.linalg.norm(orthogonal_procrustes(pair.a, pair.b)[0] - pair.rotation)
        scale = 50 * 8 * EPS * condition**2
        assert double["solvers"]["orthogonal_procrustes"][i] == pytest.approx(error, abs=scale)
        assert double["solvers"]["procrustes"][i] <= 50 * 8 * EPS * max(condition, 10.0)
        assert double["guides"]["u κ"][i] == pytest.approx(EPS / 2 * condition)
        a, b = (x.astype("float32") for x in shaped(data, 8, condition, noise=True)[:2])
        exact = orthogonal_procrustes(a.astype(float), b.astype(float))[0]
        error = np.linalg.norm(orthola.procrustes(a, b).transform.rotation - exact)
        assert single["solvers"]["procrustes"][i] == pytest.approx(error, abs=1e-7)


def test_doubts_are_told(
    data: Problem, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    # At condition 1e10 the square of it is lost in the sums.
    monkeypatch.setitem(measurements._CONDITIONS, "float64", [1.0, 1e10])
    np.save(tmp_path / "mine.npy", data.matrix)
    found = study("procrustes", tmp_path, "--input", tmp_path / "mine.npy")
    (double, *_) = found["problems"][0]["experiments"]
    assert double["doubts"]["procrustes"] == [1e10]
    assert double["doubts"]["orthogonal_procrustes"] == []
    printed = " ".join(capsys.readouterr().out.split())  # where lines end depends on the path
    assert "? " in printed
    assert "question mark" in printed
    assert (tmp_path / "procrustes-mine.png").stat().st_size > 50_000


def test_figures_table_and_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = study("procrustes", tmp_path)
    files = ["procrustes-digits.png", "procrustes-digits.svg"]
    assert found["settings"]["files"] == files
    assert sorted(path.name for path in tmp_path.iterdir()) == [*files, "procrustes.json"]
    printed = capsys.readouterr()
    for word in ("align_vectors", "fits at once", "far from the origin", "procrustes.json"):
        assert word in printed.out
    assert "procrustes 1/6: digits: condition" in printed.err
