"""Orthogonal matching pursuit and orthogonal least squares, for a tile of signals at once.

Every form keeps the correlations c_n = <a_n, r> and the squared norms d_n of what is left of each
atom outside the span of the chosen ones, and grows R with A_S^T = Q R. Nothing depends on values
but which entries `where` takes, so a finished signal goes on with steps of zero.
"""

from __future__ import annotations

from typing import Any

from .._core.linalg import conjugate
from .._core.loops import bounded_while
from .._core.space import Space
from .finish import Codes, outcome, square_of, sum_of_squares, true_residual
from .plan import Plan
from .problem import Problem, put
from .search_state import Search, begin, square_norms, with_column
from .selection import Choice, Tile, choose, close

__all__ = ["pursue_greedily", "search"]

_UNROLLED = 4  # steps that are traced one by one; more become one loop on zero-padded rows


def pursue_greedily(space: Space, plan: Plan, form: Any, problem: Problem) -> Codes:
    """Codes of the signals of one tile."""
    found = search(space, plan, form, problem)
    x = form.solved(found)
    r = true_residual(space, problem.signals, problem.dictionary, found.indices, x)
    status = outcome(space, problem.tolerances, found.met, found.exhausted)
    norm = space.xp.sqrt(sum_of_squares(space, r))
    return Codes(found.indices, x, found.used, norm, status)


def search(
    space: Space, plan: Plan, form: Any, problem: Problem, *, correlations: Any | None = None,
    gaps: bool = False,
) -> Search:  # fmt: skip
    """The supports, with the triangular factors that belong to them.

    `correlations` (B, N) of the signals may be given if they are known better; `gaps` asks for the
    scores of the best atom and of its rival at every step.
    """
    xp = space.xp
    g = square_norms(space, problem)
    fine = plan.dependence < 2 * plan.floor
    yy = sum_of_squares(space, problem.signals)
    looks = space.eager and not space.on_gpu  # where that does not wait for a device

    def step(t: Any, state: Search) -> Search:
        if plan.has_tol:  # also where the last atom allowed is in
            state = measured(t, state)
        state = _limited(state, state.used < problem.counts)
        choice = best(state.tiles)
        piece = form.split(t, choice, state.rows)
        tiles = state.tiles
        if fine:
            tiles, choice, piece = passing(t, state, choice, piece)
        active, gj = state.active, xp.take(g, choice.index, axis=0)
        # Correlations of this size are what rounding leaves of the signal.
        floor = plan.floor * xp.sqrt(gj) * xp.sqrt(yy)
        none = active & ((choice.score < 0) | (xp.abs(choice.c) <= floor))
        active = active & ~none
        one = xp.ones_like(piece.nu2)
        nu = xp.sqrt(xp.where(active & (piece.nu2 > 0), piece.nu2, one))
        rows, parts, beta = form.extend(t, choice, piece, nu, active, state.rows)
        chosen = close(space, [tile.is_open for tile in tiles], choice.index, active)
        after = tuple(
            Tile(
                tile.c - beta[:, None] * conjugate(xp, w),
                tile.d - square_of(space, w),
                mask,
            )
            for tile, w, mask in zip(tiles, parts, chosen, strict=True)
        )
        keep = active[:, None]
        column = xp.where(keep, piece.column, xp.zeros_like(piece.column))
        diagonal = xp.astype(nu, column.dtype)
        record = state.gaps
        if record is not None:
            others = tuple(x._replace(is_open=m) for x, m in zip(tiles, chosen, strict=True))
            # Dependent ones too: what they seem to be may be rounding.
            rival = choose(space, plan, others, g, problem.weights, least=-1.0)
            second = xp.maximum(rival.score, xp.zeros_like(rival.score))
            record = put(record, t, xp.stack([choice.score, second], axis=-1))
        return Search(
            after,
            rows,
            with_column(space, state.factor, t, column, diagonal),
            put(state.rhs, t, beta),
            put(state.indices, t, xp.where(active, choice.index, -xp.ones_like(choice.index))),
            state.energy - square_of(space, beta),
            state.used + xp.astype(active, state.used.dtype),
            active,
            state.met,
            state.exhausted | none,
            record,
        )

    def best(tiles: Any) -> Choice:
        return choose(
            space, plan, tiles, g, problem.weights, least=-1.0 if fine else plan.dependence
        )

    def passing(t: Any, state: Search, choice: Choice, piece: Any) -> Any:
        """Atoms finer than d can tell: the candidate itself is measured, and the next one tried."""

        def dependent(candidate: Any) -> Any:
            _, found, part = candidate
            least = plan.dependence * xp.take(g, found.index, axis=0)
            return state.active & (found.score >= 0) & (part.nu2 <= least)

        def another(candidate: Any) -> Any:
            tiles, found, _ = candidate
            masks = [tile.is_open for tile in tiles]
            masks = close(space, masks, found.index, dependent(candidate))
            tiles = tuple(x._replace(is_open=m) for x, m in zip(tiles, masks, strict=True))
            found = best(tiles)
            return tiles, found, form.split(t, found, state.rows)

        return bounded_while(
            space, lambda x: xp.any(dependent(x)), another, (state.tiles, choice, piece),
            limit=g.shape[0],
        )  # fmt: skip

    def measured(t: Any, state: Search) -> Search:
        """Stop where the tolerance is reached, by the true residual wherever that matters."""
        assert problem.tolerances is not None
        tolerances, energy = problem.tolerances, state.energy
        steps = t + 1 if isinstance(t, int) else xp.astype(t + 1, yy.dtype)
        lost = 100 * space.eps * steps
        # 10 percent beside the tolerance: the recursion decides nothing that is close.
        limit = xp.maximum(1.21 * tolerances * tolerances, xp.zeros_like(energy) + lost) * yy
        near = state.active & (energy <= limit)
        if not looks or bool(xp.any(near)):
            energy = xp.where(near, form.residual_square(state), energy)
        size = xp.sqrt(xp.maximum(energy, xp.zeros_like(energy)))
        met = state.active & (tolerances > 0) & (size <= tolerances * xp.sqrt(yy))
        return state._replace(energy=energy, met=state.met | met, active=state.active & ~met)

    state = begin(space, plan, form, problem, g, yy, correlations, gaps)
    if space.eager or plan.k_max <= _UNROLLED:
        for t in range(plan.k_max):
            if looks and not bool(xp.any(state.active)):
                break
            state = step(t, state)
    else:
        state = bounded_while(
            space,
            lambda s: xp.any(s[1].active),
            lambda s: (s[0] + 1, step(s[0], s[1])),
            (xp.asarray(0, device=space.device), state),
            limit=plan.k_max,
        )[1]
    if plan.has_tol:
        return measured(plan.k_max, state)
    return state


def _limited(state: Search, allowed: Any) -> Search:
    return state._replace(active=state.active & allowed)
