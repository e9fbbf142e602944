"""What a stream of columns leaves behind, and the options that never change while it runs."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from enum import IntFlag
from typing import Any, NamedTuple

from .._core import checks
from .._core.space import Space

__all__ = [
    "EXACT_UP_TO",
    "Flag",
    "SVDConfig",
    "SVDState",
    "accumulators",
    "empty_state",
]

ENGINES = ("auto", "exact-r", "exact-gram", "exact-refresh", "brand", "stack", "randomized")
METHODS = ("svd", "frequent-directions")
LAYOUTS = {"exact-r": "r", "exact-gram": "gram", "exact-refresh": "refresh"}  # others: "basis"
EXACT_UP_TO = 8  # times the kept directions: below this order a triangle is cheaper than a basis
_COARSE = 5e-3  # tolerance from which on squares may be kept: what they lose is far below it
_FIRST_CAPACITY = 64  # columns kept at first where a tolerance decides about the rank


class Flag(IntFlag):
    """Events after which parts of the certificate hold no longer, bits of ``SVDState.flags``."""

    UNCERTIFIED = 1  # imputed entries, approximations of unknown error
    NOT_EXACT = 2  # the error is bounded, not known: downdates, discarded parts mixed in again
    RANK_CAPPED = 4  # max_rank was too small for the tolerance
    NONFINITE = 8
    ILL_CONDITIONED = 16  # a downdate left little
    FOLDED = 32  # harmless: the refreshed basis did not fit later data, a triangle goes on


@dataclass(frozen=True)
class SVDConfig:
    """Options of `svd_init` and its relatives: static, hashable, the same for a whole stream.

    Parameters
    ----------
    features : int
        Length d of the fixed dimension.
    rank : int, optional
        Number k of singular triplets wanted. Without `rank`, `tol` and `energy`: all d.
    tol : float, optional
        Largest error of the approximation, relative to the Frobenius norm of all data; the rank is
        then found. Holds at every time, up to the ``allowance`` of the certificate.
    energy : float, optional
        Share of the squared norm to keep: ``energy=0.99`` is ``tol=0.1``.
    max_rank : int, optional
        Most directions kept with `tol`; default: as many as it takes (inside ``jax.jit``: 64).
    axis : {0, 1}, optional
        0: blocks (b, d), rows are appended; 1: blocks (d, b), columns are appended.
    engine : {"auto", "exact-r", "exact-gram", "exact-refresh", "brand", "stack", "randomized"}, \
