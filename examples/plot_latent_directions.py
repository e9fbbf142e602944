"""
Directions of a latent space, by the Householder projector
==========================================================

A generator draws an image from a latent code. Which directions of the code change the image, and
how can they be told apart? `HouseholderProjector` makes the weight that the code meets first a
partial isometry of rank k: k orthonormal directions act, all with the same strength, and the others
do nothing at all. Here it takes the place of a weight that was already trained, and training goes
on.

Run it as ``python examples/plot_latent_directions.py [figure.png]``.
"""

# %%
# A generator for digits: the decoder of a small autoencoder.

import sys

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits

from orthola.adapters.torch import HouseholderProjector

LATENT, HIDDEN, RANK = 16, 64, 6

images = torch.tensor(load_digits().data / 16, dtype=torch.float32)
torch.manual_seed(0)
encoder = torch.nn.Sequential(
    torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, LATENT, bias=False),
    torch.nn.BatchNorm1d(LATENT, affine=False),
)  # fmt: skip
first = torch.nn.Linear(LATENT, HIDDEN)
decoder = torch.nn.Sequential(
    first, torch.nn.ReLU(), torch.nn.Linear(HIDDEN, 128), torch.nn.ReLU(), torch.nn.Linear(128, 64),
    torch.nn.Sigmoid(),
)  # fmt: skip


def error() -> float:
    """Mean squared error per pixel."""
    with torch.no_grad():
        return float((decoder(encoder(images)) - images).square().mean())


def train(epochs: int) -> None:
    """Everything that has a parameter, together."""
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=2e-3)
    for _ in range(epochs):
        for rows in torch.randperm(len(images)).split(128):
            optimizer.zero_grad()
            batch = images[rows]
            (decoder(encoder(batch)) - batch).square().mean().backward()
            optimizer.step()


def strengths() -> tuple[float, float]:
    """Change of the image for a step of 1/2 along the first k singular directions, and the rest."""
    with torch.no_grad():
        codes = encoder(images)
        drawn = decoder(codes)
        changes = torch.stack(
            [
                (decoder(codes + 0.5 * v) - drawn).norm(dim=1).mean()
                for v in torch.linalg.svd(first.weight)[2]
            ]
        )
    return float(changes[:RANK].mean()), float(changes[RANK:].max())


train(30)
before = error()
dense = torch.linalg.svdvals(first.weight.detach())
loose = strengths()

# %%
# The projector starts at the partial isometry that is nearest to the trained weight. Its
# parameters are new, so the optimiser is made afterwards.

HouseholderProjector(first, "weight", RANK)
between = error()
train(30)
after = error()
values = torch.linalg.svdvals(first.weight.detach())
directions = HouseholderProjector.frames(first)[1].detach()
tight = strengths()

print(f"error per pixel: dense {before:.4f}, projector put in {between:.4f}, trained {after:.4f}")
print(
    f"singular values: dense {float(dense[0]):.2f} ... {float(dense[-1]):.2f}; projector {RANK} "
    f"within {float((values[:RANK] - 1).abs().max()):.0e} of 1, the others below "
    f"{float(values[RANK:].max()):.0e}"
)
print(
    f"change of the image along {RANK} directions, and at most along the other {LATENT - RANK}: "
    f"dense {loose[0]:.2f}, {loose[1]:.2f}; projector {tight[0]:.2f}, {tight[1]:.0e}"
)

# %%
# The mean code, moved along each of the directions, in standard deviations of all codes there.

steps = torch.linspace(-3, 3, 9)
with torch.no_grad():
    codes = encoder(images)
    spread = (codes @ directions).std(dim=0)
    rows = [
        decoder(codes.mean(dim=0) + steps[:, None] * size * v)
        for size, v in zip(spread, directions.T, strict=True)
    ]
figure, axes = plt.subplots(RANK, len(steps), figsize=(6.2, 4.2), layout="constrained")
for row, drawn in zip(axes, rows, strict=True):
    for ax, image in zip(row, drawn, strict=True):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
for i, row in enumerate(axes):
    row[0].set_ylabel(f"{i + 1}")
for ax, step in zip(axes[-1], steps, strict=True):
    ax.set_xlabel(f"{float(step):+.2f}")
figure.supylabel("direction")
figure.supxlabel("step in the latent space, standard deviations")
if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=120)
