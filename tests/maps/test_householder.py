"""`householder_product` and `householder_apply` against explicit products, on every library."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from scipy.linalg import get_lapack_funcs

from orthola import explain, householder_apply, householder_product, options
from orthola.testing import gaussian, machine_epsilon
from tests.dtypes import on_dtypes
from tests.isolation import assert_same_kind, to_numpy

C_PRODUCT = 50.0  # errors in units of m eps
SHAPES = [(1, 1), (4, 4), (7, 3), (5, 1)]
flags = pytest.mark.parametrize("packed", [False, True])


def h(x: Any) -> Any:
    return np.swapaxes(x, -1, -2).conj()


def explicit(v: Any, tau: Any, packed: bool) -> Any:
    """Q of order m, one reflector after the other, in extended precision."""
    v = np.asarray(v).astype(np.clongdouble)
    m, k = v.shape
    if packed:
        v = np.tril(v, -1) + np.eye(m, k)
    size = np.sum(v.real**2 + v.imag**2, axis=0)
    if tau is None:
        tau = np.where(size == 0, 0, 2 / np.where(size == 0, 1, size))
    q = np.eye(m, dtype=np.clongdouble)
    for j in range(k):
        q = q - tau[j] * (q @ v[:, j : j + 1]) @ v[:, j : j + 1].conj().T
    return q


def close(found: Any, expected: Any, dtype: str) -> None:
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    bound = C_PRODUCT * max(expected.shape[-2:]) * machine_epsilon(dtype) * scale
    assert np.abs(to_numpy(found) - expected).max(initial=0.0) <= bound


def reflectors(m: int, k: int, dtype: str, **shape: Any) -> tuple[Any, Any]:
    v = gaussian(m, k, dtype=dtype, rng=m + k, **shape)
    tau = gaussian(1, k, dtype=dtype, rng=k, **shape)[..., 0, :] / (2 * m)
    return v, tau


@pytest.mark.parametrize("tied", [False, True])
@flags
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@on_dtypes("float64", "float32", "complex64", "complex128")
def test_products_on_every_library(backend, dtype, shape, packed, tied):
    v, tau = reflectors(*shape, dtype)
    tau = None if tied else tau
    expected = explicit(v, tau, packed)
    arrays = [backend.asarray(x, dtype) for x in ((v,) if tied else (v, tau))]
    for columns in (None, 0, 1, shape[0]):
        q = backend.call(householder_product, *arrays, columns=columns, packed=packed)
        assert_same_kind(q, arrays[0])
        close(q, expected[:, : shape[1] if columns is None else columns], dtype)


def apply_tied(v: Any, x: Any, **options: Any) -> Any:
    return householder_apply(v, None, x, **options)


@pytest.mark.parametrize("adjoint", [False, True])
@pytest.mark.parametrize("side", ["left", "right"])
@flags
@on_dtypes("float64", "complex64")
def test_multiplication_on_every_library(backend, dtype, packed, side, adjoint):
    v, tau = reflectors(6, 4, dtype)
    x = gaussian(6, 3, dtype=dtype, rng=9)
    x = x if side == "left" else x.T
    v_, tau_, x_ = (backend.asarray(a, dtype) for a in (v, tau, x))
    for factors in (tau, None):
        q = explicit(v, factors, packed)
        q = h(q) if adjoint else q
        given = (v_, x_) if factors is None else (v_, tau_, x_)
        function = apply_tied if factors is None else householder_apply
        y = backend.call(function, *given, side=side, adjoint=adjoint, packed=packed)
        assert_same_kind(y, x_, shape=x.shape)
        close(y, q @ x if side == "left" else x @ q, dtype)


@on_dtypes("float64", "complex64")
def test_tau_zero_column(backend, dtype):
    v = gaussian(5, 3, dtype=dtype, rng=1)
    v[:, 1] = 0
    q = backend.call(householder_product, backend.asarray(v, dtype))
    close(q, explicit(v[:, [0, 2]], None, False)[:, :3], dtype)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_tau_not_conjugated(dtype):
    a = gaussian(6, 4, dtype=dtype, rng=2)
    (geqrf,) = get_lapack_funcs(("geqrf",), (a,))
    packed, tau, _, info = geqrf(a)
    assert info == 0
    assert np.abs(tau.imag).max() > 0.1
    r = np.triu(packed[:4])
    close(householder_product(packed, tau, packed=True) @ r, a, dtype)
    full = householder_product(packed, tau, packed=True, columns=6)
    close(householder_apply(packed, tau, a, adjoint=True, packed=True), h(full) @ a, dtype)


@on_dtypes("float64", "complex64")
def test_packed_ignores_upper(backend, dtype):
    v, tau = reflectors(5, 4, dtype)
    poisoned = np.where(np.tri(5, 4, -1, dtype=bool), v, np.nan)
    q = backend.call(
        householder_product, backend.asarray(poisoned, dtype), backend.asarray(tau, dtype),
        packed=True,
    )  # fmt: skip
    close(q, explicit(v, tau, True)[:, :4], dtype)


@on_dtypes("float64", "complex64")
def test_unpacked_uses_upper(backend, dtype):
    v, _ = reflectors(5, 4, dtype)
    q = to_numpy(backend.call(householder_product, backend.asarray(v, dtype)))
    changed = v.copy()
    changed[0, 3] += 1
    p = to_numpy(backend.call(householder_product, backend.asarray(changed, dtype)))
    assert np.abs(q - p).max() > 1e-2
    close(p, explicit(changed, None, False)[:, :4], dtype)


@flags
@pytest.mark.parametrize("exponent", [-900, 900])
@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("items", [1, 9])
def test_scale_of_reflectors(items, kernels, exponent, packed):
    v = gaussian(6, 4, shape=(items,), dtype="float64", rng=3)
    powers = np.array([exponent, 0, -exponent, exponent])
    with options(kernels=kernels):
        if packed:  # the ones are not scaled: huge columns lie along what is below them
            q = householder_product(v * 2.0**900, packed=True)
            bound = C_PRODUCT * 6 * machine_epsilon("float64")
            assert np.abs(h(q) @ q - np.eye(4)).max() <= bound
            return
        q, p = householder_product(v), householder_product(np.ldexp(v, powers))
    close(p, q, "float64")


@pytest.mark.parametrize("shape", [(6, 4), (40, 37)], ids=str)
@flags
@on_dtypes("float64", "complex64")
def test_batched_equals_loop(backend, dtype, shape, packed):
    m, k = shape
    v, x = gaussian(m, k, shape=(2, 3), dtype=dtype, rng=4), gaussian(m, 2, dtype=dtype, rng=5)
    x = np.broadcast_to(x, (2, 3, m, 2)).copy()
    v_, x_ = backend.asarray(v, dtype), backend.asarray(x, dtype)
    q = to_numpy(backend.call(householder_product, v_, packed=packed))
    y = to_numpy(backend.call(apply_tied, v_, x_, packed=packed))
    for index in np.ndindex(2, 3):
        one = explicit(v[index], None, packed)
        close(q[index], one[:, :k], dtype)
        close(y[index], one @ x[index], dtype)


@pytest.mark.parametrize("side", ["left", "right"])
@on_dtypes("float64", "complex64")
def test_batch_shapes_broadcast(backend, dtype, side):
    v, x = gaussian(5, 2, dtype=dtype, rng=6), gaussian(5, 3, shape=(2, 4), dtype=dtype, rng=7)
    x = x if side == "left" else np.ascontiguousarray(np.swapaxes(x, -1, -2))
    several = gaussian(5, 2, shape=(4,), dtype=dtype, rng=8)
    for reflector in (v, several):
        y = backend.call(
            apply_tied, backend.asarray(reflector, dtype), backend.asarray(x, dtype), side=side
        )
        for index in np.ndindex(2, 4):
            q = explicit(reflector if reflector.ndim == 2 else reflector[index[1]], None, False)
            close(to_numpy(y)[index], q @ x[index] if side == "left" else x[index] @ q, dtype)


HARD = {
    "nearly parallel": lambda v: 1 + 1e-7 * v,
    "graded rows": lambda v: v * 10.0 ** -np.arange(0, 16, 2)[:, None],
    "graded columns": lambda v: v * 10.0 ** np.arange(-150, 170, 40),
    "repeated": lambda v: np.repeat(v[:, :1], 8, axis=1),
}


@pytest.mark.parametrize("case", HARD)
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_hard_cases_against_fifty_digits(dtype, case):
    v = HARD[case](gaussian(8, 8, dtype=dtype, rng=14))
    with mpmath.workdps(50):
        exact = mpmath.eye(8)
        for column in v.T:
            w = mpmath.matrix(column.tolist())
            exact = exact - (exact * w) * w.H * (2 / (w.H * w)[0])
        expected = np.array(exact.tolist(), dtype=complex)
    x, stack = np.eye(8, dtype=dtype), np.stack([v] * 4)
    for kernels in (True, False):
        with options(kernels=kernels):
            close(householder_product(v), expected, dtype)
            close(householder_product(stack)[3], expected, dtype)
            close(householder_apply(v, None, x, adjoint=True), h(expected), dtype)


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "complex128"])
@pytest.mark.parametrize("shape", [(300, 300), (500, 64)], ids=str)
def test_large_products_equal_those_of_lapack(shape, dtype, kernels):
    a = gaussian(*shape, dtype=dtype, rng=15)
    names = ("geqrf", "ungqr" if dtype == "complex128" else "orgqr")
    geqrf, orgqr = get_lapack_funcs(names, (a,))
    packed, tau, _, _ = geqrf(a)
    expected, _, info = orgqr(packed, tau)
    assert info == 0
    bound = C_PRODUCT * shape[0] * machine_epsilon(dtype)
    with options(kernels=kernels):
        for given in (packed, np.ascontiguousarray(packed)):
            q = householder_product(given, tau, packed=True)
            assert np.linalg.norm(q - expected) <= bound
        square = householder_apply(packed, tau, a, packed=True, adjoint=True)
    assert np.linalg.norm(np.tril(square, -1)) <= bound * np.linalg.norm(a)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
@pytest.mark.parametrize("shape", [(300, 300), (500, 64), (200, 130)], ids=str)
@pytest.mark.parametrize("kernels", [True, False])
def test_large_products_are_orthonormal(shape, dtype, kernels):
    v, x = gaussian(*shape, dtype=dtype, rng=9), gaussian(shape[0], 7, dtype=dtype, rng=10)
    with options(kernels=kernels):
        for packed in (False, True):
            q = householder_product(v, packed=packed, columns=shape[0])
            defect = np.linalg.norm(h(q) @ q - np.eye(shape[0]))
            assert defect <= C_PRODUCT * shape[0] * machine_epsilon(dtype)
            y = householder_apply(v, None, x, packed=packed, adjoint=True)
            error = np.linalg.norm(y - h(q) @ x)
            assert error <= C_PRODUCT * shape[0] * machine_epsilon(dtype) * np.linalg.norm(x)


@pytest.mark.parametrize("order", ["C", "F", "odd"])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_memory_order_changes_nothing_and_nothing_is_written(dtype, order):
    v, tau = reflectors(40, 33, dtype)
    x = gaussian(40, 6, dtype=dtype, rng=11)
    laid = (np.repeat(v, 2, 1)[:, ::2] if order == "odd" else np.array(v, order=order)), x
    for array in laid:
        array.flags.writeable = False
    close(householder_product(laid[0], tau), explicit(v, tau, False)[:, :33], dtype)
    close(householder_apply(laid[0], tau, x), explicit(v, tau, False) @ x, dtype)
    assert np.array_equal(laid[0], v)


@pytest.mark.parametrize("items", [1, 9])
def test_nan_stays_in_its_item(items):
    v = gaussian(5, 3, shape=(items + 1,), dtype="float64", rng=12)
    clean = householder_product(v)
    v[0, 4, 0] = np.nan
    q = householder_product(v)
    assert np.isnan(q[0]).any()
    close(q[1:], clean[1:], "float64")


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_single(name):
    torch = pytest.importorskip("torch")
    v = torch.tensor(gaussian(8, 5, dtype="float32", rng=13)).to(getattr(torch, name))
    q = householder_product(v)
    assert q.dtype == v.dtype
    assert torch.equal(q, householder_product(v.float()).to(v.dtype))


@pytest.mark.parametrize("shape", [(0, 4, 2), (3, 0), (0, 0), (2, 3, 0)], ids=str)
@on_dtypes("float64")
def test_empty_input(backend, dtype, shape):
    v = backend.asarray(np.zeros(shape), dtype)
    q = to_numpy(backend.call(householder_product, v, columns=shape[-2]))
    assert q.shape == (*shape[:-1], shape[-2])
    assert np.array_equal(q, np.broadcast_to(np.eye(shape[-2]), q.shape))


def test_integers_become_floats():
    assert householder_product([[1], [2]]).dtype == np.float64


@pytest.mark.parametrize(
    ("arguments", "keywords", "message"),
    [
        ((np.ones(3),), {}, "at least two axes"),
        ((np.ones((2, 3)),), {}, "k <= m"),
        ((np.ones((3, 2)), np.ones(3)), {}, "one factor per column"),
        ((np.ones((3, 2)),), {"columns": 4}, "columns <= 3"),
        ((np.ones((3, 2)),), {"columns": -1}, "columns >= 0"),
    ],
)
def test_static_mistakes_in_products(arguments, keywords, message):
    with pytest.raises(ValueError, match=message):
        householder_product(*arguments, **keywords)


@pytest.mark.parametrize(
    ("x", "keywords", "message"),
    [
        (np.ones((4, 1)), {}, "expected x of shape"),
        (np.ones((3, 1)), {"side": "right"}, "expected x of shape"),
        (np.ones((3, 1)), {"side": "lef"}, "did you mean 'left'"),
        (np.ones(3), {}, "at least two axes"),
    ],
)
def test_static_mistakes_in_multiplication(x, keywords, message):
    with pytest.raises(ValueError, match=message):
        householder_apply(np.ones((3, 2)), None, x, **keywords)


def test_explain_names_the_kernel():
    small = explain(householder_product, np.ones((100, 8, 8)))
    assert small["kernel"].endswith("householder_small:product_stack")
    large = explain(householder_apply, np.ones((300, 8)), None, np.ones((300, 2)))
    assert large["kernel"].endswith("householder_large:apply_large")
    with options(kernels=False):
        assert explain(householder_product, np.ones((9, 2)))["method"] == "UT form"
