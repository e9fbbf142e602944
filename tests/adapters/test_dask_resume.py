"""Interrupted runs go on from their file, to the same bits."""

from __future__ import annotations

import numpy as np
import pytest

from orthola.testing import gaussian

dask = pytest.importorskip("dask", reason="Dask is not installed")

import dask.array as da  # noqa: E402

from orthola.adapters.dask import svd  # noqa: E402

X = gaussian(95, 24, rng=0) * np.geomspace(1.0, 1e-2, 24)
FEW = 4 * 5 * 8 * 8  # bytes: strips of 5 samples and 8 features


class Killed(Exception):
    pass


def lazy(taken=None):
    """19 strips of 3 chunks, that note when they are read."""
    x = da.from_array(X, chunks=(5, 8))
    if taken is None:
        return x
    return x.map_blocks(lambda block: (taken.append(1), block)[1], dtype=X.dtype, meta=X[:0])


@pytest.mark.parametrize("max_memory", [10**9, FEW])
def test_kill_and_resume(tmp_path, max_memory):
    """Killed after every part of the work, once in each."""
    path, options = tmp_path / "run.orthola", {"rank": 3, "engine": "brand", "arity": 2}
    expected = svd(lazy(), axis=0, max_memory=max_memory, **options)
    passes = 1 if max_memory > FEW else 4
    taken, runs, told = [], 0, []

    def killed(done, total, certificate):
        assert total == 19 * passes
        told.append(done)
        assert (certificate is None) == (done <= 19 * (passes - 1))
        raise Killed

    while True:
        runs += 1
        try:
            found = svd(
                lazy(taken), axis=0, max_memory=max_memory, checkpoint=path, progress=killed,
                **options,
            )  # fmt: skip
        except Killed:
            continue
        break
    assert runs == 5 * passes + 1
    assert told == sorted(set(told))
    # Nothing was computed twice: panels are read once each, then all of them again.
    assert len(taken) == 19 * 3 * (1 if passes == 1 else 2)
    for one, two in zip(found.certificate, expected.certificate, strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(found.basis, expected.basis)
    again = svd(lazy(taken), axis=0, max_memory=max_memory, checkpoint=path, **options)
    np.testing.assert_array_equal(again.basis, expected.basis)
    assert len(taken) == 19 * 3 * (1 if passes == 1 else 2)


def test_files_of_other_runs_are_refused(tmp_path):
    path = tmp_path / "run.orthola"
    svd(lazy(), rank=3, checkpoint=path)
    before = path.read_bytes()
    for other, options in (
        (lazy()[:50], {"rank": 3}), (lazy(), {"rank": 4}), (lazy(), {"rank": 3, "arity": 3}),
        (lazy().rechunk((10, 8)), {"rank": 3}), (lazy(), {"rank": 3, "max_memory": FEW}),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="of another run"):
            svd(other, checkpoint=path, **options)
    path.write_bytes(before[: len(before) // 2])
    with pytest.raises(ValueError, match="truncated"):
        svd(lazy(), rank=3, checkpoint=path)
