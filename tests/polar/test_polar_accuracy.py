"""Accuracy of `polar` on every spectrum and condition, and the inputs on which others fail."""

from __future__ import annotations

from functools import lru_cache

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import hadamard

from orthola import Status, polar
from orthola._core.linalg import operations
from orthola._core.space import resolve
from orthola._polar.approximate import direct
from orthola._polar.engine import normalise
from orthola._polar.halley import halley, halley_static
from orthola._polar.schedules import exact_plan
from orthola.testing import (
    from_spectrum,
    gaussian,
    hard_cases,
    matrix_shapes,
    orthogonality,
    polar_residual,
    psd_violation,
    relative_error,
    spectrum,
    structured_matrices,
)
from tests.backends import Backend
from tests.capabilities import EXACT
from tests.isolation import to_numpy
from tests.polar.targets import ROUNDOFF, targets

METHODS = ("svd", "newton", "newton-schulz", "halley", "qr-halley", "gram")
ITERATIONS = ("newton", "newton-schulz", "halley", "qr-halley")
SPECTRA = ("geometric", "linear", "one-small", "one-large", "two-level", "three-level")
CONDITIONS = (1e1, 1e3, 1e6, 1e8, 1e12, 1e15)
N = 60


@lru_cache(maxsize=4)
def sweep(m, n, dtype):
    """Six spectra at six conditions: (name, condition, matrix)."""
    return [
        (profile, condition, from_spectrum(
            m, n, spectrum(profile, n, condition=condition), dtype=dtype, rng=int(condition) % 997
        ))
        for profile in SPECTRA
        for condition in CONDITIONS
    ]  # fmt: skip


def failures(a, result, bounds, label):
    """What of a result is beyond its bounds, as text."""
    u, h, _ = result
    found = zip(
        ("orthogonality", "residual", "psd"),
        (orthogonality(u), polar_residual(a, u, h), psd_violation(h)),
        bounds,
        strict=True,
    )
    return [f"{label}: {name} {x:.2e} > {y:.2e}" for name, x, y in found if not x <= y]


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("shape", [(N, N), (150, N)], ids=["square", "tall"])
@pytest.mark.parametrize("method", METHODS)
def test_targets_hold_on_every_spectrum_and_condition(method, shape, dtype):
    if method == "gram" and dtype not in ("float32", "complex64"):
        pytest.skip("the Gram method is for single precision")
    bounds = targets(dtype, N, method=method)
    deficient = max(shape) * 2 * ROUNDOFF[dtype]
    wrong = []
    for profile, condition, a in sweep(*shape, dtype):
        result = polar(a, method=method)
        label = f"{profile} {condition:.0e}"
        wrong += failures(a, result, bounds, label)
        # The estimate of sigma_n may be off by a factor; far from the threshold it must tell.
        if 1 / condition > 10 * deficient and result.status != Status.OK:
            wrong.append(f"{label}: status {result.status}")
        if 1 / condition < 0.1 * deficient and result.status != Status.RANK_DEFICIENT:
            wrong.append(f"{label}: status {result.status}")
    assert not wrong


