"""
Weights of many networks that share their bases
===============================================

Forty-five small networks tell the digits apart, two at a time. No first layer is of low rank by
itself. But all of them look at the same pictures, and units of different networks look for the same
things: sorted into groups, 1440 units need a few bases of rank 8. No group may lose more than a
given share of its weights, and none does. How much smaller do the layers become, and how many
answers change?

Run it as ``python examples/plot_shared_bases.py [figure.png]``.
"""

# %%
# The networks: 64 pixels, 32 hidden units, trained on one pair of digits each.

import sys
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import orthola

RANK, LIMITS = 8, (0.05, 0.1, 0.2, 0.3, 0.4)

x_train, x_test, y_train, y_test = train_test_split(
    *load_digits(return_X_y=True), test_size=600, random_state=0
)
pairs = list(combinations(range(10), 2))
models = []
for pair in pairs:
    chosen = np.isin(y_train, pair)
    model = MLPClassifier(32, solver="lbfgs", alpha=0.1, max_iter=40, tol=1e-3, random_state=0)
    models.append(model.fit(x_train[chosen] / 16, y_train[chosen]))
units = np.concatenate([model.coefs_[0].T for model in models])  # one row for each unit
layers = units.reshape(len(pairs), 32, 64)

# %%
# Three ways to keep a limit on the relative error: groups of units that share a basis, a basis for
# each layer, and one for all units. Bases and coefficients are counted, the labels of groups not.


def by_groups(limit: float) -> tuple[float, np.ndarray]:
    """How much smaller the weights become, and what is left of them."""
    found = orthola.cluster_blocks(units[:, None], rank=RANK, max_error=limit)
    again = units.copy()
    for c, basis in enumerate(found.bases):
        again[found.labels == c] = units[found.labels == c] @ basis @ basis.T
    # The limit is not a hope: the errors are measured on the weights, rounding included.
    beyond.append(int(np.sum(found.errors > limit)))
    return found.compression_ratio, again


def by_matrices(matrices: np.ndarray, limit: float) -> tuple[float, np.ndarray]:
    """The same if each matrix has a basis to itself, of the smallest rank within the limit."""
    stored, again = 0, []
    for w in matrices:
        u, s, vh = np.linalg.svd(w, full_matrices=False)
        error = np.sqrt(np.append(np.cumsum(s[::-1] ** 2)[::-1], 0)) / np.linalg.norm(w)
        rank = int(np.argmax(error <= limit))
        cheaper = rank * sum(w.shape) < w.size
        stored += rank * sum(w.shape) if cheaper else w.size
        again.append(u[:, :rank] * s[:rank] @ vh[:rank] if cheaper else w)
    return matrices.size / stored, np.stack(again)


def accuracy(rows: np.ndarray) -> float:
    """Of all networks on unseen digits of their pairs, with these weights of the units."""
    right = total = 0
    for pair, model, layer in zip(pairs, models, rows.reshape(layers.shape), strict=True):
        own, model.coefs_[0] = model.coefs_[0], layer.T
        chosen = np.isin(y_test, pair)
        right += np.sum(model.predict(x_test[chosen] / 16) == y_test[chosen])
        total += chosen.sum()
        model.coefs_[0] = own
    return right / total


beyond: list[int] = []
ways = {
    "groups of units": by_groups,
    "all units in one": lambda limit: by_matrices(units[None], limit),
    "each layer by itself": lambda limit: by_matrices(layers, limit),
}
print(f"as trained: accuracy {accuracy(units):.4f}")
results = {}
for name, way in ways.items():
    results[name] = [(ratio, accuracy(again)) for ratio, again in map(way, LIMITS)]
    for limit, (ratio, right) in zip(LIMITS, results[name], strict=True):
        print(f"{name:20}  limit {limit:4}: {ratio:5.2f} times smaller, accuracy {right:.4f}")
print(f"groups beyond their limit: {sum(beyond)}")

# %%
# At equal size, groups keep more of the weights than one basis does, and more answers with them
# (grey: the networks as they were).

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for (name, found), style in zip(results.items(), ("o-", "^:", "s--"), strict=True):
    ratios, accuracies = zip(*found, strict=True)
    left.plot(LIMITS, ratios, style, label=name)
    right.plot(ratios, accuracies, style, label=name)
left.set(xlabel="limit on the relative error", ylabel="numbers before / after", ylim=(0, None))
left.legend(frameon=False)
right.axhline(accuracy(units), color="0.6", lw=0.8)
right.set(xlabel="numbers before / after", ylabel="accuracy on unseen digits")
for ax in (left, right):
    ax.grid(alpha=0.3)
if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=120)
