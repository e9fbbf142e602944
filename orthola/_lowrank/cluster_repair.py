"""Dissolving groups into others: the parts of a merge tree find other places, if that is cheaper.

Merging packs groups in the order of their likeness, and the last of them may lie badly: three
groups of ranks 24, 24, 16 where two of 32 would do. So the cheapest groups are taken apart again.
Their halves, or halves of halves, move to other groups wherever the limit allows it, and the whole
move is made if parameters become fewer.
"""

from __future__ import annotations

import numpy as np

from .cluster_merge import Merger

__all__ = ["Repair"]

_PATIENCE = 6  # fruitless groups in a row
_TARGETS = 8  # groups that a part is offered to
_PARTS = 32  # parts that a group is broken into at most


class Repair:
    """Moves of parts of groups, on the summaries of a merger."""

    def __init__(self, merger: Merger) -> None:
        self.merger, self.pool = merger, merger.pool
        self.blocks = len(self.pool.usable)

    def cost(self, group: int) -> int:
        """Parameters of a group."""
        d, r, n = self.pool.d, self.pool.rank, int(self.pool.columns[group])
        return d * n if group < self.blocks else min(r * (d + n), d * n)

    def run(self) -> None:
        """Dissolve groups, then blocks alone, cheapest first, until several in a row cannot be."""
        for alone in (False, True):
            failed: set[int] = set()
            while len(failed) < _PATIENCE:
                live = self.merger.live.tolist()
                groups = [g for g in live if g >= self.blocks]
                waiting = [g for g in live if (g < self.blocks) == alone and g not in failed]
                if not waiting or len(groups) + alone < 2:
                    break
                first = min(waiting, key=lambda g: (self.cost(g), g))
                if self._dissolve(first, [g for g in groups if g != first]):
                    failed.clear()
                else:
                    failed.add(first)

    def _dissolve(self, group: int, others: list[int]) -> bool:
        parts = list(self.pool.children.get(group, (group,)))
        current, cost = {g: g for g in others}, 0
        moves: list[tuple[int, int, int]] = []  # part, what it was merged with, the result
        left: list[int] = []
        seen = 0
        while parts:
            part = parts.pop(0)
            seen += 1
            self.pool.restore(part, self.pool.leaves(part))
            place = self._place(part, current)
            columns = int(self.pool.columns[part])
            if place is not None:
                target, new = place
                moves.append((part, current[target], new))
                current[target] = new
                # What a group gains is cheaper than its own share where it pays off already.
                cost += self.pool.rank * columns
            elif part < self.blocks:
                left.append(part)
                cost += self.pool.d * columns
            else:
                parts = [*self.pool.children[part], *parts]
            if cost >= self.cost(group) or seen > _PARTS:
                return False
        self._commit(group, moves, left)
        return True

    def _place(self, part: int, current: dict[int, int]) -> tuple[int, int] | None:
        """The likeliest of the groups that may take the part, and the group with it."""
        targets = np.array(list(current))
        now = np.array([current[t] for t in targets.tolist()])
        if len(now) > _TARGETS:
            alike = self.merger.sketches.similarity(np.full(len(now), part), now)
            near = np.argsort(-alike, kind="stable")[:_TARGETS]
            targets, now = targets[near], now[near]
        key = self.pool.keys(np.full(len(now), part), now)
        for at in np.argsort(key, kind="stable").tolist():
            one = np.array([part]), now[at : at + 1]
            self.merger.trials += 1
            good, new = self.pool.merged(*one, doubtful=True)
            if len(good):
                self._record(int(new[0]), part, int(now[at]))
                return int(targets[at]), int(new[0])
        return None

    def _record(self, new: int, part: int, target: int) -> None:
        # Its own parent for now; sketches add up.
        merger = self.merger
        merger.parent = np.append(merger.parent, np.arange(len(merger.parent), new + 1))
        merger.sketches.add(np.array([new]), np.array([part]), np.array([target]))
        merger.parent[new] = -1

    def _commit(self, group: int, moves: list[tuple[int, int, int]], left: list[int]) -> None:
        parent = self.merger.parent
        for part, target, new in moves:
            parent[part] = parent[target] = new
            parent[new] = new
        for part in left:
            parent[part] = part
        if group >= self.blocks:
            parent[group] = -1
