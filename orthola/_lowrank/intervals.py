"""Which blocks are in a state, and which samples in a stream: what came twice would falsify both.

A state has one half-open interval of blocks, of fixed shape; a stream has as many of samples as it
takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .state import SVDState

__all__ = ["Interval", "joined", "numbers", "raise_unless_neighbours"]

Interval = tuple[int, int]  # first, and one after the last


def numbers(xp: Any, one: SVDState, two: SVDState) -> dict[str, Any]:
    """``position`` and ``begin`` of two states together; without numbers where there are gaps."""
    ends, starts = (one.position, two.position), (one.begin - 1, two.begin - 1)
    known = (one.begin > 0) & (two.begin > 0)
    adjacent = known & ((ends[0] == starts[1]) | (ends[1] == starts[0]))
    none = xp.zeros_like(one.begin)
    blocks = sum(end - xp.maximum(start, none) for end, start in zip(ends, starts, strict=True))
    return {
        "position": xp.where(adjacent, xp.maximum(*ends), blocks),
        "begin": xp.where(adjacent, xp.minimum(one.begin, two.begin), none),
    }


def raise_unless_neighbours(one: SVDState, two: SVDState, allow_gaps: bool) -> None:
    """Of states whose blocks are numbered."""
    if int(one.begin) == 0 or int(two.begin) == 0:
        return
    a, b = ((int(state.begin) - 1, int(state.position)) for state in (one, two))
    joined("svd_merge", "block", [a], [b], allow_gaps)


def joined(
    function: str,
    what: str,
    mine: Sequence[Interval],
    theirs: Sequence[Interval],
    allow_gaps: bool,
) -> list[Interval]:
    """All intervals in order, neighbours as one."""
    found: list[Interval] = []
    for start, stop in sorted(part for part in (*mine, *theirs) if part[0] < part[1]):
        if found and start < found[-1][1]:
            raise ValueError(
                f"{function}: expected different {what}s, got {what} {start} to "
                f"{min(stop, found[-1][1]) - 1} twice"
            )
        if found and start == found[-1][1]:
            found[-1] = (found[-1][0], stop)
        else:
            found.append((start, stop))
    if len(found) > max(1, len(mine), len(theirs)) and not allow_gaps:
        (_, end), (start, _) = found[:2]
        raise ValueError(
            f"{function}: expected neighbours, got nothing of {what} {end} to {start - 1}; put "
            "them in between first, or merge in any order with allow_gaps=True"
        )
    return found
