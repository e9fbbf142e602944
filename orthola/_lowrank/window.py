"""Summaries of the last n blocks, by merges alone: nothing is ever subtracted.

Two stacks: the older half holds aggregates from each block to the newest of that half, the newer
half one running aggregate. Less than two merges per block on average and one per question.
K. Tangwongsan, M. Hirzel, S. Schneider, K.-L. Wu, doi:10.14778/2752939.2752940.
"""

from __future__ import annotations

from typing import NamedTuple

from .combining import svd_merge
from .state import SVDConfig, SVDState

__all__ = ["Window", "asked", "pushed"]


class Window(NamedTuple):
    """The blocks of a window; immutable, the oldest first."""

    older: tuple[SVDState, ...] = ()  # older[0] covers all of the older half, older[-1] one block
    newer: tuple[SVDState, ...] = ()  # one state per block
    running: SVDState | None = None  # of all in `newer`


def pushed(config: SVDConfig, window: Window, block: SVDState, length: int) -> Window:
    """With one more block, and without the oldest one if there are more than `length` then."""
    older, newer, running = window
    newer = (*newer, block)
    running = block if running is None else svd_merge(running, block, config)
    if len(older) + len(newer) > length:
        if not older:
            older, newer, running = _turned(config, newer), (), None
        older = older[1:]
    return Window(older, newer, running)


def asked(config: SVDConfig, window: Window) -> SVDState | None:
    """The state of the whole window."""
    if window.running is None or not window.older:
        return window.older[0] if window.older else window.running
    return svd_merge(window.older[0], window.running, config)


def _turned(config: SVDConfig, newer: tuple[SVDState, ...]) -> tuple[SVDState, ...]:
    """Aggregates from each block to the newest."""
    out: list[SVDState] = []
    for block in reversed(newer):
        out.append(svd_merge(block, out[-1], config) if out else block)
    return tuple(reversed(out))
