"""What is certain about the singular values and the error, for every input."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.space import Space
from .appending import rounding
from .stack import left_vectors
from .state import SVDConfig, SVDState, accumulators

__all__ = ["SVDCertificate", "certify"]

# Share of the allowance that may point along what was discarded: at most 0.02 was ever seen.
_ALONG = 1 / 8


class SVDCertificate(NamedTuple):
    """Absolute bounds that hold for every input, rounding included; float64.

    With M all data, k the rank of the result and q the directions kept.
    """

    error: Any  # (2,) lower, upper: Frobenius norm of M minus its approximation of rank k
    sigma_interval: Any  # (q, 2) each singular value of M
    optimum_interval: Any  # (2,) the least error that rank k can have
    allowance: Any  # () norm of all rounding errors; errors move by what points along them


def certify(
    space: Space,
    config: SVDConfig,
    state: SVDState,
    sigma: Any,
    kept: Any,
    exact: Any,
    relative: Any,
) -> SVDCertificate:
    """From all kept singular values (float64, in the units of the state) and the rank `kept`.

    `exact` says whether ``discarded`` is the squared error of one right factor (else a bound), and
    `relative` how far the squares may be off, each in proportion to itself.
    """
    xp, acc = space.xp, accumulators(space)
    zero = xp.zeros_like(state.discarded)
    s2 = sigma**2
    index = xp.arange(sigma.shape[0], device=space.device)
    mid = xp.sum(xp.where(index >= kept, s2, xp.zeros_like(s2)))
    k = xp.astype(kept, acc.dtype)
    # Additions of positive numbers, one per level: relative errors.
    slack = acc.eps * (xp.astype(state.levels, acc.dtype) + 4.0)
    t2, nu, alpha = state.discarded, state.square_loss, state.allowance
    low_t2, t2 = t2 * (1.0 - xp.minimum(slack, zero + 1.0)), t2 * (1.0 + slack)
    e2 = xp.minimum(state.spectral * (1.0 + slack), t2)
    low_opt, high_opt = mid + xp.maximum(low_t2 - k * e2, zero), mid + t2
    low_s, high_s = s2, s2 + e2
    if state.sketch.shape[1]:
        values = _with_sketch(space, config, state)
        x2 = values**2
        delta = xp.minimum(state.sketch_shrink * (1.0 + slack), t2)
        tau = state.sketch_trace
        places = xp.arange(x2.shape[0], device=space.device)
        tail = xp.sum(xp.where(places >= kept, x2, xp.zeros_like(x2)))
        n = sigma.shape[0]
        low_s = xp.maximum(low_s, x2[:n])
        high_s = xp.minimum(high_s, x2[:n] + delta)
        low_opt = xp.maximum(low_opt, tail + xp.maximum(tau * (1.0 - slack) - k * delta, zero))
        high_opt = xp.minimum(high_opt, tail + tau * (1.0 + slack))
    lowest = xp.where(exact, mid + low_t2, low_opt)
    # A loss bounds the norm of a perturbed M M^H; sums of k of its eigenvalues lose more.
    sums = nu * (1.0 + xp.sqrt(k))
    down, up = 1.0 - relative, 1.0 + relative
    # What the input lacked is no matter of squares: not orthogonal to what was discarded here.
    whole, each = xp.sqrt(state.inherited), alpha + xp.sqrt(state.inherited_spectral)
    along = xp.where(exact, _along(space, config, state), alpha)
    return SVDCertificate(
        _roots(xp, lowest * down, (mid + t2) * up, sums, alpha, along, whole),
        _roots(xp, low_s * down, high_s * up, nu, each, each, zero),
        _roots(xp, low_opt * down, high_opt * up, sums, alpha, along, whole),
        alpha,
    )


def _along(space: Space, config: SVDConfig, state: SVDState) -> Any:
    """Most that rounding, at most ``allowance`` in norm, has along any one matrix.

    To first order, only that part of it moves the norm of what was discarded. Rounding of single
    entries has little of itself along a matrix that is none of its own: that of one step, and a
    share of the sum over all steps. Of a mean, and of squares, it may be everything.
    """
    if config.center or config.layout(space) not in ("basis", "r"):
        return state.allowance
    step = rounding(space, 2 * state.factor.shape[1], state.energy)
    return space.xp.minimum(state.allowance, step + _ALONG * state.allowance)


def _roots(xp: Any, low: Any, high: Any, nu: Any, alpha: Any, along: Any, lacking: Any) -> Any:
    """Squares first, then what rounding G and what the input lacked add to the roots; at least 0.

    || E + G ||^2 is at most || E ||^2 + 2 || E || g + alpha^2, with g the part of G along E, and so
    is || E ||^2 in terms of E + G.
    """
    zero = xp.zeros_like(low)
    low, high = (xp.sqrt(xp.maximum(x, zero)) for x in (low - nu, high + nu))
    unit = xp.maximum(high, alpha)
    unit = xp.where(unit > 0, unit, xp.ones_like(unit))  # squares of small numbers may vanish
    a, g, r = alpha / unit, along / unit, high / unit
    up = unit * xp.sqrt(r * r + 2.0 * r * g + a * a)
    rest = xp.maximum((low / unit) ** 2 - (a - g) * (a + g), zero)
    down = xp.maximum(low - alpha, unit * (xp.sqrt(rest) - g))
    return xp.stack([xp.maximum(down - lacking, zero), up + lacking], axis=-1)


def _with_sketch(space: Space, config: SVDConfig, state: SVDState) -> Any:
    """Singular values of [U S, B]: those of M are between them and them plus the shrink."""
    xp = space.xp
    both = xp.concat([state.factor * state.sigma, state.sketch], axis=1)
    s, _ = left_vectors(space, config.wide(space), both)
    return xp.astype(s, accumulators(space).dtype)
