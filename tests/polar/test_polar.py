"""The contract of `polar` on every library: shapes, kinds, layouts, status, bad neighbours."""

from __future__ import annotations

import array_api_compat
import numpy as np
import pytest
import scipy.linalg

from orthola import Status, polar
from orthola.testing import (
    LAYOUTS,
    from_spectrum,
    gaussian,
    lay_out,
    orthogonality,
    polar_residual,
    psd_violation,
    relative_error,
    spectrum,
)
from tests.backends import Backend
from tests.capabilities import EXACT, HALVES, on_every_backend
from tests.isolation import assert_same_kind, to_numpy
from tests.polar.selection import on_backends
from tests.polar.targets import ROUNDOFF, targets

METHODS = ("svd", "newton", "newton-schulz", "halley", "qr-halley")
SHAPES = ((3, 3), (5, 3), (3, 5))
SINGLE_ONLY = ("strict-no-float64", "strict-no-x64")
LOOP_C = 20  # batch against loop, in n u: other products, other order of summation


def compiles(backend):
    """Whether every new combination of shape and options costs a second."""
    return backend.name.startswith("jax")


def methods(backend):
    """All of them once per library, the most used ones where calls are slow or repeat others."""
    return (
        ("auto", *METHODS) if backend.name in ("numpy", "strict", "torch") else ("auto", "halley")
    )


def matrix(*shape, dtype="float64", seed=0):
    """Gaussian stack in double precision, for a back-end to round to its dtype."""
    kind = "complex128" if dtype.startswith("complex") else "float64"
    return gaussian(*shape[-2:], shape=shape[:-2], dtype=kind, rng=seed)


def orders(shape, side):
    """Shape of the Hermitian factor."""
    m, n = shape[-2:]
    k = n if side == "right" else m
    return (*shape[:-2], k, k)


def assert_factors(a, result, *, side="right", method="auto"):
    """Shapes, kind and accuracy of a result, whatever library it is from."""
    u, h, status = result
    shape = tuple(a.shape)
    assert_same_kind(u, a, shape=shape)
    assert_same_kind(h, a, shape=orders(shape, side))
    assert tuple(status.shape) == shape[:-2]
    assert array_api_compat.array_namespace(u).isdtype(status.dtype, "integral")
    name = str(a.dtype).rsplit(".", 1)[-1]
    host, u, h = to_numpy(a), to_numpy(u), to_numpy(h)
    bounds = targets(name, min(shape[-2:]), method=method)
    assert np.all(orthogonality(u) <= bounds.orthogonality)
    assert np.all(polar_residual(host, u, h, side=side) <= bounds.residual)
    # The bound of the eigenvalues knows the order of H, which may have the long side.
    assert np.all(psd_violation(h) <= targets(name, h.shape[-1], method=method).psd_violation)
    assert_bitwise_hermitian(h)


def assert_bitwise_hermitian(h):
    np.testing.assert_array_equal(h, np.conj(np.swapaxes(h, -1, -2)))
    assert not np.any(np.diagonal(h, axis1=-2, axis2=-1).imag)


@on_every_backend("polar")
def test_factors_have_the_promised_shape_kind_and_accuracy(backend: Backend, dtype):
    for shape in SHAPES[1:2] if backend.jitted else SHAPES:
        a = backend.asarray(matrix(*shape, dtype=dtype), dtype)
        right, left = (backend.call(polar, a, side=side) for side in ("right", "left"))
        assert_factors(a, right)
        assert_factors(a, left, side="left")
        assert int(to_numpy(right.status)) == int(to_numpy(left.status)) == Status.OK
        # Both sides share U.
        np.testing.assert_array_equal(to_numpy(right.unitary), to_numpy(left.unitary))


@on_every_backend("polar", dtypes=("float32",))
def test_single_rows_columns_and_numbers(backend: Backend, dtype):
    for shape in ((1, 1), (1, 5), (5, 1)):
        a = backend.asarray(matrix(*shape), dtype)
        for method in ("auto",) if compiles(backend) else ("auto", *METHODS):
            assert_factors(a, backend.call(polar, a, method=method), method=method)
    np.testing.assert_array_equal(to_numpy(polar(backend.asarray([[-2.0]], dtype)).unitary), [[-1]])


