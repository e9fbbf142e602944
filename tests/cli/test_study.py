"""``orthola study polar``: files, numbers that can be recomputed, and errors in one line."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import orthola
from benchmarks.convergence import polar as accuracy
from orthola._cli import studies
from orthola._cli.main import main
from orthola._cli.polar_study.approximation import LOWER_BOUND
from orthola._cli.polar_study.problems import bundled, stated
from orthola.testing import from_spectrum, orthogonality, polar_residual, spectrum
from tests.cli.runs import study

ITERATIONS = ("newton", "newton-schulz", "halley", "qr-halley")


def curves(problem: dict[str, Any]) -> dict[str, Any]:
    return {curve["method"]: curve for curve in problem["curves"]}


@pytest.fixture(scope="module")
def matrix() -> np.ndarray:
    return from_spectrum(30, 12, spectrum("geometric", 12, condition=1e5), rng=3)


@pytest.fixture(scope="module")
def found(matrix: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The one run that most tests read."""
    directory = tmp_path_factory.mktemp("study")
    np.save(directory / "mine.npy", matrix)
    return study("polar", directory, "--no-figures", "--input", directory / "mine.npy")


def test_every_point_is_what_polar_returns_after_so_many_steps(
    found: dict[str, Any], matrix: np.ndarray
) -> None:
    (problem,) = found["problems"]
    for method in ITERATIONS:
        for point in curves(problem)[method]["points"]:
            u, h, status = orthola.polar(
                matrix, method=method, max_steps=point["steps"], fallback=False
            )
            # The same calls in the same process: equal but for the threads of BLAS.
            np.testing.assert_allclose(
                [point["orthogonality"], point["residual"]],
                [orthogonality(u), polar_residual(matrix, u, h)],
                rtol=1e-3,
                atol=20 * 12 * np.finfo(float).eps,
            )
            assert point["status"] == orthola.Status(int(status)).name


def test_steps_are_counted_from_none_until_the_certificate_holds(found: dict[str, Any]) -> None:
    (problem,) = found["problems"]
    for method in ITERATIONS:
        points = curves(problem)[method]["points"]
        assert [point["steps"] for point in points] == list(range(len(points)))
        assert {point["status"] for point in points[:-1]} == {"NOT_CONVERGED"}
        assert points[-1]["status"] == "OK"
        assert points[-1]["orthogonality"] <= 20 * 12 * np.finfo(float).eps


def test_singular_values_of_the_iterate_close_at_one(found: dict[str, Any]) -> None:
    for curve in found["problems"][0]["curves"]:
        last = curve["points"][-1]
        assert last["smallest"] == pytest.approx(1.0, abs=1e-13)
        assert last["largest"] == pytest.approx(1.0, abs=1e-13)


def test_time_per_digit_is_the_time_of_the_first_point_that_has_it(found: dict[str, Any]) -> None:
    newton = curves(found["problems"][0])["newton"]
    for digits, seconds in newton["seconds_to_digits"].items():
        errors = [max(p["orthogonality"], p["residual"]) for p in newton["points"]]
        first = next((i for i, e in enumerate(errors) if e <= 10.0 ** -int(digits)), None)
        assert seconds == (None if first is None else newton["points"][first]["seconds"])


def test_auto_says_what_it_chose(found: dict[str, Any], matrix: np.ndarray) -> None:
    auto = curves(found["problems"][0])["auto"]
    assert auto["picked"] == orthola.explain(orthola.polar, matrix)["method"]


