"""
Noise taken off a photograph, patch by patch
============================================

Small patches of photographs are nearly sparse: a few atoms of a good dictionary make each of them.
Noise is not, in any dictionary. So each patch of a noisy photograph is written with as few atoms as
bring the residual down to the size of the noise, and the overlapping patches are averaged. The
dictionary can be cosines, or be learnt from the noisy photograph itself.

Run it as ``python examples/plot_patch_denoising.py [figure.png]``.
"""

# %%
# A part of a photograph of a temple, with Gaussian noise, and all of its patches of 8 x 8 pixels.

import sys

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.signal import wiener
from sklearn.datasets import load_sample_image

import orthola

SIDE, NOISE = 8, 20.0

rng = np.random.default_rng(0)
temple = load_sample_image("china.jpg")[70:230, 90:330]
photograph = temple @ np.array([0.2126, 0.7152, 0.0722])  # luminance, 0 to 255
noisy = photograph + NOISE * rng.standard_normal(photograph.shape)
windows = np.lib.stride_tricks.sliding_window_view(noisy, (SIDE, SIDE))
patches = windows.reshape(-1, SIDE**2)
means = patches.mean(axis=1, keepdims=True)
signals = patches - means
# The residual that noise alone would leave, and a little more, relative to each patch.
tolerance = np.minimum(1.1 * NOISE * SIDE / np.linalg.norm(signals, axis=1), 1.0)
print(f"{len(patches)} patches of {photograph.shape[0]} x {photograph.shape[1]} pixels")

# %%
# A dictionary of 256 cosines: products of 16 frequencies along each side.

waves = np.cos(np.pi / 16 * np.outer(np.arange(16), np.arange(SIDE) + 0.5))
waves[1:] -= waves[1:].mean(axis=1, keepdims=True)
waves /= np.linalg.norm(waves, axis=1, keepdims=True)
cosines = np.kron(waves, waves)[1:]  # the means are left out: no patch has any


def code(signals: np.ndarray, dictionary: np.ndarray, tolerance: np.ndarray) -> orthola.OMPResult:
    """As few atoms as reach the tolerance, 24 at most."""
    return orthola.omp(signals, dictionary, n_nonzero=24, tol=tolerance)


def averaged(found: np.ndarray) -> np.ndarray:
    """The picture whose every pixel is the mean of all patches that it lies in."""
    total, count = np.zeros_like(noisy), np.zeros_like(noisy)
    tiles = found.reshape(windows.shape)
    height, width = tiles.shape[:2]
    for i in range(SIDE):
        for j in range(SIDE):
            total[i : i + height, j : j + width] += tiles[:, :, i, j]
            count[i : i + height, j : j + width] += 1
    return total / count


# %%
# The same dictionary, fitted to the noisy patches by turns: code some of them, then the best atoms
# for these codes (Engan, Aase, Husoy 1999). Atoms that nobody uses stay as they are.


def learnt(dictionary: np.ndarray, rounds: int, some: int) -> np.ndarray:
    """Never sees the photograph without noise."""
    for _ in range(rounds):
        rows = rng.choice(len(signals), some, replace=False)
        codes = code(signals[rows], dictionary, tolerance[rows]).dense(len(dictionary))
        used = np.flatnonzero(np.count_nonzero(codes, axis=0) >= 10)
        rest = signals[rows] - np.delete(codes, used, axis=1) @ np.delete(dictionary, used, axis=0)
        atoms = np.linalg.lstsq(codes[:, used], rest, rcond=None)[0]
        dictionary = dictionary.copy()
        dictionary[used] = atoms / np.linalg.norm(atoms, axis=1, keepdims=True)
    return dictionary


def psnr(picture: np.ndarray) -> float:
    """Decibels; 255 is white."""
    return float(20 * np.log10(255 / np.sqrt(np.mean((picture - photograph) ** 2))))


dictionaries = {"cosines": cosines, "learnt": learnt(cosines, rounds=8, some=6000)}
pictures = {
    "noisy": noisy,
    "Gaussian filter": gaussian_filter(noisy, 1.0),
    "Wiener filter": wiener(noisy, 5, NOISE**2),
}
for name, dictionary in dictionaries.items():
    codes = code(signals, dictionary, tolerance)
    pictures[name] = averaged(codes.reconstruct(dictionary) + means)
    counts = codes.n_active
    print(f"{name}: {counts.mean():.2f} atoms for each patch, at most {counts.max()}")
for name, picture in pictures.items():
    print(f"{name:16} PSNR {psnr(picture):.2f} dB")

# %%
# The pictures, and the atoms that were learnt, the most used ones first.

figure, axes = plt.subplots(2, 3, figsize=(10.5, 5.2), layout="constrained")
shown = {"photograph": photograph} | pictures
del shown["Gaussian filter"]
for ax, (name, picture) in zip(axes.flat, shown.items(), strict=False):
    ax.imshow(picture, cmap="gray", vmin=0, vmax=255)
    quality = "" if name == "photograph" else f", {psnr(picture):.1f} dB"
    ax.set_title(f"{name}{quality}", fontsize="medium")
often = np.bincount(codes.indices[codes.indices >= 0], minlength=len(cosines)).argsort()[::-1]
tiles = dictionaries["learnt"][often[:96]].reshape(8, 12, SIDE, SIDE)
tiles = tiles / np.abs(tiles).max(axis=(2, 3), keepdims=True)
mosaic = np.pad(tiles, ((0, 0), (0, 0), (1, 0), (1, 0)), constant_values=1.0).swapaxes(1, 2)
axes[1, 2].imshow(mosaic.reshape(8 * (SIDE + 1), -1), cmap="gray")
axes[1, 2].set_title("atoms that were learnt", fontsize="medium")
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=120)
