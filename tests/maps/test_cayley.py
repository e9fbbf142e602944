"""`cayley` against its definition and its promises, on every library."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import scipy.linalg

from orthola import cayley, explain, options
from orthola.testing import LAYOUTS, gaussian, lay_out, machine_epsilon, orthonormal
from tests.dtypes import on_dtypes
from tests.isolation import assert_same_kind, to_numpy

C_ORTHOGONAL = 50.0  # ||Q^H Q - I||_2 in units of n u
C_FORWARD = 50.0  # error of Q in units of n u (1 + ||s A||_2)
DTYPES = ("float64", "float32", "complex128", "complex64")
KINDS = {
    "equal": lambda n, _: np.ones(n),
    "geometric": lambda n, norm: np.geomspace(1.0 / norm, 1.0, n),
    "one large": lambda n, norm: np.r_[np.full(n - 1, 1.0 / norm), 1.0],
    "half zero": lambda n, _: np.r_[np.zeros(n // 2), np.ones(n - n // 2)],
    "linear": lambda n, _: np.linspace(0.0, 1.0, n),
}
kernels = pytest.mark.parametrize("use_kernels", [True, False], ids=["kernel", "text"])


def h(x: Any) -> Any:
    return np.swapaxes(x, -1, -2).conj()


def skew(x: Any) -> Any:
    return (x - h(x)) / 2


def unit(dtype: str) -> float:
    return machine_epsilon(dtype) / 2


def defect(q: Any) -> float:
    """The largest ||Q^H Q - I||_2 of a stack, NaN where an entry is NaN."""
    q = np.asarray(q).astype(np.complex128)
    gram = h(q) @ q - np.eye(q.shape[-1])
    return (
        float(np.linalg.norm(gram, axis=(-2, -1), ord=2).max()) if np.isfinite(q).all() else np.nan
    )


def assert_orthogonal(q: Any, dtype: str) -> None:
    assert defect(q) <= C_ORTHOGONAL * q.shape[-1] * unit(dtype)


def definition(a: Any, scale: float = 0.5, signs: Any = None) -> Any:
    """D (I + T) (I - T)^-1 in double precision."""
    t, eye = scale * skew(np.asarray(a).astype(np.complex128)), np.eye(a.shape[-1])
    q = np.linalg.solve(np.swapaxes(eye - t, -1, -2), np.swapaxes(eye + t, -1, -2))
    q = np.swapaxes(q, -1, -2)
    return q if signs is None else np.asarray(signs)[..., :, None] * q


def close(found: Any, expected: Any, dtype: str, *, size: float = 4.0) -> None:
    bound = C_FORWARD * expected.shape[-1] * unit(dtype) * (1.0 + size)
    assert np.abs(to_numpy(found) - expected).max(initial=0.0) <= bound


def spectrum(kind: str, norm: float, n: int) -> Any:
    return norm * KINDS[kind](n, norm)


def skew_of(values: Any, dtype: str, seed: int) -> Any:
    """Skew-Hermitian with eigenvalues +-i values: those of every other one if it is real."""
    n = len(values)
    if dtype.startswith("complex"):
        v = orthonormal(n, n, dtype="complex128", rng=seed)
        return skew(v * (1j * values) @ h(v))
    blocks = np.zeros((n, n))
    index = np.arange(n - 1, 0, -2)
    blocks[index - 1, index] = values[index]
    q = orthonormal(n, n, rng=seed)
    return 2 * skew(q @ blocks @ q.T)


# What it is


@pytest.mark.parametrize("shape", [(1, 1), (2, 3, 5, 5)], ids=str)
@on_dtypes(*DTYPES)
def test_equals_its_definition_on_every_library(backend, dtype, shape):
    a = gaussian(*shape[-2:], shape=shape[:-2], dtype=dtype, rng=sum(shape))
    x = backend.asarray(a, dtype)
    for scale in (0.5, 1.25):
        q = backend.call(cayley, x, scale=scale)
        assert_same_kind(q, x, shape=shape)
        close(q, definition(a, scale), dtype)
        assert_orthogonal(to_numpy(q), dtype)


@on_dtypes("float64", "complex64")
def test_signs_multiply_rows(backend, dtype):
    a = gaussian(4, 4, shape=(3,), dtype=dtype, rng=1)
    phases = np.exp(1j * np.arange(12.0)).reshape(3, 4)
    some = phases if dtype.startswith("complex") else np.sign(phases.real)
    for signs in (some, some[1]):
        q = backend.call(
            lambda a, d: cayley(a, signs=d),
            backend.asarray(a, dtype),
            backend.asarray(signs, dtype),
        )
        close(q, definition(a, signs=signs), dtype)
    close(cayley(a, signs=[1, -1, 1, 1]), definition(a, signs=[1, -1, 1, 1]), dtype)
    close(cayley(a, signs=np.int8([1, -1, 1, 1])), definition(a, signs=[1, -1, 1, 1]), dtype)


@on_dtypes("complex64")
def test_the_hermitian_part_is_dropped(backend, dtype):
    a = gaussian(5, 5, dtype=dtype, rng=2)
    q = backend.call(cayley, backend.asarray(a, dtype))
    p = backend.call(cayley, backend.asarray(skew(a), dtype))
    close(q, to_numpy(p), dtype)
    close(cayley(a + h(a)), np.eye(5), dtype)


@on_dtypes("float64")
def test_orientation_and_scale_of_checkpoints(backend, dtype):
    a = gaussian(6, 6, shape=(3,), dtype=dtype, rng=3)
    x = backend.asarray(a, dtype)
    q = to_numpy(backend.call(cayley, x))
    close(backend.call(cayley, -x), h(q), dtype)
    close(
        backend.call(cayley, x, scale=1.0), to_numpy(backend.call(cayley, 2.0 * x)), dtype, size=9
    )
    eye = np.eye(6)
    other = np.linalg.solve((eye + skew(a)).astype(complex), (eye - skew(a)).astype(complex))
    close(backend.call(cayley, -x, scale=1.0), other, dtype, size=9)  # (I + A)^-1 (I - A)


def test_determinant_is_one_and_that_of_the_signs():
    a = gaussian(5, 5, shape=(20,), rng=4)
    assert np.all(np.linalg.det(cayley(a)) > 0.99)
    assert np.all(np.linalg.det(cayley(a, signs=[1, 1, -1, 1, 1])) < -0.99)


def test_block_stack_rotates_weights_and_activations():
    """(x R) (R^H W) = x W, without the block-diagonal matrix."""
    for dtype in ("float32", "complex128"):
        r = cayley(gaussian(8, 8, shape=(4,), dtype=dtype, rng=5))
        x, w = gaussian(10, 32, dtype=dtype, rng=6), gaussian(32, 7, dtype=dtype, rng=7)
        turned = (x.reshape(10, 4, 1, 8) @ r).reshape(10, 32)
        weight = (h(r) @ w.reshape(4, 8, 7)).reshape(32, 7)
        size = np.linalg.norm(x) * np.linalg.norm(w)
        assert np.abs(turned @ weight - x @ w).max() <= 50 * 32 * unit(dtype) * size
        whole = scipy.linalg.block_diag(*r)
        assert np.abs(turned - x @ whole).max() <= 50 * 32 * unit(dtype) * np.linalg.norm(x)


# Accuracy


@on_dtypes(*DTYPES)
def test_orthogonal_at_every_norm(backend, dtype):
    n = 9
    # From small ones over all that is polished to those in which I is lost.
    largest = 36 if dtype in ("float32", "complex64") else 300
    cases = [(kind, 10.0**k) for kind in KINDS for k in (-8, 0, 0.9, 1.5, 4, 8, 16, largest)]
    a = np.stack([skew_of(spectrum(*case, n), dtype, 5) for case in cases])
    q = to_numpy(backend.call(cayley, backend.asarray(a, dtype), scale=1.0))
    for item, case in zip(q, cases, strict=True):
        assert defect(item) <= C_ORTHOGONAL * n * unit(dtype), case
    for k in (5, 7):
        one = to_numpy(backend.call(cayley, backend.asarray(a[k], dtype), scale=1.0))
        assert_orthogonal(one, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_elimination_without_row_exchanges_ends_where_it_would_show(dtype):
    rng = np.random.default_rng(8)
    for n in (3, 4, 8, 24):
        x, y = (gaussian(n, 1, shape=(300,), dtype=dtype, rng=rng) for _ in range(2))
        t = x @ h(y)
        t = t - h(t)
        size = np.linalg.norm(t, axis=(-2, -1), keepdims=True)
        t = t / size * (min(8 * n**0.5, n + 3) * (1.02 - 0.3 * rng.random((300, 1, 1))))
        q = np.stack([cayley(item, scale=1.0) for item in t.astype(dtype)])
        assert_orthogonal(q, dtype)


@kernels
@pytest.mark.parametrize("norm", [0.1, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("dtype", DTYPES)
def test_forward_error_is_that_of_the_condition(dtype, norm, use_kernels):
    n, is_complex = 12, dtype.startswith("complex")
    values = spectrum("linear", norm, n)
    if is_complex:
        v = orthonormal(n, n, dtype="complex128", rng=9)
        a, expected = v * (1j * values) @ h(v), v * ((1 + 1j * values) / (1 - 1j * values)) @ h(v)
    else:
        q, angle = orthonormal(n, n, rng=9), 2 * np.arctan(values[::2])
        blocks = [[[0, -t], [t, 0]] for t in values[::2]]
        turns = [[[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]] for t in angle]
        a, expected = (q @ scipy.linalg.block_diag(*b) @ q.T for b in (blocks, turns))
    with options(kernels=use_kernels):
        close(cayley(a.astype(dtype), scale=1.0), expected, dtype, size=norm)
        close(cayley(np.stack([a.astype(dtype)] * 9), scale=1.0)[4], expected, dtype, size=norm)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [65, 200])
@kernels
def test_large_orders(n, dtype, use_kernels):
    a = gaussian(n, n, dtype=dtype, rng=10) / n**0.5
    with options(kernels=use_kernels):
        q = cayley(a)
    assert_orthogonal(q, dtype)
    close(q, definition(a), dtype)


# Any input


@on_dtypes("float64", "complex64")
def test_nan_and_infinity_stay_in_their_item(backend, dtype):
    a = gaussian(5, 5, shape=(11,), dtype=dtype, rng=11)
    clean = to_numpy(backend.call(cayley, backend.asarray(a, dtype)))
    a[2, 0, 3], a[9, 4, 1] = np.nan, np.inf
    q = to_numpy(backend.call(cayley, backend.asarray(a, dtype)))
    bad = np.isin(np.arange(11), [2, 9])
    assert np.isnan(q[bad]).all()
    assert np.array_equal(q[~bad], clean[~bad])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(cayley(np.full((3, 3), np.nan))).all()


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_single(name):
    torch = pytest.importorskip("torch", reason="PyTorch has bfloat16")
    a = torch.tensor(gaussian(8, 8, dtype="float32", rng=12)).to(getattr(torch, name))
    q = cayley(a)
    assert q.dtype == a.dtype
    assert torch.equal(q, cayley(a.float()).to(a.dtype))


@pytest.mark.parametrize("shape", [(0, 0), (3, 0, 0), (0, 4, 4)], ids=str)
@on_dtypes("float64")
def test_empty_input(backend, dtype, shape):
    q = backend.call(cayley, backend.asarray(np.zeros(shape), dtype))
    assert tuple(q.shape) == shape


def test_order_one_is_one_or_a_phase():
    assert np.array_equal(cayley(np.array([[3.0]])), [[1.0]])
    assert np.allclose(cayley(np.array([[2j]])), [[1j]])


def test_lists_and_integers_become_floats():
    q = cayley([[0, -2], [2, 0]])
    assert q.dtype == np.float64
    assert np.allclose(q, [[0, -1], [1, 0]])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("items", [1, 9])
def test_memory_order_changes_nothing_and_nothing_is_written(layout, items):
    a = gaussian(70 if items == 1 else 7, 70 if items == 1 else 7, shape=(items,), rng=13) / 8
    laid = lay_out(a, layout)
    laid.flags.writeable = False
    close(cayley(laid), cayley(a), "float64")
    close(cayley(laid[0]), cayley(a[0]), "float64")
    assert np.array_equal(laid, a)


@pytest.mark.parametrize("items", [2, 11])
def test_batched_equals_loop(items):
    for dtype in DTYPES:
        a = gaussian(6, 6, shape=(items,), dtype=dtype, rng=14)
        q = cayley(a)
        for one, item in zip(q, a, strict=True):
            close(cayley(item), one, dtype)
        with options(threads=1):
            assert np.array_equal(cayley(a), q)


def test_results_do_not_share_memory():
    torch = pytest.importorskip("torch", reason="tensors are given back in NumPy's memory")
    a = torch.zeros(3, 3, dtype=torch.float64)
    cayley(a).add_(1.0)
    assert bool((a == 0).all())


# Static mistakes


@pytest.mark.parametrize(
    ("a", "keywords", "kind", "message"),
    [
        (np.ones((3, 2)), {}, ValueError, r"expected a of shape \(\.\.\., n, n\)"),
        (np.ones(3), {}, ValueError, "at least two axes"),
        (np.eye(3), {"scale": 0.0}, ValueError, "scale"),
        (np.eye(3), {"scale": -1}, ValueError, "scale"),
        (np.eye(3), {"scale": float("inf")}, ValueError, "scale"),
        (np.eye(3), {"scale": "half"}, TypeError, "scale"),
        (np.eye(3), {"method": "polr"}, ValueError, "did you mean 'polar'"),
        (np.eye(3), {"norm_bound": -1.0}, ValueError, "norm_bound"),
        (np.eye(3), {"tol": 2.0}, ValueError, "tol"),
        (np.eye(3), {"signs": np.ones(2)}, ValueError, r"broadcast to \(3,\)"),
        (np.eye(3), {"signs": np.ones((2, 3))}, ValueError, r"broadcast to \(3,\)"),
        (np.eye(3), {"signs": 1j * np.ones(3)}, TypeError, "real signs"),
        (np.array([["a"]]), {}, TypeError, "cayley"),
        ("a", {}, TypeError, "cayley"),
    ],
)
def test_static_mistakes(a, keywords, kind, message):
    with pytest.raises(kind, match=message):
        cayley(a, **keywords)


def test_signs_of_another_library_are_refused():
    torch = pytest.importorskip("torch", reason="a second library")
    with pytest.raises(TypeError, match="signs from the library of the matrices"):
        cayley(np.eye(3), signs=torch.ones(3))


def test_explain_names_the_kernel():
    small, large = explain(cayley, np.ones((100, 8, 8))), explain(cayley, np.ones((300, 300)))
    assert small["kernel"].endswith("cayley_small:cayley_stack")
    assert large["kernel"].endswith("cayley_items:cayley_items")
    with options(kernels=False):
        assert explain(cayley, np.ones((9, 2, 2)))["kernel"].startswith("none")
