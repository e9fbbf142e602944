"""Arguments and files that a study cannot use: one line each, exit code 2, nothing written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from orthola._cli.main import main
from orthola.testing import gaussian

FILES = {
    "vector.npy": np.ones(3),
    "stack.npy": np.ones((2, 3, 3)),
    "empty.npy": np.ones((0, 3)),
    "text.npy": np.array([["a"]]),
    "nan.npy": np.array([[1.0, np.nan]]),
    "zero.npy": np.zeros((2, 2)),
    "complex.npy": np.eye(20) * 1j,
    "large.npy": np.full((2, 2), 1e300),
    "constant.npy": np.ones((5, 3)),
    "small.npy": np.concatenate([gaussian(15, 5, rng=0), np.zeros((9, 5))]),
    "rows.npy": gaussian(31, 9, rng=0),
    "flat.npy": gaussian(30, 4, rng=0),
}


@pytest.mark.parametrize(
    ("study", "argv", "words"),
    [
        ("svd", ["--inpt", "x"], "unrecognized arguments: --inpt x; see orthola study svd --help"),
        ("polar", ["--input", "vector.npy"], "got shape (3,)"),
        ("polar", ["--input", "stack.npy"], "got shape (2, 3, 3)"),
        ("polar", ["--input", "empty.npy"], "got shape (0, 3)"),
        ("polar", ["--input", "text.npy"], "expected numbers"),
        ("polar", ["--input", "nan.npy"], "1 of 2 NaN or infinite"),
        ("polar", ["--input", "zero.npy"], "all entries are zero"),
        ("polar", ["--input", "complex.npy", "--dtype", "float32"], "complex entries"),
        ("polar", ["--input", "large.npy", "--dtype", "float32"], "out of range"),
        ("polar", ["--input", "nowhere.npy"], "no such file"),
        ("polar", ["--input", "."], "expected a file ending in"),
        ("polar", ["--input", "notes.txt"], "expected a file ending in"),
        ("polar", ["--input", "broken.npy"], "cannot be read: not an array"),
        ("polar", ["--input", "broken.safetensors"], "cannot be read"),
        ("polar", ["--input", "two.npz"], "holds 2 arrays, choose one with --key: bias, weight"),
        ("polar", ["--input", "two.npz", "--key", "wieght"], "did you mean 'weight'?"),
        ("polar", ["--input", "two.npz", "--key", "q"], "it holds bias, weight"),
        ("polar", ["--input", "vector.npy", "--key", "q"], "leave --key out"),
        ("polar", ["--key", "q"], "give the file with --input"),
        ("polar", ["--synthetic", "10"], "like 200,1e8, got '10'"),
        ("polar", ["--synthetic", "0,10"], "expected n >= 1"),
        ("polar", ["--repeats", "0"], "--repeats: expected at least 1"),
        ("polar", ["--threads", "0"], "--threads: expected at least 1"),
        ("polar", ["--out", "notes.txt"], "cannot be made"),
        ("polar", ["--dtype", "float16"], "invalid choice"),
        ("maps", ["--input", "constant.npy"], "at least 2 principal components, got 0"),
        ("maps", ["--input", "complex.npy"], "complex entries, which float64 cannot hold"),
        ("maps", ["--components", "0"], "--components: expected at least 1, got 0"),
        ("maps", ["--columns", "0"], "--columns: expected at least 1"),
        ("maps", ["--steps", "0"], "--steps: expected at least 1"),
        ("maps", ["--seed", "-1"], "--seed: expected at least 0"),
        ("maps", ["--dtype", "complex64"], "invalid choice"),
        ("omp", ["--input", "small.npy"], "at least 16 × 4 signals by features, got 15 × 5"),
        ("omp", ["--input", "complex.npy"], "complex entries, which float64 cannot hold"),
        ("omp", ["--atoms", "0"], "--atoms: expected at least 1, got 0"),
        ("svd", ["--input", "rows.npy"], "expected at least 32 × 8 rows by columns, got 31 × 9"),
        ("svd", ["--input", "two.zarr"], "holds 2 arrays, choose one with --key: a, b"),
        ("svd", ["--input", "one.zarr", "--key", "a"], "holds one array without a name"),
        ("svd", ["--input", "none.zarr"], "no such file"),
        (
            "procrustes",
            ["--input", "flat.npy"],
            "flat: expected points that fill at least 8 dimensions, got 4",
        ),
        (
            "dictionary",
            ["--no-streams", "--input", "rows.npy"],
            "rows: expected at least two columns and six rows for each of them, got shape (31, 9)",
        ),
    ],
)
def test_it_is_one_line_and_exit_code_2(
    study: str,
    argv: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, array in FILES.items():
        np.save(name, array)
    np.savez("two.npz", weight=np.eye(2), bias=np.ones(2))
    for name in ("notes.txt", "broken.npy", "broken.safetensors"):
        Path(name).write_text("nothing of use")
    if any(word.endswith(".zarr") for word in argv):
        zarr = pytest.importorskip("zarr", reason="zarr is not installed")
        zarr.save("one.zarr", np.eye(40))
        group = zarr.open_group("two.zarr", mode="w")
        group["a"], group["b"] = np.eye(3), np.eye(2)
    assert main(["study", study, "--quick", "--no-figures", *argv]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("orthola: error: ")
    assert printed.count("\n") == 1
    assert words in printed
    assert not Path("orthola-study").exists()