@on_backends("polar", dtypes=("float32", "complex128"), compiled=("complex128",))
def test_stacks_of_stacks(backend: Backend, dtype):
    for shape in ((2, 4, 5, 3),) if compiles(backend) else ((2, 4, 5, 3), (2, 4, 3, 5)):
        a = backend.asarray(matrix(*shape, dtype=dtype), dtype)
        result = backend.call(polar, a, side="left")
        assert_factors(a, result, side="left")
        assert np.all(to_numpy(result.status) == Status.OK)


@on_backends("polar", dtypes=("float32", "complex64"), compiled=("float32",))
def test_gram_takes_tall_and_wide_single_precision(backend: Backend, dtype):
    if backend.name in SINGLE_ONLY:
        pytest.skip("this device has no double precision for the Gram matrix")
    for shape in ((2, 9, 4),) if compiles(backend) else ((9, 4), (4, 9), (2, 9, 4)):
        a = backend.asarray(matrix(*shape, dtype=dtype), dtype)
        assert_factors(a, backend.call(polar, a, method="gram"), method="gram")


@on_backends("polar", dtypes=("float32", "complex64"), compiled=("float32",))
def test_empty_matrices_and_stacks(backend: Backend, dtype):
    for shape in ((0, 2), (2, 0), (0, 0), (4, 0, 3), (4, 3, 0), (0, 3, 3), (2, 0, 3, 2), (0, 0, 0)):
        a = backend.asarray(np.zeros(shape), dtype)
        for side, method in (("right", "auto"), ("left", "auto"), ("right", "halley")):
            u, h, status = backend.call(polar, a, side=side, method=method)
            assert_same_kind(u, a, shape=shape)
            assert_same_kind(h, a, shape=orders(shape, side))
            assert not np.any(to_numpy(h))
            assert tuple(status.shape) == shape[:-2]
            assert np.all(to_numpy(status) == Status.OK)


def test_integers_become_the_default_float(backend: Backend):
    a = backend.asarray(np.array([[3, 1], [0, 2], [4, 0]]))
    result = backend.call(polar, a)
    default = backend.xp.asarray(1.0, device=backend.device).dtype
    assert result.unitary.dtype == default
    as_float = backend.xp.astype(a, default)
    assert_factors(as_float, result)
    np.testing.assert_array_equal(
        to_numpy(result.unitary), to_numpy(backend.call(polar, as_float).unitary)
    )


@on_every_backend("polar", dtypes=HALVES)
def test_half_precision_is_computed_in_single_and_rounded_once(backend: Backend, dtype):
    xp = backend.xp
    half = backend.asarray(matrix(6, 4), dtype)
    single = backend.call(polar, xp.astype(half, xp.float32))
    result = backend.call(polar, half)
    for got, wide in zip(result[:2], single[:2], strict=True):
        assert_same_kind(got, half)
        np.testing.assert_array_equal(to_numpy(got), to_numpy(xp.astype(wide, half.dtype)))
    assert int(to_numpy(result.status)) == int(to_numpy(single.status)) == Status.OK


@on_backends("polar", dtypes=("float32", "complex64"), compiled=("float32",))
def test_compute_dtype_sets_the_precision_of_the_work(backend: Backend, dtype):
    if backend.name in SINGLE_ONLY:
        pytest.skip("this device has no double precision")
    a = backend.asarray(matrix(8, 5, dtype=dtype), dtype)
    result = backend.call(polar, a, compute_dtype="float64")
    assert_same_kind(result.unitary, a)
    exact = polar(to_numpy(a).astype("complex128" if dtype == "complex64" else "float64"))
    # Correct to one rounding, which single precision arithmetic is not.
    error = np.abs(to_numpy(result.unitary) - exact.unitary)
    assert np.all(error <= 1.01 * ROUNDOFF[dtype] * np.abs(exact.unitary) + 1e-12)


def test_nested_lists_become_numpy_arrays():
    rows = [[3, 1], [0, 2], [4, 0]]
    u, h, status = polar(rows)
    assert type(u) is type(h) is np.ndarray
    assert u.dtype == h.dtype == np.float64
    np.testing.assert_array_equal(u, polar(np.array(rows, dtype=float)).unitary)
    assert polar(((1.0, 2j), (0.5, 1.0))).unitary.dtype == np.complex128
    assert int(status) == Status.OK


