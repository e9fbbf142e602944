"""Write the support page of the reference and the generated sections of the README.

``python -m docs.scripts.generate`` writes them, with ``--check`` it only says what is out of step.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

from docs.scripts import measured, support

ROOT = Path(__file__).parents[2]
PAGES: dict[str, Callable[[], str]] = {
    "docs/reference/support.md": support.full,
}
# Between <!-- NAME: ... --> and <!-- end of NAME -->.
SECTIONS: dict[str, Callable[[], str]] = {
    "support": support.short,
    "speed": measured.speed,
    "accuracy": measured.accuracy,
}


def generated() -> dict[Path, str]:
    """Every file that has generated parts, as it should be."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, write in SECTIONS.items():
        readme = with_section(readme, name, write())
    pages = {ROOT / path: write() for path, write in PAGES.items()}
    return pages | {ROOT / "README.md": readme}


def with_section(text: str, name: str, body: str) -> str:
    """The text with another body between the marks of that name."""
    marked = re.compile(rf"(<!-- {name}:.*? -->\n).*?(<!-- end of {name} -->)", flags=re.DOTALL)
    changed, count = marked.subn(lambda match: f"{match[1]}\n{body}\n{match[2]}", text)
    if count != 1:
        raise ValueError(f"expected one section {name!r} between its marks, found {count}")
    return changed


def main(arguments: list[str]) -> int:
    """Write the files, or list those that are out of step."""
    stale = [
        path
        for path, text in generated().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        if "--check" in arguments:
            print(f"{path.relative_to(ROOT)} is out of step: python -m docs.scripts.generate")
        else:
            path.write_text(generated()[path], encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return int(bool(stale) and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
