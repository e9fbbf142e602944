"""`retract`, `project_tangent`, `rebase` on every library, for steps of any length."""

from __future__ import annotations

import numpy as np
import pytest

from orthola import haar, polar, project_tangent, rebase, retract
from orthola._maps.retraction import RebaseResult
from orthola.testing import gaussian, machine_epsilon
from tests.dtypes import on_dtypes
from tests.isolation import assert_same_kind, to_numpy

C_DEFECT = 10.0  # ||R^H R - I||_2 in units of n u
C_ERROR = 50.0  # entries, in units of n eps max(1, ||Z||_F)
METHODS = ("cayley", "polar", "qr")
SHAPES = [(7, 3), (4, 4), (3, 2), (5, 1), (1, 1)]

methods = pytest.mark.parametrize("method", METHODS)


def h(x):
    return np.swapaxes(x, -1, -2).conj()


def drawn(n, k, dtype, *, shape=(), norm=1.0, seed=0):
    """A frame, and a step of this Frobenius norm."""
    wide = "complex128" if "complex" in dtype else "float64"
    x = haar(n, k, shape=shape, dtype=wide, rng=seed)
    z = gaussian(n, k, shape=shape, dtype=wide, rng=seed + 1)
    z = z * (norm / np.linalg.norm(z, axis=(-2, -1))[..., None, None])
    return x.astype(dtype), z.astype(dtype)


def tangent(x, z):
    s = h(x) @ z
    return z - x @ (s + h(s)) / 2


def dense_cayley(x, z):
    """The Cayley transform of order n along the tangent part of Z."""
    n = x.shape[0]
    t = tangent(x, z)
    b = t - x @ (h(x) @ t) / 2
    a = b @ h(x) - x @ h(b)
    return np.linalg.solve(np.eye(n) - a / 2, x + a @ x / 2)


def oriented_qr(x, z):
    q, r = np.linalg.qr(x + tangent(x, z))
    d = np.diagonal(r, axis1=-2, axis2=-1)
    return q * (d / np.abs(d))[..., None, :]


def nearest_frame(x, z):
    return polar(x + tangent(x, z)).unitary


REFERENCES = {"cayley": dense_cayley, "polar": nearest_frame, "qr": oriented_qr}


def defect(q):
    q = to_numpy(q)
    q = q.astype(np.complex128)
    return np.linalg.norm(h(q) @ q - np.eye(q.shape[-1]), 2, axis=(-2, -1)).max(initial=0.0)


def bound(n, dtype, norm=1.0):
    return C_ERROR * n * machine_epsilon(dtype) * max(1.0, norm)


@methods
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@on_dtypes("float64", "float32", "complex64", "complex128")
def test_steps_on_every_library(backend, dtype, shape, method):
    x, z = drawn(*shape, dtype, norm=1.5)
    x_, z_ = backend.asarray(x, dtype), backend.asarray(z, dtype)
    r = backend.call(retract, x_, z_, method=method)
    assert_same_kind(r, x_, shape=shape)
    wide = [a.astype(np.complex128 if "complex" in dtype else np.float64) for a in (x, z)]
    # X itself is orthonormal to rounding in single precision only.
    assert np.abs(to_numpy(r) - REFERENCES[method](*wide)).max() <= bound(shape[0], dtype)
    assert defect(r) <= 2 * C_DEFECT * shape[0] * machine_epsilon(dtype)


@methods
@on_dtypes("float64", "complex64")
def test_batches_broadcast_and_equal_their_loop(backend, dtype, method):
    x, z = drawn(5, 2, dtype, shape=(3,), norm=2.0)
    z = np.stack([z, -20.0 * z])
    x_, z_ = backend.asarray(x, dtype), backend.asarray(z, dtype)
    r = backend.call(retract, x_, z_, method=method)
    assert tuple(r.shape) == (2, 3, 5, 2)
    for i in np.ndindex(2, 3):
        one = retract(x[i[1]], z[i], method=method)
        assert np.abs(to_numpy(r)[i] - one).max() <= bound(5, dtype, 40.0)


@pytest.mark.parametrize("norm", [1e-300, 1e-3, 5.0, 6.0, 1e2, 1e4, 1e6, 1e8, 1e12, 1e300])
@pytest.mark.parametrize("shape", [(60, 10), (30, 25), (20, 20), (4, 1)], ids=str)
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_long_steps_stay_orthonormal(dtype, shape, norm):
    x, z = drawn(*shape, dtype, norm=norm)
    r = retract(x, z)
    assert defect(r) <= C_DEFECT * shape[0] * machine_epsilon(dtype) / 2
    if norm <= 1e4:
        assert np.abs(r - dense_cayley(x, z)).max() <= bound(shape[0], dtype, norm)


