"""The options that studies share, and their checks."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .failure import Failure

__all__ = ["add_run", "add_shared", "at_most", "count", "output_directory"]


def add_shared(
    parser: argparse.ArgumentParser, *, dtypes: Sequence[str], quick: str, draws: bool = True
) -> None:
    """Data, precision, output, timing; `quick` says what the short run is.

    A study that draws no random numbers has no seed.
    """
    add = parser.add_argument
    add("--input", nargs="+", type=Path, metavar="FILE", default=[],
        help="matrices in .npy, .npz, .safetensors or .zarr files; default: data that comes "
        "with scikit-learn")  # fmt: skip
    add("--key", metavar="NAME", help="which array of an .npz, .safetensors or .zarr file")
    add("--dtype", choices=dtypes, help="default: that of the file, float64 for other data")
    add("--no-figures", action="store_true", help="tables and JSON only")
    add_run(parser, quick=quick, draws=draws)


def add_run(parser: argparse.ArgumentParser, *, quick: str, draws: bool = True) -> None:
    """How to run, whatever is studied."""
    add = parser.add_argument
    add("--out", type=Path, default=Path("orthola-study"), metavar="DIR",
        help="where the files go; default: ./orthola-study")  # fmt: skip
    add("--quick", action="store_true", help=quick)
    add("--repeats", type=count, default=3, metavar="N",
        help="timed runs of each point; default: 3")  # fmt: skip
    add("--threads", type=count, default=1, metavar="N",
        help="threads of BLAS and of orthola; default: 1")  # fmt: skip
    if draws:
        add("--seed", type=_seed, default=0, metavar="N", help="of all that is drawn; default: 0")


def count(text: str) -> int:
    """Type of an option that counts something."""
    return _whole(text, 1)


def at_most(arguments: argparse.Namespace, limits: dict[str, int]) -> dict[str, Any]:
    """Options by name, held to these limits in a quick run."""
    given = {name: getattr(arguments, name) for name in limits}
    if arguments.quick:
        given = {name: min(value, limits[name]) for name, value in given.items()}
    return given


def output_directory(arguments: argparse.Namespace) -> Path:
    """Make the directory that the files go to."""
    directory: Path = arguments.out
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"--out {directory}: cannot be made: {error.strerror}") from None
    return directory


def _seed(text: str) -> int:
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text!r}") from None
    if value < least:
        raise argparse.ArgumentTypeError(f"expected at least {least}, got {value}")
    return value
