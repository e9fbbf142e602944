"""The one exception that ends a command with a line instead of a traceback."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["Failure", "needed"]


class Failure(Exception):
    """Something the user can mend; its text is the line that is printed."""


def needed(module: str, purpose: str, install: str = '"orthola[study]"') -> Any:
    """Import an optional module, or say what it is for and how to get it."""
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise Failure(
            f"{purpose} needs {package}, which cannot be imported ({error}); pip install {install}"
        ) from None
