"""Triangular systems on every library, in every storage order, and their derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from orthola._core.shared_memory import as_numpy, as_tensor
from orthola._core.space import resolve
from orthola._core.triangular import solve_triangular
from orthola.testing import machine_epsilon
from tests.dtypes import on_dtypes
from tests.isolation import assert_same_kind, to_numpy

C_SOLVE = 20.0  # the systems below have condition numbers of about 3
FLAGS = [(lower, adjoint, unit) for lower in (0, 1) for adjoint in (0, 1) for unit in (0, 1)]
flags = pytest.mark.parametrize(("lower", "adjoint", "unit"), FLAGS)


def draw(shape: tuple[int, ...], dtype: str, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    if dtype.startswith("complex"):
        x = x + 1j * rng.standard_normal(shape)
    return x


def system(batch: tuple[int, ...], k: int, p: int, dtype: str) -> tuple[Any, Any]:
    """A well conditioned triangle; what must not be read is NaN later on."""
    t = draw((*batch, k, k), dtype, 1) / (4 * k) + 2 * np.eye(k)
    return t, draw((*batch, k, p), dtype, 2)


def effective(t: Any, lower: int, adjoint: int, unit: int) -> Any:
    a = np.tril(t) if lower else np.triu(t)
    if unit:
        a = a - a * np.eye(a.shape[-1]) + np.eye(a.shape[-1])
    return np.swapaxes(a, -1, -2).conj() if adjoint else a


def unread(t: Any, lower: int, unit: int) -> Any:
    """NaN in the other triangle, and on the diagonal if it is one by agreement."""
    t = t + np.where(np.tri(t.shape[-1], dtype=bool) == bool(lower), 0, np.nan)
    k = t.shape[-1]
    t = np.where(np.eye(k, dtype=bool), np.nan if unit else 2.0, t)
    return t


def solved(t: Any, b: Any, *, lower: int, adjoint: int, unit: int) -> Any:
    space, (t, b) = resolve("solve", t, b)
    flag = {"lower": bool(lower), "adjoint": bool(adjoint), "unit": bool(unit)}
    return solve_triangular(space, t, b, **flag)


@pytest.mark.parametrize("batch", [(), (3,), (2, 2)], ids=str)
@flags
@on_dtypes("float64", "complex64")
def test_solutions_on_every_library(backend, dtype, batch, lower, adjoint, unit):
    t, b = system(batch, 5, 3, dtype)
    t, b = backend.asarray(t, dtype), backend.asarray(b, dtype)
    x = backend.call(solved, t, b, lower=lower, adjoint=adjoint, unit=unit)
    assert_same_kind(x, b)
    a = effective(to_numpy(t), lower, adjoint, unit)
    error = np.abs(a @ to_numpy(x) - to_numpy(b)).max()
    assert error <= C_SOLVE * 5 * machine_epsilon(dtype)


@flags
@on_dtypes("float64", "complex64")
def test_only_the_named_triangle_is_read(backend, dtype, lower, adjoint, unit):
    t, b = system((2,), 4, 2, dtype)
    inputs = [backend.asarray(v, dtype) for v in (unread(t, lower, unit), b)]
    x = to_numpy(backend.call(solved, *inputs, lower=lower, adjoint=adjoint, unit=unit))
    a = effective(np.where(np.eye(4) > 0, 2.0, t), lower, adjoint, unit)
    assert np.abs(a @ x - b).max() <= C_SOLVE * 4 * machine_epsilon(dtype)


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
@pytest.mark.parametrize("order", ["CC", "CF", "FC", "FF", "odd"])
@flags
def test_memory_order_changes_nothing_and_nothing_is_written(dtype, order, lower, adjoint, unit):
    t, b = (x.astype(dtype) for x in system((), 6, 3, dtype))
    if order == "odd":
        t, b = np.repeat(t, 2, axis=1)[:, ::2], np.repeat(b, 2, axis=0)[::2][::-1]
    else:
        t, b = np.array(t, order=order[0]), np.array(b, order=order[1])
    t.flags.writeable = b.flags.writeable = False
    x = solved(t, b, lower=lower, adjoint=adjoint, unit=unit)
    a = effective(t.astype(np.complex128), lower, adjoint, unit)
    assert np.abs(a @ x - b).max() <= C_SOLVE * 6 * machine_epsilon(dtype)


@on_dtypes("float64", "complex64")
def test_batch_shapes_broadcast_and_may_be_empty(backend, dtype):
    t, b = system((), 3, 2, dtype)
    several = np.stack([b, 2 * b])
    x = backend.call(solved, backend.asarray(t, dtype), backend.asarray(several, dtype),
                     lower=1, adjoint=0, unit=0)  # fmt: skip
    assert x.shape == (2, 3, 2)
    error = np.abs(effective(t, 1, 0, 0) @ to_numpy(x) - several).max()
    assert error <= C_SOLVE * 3 * machine_epsilon(dtype)
    for shape in ((0, 3, 2), (2, 3, 0)):
        empty = backend.asarray(np.zeros(shape), dtype)
        full = backend.asarray(np.broadcast_to(np.eye(3), (*shape[:1], 3, 3)).copy(), dtype)
        assert backend.call(solved, full, empty, lower=0, adjoint=0, unit=0).shape == shape


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@flags
def test_torch_differentiates_through_it(dtype, lower, adjoint, unit):
    torch = pytest.importorskip("torch")
    t, b = (torch.tensor(x, requires_grad=True) for x in system((2,), 3, 2, dtype))

    def function(t, b):
        return solved(t, b, lower=lower, adjoint=adjoint, unit=unit)

    assert torch.autograd.gradcheck(function, (t, b))


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@flags
def test_jax_differentiates_through_it(dtype, lower, adjoint, unit):
    jax = pytest.importorskip("jax")
    from jax.test_util import check_grads

    t, b = (jax.numpy.asarray(x) for x in system((2,), 3, 2, dtype))

    def function(t, b):
        return solved(t, b, lower=lower, adjoint=adjoint, unit=unit)

    check_grads(function, (t, b), order=1, modes=("fwd", "rev"), rtol=1e-6)


def test_tensors_share_memory_both_ways():
    torch = pytest.importorskip("torch")
    tensor = torch.arange(6.0).reshape(2, 3).requires_grad_()
    array = as_numpy(tensor)
    assert np.shares_memory(array, tensor.detach().numpy())
    back = as_tensor(array.T)
    assert back.data_ptr() == tensor.data_ptr()
    assert back.stride() == (1, 3)


def test_what_a_tensor_cannot_be_is_copied():
    torch = pytest.importorskip("torch")
    z = torch.tensor([1 + 2j, 3 - 1j])
    assert (as_numpy(z.conj()) == np.array([1 - 2j, 3 + 1j])).all()
    assert (as_numpy(z.conj().imag) == np.array([-2.0, 1.0])).all()
    array = np.arange(3.0)
    assert as_tensor(array[::-1]).tolist() == [2.0, 1.0, 0.0]
    array.flags.writeable = False
    as_tensor(array).add_(1.0)
    assert array.tolist() == [0.0, 1.0, 2.0]
    assert as_tensor(np.float64(2.0)).shape == ()
