"""Entry point of the command ``orthola``: subcommands, exit codes, errors in one line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, NoReturn

from .. import __version__
from . import info, study
from .all_studies import command as all_studies
from .failure import Failure
from .studies import STUDIES
from .tune import command as tune

__all__ = ["main"]

DONE, FAILED, INTERRUPTED = 0, 2, 130


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all others."""

    def __init__(self, **options: Any) -> None:
        # Room for the longest option, so that no help begins on the next line.
        form = partial(argparse.RawDescriptionHelpFormatter, max_help_position=28)
        super().__init__(**{"formatter_class": form} | options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        # argparse has unknown arguments of a subcommand refused by the outermost parser, whose
        # help does not list them.
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return known, unknown

    def error(self, message: str) -> NoReturn:
        raise Failure(f"{message}; see {self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments after the program name; those of the process by default.

    Returns
    -------
    int
        Exit code: 0, or 2 after an error, whose one line is on the standard error stream.
    """
    try:
        arguments = _parser().parse_args(argv)
        arguments.run(arguments)
    except Failure as failure:
        print(f"orthola: error: {failure}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("orthola: interrupted", file=sys.stderr)
        return INTERRUPTED
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="orthola", description="Orthogonality for every array.")
    parser.add_argument("--version", action="version", version=f"orthola {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")

    summary = "versions, array libraries, BLAS, GPU, and what polar would choose"
    command = commands.add_parser("info", help=summary, description=f"Show {summary}.")
    info.add_arguments(command)
    command.set_defaults(run=info.run)

    summary = "measure where methods should change on this machine, and use it from then on"
    command = commands.add_parser("tune", help=summary, description=tune.__doc__)
    tune.add_arguments(command)
    command.set_defaults(run=tune.run)

    summary = "measure convergence and draw it"
    command = commands.add_parser("study", help=summary, description=f"Studies: {summary}.")
    studies = command.add_subparsers(required=True, metavar="STUDY", dest="study")
    for each in STUDIES:
        module = each.load()
        command = studies.add_parser(each.name, help=each.help, description=module.__doc__)
        module.add_arguments(command)
        command.set_defaults(run=partial(study.run, each))
    summary = "every study, and one page with all their figures and tables"
    command = studies.add_parser("all", help=summary, description=all_studies.__doc__)
    all_studies.add_arguments(command)
    command.set_defaults(run=partial(all_studies.run, STUDIES))
    return parser