def test_orthogonalize_stays_in_the_interval_that_the_schedule_states(
    found: dict[str, Any], matrix: np.ndarray
) -> None:
    values = np.linalg.svd(matrix, compute_uv=False)
    steps = found["problems"][0]["orthogonalize"]["steps"]
    assert len(steps) == 8
    for step in steps:
        rule = orthola.schedule("polar-express", steps=step["steps"], lower_bound=LOWER_BOUND)
        assert step["interval"] == list(rule.interval)
        image = np.linalg.svd(orthola.orthogonalize(matrix, steps=step["steps"]), compute_uv=False)
        low, high = step["covered"]
        assert rule.interval[0] - 1e-12 <= low <= high <= rule.interval[1] + 1e-12
        assert high == pytest.approx(max(image), abs=1e-12)
    assert np.sum(values < LOWER_BOUND * np.linalg.norm(values)) > 0
    assert steps[0]["below"] is not None


def test_report_says_where_and_when_it_was_made(found: dict[str, Any]) -> None:
    assert found["environment"]["orthola"] == orthola.__version__
    assert found["environment"]["threads"]["pools"]
    assert found["settings"]["backend"] == "numpy"
    assert found["date"][:2] == "20"
    (problem,) = found["problems"]
    assert (problem["name"], problem["shape"], problem["dtype"]) == ("mine", [30, 12], "float64")
    assert problem["condition"] == pytest.approx(1e5, rel=1e-6)


def test_figures_table_and_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "polar", "--quick", "--out", str(tmp_path)]) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "polar-digits.png",
        "polar-digits.svg",
        "polar.json",
    ]
    # A PNG file states its width and height behind the name of its first part.
    head = (tmp_path / "polar-digits.png").read_bytes()[:24]
    width, height = struct.unpack(">II", head[16:])
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert width > 1.5 * height > 900
    text = (tmp_path / "polar-digits.svg").read_text(encoding="utf-8")
    assert text.count("<svg") == 1
    printed = capsys.readouterr()
    for word in (
        "newton-schulz",
        "orthogonality",
        "OK",
        "was fastest",
        "most accurate",
        "polar.json",
    ):
        assert word in printed.out
    assert "polar 1/8: digits: svd" in printed.err


def test_a_singular_matrix_can_be_drawn_and_says_who_failed(tmp_path: Path) -> None:
    # An exactly zero singular value: no iteration can move it, zeros and NaN meet log axes.
    np.save(tmp_path / "singular.npy", np.diag([2.0, 1.0, 0.0]))
    out = tmp_path / "out"
    argv = ["study", "polar", "--quick", "--input", str(tmp_path / "singular.npy")]
    assert main([*argv, "--out", str(out)]) == 0
    report = json.loads((out / "polar.json").read_text(encoding="utf-8"))
    (problem,) = report["problems"]
    assert problem["condition"] is None
    assert not curves(problem)["halley"]["converged"]
    assert curves(problem)["svd"]["converged"]
    assert curves(problem)["auto"]["points"][0]["status"] == "RANK_DEFICIENT"
    assert (out / "polar-singular.png").stat().st_size > 10_000


@pytest.mark.parametrize("library", ["torch", "array-api-strict"])
def test_other_libraries_give_the_same_accuracy(library: str, tmp_path: Path) -> None:
    wide = from_spectrum(8, 14, np.linspace(1.0, 3.0, 8), dtype="complex128", rng=1)
    np.save(tmp_path / "wide.npy", wide)
    report = study(
        "polar", tmp_path, "--no-figures", "--input", tmp_path / "wide.npy", "--backend", library
    )
    assert report["settings"]["backend"] == library
    for curve in report["problems"][0]["curves"]:
        assert curve["converged"], curve["method"]
        assert curve["points"][-1]["orthogonality"] <= 20 * 8 * np.finfo(float).eps


def test_synthetic_and_single_precision(tmp_path: Path) -> None:
    np.save(tmp_path / "ones.npy", np.diag([1, 2, 3]))
    report = study(
        "polar",
        tmp_path,
        "--no-figures",
        "--input",
        tmp_path / "ones.npy",
        "--synthetic",
        "10,100",
        "--dtype",
        "float32",
    )
    integers, synthetic = report["problems"]
    assert (integers["dtype"], synthetic["dtype"]) == ("float32", "float32")
    assert synthetic["shape"] == [10, 10]
    assert synthetic["condition"] == pytest.approx(100, rel=1e-3)
    assert "gram" in curves(synthetic)


