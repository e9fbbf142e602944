"""Forward errors of `polar` and `orthogonalize` against the same factors in 50 digits."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import mpmath
import numpy as np
import pytest

from orthola import Status, orthogonalize, polar, schedule
from orthola.testing import from_spectrum, spectrum
from tests.polar.targets import ROUNDOFF

METHODS = ("svd", "newton", "newton-schulz", "halley", "qr-halley", "gram", "kernel")
SHAPES = ((1, 1), (2, 2), (3, 3), (5, 5), (8, 8), (6, 3), (3, 6), (8, 1))
SPECTRA = (("geometric", 10.0), ("geometric", 1e6), ("one-small", 1e12), ("repeated", 1e8),
           ("one-large", 1e3))  # fmt: skip
# H depends on A with a factor of sqrt(2), so its error is the backward error, in u ||A||_F.
FORWARD_H = 100.0
# U depends on A with the factor 2/(sigma_n + sigma_(n-1)) for real square A, else 1/sigma_n.
FORWARD_U = 100.0


class Exact(NamedTuple):
    """A matrix and its polar factors, correctly rounded to double precision."""

    matrix: np.ndarray
    unitary: np.ndarray
    right: np.ndarray
    left: np.ndarray
    sensitivity: float  # of U, relative to ||A||_F


def to_double(x):
    entries = [[complex(x[i, j]) for j in range(x.cols)] for i in range(x.rows)]
    return np.array(entries)


@lru_cache(maxsize=256)
def exact_case(m, n, profile, condition, dtype):
    """The matrix is rounded to `dtype` first, so its factors are those of what `polar` sees."""
    short = min(m, n)
    a = from_spectrum(
        m, n, spectrum(profile, short, condition=condition), dtype=dtype, rng=m * 10 + n
    )
    with mpmath.workdps(50):
        p, s, q = mpmath.svd_c(mpmath.matrix(a.tolist()), full_matrices=False)
        u, right, left = p * q, q.H * mpmath.diag(s) * q, p * mpmath.diag(s) * p.H
        size = mpmath.norm(s)
        last = s[short - 1]
        real_square = m == n and np.dtype(dtype).kind == "f"
        gap = (last + s[short - 2]) / 2 if real_square and n > 1 else last
        sensitivity = float(size / gap)
    return Exact(a, *(to_double(x) for x in (u, right, left)), sensitivity)


def factors(a, method, side):
    """One matrix by the method named; the kernel takes it as a stack of equals."""
    if method != "kernel":
        return polar(a, method=method, side=side)
    u, h, status = polar(np.stack([a] * 40), side=side)
    for x in (u, h, status):
        np.testing.assert_array_equal(x, np.broadcast_to(x[0], x.shape))
    return u[0], h[0], status[0]


@pytest.mark.parametrize("dtype", ["float64", "complex128", "float32", "complex64"])
@pytest.mark.parametrize("method", METHODS)
def test_factors_are_as_near_to_the_exact_ones_as_conditioning_allows(method, dtype):
    if method == "gram" and dtype not in ("float32", "complex64"):
        pytest.skip("the Gram method is for single precision")
    u = ROUNDOFF[dtype]
    for m, n in SHAPES:
        for profile, condition in SPECTRA:
            if u > 1e-10:
                condition = min(condition, 1e4)  # beyond that U is hardly determined
            case = exact_case(m, n, profile, condition, dtype)
            size = np.linalg.norm(case.right)
            right, left = (factors(case.matrix, method, side) for side in ("right", "left"))
            assert right[2] == left[2] == Status.OK
            assert np.linalg.norm(right[1] - case.right) <= FORWARD_H * u * size
            assert np.linalg.norm(left[1] - case.left) <= FORWARD_H * u * size
            error = np.linalg.norm(right[0] - case.unitary)
            assert error <= FORWARD_U * u * case.sensitivity, (m, n, profile, condition)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_conditioning_is_attained_so_the_bound_is_not_idle(dtype):
    errors = []
    for condition in (1e3, 1e6, 1e9):
        case = exact_case(5, 5, "one-small", condition, dtype)
        result = polar(case.matrix, method="halley")
        errors.append(np.linalg.norm(result.unitary - case.unitary))
    if dtype == "complex128":
        # One small singular value makes U sensitive if it can turn by a phase ...
        assert errors[2] > 1e3 * errors[0]
    else:
        # ... and does not if it is real and square: two of them would have to vanish.
        assert errors[2] <= 100 * ROUNDOFF[dtype]


@pytest.mark.parametrize("shape", [(5, 5), (6, 3), (3, 6)])
def test_orthogonalize_is_the_polynomial_of_the_singular_values(shape):
    rule = schedule("polar-express", steps=5, lower_bound=1e-3)
    for dtype in ("float64", "complex128"):
        case = exact_case(*shape, "geometric", 10.0, dtype)
        with mpmath.workdps(50):
            p, s, q = mpmath.svd_c(mpmath.matrix(case.matrix.tolist()), full_matrices=False)
            size = mpmath.norm(s)
            for i in range(len(s)):
                x = s[i] / size
                for row in rule.coefficients:
                    x = sum(mpmath.mpf(c) * x ** (2 * j + 1) for j, c in enumerate(row))
                s[i] = x
            expected = to_double(p * mpmath.diag(s) * q)
        for gram in (False, True):
            found = orthogonalize(case.matrix, gram=gram)
            assert np.linalg.norm(found - expected) <= 1e-12