@on_dtypes("float32", "complex64")
def test_long_steps_in_single_precision_on_every_library(backend, dtype):
    for norm in (1.0, 1e2, 1e5, 1e30):
        x, z = drawn(12, 4, dtype, norm=norm)
        r = backend.call(retract, backend.asarray(x, dtype), backend.asarray(z, dtype))
        assert defect(r) <= 2 * C_DEFECT * 12 * machine_epsilon(dtype)


@pytest.mark.parametrize("method", ["polar", "qr"])
@pytest.mark.parametrize("norm", [1e-300, 1e2, 1e6])
def test_long_steps_of_the_other_methods(method, norm):
    x, z = drawn(30, 6, "float64", norm=norm)
    r = retract(x, z, method=method)
    assert defect(r) <= C_DEFECT * 30 * machine_epsilon("float64") / 2


def test_dependent_directions_and_steps_along_the_frame():
    x, z = drawn(9, 3, "float64", norm=3.0)
    z[:, 2] = z[:, 1]
    for factor in (1.0, 1e3):
        r = retract(x, factor * z)
        assert np.abs(r - dense_cayley(x, factor * z)).max() <= bound(9, "float64", 3 * factor)
    inside = x @ gaussian(3, 3, dtype="float64", rng=2)  # no component outside the frame
    for factor in (1.0, 1e3):
        r = retract(x, factor * inside)
        expected = dense_cayley(x, factor * inside)
        assert np.abs(r - expected).max() <= bound(9, "float64", 10 * factor)


@methods
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_agreement_with_the_geodesic(dtype, method):
    # Order of agreement by slope: 2 for X + Z itself, 3 with the curvature of the geodesic,
    # which for tangent Z is -X Z^H Z + (quadratic terms inside the frame); see the QR method.
    x, z = drawn(8, 3, dtype)
    z = tangent(x, z)
    assert np.abs(retract(x, 0 * z, method=method) - x).max() <= 1e-14
    errors = [np.abs(retract(x, t * z, method=method) - (x + t * z)).max() for t in (1e-2, 1e-3)]
    assert 1.9 <= np.log10(errors[0] / errors[1]) <= 2.1


@methods
def test_only_the_tangent_part_counts(method):
    x, z = drawn(6, 3, "complex128")
    s = gaussian(3, 3, dtype="complex128", rng=5)
    r = retract(x, z + x @ (s + h(s)), method=method)
    assert np.abs(r - retract(x, z, method=method)).max() <= 1e-13


@methods
@on_dtypes("float64")
def test_nan_stays_in_its_item(backend, dtype, method):
    x, z = drawn(5, 2, dtype, shape=(3,))
    clean = retract(x, z, method=method)
    z[1, 0, 0] = np.nan
    r = to_numpy(
        backend.call(retract, backend.asarray(x, dtype), backend.asarray(z, dtype), method=method)
    )
    assert np.isnan(r[1]).all()
    assert np.abs(r[::2] - clean[::2]).max() <= 1e-14


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
@methods
def test_infinite_items(method, bad):
    x, z = drawn(5, 2, "float64", shape=(2,))
    z[0, 3, 1] = bad
    r = retract(x, z, method=method)
    assert np.isnan(r[0]).all()
    assert np.isfinite(r[1]).all()


@on_dtypes("float64", "complex64")
def test_projection(backend, dtype):
    x, z = drawn(6, 3, dtype, shape=(2,))
    x_, z_ = backend.asarray(x, dtype), backend.asarray(z, dtype)
    t = backend.call(project_tangent, x_, z_)
    assert_same_kind(t, x_, shape=(2, 6, 3))
    t = to_numpy(t)
    s = h(x) @ t
    assert np.abs(s + h(s)).max() <= bound(6, dtype)
    assert np.abs(t - tangent(x, z)).max() <= bound(6, dtype)
    again = project_tangent(x, t)
    assert np.abs(again - t).max() <= bound(6, dtype)
    # nearest: what is taken away is orthogonal to every tangent vector
    other = tangent(x, gaussian(6, 3, shape=(2,), dtype=dtype, rng=9))
    assert abs(np.vdot(z - t, other).real) <= bound(6, dtype, 10.0)


def moved(x, z, moment, **options):
    return tuple(rebase(x, z, moment=moment, **options))