def test_numpy_subclasses_are_read_as_arrays(tmp_path):
    plain = matrix(4, 3)
    np.save(tmp_path / "a.npy", plain)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")  # a subclass, and read-only
    result = polar(mapped)
    assert type(result.unitary) is np.ndarray
    np.testing.assert_array_equal(result.unitary, polar(plain).unitary)


@on_backends("polar", dtypes=("float32", "complex128"), compiled=("float32",))
def test_input_is_never_written(backend: Backend, dtype):
    for shape in SHAPES[1:2] if compiles(backend) else SHAPES:
        a = backend.asarray(matrix(*shape, dtype=dtype), dtype)
        kept = to_numpy(a).copy()
        for method in ("auto",) if compiles(backend) else ("auto", *METHODS):
            backend.call(polar, a, method=method)
            np.testing.assert_array_equal(to_numpy(a), kept)


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_memory_layout_does_not_matter(layout, dtype):
    bound = LOOP_C * 7 * ROUNDOFF[dtype]
    for shape in ((7, 7), (7, 4), (4, 7), (3, 6, 4), (1, 5), (5, 1)):
        plain = matrix(*shape, dtype=dtype).astype(dtype)
        moved = lay_out(plain, layout)
        for method in ("auto", *METHODS):
            expected, got = polar(plain, method=method), polar(moved, method=method)
            np.testing.assert_array_equal(got.status, expected.status)
            assert np.all(relative_error(got.unitary, expected.unitary) <= bound)
            assert np.all(relative_error(got.hermitian, expected.hermitian) <= bound)
            np.testing.assert_array_equal(moved, plain)


def test_views_of_other_libraries():
    torch = pytest.importorskip("torch")
    base = torch.tensor(matrix(6, 8))
    for view in (base.T, base[:, ::2], base[::3], base.unsqueeze(0).expand(3, 6, 8)):
        plain = view.contiguous()
        kept = plain.clone()
        for method in ("auto", *METHODS):
            got, expected = polar(view, method=method), polar(plain, method=method)
            assert torch.allclose(got.unitary, expected.unitary, atol=1e-13, rtol=0)
            assert torch.equal(view, kept)
    conjugate = torch.tensor(matrix(4, 4, dtype="complex128")).mH  # a lazy conjugate
    assert_factors(conjugate, polar(conjugate))


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("shape", [(30, 20), (20, 30), (150, 150), (200, 130)])
def test_hermitian_factor_is_bitwise_hermitian(shape, dtype):
    # Above order 64 it is made panel by panel.
    a = matrix(*shape, dtype=dtype).astype(dtype)
    for side in ("right", "left"):
        for method in ("auto", *METHODS):
            assert_bitwise_hermitian(polar(a, side=side, method=method).hermitian)


@on_backends("polar", dtypes=("float64", "complex128"), compiled=("complex128",))
def test_both_hermitian_factors_have_the_singular_values(backend: Backend, dtype):
    a = matrix(5, 3, dtype=dtype)  # the shape and dtypes that were compiled above
    right, left = (
        np.linalg.eigvalsh(
            to_numpy(backend.call(polar, backend.asarray(a, dtype), side=side).hermitian)
        )
        for side in ("right", "left")
    )
    singular = np.linalg.svd(a, compute_uv=False)[::-1]
    bound = LOOP_C * 5 * ROUNDOFF[dtype] * singular[-1]
    assert np.all(np.abs(right - singular) <= bound)
    assert np.all(np.abs(left - np.concatenate([[0, 0], singular])) <= bound)


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("shape", [(6, 6), (9, 4), (4, 9), (1, 5), (40, 40), (250, 250)])
def test_drop_in_for_scipy(shape, dtype):
    a = matrix(*shape, dtype=dtype, seed=3).astype(dtype)
    # The forward error of U is conditioning: both are right up to that.
    bound = LOOP_C * max(shape) * ROUNDOFF[dtype] * np.linalg.cond(a.astype("complex128"))
    for side in ("right", "left"):
        expected_u, expected_h = scipy.linalg.polar(a, side=side)
        for method in ("auto", "newton", "halley"):
            u, h, _ = polar(a, side=side, method=method)
            assert u.dtype == expected_u.dtype
            assert h.shape == expected_h.shape
            assert relative_error(u, expected_u) <= bound
            assert relative_error(h, expected_h) <= LOOP_C * max(shape) * ROUNDOFF[dtype]


