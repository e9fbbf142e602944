"""
Two embedding spaces, up to a rotation and a shift
==================================================

Two encoders that have learnt from different pictures put the same picture in different places: each
has its own axes, and its own mean. Where both keep the distances between pictures, an orthogonal
map and a shift lead from one space to the other, and a few hundred anchors, pictures that both
have encoded, are enough to find them. Everything else is then translated without being encoded
again.

Run it as ``python examples/plot_embedding_translation.py [figure.png]``.
"""

# %%
# Two encoders that share no picture, and mostly see different digits: kernel principal components.

import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import KernelPCA

import orthola

DIMENSIONS = 16

pictures, digits = load_digits(return_X_y=True)
pictures = pictures / 16
rng = np.random.default_rng(0)
order = rng.permutation(len(pictures))
known, anchors, held_out = np.split(order, (1200, 1500))
first = rng.random(len(known)) < np.where(digits[known] < 5, 0.75, 0.25)
encoders = [
    KernelPCA(DIMENSIONS, kernel="rbf", gamma=0.02).fit(pictures[known[chosen]])
    for chosen in (first, ~first)
]
old, new = (encoder.transform(pictures) for encoder in encoders)

# %%
# The map, from the anchors alone. Its translation takes the means of both encoders off.

fit = orthola.check(orthola.procrustes(old[anchors], new[anchors], translation=True))
bare = orthola.procrustes(old[anchors], new[anchors])
uniqueness = fit.uniqueness
print(f"{len(anchors)} anchors, rank {int(uniqueness.rank)}, gap {float(uniqueness.gap):.3g}")

# %%
# The held-out pictures, moved over. Is each nearest to its own place in the new space? And does the
# digit of its nearest neighbour there, among pictures that only the new encoder has seen, agree?

shelf = known[~first]


def error(moved: np.ndarray, target: np.ndarray) -> float:
    """Distance from where the new encoder puts them, relative to their spread."""
    return float(np.linalg.norm(moved - target) / np.linalg.norm(target - target.mean(axis=0)))


def report(name: str, moved: np.ndarray) -> None:
    """Where the held-out pictures have come to."""
    target = new[held_out]
    distances = np.linalg.norm(moved[:, None] - target, axis=-1)
    found = np.mean(distances.argmin(axis=1) == np.arange(len(held_out)))
    neighbours = np.linalg.norm(moved[:, None] - new[shelf], axis=-1).argmin(axis=1)
    right = np.mean(digits[shelf[neighbours]] == digits[held_out])
    print(
        f"{name:20} error {error(moved, target):.3f}, finds itself {found:.3f}, "
        f"right digit {right:.3f}"
    )


moved = fit.transform.apply(old[held_out])
report("as it is", old[held_out])
report("rotation alone", bare.transform.apply(old[held_out]))
report("rotation and shift", moved)
report("encoded again", new[held_out])

# %%
# Other things that both have encoded, with means of their own, reuse the rotation: here the
# pictures upside down. No pair of them is needed, only their two means.

upside_down = pictures.reshape(-1, 8, 8)[:, ::-1].reshape(-1, 64)
source, target = (encoder.transform(upside_down) for encoder in encoders)
rotation = fit.transform.rotation
own = orthola.OrthogonalTransform(
    rotation, 1.0, target.mean(axis=0) - source.mean(axis=0) @ rotation
)
print(
    f"upside down: error {error(fit.transform.apply(source), target):.3f} with the shift of the "
    f"upright ones, {error(own.apply(source), target):.3f} with their own"
)

# %%
# The first two coordinates of the held-out digits 0 to 4, each joined to its place in the new
# space: the lines shrink until crosses lie on dots.

some = held_out[digits[held_out] < 5]
figure, axes = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained", sharex=True, sharey=True)
palette = np.array(["#000000", "#E69F00", "#56B4E9", "#009E73", "#CC79A7"])  # any colour vision
titles = "as it is", "after rotation and shift"
for ax, points, title in zip(
    axes, (old[some], fit.transform.apply(old[some])), titles, strict=True
):
    lines = np.stack([points[:, :2], new[some, :2]])
    ax.plot(*lines.transpose(2, 0, 1), color="0.85", lw=0.6, zorder=0)
    ax.scatter(*lines[1].T, s=12, c=palette[digits[some]])
    ax.scatter(*lines[0].T, s=30, c=palette[digits[some]], marker="x", lw=0.8)
    ax.set(title=title, xlabel="first coordinate", aspect="equal")
axes[0].set_ylabel("second coordinate")
marks = [axes[0].scatter([], [], c="0.4", marker=marker) for marker in "ox"]
marks += [axes[0].scatter([], [], c=colour) for colour in palette]
names = ["new encoder", "old encoder", *(f"digit {digit}" for digit in range(5))]
figure.legend(marks, names, loc="outside lower center", ncols=7, frameon=False, fontsize="small")
if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=120)
