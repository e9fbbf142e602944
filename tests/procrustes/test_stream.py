"""Streams of points: the same sums in any order, and nothing lost."""

from __future__ import annotations

import signal
import subprocess
import sys

import numpy as np
import pytest

import orthola
from orthola import ProcrustesStream, Status
from tests.dtypes import on_dtypes, real_of
from tests.isolation import to_numpy

U = 2.0**-53
C = 50.0  # roundings per summand allowed: c n u


def points(m=300, n=4, *, noise=0.1, seed=0, dtype="float64"):
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((m, n))
    r = orthola.haar(n, rng=seed)
    b = 2.0 * a @ r + 3.0 + noise * rng.standard_normal((m, n))
    if dtype.startswith("complex"):
        a, b = a + 1j * rng.standard_normal((m, n)), b + 1j * rng.standard_normal((m, n))
    return a, b, rng.uniform(0.5, 2.0, m)


def streamed(a, b, w=None, *, cuts=(100, 170)):
    stream = ProcrustesStream()
    for part in np.split(np.arange(len(a)), cuts):
        stream.update(a[part], b[part], None if w is None else w[part])
    return stream


def distance(one, two):
    return max(
        np.max(np.abs(to_numpy(x) - to_numpy(y)))
        for x, y in zip(one.transform, two.transform, strict=True)
    )


