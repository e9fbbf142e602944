"""Measure on this machine where orthola should change its methods, and keep it for this user.

Pairs of methods are timed in turns, results verified, and the sizes at which the faster one changes
are written to a file that orthola reads when it makes its first plan. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from ... import __version__
from ..._core.tuning_file import VARIABLE, chosen_file, read, user_file, write
from ..failure import Failure
from ..terminal import terminal

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    text = "time for comparisons; compiling and checking take as long again; default: 30"
    add("--seconds", type=float, default=30.0, metavar="S", help=text)
    text = "BLAS threads, and those of orthola's kernels; default: as they are set"
    add("--threads", type=int, metavar="N", help=text)
    add("--thorough", action="store_true", help="all sizes instead of bisection: minutes")
    text = "parts to measure, such as lowrank or polar_double; others stay as they are"
    add("--only", nargs="+", metavar="PART", default=[], help=text)
    text = f"default: the file that {VARIABLE} names, else the user's configuration"
    add("--output", type=Path, metavar="FILE", help=text)
    add("--dry-run", action="store_true", help="write nothing")


def run(arguments: argparse.Namespace) -> None:
    """Measure, write, print before and after."""
    if not arguments.seconds > 0:
        raise Failure(f"--seconds: expected more than 0, got {arguments.seconds}")
    if arguments.threads is not None and arguments.threads < 1:
        raise Failure(f"--threads: expected at least 1, got {arguments.threads}")
    from threadpoolctl import threadpool_limits

    from ..._core.options import options
    from ..._core.tuning import BUILT_IN
    from .tables import COLUMNS, rows

    out, threads = terminal(), arguments.threads
    target = arguments.output or chosen_file().path or user_file()
    before = read(chosen_file()).tuning
    # One thread has a clock of its own, which other programs do not disturb.
    clock = time.process_time if threads == 1 else time.perf_counter
    jobs = _jobs(arguments, clock)
    tuning, found = before if arguments.only else BUILT_IN, []
    with (
        threadpool_limits(threads),
        options(threads=threads),
        out.progress("tune", len(jobs)) as tick,
    ):
        for name, job in jobs:
            found.append(job())
            tuning = found[-1].put_into(tuning)
            tick(name)
    notes = {
        "date": date.today().isoformat(),
        "orthola": __version__,
        "threads": threads or "as set",
        "libraries": _libraries(),
        "measured": [one._asdict() for one in found],
    }
    out.heading("Limits on this machine")
    out.table(COLUMNS, rows(found, before))
    if arguments.dry_run:
        out.paragraph("Nothing was written.")
        return
    try:
        write(target, tuning, notes)
    except OSError as error:
        raise Failure(f"{target}: cannot be written: {error.strerror}") from None
    out.paragraph(f"Written to {target}; remove it to have the built-in values back.")


def _jobs(
    arguments: argparse.Namespace, clock: Callable[[], float]
) -> list[tuple[str, Callable[[], Any]]]:
    """What is measured, by name."""
    from .crossovers import CROSSOVERS
    from .rates import RATES
    from .search import crossed, rated

    parts = {"lowrank", *(one.part for one in CROSSOVERS)}
    if unknown := set(arguments.only) - parts:
        raise Failure(
            f"--only: expected some of {', '.join(sorted(parts))}, got {', '.join(sorted(unknown))}"
        )
    wanted = set(arguments.only) or parts
    crossovers = [one for one in CROSSOVERS if one.part in wanted]
    comparisons = sum(len(one.grid) if arguments.thorough else 3 for one in crossovers)
    comparisons += len(RATES) * ("lowrank" in wanted)
    how: dict[str, Any] = {"clock": clock, "seconds": arguments.seconds / comparisons}
    search = how | {"thorough": arguments.thorough}
    jobs: list[tuple[str, Callable[[], Any]]] = []
    if "lowrank" in wanted:
        jobs += [(f"rate of {part.name}", partial(rated, part, **how)) for part in RATES]
    jobs += [(f"{one.part}: {one.name}", partial(crossed, one, **search)) for one in crossovers]
    return jobs


def _libraries() -> dict[str, Any]:
    """What a measurement depends on besides the machine."""
    from ..._core.versions import environment

    found = environment()
    return {
        "numpy": found["packages"]["numpy"],
        "scipy": found["packages"]["scipy"],
        "pools": [
            f"{pool['library']} {pool['version']}, threads: {pool['threads']}"
            for pool in found["threads"]["pools"]
        ],
    }
