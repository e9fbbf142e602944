"""Blocks and samples with numbers: nothing is merged twice, and nothing is left out unseen."""

from __future__ import annotations

import numpy as np
import pytest

import orthola
from orthola import IncrementalSVD, SVDConfig
from orthola.testing import gaussian

DATA = gaussian(60, 8, rng=0)
TRUTH = np.linalg.svd(DATA, compute_uv=False)


def stream(start, stop, number=True):
    svd = IncrementalSVD(4, start=start if number else None)
    return svd.partial_fit(DATA[start:stop])


@pytest.mark.parametrize("engine", ["exact-r", "exact-refresh", "brand"])
def test_states_with_numbers_are_merged_with_neighbours(engine):
    config = SVDConfig(features=8, rank=4, engine=engine, oversample=0)

    def made(start, stop):
        state = orthola.svd_init(config, start=start)
        for row in DATA[start:stop]:
            state = orthola.svd_update(state, row[None], config)
        return state

    one, two, three = made(0, 10), made(10, 30), made(30, 60)
    whole = orthola.svd_merge(orthola.svd_merge(three, two, config), one, config)
    assert (int(whole.begin), int(whole.position), int(whole.columns)) == (1, 60, 60)
    low, high = orthola.svd_result(whole, config).certificate.sigma_interval[:4].T
    assert (low <= TRUTH[:4]).all()
    assert (TRUTH[:4] <= high).all()
    for other in (one, whole, made(9, 12), made(0, 0)):
        if int(other.columns):
            with pytest.raises(ValueError, match=r"block .* twice"):
                orthola.svd_merge(one, other, config, allow_gaps=True)
        else:
            orthola.svd_merge(one, other, config)
    with pytest.raises(ValueError, match="nothing of block 10 to 29"):
        orthola.svd_merge(one, three, config)
    apart = orthola.svd_merge(one, three, config, allow_gaps=True)
    assert (int(apart.begin), int(apart.position)) == (0, 40)
    unnumbered = orthola.svd_update(orthola.svd_init(config), DATA[:3], config)
    mixed = orthola.svd_merge(two, unnumbered, config)
    assert (int(mixed.begin), int(mixed.position)) == (0, 21)
    with pytest.raises(ValueError, match="start"):
        orthola.svd_init(config, start=-1)


def test_shards_in_any_order(tmp_path):
    parts = [(40, 60), (0, 20), (20, 40)]
    whole = stream(*parts[0])
    with pytest.raises(ValueError, match="nothing of sample 20 to 39"):
        whole.merge(stream(*parts[1]))
    assert whole.samples_seen == 20
    whole.merge(stream(*parts[1]), allow_gaps=True)
    whole.save(tmp_path / "svd")
    whole = IncrementalSVD.load(tmp_path / "svd")
    for again in (*parts[:2], (10, 30), (55, 58)):  # computed once more, by somebody else
        with pytest.raises(ValueError, match=r"sample .* twice"):
            whole.merge(stream(*again), allow_gaps=True)
    whole.merge(stream(*parts[2]))
    np.testing.assert_allclose(whole.result().singular_values, TRUTH[:4], rtol=1e-12)
    with pytest.raises(ValueError, match="sample 0 to 59 twice"):
        whole.merge(stream(0, 60))
    whole.partial_fit(DATA[:5])  # numbers 60 to 64
    with pytest.raises(ValueError, match="sample 64 to 64 twice"):
        whole.merge(IncrementalSVD(4, start=64).partial_fit(DATA[:1]))
    whole.merge(IncrementalSVD(4, start=65).partial_fit(DATA[:1]))
    assert whole.samples_seen == 66


def test_streams_without_numbers_are_known_by_their_origin():
    one = stream(0, 20)
    one.merge(stream(20, 40, number=False))
    one.merge(stream(20, 40, number=False))  # nothing says that they are the same samples
    assert one.samples_seen == 60
    empty = IncrementalSVD(4).merge(stream(0, 20))
    with pytest.raises(ValueError, match="twice"):
        empty.merge(stream(19, 21))
    with pytest.raises(ValueError, match="start"):
        IncrementalSVD(4, start=-1)
