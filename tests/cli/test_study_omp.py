"""``orthola study omp``: planted codes, right references, times only of right results, files."""

from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import orthola
from orthola._cli.matrices import Problem
from orthola._cli.omp_study import contenders, recovery
from orthola._cli.omp_study.atoms import cosines, gaussian_atoms, projected, sampled
from orthola._cli.omp_study.contenders import CONTENDERS, Contender
from orthola._cli.omp_study.decay import decay
from orthola._cli.omp_study.signals import Signals, photograph_patches, signals_of
from orthola._cli.omp_study.speed import speeds
from orthola._cli.omp_study.textbook import textbook_residual
from orthola.testing import gaussian
from tests.cli.runs import study

EPS = np.finfo(float).eps


def ignore(_: str) -> None:
    """Nobody watches."""


@pytest.fixture(scope="module")
def data() -> Signals:
    rows = gaussian(120, 16, rng=0)
    rows[3] = 0.0
    return signals_of(Problem("points", "Points", rows), 20, bundled=False, seed=0)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The one run that most tests read."""
    directory = tmp_path_factory.mktemp("omp")
    np.save(directory / "mine.npy", gaussian(120, 16, rng=0))
    return study("omp", directory, "--no-figures", "--input", directory / "mine.npy")


def test_halves_share_no_row_and_rows_of_zeros_are_left_out(data: Signals) -> None:
    assert data.held_out.shape == (20, 16)
    assert data.examples.shape == (60, 16)  # 119 rows: 59 and 60
    rows = np.concatenate([data.held_out, data.examples])
    assert len(np.unique(rows, axis=0)) == 80
    assert np.all(np.any(rows, axis=1))


def test_patches_have_mean_zero_and_come_from_both_photographs() -> None:
    patches = photograph_patches(quick=True).matrix
    assert patches.shape == (1200, 64)
    np.testing.assert_allclose(patches.mean(axis=1), 0.0, atol=10 * EPS)
    assert 0.02 < np.std(patches) < 0.3  # grey values from 0 to 1


def test_atoms_have_length_1_and_are_what_they_say(data: Signals) -> None:
    rng = np.random.default_rng(1)
    rows = sampled(data, 30, rng)
    square = cosines((4, 4), 36)
    for atoms in (gaussian_atoms(30, 16, rng), rows, projected(rows, 7, rng), square):
        np.testing.assert_allclose(np.linalg.norm(atoms, axis=1), 1.0, rtol=10 * EPS)
    assert square.shape == (36, 16)
    assert np.linalg.matrix_rank(square) == 16
    np.testing.assert_allclose(square[1:6].sum(axis=1), 0.0, atol=100 * EPS)
    scale = rows @ data.examples.T / np.linalg.norm(data.examples, axis=1)
    np.testing.assert_allclose(scale.max(axis=1), 1.0, rtol=10 * EPS)
    assert len(sampled(data, 1000, rng)) == len(data.examples)


def test_recovery_is_certain_where_theory_says_so() -> None:
    rng = np.random.default_rng(2)
    # Coherence 0: any number of atoms. And as many atoms as measurements fit anything.
    shares = recovery._shares(lambda: np.eye(12), 12, [1, 4, 12], 5, rng)
    assert shares == {"omp": [1.0, 1.0, 1.0], "ols": [1.0, 1.0, 1.0]}
    shares = recovery._shares(lambda: gaussian_atoms(40, 6, rng), 6, [1, 6, 8], 20, rng)
    for share in shares.values():
        assert share[0] == 1.0
        assert share[1] < 0.5
        assert np.isnan(share[2])


def test_found_means_every_planted_atom() -> None:
    planted = np.array([[True, True, False], [True, True, False], [False, False, False]])
    indices = np.array([[1, 0, -1], [0, 2, -1], [-1, -1, -1]])
    assert recovery._found(indices, planted).tolist() == [True, False, True]


def test_textbook_takes_the_best_atoms() -> None:
    rng = np.random.default_rng(3)
    dictionary, signal = gaussian_atoms(12, 6, rng), rng.standard_normal(6)

    def left(chosen: tuple[int, ...]) -> float:
        atoms = dictionary[list(chosen)].T
        return float(np.linalg.norm(signal - atoms @ np.linalg.lstsq(atoms, signal, rcond=None)[0]))

    first = min(range(12), key=lambda j: left((j,)))
    second = min((j for j in range(12) if j != first), key=lambda j: left((first, j)))
    for rule in ("omp", "ols"):
        assert textbook_residual(signal, dictionary, 1, rule) == pytest.approx(left((first,)))
    assert textbook_residual(signal, dictionary, 2, "ols") == pytest.approx(left((first, second)))
    best = min(map(left, combinations(range(12), 2)))
    assert best <= textbook_residual(signal, dictionary, 2, "omp") + 1e-12
    assert textbook_residual(signal, dictionary, 6, "omp") <= 1e-12


def test_residuals_are_those_of_the_textbook(data: Signals) -> None:
    found = decay(data, 24, 6, seed=0, tick=ignore)
    size = np.linalg.norm(data.held_out)
    dictionary = cosines(data.grid, 24)
    for rule, curve in found.residuals["cosines"].items():
        for k in (1, 3, 6):
            each = [textbook_residual(y, dictionary, k, rule) for y in data.held_out]
            assert curve[k] == pytest.approx(np.linalg.norm(each) / size, rel=1e-9)
        assert curve[0] == pytest.approx(1.0)
        assert all(b <= a for a, b in pairwise(curve))
    axes = np.linalg.svd(data.examples)[2][:3]
    rest = data.held_out - data.held_out @ axes.T @ axes
    assert found.principal[3] == pytest.approx(np.linalg.norm(rest) / size, rel=1e-9)


def test_no_time_counts_whose_result_is_wrong(
    data: Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    def halved(signals: np.ndarray, dictionary: np.ndarray) -> contenders.Coding:
        honest = CONTENDERS["orthogonal_mp_gram"].begin(signals, dictionary)
        return lambda k: honest(k) / 2

    wrong = Contender("omp", halved, CONTENDERS["orthogonal_mp_gram"].dense)
    monkeypatch.setitem(CONTENDERS, "wrong", wrong)
    for speed in speeds(data, 24, repeats=1, quick=True, tick=ignore):
        for name in CONTENDERS:
            right = [speed.counts(name, i) for i in range(len(speed.x))]
            assert right == [name != "wrong"] * len(speed.x), name
            assert all(seconds > 0.0 for seconds in speed.seconds[name])


def test_experiments_are_all_there(report: dict[str, Any]) -> None:
    (problem,) = report["problems"]
    assert (problem["name"], problem["shape"], problem["coded"]) == ("mine", [120, 16], 60)
    assert [found["name"] for found in problem["recovery"]] == ["Gaussian", "data"]
    for found in problem["recovery"]:
        assert found["measurements"][-1] == 16
        for shares in found["shares"].values():
            assert np.shape(shares) == (len(found["measurements"]), len(found["sparsities"]))
            assert all(0.0 <= share <= 1.0 for row in shares for share in row if share is not None)
            assert shares[-1][0] == 1.0  # one atom, all measurements
    assert set(problem["residual"]["residuals"]) == {"Gaussian", "cosines", "data"}
    assert [speed["name"] for speed in problem["throughput"]] == ["sparsity", "dictionary"]
    for speed in problem["throughput"]:
        assert set(speed["seconds"]) == set(speed["counts"]) == set(CONTENDERS)
        assert all(all(counts) for counts in speed["counts"].values())
    assert report["environment"]["orthola"] == orthola.__version__
    assert report["settings"] == {
        "atoms": 64, "signals": 100, "sparsity": 8, "repeats": 1, "points": 5, "trials": 5,
        "seed": 0, "files": [],
    }  # fmt: skip


def test_figures_tables_and_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = study("omp", tmp_path)
    files = ["omp-patches.png", "omp-patches.svg"]
    assert found["settings"]["files"] == files
    assert sorted(path.name for path in tmp_path.iterdir()) == [*files, "omp.json"]
    assert (tmp_path / files[0]).stat().st_size > 50_000
    printed = capsys.readouterr()
    for word in (
        "OLS, Gaussian", "principal axes", "signals per second", "orthogonal_mp_gram", "omp.json",
    ):  # fmt: skip
        assert word in printed.out
    assert "omp 1/19: patches: recovery, Gaussian atoms, 4 measurements" in printed.err
    assert "omp 19/19: patches: throughput" in printed.err
