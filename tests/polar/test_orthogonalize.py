"""`orthogonalize`: where singular values go, on every library, dtype and form; and its traps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from orthola import orthogonalize, schedule
from orthola._polar.approximate import gram_segments
from orthola._polar.presets import PRESETS
from orthola.testing import (
    LAYOUTS,
    from_spectrum,
    gaussian,
    lay_out,
    orthonormal,
    relative_error,
    spectrum,
)
from tests.backends import Backend
from tests.capabilities import EXACT, HALVES
from tests.isolation import assert_same_kind, to_numpy
from tests.polar.selection import on_backends
from tests.polar.targets import ROUNDOFF

# What rounding may add to the interval: the promise of the docstring.
ALLOWANCE = {
    "float64": 1e-12,
    "complex128": 1e-12,
    "float32": 2e-4,
    "complex64": 2e-4,
    "float16": 5e-3,
    "bfloat16": 3e-2,
}
SHAPES = ((20, 20), (40, 16), (16, 40))
SAME_C = 400  # two orders of the same sums, in n u: the slopes of five steps amplify rounding
TABLES = ("polar-express-gram", *PRESETS)


def graded(m, n, *, condition=1e4, dtype="float64", seed=0):
    """Singular values in equal ratios: the hard case, where Gaussian matrices mislead."""
    kind = "complex128" if dtype.startswith("complex") else "float64"
    return from_spectrum(
        m, n, spectrum("geometric", min(m, n), condition=condition), dtype=kind, rng=seed
    )


def overshoot(a, result, rule):
    """By how much the singular values of a result miss what the schedule promises."""
    a, result = a.astype(np.complex128), result.astype(np.complex128)
    before = np.linalg.svd(a, compute_uv=False)
    after = np.linalg.svd(result, compute_uv=False)
    low, high = rule.interval
    promised = np.count_nonzero(before >= rule.lower_bound * np.linalg.norm(a) * (1 + 1e-3))
    lowest = after[promised - 1] if promised else np.inf
    return max(after[0] - max(high, rule.image(0.0)[1]), low - lowest)


@on_backends(
    "orthogonalize",
    compiled=(
        "float32",
        "complex128",
        "bfloat16",
    ),
)
def test_singular_values_go_into_the_interval(backend: Backend, dtype):
    rule = schedule("polar-express", steps=5, lower_bound=1e-3)
    for shape in SHAPES[1:2] if backend.name.startswith("jax") else SHAPES:
        a = backend.asarray(graded(*shape, dtype=dtype), dtype)
        result = backend.call(orthogonalize, a)
        assert_same_kind(result, a, shape=shape)
        assert overshoot(to_numpy(a), to_numpy(result), rule) <= ALLOWANCE[dtype]


@pytest.mark.parametrize("gram", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex64", "float16"])
@pytest.mark.parametrize("steps", [1, 2, 5, 6, 8])
def test_interval_on_graded_spectra(steps, dtype, gram):
    rule = schedule("polar-express", steps=steps, lower_bound=1e-3)
    for m, n in ((64, 64), (256, 64), (64, 200)):
        for condition in (1e1, 3e2, 1e5, 1e12):
            a = graded(m, n, condition=condition, dtype=dtype).astype(dtype)
            result = orthogonalize(a, steps=steps, gram=gram)
            assert overshoot(a, result, rule) <= ALLOWANCE[dtype]


@pytest.mark.parametrize("gram", [False, True])
@pytest.mark.parametrize("kind", TABLES)
def test_interval_of_every_table(kind, gram):
    rule = schedule(kind, lower_bound=1e-3)
    for dtype in ("float64", "float32", "float16"):
        for condition in (1e2, 1e5):
            a = graded(96, 32, condition=condition).astype(dtype)
            result = orthogonalize(a, steps=None, schedule=kind, gram=gram)
            assert overshoot(a, result, rule) <= ALLOWANCE[dtype]
            by_rule = orthogonalize(a, schedule=rule, gram=gram)
            np.testing.assert_array_equal(by_rule, result)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("steps", [10, 20])
def test_many_steps_on_low_rank_do_not_explode(steps, dtype):
    # One Gram matrix for all the steps would: rounding makes it indefinite, and slopes do the rest.
    rule = schedule("polar-express", steps=steps, lower_bound=1e-3)
    for rank in (1, 20, 64):
        values = spectrum("geometric", 64, condition=1e5, rank=rank)
        a = from_spectrum(256, 64, values, rng=1).astype(dtype)
        for gram in (False, True, "auto"):
            result = orthogonalize(a, steps=steps, gram=gram)
            assert overshoot(a, result, rule) <= ALLOWANCE[dtype]


def test_gram_segments_limit_the_slopes():
    for u, limit in ((2.0**-24, 41.0), (2.0**-53, 95.0)):
        for kind in TABLES:
            rows = schedule(kind, lower_bound=1e-3).coefficients
            lengths = gram_segments(rows, u)
            assert sum(lengths) == len(rows)
            start = 0
            for length in lengths:
                slope = math.prod(row[0] for row in rows[start : start + length])
                assert length == 1 or slope <= limit
                start += length
    rows = schedule("polar-express", steps=5, lower_bound=1e-3).coefficients
    assert gram_segments(rows, 2.0**-24) == (2, 3)
    assert gram_segments((), 2.0**-24) == ()


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex64", "float16"])
def test_gram_and_direct_forms_are_the_same_map(dtype):
    single = ROUNDOFF[dtype] > 1e-10
    for m, n in ((80, 20), (20, 80), (30, 30), (3, 1)):
        a = graded(m, n, condition=50.0, dtype=dtype).astype(dtype)
        direct, gram = (orthogonalize(a, gram=gram) for gram in (False, True))
        bound = SAME_C * n * ROUNDOFF[dtype] if single else 1e-12
        assert relative_error(gram, direct) <= min(bound, 0.1)


@on_backends("orthogonalize", dtypes=("float64", "float32", "complex64"), compiled=("complex64",))
def test_singular_vectors_are_kept_and_values_are_those_of_the_schedule(backend: Backend, dtype):
    values = np.array([1.0, 0.5, 0.1, 0.02, 0.003])
    rule = schedule("polar-express", steps=5, lower_bound=1e-3)
    kind = "complex128" if dtype.startswith("complex") else "float64"
    u, v = (orthonormal(m, 5, dtype=kind, rng=2) for m in (9, 5))
    a = backend.asarray((u * values) @ v.conj().T, dtype)
    mapped = np.array([rule(s / np.linalg.norm(values)) for s in values])
    for gram in (False, True):
        found = to_numpy(backend.call(orthogonalize, a, gram=gram))
        assert relative_error(found, (u * mapped) @ v.conj().T) <= ALLOWANCE[dtype]


@on_backends("orthogonalize", dtypes=("float32", "complex64", "float16"), compiled=("float32",))
def test_stacks_empty_and_single_entries(backend: Backend, dtype):
    jax = backend.name.startswith("jax")  # a second of compilation for each shape
    for shape in ((2, 0, 3),) if jax else ((0, 3), (3, 0), (0, 0), (0, 4, 3), (2, 0, 3)):
        a = backend.asarray(np.zeros(shape), dtype)
        assert_same_kind(backend.call(orthogonalize, a), a, shape=shape)
    stack = np.stack([graded(6, 4, seed=i) for i in range(4)]).reshape(2, 2, 6, 4)
    a = backend.asarray(stack, dtype)
    result = backend.call(orthogonalize, a)
    assert_same_kind(result, a, shape=stack.shape)
    for i in range(2):
        for j in range(2):
            alone = to_numpy(backend.call(orthogonalize, a[i, j, ...]))
            bound = SAME_C * 4 * ROUNDOFF[dtype]
            assert relative_error(to_numpy(result)[i, j], alone) <= bound
    low, high = schedule("polar-express", steps=5, lower_bound=1e-3).interval
    for value in (1.0, -3.0):
        found = to_numpy(backend.call(orthogonalize, backend.asarray([[value]], dtype)))[0, 0]
        assert low - ALLOWANCE[dtype] <= found.real * np.sign(value) <= high + ALLOWANCE[dtype]


def test_integers_and_nested_lists():
    rows = [[3, 1], [0, 2], [4, 0]]
    expected = orthogonalize(np.array(rows, dtype=float))
    np.testing.assert_array_equal(orthogonalize(np.array(rows)), expected)
    np.testing.assert_array_equal(orthogonalize(rows), expected)
    assert expected.dtype == np.float64


@on_backends("orthogonalize", dtypes=("float32", "complex64", "float16"), compiled=("float32",))
def test_zero_stays_zero_and_nan_stays_at_home(backend: Backend, dtype):
    stack = np.stack([graded(5, 3, seed=i) for i in range(4)])
    clean = stack.copy()
    stack[1], stack[2, 4, 0] = 0.0, np.nan
    stack[3, 0, 0] = np.inf
    result, expected = (
        to_numpy(backend.call(orthogonalize, backend.asarray(x, dtype))) for x in (stack, clean)
    )
    np.testing.assert_array_equal(result[0], expected[0])
    assert not np.any(result[1])
    assert np.all(np.isnan(result[2:]))


@on_backends(
    "orthogonalize",
    dtypes=("float64", "float32", "float16", "bfloat16"),
    compiled=(
        "float64",
        "bfloat16",
    ),
)
def test_scale_bitwise(backend: Backend, dtype):
    a = graded(6, 4, condition=4.0)
    exponents = {"float64": (-900, -1, 900), "float16": (-3, 8)}.get(dtype, (-80, 3, 90))
    base = backend.asarray(a, dtype)
    expected = to_numpy(backend.call(orthogonalize, base))
    for k in exponents:
        scaled = base * backend.xp.asarray(2.0**k, dtype=base.dtype, device=backend.device)
        np.testing.assert_array_equal(to_numpy(backend.call(orthogonalize, scaled)), expected)


def test_no_eps_floor():
    # x / (norm + eps) would shrink this, and all the more the later layers of a network.
    a = gaussian(24, 16, dtype="float32", rng=3)
    plain = orthogonalize(a)
    for scale in (1e-9, 1e-20, 1e-37):
        small = (scale * a.astype("float64")).astype("float32")
        exact = orthogonalize(np.ldexp(small, -math.frexp(scale)[1]))
        np.testing.assert_array_equal(orthogonalize(small), exact)
        assert abs(np.linalg.norm(orthogonalize(small)) / np.linalg.norm(plain) - 1) <= 1e-4


def test_half_norm_overflow():
    # The sum of squares is 6.7e11, far beyond float16; so is the first norm a half would make.
    a = np.full((4096, 64), 200.0, dtype="float16")
    rule = schedule("polar-express", steps=5, lower_bound=1e-3)
    for gram in (False, True):
        result = orthogonalize(a, gram=gram)
        assert result.dtype == np.float16
        assert np.all(np.isfinite(result))
        assert overshoot(a, result, rule) <= ALLOWANCE["float16"]


@pytest.mark.parametrize("dtype", HALVES)
def test_gaussian_hides(dtype):
    # What explodes in half precision (sigma to 5000 in a naive Gram form) does so on graded
    # spectra only; Gaussian test matrices never show it.
    torch = pytest.importorskip("torch")
    for condition in (1e5, 1e8):
        a = torch.tensor(graded(192, 64, condition=condition)).to(getattr(torch, dtype))
        for gram in (False, True, "auto"):
            for steps in (5, 8):
                result = to_numpy(orthogonalize(a, gram=gram, steps=steps))
                assert np.linalg.norm(result.astype("float64"), 2) <= 1.2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_compute_dtype(dtype):
    a = graded(40, 12, condition=1e2).astype(dtype)
    exact = orthogonalize(a.astype("float64"))
    errors = []
    for work in ("float16", "float32", "float64"):
        result = orthogonalize(a, compute_dtype=work)
        assert result.dtype == a.dtype
        errors.append(relative_error(result, exact))
        assert errors[-1] <= max(ALLOWANCE[work], 2 * ROUNDOFF[dtype])
    assert errors[0] > 10 * errors[1]
    torch = pytest.importorskip("torch")
    brain = orthogonalize(torch.tensor(a), compute_dtype="bfloat16")
    assert 1e-4 < relative_error(brain.numpy(), exact) <= ALLOWANCE["bfloat16"]


@on_backends("orthogonalize", dtypes=("float32", "complex64"), compiled=("float32",))
def test_padding_sequence(backend: Backend, dtype):
    # One short side, wide and tall, long ones of every size, a stack and an empty one among them.
    shapes = [(9, 4), (4, 10), (30, 4), (4, 4), (4, 31), (2, 8, 4), (0, 4), (11, 4), (7, 7)]
    if backend.name.startswith("jax"):  # a second of compilation for each
        shapes = shapes[:3] if dtype == "float32" else shapes[:1]
    arrays = [
        backend.asarray(
            gaussian(*s[-2:], shape=s[:-2], rng=i, dtype="complex128" if "c" in dtype else "f8"),
            dtype,
        )
        for i, s in enumerate(shapes)
    ]
    results = (
        orthogonalize(tuple(arrays)) if not backend.jitted else backend.call(together, *arrays)
    )
    assert isinstance(results, list)
    assert len(results) == len(arrays)
    for a, result in zip(arrays, results, strict=True):
        assert_same_kind(result, a, shape=tuple(a.shape))
        alone = to_numpy(backend.call(orthogonalize, a))
        assert np.all(relative_error(to_numpy(result), alone) <= SAME_C * 4 * ROUNDOFF[dtype])


def together(*arrays):
    return orthogonalize(list(arrays))


def test_sequence_of_mixed_dtypes_and_nothing():
    arrays = [gaussian(5, 3, dtype=d, rng=4) for d in ("float32", "float64", "complex64", "f2")]
    for a, result in zip(arrays, orthogonalize(arrays), strict=True):
        assert result.dtype == a.dtype
        np.testing.assert_allclose(result, orthogonalize(a), atol=SAME_C * 3 * 2.0**-24)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", EXACT)
def test_memory_layout_does_not_matter_and_is_not_written(layout, dtype):
    for shape in ((7, 7), (9, 4), (4, 9), (2, 6, 3)):
        plain = gaussian(*shape[-2:], shape=shape[:-2], dtype=dtype, rng=5)
        moved = lay_out(plain, layout)
        for gram in (False, True):
            expected, result = orthogonalize(plain, gram=gram), orthogonalize(moved, gram=gram)
            assert np.all(relative_error(result, expected) <= SAME_C * 7 * ROUNDOFF[dtype])
            np.testing.assert_array_equal(moved, plain)


def directional(function, a, t, step=1e-6):
    """Central difference of a scalar function."""
    return (function(a + step * t) - function(a - step * t)) / (2 * step)


@pytest.mark.parametrize("gram", [False, True])
@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
def test_torch_gradient_is_that_of_the_polynomial(shape, gram):
    torch = pytest.importorskip("torch")
    a, t, weights = (gaussian(*shape, rng=i) for i in (6, 7, 8))
    x = torch.tensor(a, requires_grad=True)
    torch.sum(orthogonalize(x, gram=gram) * torch.tensor(weights)).backward()
    expected = directional(lambda y: np.sum(orthogonalize(y, gram=gram) * weights), a, t)
    assert abs(np.sum(x.grad.numpy() * t) - expected) <= 1e-7 * max(1, abs(expected))
    assert torch.autograd.gradcheck(lambda y: orthogonalize(y, gram=gram), (x,))


@pytest.mark.parametrize("gram", [False, True])
def test_jax_gradient_is_that_of_the_polynomial(gram):
    jax = pytest.importorskip("jax")
    a, t, weights = (gaussian(5, 3, rng=i) for i in (6, 7, 8))

    def loss(x):
        return jax.numpy.sum(orthogonalize(x, gram=gram) * weights)

    expected = directional(lambda y: np.sum(orthogonalize(y, gram=gram) * weights), a, t)
    forward = jax.jit(lambda x, v: jax.jvp(loss, (x,), (v,))[1])(a, t)
    reverse = jax.jit(jax.grad(loss))(jax.numpy.asarray(a))
    assert abs(float(forward) - expected) <= 1e-7 * max(1, abs(expected))
    assert abs(float(np.sum(np.asarray(reverse) * t)) - expected) <= 1e-7 * max(1, abs(expected))


def test_lower_bound_moves_the_interval():
    a = graded(64, 32, condition=20.0)
    for bound in (1e-2, 1e-4):
        rule = schedule("polar-express", steps=6, lower_bound=bound)
        result = orthogonalize(a, steps=6, lower_bound=bound)
        assert overshoot(a, result, rule) <= ALLOWANCE["float64"]
    narrow, wide = (
        np.linalg.svd(orthogonalize(a, steps=4, lower_bound=bound), compute_uv=False)
        for bound in (1e-2, 1e-6)
    )
    assert np.ptp(narrow) < np.ptp(wide)


@pytest.mark.parametrize("kind", TABLES)
def test_norm_is_an_upper_bound_so_the_domain_is_never_left(kind):
    # Rank one: Frobenius and spectral norms agree, so rounding decides on which side of 1 it is.
    rule = schedule(kind, lower_bound=1e-3)
    rng = np.random.default_rng(9)
    for dtype in ("float32", "float64"):
        for _ in range(20):
            a = np.outer(rng.standard_normal(50), rng.standard_normal(20)).astype(dtype)
            for gram in (False, True):
                result = orthogonalize(a, steps=None, schedule=kind, gram=gram)
                assert overshoot(a, result, rule) <= ALLOWANCE[dtype]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"schedule": "muom"}, ValueError, r"kind.*'muon'.*got 'muom'; did you mean 'muon'"),
        ({"schedule": 3}, TypeError, r"schedule to be a name or an orthola.Schedule, got int"),
        ({"schedule": "halley"}, ValueError, r"polynomial schedule, got 'halley'.*polar"),
        ({"steps": -1}, ValueError, r"steps >= 1, got -1"),
        ({"steps": 0}, ValueError, r"steps >= 1, got 0"),
        ({"steps": 2.5}, TypeError, r"steps to be an integer, got 2.5"),
        ({"steps": 9, "schedule": "cans"}, ValueError, r"'cans' has 5 steps.*got steps=9"),
        ({"steps": None}, ValueError, r"needs steps or tol"),
        ({"lower_bound": 0.0}, ValueError, r"0.0 < lower_bound <= 1.0, got 0.0"),
        ({"lower_bound": "1e-3x"}, ValueError, r"lower_bound"),
        ({"compute_dtype": "int8"}, ValueError, r"compute_dtype to be one of.*got 'int8'"),
        ({"compute_dtype": "bfloat16"}, ValueError, r"NumPy has no bfloat16; use.*float16"),
        ({"gram": "yes"}, ValueError, r"gram to be 'auto', True or False, got 'yes'"),
    ],
)
def test_errors_name_the_option_and_what_it_takes(options, error, message):
    a = np.eye(3)
    with pytest.raises(error, match=message):
        orthogonalize(a, **options)
    np.testing.assert_array_equal(a, np.eye(3))


def test_halley_schedules_and_complex_halves_are_refused():
    with pytest.raises(ValueError, match=r"polynomial schedule"):
        orthogonalize(np.eye(3), schedule=schedule("halley", steps=3, lower_bound=1e-2))
    with pytest.raises(ValueError, match=r"complex arrays.*no library has complex half"):
        orthogonalize(np.eye(3, dtype=complex), compute_dtype="float16")


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (np.ones(3), ValueError, r"\(\.\.\., m, n\).*float64 of shape \(3,\)"),
        ([np.eye(2), np.ones(3)], ValueError, r"a\[1\].*shape \(3,\)"),
        (np.eye(2, dtype=bool), TypeError, r"floating dtype.*bool"),
        ("abc", TypeError, r"expected an array.*got builtins.str"),
        (None, TypeError, r"expected an array"),
    ],
)
def test_input_that_is_no_matrix_is_refused(bad, error, message):
    with pytest.raises(error, match=message):
        orthogonalize(bad)
