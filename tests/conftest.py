"""Back-end fixtures, hypothesis profiles and command line options of the whole suite."""

from __future__ import annotations

import gc
import os
import sys
from importlib.metadata import PackageNotFoundError, version

# Read by JAX once, when it is first imported; no test may have imported it yet.
os.environ["JAX_ENABLE_X64"] = "True"
# What somebody has measured on this machine is not what tests of the choices know.
os.environ["ORTHOLA_TUNING"] = "built-in"
# Leave GPU memory to the other libraries under test.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
# Most of the suite's time was XLA optimising programs that run once: half of it goes this way.
# With JAX_DISABLE_MOST_OPTIMIZATIONS=0 and XLA_FLAGS= set by the caller it runs as users do.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
# XLA stops at flags that it does not know, so this one goes to versions that were seen to.
try:
    if version("jaxlib").startswith("0.10."):
        os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")
except PackageNotFoundError:
    pass  # the suite runs without it
# Processes that test side by side would wait for each other's spinning BLAS threads.
if "PYTEST_XDIST_WORKER" in os.environ:
    for pool in ("OPENBLAS", "MKL", "OMP"):
        os.environ.setdefault(f"{pool}_NUM_THREADS", "1")

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

pytest.register_assert_rewrite("tests.isolation")

from tests.backends import (  # noqa: E402
    BACKENDS,
    NEEDS_CUDA,
    Backend,
    Unavailable,
    cuda_driver,
    load,
)

# Compilation and a shared machine make times meaningless: no deadline, no slowness check.
hypothesis.settings.register_profile(
    "suite",
    max_examples=30,
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "long", parent=hypothesis.settings.get_profile("suite"), max_examples=1000, derandomize=False
)
# --hypothesis-profile=long on the command line wins over this.
hypothesis.settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--backend",
        action="append",
        choices=BACKENDS,
        default=[],
        help="run only tests that take a back-end, on this one; may be repeated; "
        "a back-end asked for by name fails where it is missing instead of being skipped",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kept, dropped = [], []
    for item in items:
        (kept if _wanted(config, item) else dropped).append(item)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


def _wanted(config: pytest.Config, item: pytest.Item) -> bool:
    chosen, name = config.getoption("--backend"), _backend_name(item)
    if chosen and name not in chosen:
        return False
    # Without a driver these would be thousands of skips with one reason, which is given below.
    if not chosen and name in NEEDS_CUDA and not cuda_driver():
        return False
    # Long runs are asked for by an expression; otherwise they would be in every run.
    return bool(config.getoption("-m")) or item.get_closest_marker("long") is None


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not terminalreporter.config.getoption("--backend") and not cuda_driver():
        terminalreporter.write_line(f"Not run: {', '.join(NEEDS_CUDA)}: there is no NVIDIA driver")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    # Here and not in the fixture: the mode is global and ends with the test, the fixture does not.
    name = _backend_name(item)
    if name is None:
        return (yield)
    with load(name).active():
        return (yield)


def pytest_runtest_teardown() -> None:
    # Every program that XLA compiles holds mappings of memory for as long as JAX keeps it. The
    # suite has more programs than Linux lets a process have mappings (65530), and would be aborted.
    global _tests_run
    _tests_run += 1
    if _tests_run % _INTERVAL == 0 and "jax" in sys.modules and _mappings() > _MANY_MAPPINGS:
        sys.modules["jax"].clear_caches()
        gc.collect()


_tests_run = 0
_INTERVAL = 20
_MANY_MAPPINGS = 20_000


def _mappings() -> int:
    try:
        with open("/proc/self/maps", "rb") as lines:
            return sum(1 for _ in lines)
    except OSError:
        return 0  # not Linux: no such limit


def _backend_name(item: pytest.Item) -> str | None:
    callspec = getattr(item, "callspec", None)
    return None if callspec is None else callspec.params.get("backend")


# Module scope, because hypothesis refuses function-scoped fixtures; back-ends hold no state.
@pytest.fixture(scope="module", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each array library in each mode; tests may narrow it by indirect parametrization."""
    try:
        return load(request.param)
    except Unavailable as reason:
        if request.param in request.config.getoption("--backend"):
            pytest.fail(f"{request.param}: {reason}", pytrace=False)
        pytest.skip(f"{request.param}: {reason}")


@pytest.fixture(scope="module")
def xp(backend: Backend) -> Any:
    """Array namespace of the back-end."""
    return backend.xp


@pytest.fixture(scope="module")
def device(backend: Backend) -> Any:
    """Device of the back-end, not the default one where the library has another."""
    return backend.device


@pytest.fixture
def own_tuning_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Measured limits are looked for as users have it, in a folder of the test's own."""
    from orthola._core import tuning, tuning_file

    monkeypatch.delenv(tuning_file.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    tuning.forget_files()
    yield
    tuning.forget_files()
