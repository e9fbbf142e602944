"""`Products` on every library, and its in-place BLAS version, against NumPy in double precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from orthola._core.blas import BlasProducts
from orthola._core.linalg import (
    Products,
    adjoint,
    hermitian_part,
    inverse_positive,
    operations,
    products,
    start_vector,
    sums_of_squares,
    wide,
)
from orthola._core.space import resolve
from orthola.testing import LAYOUTS, from_spectrum, lay_out, machine_epsilon, spectrum
from tests.backends import load
from tests.capabilities import EXACT
from tests.dtypes import on_dtypes, real_of
from tests.isolation import assert_same_kind, to_numpy

C_PRODUCT = 8.0  # errors of products and of well conditioned inverses, in units of n eps
SHAPES = ((3, 3), (7, 4), (5, 1))
BIG = (130, 70)  # more than one panel of the in-place version, and not a multiple


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


def run(x: Any, *, case: str) -> Any:
    space, (x,) = resolve("test", x)
    return (CASES | SQUARE)[case].run(products(space), x)


def run_in_place(x: Any, case: str) -> Any:
    space, (x,) = resolve("test", x)
    ops = operations(space, 2)
    assert type(ops) is BlasProducts
    return (CASES | SQUARE)[case].run(ops, x)


def assert_close(actual: Any, case: str, x: Any, *, factor: float = C_PRODUCT) -> None:
    exact = double(x)
    expected = (CASES | SQUARE)[case].expected(exact)
    n = max(x.shape[-2:])
    # The defect of well separated G is about 1, its error that of G.
    size = np.maximum(np.max(np.abs(expected), initial=0.0), 1.0)
    tolerance = factor * n * machine_epsilon(x.dtype) * size
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance)


# Against NumPy


@on_dtypes(*EXACT)
@pytest.mark.parametrize("case", CASES)
def test_operations_on_stacks_of_every_library(backend, dtype, case):
    for m, n in SHAPES if backend.name in ("numpy", "torch", "strict-device1") else SHAPES[1:2]:
        x = matrices(m, n, dtype, shape=(2, 3))
        like = backend.asarray(x)
        result = backend.call(run, like, case=case)
        kept = real_of(dtype) if case in ("defect", "norm") else dtype
        assert_same_kind(result, like, dtype=kept)
        assert_close(to_numpy(result), case, x)
        np.testing.assert_array_equal(to_numpy(like), x)


@on_dtypes(*EXACT)
@pytest.mark.parametrize("case", SQUARE)
def test_inverses_on_stacks_of_every_library(backend, dtype, case):
    x = matrices(4, 4, dtype, shape=(2, 3))
    like = backend.asarray(x)
    result = backend.call(run, like, case=case)
    assert_same_kind(result, like, shape=(2, 3, 4, 4))
    assert_close(to_numpy(result), case, x, factor=20 * C_PRODUCT)
    np.testing.assert_array_equal(to_numpy(like), x)


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("case", CASES)
def test_operations_in_place(dtype, case):
    for m, n in (*SHAPES, BIG):
        x = matrices(m, n, dtype)
        assert_close(run_in_place(x, case), case, x)


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("case", SQUARE)
def test_inverses_in_place(dtype, case):
    for n in (1, 4, 70):
        x = matrices(n, n, dtype)
        assert_close(run_in_place(x, case), case, x, factor=20 * C_PRODUCT)


def test_blas_is_for_one_numpy_matrix_alone(backend):
    x = backend.asarray(np.eye(3, dtype="float32"))
    space, _ = resolve("test", x)
    expected = BlasProducts if backend.name.startswith("numpy") else Products
    assert isinstance(operations(space, 2), expected)
    assert not isinstance(operations(space, 3), BlasProducts)
    assert not isinstance(products(space), BlasProducts)
    assert products(space) is products(space)


# Hermitian matrices


def product_with_another(x: Any) -> Any:
    space, (x,) = resolve("test", x)
    # U^H X far from Hermitian, so that a bare product would be caught.
    return products(space).hermitian_product(space.xp.flip(x, axis=-1), x)


@on_dtypes(*EXACT)
def test_hermitian_product_is_bitwise_hermitian(backend, dtype):
    x = matrices(6, 4, dtype, shape=(3,))
    result = to_numpy(backend.call(product_with_another, backend.asarray(x)))
    np.testing.assert_array_equal(result, h(result))
    u = double(x)[..., ::-1]
    expected = (h(u) @ double(x) + h(double(x)) @ u) / 2
    tolerance = C_PRODUCT * 6 * machine_epsilon(dtype)
    np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("shape", [(6, 4), (70, 70), (130, 129), (5, 1)])
def test_hermitian_product_in_place_is_bitwise_hermitian(dtype, shape):
    x = matrices(*shape, dtype)
    u = x[:, ::-1]
    result = BlasProducts(resolve("test", x)[0]).hermitian_product(u, x)
    np.testing.assert_array_equal(result, h(result))
    assert np.all(np.diagonal(result).imag == 0)
    expected = double(h(u)) @ double(x)
    expected = (expected + h(expected)) / 2
    tolerance = C_PRODUCT * max(shape) * machine_epsilon(dtype)
    np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance)


def hermitian_parts(x: Any) -> Any:
    space, (x,) = resolve("test", x)
    return hermitian_part(space.xp, x)


@on_dtypes(*EXACT)
def test_hermitian_part_is_bitwise_hermitian(backend, dtype):
    x = matrices(5, 5, dtype, shape=(2,))
    result = to_numpy(backend.call(hermitian_parts, backend.asarray(x)))
    np.testing.assert_array_equal(result, h(result))
    np.testing.assert_allclose(result, (x + h(x)) / 2, rtol=4 * machine_epsilon(dtype), atol=1e-30)


@pytest.mark.parametrize("dtype", EXACT)
def test_full_matrices_have_two_equal_triangles(dtype):
    x = matrices(*BIG, dtype)
    ops = BlasProducts(resolve("test", x)[0])
    for matrix in (ops.full(ops.gram(x)), ops.shifted(ops.gram(x), 0.5)):
        np.testing.assert_array_equal(matrix, h(matrix))


# Values out of the ordinary


def inverses_of(x: Any) -> Any:
    space, (x,) = resolve("test", x)
    return products(space).inverse(x)


@on_dtypes(*EXACT)
def test_a_singular_item_is_not_finite_and_leaves_the_others_alone(backend, dtype):
    x = matrices(3, 3, dtype, shape=(4,))
    x[2] = np.diag([1.0, 1.0, 0.0])
    with np.errstate(all="ignore"):
        result = to_numpy(backend.call(inverses_of, backend.asarray(x)))
    assert not np.isfinite(result[2]).all()
    for i in (0, 1, 3):
        expected = np.linalg.inv(double(x[i]))
        tolerance = 200 * C_PRODUCT * machine_epsilon(dtype)
        np.testing.assert_allclose(result[i], expected, rtol=0, atol=tolerance)
    alone = to_numpy(backend.call(inverses_of, backend.asarray(x[2])))
    assert not np.isfinite(alone).all()


def shifted_inverses(x: Any) -> Any:
    space, (x,) = resolve("test", x)
    ops = products(space)
    return ops.add_inverse(x, ops.inverse_shifted(ops.gram(x), 2.0), 1.0, 0.0)


@on_dtypes(*EXACT)
def test_an_item_of_nan_leaves_the_others_alone(backend, dtype):
    x = matrices(4, 3, dtype, shape=(3,))
    x[1, 0, 0] = np.nan
    with np.errstate(all="ignore"):
        result = to_numpy(backend.call(shifted_inverses, backend.asarray(x)))
    assert np.isnan(result[1]).all()
    good = x[[0, 2]]
    expected = double(good) @ shifted_inverse(double(good), 2.0)
    tolerance = C_PRODUCT * 4 * machine_epsilon(dtype)
    np.testing.assert_allclose(result[[0, 2]], expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_a_matrix_that_is_not_positive_has_no_inverse_by_cholesky(name):
    backend = load(name)
    x = backend.asarray(np.stack([np.eye(2), np.array([[1.0, 2.0], [2.0, 1.0]])]))
    result = to_numpy(inverse_positive(resolve("test", x)[0], x))
    np.testing.assert_array_equal(result[0], np.eye(2))
    assert np.isnan(result[1]).all()


@pytest.mark.parametrize("dtype", EXACT)
def test_singular_matrices_in_place_give_nan_and_no_error(dtype):
    x = np.diag([1.0, 1.0, 0.0]).astype(dtype)
    ops = BlasProducts(resolve("test", x)[0])
    assert np.isnan(ops.inverse(x)).all()
    broken = x.copy()
    broken[0, 0] = np.nan
    indefinite = np.asfortranarray(np.diag([1.0, -5.0, 1.0]).astype(dtype))
    for w in (ops.inverse_shifted(ops.gram(broken), 2.0), ops.inverse_shifted(indefinite, 1.0)):
        assert np.isnan(ops.add_inverse(x, w, 1.0, 1.0)).all()
    # What went wrong before does not come back.
    good = matrices(3, 3, dtype)
    fresh = BlasProducts(ops.space)
    np.testing.assert_array_equal(
        ops.add_inverse(good, ops.inverse_shifted(ops.gram(good), 2.0), 1.0, 1.0),
        fresh.add_inverse(good, fresh.inverse_shifted(fresh.gram(good), 2.0), 1.0, 1.0),
    )
    assert np.isfinite(ops.inverse(good)).all()
    assert np.isfinite(ops.norm(ops.gram(good)))


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("n", [4, 70])
def test_upper_triangles_stay_clean_between_calls(dtype, n):
    x = matrices(n + 3, n, dtype)
    ops = BlasProducts(resolve("test", x)[0])

    def step(ops):
        broken = np.full_like(x, np.nan)
        yield ops.norm(ops.gram(x))
        yield ops.full(ops.gram(x))
        yield ops.full(ops.tail(ops.gram(x), (0.5,)))
        yield ops.full(ops.tail(ops.gram(x), (0.5, -1.0)))
        yield ops.full(ops.tail(ops.gram(x), (0.5, -1.0, 2.0)))
        yield ops.full(ops.tail(ops.gram(x), (0.5, -1.0, 2.0, 0.25)))
        yield ops.add_inverse(x, ops.inverse_shifted(ops.gram(x), 30.0), 1.0, 0.5)
        ops.inverse_shifted(ops.gram(broken), 30.0)
        yield ops.multiply_add(x, ops.gram(x), 1.0, 0.5)
        yield ops.defect(ops.gram(x))

    # Copies, because later steps write into the same buffers.
    expected = [np.array(value) for value in step(BlasProducts(ops.space))]
    for _ in range(3):
        for i, value in enumerate(step(ops)):
            for buffer in ops._triangles:
                assert np.all(np.triu(buffer, 1) == 0)
            np.testing.assert_array_equal(value, expected[i])


@pytest.mark.parametrize("dtype", EXACT)
def test_looking_at_the_defect_leaves_the_matrix_as_it_is(dtype):
    x = matrices(6, 4, dtype)
    x[:, 1] *= 1e-12  # its square would be lost beside 1
    ops = BlasProducts(resolve("test", x)[0])
    g = ops.gram(x)
    before = g.copy()
    ops.defect(g)
    ops.norm(g)
    np.testing.assert_array_equal(g, before)


# The input


READERS = {
    "gram": lambda ops, x: ops.gram(x),
    "multiply_add": lambda ops, x: ops.multiply_add(x, ops.gram(x), 0.5, 1.0),
    "add_inverse": lambda ops, x: ops.add_inverse(
        x, ops.inverse_shifted(ops.gram(x), 3.0), 0.5, 1.0
    ),
    "product": lambda ops, x: ops.product(x, x),
    "hermitian_product": lambda ops, x: ops.hermitian_product(x, x),
    "inverse": lambda ops, x: ops.inverse(x),
    "triangular_front": lambda ops, x: ops.triangular_front(x).factor,
    "spectral_norm": lambda ops, x: ops.spectral_norm(x, 4),
    "load": lambda ops, x: ops.scaled(ops.load(x), 0.5),
}


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("reader", READERS)
def test_memory_layout_changes_no_value_and_input_is_not_written(dtype, reader):
    host = matrices(6, 6, dtype)
    results = []
    for layout in LAYOUTS:
        x = lay_out(host, layout)
        x.flags.writeable = False
        results.append(np.array(READERS[reader](BlasProducts(resolve("test", x)[0]), x)))
        np.testing.assert_array_equal(x, host)
    # BLAS may take another path for another layout: equal to rounding.
    for result in results[1:]:
        tolerance = 20 * C_PRODUCT * 6 * machine_epsilon(dtype)
        np.testing.assert_allclose(result, results[0], rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_load_makes_a_private_copy_by_columns(dtype, layout):
    x = lay_out(matrices(5, 3, dtype), layout)
    ops = BlasProducts(resolve("test", x)[0])
    first = ops.load(x)
    assert first.flags.f_contiguous
    assert first.flags.writeable
    assert not np.shares_memory(first, x)
    np.testing.assert_array_equal(first, x)
    second = ops.load(first)
    assert not np.shares_memory(second, first)


def test_results_that_are_alive_together_do_not_share_memory():
    x = matrices(5, 4, "float64")
    ops = BlasProducts(resolve("test", x)[0])
    loaded = ops.load(x)
    following = ops.multiply_add(loaded, ops.gram(loaded), 1.0, 0.5)
    assert not np.shares_memory(loaded, following)
    g = ops.gram(loaded)
    assert not np.shares_memory(g, ops.full(g))
    small = ops.small()
    pair = [small.tail(small.full(g), (1.0, 2.0)) for _ in range(2)]
    assert not np.shares_memory(small.multiply_add(pair[0], pair[1], 1.0, 0.0), pair[0])


# Triangular front


def front(x: Any) -> Any:
    """The parts of the factorisation that are arrays, Q = B C put together."""
    space, (x,) = resolve("test", x)
    parts = operations(space, x.ndim).triangular_front(x)
    q = parts.basis if parts.correction is None else parts.basis @ parts.correction
    return q, parts.factor, parts.inverse


CONDITIONS = {"float32": (10.0, 1e6), "float64": (10.0, 1e14)}


@on_dtypes(*EXACT)
@pytest.mark.parametrize("which", ["well", "ill"])
@pytest.mark.parametrize("shape", [(9, 4), (4, 4), (5, 1)])
def test_triangular_front(backend, dtype, which, shape):
    x = matrices(*shape, dtype, condition=CONDITIONS[real_of(dtype)][which == "ill"])
    q, r, inverse = backend.call(front, backend.asarray(x))
    q, r = double(to_numpy(q)), double(to_numpy(r))
    tolerance = C_PRODUCT * max(shape) * machine_epsilon(dtype)
    n = shape[1]
    np.testing.assert_allclose(h(q) @ q, np.eye(n), rtol=0, atol=tolerance)
    np.testing.assert_allclose(q @ r, x, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(np.tril(r, -1), np.zeros((n, n)))
    if inverse is not None:
        product = double(to_numpy(inverse)) @ r
        np.testing.assert_allclose(product, np.eye(n), rtol=0, atol=100 * tolerance)


@pytest.mark.parametrize("dtype", EXACT)
def test_cholesky_qr_runs_where_the_condition_allows_it(dtype):
    for condition, fast in ((2.0, True), (1e8, False)):
        x = matrices(90, 70, dtype, condition=condition)
        parts = BlasProducts(resolve("test", x)[0]).triangular_front(x)
        assert (parts.correction is not None) == fast


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("condition", [1.5, 3.0, 6.0, 30.0])
def test_what_a_front_says_of_itself_is_true(dtype, condition):
    x = matrices(90, 40, dtype, condition=condition)
    parts = BlasProducts(resolve("test", x)[0]).triangular_front(x)
    q = double(parts.basis if parts.correction is None else parts.basis @ parts.correction)
    defect = np.linalg.norm(h(q) @ q - np.eye(40), 2)
    rounding = C_PRODUCT * np.sqrt(90) * machine_epsilon(dtype)
    assert defect <= rounding * (1.0 if parts.orthonormal else condition**2)
    if parts.norms is not None:
        # Power iteration sees them from below.
        for estimate, norm in zip(parts.norms, (1.0, condition), strict=True):
            assert 0.8 * norm <= estimate <= norm * (1 + rounding)


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("kind", ["zero column", "equal columns", "zero"])
def test_triangular_front_of_singular_matrices_keeps_q_orthonormal(dtype, kind):
    x = matrices(8, 4, dtype)
    if kind == "equal columns":
        x[:, 3] = x[:, 1]
    else:
        x[:, 2 if kind == "zero column" else slice(None)] = 0
    q, r, _ = front(x)
    tolerance = C_PRODUCT * 8 * machine_epsilon(dtype)
    np.testing.assert_allclose(h(q) @ q, np.eye(4), rtol=0, atol=tolerance)
    np.testing.assert_allclose(q @ r, x, rtol=0, atol=tolerance)


# Estimates


def norms(x: Any, *, steps: int) -> Any:
    space, (x,) = resolve("test", x)
    return operations(space, x.ndim).spectral_norm(x, steps)


@on_dtypes(*EXACT)
def test_spectral_norm_is_a_lower_estimate_that_converges(backend, dtype):
    values = np.array([1.0, 0.3, 0.1])
    tolerance = C_PRODUCT * 5 * machine_epsilon(dtype)
    for shape in ((4,),) if backend.name.startswith("jax") else ((), (4,)):
        x = from_spectrum(5, 3, values, shape=shape, dtype=dtype, scale=4.0, rng=1)
        like = backend.asarray(x)
        rough, fine = (backend.call(norms, like, steps=steps) for steps in (1, 12))
        assert fine.shape == shape
        rough, fine = to_numpy(rough), to_numpy(fine)
        assert np.all(rough <= 4.0 * (1 + tolerance))
        assert np.all(rough >= 0.2)
        np.testing.assert_allclose(fine, 4.0, rtol=tolerance)


def ends(x: Any) -> Any:
    space, (x,) = resolve("test", x)
    ops = operations(space, x.ndim)
    return ops.spectrum_ends(x, ops.gram(x))


@on_dtypes(*EXACT)
def test_ends_of_the_spectrum_lie_inside_it(backend, dtype):
    x = matrices(8, 5, dtype, condition=20.0)
    top, bottom, reliable = (to_numpy(v) for v in backend.call(ends, backend.asarray(x)))
    tolerance = C_PRODUCT * 8 * machine_epsilon(dtype)
    assert 0.3 <= top <= 1.0 + tolerance
    if reliable:
        assert 1 / 400 - tolerance <= bottom <= 3 / 400


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_the_lower_end_is_reliable_where_there_is_one(dtype):
    x = matrices(8, 5, dtype, condition=20.0)
    assert ends(x)[2]
    x[:, 2] = 0
    assert not ends(x)[2]
    x[:, 2] = x[:, 1]
    assert not ends(x)[2]


def vectors(x: Any) -> Any:
    space, (x,) = resolve("test", x)
    return start_vector(space, x)


@on_dtypes(*EXACT)
def test_start_vector_is_a_unit_column_in_general_position(backend, dtype):
    like = backend.asarray(np.zeros((2, 3, 6, 5)), dtype)
    v = backend.call(vectors, like)
    assert_same_kind(v, like, shape=(2, 3, 5, 1))
    v = to_numpy(v)
    np.testing.assert_allclose(np.linalg.norm(v, axis=-2), 1.0, rtol=4 * machine_epsilon(dtype))
    assert np.all(np.abs(v) > 0.1)
    assert np.unique(v[0, 0].round(6)).size == 5


# Small things


def test_adjoint_is_a_view_of_real_arrays_and_conjugates_complex_ones():
    x = np.arange(6.0).reshape(2, 3)
    space, _ = resolve("test", x)
    assert np.shares_memory(adjoint(space.xp, x), x)
    np.testing.assert_array_equal(adjoint(space.xp, x + 1j), x.T - 1j)


def squares(x: Any) -> Any:
    space, (x,) = resolve("test", x)
    return sums_of_squares(space.xp, x)


@on_dtypes(*EXACT)
def test_sums_of_squares(backend, dtype):
    x = matrices(4, 3, dtype, shape=(2,))
    result = backend.call(squares, backend.asarray(x))
    assert_same_kind(result, backend.asarray(x), dtype=real_of(dtype), shape=(2,))
    expected = np.sum(np.abs(double(x)) ** 2, axis=(-2, -1))
    np.testing.assert_allclose(to_numpy(result), expected, rtol=12 * machine_epsilon(dtype))


def test_wide_shapes_a_number_per_item():
    assert wide(2.0) == 2.0
    assert wide(np.ones((4, 5))).shape == (4, 5, 1, 1)
    assert wide(np.asarray(1.0)).shape == (1, 1)


def chosen(x: Any) -> Any:
    space, (x,) = resolve("test", x)
    return products(space).choose(x[..., 0, 0] > 0, x, -x)


@on_dtypes("float32", "float64")
def test_choose_takes_item_by_item(backend, dtype):
    x = matrices(3, 2, dtype, shape=(5,))
    expected = np.where((x[:, 0, 0] > 0)[:, None, None], x, -x)
    np.testing.assert_array_equal(to_numpy(backend.call(chosen, backend.asarray(x))), expected)


def test_choose_in_place():
    ops = BlasProducts(resolve("test", np.eye(2))[0])
    assert ops.choose(np.asarray(True), "yes", "no") == "yes"
    assert ops.choose(np.asarray(False), "yes", "no") == "no"


def test_likely_looks_only_where_values_can_be_seen(backend):
    x = backend.asarray(np.zeros((2, 3, 3), "float32"))
    seen = []

    def look(x):
        space, (x,) = resolve("test", x)
        ops = products(space)
        seen.append((ops.likely(x[..., 0, 0] > 1), ops.likely(x[..., 0, 0] == 0)))
        return x

    backend.call(look, x)
    assert seen == [(backend.name.startswith("jax"), True)]


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_constants_have_no_derivative(name):
    backend = load(name)
    x = backend.asarray(np.array([[2.0]]))
    if name == "jax":
        from jax import grad
    else:
        from torch.func import grad

    def square(x):
        return (x * products(resolve("test", x)[0]).constant(x))[0, 0]

    np.testing.assert_array_equal(to_numpy(grad(square)(x)), [[2.0]])
