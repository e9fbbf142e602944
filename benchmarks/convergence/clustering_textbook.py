"""The greedy method of arXiv:2601.11626 in residual order, as one would write it down: a peer.

Blocks by descending norm; the first one left collects others by increasing residual in its leading
directions, while the truncated decomposition of all together, updated block by block, keeps the
limit. No certificate, no oversampling; blocks of one width.
"""

import numpy as np

from benchmarks.convergence.clustering_data import Array, Data

_PATIENCE = 10  # fruitless heads in a row


def textbook(data: Data) -> Array:
    """Labels of the blocks."""
    blocks, r = np.stack(data.blocks), data.rank
    energy = np.sum(np.abs(blocks) ** 2, axis=(1, 2))
    labels = np.full(len(blocks), -1)
    fruitless = label = 0
    for head in np.argsort(-energy, kind="stable"):
        if labels[head] >= 0:
            continue
        labels[head] = label
        label += 1
        rest = np.flatnonzero(labels < 0)
        if fruitless >= _PATIENCE or not len(rest):
            continue
        u, s, _ = np.linalg.svd(blocks[head], full_matrices=False)
        u, s, total = u[:, :r], s[:r], energy[head]
        inside = u.conj().T @ blocks[rest]
        residual = energy[rest] - np.sum(np.abs(inside) ** 2, axis=(1, 2))
        fruitless += 1
        for j in rest[np.argsort(residual, kind="stable")]:
            more = total + energy[j]
            p, t, _ = np.linalg.svd(np.hstack([u * s, blocks[j]]), full_matrices=False)
            if 1 - np.sum(t[:r] ** 2) / more > data.max_error**2:
                break
            u, s, total, fruitless = p[:, :r], t[:r], more, 0
            labels[j] = labels[head]
    return labels
