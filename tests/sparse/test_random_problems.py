"""Many random problems against the definition, least squares solved anew in every step."""

from __future__ import annotations

import numpy as np
import pytest

import orthola
from tests.sparse.forms import FORMS, pursue
from tests.sparse.reference import naive

CLEAR = 1e-9  # lead of every choice, relative: beyond rounding in double precision
CLEAR_SINGLE = 2e-3


def problem(rng):
    m = int(rng.integers(2, 14))
    n, k = int(rng.integers(2, 30)), int(rng.integers(1, 7))
    k = min(k, m, n)
    dtype = rng.choice(["float64", "complex128"])
    a = orthola.testing.gaussian(n, m, dtype=dtype, rng=rng)
    kind = rng.integers(6)
    if kind == 0:
        a += 2.0  # coherent
    elif kind == 1:
        a = np.round(a.real).astype(a.dtype)  # ties, zero and repeated atoms
    elif kind == 2:
        a *= 10.0 ** rng.uniform(-3, 3, (n, 1))
    elif kind == 3:
        a[rng.integers(n)] = a[rng.integers(n)]
    y = orthola.testing.gaussian(4, m, dtype=dtype, rng=rng)
    if kind == 4:
        y = y[:, :1] * a[rng.integers(n)] + y[:, -1:] * a[rng.integers(n)]
    rule = rng.choice(["omp", "normalized", "ols"])
    tol = None if rng.random() < 0.5 else float(10.0 ** rng.uniform(-3, -0.1))
    return y, a, k, str(rule), tol


def check(seed, count):
    rng = np.random.default_rng(seed)
    compared = clear = 0
    for number in range(count):
        y, a, k, rule, tol = problem(rng)
        options = {"normalize": rule == "normalized", "tol": tol}
        options["selection"] = "ols" if rule == "ols" else "omp"
        found = pursue(FORMS[number % 4], y, a, n_nonzero=k, **options)
        for b, signal in enumerate(y):
            expected = naive(signal, a, k, rule=rule, tol=tol)
            chosen = found.indices[b, : found.n_active[b]].tolist()
            compared += 1
            if expected.gap > CLEAR:
                clear += 1
                assert chosen == expected.support, (seed, number, b)
            # Of tied atoms another may be better or worse: only equal supports compare.
            if set(chosen) == set(expected.support):
                slack = 1e-9 * np.linalg.norm(signal)
                assert found.residual_norm[b] <= expected.residual + slack
    assert clear > 0.8 * compared


def test_supports_of_the_definition():
    check(0, 600)


@pytest.mark.long
def test_supports_of_the_definition_in_ten_thousand_problems():
    for seed in range(1, 11):
        check(seed, 1000)


@pytest.mark.parametrize("form", FORMS)
def test_single_precision_supports_are_those_of_double_where_choices_are_clear(form):
    rng = np.random.default_rng(7)
    compared = 0
    for _ in range(40):
        n, m, k = int(rng.integers(8, 60)), int(rng.integers(6, 24)), 4
        a = orthola.testing.gaussian(n, m, dtype="float32", rng=rng)
        y = orthola.testing.gaussian(20, m, dtype="float32", rng=rng)
        wide, targets = a.astype(np.float64), y.astype(np.float64)
        single = pursue(form, y, a, n_nonzero=k)
        double = pursue(form, targets, wide, n_nonzero=k)
        for b in range(20):
            if naive(targets[b], wide, k).gap > CLEAR_SINGLE:
                compared += 1
                np.testing.assert_array_equal(single.indices[b], double.indices[b])
    assert compared > 600
