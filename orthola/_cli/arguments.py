"""The options that every study has."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from .failure import Failure, needed

__all__ = ["add_shared", "checked", "output_directory"]


def add_shared(parser: argparse.ArgumentParser, *, dtypes: Sequence[str], quick: str) -> None:
    """Data, precision, output, timing; `quick` says what the short run is."""
    add = parser.add_argument
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add("--input", nargs="+", type=Path, metavar="FILE", default=[],
        help="matrices in .npy, .npz, .safetensors or .zarr files; default: data that comes "
        "with scikit-learn")  # fmt: skip
    add("--key", metavar="NAME", help="which array of an .npz, .safetensors or .zarr file")
    add("--dtype", choices=dtypes, help="default: that of the file, float64 for other data")
    add("--out", type=Path, default=Path("orthola-study"), metavar="DIR",
        help="where the files go; default: ./orthola-study")  # fmt: skip
    add("--repeats", type=int, default=3, metavar="N", help="timed runs of each point; default: 3")
    add("--threads", type=int, default=1, metavar="N", help="BLAS threads; default 1")
    add("--quick", action="store_true", help=quick)
    add("--no-figures", action="store_true", help="tables and JSON only")


def checked(arguments: argparse.Namespace, *counts: str) -> None:
    """Find what is wrong before anything is computed; `counts` are options of the study itself."""
    for option in ("repeats", "threads", *counts):
        given = getattr(arguments, option)
        if given < 1:
            raise Failure(f"--{option}: expected at least 1, got {given}")
    if not arguments.no_figures:
        needed("matplotlib", "drawing (leave it out with --no-figures)")


def output_directory(arguments: argparse.Namespace) -> Path:
    """Make the directory that the files go to."""
    directory: Path = arguments.out
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"--out {directory}: cannot be made: {error.strerror}") from None
    return directory
