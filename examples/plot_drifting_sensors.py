"""
Sensors whose patterns drift: a dictionary learned while it is used
===================================================================

A ring of sensors hears a few sources at a time. Each source leaves a pattern on the ring, and a
wind carries all patterns round. The node sends only the largest coefficients of each reading, in a
dictionary that it learns from what goes by: no reading is stored. A window tells the learner to
forget what the wind has blown away.

Run it as ``python examples/plot_drifting_sensors.py [figure.png]``.
"""

# %%
# Twenty-five patterns, ripples of many widths made orthonormal, and a wind that turns them faster
# and faster: the shift of a periodic signal by any fraction of a sensor is an orthogonal map.

import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.fft import dct

import orthola

SENSORS, STEPS, ROWS, SENT = 25, 1500, 16, 3
NOISE, ACTIVE = 0.02, 0.08

angles = 2 * np.pi * np.arange(SENSORS) / SENSORS
rng = np.random.default_rng(0)
width, ripples = rng.uniform(1, 6, (SENSORS, 1)), rng.integers(1, 6, (SENSORS, 1))
away = angles - rng.permutation(angles)[:, None]
calm = orthola.polar(np.exp(width * (np.cos(away) - 1)) * np.cos(ripples * away)).unitary
wind = 3 * (np.arange(STEPS) / STEPS) ** 2  # in sensors, since the start


def patterns(shift: float) -> np.ndarray:
    """The patterns after the wind has carried them so far."""
    waves = np.exp(-2j * np.pi * np.fft.rfftfreq(SENSORS) * shift)
    return np.fft.irfft(np.fft.rfft(calm, axis=1) * waves, SENSORS, axis=1)


def readings(step: int) -> np.ndarray:
    """What the sensors hear in one step; the same whenever it is asked for."""
    rng = np.random.default_rng([7, step])
    shape = ROWS, SENSORS
    sources = rng.standard_normal(shape) * (rng.random(shape) < ACTIVE)
    return sources @ patterns(wind[step]) + NOISE * rng.standard_normal(shape)


def missed(rows: np.ndarray, dictionary: np.ndarray) -> float:
    """Share of the energy that the largest coefficients leave out."""
    rest = np.sort(np.abs(rows @ dictionary.T), axis=1)[:, :-SENT]
    return float(np.sum(rest**2) / np.sum(rows**2))


# %%
# Every reading is coded first, with what was learned before, and then learned from.

learners = {
    "no window": orthola.OnlineOrthogonalDictionary(rng=0),
    "window of 20 steps": orthola.OnlineOrthogonalDictionary(window=20, rng=0),
}
cosines = dct(np.eye(SENSORS), axis=0, norm="ortho")
first = np.concatenate([readings(step) for step in range(200)])
principal = np.linalg.svd(first, full_matrices=False)[2]

errors = {name: [] for name in ("cosine transform", "principal components", *learners)}
followed = []
for step in range(STEPS):
    rows = readings(step)
    errors["cosine transform"].append(missed(rows, cosines))
    errors["principal components"].append(missed(rows, principal))
    for name, learner in learners.items():
        dictionary = learner.components_ if step else cosines
        errors[name].append(missed(rows, dictionary))
        learner.partial_fit(rows)
    # The learned atom that belongs to the first pattern, with the sign of it.
    true = patterns(wind[step])[0]
    atoms = learner.components_
    nearest = atoms[np.argmax(np.abs(atoms @ true))]
    followed.append(nearest * np.sign(nearest @ true))

last = slice(-200, None)
print(f"share of the energy missed by {SENT} of {SENSORS} numbers, last 200 steps:")
for name, found in errors.items():
    print(f"  {name:20} {np.mean(found[last]):.3f}")
floor = np.mean([missed(readings(s), patterns(wind[s])) for s in range(STEPS)[last]])
print(f"  {'the true patterns':20} {floor:.3f}")

# %%
# Power fails in the middle of the stream. What was saved goes on as if nothing had happened.

with tempfile.TemporaryDirectory() as folder:
    model = orthola.OnlineOrthogonalDictionary(window=20, rng=0)
    for step in range(STEPS):
        model.partial_fit(readings(step))
        if step == STEPS // 2:
            model.save(Path(folder) / "node.orthola")
            model = orthola.OnlineOrthogonalDictionary.load(Path(folder) / "node.orthola")
same = np.array_equal(model.components_, learners["window of 20 steps"].components_)
print(f"resumed in the middle, the last dictionary is the same: {same}")

# %%
# The error while the wind rises, and the path of one pattern (red above zero, blue below)
# beside what was learned of it.

colours = dict(zip(errors, ("0.6", "#E69F00", "#D55E00", "#0072B2"), strict=True))
figure, (left, *right) = plt.subplots(
    1, 3, figsize=(11, 3.9), layout="constrained", width_ratios=(2.2, 1, 1)
)
for name, found in errors.items():
    smooth = np.mean(np.reshape(found, (-1, 25)), axis=1)
    left.semilogy(25 * np.arange(1, len(smooth) + 1), smooth, color=colours[name], label=name)
left.axhline(floor, color="0.3", lw=0.8, ls="--", label="the true patterns")
left.set(xlabel="step", ylabel=f"share of energy missed by {SENT} of {SENSORS} numbers")
ticks = (0.02, 0.05, 0.1, 0.2, 0.5)
left.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
left.set_yticks([], minor=True)
figure.legend(loc="outside lower center", ncols=5, frameon=False, fontsize="small")
left.grid(alpha=0.3)
paths = np.stack([patterns(shift)[0] for shift in wind]), np.stack(followed)
for ax, path, title in zip(right, paths, ("one pattern", "as learned, window 20"), strict=True):
    ax.imshow(path, aspect="auto", cmap="RdBu_r", vmin=-0.8, vmax=0.8, interpolation="nearest")
    ax.set(title=title, xlabel="sensor", xticks=[])
right[0].set_ylabel("step")
right[1].set_yticks([])
if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=120)
