"""CuPy products: without a GPU, what cuBLAS is asked for and by which blocks; with one, results."""

from __future__ import annotations

import itertools
import sys
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import orthola
from orthola._core import tuning
from orthola._core.linalg import products
from orthola._core.space import Space, resolve
from orthola._kernels.cupy import captured
from orthola._kernels.cupy.gemm import Operand, call_for
from orthola._kernels.cupy.symmetric import lower_blocks, lower_product, recursion_depth
from orthola.testing import orthogonality, polar_residual
from tests.isolation import assert_same_kind, to_numpy

RNG = np.random.default_rng(11)
as_strided = np.lib.stride_tricks.as_strided


# What cuBLAS is asked for


def columns(operand: Operand, rows: int, width: int) -> np.ndarray:
    """The matrices that cuBLAS reads: columns one after the other, `leading` entries apart."""
    a = operand.array
    steps = (1, operand.leading)
    shape: tuple[int, ...] = (rows, width)
    if a.ndim == 3:
        shape, steps = (a.shape[0], *shape), (operand.stride, *steps)
    return as_strided(a, shape, tuple(step * a.itemsize for step in steps))


def read(operand: Operand, rows: int, width: int) -> np.ndarray:
    """op(A), of the shape given."""
    assert operand.leading >= (rows if operand.flag == "N" else width)
    if operand.flag == "N":
        return columns(operand, rows, width)
    a = columns(operand, width, rows).swapaxes(-1, -2)
    return a.conj() if operand.flag == "C" else a


def host_gemm(x: Any, y: Any, out: Any, *, adjoint: bool) -> Any:
    """C = X Y by the rules of cuBLAS, on host memory."""
    call = call_for(np, x, y, out, adjoint)
    assert call.items == (x.shape[0] if x.ndim == 3 else 0)
    left = read(call.left, call.rows, call.inner)
    right = read(call.right, call.inner, call.columns)
    columns(call.out, call.rows, call.columns)[...] = left @ right
    return out


LAYOUTS = {
    "rows": lambda a: np.ascontiguousarray(a),
    "columns": lambda a: np.ascontiguousarray(a.swapaxes(-1, -2)).swapaxes(-1, -2),
    "block": lambda a: np.pad(a, [(0, 0)] * (a.ndim - 2) + [(1, 2), (3, 1)])[..., 1:-2, 3:-1],
    "column block": lambda a: LAYOUTS["block"](a.swapaxes(-1, -2)).swapaxes(-1, -2),
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "backwards": lambda a: np.ascontiguousarray(a[..., ::-1, :])[..., ::-1, :],
    "items apart": lambda a: np.repeat(a, 2, axis=0)[::2] if a.ndim == 3 else a,
}


@pytest.mark.parametrize("adjoint", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("batch", [(), (3,)])
def test_every_layout_is_described_to_cublas(batch, dtype, adjoint):
    for m, k, n in ((4, 5, 6), (1, 5, 6), (4, 1, 6), (4, 5, 1), (1, 1, 1)):
        x, y = (RNG.standard_normal((*batch, *s)).astype(dtype) for s in ((m, k), (k, n)))
        if dtype == "complex128":
            x, y = x * (1 + 2j), y + 1j * y[..., ::-1, :]
        given = np.conj(x).swapaxes(-1, -2) if adjoint else x
        for first, second in itertools.product(LAYOUTS.values(), repeat=2):
            out = np.full((*batch, m, n), np.nan, dtype)
            host_gemm(first(given), second(y), out, adjoint=adjoint)
            np.testing.assert_allclose(out, x @ y, rtol=0, atol=1e-13)


def test_one_item_for_all_and_blocks_of_the_result():
    x, y = RNG.standard_normal((3, 4, 5)), RNG.standard_normal((5, 6))
    everywhere = np.broadcast_to(y, (3, 5, 6))
    frame = np.full((3, 9, 8), np.nan)
    host_gemm(x, everywhere, frame[:, 2:6, 1:7], adjoint=False)
    np.testing.assert_allclose(frame[:, 2:6, 1:7], x @ y, rtol=0, atol=1e-13)
    assert np.isnan(frame).sum() == 3 * (72 - 24)


def test_results_need_contiguous_rows():
    x = RNG.standard_normal((4, 4))
    with pytest.raises(ValueError, match="contiguous rows"):
        call_for(np, x, x, np.empty((4, 4)).T[::2], False)


class Symbol:
    """A function of a shared library, which takes what its types take."""

    def __init__(self, calls: list[tuple[Any, ...]], status: int = 0) -> None:
        self.calls, self.status, self.argtypes = calls, status, ()

    def __call__(self, *arguments: Any) -> int:
        for kind, value in zip(self.argtypes, arguments, strict=True):
            kind(value)
        self.calls.append(arguments)
        return self.status


@pytest.mark.parametrize(("name", "count"), [("gemmEx", 18), ("gemmStridedBatchedEx", 22)])
@pytest.mark.parametrize("capturing", [False, True])
def test_a_recorded_product_goes_to_cublas_itself(monkeypatch, name, count, capturing):
    """CuPy's wrappers refuse it; the arguments after the handle are those of CuPy."""
    plain, streams, products_ = [], [], []
    stream = SimpleNamespace(ptr=7, is_capturing=lambda: capturing)
    cublas = SimpleNamespace(**{name: lambda *arguments: plain.append(arguments)})
    cuda = SimpleNamespace(get_current_stream=lambda: stream, cublas=cublas)
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=cuda))
    monkeypatch.setitem(sys.modules, "cupy.cuda", cuda)
    symbol = captured._FUNCTIONS[name][0]
    library = SimpleNamespace(**{"cublasSetStream_v2": Symbol(streams), symbol: Symbol(products_)})
    monkeypatch.setattr(captured, "_library", lambda: library)
    arguments = tuple(range(count + 1))
    captured.product_function(name)(*arguments)
    assert (plain, streams, products_) == (
        ([], [(0, 7)], [arguments]) if capturing else ([arguments], [], [])
    )
    if capturing:
        setattr(library, symbol, Symbol(products_, status=13))
        with pytest.raises(RuntimeError, match=r"status 13"):
            captured.product_function(name)(*arguments)


