"""Blocks fed to streams, and what is asked of every answer."""

import numpy as np

import orthola
from orthola import IncrementalSVD
from orthola._core.space import resolve

EPS = np.finfo(float).eps
RNG = np.random.default_rng(0)
DATA = RNG.standard_normal((300, 40)) @ np.diag(0.85 ** np.arange(40))


def fed(blocks, *args, **options):
    """An `IncrementalSVD` with these options after all blocks."""
    svd = IncrementalSVD(*args, **options)
    for block in blocks:
        svd.partial_fit(block)
    return svd


def stream(blocks, config, dtype=None):
    """Result and state after all blocks, by the pure functions."""
    state = orthola.svd_init(config, dtype=dtype or blocks[0].dtype)
    for block in blocks:
        state = orthola.svd_update(state, block, config)
    return orthola.svd_result(state, config), state


def holds(result, truth):
    """Whether all singular values are in their intervals."""
    low, high = result.certificate.sigma_interval.T
    n = min(len(low), len(truth))
    return bool(np.all(low[:n] <= truth[:n]) and np.all(truth[:n] <= high[:n]))


def same(one, two):
    """Whether two streams are equal to the last bit."""
    return all(np.array_equal(a, b) for a, b in zip(one.state, two.state, strict=True))


def orthogonality(result):
    """Largest entry of U^H U - I."""
    u = result.basis[:, : int(result.rank)]
    return np.abs(u.conj().T @ u - np.eye(u.shape[1])).max(initial=0.0)


def departure(state):
    """Frobenius norm of what a basis lacks to an orthonormal one."""
    u = state.factor[:, : int(state.rank)].astype(float)
    return np.linalg.norm(u.T @ u - np.eye(u.shape[1]))


def space_of(m):
    """Where the numbers of an array are."""
    return resolve("test", m)[0]
