"""``orthola study svd``: truths recomputed, false statements counted, files written."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import orthola
from orthola._cli.matrices import Problem
from orthola._cli.svd_study import contenders
from orthola._cli.svd_study.accuracy import against_rank, against_tolerance, along_the_stream
from orthola._cli.svd_study.clusters import against_error
from orthola._cli.svd_study.contenders import CONTENDERS
from orthola._cli.svd_study.rows import Stream, bundled, stream_of
from orthola.testing import from_spectrum, gaussian
from tests.cli.runs import study

NAMES = ["rank", "stream", "tolerance", "time", "memory", "clusters"]


@pytest.fixture(scope="module")
def stream() -> Stream:
    rows = from_spectrum(200, 24, np.geomspace(1.0, 1e-2, 24), rng=0) + 0.3
    return stream_of(Problem("rows", "Rows", rows))


@pytest.fixture(scope="module")
def report(stream: Stream, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The one run that most tests read."""
    zarr = pytest.importorskip("zarr", reason="zarr is not installed")
    directory = tmp_path_factory.mktemp("svd")
    group = zarr.open_group(str(directory / "mine.zarr"), mode="w")
    group["rows"] = stream.problem.matrix
    group["other"] = np.ones((3, 3))
    options = "--input", directory / "mine.zarr", "--key", "rows"
    return study("svd", directory / "out", "--no-figures", *options)


def test_blocks_are_the_rows_in_their_order(stream: Stream) -> None:
    assert len(stream.blocks) == 25
    np.testing.assert_array_equal(stream.joined(), stream.problem.matrix)
    again = stream.again(30)
    assert again[25] is again[0]
    assert len(stream_of(Problem("rows", "Rows", gaussian(1000, 9, rng=0))).blocks) == 32


def test_bundled_rows_are_in_an_order_that_means_something() -> None:
    digits, patches = bundled(quick=False)
    assert digits.matrix.shape == (1797, 61)
    assert patches.matrix.shape == (8216, 256)
    for problem in (digits, patches):
        blocks = stream_of(problem).blocks
        within = np.mean([np.var(block, axis=0).sum() for block in blocks])
        assert within < 0.95 * np.var(problem.matrix, axis=0).sum()


def test_contenders_agree_where_nothing_is_lost() -> None:
    rows = gaussian(60, 3, rng=1) @ gaussian(3, 12, rng=2) + 1.0
    expected = CONTENDERS["full SVD"]([rows], 3)
    for name, follow in CONTENDERS.items():
        # Blocks of two rows: fewer than components.
        found = follow(np.split(rows, 30), 3)
        np.testing.assert_allclose(found.values, expected.values, rtol=1e-9, err_msg=name)
        turn = found.axes.T @ expected.axes
        np.testing.assert_allclose(np.abs(turn), np.eye(3), atol=1e-8, err_msg=name)


def test_excess_is_that_of_the_true_error(stream: Stream) -> None:
    found = against_rank(stream, quick=True)
    rows = stream.joined() - stream.joined().mean(axis=0)
    values = np.linalg.svd(rows, compute_uv=False)
    for i, rank in enumerate(found.x):
        least = np.linalg.norm(values[int(rank) :])
        for name in ("exact-r", "brand", "IncrementalPCA"):
            axes = CONTENDERS[name](stream.blocks, int(rank)).axes
            error = np.linalg.norm(rows - rows @ axes @ axes.T)
            assert found.curves[name][i] == pytest.approx(error / least - 1.0, abs=1e-12)
    for name in ("exact-r", "brand"):
        certified = found.curves[f"{name}, certified"]
        assert all(a <= b for a, b in zip(found.curves[name], certified, strict=True))
    assert found.violations == 0


def test_false_certificates_are_counted(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = CONTENDERS["brand"]

    def boasting(blocks: Any, rank: int) -> contenders.Found:
        found = honest(blocks, rank)
        return found._replace(certified=0.5 * found.certified, intervals=found.intervals * 2.0)

    monkeypatch.setitem(CONTENDERS, "brand", boasting)
    found = along_the_stream(stream, quick=True)
    # At each of 3 points the error, and the singular values of rank 6.
    assert found.violations == 3 * (1 + 6)


def test_tolerance_leads_to_nearly_the_least_rank(stream: Stream) -> None:
    found = against_tolerance(stream, quick=True)
    assert found.violations == 0
    for rank, least in zip(found.curves["brand"], found.curves["least possible"], strict=True):
        assert least <= rank <= least + 3
    assert all(a < b for a, b in pairwise(found.curves["least possible"]))


def test_compression_of_clusters_is_recomputed() -> None:
    # Two subspaces of dimension 4 in blocks: two clusters.
    parts = [gaussian(160, 4, rng=i) @ gaussian(4, 40, rng=9 + i) for i in (1, 2)]
    stream = stream_of(Problem("two", "Two", np.concatenate([p - p.mean(axis=0) for p in parts])))
    found = against_error(stream, quick=True)
    rank = 10
    assert found.x[0] == 0.01
    # Numbers of one basis for all 20 blocks: its rank of 8 is below 10.
    assert found.curves["merge"][0] == pytest.approx(320 * 40 / (rank * (40 + 320)))
    assert found.violations == 0


def test_experiments_are_all_there(report: dict[str, Any]) -> None:
    (problem,) = report["problems"]
    assert (problem["name"], problem["shape"]) == ("mine-rows", [200, 24])
    assert [e["name"] for e in problem["experiments"]] == NAMES
    for experiment in problem["experiments"]:
        for curve in experiment["contenders"].values():
            assert len(curve) == 3
            assert all(value >= 0.0 for value in curve)
        assert experiment["violations"] == 0
    time, memory = problem["experiments"][3:5]
    assert set(time["contenders"]) == set(memory["contenders"]) == set(CONTENDERS)
    # One keeps everything, the others do not.
    assert memory["contenders"]["full SVD"][-1] > 2.0 * memory["contenders"]["full SVD"][0]
    assert memory["contenders"]["brand"][-1] < 1.5 * memory["contenders"]["brand"][0]
    assert report["environment"]["orthola"] == orthola.__version__
    assert report["settings"] == {"repeats": 1, "files": []}


def test_figures_tables_and_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = study("svd", tmp_path)
    files = ["svd-digits.png", "svd-digits.svg"]
    assert found["settings"]["files"] == files
    assert sorted(path.name for path in tmp_path.iterdir()) == [*files, "svd.json"]
    assert (tmp_path / files[0]).stat().st_size > 50_000
    printed = capsys.readouterr()
    for word in ("IncrementalPCA", "least possible", "compresses best", "false: 0", "svd.json"):
        assert word in " ".join(printed.out.split())
    assert "svd 1/6: digits: rank" in printed.err