# Which blocks of a symmetric product


@pytest.mark.parametrize(("depth", "saved"), [(0, 0.0), (1, 0.25), (2, 0.375), (3, 0.4375)])
def test_what_the_recursion_saves(depth, saved):
    n = 64
    entries = sum(b.height * b.width * b.repeats for b in lower_blocks(n, depth))
    assert entries == (1 - saved) * n**2


@pytest.mark.parametrize("depth", range(5))
@pytest.mark.parametrize("n", [1, 2, 7, 8, 31, 48, 65])
def test_blocks_cover_the_lower_triangle_once(n, depth):
    times = np.zeros((n, n), dtype=int)
    for b in lower_blocks(n, depth):
        for i in range(b.repeats):
            top, left = b.row + i * b.step, b.column + i * b.step
            assert top + b.height <= n
            assert left + b.width <= n
            times[top : top + b.height, left : left + b.width] += 1
    assert np.all(times[np.tril_indices(n)] == 1)
    assert np.max(times) == 1


def test_depth_keeps_blocks_large_enough():
    assert [recursion_depth(n, 512, 3) for n in (1, 1023, 1024, 2047, 2048, 4096, 2**20)] == [
        0, 0, 1, 1, 2, 3, 3,
    ]  # fmt: skip
    for dtype in ("float16", "bfloat16", "float32", "float64", "complex64", "complex128"):
        limits = tuning.gpu_limits(dtype)
        n = 8192 >> recursion_depth(8192, limits.symmetric_block, limits.symmetric_depth)
        assert n >= limits.symmetric_block


@pytest.mark.parametrize("depth", range(4))
@pytest.mark.parametrize("shape", [(9, 40), (50, 37), (3, 20, 24), (2, 11, 9)])
def test_lower_product_is_right_and_leaves_the_rest_alone(shape, depth):
    x = RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)
    n, launches = shape[-1], []

    def gemm(x: Any, y: Any, out: Any) -> Any:
        launches.append(out.shape)
        return host_gemm(x, y, out, adjoint=True)

    out = np.full((*shape[:-2], n, n), np.nan, complex)
    lower_product(x, x, out, depth=depth, gemm=gemm, as_strided=as_strided)
    lower = np.tril(np.ones((n, n), bool))
    expected = x.conj().swapaxes(-1, -2) @ x
    # A sum of k products: c k eps.
    c, k = 4.0, shape[-2]
    error = np.abs(np.where(lower, out - expected, 0))
    assert np.max(error) <= c * k * np.finfo(float).eps * np.max(np.abs(expected))
    blocks = lower_blocks(n, depth)
    untouched = n * n - sum(b.height * b.width * b.repeats for b in blocks)
    assert np.all(np.sum(np.isnan(out), axis=(-2, -1)) == untouched)
    # A single matrix takes one call for each level.
    assert len(launches) == (len(blocks) if x.ndim == 2 else sum(b.repeats for b in blocks))


