"""What streams read, and what they write: arrays on disk, iterables, their own files."""

import numpy as np
import pytest
import scipy.sparse

from orthola import IncrementalSVD
from tests.lowrank.feeding import DATA, fed, same


def test_sources(tmp_path):
    import h5py
    import zarr

    truth = np.linalg.svd(DATA, compute_uv=False)
    np.save(tmp_path / "x.npy", DATA)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        stored = file.create_dataset("x", data=DATA, chunks=(70, 40))
        chunked = zarr.create_array(store={}, shape=(300, 40), chunks=(70, 40), dtype="float64")
        chunked[:] = DATA
        sources = {
            "array": DATA,
            "memmap": np.load(tmp_path / "x.npy", mmap_mode="r"),
            "h5py": stored,
            "zarr": chunked,
            "generator": (DATA[i : i + 7] for i in range(0, 300, 7)),
            "sparse": scipy.sparse.coo_array(DATA),
        }
        for name, source in sources.items():
            svd = IncrementalSVD(5, engine="exact-r").fit_blocks(source)
            assert svd.samples_seen == 300, name
            assert np.allclose(svd.result().singular_values, truth[:5], rtol=1e-12), name
        rest = IncrementalSVD(5, engine="exact-r").partial_fit(DATA[:100])
        rest.fit_blocks(stored, batch=70, resume=True)
        assert np.allclose(rest.result().singular_values, truth[:5], rtol=1e-12)
    columns = IncrementalSVD(5, axis=1).fit_blocks(DATA.T, batch=50)
    assert np.allclose(columns.result().singular_values, truth[:5], rtol=1e-12)


@pytest.mark.parametrize("options", [
    {"engine": "brand"}, {"engine": "exact-r"}, {"engine": "exact-gram", "center": True},
    {"engine": "brand", "center": True, "forget": 0.9}, {"engine": "brand", "window": 4},
    {"tol": 0.1, "engine": "brand"},
])  # fmt: skip
def test_kill_and_resume(tmp_path, options):
    rank = None if "tol" in options else 5
    parts = np.array_split(DATA, 12)
    whole = fed(parts[:6], rank, **options)
    whole.save(tmp_path / "svd.npz")
    resumed = IncrementalSVD.load(tmp_path / "svd.npz")
    assert same(whole, resumed)
    for part in parts[6:]:
        whole.partial_fit(part)
        resumed.partial_fit(part)
    assert same(whole, resumed)
    assert np.array_equal(whole.result().basis, resumed.result().basis)
    if "window" not in options:
        with pytest.raises(ValueError, match="in here already"):
            whole.merge(resumed)


def test_interrupted_source_goes_on(tmp_path):
    class Stop(Exception):
        pass

    def progress(done, total, certificate):
        assert total == 300
        assert certificate.error.shape == (2,)
        svd.save(tmp_path / "svd.npz")
        if done >= 128:
            raise Stop

    whole = IncrementalSVD(5, engine="brand").fit_blocks(DATA, batch=32)
    svd = IncrementalSVD(5, engine="brand")
    with pytest.raises(Stop):
        svd.fit_blocks(DATA, batch=32, progress=progress)
    resumed = IncrementalSVD.load(tmp_path / "svd.npz")
    assert resumed.samples_seen == 128
    resumed.fit_blocks(DATA, batch=32, resume=True)
    assert same(whole, resumed)
