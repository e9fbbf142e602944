"""What `omp` finds, in every form: definitions, traps of other implementations, hard input."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.linalg import hadamard

import orthola
from orthola import Status, omp
from tests.sparse.forms import FORMS, in_every_form, pursue, sets, sparse_signals, unit_atoms
from tests.sparse.reference import naive

C_FIT = 1.0  # residual against the chosen atoms, in K sqrt(M) eps ||A_S|| (||y|| + ||A_S|| ||x||)
C_COEFFICIENTS = 2.0  # in K eps cond(A_S)^2 max|x|, or cond(A_S) in the residual form


@in_every_form
def test_correlated_with_residual(form):
    found = pursue(form, [[1.0, 0.0]], [[0.8, 0.6], [0.0, 1.0]], n_nonzero=2)
    assert found.indices.tolist() == [[0, 1]]
    np.testing.assert_allclose(found.coefficients, [[1.25, -0.75]], rtol=1e-15)
    assert found.residual_norm[0] < 1e-15
    assert found.status.tolist() == [Status.OK]


@in_every_form
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_tiny_scales(form, dtype):
    a = unit_atoms(30, 16, dtype=dtype)
    y, _ = sparse_signals(a, 5, 4, noise=0.1)
    plain = pursue(form, y, a, n_nonzero=4, tol=1e-6)
    for i in (-40, 40) if dtype == "float32" else (-40, 40, -498, -950, 950):
        for signals, atoms, x, r in ((i, 0, i, i), (0, i, -i, 0), (i, i, 0, i)):
            scale = np.ldexp(np.ones(3, dtype), (signals, atoms, x))
            if not np.isfinite(scale).all() or (scale == 0).any():
                continue
            # The Gram matrix of such atoms may leave the range: it is formed inside.
            with orthola.options(kernels=form.endswith("kernel")):
                memory = 2 * 30**2 * a.itemsize - 1 if form.startswith("residual") else 1 << 30
                found = omp(y * scale[0], a * scale[1], n_nonzero=4, tol=1e-6, max_memory=memory)
            np.testing.assert_array_equal(found.indices, plain.indices)
            np.testing.assert_allclose(found.coefficients, plain.coefficients * scale[2], 1e-5)
            norms = np.ldexp(plain.residual_norm, r)
            np.testing.assert_allclose(found.residual_norm, norms, 1e-5)
    small = pursue(form, y * np.dtype(dtype).type(1e-4), a, n_nonzero=4)
    np.testing.assert_array_equal(small.indices, plain.indices)


def test_scales_leave_every_bit_in_the_text():
    a, mixed = unit_atoms(30, 16), np.ones((30, 1))
    y, _ = sparse_signals(a, 5, 4, noise=0.1)
    mixed[[3, 7], 0] = 2.0**-600, 2.0**500
    with orthola.options(kernels=False):
        for options in ({}, {"selection": "ols"}, {"max_memory": 2000}):
            plain = omp(y, a, n_nonzero=4, **options)
            for i in (-1000, 900):
                found = omp(np.ldexp(y, i), a, n_nonzero=4, **options)
                np.testing.assert_array_equal(found.coefficients, np.ldexp(plain.coefficients, i))
                found = omp(y, np.ldexp(a, i), n_nonzero=4, **options)
                np.testing.assert_array_equal(found.indices, plain.indices)
                expected = np.ldexp(plain.coefficients, -i)
                np.testing.assert_array_equal(found.coefficients, expected)
            # Atoms of very different lengths, which plain pursuit minds.
            found = omp(y, a * mixed, n_nonzero=4, **options)
            if options.get("selection") == "ols":
                np.testing.assert_array_equal(found.indices, plain.indices)
            else:
                assert (found.indices[:, 0] == 7).all()


@in_every_form
def test_dtype_kept(form):
    for dtype in ("float32", "complex64", "complex128"):
        a = unit_atoms(12, 8, dtype=dtype)
        for options in ({}, {"gram": a.conj() @ a.T}):
            found = pursue(form, a[:2], a, n_nonzero=2, **(options if "stored" in form else {}))
            assert found.coefficients.dtype == dtype
            assert found.residual_norm.dtype == a.real.dtype
            assert found.status.dtype == np.int32
            assert found.indices.dtype == found.n_active.dtype == np.int64


def test_same_result_type():
    a = unit_atoms(12, 8)
    y, gram = a[:3] + a[3:6], a @ a.T
    found = [omp(y, a, n_nonzero=2), omp(y, a, n_nonzero=2, gram=gram), omp(y, a, tol=0.5)]
    found += [omp(y, a, n_nonzero=[1, 2, 2]), omp(y, a, n_nonzero=2, nonnegative=True)]
    for codes in found:
        assert type(codes) is orthola.OMPResult
        assert [x.dtype for x in codes] == [x.dtype for x in found[0]]
        assert [x.shape[0] for x in codes] == [3] * 5


@in_every_form
@pytest.mark.parametrize("order", [1, -1])
def test_ragged_path(form, order):
    a = np.eye(6)
    y = np.array([[2.0, 0, 0, 0, 0, 0], [3.0, 2.0, 1.0, 0, 0, 0]])[::order]
    found = pursue(form, y, a, tol=1e-6)
    assert found.n_active.tolist() == [1, 3][::order]
    assert sets(found.indices) == [{0}, {0, 1, 2}][::order]
    np.testing.assert_array_equal(found.dense(6), y)
    assert not found.status.any()


@in_every_form
def test_tol_and_count(form):
    a = unit_atoms(20, 12)
    y, _ = sparse_signals(a, 4, 6, noise=0.2)
    found = pursue(form, y, a, n_nonzero=3, tol=1e-9)
    assert (found.n_active == 3).all()
    assert (found.status == Status.TOLERANCE_NOT_MET).all()
    loose = pursue(form, y, a, n_nonzero=12, tol=0.4)
    size = np.linalg.norm(y, axis=1)
    assert not loose.status.any()
    assert (loose.residual_norm <= 0.4 * size).all()
    assert (loose.n_active < 12).all()
    # One atom fewer would not have been enough.
    fewer = pursue(form, y, a, n_nonzero=loose.n_active - 1)
    assert (fewer.residual_norm > 0.4 * size).all()
    each = pursue(form, y, a, tol=np.array([1.0, 0.5, 0.4, 1e-14]))
    assert each.n_active[0] == 0
    assert (np.diff(each.n_active) >= 0).all()
    assert each.indices.shape == (4, 12)


@in_every_form
def test_n_nonzero_for_every_signal(form):
    a = unit_atoms(20, 12)
    y, _ = sparse_signals(a, 3, 6, noise=0.2)
    found = pursue(form, y, a, n_nonzero=[2, 0, 4])
    assert found.indices.shape == (3, 4)
    assert found.n_active.tolist() == [2, 0, 4]
    for i, k in enumerate((2, 0, 4)):
        one = pursue(form, y[i : i + 1], a, n_nonzero=k)
        np.testing.assert_array_equal(found.indices[i, :k], one.indices[0])
        assert (found.indices[i, k:] == -1).all()


@in_every_form
def test_complex_signals(form):
    a = unit_atoms(24, 10, dtype="complex128")
    y = orthola.testing.gaussian(6, 10, dtype="complex128", rng=3)
    for selection, rule in (("omp", "omp"), ("ols", "ols")):
        found = pursue(form, y, a, n_nonzero=4, selection=selection)
        for row, x, signal in zip(found.indices, found.coefficients, y, strict=True):
            expected = naive(signal, a, 4, rule=rule)
            assert row.tolist() == expected.support
            np.testing.assert_allclose(x, expected.x, rtol=0, atol=1e-12)


@in_every_form
def test_raw_atoms(form):
    a = unit_atoms(30, 16)
    y, _ = sparse_signals(a, 20, 3, noise=0.3)
    long = a.copy()
    long[4] *= 100.0
    y[0] = a[4] + 0.3 * a[5]
    for options in ({"normalize": True}, {"selection": "ols"}):
        one, other = (pursue(form, y, x, n_nonzero=5, **options) for x in (a, long))
        np.testing.assert_array_equal(one.indices, other.indices)
        expected = one.dense(30)
        expected[:, 4] /= 100.0
        np.testing.assert_allclose(other.dense(30), expected, rtol=1e-11, atol=1e-13)
        assert expected[0, 4] != 0
        tripled = pursue(form, y, 3.0 * a, n_nonzero=5, **options)
        np.testing.assert_array_equal(one.indices, tripled.indices)
        np.testing.assert_allclose(3.0 * tripled.coefficients, one.coefficients, rtol=1e-11)
    raw = pursue(form, y, long, n_nonzero=1)
    assert (raw.indices == 4).sum() > 10  # plain pursuit prefers long atoms


@in_every_form
def test_float32_tol(form):
    rng = np.random.default_rng(0)
    a = unit_atoms(256, 64, dtype="float32")
    size = np.array([3.0, 2.0, 1.0, 1.0, 0.5, 4e-4])
    signs, supports = rng.choice([-1.0, 1.0], (300, 6)), []
    y = np.empty((300, 64))
    for b in range(300):
        supports.append(rng.choice(256, 6, replace=False))
        y[b] = (signs[b] * size) @ a[supports[b]].astype(np.float64)
    found = pursue(form, y.astype(np.float32), a, n_nonzero=20, tol=1e-5)
    easy = [naive(s, a.astype(np.float64), 6).support for s in y]
    right = [set(s) == set(t) for s, t in zip(easy, supports, strict=True)]
    assert sum(right) > 250
    assert (found.n_active[right] == 6).all()
    assert not found.status.any()


def test_float32_never_empty():
    """In a fresh process, with one thread and with two."""
    program = """
