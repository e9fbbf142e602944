"""The finished schedule: a chain of scalar maps together with what is proven about it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from .image import extend, outward, reach, step_value
from .kinds import Row

__all__ = ["Schedule", "certified"]

_CEILING = 1.31  # what domain_max calls in range: above the image of every published table
_MARGIN = 1e-6  # a maximum on the ceiling itself must not count as leaving
# Matrix products of one step and how many of them are symmetric, by number of coefficients.
_PRODUCTS = {2: (2, 1), 3: (3, 2), 4: (4, 3), 5: (4, 3)}
_HALLEY_PRODUCTS = (2, 1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Coefficients of an iteration and what they do to singular values.

    Immutable and hashable, made of Python floats only. Calling it maps one singular value.

    Attributes
    ----------
    kind : str
        Name it was made under.
    coefficients : tuple of tuple of float
        One row a step: of x, x^3, x^5, ... for a polynomial, weights (a, b, c) of
        x (a + b x^2)/(1 + c x^2) for ``kind="halley"``.
    lower_bound : float
        Smallest singular value, relative to the normaliser, for which `interval` holds.
    interval : (float, float)
        Contains the image of ``[lower_bound, 1]`` under the stored coefficients, wider than it
        by no more than 4 units in the last place a step.
    slope : float
        Derivative at 0: the factor by which the smallest singular values grow.
    domain_max : float
        Largest x such that all of ``[0, x]`` is mapped into ``[0, 1.31]``, or into
        ``[0, interval[1]]`` for a schedule so short that this is wider: how far above 1 a
        singular value may lie before the iteration leaves its range, where it blows up.
    products, symmetric_products : int
        Matrix products of all steps, and how many of them have a symmetric result. A Halley step
        counts the Gram matrix and one product, besides a Cholesky inverse.

    Examples
    --------
    >>> import orthola
    >>> plan = orthola.schedule("polar-express", steps=5, lower_bound=1e-2)
    >>> low, high = plan.interval
    >>> low <= plan(0.01) <= high, low <= plan(0.5) <= high, len(plan.coefficients)
    (True, True, 5)
    """

    kind: str
    coefficients: tuple[tuple[float, ...], ...]
    lower_bound: float
    interval: tuple[float, float]
    slope: float
    domain_max: float
    products: int
    symmetric_products: int

    def __call__(self, x: float) -> float:
        """Image of one singular value."""
        for row in self.coefficients:
            x = step_value(row, x, rational=self.kind == "halley")
        return x

    def image(self, lower: float, upper: float = 1.0) -> tuple[float, float]:
        """Interval that contains the image of ``[lower, upper]``, rounded outward.

        Parameters
        ----------
        lower, upper : float
            Ends of the interval, ``0 <= lower <= upper``, relative to the normaliser.

        Returns
        -------
        (float, float)

        Examples
        --------
        >>> from orthola import schedule
        >>> low, high = schedule("muon", lower_bound=1e-3).image(0.1)
        >>> round(low, 4), round(high, 4)
        (0.6818, 1.1344)
        """
        lower, upper = float(lower), float(upper)
        if not 0.0 <= lower <= upper < math.inf:
            raise ValueError(
                "Schedule.image: expected 0 <= lower <= upper < inf, got "
                f"lower={lower!r}, upper={upper!r}"
            )
        image = (Decimal(lower), Decimal(upper))
        for row in self.coefficients:
            image = extend(image, row, rational=self.kind == "halley")
        return outward(image, len(self.coefficients))


def certified(kind: str, rows: Sequence[Row], lower: float) -> Schedule:
    """Schedule with these rows; interval, slope, domain and products are worked out here."""
    rational = kind == "halley"
    counts = [_HALLEY_PRODUCTS if rational else _PRODUCTS[len(row)] for row in rows]
    image = (Decimal(lower), Decimal(1))
    for row in rows:
        image = extend(image, row, rational=rational)
    interval = outward(image, len(rows))
    return Schedule(
        kind=kind,
        coefficients=tuple(rows),
        lower_bound=lower,
        interval=interval,
        slope=math.prod(row[0] for row in rows),
        domain_max=reach(rows, max(_CEILING, interval[1] + _MARGIN), rational=rational),
        products=sum(total for total, _ in counts),
        symmetric_products=sum(symmetric for _, symmetric in counts),
    )
