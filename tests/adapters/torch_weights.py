"""Modules with an orthogonal weight, and measures of them, for the tests of the PyTorch adapter."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from orthola.adapters.torch import orthogonal
from orthola.testing import machine_epsilon, orthogonality, orthonormal

MAPS = ("matrix_exp", "cayley", "householder")
SHAPES = {
    "square": (5, 5),
    "tall": (7, 3),
    "wide": (3, 7),
    "column": (4, 1),
    "number": (1, 1),
    "batch": (2, 3, 6, 4),
    "wide batch": (3, 2, 5),
}
DTYPES = ("float64", "complex128")
C = 50.0  # of n eps: a map and its inverse

every_map = pytest.mark.parametrize("kind", MAPS)
every_way = pytest.mark.parametrize("trivialized", [True, False], ids=["trivialised", "plain"])
every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
real_and_complex = pytest.mark.parametrize("dtype", DTYPES)


class Holder(torch.nn.Module):
    """A weight of any shape, and what a layer does with it."""

    def __init__(self, weight):
        super().__init__()
        self.weight = torch.nn.Parameter(weight)

    def forward(self, x):
        return x @ self.weight.mT


def frame(shape, dtype="float64", *, rng=0, flip=False):
    """Orthonormal columns or rows, as a tensor; `flip` changes the sign of the determinant."""
    q = orthonormal(*shape[-2:], shape=tuple(shape[:-2]), dtype=dtype, rng=rng)
    if flip:
        q[..., 0] *= -1
    return torch.tensor(q)


def holder(shape, kind=None, *, dtype="float64", trivialized=True, rng=0):
    return orthogonal(
        Holder(frame(shape, dtype, rng=rng)), "weight", kind, use_trivialization=trivialized
    )


def parameter(module):
    return module.parametrizations.weight.original


def perturbed(module, *, size=0.5, seed=1):
    """The module with another parameter, everywhere the layout has one."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        p = parameter(module)
        p += size * torch.randn(p.shape, dtype=p.dtype, generator=generator)
    return module


def assert_near(found, expected, c=C):
    n, eps = max(expected.shape[-2:]), machine_epsilon(str(expected.dtype).removeprefix("torch."))
    torch.testing.assert_close(found, expected, rtol=0, atol=c * n * eps)


def assert_orthonormal(weight, c=C):
    q = weight.detach().resolve_conj().numpy()
    assert np.max(orthogonality(q)) <= c * max(q.shape[-2:]) * machine_epsilon(q.dtype)


def ways(kind, shape):
    """With a base and without; values without can be assigned unless it is a tall exponential."""
    return (True, False) if kind != "matrix_exp" or shape[-1] == shape[-2] else (True,)
