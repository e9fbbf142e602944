"""The two photographs that come with scikit-learn, and square patches of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .failure import needed
from .matrices import datasets

__all__ = ["photographs", "some_patches"]

_LUMINANCE = (0.2126, 0.7152, 0.0722)  # ITU-R BT.709


def photographs() -> list[np.ndarray[Any, Any]]:
    """A temple and a flower, 427 x 640, as grey values from 0 to 1."""
    needed("PIL", "reading the bundled photographs")
    images = datasets().load_sample_images().images
    return [image @ np.array(_LUMINANCE) / 255 for image in images]


def some_patches(
    images: list[np.ndarray[Any, Any]], side: int, count: int, seed: int
) -> np.ndarray[Any, Any]:
    """So many patches as rows, each minus its mean, equally many of every image, in any order."""
    rng = np.random.default_rng(seed)
    found = []
    for image in images:
        windows = np.lib.stride_tricks.sliding_window_view(image, (side, side))
        rows, columns = windows.shape[:2]
        where = rng.choice(rows * columns, size=count // len(images), replace=False)
        found.append(windows[where // columns, where % columns].reshape(-1, side * side))
    patches = rng.permutation(np.concatenate(found))
    centred: np.ndarray[Any, Any] = patches - patches.mean(axis=1, keepdims=True)
    return centred