@pytest.mark.parametrize("translation", [False, True])
@pytest.mark.parametrize("scaling", [False, True])
@pytest.mark.parametrize("rotation_only", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_stream_equals_batch(rotation_only, scaling, translation, weighted):
    a, b, w = points()
    w = w if weighted else None
    options = {
        "rotation_only": rotation_only, "scaling": scaling, "translation": translation
    }  # fmt: skip
    batch = orthola.procrustes(a, b, weights=w, refine=0, **options)
    fit = streamed(a, b, w).solve(**options)
    assert distance(fit, batch) <= 1e-13
    assert abs(fit.residual - batch.residual) <= 1e-13 * np.linalg.norm(b)
    assert fit.status == batch.status == Status.OK
    assert fit.uniqueness.rank == batch.uniqueness.rank


@on_dtypes("float64", "float32", "complex128", "complex64")
def test_streams_of_every_library(backend, dtype):
    a, b, _ = points(dtype=dtype)
    stream = ProcrustesStream()
    for part in (slice(0, 100), slice(100, 300)):
        stream.update(backend.asarray(a[part], dtype), backend.asarray(b[part], dtype))
    fit = stream.solve(translation=True, scaling=True)
    batch = orthola.procrustes(
        backend.asarray(a, dtype), backend.asarray(b, dtype), translation=True, scaling=True
    )
    eps = np.finfo(real_of(dtype)).eps
    assert fit.transform.rotation.dtype == batch.transform.rotation.dtype
    assert distance(fit, batch) <= C * 4 * eps


def test_stream_merge_order():
    a, b, w = points(m=400)
    parts = [
        ProcrustesStream().update(a[k : k + 100], b[k : k + 100], w[k : k + 100])
        for k in range(0, 400, 100)
    ]
    batch = orthola.procrustes(a, b, weights=w, translation=True, refine=0)
    for order in ((0, 1, 2, 3), (3, 1, 0, 2)):
        chain, tree = ProcrustesStream(), ProcrustesStream()
        for k in order:
            chain.merge(parts[k])
        left = ProcrustesStream().merge(parts[order[0]]).merge(parts[order[1]])
        tree.merge(left).merge(ProcrustesStream().merge(parts[order[2]]).merge(parts[order[3]]))
        for stream in (chain, tree):
            assert distance(stream.solve(translation=True), batch) <= 1e-13


def test_merging_leaves_the_other_stream_as_it_was():
    a, b, _ = points()
    other = ProcrustesStream().update(a, b)
    before = [x.copy() for x in other.state]
    ProcrustesStream().merge(other).update(a, b).downdate(other)
    for x, y in zip(before, other.state, strict=True):
        np.testing.assert_array_equal(x, y)


def test_stream_downdate_sliding_window():
    a, b, _ = points(m=1000)
    width, stream = 200, ProcrustesStream().update(a[:200], b[:200])
    for start in range(0, 800, 50):
        stream.update(a[start + width : start + width + 50], b[start + width : start + width + 50])
        stream.downdate(a[start : start + 50], b[start : start + 50])
        window = slice(start + 50, start + 50 + width)
        batch = orthola.procrustes(a[window], b[window], translation=True, scaling=True, refine=0)
        fit = stream.solve(translation=True, scaling=True)
        assert distance(fit, batch) <= C * 1000 * U
        assert fit.status == Status.OK


def test_everything_taken_out_is_the_empty_state():
    a, b, _ = points()
    stream = ProcrustesStream().update(a, b).downdate(a[:100], b[:100]).downdate(a[100:], b[100:])
    assert all(not np.any(x) for x in stream.state)
    assert stream.solve().status == Status.RANK_DEFICIENT
    assert distance(stream.update(a, b).solve(), streamed(a, b).solve()) <= 1e-13


def test_stream_cancellation_status():
    a, b, _ = points()
    far = 1e6 * np.ones((1, 4)) * np.arange(1, 4)[:, None]
    stream = ProcrustesStream().update(far, far).update(a, b)
    assert stream.solve(translation=True).status == Status.OK
    result = stream.downdate(far, far).solve(translation=True)
    assert result.status == Status.BOUND_VIOLATED
    with pytest.raises(orthola.StatusError, match="build the state again"):
        orthola.check(result)


def test_refine_of_a_stream_beats_the_squared_condition():
    rng = np.random.default_rng(1)
    # Turned, because a decomposition does not lose what is small in single columns.
    a = (rng.standard_normal((40, 8)) * np.geomspace(1, 1e-5, 8)) @ orthola.haar(8, rng=2)
    r = orthola.haar(8, rng=1)
    stream = ProcrustesStream().update(a[:20], (a @ r)[:20]).update(a[20:], (a @ r)[20:])
    chunks = [(a[:10], (a @ r)[:10]), (a[10:], (a @ r)[10:])]
    plain, fine = stream.solve(), stream.refine(iter(chunks))
    lost = np.linalg.norm(plain.transform.rotation - r)
    kept = np.linalg.norm(fine.transform.rotation - r)
    assert lost > 1e-9
    assert kept <= C * 8 * U * 1e5
    assert fine.residual <= 1e-11


def test_refine_wants_all_points_of_the_stream():
    a, b, _ = points()
    with pytest.raises(ValueError, match="all points of the stream"):
        streamed(a, b).refine([(a[:10], b[:10])])


@pytest.mark.parametrize("size", [1e-300, 1e-150, 1e150, 1e300])
def test_streams_do_not_leave_the_range(size):
    a, b, _ = points()
    unit = streamed(a, b).solve(translation=True)
    scale = 2.0 ** np.round(np.log2(size))
    fit = streamed(scale * a, scale * b).solve(translation=True)
    assert np.linalg.norm(fit.transform.rotation - unit.transform.rotation) <= C * 4 * U
    np.testing.assert_allclose(fit.residual / scale, unit.residual, rtol=1e-12)


def test_stacks_of_streams_and_an_item_that_is_not_finite():
    a, b, _ = points(m=60)
    stack_a, stack_b = np.stack([a, 2 * a, a]), np.stack([b, b, b])
    stack_a[1, 3, 0] = np.nan
    with pytest.raises(ValueError, match="1 of the items"):
        ProcrustesStream().update(stack_a, stack_b)
    stream = ProcrustesStream(check_finite=False)
    stream.update(stack_a, stack_b).update(stack_a, stack_b)
    fit, alone = stream.solve(), streamed(a, b).solve()
    assert fit.status.tolist() == [Status.OK, Status.NONFINITE, Status.OK]
    assert np.isnan(fit.transform.rotation[1]).all()
    assert np.abs(fit.transform.rotation[[0, 2]] - alone.transform.rotation).max() <= 1e-13


def test_chunks_that_do_not_fit_are_refused_and_change_nothing():
    a, b, _ = points()
    stream = streamed(a, b)
    before = stream.state
    for bad, what in (
        ((a[:, :3], b[:, :3]), "as before"),
        ((a.astype(np.float32), b.astype(np.float32)), "as before"),
        ((np.full_like(a, np.nan), b), "finite"),
    ):
        with pytest.raises(ValueError, match=what):
            stream.update(*bad)
    assert stream.state is before
    with pytest.raises(ValueError, match="update it"):
        ProcrustesStream().solve()


RESUMED = """
import sys
import numpy as np
from orthola import ProcrustesStream
path, data = sys.argv[1:]
a, b = (np.load(data)[name] for name in "ab")
try:
    stream = ProcrustesStream.load(path)
except FileNotFoundError:
    stream = ProcrustesStream()
done = 0 if stream.state is None else int(stream.state.rows)
for start in range(done, len(a), 10):
    stream.update(a[start : start + 10], b[start : start + 10]).save(path)
    print(start, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")
def test_stream_resume_after_kill(tmp_path):
    a, b, _ = points(m=600)
    path, data = tmp_path / "stream", tmp_path / "data.npz"
    np.savez(data, a=a, b=b)
    command = [sys.executable, "-c", RESUMED, str(path), str(data)]
    for lines in (3, 11):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for _ in range(lines):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.communicate()
    subprocess.run(command, check=True, capture_output=True)
    whole = ProcrustesStream()
    for start in range(0, 600, 10):
        whole.update(a[start : start + 10], b[start : start + 10])
    for x, y in zip(ProcrustesStream.load(path).state, whole.state, strict=True):
        np.testing.assert_array_equal(x, y)


def test_a_saved_stream_goes_on_in_another_library(tmp_path):
    torch = pytest.importorskip("torch")
    a, b, _ = points()
    half = ProcrustesStream().update(a[:150], b[:150])
    half.save(tmp_path / "stream")
    other = ProcrustesStream.load(tmp_path / "stream", xp="torch")
    other.update(torch.from_numpy(a[150:]), torch.from_numpy(b[150:]))
    assert distance(other.solve(), streamed(a, b).solve()) <= 1e-13
