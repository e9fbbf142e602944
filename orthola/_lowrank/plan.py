"""Which engine takes a block in: modelled seconds, and what `explain` says about them."""

from __future__ import annotations

from typing import NamedTuple

from .._core.dispatch import Explanation
from .._core.space import Space
from .._core.tuning import lowrank_rates
from .state import EXACT_UP_TO, SVDConfig

__all__ = [
    "costs",
    "even_width",
    "explained",
    "flush_width",
    "leaf_width",
    "narrowed",
    "piece_width",
    "power_steps",
]

_WIDE_ENOUGH = 4  # times the columns of a random leaf: from this width on it may pay
_MORE = 8  # columns of a random leaf beyond the kept directions
_WORTH_IT = 0.8  # a random leaf loses a little: it has to be so much cheaper to be chosen


class Cost(NamedTuple):
    """Seconds for a block, and once at the end."""

    block: float
    end: float


def costs(config: SVDConfig, space: Space, b: int) -> dict[str, Cost]:
    """Modelled seconds of every engine for a block of b samples."""
    d, rates = config.features, lowrank_rates()
    small = 4.0 if space.is_complex else 1.0
    scale = small * (0.5 if space.eps > 1e-10 else 1.0)
    end = small * 20.0 * d**3 / rates.at("svd", d)
    # Gram matrices are ones of double precision.
    gram = small * b * d**2 / rates.at("herk", d)
    into = scale * 2 * b * d**2
    eigh = small * 9.0 * d**3 / rates.at("eigh", d)
    return {
        "exact-r": Cost(into / rates.at("triangle", d), end),
        "exact-gram": Cost(gram, eigh),
        "exact-refresh": Cost(gram + into / rates.at("gemm", d), end),
        "brand": Cost(_by_brand(config, scale, small, b), 0.0),
        "stack": Cost(_by_stack(config, scale, small, b), 0.0),
        "randomized": Cost(_by_leaf(config, scale, small, b), 0.0),
    }


def _by_brand(config: SVDConfig, scale: float, small: float, b: int) -> float:
    """Piece after piece."""
    d, q, rates = config.features, config.capacity, lowrank_rates()
    n = max(1, min(b, max(32, q)))
    products = 8 * d * q * n + 4 * d * n**2 + 2 * d * (q + n) * q
    return b / n * (scale * products / rates.at("gemm", min(n, q)) + _core(small, q + n, d))


def _by_stack(config: SVDConfig, scale: float, small: float, b: int) -> float:
    d, q, rates = config.features, config.capacity, lowrank_rates()
    n = max(1, min(b, max(32, 2 * q)))
    r = min(q + n, d)
    steps = 4 * d * (q + n) * r / rates.at("qr", r) + 2 * d * r * q / rates.at("gemm", q)
    return b / n * (scale * steps + _core(small, q + n, d))


def _by_leaf(config: SVDConfig, scale: float, small: float, b: int) -> float:
    d, leaf, rates = config.features, leaf_width(config), lowrank_rates()
    power = power_steps(config)
    products = 2 * d * b * leaf * (3 + 2 * power) / rates.at("gemm", leaf)
    bases = 4 * (d * (1 + power) + b) * leaf**2 / rates.at("qr", leaf)
    return scale * (products + bases) + _by_brand(config, scale, small, leaf)


def _core(small: float, order: int, d: int) -> float:
    n = min(order, d)
    return small * 20.0 * n**3 / lowrank_rates().at("svd", n)


def piece_width(config: SVDConfig, shape: tuple[int, ...]) -> int:
    """Columns per factorisation: about the kept directions cost least for each column."""
    return max(32, int(shape[1]))


def even_width(columns: int, width: int, *, most: bool = False) -> int:
    """Columns of pieces of one size, about or at `most` this wide: no truncation for a few."""
    pieces = -(-columns // width) if most else (2 * columns + width) // (2 * width)
    return max(1, -(-columns // max(1, pieces)))


def leaf_width(config: SVDConfig) -> int:
    """Columns of a random leaf."""
    return config.capacity + _MORE


def power_steps(config: SVDConfig) -> int:
    """Of a random leaf; where nobody asked for it, it has to be nearly as good as no leaf."""
    return max(config.power, 1) if config.engine == "auto" else config.power


def narrowed(space: Space, config: SVDConfig, columns: int, *, in_place: bool) -> bool:
    """Whether a block goes through a random range first: asked for, or modelled much cheaper."""
    leaf = leaf_width(config)
    if config.layout(space) != "basis" or leaf >= min(columns, config.features):
        return False
    if config.engine != "auto":
        return config.engine == "randomized"
    if config.tolerance is not None or config.shrinks or columns < _WIDE_ENOUGH * leaf:
        return False
    modelled = costs(config, space, columns)
    other = modelled["brand" if in_place else "stack"].block
    return modelled["randomized"].block < _WORTH_IT * other


def flush_width(config: SVDConfig, space: Space | None, kept: int = 0) -> int:
    """Samples worth collecting before they are taken in, with so many directions kept so far."""
    if space is None:
        return max(32, config.capacity)
    layout = config.layout(space)
    if layout == "basis":
        if config.engine == "randomized":
            return _WIDE_ENOUGH * leaf_width(config)
        return max(32, config.capacity, kept)
    return max(32, min(config.features, 1024))


def explained(space: Space, config: SVDConfig, b: int, *, in_place: bool) -> Explanation:
    """The facts behind an update with b samples."""
    d, q, layout = config.features, config.capacity, config.layout(space)
    kept = {
        "basis": f"{d} x {q} basis",
        "r": f"{d} x {d} triangle",
        "gram": f"{d} x {d} Gram matrix",
        "refresh": f"{d} x {d} basis, and a Gram matrix in it",
    }
    engine = {"r": "exact-r", "gram": "exact-gram", "refresh": "exact-refresh"}.get(layout)
    if engine is None:
        engine = "stack" if config.engine == "stack" or not in_place else "brand"
        engine = "randomized" if narrowed(space, config, b, in_place=in_place) else engine
    which = "more than" if layout == "basis" else "at most"
    why = f"d = {d} is {which} {EXACT_UP_TO} times the {q} kept directions"
    if engine == "randomized":
        why += f"; for {b} samples a random range of {leaf_width(config)} is modelled cheaper"
    why = "asked for" if config.engine == engine else why
    facts = [
        ("input", f"{space.name} {space.dtype_name}, {b} samples of length {d}"),
        ("engine", engine),
        ("because", why),
        ("kept", kept[layout]),
        ("arithmetic", "BLAS and LAPACK in place" if in_place else "Array-API text"),
        ("best block", f"{flush_width(config, space)} samples"),
    ]
    for name, cost in costs(config, space, b).items():
        facts.append((f"{name} (model)", f"{cost.block:.2e} s, {cost.end:.2e} s at the end"))
    return Explanation("svd_update", tuple(facts))
