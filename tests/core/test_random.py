"""Random numbers of one seed on every library: seeds, destinations, delivery."""

from __future__ import annotations

import subprocess
import sys

import array_api_compat
import numpy as np
import pytest

from orthola._core.random import delivered, destination, generator, normals
from orthola.testing import dtype_name, machine_epsilon
from tests.dtypes import on_dtypes
from tests.isolation import to_numpy


@pytest.mark.parametrize(
    "seed",
    [7, [1, 2], np.random.SeedSequence(3), np.random.PCG64(4), np.int64(7)],
    ids=lambda seed: type(seed).__name__,
)
def test_seeds_that_numpy_takes(seed):
    numbers = generator("f", seed).standard_normal(3)
    assert numbers.shape == (3,)
    if not isinstance(seed, np.random.PCG64):
        assert np.array_equal(numbers, np.random.default_rng(seed).standard_normal(3))


def test_a_generator_is_itself_and_none_is_fresh():
    rng = np.random.default_rng(0)
    assert generator("f", rng) is rng
    fresh = [generator("f", None).random() for _ in range(2)]
    assert fresh[0] != fresh[1]


@pytest.mark.parametrize(
    "seed", [True, "text", 1.5, object()], ids=lambda seed: type(seed).__name__
)
def test_what_is_no_seed(seed):
    with pytest.raises(TypeError, match="f: expected rng to be None"):
        generator("f", seed)


def test_sources_of_other_libraries_are_refused():
    torch, jax = pytest.importorskip("torch"), pytest.importorskip("jax")
    for source in (torch.Generator(), torch.tensor(1), jax.random.key(0), jax.numpy.asarray(1)):
        with pytest.raises(TypeError, match="drawn on the host"):
            generator("f", source)


def test_negative_seeds_are_refused():
    with pytest.raises(ValueError, match="f: expected a seed that is not negative, got -1"):
        generator("f", -1)


def test_normal_numbers():
    real = normals(np.random.default_rng(1), (100, 200))
    assert real.dtype == np.float64
    assert abs(real.mean()) <= 5 / np.sqrt(real.size)
    assert abs(real.var() - 1) <= 5 * np.sqrt(2 / real.size)
    z = normals(np.random.default_rng(1), (100, 200), is_complex=True)
    assert (z.dtype, z.shape) == (np.complex128, (100, 200))
    assert abs((np.abs(z) ** 2).mean() - 2) <= 5 * 2 / np.sqrt(z.size)
    assert abs((z**2).mean()) <= 5 * 3 / np.sqrt(z.size)
    assert normals(np.random.default_rng(1), (0, 3), is_complex=True).shape == (0, 3)


@on_dtypes("float64", "float32", "complex64", "complex128", "float16", "bfloat16")
def test_delivery(backend, dtype):
    place = destination("f", backend.xp, dtype, backend.device)
    assert place.is_complex == dtype.startswith("complex")
    host = normals(np.random.default_rng(2), (3, 4), is_complex=place.is_complex)
    x = delivered(place, host.T)
    assert array_api_compat.array_namespace(x) is backend.xp
    assert array_api_compat.device(x) == backend.device
    assert dtype_name(x.dtype) == dtype
    single = "float32" if dtype == "bfloat16" else dtype
    error = np.abs(to_numpy(x) - host.T.astype(single)).max()
    assert error <= (machine_epsilon(dtype) * 4 if dtype == "bfloat16" else 0.0)
    real = place.real
    assert not real.is_complex
    assert dtype_name(real.dtype) == {"complex64": "float32", "complex128": "float64"}.get(
        dtype, dtype
    )


@pytest.mark.parametrize("name", ["numpy", "torch", "jax", "jax.numpy", "array_api_strict"])
def test_libraries_by_name_and_default_dtype(name):
    pytest.importorskip(name)
    place = destination("f", name, None, None)
    info = place.xp.__array_namespace_info__()
    assert place.dtype == info.default_dtypes()["real floating"]


def test_dtypes_in_every_spelling():
    torch = pytest.importorskip("torch")
    for dtype in ("float32", np.float32, np.dtype("float32")):
        assert destination("f", None, dtype, None).dtype_name == "float32"
    for dtype in ("bfloat16", torch.bfloat16):
        assert destination("f", torch, dtype, None).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("xp", "dtype", "error", "message"),
    [
        (None, "int32", TypeError, "real or complex floating dtype"),
        (None, "float128", TypeError, "real or complex floating dtype"),
        (None, "bfloat16", ValueError, "numpy has no dtype bfloat16"),
        ("no-such-library", None, TypeError, "array namespace"),
        (3, None, TypeError, "array namespace"),
    ],
)
def test_places_that_there_are_not(xp, dtype, error, message):
    with pytest.raises(error, match=message):
        destination("f", xp, dtype, None)


def test_no_library_is_imported_for_numpy():
    code = (
        "import sys, orthola; orthola.haar(4, rng=0);"
        "print([m for m in ('torch', 'jax', 'cupy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