def test_lower_product_of_two_factors():
    s = RNG.standard_normal((20, 20))
    g = s @ s.T
    h = g @ g
    out = np.zeros((20, 20))
    lower_product(g, h, out, depth=2, gemm=lambda x, y, z: host_gemm(x, y, z, adjoint=True),
                  as_strided=as_strided)  # fmt: skip
    np.testing.assert_allclose(np.tril(out), np.tril(g @ g @ g), rtol=1e-12)


# Which code is chosen: from static facts, without CuPy


class Unhashable:
    """As CuPy's devices are."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unhashable)


def cupy_space(dtype: str) -> Space:
    return Space(np, "cupy", Unhashable(), np.dtype(dtype), dtype, False)


@pytest.mark.parametrize(
    ("dtype", "name"),
    [("float64", "CupyProducts"), ("complex64", "CupyProducts"), ("float16", "CupyHalfProducts")],
)
def test_cupy_arrays_get_their_own_products(dtype, name):
    space = cupy_space(dtype)
    assert space.on_gpu
    assert type(products(space)).__name__ == name
    assert products(space) is products(cupy_space(dtype))  # an unhashable device is no obstacle


@pytest.mark.parametrize("fallback", [True, False])
@pytest.mark.parametrize("check_finite", [True, False])
def test_a_plan_is_static_where_nothing_asks_for_values(fallback, check_finite):
    from orthola._polar.plan import Facts, plan_polar

    for library, on_gpu in (("cupy", True), ("torch", True), ("torch", False), ("jax", True)):
        facts = Facts(library, on_gpu, not on_gpu, False, "float32", 100, 100, 1)
        plan = plan_polar(
            facts, method="halley", kernels=True, lower_bound=None, cap=None, max_steps=None,
            completion="orthonormal", fallback=fallback, check_finite=check_finite,
            degenerate="nan",
        )  # fmt: skip
        expected = on_gpu and library != "jax" and not fallback and not check_finite
        assert plan.static == expected


# With a device

cupy_only = pytest.mark.parametrize("backend", ["cupy"], indirect=True)


@pytest.fixture
def shallow(monkeypatch):
    """Recursion and single calls at sizes that tests can afford."""
    small = tuning.gpu_limits("float32")._replace(symmetric_block=16, batched_order=40)
    monkeypatch.setattr(tuning, "gpu_limits", lambda dtype: small)


def hermitian(n: int, dtype: str, *batch: int) -> np.ndarray:
    x = RNG.standard_normal((*batch, n, n)).astype(dtype)
    x = x + 1j * x[..., ::-1] if dtype.startswith("complex") else x
    return (x + x.conj().swapaxes(-1, -2)) / n


@cupy_only
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("shape", [(90, 70), (3, 40, 33), (2, 2, 20, 50), (4, 1)])
@pytest.mark.usefixtures("shallow")
def test_products_are_those_of_the_text(backend, shape, dtype):
    x = RNG.standard_normal(shape).astype(dtype)
    x = x + 1j * x[..., ::-1] if dtype.startswith("complex") else x
    s = hermitian(shape[-1], dtype, *shape[:-2])
    space, (cx, cs) = resolve("test", backend.asarray(x), backend.asarray(s))
    ops = products(space)
    adjoint, eye = x.conj().swapaxes(-1, -2), np.eye(shape[-1], dtype=dtype)
    scale = np.linspace(0.5, 2.0, int(np.prod(shape[:-2]))).reshape(shape[:-2]).astype(s.real.dtype)
    device_scale = backend.asarray(scale)
    wide = scale[..., None, None]
    gram = adjoint @ x
    for found, expected in (
        (ops.gram(cx), gram),
        (ops.multiply_add(cx, cs, 2.0, -1.0), 2 * x @ s - x),
        (ops.multiply_add(cx, cs, device_scale, -1.0), wide * (x @ s) - x),
        (ops.multiply_add(cx, cs, device_scale, device_scale), wide * (x @ s + x)),
        (ops.tail(cs, (1.0, -2.0)), s - 2 * s @ s),
        (ops.tail(cs, (1.0, -2.0, 0.5, 3.0)), s - 2 * s @ s + s @ s @ (0.5 * s + 3 * s @ s)),
        (ops.hermitian_product(cx, cx), gram),
        (ops.inverse_shifted(ops.gram(cx), 0.01), np.linalg.inv(eye + 0.01 * gram)),
    ):
        # Sums of at most 90 products and an inverse of condition below 100.
        c, k = 100.0, max(shape[-2:])
        tolerance = c * k * float(np.finfo(dtype).eps) * np.max(np.abs(expected))
        assert_same_kind(found, cx, shape=expected.shape)
        np.testing.assert_allclose(to_numpy(found), expected, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(to_numpy(cx), x)
    g = to_numpy(ops.gram(cx))
    np.testing.assert_array_equal(g, g.conj().swapaxes(-1, -2))


@cupy_only
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("form", [True, False])
@pytest.mark.parametrize("shape", [(130, 100), (3, 40, 90)])
@pytest.mark.usefixtures("shallow")
def test_half_precision_keeps_its_interval(backend, shape, form, dtype):
    cupy = pytest.importorskip("cupy")
    if dtype == "bfloat16":
        ml_dtypes = pytest.importorskip("ml_dtypes", reason="CuPy takes bfloat16 from ml_dtypes")
        if int(cupy.__version__.split(".")[0]) < 14:
            pytest.skip("CuPy has bfloat16 from version 14 on")
        kind: Any = ml_dtypes.bfloat16
    else:
        kind = cupy.float16
    x = cupy.asarray(RNG.standard_normal(shape).astype("float32")).astype(kind)
    y = orthola.orthogonalize(x, gram=form)
    assert y.dtype == x.dtype
    s = np.linalg.svd(to_numpy(y.astype("float32")).astype(float), compute_uv=False)
    low, high = orthola.schedule("polar-express", steps=5, lower_bound=1e-3).interval
    allowance = {"float16": 5e-3, "bfloat16": 3e-2}[dtype]
    assert np.min(s) >= low - allowance
    assert np.max(s) <= high + allowance


@cupy_only
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("shape", [(64, 3, 3), (50, 9, 5), (40, 32, 32), (33, 70, 17)])
def test_small_stacks_run_in_a_kernel_and_agree_with_the_svd(backend, shape, dtype):
    x = RNG.standard_normal(shape).astype(dtype)
    x = x + 1j * x[..., ::-1] if dtype.startswith("complex") else x
    x[3], x[7] = 0, np.outer(np.arange(shape[-2]), np.ones(shape[-1]))
    array = backend.asarray(x)
    assert "cupy" in orthola.explain(orthola.polar, array)["kernel"]
    result = orthola.polar(array)
    u, h, status = (to_numpy(part) for part in result)
    roundoff, n = float(np.finfo(dtype).eps) / 2, shape[-1]
    c, d = 10.0, 60.0
    assert np.max(orthogonality(u)) <= c * n * roundoff
    assert np.max(polar_residual(x, u, h)) <= (c * np.sqrt(n) + d) * roundoff
    assert list(status[[3, 7]]) == [1, 1]
    assert not np.any(np.delete(status, [3, 7]))
    expected = to_numpy(orthola.polar(array, method="svd").unitary)
    regular = np.delete(np.arange(shape[0]), [3, 7])
    condition = np.max(np.linalg.cond(x[regular]))
    difference = np.abs(u - expected)[regular]
    assert np.max(difference) <= 40 * n * condition * roundoff


@cupy_only
@pytest.mark.parametrize("shape", [(100, 80), (3, 70, 65), (64, 3, 3), (40, 20, 8)])
def test_the_plan_without_branches_does_not_wait(backend, shape):
    """The call comes back while the device is held up before its first operation."""
    cupy = pytest.importorskip("cupy")
    x = RNG.standard_normal(shape)
    go_on = threading.Event()
    gone_on = []

    def hold_up(_: Any) -> None:
        gone_on.append(go_on.wait(30.0))

    with cupy.cuda.Stream(non_blocking=True) as stream:
        array = backend.asarray(x)
        for _ in range(2):  # compiles, and fills the memory pool of this stream
            orthola.polar(array, fallback=False, check_finite=False)
        stream.synchronize()
        stream.launch_host_func(hold_up, None)
        result = orthola.polar(array, fallback=False, check_finite=False)
        go_on.set()
        stream.synchronize()
        u, h, status = (to_numpy(part) for part in result)
    assert gone_on == [True]  # not by running out of patience
    assert not np.any(status)
    c, d, n, roundoff = 10.0, 60.0, shape[-1], 2.0**-53
    assert np.max(orthogonality(u)) <= c * n * roundoff
    assert np.max(polar_residual(x, u, h)) <= (c * np.sqrt(n) + d) * roundoff
