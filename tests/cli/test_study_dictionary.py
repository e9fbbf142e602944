"""``orthola study dictionary``: streams as stated, errors that can be recomputed, files."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import orthola
from orthola._cli.dictionary_study import experiments as measurements
from orthola._cli.dictionary_study.coding import (
    COSINES,
    FROM_COSINES,
    FROM_HAAR,
    OFFLINE,
    PRINCIPAL,
    coding_error,
)
from orthola._cli.dictionary_study.experiments import Budget, experiments
from orthola._cli.dictionary_study.learners import PEER, OrthogonalLearner, SklearnLearner
from orthola._cli.dictionary_study.outcome import Curve, Experiment, Trace
from orthola._cli.dictionary_study.samples import from_problem, photographs
from orthola._cli.dictionary_study.streams import Stream
from orthola._cli.dictionary_study.tracing import checkpoints, relative_gap, traced
from orthola._cli.matrices import Problem
from orthola.testing import orthogonality
from tests.cli.runs import study

EPS = np.finfo(float).eps
NAMES = [
    "schedules", "dimensions", "sparsity", "batches", "noise", "beside-20", "beside-50", "drift",
]  # fmt: skip
TINY = Budget(2, 1200, 4, (5, 10), (0.3,))


@pytest.fixture(scope="module")
def tiny() -> Iterator[None]:
    """The whole study, with streams so short that it takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measurements, "QUICK", TINY)
        yield


@pytest.fixture(scope="module")
def rows() -> np.ndarray[Any, Any]:
    stream = Stream(9, 0.2)
    return next(stream.batches(800, 800))[0]


