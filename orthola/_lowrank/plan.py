"""Which engine takes a block in: modelled seconds, and what `explain` says about them."""

from __future__ import annotations

from typing import NamedTuple

from .._core.dispatch import Explanation
from .._core.space import Space
from .._core.tuning import lowrank_rates
from .state import EXACT_UP_TO, SVDConfig

__all__ = ["costs", "explained", "flush_width", "leaf_width", "narrowed", "piece_width"]

_WIDE_ENOUGH = 4  # times the kept directions: from this width on a random leaf may pay
_MORE = 8  # columns of a random leaf beyond the kept directions


class Cost(NamedTuple):
    """Seconds for a block, and once at the end."""

    block: float
    end: float


def costs(config: SVDConfig, space: Space, b: int) -> dict[str, Cost]:
    """Modelled seconds of every engine for a block of b samples."""
    d, q, rates = config.features, config.capacity, lowrank_rates()
    scale = (4.0 if space.is_complex else 1.0) * (0.5 if space.eps > 1e-10 else 1.0)
    r, small = q + b, (4.0 if space.is_complex else 1.0)
    core = small * 20.0 * min(r, d) ** 3 / rates.svd
    leaf = q + _MORE
    brand = scale * (8 * d * q * b + 4 * d * b**2 + 2 * d * r * q) / rates.gemm + core
    stack = scale * (4 * d * r**2 / rates.qr + 2 * d * r * q / rates.gemm) + core
    wide = 2.0 * small  # the Gram matrix is one of double precision
    narrow = scale * (2 * d * b * leaf * (2 + 2 * config.power)) / rates.gemm
    inside = scale * (8 * d * q * leaf + 4 * d * leaf**2 + 2 * d * (q + leaf) * q) / rates.gemm
    end = small * 20.0 * d**3 / rates.svd
    return {
        "exact-r": Cost(scale * 2 * b * d**2 / rates.triangle, end),
        "exact-gram": Cost(wide / 2 * b * d**2 / rates.gemm, 0.5 * end),
        "brand": Cost(brand, 0.0),
        "stack": Cost(stack, 0.0),
        "randomized": Cost(narrow + inside + small * 20.0 * (q + leaf) ** 3 / rates.svd, 0.0),
    }


def piece_width(config: SVDConfig, shape: tuple[int, ...]) -> int:
    """Columns per factorisation: about the kept directions cost least for each column."""
    return max(32, int(shape[1]))


def leaf_width(config: SVDConfig) -> int:
    """Columns of a random leaf."""
    return config.capacity + _MORE


def narrowed(config: SVDConfig, columns: int) -> bool:
    """Whether a block goes through a random range first."""
    return config.engine == "randomized" and columns > leaf_width(config)


def flush_width(config: SVDConfig, space: Space | None) -> int:
    """Samples worth collecting before they are taken in."""
    if space is None:
        return max(32, config.capacity)
    layout = config.layout(space)
    if layout == "basis":
        if config.engine == "randomized":
            return _WIDE_ENOUGH * leaf_width(config)
        return max(32, config.capacity)
    return max(32, min(config.features, 1024))


def explained(space: Space, config: SVDConfig, b: int, *, in_place: bool) -> Explanation:
    """The facts behind an update with b samples."""
    d, q, layout = config.features, config.capacity, config.layout(space)
    kept = {
        "basis": f"{d} x {q} basis",
        "r": f"{d} x {d} triangle",
        "gram": f"{d} x {d} Gram matrix",
    }
    engine = {"r": "exact-r", "gram": "exact-gram"}.get(layout)
    if engine is None:
        engine = "stack" if config.engine == "stack" or not in_place else "brand"
        engine = "randomized" if in_place and narrowed(config, b) else engine
    why = (
        "asked for"
        if config.engine == engine
        else (
            f"d = {d} is more than {EXACT_UP_TO} times the {q} kept directions"
            if layout == "basis"
            else f"d = {d} is at most {EXACT_UP_TO} times the {q} kept directions"
        )
    )
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
