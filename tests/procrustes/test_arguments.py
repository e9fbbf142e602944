"""Arguments that `procrustes` refuses, and values that it tells by their status."""

from __future__ import annotations

import numpy as np
import pytest

import orthola
from orthola import Status, procrustes
from orthola.testing import machine_epsilon
from tests.dtypes import on_dtypes
from tests.isolation import to_numpy
from tests.procrustes.planted import planted


def test_shape_mismatch_raises_with_both_shapes():
    with pytest.raises(ValueError, match=r"one shape .*\(4, 3\) and \(5, 3\)"):
        procrustes(np.zeros((4, 3)), np.zeros((5, 3)))
    with pytest.raises(ValueError, match="broadcast"):
        procrustes(np.zeros((2, 4, 3)), np.zeros((3, 4, 3)))
    with pytest.raises(ValueError, match="at least two axes"):
        procrustes(np.zeros(3), np.zeros(3))
    with pytest.raises(ValueError, match="one for each row"):
        procrustes(np.ones((4, 3)), np.ones((4, 3)), weights=np.ones(3))


def test_wrong_kinds_and_options_raise():
    a = np.ones((4, 3))
    with pytest.raises(TypeError, match="real weights"):
        procrustes(a, a, weights=np.ones(4) + 0j)
    with pytest.raises(ValueError, match=r"completion.*nearest"):
        procrustes(a, a, completion="neares")
    with pytest.raises(ValueError, match="accumulate"):
        procrustes(a, a, accumulate="float32")
    with pytest.raises(ValueError, match="refine"):
        procrustes(a, a, refine=-1)
    with pytest.raises(TypeError, match="refine"):
        procrustes(a, a, refine=0.5)
    with pytest.raises(TypeError):
        procrustes(a, "points")


def test_complex_rotation_only_raises():
    a = np.ones((4, 3)) + 0j
    with pytest.raises(ValueError, match=r"rotation_only.*unitary"):
        procrustes(a, a, rotation_only=True)


@on_dtypes("float64")
def test_negative_weights_raise_or_are_told_by_status(backend, dtype):
    a, b, _ = planted(6, 3, noise=1.0, shape=(3,))
    w = np.ones((3, 6))
    w[1, 2] = -1.0
    x, y, z = (backend.asarray(t, dtype) for t in (a, b, w))
    if not backend.jitted:
        with pytest.raises(ValueError, match="weights >= 0"):
            procrustes(x, y, weights=z)
    fit = backend.call(unchecked, x, y, z)
    expected = [Status.OK, Status.BOUND_VIOLATED, Status.OK]
    assert to_numpy(fit.status).tolist() == expected
    if not backend.jitted:
        with pytest.raises(orthola.StatusError, match="BOUND_VIOLATED"):
            orthola.check(fit)


def unchecked(a, b, w=None):
    return procrustes(a, b, weights=w, check_finite=False)


@on_dtypes("float64", "complex64")
def test_nan_raises_or_marks_its_own_item(backend, dtype):
    wide = "complex128" if dtype.startswith("complex") else "float64"
    a, b, _ = planted(6, 3, noise=1.0, shape=(4,), dtype=wide)
    a[1, 2, 0], b[2, 0, 1] = np.nan, np.inf
    x, y = backend.asarray(a, dtype), backend.asarray(b, dtype)
    if not backend.jitted:
        with pytest.raises(ValueError, match=r"2 of the items .the first at flat index 1"):
            procrustes(x, y)
    fit = backend.call(unchecked, x, y)
    bad = [False, True, True, False]
    assert (to_numpy(fit.status) == Status.NONFINITE).tolist() == bad
    for part in (*fit.transform, fit.residual, fit.uniqueness.gap):
        host = to_numpy(part).reshape(4, -1)
        assert np.isnan(host[bad]).all() == (part is not None)
        assert np.isfinite(host[[0, 3]]).all()
    good = [backend.asarray(t[[0, 3]], dtype) for t in (a, b)]
    expected = to_numpy(backend.call(unchecked, *good).transform.rotation)
    np.testing.assert_allclose(
        to_numpy(fit.transform.rotation)[[0, 3]], expected, atol=10 * machine_epsilon(dtype)
    )


def test_nan_and_negative_weights_of_one_problem():
    a, b, _ = planted(6, 3, noise=1.0)
    for w in (np.array([1, 1, np.nan, 1, 1, 1]), np.array([1, 1, np.inf, 1, 1, 1])):
        with pytest.raises(ValueError, match="finite"):
            procrustes(a, b, weights=w)
        assert int(procrustes(a, b, weights=w, check_finite=False).status) == Status.NONFINITE
    w = np.array([1, 1, -1.0, 1, 1, 1])
    with pytest.raises(ValueError, match="negative"):
        procrustes(a, b, weights=w)
