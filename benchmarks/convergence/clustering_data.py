"""Blocks like those on which clustering under an error limit was studied, in seconds on a CPU.

Small stand-ins for massive MIMO channels, radar images, solutions of an advection equation and
weights of a language model: arXiv:2601.11626 has the originals, and the ranks and limits.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


class Data(NamedTuple):
    """Blocks of columns, and what is asked for."""

    blocks: list[Array]
    rank: int
    max_error: float


def channels(count: int = 300, antennas: int = 256, width: int = 48, seed: int = 0) -> list[Array]:
    """Complex blocks: sums of 3 to 12 plane waves from the scatterers of one of ten places."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(-1, 1, (10, 14))
    rows, columns = np.arange(antennas)[:, None], np.arange(width)
    blocks = []
    for j in range(count):
        number = int(rng.integers(3, 13))
        sines = rng.choice(places[j % 10], number, replace=False)
        gains = rng.standard_normal(number) + 1j * rng.standard_normal(number)
        delays = rng.uniform(0, 1, number)
        phase = np.exp(1j * np.pi * rows * sines) * gains
        blocks.append(phase @ np.exp(2j * np.pi * delays[:, None] * columns))
    return blocks


def stacked(blocks: list[Array]) -> list[Array]:
    """Real and imaginary parts on top of each other."""
    return [np.concatenate([x.real, x.imag]) for x in blocks]


def tiles(count: int = 400, rows: int = 720, width: int = 20, seed: int = 1) -> list[Array]:
    """Smooth random fields with multiplicative speckle, 120 x 120 pixels cut into columns."""
    rng = np.random.default_rng(seed)
    side = int(np.sqrt(rows * width))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    blocks = []
    for _ in range(count):
        smooth = np.exp(-((frequency * rng.uniform(10, 60)) ** 2))
        field = np.fft.ifft2(np.fft.fft2(rng.standard_normal((side, side))) * smooth).real
        field = 1 + 0.5 * field / np.abs(field).max()
        looks = rng.gamma(400, 1 / 400, (side, side))
        blocks.append((field * looks).reshape(-1, width))
    return blocks


def advection(count: int = 300, points: int = 256, width: int = 67, seed: int = 2) -> list[Array]:
    """Fields u(x - c t) made of one to four sines, at five speeds; points x times."""
    rng = np.random.default_rng(seed)
    x, t = np.linspace(0, 1, points)[:, None], np.linspace(0, 1, width)
    blocks = []
    for _ in range(count):
        speed = rng.choice([0.1, 0.2, 0.4, 0.7, 1.0])
        field = np.zeros((points, width))
        for _ in range(int(rng.integers(1, 5))):
            wave, phase = rng.integers(1, 40), rng.uniform(0, 2 * np.pi)
            field += rng.standard_normal() * np.sin(2 * np.pi * wave * (x - speed * t) + phase)
        blocks.append(field)
    return blocks


def weights(count: int = 4096, d: int = 768, seed: int = 3) -> list[Array]:
    """Single columns: a mixture of 20 spaces of dimension 8, with noise and log-normal norms."""
    rng = np.random.default_rng(seed)
    spaces = np.linalg.qr(rng.standard_normal((20, d, 8)))[0]
    which = rng.integers(0, 20, count)
    columns = np.einsum("ndr,nr->nd", spaces[which], rng.standard_normal((count, 8)))
    noise = rng.standard_normal((count, d)) / np.sqrt(d)
    columns = columns + 0.1 * np.linalg.norm(columns, axis=1, keepdims=True) * noise
    columns = columns * np.exp(rng.standard_normal((count, 1)))
    return [column[:, None] for column in columns]


def many(count: int, d: int = 256, seed: int = 4) -> Data:
    """Single columns from spaces of 8 dimensions, 250 from each, with a tenth of noise."""
    rng = np.random.default_rng(seed)
    groups = max(8, count // 250)
    spaces = np.linalg.qr(rng.standard_normal((groups, d, 8)))[0]
    which = rng.integers(0, groups, count)
    x = np.stack([spaces[g] @ rng.standard_normal(8) for g in which])
    x *= np.exp(0.5 * rng.standard_normal((count, 1)))
    noise = rng.standard_normal((count, d)) / np.sqrt(d)
    x += 0.1 * np.linalg.norm(x, axis=1, keepdims=True) * noise
    return Data([column[:, None] for column in x], 32, 0.2)


SETS: dict[str, Callable[[], Data]] = {
    "channels, complex": lambda: Data(channels(), 20, 0.05),
    "channels, stacked": lambda: Data(stacked(channels()), 20, 0.05),
    "radar tiles": lambda: Data(tiles(), 20, 0.05),
    "advection": lambda: Data(advection(), 67, 0.05),
    "weights": lambda: Data(weights(), 32, 0.2),
}
