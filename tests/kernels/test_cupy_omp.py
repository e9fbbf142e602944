"""The pursuit on the device without a GPU: its source run on the host, through its own entry."""

from __future__ import annotations

import ctypes
import itertools
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from orthola._core.errors import Status
from orthola._core.space import resolve
from orthola._kernels.cupy import gemm, omp_block, omp_stored_rows
from orthola._sparse.plan import RULES, Facts, facts_of, plan_pursuit
from orthola._sparse.pursuit import pursue
from tests.kernels import host_build

needs_compiler = pytest.mark.skipif(
    host_build.compiler() is None, reason="there is no C++ compiler for the host"
)
TARGET = "orthola._kernels.cupy.omp_stored_rows:pursue_rows"
DTYPES = ("float32", "float64")
BLOCKS = 3  # that take the signals by turns

TEAM = r"""
#include <barrier>
#include <thread>
#include <vector>
static std::barrier<> *all_lanes;
#define BARRIER() all_lanes->arrive_and_wait()
"""

# What follows the arguments of the kernel and its `data` and `results`.
HOST = r"""
  for (int start = 0; start < BLOCKS_HERE; ++start) {
    auto work = [&](int lane, int lanes) {
      Pursuit<ELEMENT> block{data, team, scratch + start * scratch_size, lane, lanes};
      for (long long s = start; s < items; s += BLOCKS_HERE) block.solve(s, results);
    };
#ifdef TEAM_OF
    std::barrier<> barrier(TEAM_OF);
    all_lanes = &barrier;
    std::vector<std::thread> threads;
    for (int lane = 0; lane < TEAM_OF; ++lane) threads.emplace_back(work, lane, TEAM_OF);
    for (auto &thread : threads) thread.join();
#else
    work(0, 1);
#endif
  }
}
"""

RACES = r"""
int main() {
  const int b = 4, m = 12, n = 21, k = 5;
  std::vector<ELEMENT> y(b * m), a(n * m), g(n * n), squares(n), weights(n, 1), c(b * n);
  std::vector<ELEMENT> tol{0, 0, 0.5, 1e-6}, x(b * k), norms(b);
  std::vector<ELEMENT> scratch(BLOCKS_HERE * ((k + 1) * n + k * k + 5 * k + m));
  std::vector<long long> counts{5, 3, 5, 5}, barred{2, -1, 7, 3, -1, -1, 0, 1};
  std::vector<long long> indices(b * k), used(b);
  std::vector<int> status(b);
  unsigned seed = 1;
  auto random = [&] { return (seed = seed * 1664525u + 1013904223u) / ELEMENT(1u << 31) - 1; };
  for (auto &v : y) v = random();
  for (auto &v : a) v = random();
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j)
      for (int f = 0; f < m; ++f) g[i * n + j] += a[i * m + f] * a[j * m + f];
  for (int i = 0; i < n; ++i) squares[i] = g[i * n + i];
  for (int s = 0; s < b; ++s)
    for (int i = 0; i < n; ++i)
      for (int f = 0; f < m; ++f) c[s * n + i] += y[s * m + f] * a[i * m + f];
  pursue(y.data(), a.data(), g.data(), squares.data(), weights.data(), tol.data(), counts.data(),
         nullptr, barred.data(), c.data(), b, 0, 2, m, n, k, 0, 1e-5, 1e-6, 1e-7, scratch.data(),
         scratch.size() / BLOCKS_HERE, indices.data(), x.data(), used.data(), norms.data(),
         status.data());
  return used[0] == 5 && used[1] == 3 && used[2] >= 1 && used[2] < 5 && !(status[3] == 0) ? 0 : 1;
}
"""


def host_source() -> str:
    """The kernel, with loops over blocks and lanes in place of the device."""
    source = omp_block.SOURCE
    kernel = source.split("omp_stored_rows(")[1].split("  Pursuit<ELEMENT> block")[0]
    return source + 'extern "C" void pursue(' + kernel.replace("__shared__", "static") + HOST


def flags(dtype: str, lanes: int) -> list[str]:
    own = [f"-DBLOCKS_HERE={BLOCKS}", omp_stored_rows.kernel_options(dtype)[1]]
    return own if lanes == 1 else [*own, "-std=c++20", "-pthread", f"-DTEAM_OF={lanes}"]


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    folder = tmp_path_factory.mktemp("omp")
    return {
        (dtype, lanes): host_build.shared(
            folder,
            f"{dtype}{lanes}",
            ("" if lanes == 1 else TEAM) + host_source(),
            *flags(dtype, lanes),
        )
        for dtype, lanes in (("float32", 1), ("float64", 1), ("float64", 8))
    }


