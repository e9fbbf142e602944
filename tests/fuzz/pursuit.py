"""`omp`: the supports of its definition, and least squares on them."""

from __future__ import annotations

import numpy as np

from tests.fuzz.draws import certain, pick
from tests.sparse.forms import FORMS, pursue
from tests.sparse.reference import naive
from tests.sparse.test_random_problems import CLEAR, problem

U = 2.0**-53


def example(rng: np.random.Generator) -> dict[str, float]:
    y, a, k, rule, tol = problem(rng)
    y = y[:2]
    options = {"normalize": rule == "normalized", "tol": tol}
    options["selection"] = "ols" if rule == "ols" else "omp"
    found = pursue(pick(rng, FORMS), y, a, n_nonzero=k, **options)
    ratios = {"support": 0.0, "residual": 0.0, "orthogonality": 0.0, "residual norm": 0.0}
    for b, signal in enumerate(y):
        expected = naive(signal, a, k, rule=rule, tol=tol)
        used = int(found.n_active[b])
        chosen = found.indices[b, :used]
        if expected.gap > CLEAR:
            ratios["support"] += certain(chosen.tolist() == expected.support)
        atoms, x = a[chosen], found.coefficients[b, :used]
        size, above = np.linalg.norm(signal), np.linalg.norm(atoms, 2) if used else 0.0
        left = signal - x @ atoms
        # Of tied atoms another may be better or worse: only equal supports compare.
        if set(chosen.tolist()) == set(expected.support):
            worse = (found.residual_norm[b] - expected.residual) / (1e-9 * size)
            ratios["residual"] = max(ratios["residual"], worse)
        unit = max(used, 1) * a.shape[1] ** 0.5 * U
        fitted = above * np.linalg.norm(x)
        if used:
            inner = np.linalg.norm(atoms.conj() @ left) / (2 * unit * above * (size + fitted))
            ratios["orthogonality"] = max(ratios["orthogonality"], inner)
        formed = abs(found.residual_norm[b] - np.linalg.norm(left)) / (2 * unit * (size + fitted))
        ratios["residual norm"] = max(ratios["residual norm"], formed)
    return ratios
