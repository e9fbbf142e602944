"""`cayley_inverse`: round trips, signs, pair flips, and a status that tells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from orthola import Status, StatusError, cayley, cayley_inverse, check, options
from orthola._core.space import resolve
from orthola._maps.pair_flips import flip_limit, flip_pairs
from orthola.testing import LAYOUTS, gaussian, lay_out, machine_epsilon, orthonormal
from tests.dtypes import on_dtypes
from tests.isolation import assert_same_kind, to_numpy

C_ROUND_TRIP = 50.0  # in units of n u (1 + ||s A||_2)
DTYPES = ("float64", "float32", "complex128", "complex64")
kernels = pytest.mark.parametrize("use_kernels", [True, False], ids=["kernel", "text"])


def h(x: Any) -> Any:
    return np.swapaxes(x, -1, -2).conj()


def unit(dtype: str) -> float:
    return machine_epsilon(dtype) / 2


def double(dtype: str) -> str:
    return "complex128" if dtype.startswith("complex") else "float64"


def haar(n: int, items: int, dtype: str, seed: int) -> Any:
    """Haar matrices, real ones of both determinants in turns."""
    rng = np.random.default_rng(seed)
    q = np.stack([orthonormal(n, n, dtype=double(dtype), rng=rng) for _ in range(items)])
    if not dtype.startswith("complex"):
        wrong = np.linalg.det(q) * (-1.0) ** np.arange(items) < 0
        q[wrong, 0] *= -1
    return q.astype(dtype)


def assert_round_trip(q: Any, result: Any, dtype: str, *, scale: float = 0.5) -> None:
    """With status OK, A skew-Hermitian, and back to Q as near as is promised."""
    a, d = (to_numpy(x) for x in result[:2])
    n = q.shape[-1]
    assert not to_numpy(result.status).any()
    assert np.array_equal(a, -h(a))
    assert np.abs(np.abs(d) - 1).max() <= 4 * unit(dtype)
    back = cayley(a, signs=d, scale=scale)
    size = np.linalg.norm(scale * a.astype(double(dtype)), axis=(-2, -1), ord=2)
    error = np.linalg.norm((back - q).astype(double(dtype)), axis=(-2, -1), ord=2)
    assert np.all(error <= C_ROUND_TRIP * n * unit(dtype) * (1 + size))


def special(n: int) -> Any:
    """I, -I, permutations, reflections, the anti-diagonal, signs."""
    rng = np.random.default_rng(n)
    v = rng.standard_normal((n, 1))
    one = np.eye(n)
    one[0, 0] = -1
    return np.stack(
        [
            np.eye(n),
            -np.eye(n),
            np.eye(n)[::-1],
            np.roll(np.eye(n), 1, axis=0),
            np.eye(n)[rng.permutation(n)],
            np.eye(n) - 2 * v @ v.T / (v.T @ v),
            one,
            -one,
            np.diag((-1.0) ** np.arange(n)),
        ]
    )


def near_minus_one(n: int, gap: float, dtype: str, seed: int) -> Any:
    """All eigenvalues within about `gap` of -1 (real and odd: one at -1)."""
    angles = np.pi + gap * np.linspace(-1, 1, n)
    if dtype.startswith("complex"):
        v = orthonormal(n, n, dtype="complex128", rng=seed)
        return v * np.exp(1j * angles) @ h(v)
    blocks = -np.eye(n)
    for i in range(0, n - 1, 2):
        c, s = np.cos(angles[i]), np.sin(angles[i])
        blocks[i : i + 2, i : i + 2] = [[c, -s], [s, c]]
    q = orthonormal(n, n, rng=seed)
    return q @ blocks @ q.T


# Round trips


@pytest.mark.parametrize("n", [2, 9])
@on_dtypes(*DTYPES)
def test_round_trips_on_every_library(backend, dtype, n):
    q = np.concatenate([haar(n, 6, dtype, n), special(n).astype(dtype)])
    x = backend.asarray(q, dtype)
    for scale in (0.5,) if backend.jitted else (0.5, 3.0):
        result = backend.call(cayley_inverse, x, scale=scale)
        assert_same_kind(result.skew, x, shape=q.shape)
        assert_same_kind(result.signs, x, shape=q.shape[:-1])
        assert_round_trip(q, result, dtype, scale=scale)


@kernels
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_thousand_haar_matrices_of_either_determinant(dtype, use_kernels):
    with options(kernels=use_kernels):
        for n, items in ((3, 400), (8, 400), (32, 170), (130, 30)):
            items = items if use_kernels else items // 10
            q = haar(n, items, dtype, n)
            assert_round_trip(q, cayley_inverse(q), dtype)
            assert_round_trip(q[-1], cayley_inverse(q[-1]), dtype)


@pytest.mark.parametrize("n", [3, 8])
@on_dtypes("float64")
def test_inverse_cayley_eigenvalue_minus_one(backend, dtype, n):
    gaps = (1e-1, 1e-4, 1e-7, 1e-10, 1e-13, 0.0)
    q = np.stack([near_minus_one(n, gap, dtype, n) for gap in gaps]).astype(dtype)
    assert_round_trip(q, backend.call(cayley_inverse, backend.asarray(q, dtype)), dtype)


@pytest.mark.parametrize("n", [1, 8])
@on_dtypes("float64")
def test_inverse_cayley_det_minus_one(backend, dtype, n):
    q = haar(n, 4, dtype, n)[1::2]
    assert np.all(np.linalg.det(q) < 0)
    result = backend.call(cayley_inverse, backend.asarray(q, dtype))
    assert_round_trip(q, result, dtype)
    assert np.array_equal(np.prod(to_numpy(result.signs), axis=-1), [-1, -1])


@kernels
@pytest.mark.parametrize("dtype", DTYPES)
def test_order_one_and_spectra_at_minus_one(dtype, use_kernels):
    ones = special(1).astype(dtype)
    near = np.stack([near_minus_one(40, gap, dtype, 3) for gap in (1e-3, 1e-9, 0.0)]).astype(dtype)
    with options(kernels=use_kernels):
        for q in (ones, near):
            assert_round_trip(q, cayley_inverse(q), dtype)
            assert_round_trip(q[1], cayley_inverse(q[1]), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_way_there_and_back_from_parameters(dtype):
    a = gaussian(6, 6, shape=(12,), dtype=dtype, rng=1) / 3
    a = a - h(a)
    found = check(cayley_inverse(cayley(a), signs=[1] * 6))
    assert np.abs(found.skew - a).max() <= 50 * 6 * unit(dtype) * 10
    assert np.array_equal(found.signs, np.ones((12, 6)))


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_heads_of_a_cache_start_from_their_own_bases(dtype):
    """A stack of bases of any determinant, kept while their parameters are trained."""
    basis = haar(16, 6, dtype, 2)
    start = check(cayley_inverse(basis))
    x, w = gaussian(5, 16, dtype=dtype, rng=3), gaussian(16, 5, dtype=dtype, rng=4)
    for step in (0.0, 0.3):
        a = start.skew + step * gaussian(16, 16, shape=(6,), dtype=dtype, rng=5)
        r = cayley(a, signs=start.signs)
        size = np.linalg.norm(x) * np.linalg.norm(w)
        assert np.abs((x @ r) @ (h(r) @ w) - x @ w).max() <= 50 * 16 * unit(dtype) * size
    assert np.abs(cayley(start.skew, signs=start.signs) - basis).max() <= 50 * 16 * unit(dtype) * 20


# Signs


def test_signs_differ_for_close_rotations():
    """Why averages and interpolations fix the signs: the chosen ones may jump."""

    def turn(angle: float) -> Any:
        return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    q = np.stack([turn(np.pi / 2 - 1e-3), turn(np.pi / 2 + 1e-3)])
    chosen = check(cayley_inverse(q))
    assert not np.array_equal(chosen.signs[0], chosen.signs[1])
    assert np.abs(chosen.skew[0] - chosen.skew[1]).max() > 1
    fixed = check(cayley_inverse(q, signs=[1, 1]))
    assert np.abs(fixed.skew[0] - fixed.skew[1]).max() < 1e-2
    # A rotation by 2 is as good as any with the signs (1, 1), and gets (-1, -1).
    two = check(cayley_inverse(turn(2.0), flips=False))
    assert np.array_equal(two.signs, [-1, -1])
    assert np.isclose(check(cayley_inverse(turn(2.0), signs=[1, 1])).skew[1, 0], 2 * np.tan(1.0))


@on_dtypes("float64", "float32", "complex64")
def test_forced_signs_status(backend, dtype):
    n, u = 4, unit(dtype)
    angles = np.array([0.0, 1.0, np.pi - 1e-2, np.pi - 0.5 * np.sqrt(n * u), np.pi])
    q = np.broadcast_to(np.eye(n), (5, n, n)).astype(double(dtype)).copy()
    c, s = np.cos(angles), np.sin(angles)
    q[:, 0, 0], q[:, 0, 1], q[:, 1, 0], q[:, 1, 1] = c, -s, s, c
    rotation = orthonormal(n, n, dtype=double(dtype), rng=6)
    q = (rotation @ q @ h(rotation)).astype(dtype)
    x = backend.asarray(q, dtype)
    result = backend.call(cayley_inverse, x, signs=(1,) * n)
    bad = Status.BOUND_VIOLATED
    assert to_numpy(result.status).tolist() == [0, 0, 0, bad, bad]
    good = [np.asarray(to_numpy(part)[:3]) for part in result]
    back = cayley(good[0], signs=good[1])
    size = np.tan(angles[:3] / 2)[:, None, None]
    assert np.all(np.abs(back - q[:3]) <= C_ROUND_TRIP * n * u * (1 + size))
    assert not to_numpy(backend.call(cayley_inverse, x).status).any()  # with its own


@pytest.mark.parametrize("dtype", DTYPES)
@kernels
def test_singular_with_forced_signs(dtype, use_kernels):
    with options(kernels=use_kernels):
        for items in (1, 9):
            q = np.broadcast_to(-np.eye(5), (items, 5, 5)).astype(dtype)
            result = cayley_inverse(q, signs=np.ones(5))
            assert np.all(result.status == Status.BOUND_VIOLATED)
    with pytest.raises(StatusError):
        check(result)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@kernels
def test_pair_flip_entries_at_most_one(dtype, use_kernels):
    with options(kernels=use_kernels):
        for n, items in ((2, 60), (3, 60), (8, 60), (40, 10), (128, 3)):
            q = np.concatenate([haar(n, items, dtype, 100 + n), special(n).astype(dtype)])
            # An A of entries far above 1: one step of a walk to large entries, and of full rank.
            rough = cayley(gaussian(n, n, shape=(4,), rng=n), scale=2.0).astype(dtype)
            q = np.concatenate([q, rough])
            t = check(cayley_inverse(q, scale=1.0))
            limit = 1 + 100 * n * unit(dtype) * (1 + np.linalg.norm(t.skew, axis=(-2, -1), ord=2))
            assert np.all(np.abs(t.skew).max(axis=(-2, -1)) <= limit)
            assert_round_trip(q, t, dtype, scale=1.0)


def largest_entry(rng: Any, n: int) -> Any:
    """An orthogonal matrix whose elimination leaves entries above 1, by a random search."""
    q = np.stack([orthonormal(n, n, rng=rng) for _ in range(400)])
    t = np.abs(cayley_inverse(q, scale=1.0, flips=False).skew).max(axis=(-2, -1))
    return q[np.argmax(t)], t.max()


def test_without_flips_entries_grow_and_with_them_they_do_not():
    q, grown = largest_entry(np.random.default_rng(7), 12)
    assert grown > 1.5
    assert np.abs(cayley_inverse(q, scale=1.0).skew).max() <= 1 + 1e-12


@pytest.mark.parametrize("n", [2, 3, 6, 9])
def test_one_flip_is_the_change_of_two_signs(n):
    """And it multiplies |det(I + D Q)| by the square of the entry."""
    q = haar(n, 2, "float64", 8 + n)[0]
    for i in range(n):
        for j in range(i):
            signs = np.ones(n)
            t = check(cayley_inverse(q, scale=1.0, signs=signs)).skew
            signs[[i, j]] = -1
            other = cayley_inverse(q, scale=1.0, signs=signs).skew
            # Make (i, j) the one entry above 1, so that it is the one flipped.
            size = 0.5 * np.abs(t[i, j]) / np.abs(t).max()
            small = t * size / np.abs(t[i, j])
            small[[i, j], [j, i]] = t[[i, j], [j, i]] * 1.5 / np.abs(t[i, j])
            p = cayley(small, scale=1.0)
            space, _ = resolve("test", small)
            flipped, chosen, flips = flip_pairs(space, small, np.ones(n))
            expected = cayley_inverse(p, scale=1.0, signs=chosen).skew
            assert flips >= 1
            assert np.abs(flipped - expected).max() <= 1e-11
            ratio = np.linalg.det(np.eye(n) + signs[:, None] * q) / np.linalg.det(np.eye(n) + q)
            assert np.isclose(abs(ratio), t[i, j] ** 2, rtol=1e-8)
            assert np.isfinite(other).all()


def test_more_than_seven_flips_happen_and_never_more_than_the_order():
    q = haar(200, 2, "float64", 9)
    t = cayley_inverse(q, scale=1.0, flips=False)
    space, _ = resolve("test", t.skew)
    flipped, _, flips = flip_pairs(space, t.skew, t.signs)
    assert np.all((flips > 0) & (flips < 200))
    assert np.abs(flipped).max() <= flip_limit(space, 200) * (1 + 1e-10)


def test_flips_can_be_left_out():
    q = haar(40, 3, "float64", 10)
    plain, flipped = cayley_inverse(q, flips=False), cayley_inverse(q)
    assert_round_trip(q, plain, "float64")
    assert np.abs(flipped.skew).max() < np.abs(plain.skew).max()


# Bad input


@pytest.mark.parametrize("size", [1e-3, 0.5])
@on_dtypes("float64", "float32")
def test_what_is_not_orthogonal_is_told(backend, dtype, size):
    q = haar(6, 10, dtype, 11)
    q[3] += (size * gaussian(6, 6, dtype=dtype, rng=12)).astype(dtype)
    q[7] *= 1 + size
    for given in (None, (1,) * 6):
        status = backend.call(cayley_inverse, backend.asarray(q, dtype), signs=given).status
        codes = to_numpy(status)
        assert codes[[3, 7]].tolist() == [Status.BOUND_VIOLATED] * 2
        assert given or not np.delete(codes, [3, 7]).any()


def test_the_limit_of_orthogonality_is_fifty_roundings():
    q = haar(9, 1, "float64", 13)[0]
    n, u = 9, unit("float64")
    # (1 + e) Q has the defect 2 e sqrt(n) in the Frobenius norm.
    for factor, expected in ((0.5, Status.OK), (2.0, Status.BOUND_VIOLATED)):
        e = factor * 50 * n * u / (2 * n**0.5)
        assert cayley_inverse(q * (1 + e)).status == expected
        assert np.all(cayley_inverse(np.stack([q * (1 + e)] * 9)).status == expected)


@on_dtypes("float64", "complex64")
def test_nan_and_infinity_stay_in_their_item(backend, dtype):
    q = haar(5, 11, dtype, 14)
    clean = backend.call(cayley_inverse, backend.asarray(q, dtype))
    q[2, 0, 3], q[9, 4, 1] = np.nan, np.inf
    bad = np.isin(np.arange(11), [2, 9])
    for given in (None, (1,) * 5):
        result = backend.call(cayley_inverse, backend.asarray(q, dtype), signs=given)
        a, d, status = (to_numpy(part) for part in result)
        assert np.all(status[bad] == Status.NONFINITE)
        assert np.isnan(a[bad]).all()
        assert np.isnan(d[bad]).all() == (given is None)
    a, d, status = (to_numpy(p) for p in backend.call(cayley_inverse, backend.asarray(q, dtype)))
    for found, before in zip((a, d, status), clean, strict=True):
        assert np.array_equal(found[~bad], to_numpy(before)[~bad])


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_single(name):
    torch = pytest.importorskip("torch", reason="PyTorch has bfloat16")
    q = torch.tensor(haar(8, 2, "float32", 15)).to(getattr(torch, name))
    a, d, status = cayley_inverse(q)
    assert a.dtype == d.dtype == q.dtype
    # Judged by the precision of what was given, not of what it is computed in.
    assert not status.any()
    assert torch.equal(a, cayley_inverse(q.float(), flips=True).skew.to(q.dtype))


@pytest.mark.parametrize("shape", [(0, 0), (3, 0, 0), (0, 4, 4)], ids=str)
@on_dtypes("float64")
def test_empty_input(backend, dtype, shape):
    a, d, status = backend.call(cayley_inverse, backend.asarray(np.zeros(shape), dtype))
    assert tuple(a.shape) == shape
    assert tuple(d.shape) == shape[:-1]
    assert tuple(status.shape) == shape[:-2]


@pytest.mark.parametrize("items", [1, 9])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_memory_order_changes_nothing_and_nothing_is_written(layout, items):
    q = haar(7, items, "float64", 16)
    laid = lay_out(q, layout)
    laid.flags.writeable = False
    for one, other in zip(cayley_inverse(laid), cayley_inverse(q), strict=True):
        assert np.allclose(one, other, rtol=0, atol=1e-12)
    assert np.array_equal(laid, q)


def test_batched_equals_loop():
    for dtype in DTYPES:
        q = haar(6, 11, dtype, 17)
        together = cayley_inverse(q)
        for i in range(11):
            one = cayley_inverse(q[i])
            assert np.array_equal(one.signs.real > 0, together.signs[i].real > 0)
            assert np.abs(one.skew - together.skew[i]).max() <= 50 * 6 * unit(dtype) * 20


@pytest.mark.parametrize(
    ("q", "keywords", "kind", "message"),
    [
        (np.ones((3, 2)), {}, ValueError, r"expected q of shape \(\.\.\., n, n\)"),
        (np.ones(3), {}, ValueError, "at least two axes"),
        (np.eye(3), {"scale": -1.0}, ValueError, "scale"),
        (np.eye(3), {"signs": np.ones(4)}, ValueError, r"broadcast to \(3,\)"),
        (np.eye(3), {"signs": np.ones(3) * 1j}, TypeError, "real signs"),
        (None, {}, TypeError, "cayley_inverse"),
    ],
)
def test_static_mistakes(q, keywords, kind, message):
    with pytest.raises(kind, match=message):
        cayley_inverse(q, **keywords)
