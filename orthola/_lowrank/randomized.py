"""A wide block narrowed by a random range before it is appended; the loss is measured.

Whatever the columns W are, A W W^H misses A by exactly what is added up here, so the random choice
costs accuracy but no certainty. N. Halko, P.-G. Martinsson, J. A. Tropp, arXiv:0909.4061.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._core.linalg import adjoint, sums_of_squares
from .._core.random import normals
from .._core.space import Space
from .appending import Part
from .plan import leaf_width, narrowed, power_steps
from .state import SVDConfig, SVDState, accumulators

__all__ = ["compressed", "directions"]

_SMALL = 1e-6  # relative loss below which a difference of two sums has no digits


def directions(space: Space, config: SVDConfig, position: Any, n: int) -> Any:
    """(n, l) Gaussian numbers that depend on the seed and the number of the block alone.

    In compiled code the number is not known; then on the seed alone, which is no worse: blocks do
    not depend on the numbers.
    """
    rng = np.random.default_rng((config.seed, 0 if space.traced else int(position)))
    host = normals(rng, (n, leaf_width(config)), is_complex=space.is_complex)
    return space.xp.asarray(host.astype(space.dtype_name), dtype=space.dtype, device=space.device)


def compressed(space: Space, config: SVDConfig, state: SVDState, part: Part) -> Part:
    """The part with few columns instead, if it has many; with a tolerance, as good as it wants."""
    xp, a = space.xp, part.columns
    n = a.shape[1]
    if not narrowed(space, config, n, in_place=space.name == "numpy"):
        return part
    z = a @ directions(space, config, state.position, n)
    for _ in range(power_steps(config)):
        z = a @ (adjoint(xp, a) @ xp.linalg.qr(z)[0])
    w = xp.linalg.qr(adjoint(xp, a) @ xp.linalg.qr(z)[0])[0]
    kept = a @ w
    loss, unsure = _loss(space, a, kept, w, part.energy)
    return part._replace(
        columns=_settled(space, kept),
        discarded=part.discarded + loss,
        spectral=part.spectral + loss,
        square_loss=part.square_loss + unsure,
        sketch_shrink=part.sketch_shrink + loss,
        sketch_trace=part.sketch_trace + loss,
    )


def _loss(space: Space, a: Any, kept: Any, w: Any, energy: Any) -> tuple[Any, Any]:
    """Squared norm of A - K W^H, and how far it may be off."""
    xp, acc = space.xp, accumulators(space)
    loss = energy - xp.astype(sums_of_squares(xp, kept), acc.dtype)
    if space.eps < 1e-10 and not space.traced and bool(loss > _SMALL * energy):
        return loss, 2.0 * math.sqrt(a.shape[1]) * space.eps * energy
    total = 0.0 * energy
    for start in range(0, a.shape[1], 256):
        stop = min(start + 256, a.shape[1])
        rest = a[:, start:stop] - kept @ adjoint(xp, w[start:stop, :])
        total = total + xp.astype(sums_of_squares(xp, rest), acc.dtype)
    return total, 0.0 * energy


def _settled(space: Space, x: Any) -> Any:
    """In the memory layout that the next step writes into."""
    return np.asfortranarray(x) if space.name == "numpy" else x