@pytest.mark.parametrize("method", ITERATIONS)
def test_iterations_need_no_help_from_the_svd(method):
    for _, condition, a in sweep(N, N, "float64"):
        if condition <= 1e12:
            assert polar(a, method=method, fallback=False).status == Status.OK


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex64"])
@pytest.mark.parametrize("n", [300, 1000])
def test_targets_hold_for_large_matrices(n, dtype):
    # One hard matrix; the sizes at which blocked code and thresholds take over.
    a = gaussian(n, n // 4, dtype=dtype, rng=n)
    a[:, 0] *= 1e-5
    for method in ("auto", "svd", "newton", "halley"):
        bounds = targets(dtype, n // 4, method=method)
        assert not failures(a, polar(a, method=method), bounds, method)


def test_targets_hold_at_order_500():
    a = from_spectrum(500, 500, spectrum("geometric", 500, condition=1e12), rng=1)
    for method in ("newton", "halley"):
        assert not failures(a, polar(a, method=method), targets("float64", 500, method=method), "")


@pytest.mark.parametrize("method", ["auto", *METHODS[:-1]])
@pytest.mark.parametrize("dtype", EXACT)
def test_scale_bitwise(method, dtype):
    double = ROUNDOFF[dtype] < 1e-10
    exponents = (-900, -433, -1, 1, 64, 433, 900) if double else (-110, -61, -1, 1, 64, 110)
    for shape in ((9, 9), (12, 7), (7, 12), (40, 4, 3)):
        a = gaussian(*shape[-2:], shape=shape[:-2], dtype=dtype, rng=2)
        for side in ("right", "left"):
            u, h, status = polar(a, method=method, side=side)
            for k in exponents:
                scaled = polar(a * a.real.dtype.type(2.0**k), method=method, side=side)
                np.testing.assert_array_equal(scaled.unitary, u)
                np.testing.assert_array_equal(scaled.hermitian, h * a.real.dtype.type(2.0**k))
                np.testing.assert_array_equal(scaled.status, status)


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("shape", [(3, 3), (8, 2), (2, 8), (4, 9, 1)])
def test_hermitian_factors_of_subnormal_input_are_rounded_once(shape, dtype):
    info = np.finfo(dtype)
    for exponent in (3, 10):  # of the smallest positive number
        a = gaussian(*shape[-2:], shape=shape[:-2], dtype=dtype, rng=2)
        a = a * (a.real.dtype.type(2.0**exponent) * info.smallest_subnormal)
        up = a.real.dtype.type(2.0**100)
        for side in ("right", "left"):
            error = polar(a, side=side).hermitian * up - polar(a * up, side=side).hermitian
            parts = np.maximum(np.abs(error.real), np.abs(error.imag))
            assert np.max(parts) <= 0.51 * info.smallest_subnormal * up


def test_scale_bitwise_on_every_backend(backend: Backend):
    plain = gaussian(4, 3, rng=3).astype("float32")
    expected = backend.call(polar, backend.asarray(plain))
    for k in (-100, -3, 5, 100):
        scaled = backend.call(polar, backend.asarray(np.ldexp(plain, k)))
        np.testing.assert_array_equal(to_numpy(scaled.unitary), to_numpy(expected.unitary))
        np.testing.assert_array_equal(
            to_numpy(scaled.hermitian), np.ldexp(to_numpy(expected.hermitian), k)
        )


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("shape", [(8, 8), (12, 7), (7, 12), (3, 3), (2, 2)])
def test_hard_cases(shape, dtype):
    n = min(shape)
    bounds = targets(dtype, n)
    for name, a in hard_cases(*shape, dtype=dtype, rng=4):
        for method in ("auto", *METHODS):
            if method == "gram" and dtype not in ("float32", "complex64"):
                continue
            for side in ("right", "left"):
                u, h, _ = polar(a, method=method, side=side)
                label = f"{name} {method} {side}"
                assert orthogonality(u) <= bounds.orthogonality, label
                assert polar_residual(a, u, h, side=side) <= bounds.residual, label
                psd = targets(dtype, h.shape[-1]).psd_violation
                assert psd_violation(h) <= psd, label
                np.testing.assert_array_equal(h, h.conj().T)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", [1e-37, 1e-30, 1e30, 1e37])
def test_tiny_and_huge(scale, method):
    dtype = "float32" if method == "gram" else "float64"
    factor = scale if dtype == "float32" else scale**8
    a = (gaussian(12, 6, rng=5) * factor).astype(dtype)
    result = polar(a, method=method)
    assert not failures(a, result, targets(dtype, 6, method=method), "")
    assert result.status == Status.OK
    # Nothing of H is lost either: the eigenvalues are the singular values.
    exact = np.linalg.svd(a.astype("float64") / factor, compute_uv=False)
    found = np.linalg.eigvalsh(result.hermitian.astype("float64") / factor)[::-1]
    assert np.all(np.abs(found - exact) <= 100 * ROUNDOFF[dtype] * exact[0])


@pytest.mark.parametrize("method", ["auto", *METHODS])
@pytest.mark.parametrize("dtype", EXACT)
def test_zero_matrix(method, dtype):
    if method == "gram" and dtype not in ("float32", "complex64"):
        pytest.skip("the Gram method is for single precision")
    for shape in ((3, 2), (2, 3), (1, 1), (4, 4), (40, 3, 3)):
        u, h, status = polar(np.zeros(shape, dtype), method=method)
        np.testing.assert_array_equal(u, np.broadcast_to(np.eye(*shape[-2:], dtype=dtype), shape))
        assert not np.any(h)
        assert np.all(status == Status.RANK_DEFICIENT)
    stack = gaussian(4, 3, shape=(3,), dtype=dtype, rng=6)
    alone = polar(stack, method=method)
    stack[1] = 0.0
    among = polar(stack, method=method)
    np.testing.assert_array_equal(among.status, [Status.OK, Status.RANK_DEFICIENT, Status.OK])
    for i in (0, 2):
        np.testing.assert_array_equal(among.unitary[i], alone.unitary[i])
        np.testing.assert_array_equal(among.hermitian[i], alone.hermitian[i])


def singular_matrices(m, n, dtype):
    column = gaussian(m, n, dtype=dtype, rng=7)
    column[:, min(5, n - 1)] = 0.0
    yield "zero_column", column
    yield "rank_one", from_spectrum(m, n, spectrum("linear", n, rank=1), dtype=dtype, rng=8)
    half = spectrum("linear", n, condition=10.0, rank=n // 2)
    yield "half_zero_spectrum", from_spectrum(m, n, half, dtype=dtype, rng=9)
    yield "equal_columns", np.ones((m, n), dtype)


@pytest.mark.parametrize("method", ["auto", *METHODS])
def test_sums_of_equal_terms_do_not_cost_single_precision_its_digits(method):
    # All their roundings have one sign: n u where other sums have sqrt(n) u. A Gram matrix summed
    # in single precision cannot see it.
    entries = {
        "constant": np.ones((300, 200)),
        "constant, square": np.ones((256, 256)),
        "long": np.ones((5000, 64)),
        "hadamard": hadamard(512),
        "tall hadamard": hadamard(1024)[:, :512],
        "shifted": np.ones((300, 300)) + 0.1 * np.eye(300),
    }
    for name, a in entries.items():
        single = a.astype(np.float32)
        bounds = targets("float32", a.shape[1], method=method)
        assert not failures(single, polar(single, method=method), bounds, name)


@pytest.mark.parametrize("method", ["auto", *METHODS])
@pytest.mark.parametrize("dtype", EXACT)
def test_singular_matrices_are_completed_and_reported(method, dtype):
    if method == "gram" and dtype not in ("float32", "complex64"):
        pytest.skip("the Gram method is for single precision")
    for m, n in ((60, 40), (12, 12), (6, 4), (3, 3), (2, 2)):
        for name, a in singular_matrices(m, n, dtype):
            bounds = targets(dtype, n)  # whether or not the SVD had to be asked
            alone = polar(a, method=method)
            stack = polar(np.stack([a] * (40 if method == "auto" else 2)), method=method)
            inside = tuple(x[1] for x in stack)
            for result in (alone, inside):
                assert not failures(a, result, bounds, f"{name} {m} {n}")
            assert alone.status == Status.RANK_DEFICIENT, f"{name} {m} {n}"
            assert np.all(stack.status == Status.RANK_DEFICIENT), f"{name} {m} {n}"


@pytest.mark.parametrize("method", ["auto", *METHODS[:-1]])
def test_exactly_dependent_columns(method):
    # Integers make R of A = Q R singular far beyond rounding: sigma_n is 1e-30 and less, not 1e-16.
    rng = np.random.default_rng(17)
    for n in range(2, 9):
        for m in (n, n + 3):
            for _ in range(8):
                rank = max(n // 2, 1)
                a = rng.integers(-3, 4, (m, rank)) @ rng.integers(-3, 4, (rank, n))
                a = a.astype("float64")
                if a.any():
                    assert not failures(a, polar(a, method=method), targets("float64", n), f"{a}")
    wide_range = 10.0 ** -np.linspace(0, 60, 6)
    for a in (gaussian(8, 6, rng=18) * wide_range, gaussian(6, 6, rng=19) * wide_range[:, None]):
        assert not failures(a, polar(a, method=method), targets("float64", 6), f"{a}")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_assumed_bound_fails(dtype):
    conditions = CONDITIONS if dtype == "float64" else (1e1, 1e3, 1e5)
    for profile in SPECTRA:
        for condition in conditions:
            a = from_spectrum(
                40, 30, spectrum(profile, 30, condition=condition), dtype=dtype, rng=10
            )
            too_large = min(100.0 / condition, 1.0)
            for method in ITERATIONS:
                bounds = targets(dtype, 30, method=method)
                label = f"{profile} {condition:.0e} {method}"
                result = polar(a, method=method, lower_bound=too_large)
                assert not failures(a, result, bounds, label)
            # Halley notices by itself, by its certificate, and takes the steps that are missing.
            alone = polar(a, method="halley", lower_bound=too_large, fallback=False)
            assert alone.status in (Status.OK, Status.RANK_DEFICIENT)
            assert orthogonality(alone.unitary) <= targets(dtype, 30, method="halley").orthogonality


def test_singular_to_single_precision_without_any_help():
    for profile in SPECTRA:
        a = from_spectrum(30, 30, spectrum(profile, 30, condition=1e8), dtype="float32", rng=11)
        for bound in (None, 1e-6, 1.0):
            u, h, status = polar(a, method="halley", lower_bound=bound, fallback=False)
            assert status in (Status.OK, Status.RANK_DEFICIENT)
            assert orthogonality(u) <= targets("float32", 30).orthogonality
            assert polar_residual(a, u, h) <= targets("float32", 30).residual


def steps_of(method, a, **options):
    """Fewest steps with which the certificate holds."""
    for most in range(40):
        if polar(a, method=method, max_steps=most, fallback=False, **options).status != (
            Status.NOT_CONVERGED
        ):
            return most
    raise AssertionError(f"{method} never converged")


def test_a_true_lower_bound_saves_steps_and_a_wrong_one_costs_few():
    a = from_spectrum(40, 40, spectrum("geometric", 40, condition=1e3), rng=12)
    for method in ("halley", "newton-schulz", "qr-halley"):
        unknown, known = steps_of(method, a), steps_of(method, a, lower_bound=1e-3)
        assert known <= unknown
    # 100 times too large: measured where the certificate fails, never believed twice.
    assert steps_of("halley", a, lower_bound=0.1) <= steps_of("halley", a) + 4
    assert steps_of("newton-schulz", a, lower_bound=1e-3) < steps_of("newton-schulz", a)
    assert steps_of("qr-halley", a) <= 6
    assert steps_of("newton", a) <= 8


def residual_of(factor, a):
    u = np.asarray(factor.unitary)
    h = u.T @ a
    return float(polar_residual(a, u, 0.5 * (h + h.T)))


def test_uncapped_loses():
    a = from_spectrum(N, N, spectrum("geometric", N, condition=1e8), rng=13)
    space, _ = resolve("polar", a)

    def ops():
        return operations(space, 2)

    # Optimal weights in the Cholesky form, as published for the QR form: digits go with 1 + c.
    plan = exact_plan("qr-halley", lower_bound=1e-9, unit_roundoff=2.0**-53)
    loose = ops()
    uncapped = halley_static(loose.load(a), loose, weights=plan)
    assert residual_of(uncapped, a) > 1e-10
    capped = ops()
    kept = halley(capped.load(a), capped, lower_bound=None, cap=30.0, max_steps=None)
    assert residual_of(kept, a) <= targets("float64", N, method="halley").residual
    # The largest cap that can be asked for is already worse than the default, and says so.
    default = polar(a, method="halley")
    wide = polar(a, method="halley", cap=1e6, fallback=False)
    assert polar_residual(a, *wide[:2]) > 5 * polar_residual(a, *default[:2])
    assert (default.status, wide.status) == (Status.OK, Status.NOT_CONVERGED)
    mended = polar(a, method="halley", cap=1e6)
    assert polar_residual(a, *mended[:2]) <= targets("float64", N).residual


def test_cushion_needed():
    a = from_spectrum(200, 100, spectrum("geometric", 100, condition=1e12), rng=14)
    space, _ = resolve("polar", a)

    def residual(cushion):
        ops = operations(space, 2)
        x, _, _ = normalise(ops.load(a), ops)
        plan = exact_plan(
            "newton-schulz", lower_bound=1e-13, unit_roundoff=2.0**-53, cushion=cushion
        )
        x = direct(x, ops, plan).copy()
        x = x @ (1.5 * np.eye(100) - 0.5 * x.T @ x)
        h = x.T @ a
        return polar_residual(a, x, 0.5 * (h + h.T))

    assert residual(0.0) > 1e-13
    assert residual(0.1) <= 2e-14


@pytest.mark.parametrize("method", METHODS[:-1])
def test_negative_det(method):
    rng = np.random.default_rng(15)
    reflection = np.diag([1.0, 1.0, -1.0])
    rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    rotation *= np.linalg.det(rotation)
    stack = np.stack([reflection, rotation, rotation @ reflection, 3.0 * reflection @ rotation])
    for a in (stack, np.tile(stack, (10, 1, 1)), *stack):
        u, h, _ = polar(a, method=method)
        np.testing.assert_array_equal(np.sign(np.linalg.det(u)), np.sign(np.linalg.det(a)))
        assert np.all(psd_violation(h) <= targets("float64", 3).psd_violation)
    singular = np.array([[3.0, 6.0], [1.0, 2.0]])
    u, h, status = polar(singular, method=method)
    assert status == Status.RANK_DEFICIENT
    assert polar_residual(singular, u, h) <= targets("float64", 2).residual
    # Both completions are right; U acts as it must on the range.
    assert relative_error(u @ h, singular) <= targets("float64", 2).residual


@pytest.mark.parametrize("method", METHODS[:-1])
def test_unitary_input_is_its_own_factor(method):
    for dtype in ("float64", "complex128"):
        for m, n in ((6, 6), (9, 4)):
            a = from_spectrum(m, n, np.ones(n), dtype=dtype, rng=16)
            u, h, _ = polar(2.0**20 * a, method=method)
            assert relative_error(u, a) <= 20 * n * ROUNDOFF[dtype]
            assert relative_error(h, 2.0**20 * np.eye(n)) <= 20 * n * ROUNDOFF[dtype]
    np.testing.assert_array_equal(polar(np.eye(5), method=method).unitary, np.eye(5))


def check_structured(case, method, side):
    """All that holds for any matrix and any method."""
    a = case.matrix
    before = np.array(a)
    u, h, status = polar(a, method=method, side=side)
    np.testing.assert_array_equal(a, before)
    assert u.dtype == h.dtype == a.dtype
    n = min(a.shape[-2:])
    bounds = targets(a.dtype, n)
    assert np.all(orthogonality(u) <= bounds.orthogonality)
    assert np.all(polar_residual(a, u, h, side=side) <= bounds.residual)
    assert np.all(psd_violation(h) <= targets(a.dtype, h.shape[-1]).psd_violation)
    np.testing.assert_array_equal(h, np.conj(np.swapaxes(h, -1, -2)))
    threshold = max(a.shape[-2:]) * 2 * ROUNDOFF[a.dtype.name]
    if a.size and case.rank < n:
        assert np.all(status == Status.RANK_DEFICIENT)
    if a.size and case.rank == n and case.condition < 0.02 / threshold:
        assert np.all(status == Status.OK)
    k = -40 if case.exponent > 0 else 40
    scaled = polar(a * a.real.dtype.type(2.0**k), method=method, side=side)
    if all(stays_normal(x) for x in (a, scaled.unitary, h, scaled.hermitian)):
        np.testing.assert_array_equal(scaled.unitary, u)
        np.testing.assert_array_equal(scaled.hermitian, h * a.real.dtype.type(2.0**k))


def stays_normal(x):
    """Whether no entry but zero is so small that it has fewer digits than the others."""
    parts = np.abs(np.stack([x.real, x.imag]))
    return not np.any((parts > 0) & (parts < np.finfo(x.dtype).smallest_normal))


CASES = structured_matrices(shapes=matrix_shapes(max_side=9, max_batch_dims=1, max_batch=2))
NAMES = st.sampled_from(("auto", *METHODS[:-1]))
SIDES = st.sampled_from(("right", "left"))


@given(CASES, NAMES, SIDES)
@hypothesis.settings(max_examples=150)
def test_promises_hold_for_structured_matrices(case, method, side):
    check_structured(case, method, side)


@pytest.mark.long
@given(structured_matrices(shapes=matrix_shapes(max_side=40)), NAMES, SIDES)
@hypothesis.settings(hypothesis.settings.get_profile("long"), max_examples=5000)
def test_promises_hold_for_many_structured_matrices(case, method, side):
    check_structured(case, method, side)
