"""The matrices of the study: real data that comes with scikit-learn, and stated spectra."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...testing import from_spectrum, spectrum
from ..failure import Failure
from ..matrices import Problem, handwritten_digits, named
from ..photographs import photographs

__all__ = ["bundled", "parse_synthetic", "stated"]

_PATCH = 8


def bundled(*, quick: bool) -> list[Problem]:
    """Real matrices of condition 3e3, 3e6 and 1e15; with `quick` a part of the first one."""
    digits = handwritten_digits(quick=quick)
    if quick:
        return [digits]
    temple, flower = photographs()
    patches = _patches(flower[:256, :512])
    return [
        digits,
        named("temple", "Photograph of a temple", temple[:192, :192]),
        named(
            "patches",
            "Patches of a flower, each minus its mean",
            patches - patches.mean(axis=1, keepdims=True),
        ),
    ]


def stated(
    profile: str, n: int, condition: float, *,
    rows: int | None = None, dtype: str = "float64", seed: int = 0,
) -> Problem:  # fmt: skip
    """Random singular vectors with a stated spectrum, the same in every run."""
    m = n if rows is None else rows
    values = spectrum(profile, n, condition=condition)
    return Problem(
        f"{profile}-{m}x{n}-{condition:.0e}",
        f"{profile.capitalize()} spectrum, {m} × {n}",
        from_spectrum(m, n, values, dtype=dtype, rng=seed),
    )


def parse_synthetic(text: str, dtype: str, seed: int) -> Problem:
    """The problem that ``--synthetic n,kappa`` asks for: a geometric spectrum."""
    try:
        order, condition = text.split(",")
        n, kappa = int(order), float(condition)
    except ValueError:
        raise Failure(
            f"--synthetic: expected an order and a condition number like 200,1e8, got {text!r}"
        ) from None
    if n < 1 or not 1.0 <= kappa < float("inf"):
        raise Failure(f"--synthetic: expected n >= 1 and finite kappa >= 1, got {text!r}")
    return stated("geometric", n, kappa, dtype=dtype, seed=seed)


def _patches(image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Tiles of an image as rows."""
    height, width = (side // _PATCH for side in image.shape)
    tiles = image[: height * _PATCH, : width * _PATCH].reshape(height, _PATCH, width, _PATCH)
    return tiles.swapaxes(1, 2).reshape(-1, _PATCH * _PATCH)
