"""``orthola info``, `show_versions`, and the frame of the command: exit codes and error lines."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from importlib import metadata

import numpy as np
import pytest

import orthola
from orthola._cli.main import main
from orthola._core import versions
from orthola._kernels.table import KERNELS


def facts(capsys: pytest.CaptureFixture[str]) -> dict:
    assert main(["info", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_names_the_versions_that_are_installed(capsys: pytest.CaptureFixture[str]) -> None:
    found = facts(capsys)
    assert found["orthola"] == orthola.__version__
    assert found["packages"]["numpy"] == np.__version__
    for name in ("scipy", "numba", "threadpoolctl"):
        assert found["packages"][name] == metadata.version(name)
    assert set(found["missing"]) == {k for k, v in found["packages"].items() if v is None}
    assert "numpy" in found["backends"]


def test_json_lists_blas_with_its_threads(capsys: pytest.CaptureFixture[str]) -> None:
    pools = facts(capsys)["threads"]["pools"]
    assert any(pool["kind"] == "blas" and pool["threads"] >= 1 for pool in pools)


def test_json_lists_every_kernel_of_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    kernels = facts(capsys)["kernels"]
    assert [kernel["target"] for kernel in kernels] == [kernel.target for kernel in KERNELS]


def test_json_says_what_polar_chooses(capsys: pytest.CaptureFixture[str]) -> None:
    choices = facts(capsys)["polar"]
    assert {"float32", "float64"} == {choice["dtype"] for choice in choices}
    for choice in choices:
        plan = orthola.explain(orthola.polar, np.empty(choice["shape"], choice["dtype"]))
        assert choice["method"] == plan["method"]
        assert choice["because"] == plan["because"]


def test_text_has_every_section(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    text = capsys.readouterr().out
    for section in ("Packages", "hardware", "Kernels", "What polar chooses", "1024 × 1024"):
        assert section in text


def test_terminal_output_says_the_same(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "160")
    assert main(["info"]) == 0
    text = capsys.readouterr().out
    assert "─" in text  # drawn by rich
    assert f"orthola {orthola.__version__}" in text
    assert "_kernels.numba.polar_small:polar_stack" in text


def test_missing_package_comes_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = metadata.version

    def version(name: str) -> str:
        if name == "torch":
            raise metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(versions.metadata, "version", version)
    found = versions.environment()
    assert found["packages"]["torch"] is None
    assert found["missing"]["torch"] == 'pip install "orthola[torch]"'
    assert "torch" not in found["backends"]


class Driver:
    """An NVIDIA driver with one device, or with none that works."""

    def __init__(self, code: int = 0, devices: int = 1) -> None:
        self.code, self.devices = code, devices

    def cuInit(self, flags: int) -> int:
        return self.code

    def cuDeviceGetCount(self, count: object) -> None:
        count._obj.value = self.devices  # type: ignore[attr-defined]

    def cuDeviceGet(self, device: object, index: int) -> None:
        device._obj.value = index  # type: ignore[attr-defined]

    def cuDeviceGetName(self, name: ctypes.Array, size: int, device: object) -> None:
        name.value = b"Test Device"


@pytest.mark.parametrize(
    ("driver", "devices", "words"),
    [
        (Driver(), ["Test Device"], "Test Device"),
        (Driver(code=100), [], "CUDA error 100"),
        (Driver(devices=0), [], "no device"),
        (None, [], "no NVIDIA driver"),
    ],
)
def test_gpu_is_reported_with_the_reason(
    driver: Driver | None, devices: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(name: str) -> Driver:
        if driver is None:
            raise OSError
        return driver

    monkeypatch.setattr(versions.ctypes, "CDLL", load)
    gpu = versions._gpu({"cupy": None, "torch": None, "jax": None})
    assert gpu["devices"] == devices
    assert words in gpu["summary"]
    assert not gpu["usable"]
    assert versions._gpu({"cupy": "13.3"})["usable"] == bool(devices)


def test_show_versions_prints_and_returns_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert orthola.show_versions() is None
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["orthola", orthola.__version__]
    assert any(line.startswith("GPU") for line in lines)


@pytest.mark.parametrize(
    "argv", [[], ["nothing"], ["info", "--nothing"], ["study"], ["study", "nothing"]]
)
def test_wrong_arguments_are_one_line_and_exit_code_2(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("orthola: error: ")
    assert printed.err.count("\n") == 1


def test_interrupt_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("orthola._cli.info.facts", interrupted)
    assert main(["info"]) == 130
    assert capsys.readouterr().err == "orthola: interrupted\n"


def test_module_runs_as_the_command_does() -> None:
    command = [sys.executable, "-m", "orthola", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"orthola {orthola.__version__}\n"
