"""Callers who want skew-Hermitian arguments only are told how far theirs are from that."""

from __future__ import annotations

import numpy as np
import pytest

from orthola import cayley, explain, skew_exp
from orthola.testing import gaussian
from tests.dtypes import on_dtypes
from tests.isolation import to_numpy

MAPS = pytest.mark.parametrize("function", [cayley, skew_exp], ids=lambda f: f.__name__)


@on_dtypes("float32", "float64", "complex128")
def test_skew_arguments_pass_and_nothing_changes(backend, dtype):
    x = gaussian(5, 5, shape=(3,), dtype=dtype, rng=1)
    a = backend.asarray(x - x.conj().swapaxes(-1, -2))
    checked = backend.call(cayley, a, check_skew=True)
    assert np.array_equal(to_numpy(checked), to_numpy(backend.call(cayley, a)))


@MAPS
@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_the_worst_item_is_named_with_its_distance(function, scale):
    x = gaussian(4, 4, shape=(2, 3), rng=2)
    a = x - x.swapaxes(-1, -2)
    a[1, 0] += 0.1 * np.linalg.norm(a[1, 0]) * np.eye(4)
    share = np.linalg.norm(a[1, 0] + a[1, 0].T) / np.linalg.norm(a[1, 0])
    with pytest.raises(ValueError, match=rf"{share:.3g} .* flat index 3; pass"):
        function(scale * a, check_skew=True)
    assert np.isfinite(function(scale * a)).all()


@MAPS
def test_symmetric_zero_empty_and_infinite_arguments(function):
    with pytest.raises(ValueError, match=r"= 2 \|\|A\|\|_F; pass"):
        function(np.ones((3, 3)), check_skew=True)
    for good in (np.zeros((3, 3)), np.zeros((0, 0)), np.zeros((2, 0, 3, 3))):
        assert function(good, check_skew=True).shape == good.shape
    assert np.isnan(function(np.full((2, 2), np.nan), check_skew=True)).all()


def test_the_check_is_no_part_of_the_plan():
    a = np.zeros((3, 3))
    assert str(explain(cayley, a, check_skew=True)) == str(explain(cayley, a))
