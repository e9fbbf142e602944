"""How many directions are kept, and what is known of the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .._core.space import Space
from .state import SVDConfig, SVDState, accumulators

__all__ = ["SPENT", "Split", "budget", "count_within", "split"]

SPENT = 0.9  # share of the error budget that updates may use; the last truncation may use it all


class Split(NamedTuple):
    """K = U S W^H cut in two: what goes on, and what is left behind."""

    basis: Any  # (d, c) unused columns 0
    sigma: Any  # (c,)
    rank: Any  # integer
    lost: Any  # sum of the squares left behind
    first: Any  # largest of them
    side: Any  # (d, l) leading directions left behind, scaled
    rest: Any  # sum of the squares that are not in `side`
    beyond: Any  # largest of those
    capped: Any  # bool: the budget asked for more directions than there may be


def count_within(xp: Any, squares: Any, budget: Any) -> Any:
    """Fewest leading terms such that the others add up to `budget` at most."""
    tails = xp.flip(xp.cumulative_sum(xp.flip(squares)))
    return xp.sum(xp.astype(tails > budget, xp.int32), dtype=xp.int32)


def budget(space: Space, config: SVDConfig, state: SVDState, energy: Any) -> Any:
    """Squared norm that the tolerance lets be discarded in all.

    What the input itself lacked, at most e, adds up linearly, and makes the norm uncertain:
    sqrt(discarded) + e <= tol (norm - e).
    """
    xp, tol = space.xp, config.tolerance
    assert tol is not None
    rest = tol * xp.sqrt(energy) - (1.0 + tol) * xp.sqrt(state.inherited)
    rest = xp.maximum(rest, xp.zeros_like(rest)) ** 2
    return xp.where(state.inherited > 0, rest, tol**2 * energy)


def split(
    space: Space,
    config: SVDConfig,
    state: SVDState,
    s: Any,
    rotate: Callable[[int, int], Any],
    energy: Any,
) -> Split:
    """Cut after q directions, or where the budget of the tolerance is spent.

    `s` are all singular values of K, descending; ``rotate(i, j)`` gives left singular vectors.
    """
    xp, acc = space.xp, accumulators(space)
    d, width, n = state.factor.shape[0], state.factor.shape[1], s.shape[0]
    squares = xp.astype(s, acc.dtype) ** 2
    capped = xp.zeros((), dtype=xp.bool, device=space.device)
    index = xp.arange(n, device=space.device)
    if config.tolerance is None:
        # What is only rounding is left behind too, and counted; so zero data have rank zero.
        live = s > space.eps * s[0]
    else:
        needed, keep = _within_budget(space, config, state, s, squares, energy)
        live = index < keep
        if space.eager and config.max_rank is None:
            width = _grown(width, int(keep), d)
        capped = needed > width
    kept = live & (index < width)
    rank = xp.sum(xp.astype(kept, state.rank.dtype), dtype=state.rank.dtype)
    zero = xp.zeros_like(squares)
    left = xp.where(kept, zero, squares)
    if config.shrinks:
        index = index == width
        dropped = xp.sum(xp.where(index & live, xp.astype(s, acc.dtype), zero))
        return _shrunk(space, rotate, s, kept, width, dropped, left)
    side_width = state.sketch.shape[1]
    outside = xp.where((index >= width) & (index < width + side_width), zero, left)
    # After a budget no sketch is kept, so nothing is in `side`.
    basis, sigma = _kept(space, rotate, s, kept, width, rank)
    side = _side(space, rotate, s, width, side_width, d)
    return Split(
        basis, sigma, rank, xp.sum(left), xp.max(left), side, xp.sum(outside), xp.max(outside),
        capped,
    )  # fmt: skip


def _within_budget(
    space: Space, config: SVDConfig, state: SVDState, s: Any, squares: Any, energy: Any
) -> tuple[Any, Any]:
    """Directions that have to be kept, and that are kept: some more than a result would have.

    What is discarded early is spent on the directions that are weakest so far. Where many are
    about equally strong, others turn out to be weaker, and then there is nothing left for them.
    """
    xp = space.xp
    whole = budget(space, config, state, energy)
    needed = count_within(xp, squares, SPENT * whole - state.discarded)
    now = count_within(xp, squares, whole - state.discarded)
    more = config.oversample
    if more == "auto":
        # Where there is room for all directions, none has to go.
        full = state.factor.shape[1] == state.factor.shape[0]
        more = s.shape[0] if full else xp.maximum((now + 3) // 4, xp.full_like(now, 8))
    live = xp.sum(xp.astype(s > space.eps * s[0], now.dtype), dtype=now.dtype)
    return needed, xp.maximum(needed, xp.minimum(now + more, live))


def _shrunk(
    space: Space,
    rotate: Callable[[int, int], Any],
    s: Any,
    kept: Any,
    width: int,
    dropped: Any,
    left: Any,
) -> Split:
    """Frequent directions: what is kept loses in squares as much as the largest that is dropped.

    Ghashami, Liberty, Phillips, Woodruff, arXiv:1501.01711. The sum of all `first` bounds the
    spectral norm of M M^H - B B^H.
    """
    xp = space.xp
    s = xp.astype(s, left.dtype)
    rest = (s - dropped) * (s + dropped)  # a difference of squares would have no digits
    after = xp.where(kept & (rest > 0), xp.sqrt(xp.maximum(rest, xp.zeros_like(rest))), 0.0 * s)
    index = xp.arange(s.shape[0], device=space.device)
    live = after > 0
    rank = xp.sum(xp.astype(live, xp.int64 if space.has_double else xp.int32))
    basis, sigma = _kept(space, rotate, after, live & (index < width), width, rank)
    gone = xp.where(kept, xp.minimum(s**2, dropped**2), left)
    none, never = xp.zeros_like(basis[:, :0]), dropped < 0
    return Split(
        basis, sigma, rank, xp.sum(gone), xp.max(gone), none, xp.sum(gone), dropped**2, never
    )


def _grown(width: int, keep: int, d: int) -> int:
    """Capacity doubles where it has to: few sizes, and little copying."""
    while width < min(keep, d):
        width = min(d, 2 * width)
    return width


def _kept(
    space: Space, rotate: Callable[[int, int], Any], s: Any, kept: Any, width: int, rank: Any
) -> tuple[Any, Any]:
    xp, n = space.xp, int(rank) if space.eager else min(width, s.shape[0])
    basis, sigma = rotate(0, n), xp.astype(s[:n], space.real_dtype)
    if not space.eager:
        basis = xp.where(kept[None, :n], basis, xp.zeros_like(basis))
        sigma = xp.where(kept[:n], sigma, xp.zeros_like(sigma))
    return _padded(space, basis, width), _padded(space, sigma, width)


def _side(
    space: Space, rotate: Callable[[int, int], Any], s: Any, width: int, side: int, d: int
) -> Any:
    xp, stop = space.xp, min(width + side, s.shape[0])
    if side == 0 or stop <= width:
        return xp.zeros((d, side), dtype=space.dtype, device=space.device)
    scaled = rotate(width, stop) * xp.astype(s[width:stop], space.real_dtype)
    return _padded(space, scaled, side)


def _padded(space: Space, x: Any, width: int) -> Any:
    """With zero columns up to this width."""
    xp, short = space.xp, width - x.shape[-1]
    if short == 0:
        return x
    more = xp.zeros((*x.shape[:-1], short), dtype=x.dtype, device=space.device)
    return xp.concat([x, more], axis=-1)
