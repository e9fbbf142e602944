"""Capped dynamically weighted Halley iteration: Cholesky only, any condition number.

Weights of Nakatsukasa, Bai and Gygi (2010, doi:10.1137/090774999), capped so that the matrix that
Cholesky sees has condition at most 1 + C. Correctness rests on the certificate ||I - X^H X||_F
alone; the running lower bound of sigma_n only sets the speed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.linalg import Products, start_vector
from .._core.loops import bounded_while
from .engine import Factor, converged, normalise, polish
from .weights import halley_cap, halley_value, halley_weights

__all__ = ["default_cap", "halley", "halley_static"]

_POWER_STEPS = 6
_WIDE = {True: (1000.0, 1e-4), False: (50.0, 2e-4)}  # by double precision: cap, from which sigma_n
_SMALL = 16  # below this order there is no averaging of roundings, and the narrowest cap is used
_NORM_MARGIN = 1.2  # on the largest eigenvalue, which the power iteration sees from below
_TRUST = 0.8  # the inverse iteration sees sigma_n from above, but closely
_SAFETY = 0.5  # the power iteration estimates sigma_n from above


class _State(NamedTuple):
    x: Any
    gram: Any
    defect: Any
    known: Any  # assumed lower bound of sigma_n, carried through the maps; 0 once refuted
    estimate: Any  # lower bound from the power iteration
    committed: Any  # the estimate has left the region where the cap decides
    vector: Any  # approximate right singular vector of sigma_n
    slope: Any  # product of the maps' slopes at 0 so far
    smallest: Any  # sigma_n of the first iterate, from the last uncommitted estimate


def halley(
    x: Any,
    ops: Products,
    *,
    lower_bound: float | None,
    cap: float | None,
    max_steps: int | None,
    patience: int | None = None,
) -> Factor:
    """Polar factor with data-driven weights; stops when the certificate holds.

    With `patience` (for one matrix) X is given back uncertified, before the first step, if that
    looks like taking more steps.
    """
    space, xp, n = ops.space, ops.scalars, x.shape[-1]
    u = space.eps / 2
    double = u < 1e-10
    limit = (30 if double else 20) if max_steps is None else max_steps
    x, g, size = normalise(x, ops)
    one = xp.ones_like(size)
    # sigma_1 after normalisation is at least n^(-1/4). A norm a little too small does no harm:
    # the maps take 1.1 to about 1.03.
    top, bottom, reliable = ops.spectrum_ends(ops.constant(x), ops.constant(g))
    gain = xp.clip(_NORM_MARGIN * top, max=1.0)
    x, g = ops.scaled(x, 1 / xp.sqrt(gain)), ops.scaled(g, 1 / gain)
    sigma = xp.sqrt(xp.clip(bottom / gain, min=0.0))
    narrow = default_cap(u, n) if cap is None else cap
    threshold = halley_cap(narrow).threshold * one
    if cap is None and n >= _SMALL:
        # Few steps will be capped: a wider cap saves one and costs little accuracy.
        wide, least = _WIDE[double]
        threshold = xp.where(reliable & (sigma >= least), halley_cap(wide).threshold, threshold)
    lower = xp.where(reliable, _TRUST * sigma, 0 * one)
    if patience is not None and not _converges(float(lower), float(threshold), patience, u):
        return Factor(x, False, sigma)
    start = u / 4 if lower_bound is None else 0.9 * lower_bound
    state = _State(
        x, g, ops.defect(g), start * one, lower, reliable, start_vector(space, x), one,
        xp.where(reliable, sigma, one),
    )  # fmt: skip

    def goes_on(s: _State) -> Any:
        return xp.any(xp.logical_not(converged(s.defect, space, n)))

    def body(s: _State) -> _State:
        done = converged(s.defect, space, n)
        # ||I - G|| < 1 proves sigma_n >= sqrt(1 - e); the other two bounds are assumptions.
        proved = xp.sqrt(xp.clip(1 - ops.constant(s.defect), min=0.0))
        lower = xp.maximum(s.known, s.estimate)
        # Predicted convergence without a certificate: the assumption was wrong.
        wrong = (1 - lower <= u**0.5 / 4) & xp.logical_not(done)
        lower = xp.where(wrong, proved, xp.maximum(lower, proved))
        committed = s.committed & xp.logical_not(wrong)
        a, b, c = _weights(xp, xp.maximum(lower, threshold))
        w = ops.inverse_shifted(s.gram, c)
        v, raw = s.vector, one
        if ops.likely(xp.logical_not(committed)):
            v, top = _largest(ops, ops.constant(w), v)
            raw = xp.sqrt(xp.clip(1 / top - 1, min=0.0) / c)  # W has eigenvalues 1/(1 + c sigma^2)
        guess = xp.where(committed, lower, _SAFETY * raw)
        y = ops.add_inverse(s.x, w, a - b / c, b / c)
        g = ops.gram(y)
        return _State(
            x=ops.choose(done, s.x, y),
            gram=ops.choose(done, s.gram, g),
            defect=xp.where(done, s.defect, ops.defect(g)),
            known=xp.where(wrong, 0 * one, _value(s.known, a, b, c)),
            estimate=_value(guess, a, b, c),
            committed=committed | (guess >= threshold),
            vector=v,
            slope=s.slope * xp.where(done, one, a),
            smallest=xp.where(done | committed, s.smallest, raw / s.slope),
        )

    state = bounded_while(space, goes_on, body, state, limit=limit)
    return _finish(state.x, state.gram, state.defect, state.smallest, ops)


def default_cap(u: float, n: int) -> float:
    """Cap whose residual, about sqrt(cap) u on the worst spectra, keeps the promised accuracy."""
    return 100.0 if u < 1e-10 and n >= _SMALL else 30.0


def _converges(lower: float, threshold: float, steps: int, u: float) -> bool:
    """Whether the polish can take over after so many steps from a lower bound of sigma_n."""
    for _ in range(steps):
        weights = halley_weights(max(lower, threshold))
        lower = halley_value(lower, weights)
    return bool(1.0 - lower * lower <= u**0.2)


def halley_static(x: Any, ops: Products, *, weights: tuple[tuple[float, ...], ...]) -> Factor:
    """The same iteration with a fixed list of weights: no look at any value."""
    xp = ops.scalars
    x, g, size = normalise(x, ops)
    vector, slope, smallest = start_vector(ops.space, x), 1.0, xp.ones_like(size)
    for a, b, c in weights:
        w = ops.inverse_shifted(g, c)
        vector, top = _largest(ops, w, vector)
        raw = xp.sqrt(xp.clip(1 / top - 1, min=0.0) / c)
        smallest = xp.where(raw < _RELIABLE, raw / slope, smallest)
        x = ops.add_inverse(x, w, a - b / c, b / c)
        g = ops.gram(x)
        slope *= a
    return _finish(x, g, ops.defect(g), smallest, ops)


_RELIABLE = 0.25  # below this sigma the maps are straight lines to a few per cent


def _finish(x: Any, g: Any, defect: Any, smallest: Any, ops: Products) -> Factor:
    ok = converged(defect, ops.space, x.shape[-1])
    # An unconverged iterate is returned as it is: the polish would make it worse.
    return Factor(ops.choose(ok, polish(x, g, defect, ops), x), ok, smallest)


def _weights(xp: Any, lower: Any) -> tuple[Any, Any, Any]:
    return halley_weights(
        lower,
        sqrt=xp.sqrt,
        cbrt=lambda t: t ** (1.0 / 3.0),
        positive=lambda t: xp.clip(t, min=0.0),
    )


def _value(t: Any, a: Any, b: Any, c: Any) -> Any:
    return t * (a + b * t * t) / (1 + c * t * t)


def _largest(ops: Products, w: Any, v: Any) -> tuple[Any, Any]:
    """Power iteration on Hermitian W from v: the new vector and the eigenvalue estimate."""
    return ops.dominant(ops.inverse_times_vector, w, v, _POWER_STEPS)
