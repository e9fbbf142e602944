"""The average of thresholded codes that refines a dictionary, and the atoms that the codes are of.

The maximiser of a sampled objective has a sampling error that no optimisation removes.
Thresholding does: codes are sparse, and what lies below the threshold is cross-talk and noise.
Codes of a better dictionary have less cross-talk, so they are taken with the polar factor of the
average itself, renewed every few steps. An atom goes back to the iterate where that is the better
one, because thresholds that are too small would keep a poor one as it is.
"""

from __future__ import annotations

import math
from typing import Any

from .._core.linalg import adjoint, conjugate, real_part, wide
from .._core.loops import bounded_while
from .._core.space import Space
from .gradient import powers
from .oracle import Oracle, leaning, projected

__all__ = [
    "ALIKE",
    "GAIN",
    "LEVEL",
    "LOSS",
    "PERIOD",
    "SHARE",
    "Contest",
    "noise_scale",
    "scale_factor",
    "thresholded",
    "thresholds",
]

LEVEL = 2.5  # thresholds in units of the noise scale,
SHARE = 0.035  # and at least this, in units of the size of large codes (1/20 of normal ones)
PERIOD = 8  # steps from one polar factor of the average to the next
ALIKE = 0.9  # cosine to the atom of the iterate that a refined one must exceed
LOSS = 0.01  # share of the objective that it may lose,
GAIN = 2.0**-16  # and of the sum of |c| that it must save: of equal ones that of the iterate


class Contest:
    """Codes of refined atoms in one mini-batch, and which atoms go on.

    ``record`` (..., 4, n) has for each atom the averaged |c| of the iterate and of the refined
    one, then |c|^p of both. The sum of |c| is least at the true atoms and has a kink there, so it
    tells which one is nearer.
    """

    def __init__(self, space: Space, p: float, refined: Any, record: Any, y: Any) -> None:
        self._space, self._p, self._y = space, p, y
        self._refined, self._record = refined, record
        self._codes = y @ adjoint(space.xp, refined)
        self._size = space.xp.abs(self._codes)

    def counted(self, iterate: Any, size: Any, powered: Any, share: Any, weight: Any) -> Any:
        """Record with the codes of this mini-batch; `size` and `powered` are those of A."""
        xp = self._space.xp
        length = lengths(xp, iterate)
        own = xp.abs(powers(self._p, self._codes, self._size)) * self._size
        parts = (
            xp.sum(size, axis=-2) / length,
            xp.sum(self._size, axis=-2),
            xp.sum(powered, axis=-2) / length**self._p,
            xp.sum(own, axis=-2),
        )
        new = share[..., None, None] * xp.stack(parts, axis=-2)
        return (1.0 - wide(weight)) * self._record + wide(weight) * new

    def cross(self, noise: Any, counted: Any, share: Any) -> Any:
        """H^H Y / b for thresholded codes H."""
        xp = self._space.xp
        limit = thresholds(xp, self._p, noise, counted[..., 1, :], counted[..., 3, :])
        h = thresholded(xp, self._codes, self._size, limit[..., None, :])
        return wide(share) * (adjoint(xp, h) @ self._y)

    def settled(
        self, oracle: Oracle, iterate: Any, cross: Any, counted: Any, step: Any, moves: Any
    ) -> Any:
        """Refined atoms after the step with this number."""
        space = self._space
        xp = space.xp
        due = moves & (step % PERIOD == 0)
        exact = oracle._replace(method="svd") if oracle.method == "products" else oracle

        def renewed(_: tuple[Any, Any]) -> tuple[Any, Any]:
            ahead = projected(space, exact, leaning(space, cross, iterate))
            return ahead, xp.zeros_like(due)

        now = (self._refined, due)
        if oracle.checked or space.name == "jax":
            ahead, _ = bounded_while(space, lambda s: xp.any(s[1]), renewed, now, limit=1)
        else:
            ahead, _ = renewed(now)
        length = lengths(xp, iterate)
        unit = iterate / length[..., None]
        cosine = xp.sum(real_part(xp, ahead * conjugate(xp, unit)), axis=-1)
        better = counted[..., 1, :] < (1.0 - GAIN) * counted[..., 0, :]
        better = better & (cosine > ALIKE)
        better = better & (counted[..., 3, :] >= (1.0 - LOSS) * counted[..., 2, :])
        better = better & due[..., None]
        # Before the first polar factor, and where it is no better: the iterate.
        back = (due | (step < PERIOD))[..., None] & ~better
        refined = xp.where(better[..., None], ahead, self._refined)
        return xp.where(back[..., None], unit, refined)


def lengths(xp: Any, a: Any) -> Any:
    """Norms of rows; 1 for zeros."""
    size = xp.sqrt(xp.sum(xp.abs(a) ** 2, axis=-1))
    return xp.where(size > 0, size, xp.ones_like(size))


def scale_factor(space: Space) -> float:
    """Standard deviation over median modulus: of real, and of circular complex, normal numbers."""
    return 1.0 / math.sqrt(math.log(2.0)) if space.is_complex else 1.0 / 0.6744897501960817


def thresholded(xp: Any, c: Any, size: Any, threshold: Any) -> Any:
    """C where |C| is above the threshold, else 0."""
    return xp.where(size > threshold, c, xp.zeros_like(c))


def thresholds(xp: Any, p: float, noise: Any, mean: Any, powered: Any, share: Any = SHARE) -> Any:
    """Thresholds (..., n) from the noise scale and the averages of |c| and |c|^p by atoms.

    (E |c|^p / E |c|)^(1/(p-1)) is the size of codes that are not small, however rare they are.
    """
    mean = xp.where(mean > 0, mean, xp.ones_like(mean))
    least = share * (powered / mean) ** (1.0 / (p - 1.0))
    limit = LEVEL * noise[..., None]
    return xp.where(least > limit, least, limit)


def noise_scale(space: Space, size: Any, shown: Any) -> tuple[Any, Any]:
    """Noise scale from |C| in the `shown` rows, and whether there are any; 0 if not.

    Rows of zeros are no samples of the noise: they are left out, or many would make it 0.
    """
    count = space.xp.sum(space.xp.astype(shown, space.xp.int32), axis=-1)
    return scale_factor(space) * _masked_median(space, size, shown, count), count > 0


def _masked_median(space: Space, x: Any, rows: Any, count: Any) -> Any:
    """Median of the entries >= 0 of `x` (..., b, n) in the `count` marked rows, per item."""
    xp = space.xp
    n = x.shape[-1]
    flat = xp.where(rows[..., None], x, xp.full_like(x, math.inf))
    flat = xp.sort(xp.reshape(flat, (*x.shape[:-2], x.shape[-2] * n)), axis=-1)
    place = xp.arange(flat.shape[-1], dtype=count.dtype, device=space.device)
    total = (count * n)[..., None]
    # The two middle ones; picked by a mask, because gathering is spelled differently everywhere.
    middle = (place == (total - 1) // 2) | (place == total // 2)
    picked = xp.where(middle, flat, xp.zeros_like(flat))
    number = xp.astype(1 + (count * n + 1) % 2, x.dtype)
    median = xp.sum(picked, axis=-1) / number
    return xp.where(count > 0, median, xp.zeros_like(median))