@pytest.fixture
def device(libraries, monkeypatch):
    """A function that makes the entry of the kernel run on the host, by so many lanes."""

    def argument(x):
        if isinstance(x, np.ndarray):
            assert x.flags.c_contiguous
            return ctypes.c_void_p(x.ctypes.data)
        if isinstance(x, float):
            return ctypes.c_double(x)
        kinds = {"int64": ctypes.c_longlong, "int32": ctypes.c_int, "uint64": ctypes.c_void_p}
        return kinds[x.dtype.name](int(x))

    def use(lanes):
        def kernel(dtype):
            def launch(grid, block, given):
                assert grid[0] <= BLOCKS
                assert block == (omp_block.LANES,)
                scratch = next(i for i, x in enumerate(given) if isinstance(x, float)) + 3
                more = np.full((BLOCKS, given[scratch].shape[1]), np.nan, dtype)
                given = (*given[:scratch], more, *given[scratch + 1 :])
                libraries[dtype, lanes].pursue(*map(argument, given))

            return launch

        runtime = SimpleNamespace(getDevice=lambda: 0)
        names = ("empty", "ascontiguousarray", "int64", "int32", "bool_", "finfo")
        fake = SimpleNamespace(
            **{name: getattr(np, name) for name in names},
            cuda=SimpleNamespace(runtime=runtime),
            ndarray=type("ndarray", (), {}),
        )
        monkeypatch.setitem(sys.modules, "cupy", fake)
        monkeypatch.setattr(omp_stored_rows, "_kernel", kernel)
        monkeypatch.setattr(omp_stored_rows, "_multiprocessors", lambda _: 1)
        monkeypatch.setattr(gemm, "gemm", lambda x, y: x @ y)

    return use


def problem(seed, dtype, items=5, m=24, n=61, k=7):
    """Noisy sparse signals of atoms of unequal length."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((n, m)) * rng.uniform(0.5, 2, (n, 1))
    x = rng.standard_normal((items, n)) * (rng.random((items, n)) < k / n)
    y = x @ a + 0.05 * rng.standard_normal((items, m))
    return y.astype(dtype), a.astype(dtype)


def both(device, y, a, rule, counts, tolerances=None, excluded=None, lanes=1):
    """Codes of the host's own kernel, and of the one for the device."""
    space, _ = resolve(y, a)
    k = int(np.max(counts))
    facts = facts_of(space, y, a, gram_given=True)
    plan = plan_pursuit(facts, rule, False, k, tolerances is not None, None, 2**30, True)
    counts = np.broadcast_to(np.asarray(counts, np.int64), len(y)).copy()
    if tolerances is not None:
        tolerances = np.broadcast_to(np.asarray(tolerances, y.dtype), len(y)).copy()
    given = (space, y, a, a @ a.T, counts, tolerances, excluded)
    expected = pursue(given[0], plan, *given[1:])
    assert plan.host
    device(lanes)
    found = pursue(given[0], plan._replace(host=False, kernel=TARGET), *given[1:])
    return expected, found


def assert_same(expected, found, y, a):
    eps = float(np.finfo(y.dtype).eps)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.n_active, expected.n_active)
    np.testing.assert_array_equal(found.status, expected.status)
    # c for the condition of some atoms in a small space and for sums in another order
    c, size = 2000.0, np.max(np.abs(y))
    np.testing.assert_allclose(
        found.coefficients, expected.coefficients, rtol=0, atol=c * eps * size
    )
    np.testing.assert_allclose(
        found.residual_norm, expected.residual_norm, rtol=0, atol=c * eps * size
    )
    assert found.status.dtype == np.int32


@needs_compiler
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_random_problems_have_the_codes_of_the_host(device, dtype, rule):
    for seed in range(12):
        y, a = problem(seed, dtype)
        assert_same(*both(device, y, a, rule, [7, 1, 0, 4, 7]), y, a)


@needs_compiler
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_tolerances_end_signals_one_by_one(device, dtype, rule):
    for seed in range(6):
        y, a = problem(seed, dtype)
        y[4] = 0
        codes = both(device, y, a, rule, [12, 12, 3, 12, 4], [0.3, 0.05, 1e-3, 0.0, 0.1])
        assert_same(*codes, y, a)
        assert codes[1].status[2] == Status.TOLERANCE_NOT_MET
        assert codes[1].n_active[0] < 12


@needs_compiler
def test_a_tolerance_met_by_the_last_atom_allowed_is_met(device):
    y, a = problem(3, "float64")
    first, _ = both(device, y, a, "omp", 3)
    tolerance = 1.0001 * first.residual_norm / np.linalg.norm(y, axis=1)
    expected, found = both(device, y, a, "omp", [3, 3, 3, 3, 5], tolerance)
    assert_same(expected, found, y, a)
    assert np.all(found.status[:4] == Status.OK)


@needs_compiler
@pytest.mark.parametrize("lanes", [1, 8])
def test_a_team_of_lanes_agrees_on_ties_and_exclusions(device, lanes):
    # Integers, so that copies of an atom have equal products, whatever BLAS sums first.
    y, a = (np.round(50 * x) for x in problem(7, "float64"))
    a[[30, 31, 52]] = a[3]  # the lowest one enters, and then the others depend on it
    a[9] = 0
    mask = np.zeros((5, 61), bool)
    mask[1:3, ::2] = mask[3] = True
    mask[4, 5:] = True
    y[0] = a[31]
    for excluded in (None, mask, mask[1], np.array([[3, -1], [-1, -1], [3, 30], [60, 0], [0, 1]])):
        for rule in RULES:
            expected, found = both(device, y, a, rule, 8, None, excluded, lanes)
            assert_same(expected, found, y, a)
            assert not np.any(np.isin(found.indices, 9))
    # The last exclusions leave the second copy to the first signal.
    assert found.indices[0, 0] == 30
    assert found.status[0] == Status.EXHAUSTED


