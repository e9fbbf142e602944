"""
New tokens for an embedding table, from another table
=====================================================

A language model gets a larger vocabulary: the new tokens need rows in its embedding table. Another
model, the donor, has had them all along, in a space of its own. `omp` writes the donor's vector of
a new token as a combination of a few tokens that both tables have; `transfer_codes` makes the same
combination of their rows in the base table. Nothing is trained.

When is that better than turning the whole space? The two tables here are synthetic, so that what
matters can be varied: tokens are sparse mixtures of *concepts*, popular ones more often, and each
model has given every concept a direction of its own, at random. With more concepts than dimensions
the directions cannot be orthogonal, and no linear map leads from one space to the other. (Tables of
real models lie somewhere between; what this shows is the mechanism, not how often it matters.)

Run it as ``python examples/plot_token_transplant.py [figure.png]``.
"""

# %%
# Two tables with the same tokens in their rows, and noise of their own. The last 240 tokens are new
# to the base table; what it would have learnt of them is known here, and is only used to judge.

import sys

import matplotlib.pyplot as plt
import numpy as np

import orthola

TOKENS, NEW, DONOR, BASE, NOISE = 2400, 240, 64, 96, 0.1


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def tables(concepts: int) -> list[np.ndarray]:
    """The donor's and the base's; each token has one to four concepts."""
    rng = np.random.default_rng(0)
    popular = -0.5 * np.log(np.arange(1, concepts + 1)) + rng.gumbel(size=(TOKENS, concepts))
    place = (-popular).argsort(axis=1).argsort(axis=1)
    has = place < rng.integers(1, 5, size=(TOKENS, 1))
    tokens = unit(np.where(has, rng.exponential(size=has.shape) + 0.3, 0.0))
    return [
        tokens @ unit(rng.standard_normal((concepts, d)))
        + NOISE / np.sqrt(d) * rng.standard_normal((TOKENS, d))
        for d in (DONOR, BASE)
    ]


# %%
# Five ways to the new rows. A rotation that is not square is a polar factor too: orthonormal rows.


def transplanted(
    donor: np.ndarray, base: np.ndarray, k: int
) -> tuple[np.ndarray, orthola.OMPResult]:
    """Rows made by orthogonal matching pursuit, and the codes."""
    codes = orthola.omp(donor[-NEW:], donor[:-NEW], n_nonzero=k)
    return orthola.transfer_codes(codes, base[:-NEW]), codes


def ways(donor: np.ndarray, base: np.ndarray) -> dict[str, np.ndarray]:
    """Rows of the new tokens."""
    shared, new, known = donor[:-NEW], donor[-NEW:], base[:-NEW]
    nearest = (unit(new) @ unit(shared).T).argmax(axis=1)
    return {
        "mean of all rows": np.tile(known.mean(axis=0), (NEW, 1)),
        "row of the nearest token": known[nearest],
        "rotation (Procrustes)": new @ orthola.polar(shared.T @ known).unitary,
        "linear map": new @ np.linalg.lstsq(shared, known, rcond=None)[0],
        "omp, 4 tokens": transplanted(donor, base, 4)[0],
    }


def judge(rows: np.ndarray, base: np.ndarray) -> tuple[float, float]:
    """Mean cosine with what the base would have learnt; how often that is the nearest of all."""
    cosines = unit(rows) @ unit(base).T
    own = np.arange(TOKENS - NEW, TOKENS)
    return float(cosines[range(NEW), own].mean()), float(np.mean(cosines.argmax(axis=1) == own))


# %%
# From a quarter as many concepts as the donor has dimensions to ten times as many. As long as the
# concepts have room, the linear map is the best; when they have not, it fails, and the sparse
# combination does not.

numbers = (16, 32, 64, 128, 256, 400, 640)
found: dict[str, list[tuple[float, float]]] = {}
for concepts in numbers:
    donor, base = tables(concepts)
    for name, rows in ways(donor, base).items():
        found.setdefault(name, []).append(judge(rows, base))
for concepts in (16, 400):
    print(f"{concepts} concepts in {DONOR} and {BASE} dimensions")
    for name, scores in found.items():
        cosine, itself = scores[numbers.index(concepts)]
        print(f"  {name:25} cosine {cosine:.3f}, finds itself {itself:.3f}")

# %%
# How many tokens? More of them always come nearer to the donor's vector, but bring more noise of
# the base with them, as much as the sum of the coefficients says. The best number is about that of
# the concepts of a token.

donor, base = tables(400)
counts = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48)
residuals, errors = [], []
for k in counts:
    rows, codes = transplanted(donor, base, k)
    residuals.append(np.linalg.norm(codes.residual_norm) / np.linalg.norm(donor[-NEW:]))
    errors.append(np.linalg.norm(rows - base[-NEW:]) / np.linalg.norm(base[-NEW:]))
    if k in (2, 4, 32):
        total = np.abs(codes.coefficients).sum(axis=1).mean()
        print(
            f"{k:2} tokens: residual {residuals[-1]:.3f} in the donor, error {errors[-1]:.3f} in "
            f"the base, sum of coefficients {total:.2f}"
        )

# %%
# Where each way works, and the number of tokens.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
colours = ("0.6", "#E69F00", "#D55E00", "#CC79A7", "#0072B2")
for (name, scores), colour in zip(found.items(), colours, strict=True):
    cosines = [cosine for cosine, _ in scores]
    left.plot(numbers, cosines, "o-", color=colour, label=name, markersize=4)
left.axvline(DONOR, color="0.7", lw=1, ls="--")
left.annotate("dimensions of the donor", (DONOR, 0.02), (3, 0), textcoords="offset points",
              fontsize="small", color="0.4")  # fmt: skip
left.set(xlabel="concepts", ylabel="cosine with the true row", xscale="log", ylim=(0, 1.02))
left.set_xticks(numbers, labels=map(str, numbers))
left.minorticks_off()
figure.legend(*left.get_legend_handles_labels(), frameon=False, loc="outside upper left", ncols=5)
right.plot(counts, residuals, "s--", color="0.5", label="residual in the donor", markersize=4)
right.plot(counts, errors, "o-", color="#0072B2", label="error in the base", markersize=4)
right.set(
    xlabel="tokens in each combination", xscale="log", ylabel="relative error", ylim=(0, None)
)
right.set_xticks(counts, labels=map(str, counts))
right.minorticks_off()
right.legend(frameon=False, fontsize="small")
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=120)