def test_arrays_are_found_by_name(tmp_path: Path, matrix: np.ndarray) -> None:
    np.savez(tmp_path / "two.npz", weight=matrix[:5, :4], bias=np.ones(3))
    save_file({"a.weight": matrix[:6, :4].copy(), "b": np.ones(2)}, tmp_path / "two.safetensors")
    named = study(
        "polar", tmp_path, "--no-figures", "--input", tmp_path / "two.npz", "--key", "weight"
    )
    assert named["problems"][0]["shape"] == [5, 4]
    named = study(
        "polar",
        tmp_path,
        "--no-figures",
        "--input",
        tmp_path / "two.safetensors",
        "--key",
        "a.weight",
    )
    assert named["problems"][0]["name"] == "two-a-weight"


def test_equal_names_do_not_overwrite_each_other(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "x.npy", np.eye(2))
    files = [tmp_path / folder / "x.npy" for folder in ("a", "b")]
    names = [
        p["name"] for p in study("polar", tmp_path, "--no-figures", "--input", *files)["problems"]
    ]
    assert names == ["x", "x-2"]


def test_accuracy_tables_use_the_same_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(accuracy, "SPECTRA", ("geometric",))
    monkeypatch.setattr(accuracy, "SHAPES", ((20, 10),))
    file = tmp_path / "tables.json"
    assert accuracy.main(["--quick", "--dtype", "float64", "--json", str(file)]) == 0
    assert "newton-schulz" in capsys.readouterr().out
    results = json.loads(file.read_text(encoding="utf-8"))["results"]
    assert {result["condition"] for result in results} == {1e3, 1e15}
    a = stated("geometric", 10, 1e3, rows=20).matrix
    u, h, _ = orthola.polar(a, method="svd")
    (svd,) = (r for r in results if r["method"] == "svd" and r["condition"] == 1e3)
    assert svd["residual"] == pytest.approx(polar_residual(a, u, h), abs=20 * np.finfo(float).eps)


@pytest.mark.parametrize(
    ("module", "argv"),
    [("matplotlib", []), ("sklearn", ["--no-figures"]), ("torch", ["--backend", "torch"])],
)
def test_a_missing_library_is_named_with_its_extra(
    module: str,
    argv: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in [n for n in sys.modules if n == module or n.startswith(f"{module}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)  # an import of it now fails
    assert main(["study", "polar", "--quick", "--out", str(tmp_path / "o"), *argv]) == 2
    extra = "torch" if module == "torch" else "study"
    line = capsys.readouterr().err
    assert f"needs {module}" in line
    assert line.endswith(f'pip install "orthola[{extra}]"\n')


def test_without_rich_a_terminal_gets_plain_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert main(["info"]) == 0
    assert "Packages\n--------" in capsys.readouterr().out


def test_a_study_is_one_registration(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    more = studies.Study("again", "the same under another name", studies.STUDIES[0].module)
    monkeypatch.setattr("orthola._cli.main.STUDIES", (*studies.STUDIES, more))
    assert main(["study", "again", "--key", "q"]) == 2
    assert "--key" in capsys.readouterr().err


def test_bundled_problems_are_of_varied_condition() -> None:
    conditions = []
    for problem in bundled(quick=False):
        values = np.linalg.svd(problem.matrix, compute_uv=False)
        conditions.append(values[0] / values[-1])
    assert len(conditions) == 3
    assert conditions[0] < 1e4 < conditions[1] < 1e8 < conditions[2]


def test_stated_problems_have_the_condition_they_state() -> None:
    problem = stated("two-level", 6, 1e4, rows=9, dtype="complex128")
    values = np.linalg.svd(problem.matrix, compute_uv=False)
    assert problem.matrix.shape == (9, 6)
    assert values[0] / values[-1] == pytest.approx(1e4, rel=1e-9)
