"""Schedules: step coefficients from an interval, with a proven image of that interval.

Everything here is about numbers, not arrays: singular values are mapped one by one, so the
behaviour of an iteration on matrices is that of its maps on an interval.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import ROUND_CEILING, Context, Decimal
from functools import lru_cache
from itertools import islice
from typing import SupportsFloat, SupportsIndex

from .._core.checks import count, one_of, real_in
from .chain import Schedule, certified
from .image import extend, outward
from .kinds import CUSHION, KINDS, OPTIONS, Row, offers, own_length
from .minimax import CLASSIC, minimax_steps
from .weights import halley_steps

__all__ = ["Schedule", "exact_plan", "schedule"]

_DEGREE, _SAFETY, _CAP = 5, 1.01, 30.0

_LONGEST = 200  # steps tried for a tolerance; 100 take the slowest kind from 1e-16 to 1


def schedule(
    kind: str,
    /,
    *,
    steps: SupportsIndex | None = None,
    tol: SupportsFloat | None = None,
    lower_bound: SupportsFloat | str,
    degree: SupportsIndex = _DEGREE,
    safety: SupportsFloat = _SAFETY,
    cushion: SupportsFloat = CUSHION,
    shape: tuple[SupportsIndex, SupportsIndex] | None = None,
    cap: SupportsFloat = _CAP,
) -> Schedule:
    """Coefficients of an orthogonalizing iteration, with a proven interval of its results.

    Parameters
    ----------
    kind : str
        ``"polar-express"``: minimax polynomials for ``[lower_bound, 1]``.
        ``"newton-schulz"``: the classic polynomial of the given degree in every step.
        ``"halley"``: dynamically weighted Halley, its weights capped for Cholesky.
        Or a published table: ``"polar-express-gram"``, ``"polar-express-nanogpt"``,
        ``"polar-express-8"``, ``"muon"``, ``"you"``, ``"cans"``, ``"cesista-8"``,
        ``"deepseek-v4"``, ``"cubic5"``; `lower_bound` then only says where the interval holds.
    steps : int, optional
        Number of steps. A table shorter than asked for is continued with its last row where it
        was published so (``"muon"``, ``"polar-express-8"``, ``"deepseek-v4"``).
    tol : float, optional
        In (0, 1]: take the fewest steps whose interval lies in ``[1 - tol, 1 + tol]``. Give
        `steps` or `tol`, not both; tables may be given neither and then have their own length.
    lower_bound : float or "gaussian"
        Smallest singular value divided by the normaliser, in (0, 1]. ``"gaussian"`` takes what a
        random matrix of the given `shape` divided by its Frobenius norm has on average: an
        expectation, not a bound.
    degree : {3, 5, 7, 9}, optional
        Degree of the polynomials of ``"polar-express"`` and ``"newton-schulz"``. Degrees 7 and 9
        need fewer products but cancel more: for single precision and below.
    safety : float, optional
        In [1, 2]: ``"polar-express"`` divides x by this in every step but the last, which keeps
        values up to about `safety` in range.
    cushion : float, optional
        In [0, 1): ``"polar-express"`` optimises each step on ``[max(l, cushion*h), h]`` instead
        of ``[l, h]``, which limits the growth of rounding.
    shape : (int, int), optional
        Shape of the matrix, only with ``lower_bound="gaussian"``.
    cap : float, optional
        Largest weight c of ``"halley"``, at least 3; infinity for none.

    Returns
    -------
    Schedule
        Its `coefficients`, `interval`, `slope`, `domain_max` and product counts. The same object
        comes back for the same arguments.

    Raises
    ------
    TypeError, ValueError
        For an unknown kind, an argument out of range or without meaning for the kind, and a
        `steps` or `tol` that a table cannot reach; the message names what it can.

    Notes
    -----
    Pure Python; a few milliseconds at most, then cached. The interval is the exact composed image
    of ``[lower_bound, 1]`` under the stored floats, rounded outward.

    References
    ----------
    Amsel, Persson, Musco, Gower, arXiv:2505.16932 (minimax polynomials). Nakatsukasa, Bai, Gygi
    (2010), doi:10.1137/090774999 (Halley weights). Kenney, Laub (1991), doi:10.1137/0612020
    (classic polynomials).

    Examples
    --------
    >>> from orthola import schedule
    >>> s = schedule("polar-express", steps=5, lower_bound=1e-3)
    >>> len(s.coefficients), s.products
    (5, 15)
    >>> low, high = s.interval
    >>> round(low, 4), round(high, 4)
    (0.8524, 1.1236)
    >>> low <= s(0.01) <= high
    True
    >>> len(schedule("halley", tol=1e-8, lower_bound=1e-3).coefficients)
    5
    """
    one_of("schedule", "kind", kind, KINDS)
    options: dict[str, int | float] = {
        "degree": _degree(degree),
        "safety": _in_range("safety", safety, 1.0, 2.0),
        "cushion": _in_range("cushion", cushion, 0.0, math.nextafter(1.0, 0.0)),
        "cap": _in_range("cap", cap, 3.0, math.inf),
    }
    defaults = {"degree": _DEGREE, "safety": _SAFETY, "cushion": CUSHION, "cap": _CAP}
    for name, value in options.items():
        if value != defaults[name] and name not in OPTIONS.get(kind, ()):
            raise ValueError(
                f"schedule: {name} has no meaning for kind {kind!r}, got {value!r}; leave it out"
            )
    if steps is not None and tol is not None:
        raise ValueError(f"schedule: expected steps or tol, got both ({steps!r} and {tol!r})")
    length = own_length(kind) if steps is None else count("schedule", "steps", steps)
    if length is None and tol is None:
        raise ValueError(f"schedule: kind {kind!r} needs steps or tol, got neither")
    return _build(
        kind,
        None if tol is None else real_in("schedule", "tol", tol, 0.0, 1.0),
        length or 0,
        _lower_bound(lower_bound, shape),
        int(options["degree"]),
        options["safety"],
        options["cushion"],
        options["cap"],
    )


@lru_cache(maxsize=512)
def exact_plan(
    kind: str,
    *,
    lower_bound: float,
    unit_roundoff: float,
    cap: float = _CAP,
    cushion: float = 0.1,
    degree: int = _DEGREE,
) -> tuple[tuple[float, ...], ...]:
    """Coefficients until every singular value is near enough to 1 for one polishing step.

    Parameters
    ----------
    kind : {"halley", "qr-halley", "newton-schulz"}
        Capped Halley, Halley without cap, or minimax polynomials without safety (the polish and
        the certificate after it make that unnecessary; the larger cushion keeps rounding small).
    lower_bound : float
        Smallest singular value divided by the normaliser, in (0, 1].
    unit_roundoff : float
        u of the working precision; the plan ends when 1 - l <= sqrt(u)/4.
    cap, cushion, degree
        See `schedule`.

    Returns
    -------
    tuple of tuple of float
        One row a step; empty if the bound is already near enough to 1.
    """
    one_of("exact_plan", "kind", kind, ("halley", "qr-halley", "newton-schulz"))
    lower = real_in("exact_plan", "lower_bound", lower_bound, 0.0, 1.0)
    steps: Iterator[tuple[tuple[float, ...], float]]
    if kind == "newton-schulz":
        steps = minimax_steps(lower, degree=degree, cushion=cushion)
    else:
        steps = halley_steps(lower, cap=cap if kind == "halley" else math.inf)
    rows = []
    while 1.0 - lower > 0.25 * math.sqrt(unit_roundoff):
        row, lower = next(steps)
        rows.append(row)
    return tuple(rows)


@lru_cache(maxsize=512)
def _build(
    kind: str,
    tol: float | None,
    length: int,  # read only without tol
    lower: float,
    degree: int,
    safety: float,
    cushion: float,
    cap: float,
) -> Schedule:
    offered = offers(kind, lower, degree, safety, cushion, cap)
    rows = _first(kind, offered, length) if tol is None else _fewest(kind, offered, lower, tol)
    return certified(kind, rows, lower)


def _first(kind: str, offered: Iterator[tuple[Row, Row]], length: int) -> tuple[Row, ...]:
    pairs = list(islice(offered, length))
    if len(pairs) < length:
        raise ValueError(
            f"schedule: kind {kind!r} has {len(pairs)} steps and no published continuation, "
            f"got steps={length}; ask for at most {len(pairs)} or use kind 'polar-express'"
        )
    return (*(row for row, _ in pairs[:-1]), pairs[-1][1])


def _fewest(
    kind: str, offered: Iterator[tuple[Row, Row]], lower: float, tol: float
) -> tuple[Row, ...]:
    """The shortest chain whose image of ``[lower, 1]`` lies within `tol` of 1."""
    rational = kind == "halley"
    image = (Decimal(lower), Decimal(1))
    before: list[Row] = []
    nearest, best = math.inf, 0
    for row, last in islice(offered, _LONGEST):
        final = extend(image, last, rational=rational)
        low, high = outward(final, len(before) + 1)
        if low >= 1.0 - tol and high <= 1.0 + tol:
            return (*before, last)
        before.append(row)
        if (distance := max(1.0 - low, high - 1.0)) < nearest:
            nearest, best = distance, len(before)
        image = final if row == last else extend(image, row, rational=rational)
    reachable = float(Context(prec=3, rounding=ROUND_CEILING).create_decimal(nearest))
    raise ValueError(
        f"schedule: kind {kind!r} does not reach tol={tol!r} from lower_bound={lower!r}; its "
        f"nearest is tol={reachable!r}, with {best} of {len(before)} steps tried. Ask for that, "
        "or use another kind, a larger lower_bound or (polar-express) less safety or more cushion"
    )


def _degree(degree: SupportsIndex) -> int:
    number = count("schedule", "degree", degree)
    if number not in CLASSIC:
        raise ValueError(f"schedule: expected degree 3, 5, 7 or 9, got {degree!r}")
    return number


def _in_range(option: str, value: SupportsFloat, low: float, high: float) -> float:
    number = real_in("schedule", option, value, -math.inf, math.inf)
    if not low <= number <= high:
        raise ValueError(f"schedule: expected {low} <= {option} <= {high}, got {number!r}")
    return number


def _lower_bound(
    lower_bound: SupportsFloat | str, shape: tuple[SupportsIndex, SupportsIndex] | None
) -> float:
    if not isinstance(lower_bound, str):
        if shape is not None:
            raise ValueError(
                "schedule: shape is only used with lower_bound='gaussian', got "
                f"lower_bound={lower_bound!r} and shape={shape!r}; leave shape out"
            )
        return real_in("schedule", "lower_bound", lower_bound, 0.0, 1.0)
    one_of("schedule", "lower_bound", lower_bound, ("gaussian",))
    if shape is None or len(shape) != 2:
        raise ValueError(
            f"schedule: lower_bound='gaussian' needs shape=(m, n) of one matrix, got {shape!r}"
        )
    short, long = sorted(count("schedule", "shape", side) for side in shape)
    if short == long:
        return 1.0 / (short * math.sqrt(short))
    # sigma_n ~ sqrt(m) - sqrt(n) and ||A||_F ~ sqrt(m n), for unit variance; the difference of
    # the roots without cancellation.
    return (long - short) / (math.sqrt(long) + math.sqrt(short)) / math.sqrt(long * short)
