"""Fields of result tuples on their reference pages, from the comments that stand beside them."""

from __future__ import annotations

import inspect
import re
from typing import Any


def fields_of(result: type) -> dict[str, str]:
    """Name and comment of each field of a NamedTuple; a comment may go on on lines of its own."""
    found: dict[str, str] = {}
    name = None
    for line in inspect.getsource(result).splitlines():
        if match := re.match(r"    (\w+): .*?#\s*(.*)$", line):
            name = match[1]
            found[name] = match[2]
        elif name and (more := re.match(r"    #\s*(.*)$", line)):
            found[name] += " " + more[1]
        else:
            name = None
    return found


def append_fields(
    app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Sphinx event ``autodoc-process-docstring``: add the fields of a result tuple."""
    if what != "class" or not hasattr(thing, "_fields"):
        return
    lines += ["", ".. rubric:: Fields", ""]
    for field, comment in fields_of(thing).items():
        text = re.sub(r"([*|_`])", r"\\\1", comment.replace("\\", ""))
        lines += [f"``{field}``", f"    {text}", ""]
