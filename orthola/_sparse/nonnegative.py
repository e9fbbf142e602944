"""Matching pursuit with coefficients >= 0: non-negative least squares after every new atom.

The atom of largest positive correlation enters; then Lawson and Hanson's active-set passes
(*Solving Least Squares Problems*, doi:10.1137/1.9781611971217, ch. 23) on the support. Atoms that
are driven to zero leave and may return, so the K places of a signal are filled in any order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.loops import bounded_while
from .._core.space import Space
from .finish import Codes, outcome, sum_of_squares
from .plan import Plan
from .problem import Problem, take_rows
from .selection import Tile, choose, close, open_tiles

__all__ = ["pursue_nonnegative"]

_STEPS = 3  # times K: atoms that enter; and passes of the active set for each


class _State(NamedTuple):
    indices: Any  # (B, K), -1 where the place is free
    atoms: Any  # (B, K, M), zero there
    x: Any  # (B, K)
    age: Any  # (B, K) when the atom came
    allowed: Any  # (B, N) neither excluded nor rejected
    step: Any
    active: Any
    met: Any
    exhausted: Any


class _Passes(NamedTuple):
    x: Any
    used: Any  # (B, K)
    done: Any  # (B,)


def pursue_nonnegative(space: Space, plan: Plan, problem: Problem) -> Codes:
    """Codes of real signals of one tile."""
    xp, y, a, k = space.xp, problem.signals, problem.dictionary, plan.k_max
    g, yy = sum_of_squares(space, a), sum_of_squares(space, y)
    size = xp.sqrt(yy)
    places = xp.arange(k, device=space.device)

    def residual(state: _State) -> Any:
        return y - (state.x[:, None, :] @ state.atoms)[:, 0, :]

    def body(state: _State) -> _State:
        r = residual(state)
        used = state.indices >= 0
        state = _stopped(space, plan, problem, state, xp.sqrt(sum_of_squares(space, r)), size)
        full = xp.sum(xp.astype(used, problem.counts.dtype), axis=-1) >= problem.counts
        active = state.active & ~full
        c = r @ xp.matrix_transpose(a)
        is_open = [state.allowed]
        for t in range(k):
            is_open = close(space, is_open, state.indices[:, t], used[:, t])
        # Negative correlations are worth nothing here.
        tile = Tile(xp.maximum(c, xp.zeros_like(c)), xp.broadcast_to(g, c.shape), is_open[0])
        choice = choose(space, plan, (tile,), g, problem.weights, least=0.0)
        gj = xp.take(g, choice.index, axis=0)
        none = active & ((choice.score < 0) | (choice.c <= plan.floor * xp.sqrt(gj) * size))
        active = active & ~none
        atom = take_rows(space, a, choice.index)
        # ||a - P_S a||^2 of the candidate; what depends on the support never comes in
        part = (state.atoms @ atom[:, :, None])[:, :, 0]
        inner = _solved(space, state.atoms, used, part)
        dependent = active & (gj - xp.sum(part * inner, axis=-1) <= plan.dependence * gj)
        free = xp.min(xp.where(used, xp.full_like(places, k), places), axis=-1)
        enters = (places[None, :] == free[:, None]) & (active & ~dependent)[:, None]
        indices = xp.where(enters, choice.index[:, None], state.indices)
        atoms = xp.where(enters[:, :, None], atom[:, None, :], state.atoms)
        age = xp.where(enters, xp.zeros_like(state.age) + state.step, state.age)
        x, kept = _fitted(space, y, atoms, state.x, used | enters)
        # One that comes and goes in one step had the correlation of rounding.
        lost = xp.any(enters & ~kept, axis=-1)
        (allowed,) = close(space, [state.allowed], choice.index, dependent | lost)
        still = active[:, None]
        changed = xp.where(still, kept, used)
        return _State(
            xp.where(changed, indices, -xp.ones_like(indices)),
            xp.where(changed[:, :, None], atoms, xp.zeros_like(atoms)),
            xp.where(still, x, state.x),
            age,
            allowed,
            state.step + 1,
            active,
            state.met,
            state.exhausted | none,
        )

    state = bounded_while(
        space, lambda s: xp.any(s.active), body, _begin(space, problem, g, k), limit=_STEPS * k
    )
    norm = xp.sqrt(sum_of_squares(space, residual(state)))
    # What is still active here has used up its steps: nothing more can be promised.
    state = _stopped(space, plan, problem, state, norm, size)
    ended = state.exhausted | (state.active & _short(space, problem, state))
    status = outcome(space, problem.tolerances, state.met, ended)
    used = state.indices >= 0
    order = xp.argsort(xp.where(used, state.age, xp.full_like(state.age, _STEPS * k)), axis=-1)
    indices = xp.take_along_axis(state.indices, order, axis=-1)
    x = xp.take_along_axis(state.x, order, axis=-1)
    count = xp.sum(xp.astype(used, indices.dtype), axis=-1)
    return Codes(indices, x, count, norm, status)


def _begin(space: Space, problem: Problem, g: Any, k: int) -> _State:
    xp, device, y = space.xp, space.device, problem.signals
    batch = y.shape[0]
    (allowed,) = open_tiles(space, problem.excluded, g, batch, g.shape[0])
    none = xp.zeros((batch,), dtype=xp.bool, device=device)
    zero = xp.zeros((batch, k), dtype=xp.arange(1, device=device).dtype, device=device)
    return _State(
        zero - 1,
        xp.zeros((batch, k, y.shape[1]), dtype=y.dtype, device=device),
        xp.zeros((batch, k), dtype=y.dtype, device=device),
        zero,
        allowed,
        xp.zeros((), dtype=zero.dtype, device=device),
        ~none,
        none,
        none,
    )


def _stopped(
    space: Space, plan: Plan, problem: Problem, state: _State, norm: Any, size: Any
) -> _State:
    if not plan.has_tol:
        return state
    met = state.active & (problem.tolerances > 0) & (norm <= problem.tolerances * size)
    return state._replace(met=state.met | met, active=state.active & ~met)


def _short(space: Space, problem: Problem, state: _State) -> Any:
    xp = space.xp
    used = xp.astype(state.indices >= 0, problem.counts.dtype)
    return xp.sum(used, axis=-1) < problem.counts


def _solved(space: Space, atoms: Any, used: Any, rhs: Any) -> Any:
    """G_S^-1 b on the places in use, 0 on the others."""
    xp = space.xp
    weight = xp.astype(used, atoms.dtype)
    eye = xp.eye(used.shape[-1], dtype=atoms.dtype, device=space.device)
    gram = (atoms @ xp.matrix_transpose(atoms)) * weight[:, :, None] * weight[:, None, :]
    gram = gram + eye * (1 - weight)[:, None, :]
    return xp.linalg.solve(gram, (rhs * weight)[:, :, None])[:, :, 0]


def _fitted(space: Space, y: Any, atoms: Any, x: Any, used: Any) -> tuple[Any, Any]:
    """Non-negative least squares from a feasible x: coefficients, and the places still in use."""
    xp = space.xp
    rhs = (atoms @ y[:, :, None])[:, :, 0]
    zero, one = xp.zeros_like(x), xp.ones_like(x)

    def body(state: _Passes) -> _Passes:
        x, used, done = state
        s = _solved(space, atoms, used, rhs)
        below = used & (s <= 0)
        inside = done | ~xp.any(below, axis=-1)
        span = xp.where(below & (x > s), x - s, one)
        ratio = xp.where(below, x / span, one)
        alpha = xp.min(ratio, axis=-1, keepdims=True)
        leaves = below & (ratio <= alpha) & ~inside[:, None]
        moved = xp.where(leaves, zero, xp.maximum(x + alpha * (s - x), zero))
        moved = xp.where(inside[:, None], xp.where(used, s, zero), moved)
        return _Passes(xp.where(done[:, None], x, moved), used & ~leaves, inside)

    none = xp.zeros_like(used[:, 0])
    limit = _STEPS * x.shape[-1]
    found = bounded_while(
        space, lambda s: xp.any(~s.done), body, _Passes(x, used, none), limit=limit
    )
    return found.x, found.used & (found.x > 0)