import numpy as np
import orthola
from tests.sparse.forms import sparse_signals, unit_atoms
a = unit_atoms(256, 128, dtype="float32")
y, supports = sparse_signals(a, 1000, 16)
for threads in (1, 2):
    with orthola.options(threads=threads):
        found = orthola.omp(y, a, n_nonzero=16)
    wrong = [b for b in range(1000) if set(found.indices[b]) != set(supports[b])]
    exact = orthola.omp(y.astype(float), a.astype(float), n_nonzero=16)
    assert (found.n_active == 16).all()
    assert all(set(found.indices[b]) == set(exact.indices[b]) for b in range(1000))
    assert len(wrong) < 50, len(wrong)
print("right")
"""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert run.stdout.strip() == "right", run.stderr


@in_every_form
def test_read_only_strided(form):
    a, y = unit_atoms(12, 8), unit_atoms(7, 8, rng=3)
    expected = pursue(form, y, a, n_nonzero=3)
    for change in (np.asfortranarray, lambda x: np.repeat(x, 2, axis=1)[:, ::2]):
        found = pursue(form, change(y), change(a), n_nonzero=3)
        np.testing.assert_array_equal(found.indices, expected.indices)
    backwards = pursue(form, y[::-1, ::-1], a[:, ::-1], n_nonzero=3)
    np.testing.assert_array_equal(backwards.indices[::-1], expected.indices)
    kept = a.copy(), y.copy()
    for x in (a, y):
        x.flags.writeable = False
    pursue(form, y, a, n_nonzero=3, tol=np.full(7, 0.1), exclude=np.full((7, 1), 2))
    np.testing.assert_array_equal(a, kept[0])
    np.testing.assert_array_equal(y, kept[1])


@in_every_form
def test_exclude_forms(form):
    a, y = unit_atoms(12, 8), unit_atoms(5, 8, rng=3)
    barred = [3, 7]
    mask = np.isin(np.arange(12), barred)
    padded = np.tile([3, -1, 7], (5, 1))
    found = [
        pursue(form, y, a, n_nonzero=4, exclude=x) for x in (mask, np.tile(mask, (5, 1)), padded)
    ]
    for codes in found:
        np.testing.assert_array_equal(codes.indices, found[0].indices)
        assert not np.isin(codes.indices, barred).any()
    for b in range(5):
        assert found[0].indices[b].tolist() == naive(y[b], a, 4, barred=barred).support
    own = np.arange(5)[:, None]  # another atom for each signal
    codes = pursue(form, a[:5], a, n_nonzero=1, exclude=own)
    assert (codes.indices != own).all()
    everything = pursue(form, y, a, n_nonzero=2, exclude=np.ones(12, bool))
    assert (everything.status == Status.EXHAUSTED).all()


def test_tiles_equal_untiled():
    a = unit_atoms(60, 20)
    y, _ = sparse_signals(a, 40, 5, noise=0.1)
    # Ties across tiles, of numbers that are not rounded: copies of atom 3.
    small = np.random.default_rng(0).integers(-4, 5, (60, 20)) * 1.0
    small[31], small[59] = small[3], small[3]
    for kernels in (False, True):
        with orthola.options(kernels=kernels):
            plain = omp(y, a, n_nonzero=5, gram=a @ a.T)
            for memory in (1 << 12, 1 << 14, 20_000):
                plan = orthola.explain(orthola.omp, y, a, n_nonzero=5, max_memory=memory)
                assert plan["form"] == "residual"
                found = omp(y, a, n_nonzero=5, max_memory=memory)
                np.testing.assert_array_equal(found.indices, plain.indices)
                np.testing.assert_allclose(found.coefficients, plain.coefficients, atol=1e-12)
                tied = omp(small[[31, 59]], small, n_nonzero=1, max_memory=memory)
                assert tied.indices.tolist() == [[3], [3]]


def test_ties():
    a = np.array([[0.6, 0.8, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    for form in FORMS:
        for options in ({}, {"normalize": True}, {"selection": "ols"}):
            found = pursue(form, a[:1], a, n_nonzero=1, **options)
            assert found.indices.tolist() == [[0]]
        assert pursue(form, -a[:1], a, n_nonzero=1).indices.tolist() == [[0]]
        assert pursue(form, [[1.0, 1.0, 1.0]], np.eye(3), n_nonzero=3).indices.tolist() == [
            [0, 1, 2]
        ]


@in_every_form
def test_ols_matches_brute_force(form):
    a = orthola.testing.gaussian(14, 8, rng=5)
    y = orthola.testing.gaussian(6, 8, rng=6)
    found = pursue(form, y, a, n_nonzero=4, selection="ols")
    for signal, row in zip(y, found.indices, strict=True):
        support: list[int] = []
        for _ in range(4):
            rest = [j for j in range(14) if j not in support]
            left = [np.linalg.lstsq(a[[*support, j]].T, signal, rcond=None)[1].sum() for j in rest]
            support.append(rest[int(np.argmin(left))])
        assert row.tolist() == support
    # Stored: after atom 0 the correlations prefer atom 1, the fall of the residual atom 2.
    a = np.array([[1.0, 0.0, 0.0], [0.1, 1.0, 0.0], [0.9, 0.0, 0.435889894354067]])
    y = np.array([[3.0, 0.5, 0.6]])
    assert pursue(form, y, a, n_nonzero=2).indices.tolist() == [[0, 1]]
    assert pursue(form, y, a, n_nonzero=2, selection="ols").indices[0, 1] == 2


@in_every_form
def test_coherence_guarantee(form):
    """Identity and Hadamard: mu = 1/8, so four atoms are found for sure (Tropp 2004)."""
    a = np.concatenate([np.eye(64), hadamard(64) / 8.0])
    rng = np.random.default_rng(0)
    supports = np.argsort(rng.random((300, 128)), axis=1)[:, :4]
    x = rng.standard_normal((300, 4)) * 10.0 ** rng.uniform(-2, 2, (300, 4))
    y = np.einsum("bk,bkm->bm", x, a[supports])
    found = pursue(form, y, a, n_nonzero=4)
    assert sets(found.indices) == [set(row.tolist()) for row in supports]


@in_every_form
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex64"])
def test_accuracy(form, dtype):
    eps = np.finfo(dtype).eps
    k, m = 8, 32
    for mean in (0.0, 3.0):  # coherent atoms too
        a = orthola.testing.gaussian(100, m, dtype=dtype, rng=1) + np.dtype(dtype).type(mean)
        a /= np.linalg.norm(a, axis=1, keepdims=True)
        y = orthola.testing.gaussian(40, m, dtype=dtype, rng=2)
        found = pursue(form, y, a, n_nonzero=k)
        wide = np.complex128 if np.dtype(dtype).kind == "c" else np.float64
        for row, x, r, signal in zip(*found[:2], found.residual_norm, y, strict=False):
            atoms, target = a[row].astype(wide), signal.astype(wide)
            exact = np.linalg.lstsq(atoms.T, target, rcond=None)[0]
            left = target - x @ atoms
            size, largest = np.linalg.norm(target), np.linalg.norm(atoms, 2)
            size = size + largest * np.linalg.norm(x)
            bound = C_FIT * k * np.sqrt(m) * eps * largest * size
            assert np.linalg.norm(atoms.conj() @ left) <= bound
            condition = np.linalg.cond(atoms)
            power = 1 if form.startswith("residual") else 2
            bound = C_COEFFICIENTS * k * eps * condition**power * np.abs(exact).max()
            assert np.abs(x - exact).max() <= bound
            assert abs(r - np.linalg.norm(left)) <= 20 * k * eps * size


@in_every_form
def test_a_longer_pursuit_begins_with_the_shorter_one(form):
    a = unit_atoms(40, 20)
    y, _ = sparse_signals(a, 30, 6, noise=0.2)
    before = None
    for k in range(1, 9):
        found = pursue(form, y, a, n_nonzero=k)
        if before is not None:
            np.testing.assert_array_equal(found.indices[:, :-1], before.indices)
            slack = 1e-14 * np.linalg.norm(y, axis=1)
            assert (found.residual_norm <= before.residual_norm + slack).all()
        before = found


def test_leading_axes_broadcast():
    a = np.stack([unit_atoms(12, 6, rng=i) for i in range(3)])
    y = orthola.testing.gaussian(4, 6, shape=(2, 1), rng=9)
    tol = np.linspace(0.1, 0.5, 4)
    mask = np.arange(12) == 2
    found = omp(y, a, n_nonzero=3, tol=tol, exclude=mask)
    assert found.indices.shape == (2, 3, 4, 3)
    assert found.status.shape == found.n_active.shape == (2, 3, 4)
    for i in range(2):
        for j in range(3):
            one = omp(y[i, 0], a[j], n_nonzero=3, tol=tol, exclude=mask)
            np.testing.assert_array_equal(found.indices[i, j], one.indices)
            np.testing.assert_allclose(found.coefficients[i, j], one.coefficients, atol=1e-13)
    flat = omp(np.broadcast_to(y, (2, 3, 4, 6)), a[0], n_nonzero=[1, 2, 3, 3])
    assert flat.indices.shape == (2, 3, 4, 3)
    assert (flat.n_active == [1, 2, 3, 3]).all()
    shared = omp(y, a, n_nonzero=3, gram=a @ a.transpose(0, 2, 1))
    np.testing.assert_array_equal(shared.indices, omp(y, a, n_nonzero=3).indices)
    none = omp(np.zeros((0, 4, 6)), np.zeros((0, 5, 6)), n_nonzero=2)
    assert none.indices.shape == (0, 4, 2)


def test_lists_and_integers():
    found = omp([[2, 0, 1], [0, 3, 0]], [[1, 0, 0], [0, 1, 0], [0, 0, 1]], n_nonzero=1)
    assert found.indices.tolist() == [[0], [1]]
    assert found.coefficients.dtype == np.float64


def test_many_excluded_atoms_and_large_steps_in_the_text():
    """More steps than are worth unrolling, and a pursuit to the end of the space."""
    a = unit_atoms(90, 40)
    y = orthola.testing.gaussian(3, 40, rng=1)
    with orthola.options(kernels=False):
        found = omp(y, a, n_nonzero=40)
    assert (found.n_active == 40).all()
    assert found.residual_norm.max() < 1e-10