optional
        How blocks are taken in. The exact ones keep d x d numbers and discard nothing, the others
        d x (k + oversample). ``explain(svd_update, ...)`` says what "auto" chose. "exact-gram"
        squares the data: below the root of the precision, times the largest one, singular values
        are lost, and the certificate says so; "auto" takes it for single precision, and for a
        tolerance of 5e-3 or more, which is far above that. "exact-refresh" adds up squares in the
        basis of the first samples instead, which keeps small ones, and goes on with a triangle
        where that basis does not fit later samples.
    method : {"svd", "frequent-directions"}, optional
        What is kept. "svd": the leading directions, as they are. "frequent-directions": a sketch B
        of k + oversample columns that every truncation shrinks, so that M M^H - B B^H is at most
        the squared error of the best rank j over k + oversample + 1 - j, for every j: a bound known
        before any data. Its singular values are too small, by as much as it was shrunk.
    oversample : int or "auto", optional
        Directions kept beyond `rank`. "auto": max(8, k/4), at most 64. With a tolerance, beyond
        what it needs so far; "auto" is then max(8, k/4), and all where there is room for d.
    sketch : int or "auto", optional
        Columns of the side sketch of what was discarded; 0 for none. "auto": max(4, q/8), with
        q = rank + oversample; none with a tolerance.
    center : bool, optional
        Take the mean of all samples off (principal components).
    forget : float, optional
        Weight in (0, 1] that all earlier samples are multiplied by at every update.
    accumulate : {"auto", "same", "float64"}, optional
        Precision of the small matrices, and of the Gram matrix. "auto": float64 where the device
        has it.
    power : int, optional
        Power steps of the randomised engine.
    seed : int, optional
        Of the randomised engine: draws depend on it and on the number of the block alone.
    check_finite : bool, optional
        Raise on NaN or infinity where values can be looked at; otherwise the status tells.

    Examples
    --------
    >>> import orthola
    >>> orthola.SVDConfig(features=1000, rank=20).capacity
    28
    """

    features: int
    rank: int | None = None
    tol: float | None = None
    energy: float | None = None
    max_rank: int | None = None
    axis: int = 0
    engine: str = "auto"
    oversample: int | str = "auto"
    sketch: int | str = "auto"
    center: bool = False
    forget: float = 1.0
    accumulate: str = "auto"
    power: int = 0
    seed: int = 0
    check_finite: bool = True
    method: str = "svd"

    def __post_init__(self) -> None:
        name = "SVDConfig"
        checks.count(name, "features", self.features)
        checks.one_of(name, "engine", self.engine, ENGINES)
        checks.one_of(name, "method", self.method, METHODS)
        checks.one_of(name, "accumulate", self.accumulate, ("auto", "same", "float64"))
        checks.real_in(name, "forget", self.forget, 0.0, 1.0)
        if self.axis not in (0, 1):
            raise ValueError(f"{name}: expected axis 0 (rows) or 1 (columns), got {self.axis!r}")
        asked = {"rank": self.rank, "tol": self.tol, "energy": self.energy}
        given = [f"{option}={value!r}" for option, value in asked.items() if value is not None]
        if len(given) > 1:
            raise ValueError(
                f"{name}: expected one of rank, tol and energy, got {', '.join(given)}"
            )
        for option in ("rank", "max_rank"):
            if getattr(self, option) is not None:
                checks.count(name, option, getattr(self, option))
        for option in ("oversample", "sketch"):
            if getattr(self, option) != "auto":
                checks.count(name, option, getattr(self, option), least=0)
        for option in ("power", "seed"):
            checks.count(name, option, getattr(self, option), least=0)
        if self.tol is not None:
            checks.real_in(name, "tol", self.tol, 0.0, sys.float_info.max, closed=True)
        if self.energy is not None:
            checks.real_in(name, "energy", self.energy, 0.0, 1.0, closed=True)
        if self.max_rank is not None and self.tolerance is None:
            raise ValueError(
                f"{name}: expected max_rank together with tol or energy, got "
                f"max_rank={self.max_rank!r} without; use rank"
            )
        if self.shrinks and (
            self.tolerance is not None or self.engine in LAYOUTS or self.sketch != "auto"
        ):
            given += [f"engine={self.engine!r}", f"sketch={self.sketch!r}"]
            raise ValueError(
                f"{name}: expected method='frequent-directions' with a rank, a low-rank engine and "
                f"no side sketch, got {', '.join(given)}"
            )

    @property
    def shrinks(self) -> bool:
        """Whether truncations shrink what they keep."""
        return self.method == "frequent-directions"

    @property
    def tolerance(self) -> float | None:
        """Relative error allowed, or None where the rank is given."""
        if self.energy is not None:
            return math.sqrt(max(0.0, 1.0 - float(self.energy)))
        return None if self.tol is None else float(self.tol)

    @property
    def wanted(self) -> int:
        """Columns of a result."""
        if self.tolerance is not None:
            return self.capacity
        return min(self.features, self.rank or self.features)

    @property
    def capacity(self) -> int:
        """Directions kept: q = k + p, at most d. With a tolerance, at first."""
        if self.tolerance is not None:
            return min(self.features, self.max_rank or _FIRST_CAPACITY)
        k = self.rank or self.features
        p = min(64, max(8, -(-k // 4))) if self.oversample == "auto" else int(self.oversample)
        return min(self.features, k + p)

    @property
    def side(self) -> int:
        """Columns of the side sketch."""
        if self.sketch != "auto":
            return int(self.sketch)
        plain = self.tolerance is None and not self.shrinks
        return max(4, -(-self.capacity // 8)) if plain else 0

    def layout(self, space: Space) -> str:
        """What ``factor`` holds: "r", "gram", "refresh" or "basis"."""
        if self.engine != "auto":
            layout = LAYOUTS.get(self.engine, "basis")
            if layout == "refresh" and space.eps > 1e-10:
                # Squares of single precision do not overlap in double precision.
                return "r" if self.wide(space) is space else "gram"
            return layout
        if self.shrinks or self.features > EXACT_UP_TO * self.capacity:
            return "basis"
        wide = self.wide(space)
        single = space.eps > 1e-10 and wide is not space
        coarse = self.tolerance is not None and self.tolerance >= _COARSE and wide.eps < 1e-10
        return "gram" if single or coarse else "r"

    def wide(self, space: Space) -> Space:
        """Where small matrices are calculated with."""
        if self.accumulate == "same" or space.eps < 1e-10 or not space.has_double:
            return space
        return space.with_dtype("complex128" if space.is_complex else "float64")


class SVDState(NamedTuple):
    """Summary of all columns so far, in units of ``2**scale``; squares in units ``4**scale``.

    With M the data (columns appended), U, S what is kept and E = M - U S V^H what was discarded:
    M M^H = U S^2 U^H + E E^H, and ``discarded`` is the squared Frobenius norm of E.
    Accumulators are float64 whatever the dtype of the data, where the device has it.
    """

    factor: Any  # (d, c) orthonormal basis, unused columns 0; exact engines: R^H or M M^H, (d, d),
    # or (d, 2 d): R^H and zeros, or an orthonormal Q and H with M M^H = Q H Q^H
    sigma: Any  # (c,) kept singular values, descending, 0 beyond rank; exact engines: ones
    rank: Any  # () integer, columns of factor in use
    discarded: Any  # () sum of all discarded squared singular values
    spectral: Any  # () at least the squared spectral norm of E
    energy: Any  # () squared Frobenius norm of M
    allowance: Any  # () rounding errors so far are at most this, in Frobenius norm
    square_loss: Any  # () what may have been lost in squares: Gram matrices, downdates
    sketch: Any  # (d, l) B with B B^H <= E E^H <= B B^H + sketch_shrink I
    sketch_shrink: Any  # () see sketch
    sketch_trace: Any  # () discarded - ||B||^2, added up
    mean: Any  # (d,) of the samples (of block^H for axis 0)
    count: Any  # () sum of the weights of the samples
    columns: Any  # () integer, samples seen
    position: Any  # () integer, blocks seen; the number of the next one where they have numbers
    levels: Any  # () integer, truncations on the longest path
    scale: Any  # () integer, the exponent of the units
    flags: Any  # () integer, bits of Flag
    inherited: Any  # () at least the squared Frobenius norm of what the input itself lacked
    inherited_spectral: Any  # () at least its squared spectral norm
    begin: Any  # () integer, 1 + the number of the first block; 0 where they have no numbers


def accumulators(space: Space) -> Space:
    """Where accumulators are kept: real, double precision if there is one."""
    return space.with_dtype("float64" if space.has_double else space.real_name)


def empty_state(space: Space, config: SVDConfig) -> SVDState:
    """No columns yet."""
    xp, device = space.xp, space.device
    d, layout = config.features, config.layout(space)
    acc = accumulators(space)
    kind = config.wide(space) if layout == "gram" else space
    c = {"basis": config.capacity, "refresh": 2 * d}.get(layout, d)
    zero = xp.zeros((), dtype=acc.dtype, device=device)
    integer = xp.int64 if space.has_double else xp.int32
    none = xp.zeros((), dtype=integer, device=device)
    small = xp.zeros((), dtype=xp.int32, device=device)
    fill = xp.zeros if layout == "basis" else xp.ones
    side = config.side if layout == "basis" and config.capacity < d else 0
    return SVDState(
        factor=xp.zeros((d, c), dtype=kind.dtype, device=device),
        sigma=fill((min(c, d),), dtype=kind.real_dtype, device=device),
        rank=none, discarded=zero, spectral=zero, energy=zero, allowance=zero, square_loss=zero,
        sketch=xp.zeros((d, side), dtype=space.dtype, device=device),
        sketch_shrink=zero, sketch_trace=zero,
        mean=xp.zeros((d,), dtype=config.wide(space).dtype, device=device),
        count=zero, columns=none, position=none, levels=none, scale=small, flags=small,
        inherited=zero, inherited_spectral=zero, begin=none,
    )  # fmt: skip