@needs_compiler
@pytest.mark.parametrize("dtype", DTYPES)
def test_exact_signals_stop_at_the_floor(device, dtype):
    y, a = problem(11, dtype)
    y = (np.eye(5, 61) + np.eye(5, 61, 20)).astype(dtype) @ a
    expected, found = both(device, y, a, "ols", 10)
    np.testing.assert_array_equal(found.status, Status.EXHAUSTED)
    for codes in (expected, found):
        dense = np.zeros((5, 61))
        for s, t in itertools.product(range(5), range(10)):
            if t < codes.n_active[s]:
                dense[s, codes.indices[s, t]] = codes.coefficients[s, t]
        np.testing.assert_allclose(
            dense, np.eye(5, 61) + np.eye(5, 61, 20), atol=300 * float(np.finfo(dtype).eps)
        )


@needs_compiler
def test_small_tolerances_are_measured(device):
    """Far below the root of the rounding unit, where the recursion for ||r||^2 says nothing."""
    for seed in range(4):
        y, a = problem(seed, "float64")
        rng = np.random.default_rng(seed)
        exact = np.eye(5, 61, 4) @ a + np.roll(np.eye(5, 61), 31, axis=1) @ a
        noise = rng.standard_normal(y.shape)
        noise *= (
            np.linalg.norm(exact, axis=1, keepdims=True) / np.linalg.norm(noise, axis=1)[:, None]
        )
        for size in (3e-10, 3e-9):
            y = exact + size * noise
            expected, found = both(device, y, a, "ols", 6, 1e-9)
            assert_same(expected, found, y, a)
            most = np.max(found.n_active)
            assert most == 2 if size < 1e-9 else most > 2


@needs_compiler
def test_coefficients_of_nearly_dependent_atoms_are_corrected(device):
    angle, eps = 0.01, float(np.finfo("float32").eps)
    for seed in range(4):
        y, a = problem(seed, "float32", n=2)
        a /= np.linalg.norm(a, axis=1, keepdims=True)
        a[1] = a[0] + np.float32(angle) * a[1]
        y += a[0] - a[1]
        _, found = both(device, y, a, "omp", 2)
        assert np.all(found.n_active == 2)
        for s in range(5):
            support = a[found.indices[s]].astype(float).T
            exact = np.linalg.lstsq(support, y[s].astype(float))[0]
            # c eps / angle, as from the atoms themselves; the Gram matrix alone gives eps / angle^2
            c, size = 1.0, np.max(np.abs(exact)) + np.linalg.norm(y[s]) / angle
            error = np.max(np.abs(found.coefficients[s] - exact))
            assert error <= c * eps / angle * size


@needs_compiler
def test_powers_of_two_and_marked_signals(device):
    y, a = problem(2, "float64")
    _, plain = both(device, y, a, "normalized", 5, 0.01)
    _, scaled = both(device, np.ldexp(y, -700), a, "normalized", 5, 0.01)
    np.testing.assert_array_equal(scaled.indices, plain.indices)
    np.testing.assert_array_equal(scaled.coefficients, np.ldexp(plain.coefficients, -700))
    y[1, 3] = np.nan
    _, marked = both(device, y, a, "normalized", 5, 0.01)
    assert marked.status[1] == Status.NONFINITE
    assert marked.n_active[1] == 0
    np.testing.assert_array_equal(marked.coefficients[2:], plain.coefficients[2:])


@needs_compiler
def test_lanes_have_no_races(tmp_path):
    """The block's threads as real threads, watched: every barrier that is needed is there."""
    try:
        program = host_build.build(
            tmp_path, "races", TEAM + host_source() + RACES, *flags("float64", 8), "-g",
            "-fsanitize=thread",
        )  # fmt: skip
    except subprocess.CalledProcessError:
        pytest.skip("this compiler has no thread sanitizer or no std::barrier")
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    if "unexpected memory mapping" in done.stderr:
        pytest.skip("the thread sanitizer does not work on this kernel")
    assert done.returncode == 0, done.stderr


def test_the_table_sends_real_problems_with_a_gram_matrix():
    def target(dtype, library="cupy", gram_given=True):
        facts = Facts(library, False, False, dtype, 1000, 512, 64, gram_given)
        plan = plan_pursuit(facts, "omp", False, 8, False, None, 2**30, True)
        assert not plan.host
        return plan.kernel

    assert [target(dtype) for dtype in DTYPES] == [TARGET, TARGET]
    assert target("complex64") is None
    assert target("float64", "jax") is None
