"""Expressions in `Products` and the same in NumPy, and the matrices they are tried on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from orthola._core.linalg import Products, adjoint, inverse_positive
from orthola.testing import from_spectrum, machine_epsilon, spectrum

C_PRODUCT = 8.0  # errors of products and of well conditioned inverses, in units of n eps
SHAPES = ((3, 3), (7, 4), (5, 1))


def matrices(m: int, n: int, dtype: str, *, condition: float = 10.0, **options: Any) -> Any:
    values = spectrum("geometric", min(m, n), condition=condition)
    return from_spectrum(m, n, values, dtype=dtype, rng=m + n, **options)


def double(x: Any) -> Any:
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


def h(x: Any) -> Any:
    return np.swapaxes(x, -1, -2).conj()


class Case(NamedTuple):
    """The same expression in operations and in NumPy."""

    run: Callable[[Products, Any], Any]
    expected: Callable[[Any], Any]


def shifted_inverse(x: Any, c: float) -> Any:
    return np.linalg.inv(np.eye(x.shape[-1]) + c * (h(x) @ x))


def polynomial(x: Any, c: tuple[float, ...]) -> Any:
    g = h(x) @ x
    power, total = np.eye(g.shape[-1]), 0.0
    for coefficient in c:
        power = power @ g
        total = total + coefficient * power
    return total


def tail_case(*c: float) -> Case:
    return Case(lambda ops, x: ops.full(ops.tail(ops.gram(x), c)), lambda x: polynomial(x, c))


CASES = {
    "gram": Case(lambda ops, x: ops.full(ops.gram(x)), lambda x: h(x) @ x),
    "identity": Case(lambda ops, x: ops.identity(x), lambda x: np.eye(x.shape[-1])),
    "scaled": Case(lambda ops, x: ops.scaled(ops.load(x), half(ops, x)), lambda x: 0.5 * x),
    "shifted": Case(
        lambda ops, x: ops.shifted(ops.gram(x), -0.75),
        lambda x: h(x) @ x - 0.75 * np.eye(x.shape[-1]),
    ),
    "add_inverse": Case(
        lambda ops, x: ops.add_inverse(x, ops.inverse_shifted(ops.gram(x), 30.0), 0.5, 1.5),
        lambda x: 1.5 * x + 0.5 * x @ shifted_inverse(x, 30.0),
    ),
    "add_inverse_by_item": Case(
        lambda ops, x: ops.add_inverse(
            x, ops.inverse_shifted(ops.gram(x), 6.0 * half(ops, x)), half(ops, x), -half(ops, x)
        ),
        lambda x: 0.5 * x @ shifted_inverse(x, 3.0) - 0.5 * x,
    ),
    "inverse_times_vector": Case(
        lambda ops, x: ops.inverse_times_vector(
            ops.inverse_shifted(ops.gram(x), 30.0), adjoint(ops.xp, x)[..., :, :1]
        ),
        lambda x: shifted_inverse(x, 30.0) @ h(x)[..., :, :1],
    ),
    "deviation": Case(
        lambda ops, x: ops.full(ops.deviation(ops.gram(x))),
        lambda x: np.eye(x.shape[-1]) - h(x) @ x,
    ),
    "product": Case(
        lambda ops, x: ops.product(x, ops.full(ops.gram(x))), lambda x: x @ (h(x) @ x)
    ),
    "tail_1": tail_case(-1.25),
    "tail_2": tail_case(-1.25, 0.375),
    "tail_3": tail_case(-35 / 16, 21 / 16, -5 / 16),
    "tail_4": tail_case(-3.28125, 2.953125, -1.40625, 0.2734375),
    "tail_by_item": Case(
        lambda ops, x: ops.full(ops.tail(ops.gram(x), (-half(ops, x), 3.0 * half(ops, x)))),
        lambda x: polynomial(x, (-0.5, 1.5)),
    ),
    "multiply_add": Case(
        lambda ops, x: ops.multiply_add(x, ops.gram(x), -0.5, 1.5),
        lambda x: 1.5 * x - 0.5 * x @ (h(x) @ x),
    ),
    "multiply_add_by_item": Case(
        lambda ops, x: ops.multiply_add(x, ops.gram(x), -half(ops, x), 3.0 * half(ops, x)),
        lambda x: 1.5 * x - 0.5 * x @ (h(x) @ x),
    ),
    "times": Case(lambda ops, x: ops.times(x, ops.gram(x)), lambda x: x @ (h(x) @ x)),
    "times_vector": Case(
        lambda ops, x: ops.times_vector(ops.gram(x), adjoint(ops.xp, x)[..., :, :1]),
        lambda x: h(x) @ x @ h(x)[..., :, :1],
    ),
    "hermitian_product": Case(
        lambda ops, x: ops.hermitian_product(x, ops.multiply_add(x, ops.gram(x), 1.0, 2.0)),
        lambda x: 2.0 * h(x) @ x + (h(x) @ x) @ (h(x) @ x),
    ),
    "defect": Case(
        lambda ops, x: ops.defect(ops.gram(x)),
        lambda x: np.linalg.norm(np.eye(x.shape[-1]) - h(x) @ x, axis=(-2, -1)),
    ),
    "norm": Case(
        lambda ops, x: ops.norm(ops.gram(x)),
        lambda x: np.linalg.norm(h(x) @ x, axis=(-2, -1)),
    ),
    "small_then_full": Case(
        lambda ops, x: ops.small().full(ops.gram(x)) @ ops.full(ops.gram(x)),
        lambda x: (h(x) @ x) @ (h(x) @ x),
    ),
}  # fmt: skip
SQUARE = {
    "inverse": Case(lambda ops, x: ops.inverse(x), np.linalg.inv),
    "newton_average": Case(
        lambda ops, x: ops.newton_average(ops.load(x), ops.inverse(x), 0.5),
        lambda x: 0.25 * x + h(np.linalg.inv(x)),
    ),
    "newton_average_by_item": Case(
        lambda ops, x: ops.newton_average(ops.load(x), ops.inverse(x), half(ops, x)),
        lambda x: 0.25 * x + h(np.linalg.inv(x)),
    ),
    "inverse_positive": Case(
        lambda ops, x: inverse_positive(ops.space, ops.shifted(ops.gram(x), 0.5)),
        lambda x: np.linalg.inv(h(x) @ x + 0.5 * np.eye(x.shape[-1])),
    ),
}


def half(ops: Products, x: Any) -> Any:
    """0.5 for each item, as an array of the library."""
    return 0.5 * ops.xp.ones(x.shape[:-2], dtype=ops.space.real_dtype, device=ops.space.device)


def assert_close(actual: Any, case: str, x: Any, *, factor: float = C_PRODUCT) -> None:
    exact = double(x)
    expected = (CASES | SQUARE)[case].expected(exact)
    n = max(x.shape[-2:])
    # The defect of well separated G is about 1, its error that of G.
    size = np.maximum(np.max(np.abs(expected), initial=0.0), 1.0)
    tolerance = factor * n * machine_epsilon(x.dtype) * size
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance)