@pytest.fixture(scope="module")
def report(
    tiny: None, rows: np.ndarray[Any, Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The one run that most tests read."""
    directory = tmp_path_factory.mktemp("dictionary")
    np.save(directory / "mine.npy", rows)
    return study("dictionary", directory, "--no-figures", "--input", directory / "mine.npy")


def test_streams_are_as_stated() -> None:
    stream = Stream(10, 0.3, noise=0.1, seed=3)
    batches = list(stream.batches(40_000, 4000))
    assert len(batches) == 10
    y = np.concatenate([rows for rows, _ in batches])
    codes = y @ stream.dictionary.T
    assert orthogonality(stream.dictionary) <= 50 * 10 * EPS
    # Second moment theta + sigma^2; the error of a mean of 4e5 numbers.
    assert np.mean(codes**2) == pytest.approx(0.31, rel=0.02)
    assert np.mean(np.abs(codes) > 0.5) == pytest.approx(0.3 * 0.62, rel=0.03)
    np.testing.assert_array_equal(batches[0][0], next(stream.batches(40_000, 4000))[0])
    assert not np.array_equal(stream.held_out(4000), batches[0][0])


def test_outliers_are_dense_and_large() -> None:
    stream = Stream(10, 0.3, outliers=0.05)
    lengths = np.linalg.norm(next(stream.batches(10_000, 10_000))[0], axis=1)
    assert np.mean(lengths > 8.0) == pytest.approx(0.05, rel=0.2)


def test_drift_turns_every_atom_by_its_angle() -> None:
    stream = Stream(20, 0.3, drift=3e-3)
    (_, first), (_, second), *_ = stream.batches(30, 10)
    angles = np.arccos(np.clip(np.sum(first * second, axis=1), -1.0, 1.0))
    assert np.sqrt(np.mean(angles**2)) == pytest.approx(3e-3, rel=1e-3)


def test_looks_are_spread_and_end_at_the_end() -> None:
    looks = checkpoints(1000, 12)
    assert looks[0] == 1
    assert looks[-1] == 1000
    assert looks == sorted(set(looks))
    assert checkpoints(3, 12) == [1, 2, 3]


def test_gap_is_that_of_the_objective() -> None:
    stream = Stream(8, 0.3)
    rows = stream.held_out(20_000)
    assert 0.0 <= relative_gap(stream.dictionary, rows) < 0.01
    a = 0.9 * orthola.haar(8, rng=1)
    codes = rows @ a.T
    gradient = 3 * (codes * np.abs(codes)).T @ rows / len(rows)
    direction = orthola.polar(gradient).unitary
    h = 1e-6
    values = [
        np.mean(np.sum(np.abs(rows @ (a + step * direction).T) ** 3, axis=1)) for step in (-h, h)
    ]
    # The slope towards the best point of the ball is the nuclear norm of the gradient.
    most = (values[1] - values[0]) / (2 * h)
    expected = 1.0 - np.vdot(gradient, a) / most
    assert relative_gap(a, rows) == pytest.approx(expected, rel=1e-6)


def test_a_trace_can_be_recomputed() -> None:
    stream = Stream(10, 0.3)
    trace = traced(stream, OrthogonalLearner, samples=6000, batch=10, points=8, gap=True)
    state = orthola.dictionary_init(10, init=stream.start)
    for rows, _ in stream.batches(6000, 10):
        state = orthola.dictionary_update(state, rows)
    found = orthola.dictionary_recovery(
        orthola.dictionary_result(state).dictionary, stream.dictionary
    )
    assert trace.samples[-1] == 6000
    assert trace.error[-1] == pytest.approx(float(found.err4))
    assert trace.error[-1] < 1e-2 < trace.error[0]
    assert trace.iterate_error[-1] > trace.error[-1]
    assert (trace.found, trace.cosine) == (float(found.share), float(found.smallest))
    assert trace.gap[-1] == relative_gap(state.iterate, stream.held_out(20_000))
    assert np.all(np.diff(trace.seconds) > 0)


def test_the_peer_sees_the_same_rows() -> None:
    stream = Stream(10, 0.3)
    learner = SklearnLearner(stream.start, 0.3, 10)
    for rows, _ in stream.batches(6000, 10):
        learner.update(rows)
    assert orthola.dictionary_recovery(learner.atoms(), stream.dictionary).err4 < 0.05
    np.testing.assert_array_equal(
        SklearnLearner(stream.start, 0.3, 10)._model.dict_init, stream.start
    )


def test_a_curve_is_the_median_of_its_traces() -> None:
    traces = tuple(
        Trace([10, 100], [0.5, e], [0.6, e], [], [0.1, t], 1.0, c)
        for e, t, c in ((1e-2, 1.0, 0.99), (3e-3, 2.0, 0.9), (0.2, 3.0, 0.95))
    )
    curve = Curve("x", traces, 10)
    assert curve.middle("error") == [0.5, 1e-2]
    assert curve.spread("error")[1].tolist() == [0.5, 0.2]
    assert (curve.samples_to(1e-2), curve.samples_to(1e-3)) == (100, None)
    assert curve.seconds == [0.1, 1.0]
    plain = curve.as_json()
    assert (plain["cosine"], plain["found"]) == (0.9, 1.0)
    assert "gap" not in plain
    assert not Experiment("beside-5", "", (curve,)).has_gaps


def test_every_curve_has_work_of_its_own() -> None:
    planned = list(experiments(TINY, "float64"))
    assert [name for name, _, _ in planned] == NAMES
    for _, work, _ in planned:
        assert len({which for which, _ in work}) == len(work)


def test_experiments_are_all_there(report: dict[str, Any]) -> None:
    streams, mine = report["problems"]
    assert [e["name"] for e in streams["experiments"]] == NAMES
    for experiment in streams["experiments"]:
        for curve in experiment["curves"]:
            assert len(curve["error"]) == TINY.seeds
            assert all(0.0 <= e < 1.0 for trace in curve["error"] for e in trace)
            assert all(0.0 <= g <= 1.0 for trace in curve.get("gap", []) for g in trace)
    assert (mine["name"], mine["rows"]) == ("mine", {"learn": 600, "held_out": 200})
    assert report["environment"]["orthola"] == orthola.__version__
    assert report["settings"]["files"] == []


def test_coding_errors_can_be_recomputed(report: dict[str, Any], rows: Any) -> None:
    mine = report["problems"][1]
    assert set(mine["coding_error"]) == {
        COSINES, PRINCIPAL, FROM_HAAR, FROM_COSINES, OFFLINE, PEER
    }  # fmt: skip
    samples = from_problem(Problem("mine", "Mine", rows))
    found = orthola.orthogonal_dictionary(samples.learn, rng=0).dictionary
    for k, error in zip(mine["terms"], mine["coding_error"][OFFLINE], strict=True):
        codes = orthola.omp(samples.held_out, found, n_nonzero=k)
        expected = np.linalg.norm(codes.residual_norm) / np.linalg.norm(samples.held_out)
        assert error == pytest.approx(float(expected), rel=1e-8)
    for errors in mine["coding_error"].values():
        assert all(later < earlier for earlier, later in pairwise(errors))


def test_pursuit_and_largest_entries_agree_for_orthonormal_atoms(rows: Any) -> None:
    atoms = orthola.haar(9, rng=2)
    by_size = coding_error(rows, atoms, 3, pursue=False)
    assert coding_error(rows, 5.0 * atoms, 3, pursue=True) == pytest.approx(by_size, rel=1e-9)


def test_patches_are_centred_and_the_transform_is_of_the_pictures() -> None:
    samples = photographs(quick=True, dtype="float32")
    assert (samples.learn.shape, samples.held_out.shape) == ((15_000, 64), (5000, 64))
    assert samples.learn.dtype == np.float32
    np.testing.assert_allclose(samples.learn.mean(axis=1), 0.0, atol=1e-6)
    assert orthogonality(samples.cosines) <= 50 * 64 * EPS
    np.testing.assert_allclose(samples.cosines[0], 1 / 8)
    # Smooth patches have their energy in the first coefficients.
    energy = np.mean((samples.held_out @ samples.cosines.T) ** 2, axis=0).reshape(8, 8)
    assert energy[:3, :3].sum() > 0.45 * energy.sum()


def test_figures_table_and_summary(
    tiny: None, tmp_path: Path, rows: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "mine.npy", rows)
    found = study(
        "dictionary", tmp_path / "out", "--dtype", "float32", "--input", tmp_path / "mine.npy"
    )
    files = [
        f"dictionary-{name}.{kind}" for name in ("streams", "mine") for kind in ("png", "svg")
    ]  # fmt: skip
    assert found["settings"]["files"] == files
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*files, "dictionary.json"}
    assert all((tmp_path / "out" / file).stat().st_size > 50_000 for file in files)
    printed = capsys.readouterr()
    for word in ("Step sizes", "σ = 0.2", "no window", "scikit-learn", "dictionary.json"):
        assert word in printed.out
    assert "schedules: default" in printed.err