@methods
@pytest.mark.parametrize("correct", [False, True])
@on_dtypes("float64", "complex64")
def test_rebase_keeps_value(backend, dtype, method, correct):
    x, z = drawn(6, 3, dtype, norm=2.0)
    m = gaussian(6, 3, dtype=dtype, rng=8)
    arrays = [backend.asarray(a, dtype) for a in (x, z, m)]
    before = to_numpy(backend.call(retract, arrays[0], arrays[1], method=method))
    found = backend.call(moved, *arrays, method=method, correct=correct)
    for out in found:
        assert_same_kind(out, arrays[0], shape=(6, 3))
    base, step, moment = (to_numpy(out) for out in found)
    after = to_numpy(backend.call(retract, found[0], found[1], method=method))
    assert not step.any()
    assert np.abs(after - before).max() <= bound(6, dtype)
    assert np.abs(base - before).max() <= bound(6, dtype)
    assert np.abs(moment - tangent(base, m)).max() <= bound(6, dtype)


def test_rebase_result_and_correction():
    x, z = drawn(6, 3, "float64")
    found = rebase(x, z)
    assert isinstance(found, RebaseResult)
    assert found.moment is None
    assert np.array_equal(found.base, retract(x, z))
    worn = x * (1 + 1e-6)
    assert defect(rebase(worn, 0 * z).base) > 1e-7
    assert defect(rebase(worn, 0 * z, correct=True).base) <= 1e-11


@pytest.mark.parametrize("norm", [0.3, 3.0, 30.0])
@pytest.mark.parametrize("shape", [(24, 24), (24, 8)], ids=str)
def test_a_long_walk_stays_on_the_manifold(shape, norm):
    x, _ = drawn(*shape, "float64")
    for i in range(100):
        z = gaussian(*shape, dtype="float64", rng=i)
        x = retract(x, z * (norm / np.linalg.norm(z)))
    assert defect(x) <= 2 * C_DEFECT * shape[0] * machine_epsilon("float64")


@pytest.mark.parametrize("shape", [(24, 24), (24, 8)], ids=str)
def test_a_defect_of_the_frame_does_not_grow(shape):
    x, _ = drawn(*shape, "float64")
    x = x + 1e-7 * gaussian(*shape, dtype="float64", rng=3)
    before = defect(x)
    for i in range(40):
        x = rebase(x, gaussian(*shape, dtype="float64", rng=i) * (0.5 / shape[1] ** 0.5)).base
    assert defect(x) <= 1.5 * before
    assert defect(rebase(x, 0 * x, correct=True).base) <= before**2 + 1e-14


@methods
@on_dtypes("float16", "bfloat16")
def test_half_precision_is_computed_in_single(backend, dtype, method):
    x, z = drawn(5, 2, "float32")
    x_, z_ = backend.asarray(x, dtype), backend.asarray(z, dtype)
    r = backend.call(retract, x_, z_, method=method)
    assert_same_kind(r, x_)
    wide = retract(*(to_numpy(a).astype(np.float32) for a in (x_, z_)), method=method)
    assert np.abs(to_numpy(r) - wide).max() <= machine_epsilon(dtype)


@methods
@pytest.mark.parametrize("shape", [(0, 0), (3, 0), (0, 4, 2)], ids=str)
@on_dtypes("float64")
def test_empty_input(backend, dtype, shape, method):
    x = backend.asarray(np.zeros(shape), dtype)
    assert_same_kind(backend.call(retract, x, x, method=method), x, shape=shape)


def test_arguments_are_left_alone_in_any_order_of_memory():
    x, z = drawn(7, 3, "complex128", norm=100.0)
    expected = retract(x, z)
    for order in ("F", "odd"):
        a, b = (
            np.asfortranarray(y) if order == "F" else np.repeat(y, 2, 1)[:, ::2] for y in (x, z)
        )
        a.flags.writeable = b.flags.writeable = False
        assert np.abs(retract(a, b) - expected).max() <= 1e-12
        assert np.array_equal(a, x)


def test_integers():
    r = retract([[1], [0]], [[0], [2]])
    np.testing.assert_allclose(r, [[0.0], [1.0]], atol=1e-15)  # a turn by 2 atan(1)


@pytest.mark.parametrize("function", [retract, project_tangent, rebase])
@pytest.mark.parametrize(
    ("x", "z", "error", "message"),
    [
        (np.ones(3), np.ones((3, 1)), ValueError, "at least two axes"),
        (np.ones((3, 1)), np.ones((3, 2)), ValueError, "same last two axes"),
        (np.ones((2, 3)), np.ones((2, 3)), ValueError, "n >= k"),
        (np.ones((2, 3, 1)), np.ones((4, 3, 1)), ValueError, "batch shapes of x and z"),
        (np.ones((3, 2)), "step", TypeError, "expected an array"),
    ],
)
def test_static_mistakes(function, x, z, error, message):
    with pytest.raises(error, match=message):
        function(x, z)


@pytest.mark.parametrize("function", [retract, rebase])
def test_unknown_methods(function):
    with pytest.raises(ValueError, match="did you mean 'cayley'"):
        function(np.eye(2), np.eye(2), method="cayly")
