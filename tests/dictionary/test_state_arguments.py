"""Mistakes in what states of dictionaries are made of, and in the samples that they are given."""

from __future__ import annotations

import numpy as np
import pytest

from orthola import dictionary_init, dictionary_update


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"p": 2.0}, ValueError), ({"p": 5}, ValueError), ({"p": "x"}, TypeError),
        ({"schedule": "defualt"}, ValueError), ({"schedule": 3}, TypeError),
        ({"schedule": ((1, 0, 1), (1, 1, 1))}, ValueError), ({"window": 0.5}, ValueError),
        ({"warmup": -1}, ValueError), ({"init": np.eye(3)}, ValueError),
        ({"init": np.eye(4), "xp": "torch"}, TypeError), ({"rng": True}, TypeError),
        ({"init": np.full((4, 4), np.nan)}, ValueError),
    ],
)  # fmt: skip
def test_wrong_options(options, kind):
    with pytest.raises(kind, match="dictionary_init"):
        dictionary_init(4, **options)


def test_wrong_samples():
    state = dictionary_init(4, rng=0, dtype="float32")
    for y, kind in [
        (np.ones(4, "float32"), ValueError), (np.ones((3, 5), "float32"), ValueError),
        (np.ones((2, 3, 4), "float32"), ValueError), (np.ones((3, 4)), ValueError),
        (np.ones((3, 4), "complex64"), ValueError), ("x", TypeError),
    ]:  # fmt: skip
        with pytest.raises(kind, match="dictionary_update"):
            dictionary_update(state, y)
    with pytest.raises(ValueError, match="lmo"):
        dictionary_update(state, np.ones((3, 4), "float32"), lmo="svd")
    with pytest.raises(ValueError, match=r"shape \(b, 4\), got float32 of shape \(4,\)"):
        dictionary_update(state, np.ones(4, "float32"))
    with pytest.raises(TypeError, match=r"expected a DictionaryState.*got numpy\.ndarray"):
        dictionary_update(np.ones((3, 4)), state)
    with pytest.raises(ValueError, match="finite precondition"):
        dictionary_init(4, precondition=np.full((4, 4), np.nan))
    with pytest.raises(TypeError, match="real init and precondition for float64"):
        dictionary_init(4, init=1j * np.eye(4), dtype="float64")
