"""Sums over points: exact to rounding of the wide dtype, in every library, by pieces or at once."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from orthola._core.space import resolve
from orthola._procrustes import moments as text
from orthola._procrustes.host import sums_by_pieces
from orthola._procrustes.moments import Points, cross_product, moments, pieces
from orthola._procrustes.units import measured
from orthola.testing import gaussian, machine_epsilon
from tests.dtypes import on_dtypes, real_of
from tests.isolation import assert_same_kind, to_numpy

C_SUM = 10.0  # in m eps, of the sum of absolute values


def drawn(m, n, *, shape=(), dtype="float64", offset=0.0):
    a, b = (gaussian(m, n, shape=shape, dtype=dtype, rng=k) + offset for k in (0, 1))
    w = np.random.default_rng(2).uniform(0.5, 2.0, (*shape, m))
    return a, b, w


def plain(a, b, w, translation):
    """The same numbers by the definition."""
    total = w.sum(-1)
    mean_a, mean_b = (np.einsum("...m,...mn->...n", w, x) / total[..., None] for x in (a, b))
    if not translation:
        mean_a, mean_b = 0 * mean_a, 0 * mean_b
    x, y = a - mean_a[..., None, :], b - mean_b[..., None, :]
    squares = (np.einsum("...m,...mn->...", w, np.abs(t) ** 2) for t in (x, y))
    return total, mean_a, mean_b, *squares, np.einsum("...m,...mi,...mj->...ij", w, x.conj(), y)


@on_dtypes("float64", "complex64", "float32")
@pytest.mark.parametrize("translation", [False, True])
@pytest.mark.parametrize("split", [False, True])
def test_sums_are_those_of_the_definition(backend, dtype, translation, split):
    wide = "complex128" if dtype.startswith("complex") else "float64"
    m, n = (600, 2) if split else (9, 3)  # more than one block of rows
    a, b, w = drawn(m, n, shape=(2,), dtype=wide, offset=1.0)
    given = backend.asarray(a, dtype), backend.asarray(b, dtype), backend.asarray(w, real_of(dtype))
    space, arrays = resolve("test", *given[:2])
    found, points = moments(space, Points(*arrays, given[2]), translation=translation, split=split)
    assert (points.mean_a is None) == (not translation)
    for x, y in zip(found, plain(a, b, w, translation), strict=True):
        limit = C_SUM * m * machine_epsilon(dtype) * max(1.0, np.abs(y).max())
        assert np.abs(to_numpy(x) - y).max() <= limit
    assert_same_kind(found.cross, given[0], shape=(2, n, n))
    assert_same_kind(found.weight, given[0], dtype=real_of(dtype), shape=(2,))


def test_the_second_pass_takes_off_what_rounding_left_of_the_mean():
    """Points near 1e8: means by plain sums are wrong in the ninth digit, squares in the first."""
    a, b, w = drawn(4000, 2, offset=1e8)
    space, _ = resolve("test", a)
    found, _ = moments(space, Points(a, b, w), translation=True, split=False)
    exact = exact_cross(a[:, 0], b[:, 1], w)
    assert abs(found.cross[0, 1] - exact) <= 1e-6 * np.sqrt(found.squares_a * found.squares_b)


def exact_cross(x, y, w):
    """Weighted covariance times the weight, in rational numbers."""
    x, y, w = ([Fraction(float(v)) for v in t] for t in (x, y, w))
    total = sum(w)
    sums = (sum(p * q for p, q in zip(w, t, strict=True)) for t in (x, y))
    cross = sum(p * q * r for p, q, r in zip(w, x, y, strict=True))
    return float(cross - next(sums) * next(sums) / total)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("translation", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "complex128", "float32"])
def test_the_host_version_equals_the_text(dtype, translation, weighted):
    a, b, w = drawn(40_000, 2, dtype=dtype, offset=3.0)
    w = w.astype(real_of(dtype)) if weighted else None
    wide = np.dtype(np.complex128 if dtype.startswith("complex") else np.float64)
    found, points = sums_by_pieces(Points(a, b, w), wide, translation)
    space = resolve("test", a)[0].with_dtype(wide.name)
    expected, others = moments(space, Points(a, b, w), translation=translation, split=False)
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-9)
    for x, y in zip(points[3:], others[3:], strict=True):
        assert (x is None) == (y is None)


def test_pieces_cover_every_row_once_in_the_wide_dtype(monkeypatch):
    monkeypatch.setattr(text, "_NUMBERS", 1)
    monkeypatch.setattr(text, "_ROWS", 7)
    a, b, w = (x.astype(np.float32) for x in drawn(50, 3))
    space = resolve("test", a)[0].with_dtype("float64")
    parts = list(pieces(space, Points(a, b, w)))
    assert len(parts) == 8
    for k, whole in enumerate((a, b, w[:, None])):
        joined = np.concatenate([part[k] for part in parts])
        np.testing.assert_array_equal(joined, whole)
        assert joined.dtype == np.float64


def test_a_tree_of_blocks_loses_less_than_a_running_sum():
    """Equal terms in single precision: every addition to a large sum rounds the same way."""
    m = 2**17
    x = np.full((m, 1), 1.0 + 2.0**-11, np.float32)
    space, _ = resolve("test", x)
    exact = m * (1.0 + 2.0**-11) ** 2
    found = float(cross_product(space, x, x, split=True)[0, 0])
    running = float(np.cumsum(x * x, dtype=np.float32)[-1])
    assert abs(found - exact) <= 4 * 2.0**-24 * exact
    assert abs(running - exact) >= 20 * abs(found - exact)


def test_units_are_taken_out_where_squares_could_leave_the_range():
    a, b, w = drawn(6, 3, shape=(2,))
    space, _ = resolve("test", a)
    points, units = measured(space, Points(a, b, w), host=True)
    assert units is None
    assert points.a is a
    points, units = measured(space, Points(2.0**900 * a, 2.0**-900 * b, 2.0**600 * w), host=True)
    for x in (points.a, points.b):
        assert np.all(np.abs(x).max(axis=(-2, -1)) < 2)
        assert np.all(np.abs(x).max(axis=(-2, -1)) >= 0.5)
    assert np.all(units.weights % 2 == 0)
    np.testing.assert_array_equal(np.ldexp(points.a, units.a[:, None, None]), 2.0**900 * a)
    np.testing.assert_array_equal(np.ldexp(points.weights, units.weights[:, None]), 2.0**600 * w)


def test_zero_and_nonfinite_items_have_unit_one():
    a = np.zeros((3, 4, 2))
    a[1], a[2] = np.nan, 2.0**-1000
    space, _ = resolve("test", a)
    points, units = measured(space, Points(a, a, None), host=True)
    assert units.a[0] == units.a[1] == 0
    assert np.isnan(points.a[1]).all()
    assert np.abs(points.a[2]).max() >= 0.5