def mixed_stack(m, n, dtype="float64"):
    """Items of every kind, and the status each must get."""
    good = from_spectrum(m, n, spectrum("geometric", min(m, n), condition=1e3), dtype=dtype, rng=1)
    hard = from_spectrum(m, n, spectrum("one-small", min(m, n), condition=1e4), dtype=dtype, rng=2)
    thin = from_spectrum(m, n, spectrum("linear", min(m, n), rank=1), dtype=dtype, rng=3)
    column = gaussian(m, n, dtype=dtype, rng=4)
    column[:, n // 2] = 0.0
    missing, endless = good.copy(), hard.copy()
    missing[m // 2, 0] = np.nan
    endless[0, n - 1] = -np.inf
    items = [good, np.zeros_like(good), missing, hard, thin, endless, column, 1e-30 * hard]
    deficient = Status.RANK_DEFICIENT if m >= n else Status.OK
    codes = [
        Status.OK, Status.RANK_DEFICIENT, Status.NONFINITE, Status.OK, Status.RANK_DEFICIENT,
        Status.NONFINITE, deficient, Status.OK,
    ]  # fmt: skip
    return np.stack(items).astype(dtype), np.array(codes)


def assert_mixed(stack, codes, result, dtype):
    """Status of every item, NaN where it belongs, accuracy everywhere else."""
    u, h, status = (to_numpy(x) for x in result)
    np.testing.assert_array_equal(status, codes)
    bad = codes == Status.NONFINITE
    assert np.all(np.isnan(u[bad]))
    assert np.all(np.isnan(h[bad]))
    bounds = targets(dtype, min(stack.shape[-2:]))
    assert np.all(orthogonality(u[~bad]) <= bounds.orthogonality)
    assert np.all(polar_residual(stack[~bad], u[~bad], h[~bad]) <= bounds.residual)
    np.testing.assert_array_equal(u[1], np.eye(*stack.shape[-2:]))
    assert not np.any(h[1])


@on_backends("polar", dtypes=("float32", "complex128"), compiled=("float32",))
def test_status_of_every_item_and_its_neighbours(backend: Backend, dtype):
    stack, codes = mixed_stack(5, 3, dtype)
    odd = (codes == Status.NONFINITE) | ~stack.any(axis=(1, 2))
    mended = stack.copy()
    mended[odd] = stack[0]
    # Every method of JAX once too: elsewhere its compilations are saved.
    for method in ("auto", *METHODS) if backend.name == "jax" else methods(backend):
        result, unspoilt = (
            backend.call(polar, backend.asarray(x, dtype), method=method, check_finite=False)
            for x in (stack, mended)
        )
        assert_mixed(stack, codes, result, dtype)
        for with_bad, without in zip(result, unspoilt, strict=True):
            np.testing.assert_array_equal(to_numpy(with_bad)[~odd], to_numpy(without)[~odd])


@on_backends("polar", dtypes=("float32", "complex128"), compiled=("complex128",))
def test_status_of_wide_and_square_items(backend: Backend, dtype):
    for m, n in ((3, 5), (3, 3)):
        stack, codes = mixed_stack(m, n, dtype)
        a = backend.asarray(stack, dtype)
        for method in methods(backend)[: 1 if compiles(backend) else None]:
            result = backend.call(polar, a, method=method, check_finite=False)
            assert_mixed(stack, codes, result, dtype)


@on_backends("polar", dtypes=("float32", "complex128"), compiled=("float32",))
def test_batch_equals_loop(backend: Backend, dtype):
    stack, codes = mixed_stack(5, 3, dtype)
    a = backend.asarray(stack, dtype)
    for method in methods(backend)[: 1 if compiles(backend) else None]:
        u, h, status = (
            to_numpy(x) for x in backend.call(polar, a, method=method, check_finite=False)
        )
        for i, code in enumerate(codes):
            alone = backend.call(polar, a[i, ...], method=method, check_finite=False)
            assert int(to_numpy(alone.status)) == status[i] == code
            if code != Status.OK:
                continue
            # Both are within rounding of A of the exact factors: U by its condition number.
            condition = np.linalg.cond(stack[i].astype("complex128"))
            bound = LOOP_C * 4 * ROUNDOFF[dtype]
            assert relative_error(u[i], to_numpy(alone.unitary)) <= bound * condition
            assert relative_error(h[i], to_numpy(alone.hermitian)) <= 4 * bound


@on_backends("polar", dtypes=("float32", "float64"), compiled=("float32",))
def test_large_stack_of_small_matrices(backend: Backend, dtype):
    stack = gaussian(3, 3, shape=(50, 2), rng=5)
    stack[7, 1] = 0.0
    stack[9, 0, 2] = 0.0
    a = backend.asarray(stack, dtype)
    result = backend.call(polar, a)
    assert_factors(a, result)
    expected = np.zeros((50, 2))
    expected[7, 1] = expected[9, 0] = Status.RANK_DEFICIENT
    np.testing.assert_array_equal(to_numpy(result.status), expected)


def test_nonfinite_input_raises_where_values_can_be_seen(backend: Backend):
    stack, _ = mixed_stack(5, 3, "float32")
    a = backend.asarray(stack)
    if backend.jitted:  # inside a trace there is nothing to look at: status instead
        status = to_numpy(backend.call(polar, a).status)
        assert list(np.nonzero(status == Status.NONFINITE)[0]) == [2, 5]
        return
    for method in methods(backend):
        with pytest.raises(ValueError, match=r"finite.*2 of its items.*index 2.*check_finite"):
            polar(a, method=method)
        with pytest.raises(ValueError, match=r"expected finite entries"):
            polar(a[2, ...], method=method)
        polar(a[0, ...], method=method)


@on_backends("polar", dtypes=("float64", "complex128"), compiled=("float64",))
def test_completion_none_gives_the_partial_isometry(backend: Backend, dtype):
    for m, n in ((6, 4),) if compiles(backend) else ((6, 4), (4, 6), (4, 4)):
        values = np.array([3.0, 2.0, 0.0, 0.0])
        stack = from_spectrum(m, n, values, shape=(2,), dtype=dtype, rng=6)
        stack = np.concatenate([stack, np.zeros((1, m, n)), gaussian(m, n, rng=7)[None]])
        a = backend.asarray(stack, dtype)
        u, h, status = backend.call(polar, a, completion="none")
        assert list(to_numpy(status)) == [Status.RANK_DEFICIENT] * 3 + [Status.OK]
        u, h = to_numpy(u), to_numpy(h)
        bound = LOOP_C * 6 * ROUNDOFF[dtype]
        assert np.all(polar_residual(stack, u, h) <= bound)
        assert not np.any(u[2])
        singular = np.linalg.svd(u, compute_uv=False)
        assert np.all(np.abs(singular[:2] - [1, 1, 0, 0]) <= bound)
        # U = A H^+ is unique: an independent formula gives the same.
        for i in range(2):
            canonical = stack[i] @ np.linalg.pinv(h[i], rcond=1e-10, hermitian=True)
            assert relative_error(u[i], canonical) <= 10 * bound


@pytest.mark.parametrize("method", METHODS)
def test_max_steps_without_fallback_tells_that_it_did_not_converge(method):
    if method == "svd":
        pytest.skip("the SVD takes no steps")
    a = from_spectrum(6, 4, spectrum("geometric", 4, condition=1e8), shape=(3,), rng=8)
    a[1] = 0.0
    for most in (0, 1):
        u, h, status = polar(a, method=method, max_steps=most, fallback=False)
        assert list(status) == [Status.NOT_CONVERGED, Status.RANK_DEFICIENT, Status.NOT_CONVERGED]
        assert np.all(np.isfinite(u))
        assert np.all(np.isfinite(h))
        repaired = polar(a, method=method, max_steps=most)
        assert list(repaired.status) == [Status.OK, Status.RANK_DEFICIENT, Status.OK]
        assert np.all(orthogonality(repaired.unitary) <= targets("float64", 4).orthogonality)


def test_result_is_a_named_tuple_whatever_the_options():
    result = polar(np.eye(2))
    assert type(result).__name__ == "PolarResult"
    assert result._fields == ("unitary", "hermitian", "status")
    assert type(polar(np.zeros((0, 2)), completion="none", side="left")) is type(result)
