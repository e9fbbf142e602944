"""
Orthogonal layers in JAX: a classifier with a certificate
=========================================================

A network of orthogonal layers and length-preserving activations changes the distance of no two
inputs for the larger. If the score of a class leads by a margin m, no change of the image shorter
than m / sqrt(2) can alter the answer: a robustness certificate that costs nothing.

Run it as ``python examples/plot_certified_layers_jax.py [figure.png]``.
"""

# %%
# Digits, with the length of every image as it is.

import sys

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from orthola.adapters.jax import orthogonal_apply, orthogonal_init, orthogonal_rebase

SIZES, STEPS, BATCH, RATE, MARGIN = (64, 64, 64, 10), 900, 128, 0.05, 1.0

digits = load_digits()
x_train, x_test, y_train, y_test = (
    jnp.asarray(part)
    for part in train_test_split(
        digits.data.astype(np.float32) / 16, digits.target, test_size=450, random_state=0
    )
)

# %%
# A layer is a pair: `params` are trained by any means, `static` says how they become a weight.
# Both are pytrees; nothing but JAX is needed.

keys = jax.random.split(jax.random.key(0), len(SIZES))
layers = [
    orthogonal_init(jax.random.normal(key, (m, n)), "cayley")
    for key, n, m in zip(keys, SIZES, SIZES[1:], strict=False)
]
params = {"weights": [p for p, _ in layers], "biases": [jnp.zeros(m) for m in SIZES[1:]]}
statics = [s for _, s in layers]


def scores(params, statics, x):
    """One number per class; the map from x is 1-Lipschitz."""
    layers = list(zip(params["weights"], statics, params["biases"], strict=True))
    for i, (p, static, bias) in enumerate(layers):
        x = x @ orthogonal_apply(p, static).T + bias
        if i + 1 < len(layers):  # the larger and the smaller of each pair: a permutation
            a, b = jnp.split(x, 2, axis=-1)
            x = jnp.concatenate([jnp.maximum(a, b), jnp.minimum(a, b)], axis=-1)
    return x


def margins(params, statics, x, y):
    """By how much the true class leads; negative if it does not."""
    s = scores(params, statics, x)
    true = jnp.take_along_axis(s, y[:, None], axis=1)[:, 0]
    return true - jnp.max(jnp.where(jax.nn.one_hot(y, 10) > 0, -jnp.inf, s), axis=1)


@jax.jit
def step(params, statics, x, y):
    """Plain gradient descent on the hinge of the margin."""
    bars = jax.grad(lambda p: jnp.mean(jnp.maximum(0.0, MARGIN - margins(p, statics, x, y))))(
        params
    )
    params = jax.tree.map(lambda p, bar: p - RATE * bar, params, bars)
    moved = [orthogonal_rebase(p, s) for p, s in zip(params["weights"], statics, strict=True)]
    return {**params, "weights": [p for p, _ in moved]}, [s for _, s in moved]


rng = np.random.default_rng(0)
for _ in range(STEPS):
    rows = rng.choice(len(x_train), BATCH, replace=False)
    params, statics = step(params, statics, x_train[rows], y_train[rows])

# %%
# Images of unseen digits that are classified correctly whatever happens to them within a radius:

lead = np.asarray(margins(params, statics, x_test, y_test))
certified = np.maximum(lead, 0) / np.sqrt(2)
weights = [np.asarray(orthogonal_apply(p, s), dtype=np.float64)
           for p, s in zip(params["weights"], statics, strict=True)]  # fmt: skip
defect = max(np.linalg.norm(w @ w.T - np.eye(len(w)), 2) for w in weights)

# %%
# The certificate is put to the test: steps of the length that it allows, in the worst direction
# that gradient descent finds, alter no answer.

gradient = jax.jit(jax.grad(lambda x: jnp.sum(margins(params, statics, x, y_test))))


def lead_under_attack(allowed):
    """Margins after the worst change of at most that length, image by image, that was found."""
    attacked, allowed = x_test, jnp.asarray(allowed)[:, None]
    for _ in range(20):
        away = attacked - 0.2 * allowed * gradient(attacked) - x_test
        length = jnp.linalg.norm(away, axis=1, keepdims=True)
        attacked = x_test + away * jnp.minimum(1, allowed / jnp.maximum(length, 1e-12))
    return np.asarray(margins(params, statics, attacked, y_test))


broken = int(np.sum((lead_under_attack(0.999 * certified) <= 0) & (lead > 0)))

print(f"accuracy on {len(y_test)} unseen digits: {np.mean(lead > 0):.3f}; "
      f"certified within a distance of 0.3: {np.mean(certified > 0.3):.3f}")  # fmt: skip
print(f"answers altered by attacks within the certified radius: {broken}")
print(f"largest ||W W^T - I||_2 after {STEPS} steps: {defect:.1e}")

# %%
# Share of the digits that are certainly right, by the size of the change, and of those that the
# attack leaves right. The truth lies between: almost nothing is left to prove.

figure, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
radii = np.linspace(0, 1, 21)
proven = [np.mean(certified > r) if r else np.mean(lead > 0) for r in radii]
left = [np.mean(lead_under_attack(np.full(len(lead), r, dtype=np.float32)) > 0) for r in radii]
ax.plot(radii, left, "--", color="C1", label="right under attack")
ax.plot(radii, proven, color="C0", label="proven right")
ax.fill_between(radii, proven, left, color="0.9")
ax.set(xlabel="length of the change (pixels go from 0 to 1)", ylabel="share of unseen digits")
ax.set(xlim=(0, 1), ylim=(0, 1))
ax.legend(frameon=False)
ax.grid(alpha=0.3)
if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=120)
