"""The CUDA sources without a GPU: they compile, and their arithmetic, run on the host, is right."""

from __future__ import annotations

import ctypes.util
import re
import shutil
import subprocess

import numpy as np
import pytest

from orthola._core.errors import Status
from orthola._core.tuning import gpu_limits
from orthola._kernels.cupy import (
    item,
    mirror,
    omp_block,
    omp_stored_rows,
    polar_small,
    polar_three,
    tensor_source,
)
from orthola._kernels.cupy.pair import ELEMENT_TYPES
from orthola.testing import from_spectrum, orthogonality, polar_residual, psd_violation, spectrum
from orthola.testing.matrices import PROFILES
from tests.kernels import host_build
from tests.kernels.host_build import ORDERS, call_mirror, call_polar

needs_nvcc = pytest.mark.skipif(shutil.which("nvcc") is None, reason="nvcc is not installed")
needs_compiler = pytest.mark.skipif(
    host_build.compiler() is None, reason="there is no C++ compiler for the host"
)

FLUSH = "-ftz=true"  # CuPy adds this to every kernel
SOURCES = {
    **{
        f"polar_three-{dtype}": (polar_three.SOURCE, polar_three.kernel_options(dtype))
        for dtype in ("float32", "float64")
    },
    **{
        f"polar_small-{dtype}-{n}": (polar_small.SOURCE, polar_small.kernel_options(dtype, n))
        for dtype, n in (
            ("float32", 1),
            ("float32", 32),
            ("float64", 5),
            ("complex64", 16),
            ("complex128", 32),  # the most shared memory
        )
    },
    **{
        f"mirror-{dtype}-{stored}": (mirror.SOURCE, mirror.kernel_options(dtype, stored))
        for dtype, stored in (
            ("float64", "float64"),
            ("complex128", "complex128"),
            ("float32", "float16"),
            ("float32", "bfloat16"),
        )
    },
    **{
        f"tensor-{dtype}-{aligned}": (
            tensor_source.SOURCE,
            tensor_source.kernel_options(dtype, aligned=aligned),
        )
        for dtype, aligned in (("float16", True), ("bfloat16", False))
    },
    **{
        f"omp-{dtype}": (omp_block.SOURCE, omp_stored_rows.kernel_options(dtype))
        for dtype in ("float32", "float64")
    },
}


@needs_nvcc
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
@pytest.mark.parametrize("name", SOURCES)
def test_sources_compile_to_ptx_and_machine_code(tmp_path, name, architecture):
    source, options = SOURCES[name]
    file = tmp_path / "kernel.cu"
    file.write_text(source)
    command = [
        "nvcc", f"-arch={architecture}", "-cubin", "-Werror=all-warnings", "-Xptxas=-v", FLUSH,
        *options, str(file), "-o", str(tmp_path / "kernel.cubin"), "--keep",
        "--keep-dir", str(tmp_path),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("*.ptx"))
    # What does not fit into registers or shared memory goes to slow memory, or does not start.
    assert re.search(r"\b0 bytes spill stores", done.stderr), done.stderr


@pytest.mark.skipif(ctypes.util.find_library("nvrtc") is None, reason="NVRTC is not installed")
@pytest.mark.parametrize("name", SOURCES)
def test_sources_compile_at_run_time(name):
    """As CuPy does: NVRTC has none of the headers that nvcc reads by itself."""
    rtc = ctypes.CDLL(ctypes.util.find_library("nvrtc"))
    source, options = SOURCES[name]
    program = ctypes.c_void_p()
    rtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None)
    flags = [
        b"--gpu-architecture=compute_80",
        b"-ftz=true",
        *(option.encode() for option in options),
    ]
    code = rtc.nvrtcCompileProgram(program, len(flags), (ctypes.c_char_p * len(flags))(*flags))
    size = ctypes.c_size_t()
    rtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    rtc.nvrtcGetProgramLog(program, log)
    assert code == 0, log.value.decode()


def test_blocks_have_the_lanes_their_work_space_is_made_for():
    for n in range(1, 33):
        assert f"LANES = N <= 8 ? {item.lanes(8)} : N <= 16 ? {item.lanes(16)} : " in item.ITEM
        assert item.lanes(n) % 32 == 0
        assert item.lanes(n) >= n


