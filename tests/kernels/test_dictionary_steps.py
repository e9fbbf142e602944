"""The compiled steps of online dictionaries against the text."""

from __future__ import annotations

import numpy as np
import pytest

import orthola
from tests.dictionary.sampling import samples

C = 100.0  # roundings per entry and step allowed


@pytest.mark.parametrize(
    ("dtype", "options"),
    [
        ("float64", {}), ("float64", {"p": 2.5, "schedule": "published"}),
        ("float32", {"p": 4, "window": 8.0}), ("complex128", {"p": 4}), ("complex64", {}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("preconditioned", [False, True])
def test_kernel_equals_text(dtype, options, preconditioned):
    n = 7
    y, _ = samples(300, n, 0.8, complex_=dtype.startswith("complex"))
    y = (2.0**9 * y).astype(dtype)
    y[100:110] = 0.0  # a whole mini-batch,
    y[111:150:5] = 0.0  # and a part of four
    y[205, 3] = np.nan
    h = orthola.haar(n, rng=1, dtype=dtype) if preconditioned else None
    start = orthola.dictionary_init(n, rng=0, dtype=dtype, precondition=h, **options)
    found = []
    for kernels in (True, False):
        state = start
        with orthola.options(kernels=kernels):
            for part in np.split(y, 30):
                state = orthola.dictionary_update(state, part, check_finite=False)
        found.append(state)
    assert found[0].options is found[1].options
    eps = np.finfo(dtype).eps
    for name in orthola.DictionaryState._fields[:-1]:
        one, two = (getattr(x, name) for x in found)
        assert one.dtype == two.dtype, name
        size = max(np.max(np.abs(two)), 1e-6)
        assert np.max(np.abs(one - two)) <= C * 30 * n * eps * size, name


def test_many_mini_batches_in_one_call_give_the_bits_of_one_at_a_time():
    y, _ = samples(4000, 9)
    model = orthola.OnlineOrthogonalDictionary(batch_size=8, rng=0).partial_fit(y)
    state = orthola.dictionary_init(9, rng=0)
    for part in np.split(y, 500):
        part.flags.writeable = False
        state = orthola.dictionary_update(state, part)
    for name in orthola.DictionaryState._fields[:-1]:
        assert np.array_equal(getattr(model.state, name), getattr(state, name)), name
