"""The symmetric product on tensor cores: the kernel on the host, warp by warp; on a device."""

from __future__ import annotations

import ctypes
import shutil
from typing import Any

import numpy as np
import pytest

import orthola
from orthola._core import tuning
from orthola._kernels.cupy import tensor_source
from orthola._kernels.cupy.tensor_symmetric import symmetric, tensor_cores, tiles
from tests.isolation import to_numpy
from tests.kernels import host_build
from tests.kernels.warp_team import TEAM

ml_dtypes = pytest.importorskip("ml_dtypes", reason="it comes with JAX")
needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")

BLOCK = r"""
extern "C" void symmetric(const Half *x, const Half *y, const Half *c, Half *out, int n, int k,
                          float alpha, float beta, float gamma, int number) {
  alignas(16) static Half shared[STAGES * STAGE];
  memset(shared, 0xff, sizeof shared);  // NaN, if it were read
  const Problem p = {x, y, c, out, n, k, n, alpha, beta, gamma};
  run_block([&p, number](int thread) { symmetric_tile(p, number, shared, thread); });
}
extern "C" void tile(int p, int *at) { tile_of(p, at[0], at[1]); }
"""
C_ROUNDING = 1.0  # of the result, in units of the last place


@pytest.fixture(scope="module", params=[("float16", False), ("bfloat16", True)])
def compiled(request, tmp_path_factory):
    dtype, aligned = request.param
    options = tensor_source.kernel_options(dtype, aligned=aligned)[1:]
    library = host_build.shared(
        tmp_path_factory.mktemp(dtype), "tensor", TEAM + tensor_source.SOURCE + BLOCK,
        *options, "-std=c++20", "-pthread",
    )  # fmt: skip
    return library, dtype


def half(a, dtype):
    return np.ascontiguousarray(a, dtype=getattr(ml_dtypes, dtype, dtype))


def run(kernel, x, y, alpha=1.0, c=None, beta=0.0, gamma=0.0):
    k, n = x.shape
    out = np.full((n, n), np.nan, x.dtype)
    pointers = [None if a is None else ctypes.c_void_p(a.ctypes.data) for a in (x, y, c, out)]
    for number in range(tiles(n)):
        kernel.symmetric(*pointers, n, k, *map(ctypes.c_float, (alpha, beta, gamma)), number)
    return out


@needs_compiler
def test_symmetric_product_with_its_ending(compiled):
    kernel, dtype = compiled
    k, n = (18, 131) if dtype == "float16" else (43, 136)
    rng = np.random.default_rng(5)
    x = half(rng.standard_normal((k, n)), dtype)
    wide = x.astype(np.float64)
    eps = float(ml_dtypes.finfo(x.dtype).eps)
    c = half(np.diag(rng.standard_normal(n)) + 1.0, dtype)
    found = run(kernel, x, x, 0.4, c, -1.75, 0.5)
    expected = 0.4 * wide.T @ wide - 1.75 * c.astype(np.float64) + 0.5 * np.eye(n)
    np.testing.assert_array_equal(found, found.T)
    # The sums are in float32, whose error is far below one rounding to half.
    allowed = C_ROUNDING * eps * np.abs(expected) + k * 2.0**-22
    assert np.all(np.abs(found.astype(np.float64) - expected) <= allowed)


@needs_compiler
def test_two_commuting_factors(compiled):
    kernel, dtype = compiled
    rng = np.random.default_rng(6)
    q, _ = np.linalg.qr(rng.standard_normal((64, 64)))
    g, h = (half((q * s) @ q.T, dtype) for s in rng.uniform(0.1, 1.0, (2, 64)))
    g, h = (half(np.tril(a) + np.tril(a, -1).T, dtype) for a in (g, h))
    found = run(kernel, g, h).astype(np.float64)
    expected = np.tril(g.astype(np.float64) @ h.astype(np.float64))
    eps = float(ml_dtypes.finfo(g.dtype).eps)
    error = np.abs(np.tril(found) - expected)
    assert np.max(error) <= C_ROUNDING * eps * np.max(np.abs(expected))


@needs_compiler
def test_every_tile_of_the_triangle_has_one_number(compiled):
    at = (ctypes.c_int * 2)()
    found = []
    for number in range(tiles(128 * 300)):
        compiled[0].tile(number, at)
        found.append(tuple(at))
    assert found == [(i, j) for i in range(300) for j in range(i + 1)]


# With a device

cupy_only = pytest.mark.parametrize("backend", ["cupy"], indirect=True)


def on_device(a: np.ndarray) -> Any:
    cupy = pytest.importorskip("cupy")
    if not tensor_cores(cupy.cuda.runtime.getDevice()):
        pytest.skip("the device has no such instructions")
    return cupy.asarray(a)


@cupy_only
@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(
    "shape", [(1, 1), (3, 8), (130, 100), (64, 256), (700, 513), (5, 40, 72), (2, 3, 33, 129)]
)
def test_on_a_device(dtype, shape):
    rng = np.random.default_rng(7)
    x = half(rng.standard_normal(shape), dtype)
    *_, k, n = shape
    wide = x.astype(np.float64)
    c = half(np.eye(n) + np.zeros((*shape[:-2], n, n)), dtype)
    eps = float(ml_dtypes.finfo(x.dtype).eps)
    device = on_device(x)
    found = to_numpy(symmetric(device, device, alpha=0.5, c=on_device(c), beta=-1.5, gamma=0.25))
    expected = 0.5 * wide.swapaxes(-1, -2) @ wide - 1.25 * np.eye(n)
    np.testing.assert_array_equal(found, found.swapaxes(-1, -2))
    # Tensor cores cut the sums, where a processor would round them.
    allowed = C_ROUNDING * eps * np.abs(expected) + k * 2.0**-21
    assert np.all(np.abs(found.astype(np.float64) - expected) <= allowed)


@cupy_only
@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize(("dtype", "allowance"), [("float16", 5e-3), ("bfloat16", 3e-2)])
@pytest.mark.parametrize("shape", [(130, 100), (3, 40, 90)])
def test_orthogonalize_keeps_its_interval(monkeypatch, shape, dtype, allowance):
    limits = tuning.gpu_limits(dtype)._replace(tensor_order=1)
    monkeypatch.setattr(tuning, "gpu_limits", lambda _: limits)
    x = on_device(half(np.random.default_rng(8).standard_normal(shape), dtype))
    y = orthola.orthogonalize(x, gram=False)
    s = np.linalg.svd(to_numpy(y).astype(np.float64), compute_uv=False)
    low, high = orthola.schedule("polar-express", steps=5, lower_bound=1e-3).interval
    assert low - allowance <= np.min(s)
    assert np.max(s) <= high + allowance
