"""States on disk: whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest

from orthola._core.storage import load, save

KIND = "test state"
ARRAYS = {
    "matrix": np.arange(6.0).reshape(2, 3),
    "number": np.asarray(1.5),
    "none": np.zeros((0, 4), np.complex64),
    "columns": np.asfortranarray(np.arange(6, dtype=np.int32).reshape(3, 2)),
}
HEADER = {"library": "numpy", "sizes": [1, 2], "flag": True, "nothing": None}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.npz"


def saved(path, **changes):
    save(path, KIND, changes.get("version", 1), changes.get("arrays", ARRAYS), HEADER)
    return path


def test_what_comes_back_is_what_was_saved(path):
    version, header, arrays = load(saved(path), KIND, version=1)
    assert (version, header) == (1, HEADER)
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


def test_the_same_state_gives_the_same_bytes(path, tmp_path):
    assert saved(path).read_bytes() == saved(tmp_path / "other").read_bytes()


def test_numpy_reads_the_arrays(path):
    with np.load(saved(path), allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["matrix"], ARRAYS["matrix"])


def test_another_kind_is_refused(path):
    with pytest.raises(ValueError, match=r"expected 'svd stream' .*, got 'test state'"):
        load(saved(path), "svd stream", version=1)


def test_a_newer_version_is_refused_and_an_older_one_is_not(path):
    saved(path, version=2)
    with pytest.raises(ValueError, match=r"got version 2; .* update orthola"):
        load(path, KIND, version=1)
    assert load(path, KIND, version=3).version == 2


def test_a_file_that_ends_anywhere_too_early_is_refused(path):
    whole = saved(path).read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="truncated, damaged"):
            load(path, KIND, version=1)


def test_a_changed_number_is_noticed(path):
    whole = bytearray(saved(path).read_bytes())
    where = bytes(whole).index(np.float64(5.0).tobytes())
    whole[where] ^= 1
    path.write_bytes(whole)
    with pytest.raises(ValueError, match="truncated, damaged"):
        load(path, KIND, version=1)


def test_an_archive_of_another_origin_is_refused(path):
    np.savez(path, matrix=np.eye(2))
    with pytest.raises(ValueError, match="of another origin"):
        load(path, KIND, version=1)


def test_a_missing_file_is_a_missing_file(path):
    with pytest.raises(FileNotFoundError):
        load(path, KIND, version=1)


@pytest.mark.parametrize("bad", [np.asarray([None]), [1.0]])
def test_objects_are_refused_and_the_old_file_stays(path, bad):
    old = saved(path).read_bytes()
    with pytest.raises(TypeError, match="NumPy arrays of numbers"):
        saved(path, arrays={"bad": bad})
    assert path.read_bytes() == old
    assert os.listdir(path.parent) == [path.name]


def test_a_failure_while_writing_leaves_the_old_file_alone(path, monkeypatch):
    old = saved(path).read_bytes()

    def full(handle):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        saved(path, arrays={"matrix": np.zeros(3)})
    assert path.read_bytes() == old
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.skipif(os.name != "posix", reason="links and modes of POSIX")
def test_a_link_is_followed_and_the_mode_is_kept(path, tmp_path):
    saved(path).chmod(0o600)
    link = tmp_path / "link"
    link.symlink_to(path)
    saved(link, arrays={"matrix": np.zeros(3)})
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(load(path, KIND, version=1).arrays) == ["matrix"]


def test_the_file_holds_no_pickle(path):
    with zipfile.ZipFile(saved(path)) as archive:
        names = {name.rpartition(".")[2] for name in archive.namelist()}
    assert names == {"json", "npy"}


LOOP = """
import sys
import numpy as np
from orthola._core.storage import save
for step in range(10**9):
    arrays = {"step": np.full(50_000, float(step)), "again": np.full(50_000, float(step))}
    save(sys.argv[1], "test state", 1, arrays, {"step": step})
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")
def test_a_process_killed_while_saving_leaves_a_whole_state(path):
    for wait in (0.0, 0.003, 0.011, 0.027):
        path.unlink(missing_ok=True)
        process = subprocess.Popen([sys.executable, "-c", LOOP, str(path)])
        try:
            while not path.exists():
                assert process.poll() is None
                time.sleep(0.001)
            time.sleep(wait)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        _, header, arrays = load(path, KIND, version=1)
        for array in arrays.values():
            assert array.shape == (50_000,)
            assert (array == header["step"]).all()
