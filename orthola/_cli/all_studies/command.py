"""Every study, one after the other, and one page with all their figures and tables.

The page, report.html, needs nothing beside it: figures, tables, settings, definitions and versions
are inside. The JSON file of each study lies next to it. A study that fails is told on the page and
by the exit code, and does not keep the others from running.
"""

from __future__ import annotations

import argparse
import time
import traceback
from collections.abc import Sequence

from ..arguments import add_run, output_directory
from ..failure import Failure, needed
from ..numbers import duration
from ..report import Record
from ..studies import Study
from ..study import carry_out
from ..terminal import Terminal, terminal
from .page import Failed, Result, write

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_run(parser, quick="the short run of each study: a few minutes in all")


def run(studies: Sequence[Study], arguments: argparse.Namespace) -> None:
    """Measure, draw, write; a `Failure` at the end names the studies that failed."""
    needed("matplotlib", "the report")
    directory = output_directory(arguments)
    out = terminal()
    results: list[Result] = []
    with out.progress("all studies", len(studies)) as tick:
        for study in studies:
            results.append(_attempt(study, arguments, out))
            # After each of them: a run that is stopped leaves what it has.
            page = write(directory, studies, results, quick=arguments.quick)
            tick(study.name)
    out.heading("All studies")
    out.table(("study", ">took", ">figures", "result"), [_row(result) for result in results])
    out.paragraph(f"Figures, tables and versions are in {page}.")
    failed = [result for result in results if isinstance(result, Failed)]
    if failed:
        reasons = "; ".join(f"{result.study}: {result.reason}" for result in failed)
        raise Failure(f"{len(failed)} of {len(results)} studies failed: {reasons}")


def _attempt(study: Study, arguments: argparse.Namespace, out: Terminal) -> Result:
    begin = time.perf_counter()
    try:
        return carry_out(study, _own(study, arguments), out)
    except Failure as failure:
        reason, details = str(failure), ""
    except Exception as error:  # whatever it is, the others are still to be done
        reason, details = f"{type(error).__name__}: {error}", traceback.format_exc()
    return Failed(study.name, reason.splitlines()[0], details, time.perf_counter() - begin)


def _own(study: Study, arguments: argparse.Namespace) -> argparse.Namespace:
    """The options of one study: what was said for all, its own defaults besides."""
    parser = argparse.ArgumentParser()
    study.load().add_arguments(parser)
    own = vars(parser.parse_args([]))
    said = {name: value for name, value in vars(arguments).items() if name in own}
    return argparse.Namespace(**own | said)


def _row(result: Result) -> tuple[str, ...]:
    figures = str(len(result.figures)) if isinstance(result, Record) else "-"
    said = "done" if isinstance(result, Record) else f"failed: {result.reason}"
    return result.study, duration(result.seconds), figures, said
