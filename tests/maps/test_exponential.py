"""`skew_exp` against eigenvectors and 50 digits, on every library, at any norm."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ortho_group

from orthola import haar, options, skew_exp
from orthola.testing import gaussian, machine_epsilon
from tests.dtypes import on_dtypes, real_of
from tests.isolation import assert_same_kind, to_numpy

C_DEFECT = 10.0  # ||Q^H Q - I||_2 in units of n u
C_ERROR = 25.0  # ||Q - exp(A)||_2 in units of n eps max(1, ||A||_2)
NORMS = (0.0, 1e-300, 1e-8, 0.3, 1.0, 2.5, 5.0, 30.0, 1e4)
DTYPES = ("float64", "float32", "complex64", "complex128")


def h(x):
    return np.swapaxes(x, -1, -2).conj()


def unit_roundoff(dtype):
    return machine_epsilon(dtype) / 2


def skew(n, norm, dtype="float64", *, shape=(), seed=0):
    """Skew-Hermitian with this 2-norm, in the dtype."""
    a = gaussian(
        n, n, shape=shape, dtype="complex128" if "complex" in dtype else "float64", rng=seed
    )
    a = a - h(a)
    return (a * (norm / np.linalg.norm(a, 2, axis=(-2, -1))[..., None, None])).astype(dtype)


def by_eigenvectors(a):
    """exp of skew-Hermitian matrices in double precision."""
    t, w = np.linalg.eigh(-1j * np.asarray(a).astype(np.complex128))
    return (w * np.exp(1j * t)[..., None, :]) @ h(w)


def defect(q):
    q = np.asarray(to_numpy(q))
    q = q.astype(np.complex128 if q.dtype.kind == "c" else np.float64)
    return np.linalg.norm(h(q) @ q - np.eye(q.shape[-1]), 2, axis=(-2, -1)).max(initial=0.0)


def assert_exponential(q, a, dtype):
    n = a.shape[-1]
    for one, given in zip(to_numpy(q).reshape(-1, n, n), a.reshape(-1, n, n), strict=True):
        size = max(1.0, float(np.linalg.norm(given.astype(np.complex128), 2)))
        error = np.linalg.norm(one - by_eigenvectors(given), 2)
        assert error <= C_ERROR * n * machine_epsilon(dtype) * size


@on_dtypes(*DTYPES)
def test_exponential_on_every_library(backend, dtype):
    a = np.stack([skew(4, norm, dtype, seed=i) for i, norm in enumerate(NORMS[1:])])
    given = backend.asarray(a.reshape(2, 4, 4, 4), dtype)
    q = backend.call(skew_exp, given)
    assert_same_kind(q, given, shape=(2, 4, 4, 4))
    assert_exponential(q, a, dtype)
    assert defect(q) <= C_DEFECT * 4 * unit_roundoff(dtype)


@pytest.mark.parametrize("bound", [1.0, 40.0])
@on_dtypes("float64", "complex64")
def test_norm_bound_fixes_the_work(backend, dtype, bound):
    a = np.stack([skew(4, norm, dtype) for norm in (0.99 * bound, 0.1 * bound)])
    q = backend.call(skew_exp, backend.asarray(a, dtype), norm_bound=bound)
    assert_exponential(q, a, dtype)
    assert defect(q) <= C_DEFECT * 4 * unit_roundoff(dtype)


@pytest.mark.parametrize("kernels", [True, False])
def test_a_promise_broken_by_little_costs_angles_only(kernels):
    a = skew(6, 3.0)
    with options(kernels=kernels):
        q = skew_exp(a, norm_bound=0.9)
    assert defect(q) <= C_DEFECT * 6 * unit_roundoff("float64")
    assert np.abs(q - by_eigenvectors(a)).max() > 1e-14


@pytest.mark.parametrize("n", [2, 3, 8, 40, 130])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kernels", [True, False])
def test_exp_orthogonality_large_norm(kernels, dtype, n):
    norms = (0.0, 1.0, 5.3, 10.0, 1e2, 1e4, 1e6, 1e9, 1e30, 0.2 * float(np.finfo(dtype).max) / n)
    with options(kernels=kernels):
        for i, norm in enumerate(norms):
            q = skew_exp(skew(n, norm, dtype, seed=i))
            assert defect(q) <= C_DEFECT * n * unit_roundoff(dtype), norm
            if np.dtype(dtype).kind == "f" and n <= 8:
                assert abs(np.linalg.det(q.astype(np.float64)) - 1) <= 1e-4


def mpmath_exponential(a):
    import mpmath

    with mpmath.workdps(60):
        e = mpmath.expm(mpmath.matrix(a.tolist()))
        out = [[complex(e[i, j]) for j in range(e.cols)] for i in range(e.rows)]
    return np.array(out)


def repeated_angles(dtype):
    """Two equal blocks in a random basis: every angle occurs twice."""
    small = skew(2, 2.0, dtype)
    w = haar(4, dtype=dtype, rng=3)
    a = w @ np.kron(np.eye(2), small) @ h(w)
    return (a - h(a)) / 2


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_agrees_with_fifty_digits(dtype, kernels):
    cases = [skew(4, norm, dtype, seed=i) for i, norm in enumerate(NORMS)]
    cases += [repeated_angles(dtype), np.kron(np.eye(2), skew(2, np.pi, dtype))]
    with options(kernels=kernels):
        for a in cases:
            q = skew_exp(a)
            size = max(1.0, float(np.linalg.norm(a, 2)))
            error = np.linalg.norm(q - mpmath_exponential(a), 2)
            assert error <= C_ERROR * 4 * machine_epsilon(dtype) * size


@pytest.mark.parametrize("kernels", [True, False])
def test_nothing_is_lost_near_the_identity(kernels):
    with options(kernels=kernels):
        for dtype in ("float64", "complex128"):
            assert np.array_equal(skew_exp(np.zeros((5, 5), dtype)), np.eye(5))
            a = skew(5, 1e-300, dtype)
            q = skew_exp(a)
            np.testing.assert_allclose(q - np.diag(np.diag(q)), a - np.diag(np.diag(a)), rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_opposite_argument_gives_the_adjoint_and_multiples_commute(dtype):
    a = skew(7, 4.0, dtype)
    q = skew_exp(a)
    bound = C_ERROR * 7 * machine_epsilon(dtype) * 8.0
    assert np.linalg.norm(skew_exp(-a) - h(q), 2) <= bound
    assert np.linalg.norm(skew_exp(2.0 * a) - q @ q, 2) <= bound


def test_any_matrix_stands_for_its_skew_part():
    x = gaussian(6, 6, dtype="complex128", rng=1)
    assert np.abs(skew_exp(x) - skew_exp((x - h(x)) / 2)).max() <= 1e-15 * 6
    lower = np.tril(gaussian(6, 6, dtype="float64", rng=2), -1)
    assert np.array_equal(skew_exp(lower), skew_exp((lower - lower.T) / 2))


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("n", [3, 20, 40])
def test_batched_equals_loop_and_nan_stays_in_its_item(n, kernels):
    norms = (0.1, 5.0, 100.0, 1e-3, 1e7)
    a = np.stack([skew(n, norm, seed=i) for i, norm in enumerate(norms)])
    broken = a.copy()
    broken[1, 0, 1] = np.nan
    broken[3, 1, 0] = np.inf
    with options(kernels=kernels):
        q, p = skew_exp(a), skew_exp(broken)
        for i, norm in enumerate(norms):
            scale = 10 * n * machine_epsilon("float64") * max(1.0, norm)
            assert np.abs(q[i] - skew_exp(a[i])).max() <= scale
            if i in (1, 3):
                assert np.isnan(p[i]).all()
            else:
                assert np.abs(p[i] - q[i]).max() <= scale


@on_dtypes("float64")
def test_nan_on_every_library(backend, dtype):
    a = skew(3, 2.0, shape=(3,))
    a[1, 0, 1] = np.nan
    q = to_numpy(backend.call(skew_exp, backend.asarray(a, dtype)))
    assert np.isnan(q[1]).all()
    assert_exponential(q[::2], a[::2], dtype)


@pytest.mark.parametrize("order", ["F", "odd", "reversed"])
@pytest.mark.parametrize("dtype", ["float64", "complex64"])
def test_memory_order_changes_nothing_and_nothing_is_written(dtype, order):
    a = skew(9, 3.0, dtype, shape=(2,))
    laid = {
        "F": np.asfortranarray(a),
        "odd": np.repeat(a, 2, -1)[..., ::2],
        "reversed": a[:, ::-1, ::-1].copy()[:, ::-1, ::-1],
    }[order]
    laid.flags.writeable = False
    assert np.array_equal(skew_exp(laid), skew_exp(a))
    assert np.array_equal(laid, a)


@on_dtypes("float16", "bfloat16")
def test_half_precision_is_computed_in_single(backend, dtype):
    a = backend.asarray(skew(4, 2.0, "float32"), dtype)
    q = backend.call(skew_exp, a)
    assert_same_kind(q, a)
    wide = skew_exp(to_numpy(a).astype(np.float32))
    assert np.abs(to_numpy(q) - wide).max() <= machine_epsilon(dtype)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3, 3), (2, 0, 0)], ids=str)
@on_dtypes("float64")
def test_empty_input(backend, dtype, shape):
    a = backend.asarray(np.zeros(shape), dtype)
    assert_same_kind(backend.call(skew_exp, a), a, shape=shape)


@pytest.mark.parametrize("dtype", DTYPES)
def test_order_one(dtype):
    a = np.array([[3.0j if "complex" in dtype else 3.0]], dtype)
    expected = np.exp(3.0j) if "complex" in dtype else 1.0
    assert abs(skew_exp(a)[0, 0] - expected) <= 10 * machine_epsilon(real_of(dtype))


def test_integers_and_lists():
    q = skew_exp([[0, -1], [1, 0]])
    assert q.dtype == np.float64
    np.testing.assert_allclose(q, [[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]], atol=1e-15)


@pytest.mark.parametrize(
    ("a", "keywords", "error", "message"),
    [
        (np.ones(3), {}, ValueError, "at least two axes"),
        (np.ones((3, 2)), {}, ValueError, "square"),
        (np.ones((2, 2)), {"norm_bound": 0.0}, ValueError, "norm_bound"),
        (np.ones((2, 2)), {"norm_bound": np.inf}, ValueError, "norm_bound"),
        (np.ones((2, 2)), {"norm_bound": "large"}, TypeError, "norm_bound"),
        ("text", {}, TypeError, "expected an array"),
        (np.ones((2, 2), bool), {}, TypeError, "floating"),
    ],
)
def test_static_mistakes(a, keywords, error, message):
    with pytest.raises(error, match=message):
        skew_exp(a, **keywords)


def test_haar_matrices_have_logarithms_that_are_reproduced():
    q = ortho_group.rvs(6, random_state=1)
    q[:, 0] *= np.linalg.det(q)
    t, w = np.linalg.eig(q)
    log = ((w * np.log(t)) @ np.linalg.inv(w)).real
    assert np.abs(skew_exp(log) - q).max() <= 1e-12