def test_kernels_reach_as_far_as_the_table_sends_them():
    for dtype in ELEMENT_TYPES:
        assert gpu_limits(dtype).stack_order <= max(ORDERS)
    assert f"#define TILE {mirror.TILE}\n" in mirror.SOURCE


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return host_build.small_library(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    return host_build.three_library(tmp_path_factory.mktemp("three"))


@pytest.fixture(params=["small", "three"])
def square(request):
    """Either kernel, for real 3 x 3 stacks."""
    return request.getfixturevalue(request.param)


def graded(m, n, dtype, condition):
    return np.stack(
        [
            from_spectrum(m, n, spectrum(p, n, condition=condition), dtype=dtype, rng=i)
            for i, p in enumerate(PROFILES)
        ]
    )


def assert_polar(x, u, h, roundoff):
    """The targets of `orthola.polar`: C sqrt(n) u, (C sqrt(n) + D) u and P n u."""
    c, d, p = 10.0, 60.0, 2.0
    n = x.shape[-1]
    assert np.max(orthogonality(u)) <= c * np.sqrt(n) * roundoff
    assert np.max(polar_residual(x, u, h)) <= (c * np.sqrt(n) + d) * roundoff
    assert np.max(psd_violation(h)) <= p * n * roundoff
    np.testing.assert_array_equal(h, h.conj().swapaxes(-1, -2))


def reference(x):
    p, s, qh = np.linalg.svd(x.astype(np.complex128 if x.dtype.kind == "c" else np.float64))
    return p[..., : s.shape[-1]] @ qh, s


@needs_compiler
@pytest.mark.parametrize("condition", [10.0, 1e4, 1e8, 1e14])
@pytest.mark.parametrize("dtype", ELEMENT_TYPES)
def test_generic_kernel_against_the_svd(small, dtype, condition):
    u = float(np.finfo(dtype).eps) / 2
    for n in ORDERS[1:]:
        for m in (n, 2 * n + 3):
            x = graded(m, n, dtype, condition)
            unitary, hermitian, status = call_polar(small, x)
            assert_polar(x, unitary, hermitian, u)
            if condition * u < 1e-3:
                assert not np.any(status)
                # The factor moves by at most 2/sigma_n times the error: c for the error in u.
                c = 40.0 * np.sqrt(n)
                expected, _ = reference(x)
                assert np.max(np.abs(unitary - expected)) <= c * condition * u
            if condition * u > 1:
                assert np.all(status == Status.RANK_DEFICIENT)


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_three_kernel_against_the_svd(three, dtype):
    u = float(np.finfo(dtype).eps) / 2
    for condition in (1.0, 10.0, 1e4, 1e8, 1e12, 1e15):
        x = graded(3, 3, dtype, condition)
        unitary, hermitian, status = call_polar(three, x)
        expected, s = reference(x)
        done = status <= Status.RANK_DEFICIENT
        # Where even the second singular value is noise, the item is left to the caller.
        assert np.all(done | (s[:, 1] <= 8 * u * s[:, 0]))
        assert_polar(x[done], unitary[done], hermitian[done], u)
        if condition * u < 1e-3:
            assert not np.any(status)
            assert np.max(np.abs(unitary - expected)) <= 40.0 * condition * u


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_three_kernel_on_integers_of_every_rank(three, dtype):
    x = np.random.default_rng(5).integers(-2, 3, (4000, 3, 3)).astype(dtype)
    x[0] = 0
    _, s = reference(x)
    rank = np.sum(s > 1e-6 * np.maximum(s[:, :1], 1.0), axis=-1)
    assert set(rank) == {0, 1, 2, 3}
    unitary, hermitian, status = call_polar(three, x)
    assert np.all(status[rank == 3] == Status.OK)
    assert np.all(status[(rank == 2) | (rank == 0)] == Status.RANK_DEFICIENT)
    assert np.all(status[rank == 1] == Status.NOT_CONVERGED)  # left to the caller
    done = status != Status.NOT_CONVERGED
    assert_polar(x[done], unitary[done], hermitian[done], float(np.finfo(dtype).eps) / 2)
    signs = np.sign(np.linalg.det(x[rank == 3].astype(float)))
    np.testing.assert_allclose(np.linalg.det(unitary[rank == 3]), signs, atol=1e-5)


@needs_compiler
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_statuses_and_marked_items(square, dtype):
    x = np.random.default_rng(1).standard_normal((6, 3, 3)).astype(dtype)
    alone, _, _ = call_polar(square, x)
    y = x.copy()
    y[0], y[1, 0, 0], y[2, 2, 1], y[3] = 0, np.nan, -np.inf, np.outer([1, 2, 4], [0, 1, 0])
    unitary, hermitian, status = call_polar(square, y)
    assert list(status[:4]) == [
        Status.RANK_DEFICIENT, Status.NONFINITE, Status.NONFINITE, Status.NOT_CONVERGED,
    ]  # fmt: skip
    np.testing.assert_array_equal(unitary[0], np.eye(3))
    np.testing.assert_array_equal(hermitian[0], 0)
    assert np.all(np.isnan(unitary[1:3]))
    assert np.all(np.isnan(hermitian[1:3]))
    np.testing.assert_array_equal(unitary[4:], alone[4:])  # neighbours do not matter


@needs_compiler
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_powers_of_two_change_nothing_but_the_scale(square, dtype):
    x = np.random.default_rng(2).standard_normal((5, 3, 3)).astype(dtype)
    unitary, hermitian, _ = call_polar(square, x)
    for k in range(-900, 901, 100) if dtype == "float64" else range(-110, 111, 20):
        u, h, status = call_polar(square, np.ldexp(x, k))
        np.testing.assert_array_equal(u, unitary)
        np.testing.assert_array_equal(h, np.ldexp(hermitian, k))
        assert not np.any(status)


@needs_compiler
@pytest.mark.parametrize("dtype", ELEMENT_TYPES)
@pytest.mark.parametrize("n", [1, 31, 33, 70])
def test_mirror_reads_the_lower_triangle_only(tmp_path, dtype, n):
    rng = np.random.default_rng(n)
    a, b = (rng.standard_normal((n, n)).astype(dtype) for _ in range(2))
    if a.dtype.kind == "c":
        a, b = a + 1j * b, b - 2j * a
    above = np.triu_indices(n, 1)
    a[above] = b[above] = np.nan
    out = call_mirror(tmp_path, np.empty_like(a), (0.5, a), (-2.0, b))
    np.testing.assert_array_equal(np.tril(out, -1), np.tril(0.5 * a - 2 * b, -1))
    np.testing.assert_array_equal(np.diag(out), np.diag(0.5 * a.real - 2 * b.real))
    np.testing.assert_array_equal(out, out.conj().T)
    np.testing.assert_array_equal(call_mirror(tmp_path, a, (1.0, a), (0.0, None)), a.conj().T)


TEAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include <barrier>
#include <thread>
#include <vector>
static std::barrier<> *team;
#define BARRIER() team->arrive_and_wait()
"""

TEAM_MAIN = r"""
int main(int, char **names) {
  const int items = 5, m = ORDER + 2, lanes = LANES;
  std::vector<ELEMENT> a(items * m * ORDER), u(a), h(items * ORDER * ORDER);
  std::vector<int> status(items);
  FILE *given = fopen(names[1], "rb"), *out = fopen(names[2], "wb");
  if (fread(a.data(), sizeof(ELEMENT), a.size(), given) != a.size()) abort();
  static Work<ELEMENT, ORDER> work;
  std::barrier<> all(lanes);
  team = &all;
  std::vector<std::thread> threads;
  for (int lane = 0; lane < lanes; ++lane)
    threads.emplace_back([&, lane] {
      for (int k = 0; k < items; ++k) {
        Polar<ELEMENT, ORDER> item{{work, u.data() + k * m * ORDER, m, lane, lanes}};
        const int code = item.solve(a.data() + k * m * ORDER, h.data() + k * ORDER * ORDER, EPS);
        if (lane == 0) status[k] = code;
        BARRIER();
      }
    });
  for (auto &thread : threads) thread.join();
  fwrite(u.data(), sizeof(ELEMENT), u.size(), out);
  fwrite(status.data(), sizeof(int), items, out);
  fclose(out);
}
"""


def team_flags(dtype, n, lanes):
    eps = np.finfo(dtype).eps
    return (
        "-std=c++20", "-g", "-pthread", "-fsanitize=thread", f"-DELEMENT={ELEMENT_TYPES[dtype]}",
        f"-DORDER={n}", f"-DLANES={lanes}", f"-DEPS={float(eps)!r}",
    )  # fmt: skip


@needs_compiler
@pytest.mark.parametrize(("dtype", "n", "lanes"), [("float64", 8, 32), ("complex64", 5, 12)])
def test_a_team_of_lanes_has_no_races(tmp_path, small, dtype, n, lanes):
    """The block's threads as real threads, watched: every barrier that is needed is there."""
    source = TEAM + polar_small.SOURCE.replace("LANES", "ROOM") + TEAM_MAIN
    try:
        program = host_build.build(tmp_path, "team", source, *team_flags(dtype, n, lanes))
    except subprocess.CalledProcessError:
        pytest.skip("this compiler has no thread sanitizer or no std::barrier")
    x = graded(n + 2, n, dtype, 1e4)[:5]
    x[1], x[2, -1, -1] = 0, np.nan
    x.tofile(tmp_path / "given")
    command = [str(program), str(tmp_path / "given"), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unexpected memory mapping" in done.stderr:
        pytest.skip("the thread sanitizer does not work on this kernel")
    assert done.returncode == 0, done.stderr
    raw = (tmp_path / "out").read_bytes()
    unitary = np.frombuffer(raw[: x.nbytes], dtype).reshape(x.shape)
    status = np.frombuffer(raw[x.nbytes :], np.int32)
    alone, _, expected = call_polar(small, x)
    np.testing.assert_array_equal(status, expected)
    # Sums in another order: c for the condition of 1e4 and the few roundings of a sum.
    c = 40.0 * 1e4
    np.testing.assert_allclose(unitary, alone, rtol=0, atol=c * float(np.finfo(dtype).eps))
