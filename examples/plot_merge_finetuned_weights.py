"""
Merging fine-tuned weights, the rotations apart from the rest
=============================================================

Four copies of one small network have been fine-tuned, each to digits that are turned by another
angle. Can their weights be merged into one network that reads them all? Weights are not made for
sums: the mean of rotated matrices is smaller than each of them. `merge_weights` takes each weight
apart into a rotation of the base and a rest, averages the rotations as rotations, and only the
rests as arrays. What it has turned has the singular values of the base.

Run it as ``python examples/plot_merge_finetuned_weights.py [figure.png]``.
"""

# %%
# One network for upright digits. Only its first weight will be tuned: all else stays.

import sys

import matplotlib.pyplot as plt
import torch
from scipy.ndimage import rotate
from sklearn.datasets import load_digits

import orthola

HIDDEN, ANGLES = 128, (30, 40, 50, 60)

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
pictures, labels = load_digits().images / 16, torch.tensor(load_digits().target)
train, test = torch.randperm(len(pictures)).split((1200, len(pictures) - 1200))
bias, head = torch.zeros(HIDDEN, requires_grad=True), torch.nn.Linear(HIDDEN, 10)


def turned(angle: float) -> torch.Tensor:
    """All pictures, turned by so many degrees."""
    found = rotate(pictures, angle, axes=(2, 1), reshape=False, order=1)
    return torch.tensor(found.reshape(len(pictures), 64))


def logits(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """What the network says."""
    return head(torch.relu(x @ weight.T + bias))


def tune(weight, x: torch.Tensor, groups: list, steps: int) -> torch.Tensor:
    """Train what is in `groups`; `weight` is a function of some of it."""
    optimizer = torch.optim.Adam(groups)
    for _ in range(steps):
        rows = train[torch.randint(len(train), (128,))]
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(logits(x[rows], weight()), labels[rows]).backward()
        optimizer.step()
    return weight().detach()


def accuracy(weight: torch.Tensor, angle: float) -> float:
    """Share of the test digits that are read at that angle."""
    with torch.no_grad():
        right = logits(turned(angle)[test], weight).argmax(dim=1) == labels[test]
    return float(right.double().mean())


start = (torch.randn(HIDDEN, 64) / 8).requires_grad_()
everything = [{"params": [start, bias, *head.parameters()], "lr": 3e-3}]
base = tune(lambda: start, turned(0), everything, 400)
for parameter in (bias, *head.parameters()):
    parameter.requires_grad_(False)

# %%
# The fine-tuning: a rotation of the base in the coordinates of the Cayley map, and a small
# correction without any structure.

tuned = []
for angle in ANGLES:
    q = torch.zeros(64, 64, requires_grad=True)
    free = torch.zeros(HIDDEN, 64, requires_grad=True)
    tuned.append(
        tune(
            lambda q=q, free=free: base @ orthola.cayley(q - q.T) + free,
            turned(angle),
            [{"params": [q], "lr": 2e-3}, {"params": [free], "lr": 3e-4}],
            200,
        )
    )
tuned = torch.stack(tuned)

# %%
# Three ways to make one weight of four.

found = orthola.check(orthola.merge_weights(base, tuned))
ways = {
    "base": base,
    "mean of the weights": tuned.mean(dim=0),
    "base + sum of the changes": base + (tuned - base).sum(dim=0),
    "merge_weights": found.merged,
}
share = found.rest.norm() / (tuned - base).norm()
own = [accuracy(weight, angle) for weight, angle in zip(tuned, ANGLES, strict=True)]
other = [
    accuracy(weight, a) for weight, b in zip(tuned, ANGLES, strict=True) for a in ANGLES if a != b
]
print(f"the rotations leave {float(share):.1%} of the change as rest")
print(f"each at its own angle: {sum(own) / 4:.3f}; at those of the others: {sum(other) / 12:.3f}")
for name, weight in ways.items():
    each = [accuracy(weight, angle) for angle in ANGLES]
    values = torch.linalg.svdvals(weight)
    print(
        f"{name:26} {sum(each) / 4:.3f} (worst angle {min(each):.3f}), "
        f"singular values {float(values[0]):5.2f} ... {float(values[-1]):.2f}"
    )
changed = torch.linalg.svdvals(found.turned) / torch.linalg.svdvals(base) - 1
print(f"the part that was turned: singular values of the base to {float(changed.abs().max()):.0e}")

# %%
# Accuracy at all angles, and the singular values. The mean reads small angles better, the merged
# weight large ones, and it has nearly the singular values of the base.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
angles = range(0, 95, 5)
styles = (("0.6", ":"), ("#E69F00", "--"), ("#D55E00", "-."), ("#0072B2", "-"))
for (name, weight), (colour, line) in zip(ways.items(), styles, strict=True):
    style = {"color": colour, "ls": line, "label": name}
    left.plot(angles, [accuracy(weight, angle) for angle in angles], **style)
    ratio = torch.linalg.svdvals(weight) / torch.linalg.svdvals(base)
    right.plot(range(1, 65), ratio, **style)
left.plot(ANGLES, own, "k.")
left.set(xlabel="angle of the digits, degrees", ylabel="accuracy", ylim=(0, 1), xlim=(0, 100))
right.set(xlabel="index of the singular value", ylabel="value / that of the base", yscale="log")
right.set_yticks((1, 2, 3), ("1", "2", "3"))
right.set_yticks([], minor=True)
right.legend(frameon=False, fontsize="small")
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
left.annotate(
    "fine-tuned networks\nat their own angles", (60, own[-1]), (64, 0.88), fontsize="small"
)
if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=120)
