"""Schedules: certified intervals, published tables, tolerances, caching, errors."""

from __future__ import annotations

import dataclasses
import math
import random
import subprocess
import sys

import mpmath
import numpy as np
import pytest

import orthola
from orthola._polar.image import extend, outward
from orthola._polar.kinds import KINDS
from orthola._polar.presets import PRESETS
from orthola._polar.schedules import Schedule, exact_plan, schedule

GENERATED = {"polar-express", "newton-schulz", "halley"}
TABLES = [k for k in KINDS if k not in GENERATED]
EPS = 2.0**-52

# name: image of [1e-3, 1], image of [1e-4, 1], domain_max; digits are cut, not rounded.
PRINTED = {
    "polar-express-gram": ((0.7290, 1.1236), (0.0803, 1.1236), 1.055),
    "polar-express-nanogpt": ((0.8589, 1.1411), (0.0988, 1.1411), 1.022),
    "polar-express-8": ((1.0, 1.0), (0.5747, 1.0), 1.011),
    "muon": ((0.4705, 1.2024), (0.0485, 1.2024), 1.264),
    "you": ((0.4750, 1.1450), (0.0493, 1.1450), 1.32),
    "cans": ((0.8844, 1.1198), (0.1047, 1.1198), 1.0000038),
    "cesista-8": ((0.9993, 1.0004), (0.9990, 1.0004), 1.112),
    "deepseek-v4": ((1.0, 1.0005), (1.0, 1.0020), 1.264),
    "cubic5": ((0.1191, 1.3000), (0.0119, 1.3000), 1.0035),
}


def exact_step(row, x, kind):
    """One map at an mpmath number."""
    y = x * x
    if kind == "halley":
        a, b, c = map(mpmath.mpf, row)
        return x * (a + b * y) / (1 + c * y)
    return x * sum(mpmath.mpf(c) * y**j for j, c in enumerate(row))


def exact_image(s, lower, upper=1.0):
    """Composed image from all complex roots of the derivative, in 50 digits."""
    low, high = mpmath.mpf(lower), mpmath.mpf(upper)
    for row in s.coefficients:
        if s.kind == "halley":
            a, b, c = map(mpmath.mpf, row)
            slope = [b * c, 3 * b - a * c, a]
        else:
            slope = [(2 * j + 1) * mpmath.mpf(c) for j, c in reversed(list(enumerate(row)))]
        roots = mpmath.polyroots(slope, maxsteps=2000, extraprec=1000)
        # A multiple root comes as a cluster around the real axis. Any point of the interval may
        # be a candidate, so taking its real part too often does no harm.
        inside = [mpmath.sqrt(mpmath.re(z)) for z in roots if mpmath.re(z) > 0]
        values = [
            exact_step(row, x, s.kind) for x in (low, high, *(x for x in inside if low < x < high))
        ]
        low, high = min(values), max(values)
    return low, high


def chains():
    """A schedule of every kind and degree, short, long and nearly converged."""
    for degree in (3, 5, 7, 9):
        for lower, steps in ((1e-3, 4), (1e-6, 9), (0.3, 3)):
            yield schedule("polar-express", steps=steps, lower_bound=lower, degree=degree)
        yield schedule("newton-schulz", steps=6, lower_bound=0.05, degree=degree)
    for steps in (1, 2, 5, 6, 8, 12):
        yield schedule("polar-express", steps=steps, lower_bound=1e-3)
    # Minima at rounding level inside: the case that needs more digits than floats have.
    yield schedule("polar-express", steps=5, lower_bound=0.02407327424182761, safety=1.0)
    yield schedule("polar-express", steps=12, lower_bound=1e-6, cushion=0.0, safety=1.0)
    for cap in (10.0, 30.0, 100.0, math.inf):
        yield schedule("halley", steps=4, lower_bound=1e-3, cap=cap)
    yield schedule("halley", tol=1e-10, lower_bound=1e-15)
    for kind in TABLES:
        for lower in (1e-4, 1e-3, 0.1, 1.0):
            yield schedule(kind, lower_bound=lower)


def test_interval_contains_the_true_image_and_little_more():
    with mpmath.workdps(50):
        for s in chains():
            low, high = exact_image(s, s.lower_bound)
            assert s.interval[0] <= low, s
            assert high <= s.interval[1], s
            assert low - s.interval[0] <= 1e-13, s
            assert s.interval[1] - high <= 1e-13, s


def test_image_of_any_interval_contains_the_true_one():
    rng = random.Random(3)
    with mpmath.workdps(50):
        for s in chains():
            # Beyond the domain polynomials explode; up to it the bound is tight as well.
            lower, upper = sorted(rng.uniform(0.0, min(s.domain_max, 2.0)) for _ in range(2))
            found, (low, high) = s.image(lower, upper), exact_image(s, lower, upper)
            assert found[0] <= low <= high <= found[1], s
            assert max(low - found[0], found[1] - high) <= 1e-13 * max(1, high), s
            assert s.image(0.0, upper)[0] <= 0.0


@pytest.mark.parametrize("count", [5, 6, 8])
def test_interval_contains_random_values(count):
    s = schedule("polar-express", steps=count, lower_bound=1e-3)
    rng = random.Random(count)
    for _ in range(100_000 if count == 5 else 20_000):
        assert s.interval[0] <= s(rng.uniform(1e-3, 1.0)) <= s.interval[1]


def test_intervals_of_all_kinds_contain_random_values():
    rng = random.Random(11)
    for s in chains():
        for _ in range(300):
            x = s.lower_bound ** rng.random()
            # Evaluating in floats rounds too: each step by 1e-14, amplified by at most the slopes
            # of the steps behind it (three of 4.1 before the maps flatten).
            assert s.interval[0] - 1e-12 <= s(x) <= s.interval[1] + 1e-12, (s, x)


@pytest.mark.parametrize("kind", PRINTED)
def test_published_tables_have_the_intervals_known_for_them(kind):
    *images, domain_max = PRINTED[kind]
    for lower, printed in zip((1e-3, 1e-4), images, strict=True):
        s = schedule(kind, lower_bound=lower)
        with mpmath.workdps(50):
            exact = exact_image(s, lower)
        for end, mine, expected in zip(exact, s.interval, printed, strict=True):
            assert float(end) == pytest.approx(expected, abs=1e-4)
            assert mine == pytest.approx(float(end), abs=1e-13)
        digits = len(repr(domain_max).partition(".")[2])
        assert s.domain_max == pytest.approx(domain_max, abs=0.51 * 10.0**-digits)
        assert s.coefficients == schedule(kind, lower_bound=1.0).coefficients


@pytest.mark.parametrize(
    ("steps", "lower", "printed"),
    [
        (5, 1e-3, (0.8523, 1.1236)), (5, 1e-4, (0.0985, 1.1236)), (6, 1e-3, (0.9955, 1.0012)),
        (6, 1e-4, (0.1832, 1.0012)), (8, 1e-3, (1.0, 1.0)), (8, 1e-4, (0.5747, 1.0)),
    ],
)  # fmt: skip
def test_polar_express_has_its_known_intervals(steps, lower, printed):
    s = schedule("polar-express", steps=steps, lower_bound=1e-3)
    assert s.image(lower) == pytest.approx(printed, abs=1e-4)
    assert s.domain_max == pytest.approx(1.011, abs=1e-3)


def test_halley_interval_is_the_bound_of_its_recursion():
    s = schedule("halley", steps=4, lower_bound=1e-3)
    assert s.interval == pytest.approx((0.999845601, 1.0), abs=1e-9)
    assert s.coefficients == exact_plan("halley", lower_bound=1e-3, unit_roundoff=2.0**-53)[:4]
    # Halley maps grow linearly outside: no explosion.
    assert s.domain_max > 5.0


@pytest.mark.parametrize("kind", PRINTED)
def test_domain_max_is_where_values_leave_the_range(kind):
    s = schedule(kind, lower_bound=1e-3)
    assert 0.0 <= s(s.domain_max * (1 - 1e-9)) <= 1.31
    assert not 0.0 <= s(s.domain_max * (1 + 1e-4)) <= 1.31
    low, high = s.image(0.0, s.domain_max * (1 - 1e-9))
    assert low == 0.0
    assert high <= 1.31


def test_domain_overrun_explodes_or_flips():
    for kind in ("cans", "polar-express-8", "cubic5"):
        s = schedule(kind, lower_bound=1e-3)
        assert s.domain_max < 1.02
        assert not 0.0 <= s(1.02) <= 1.31
    assert schedule("cubic5", lower_bound=1e-3)(1.02) < 0.0
    assert schedule("cans", lower_bound=1e-3)(1.02) > 1e6
    # Safety is what moves the edge of the domain.
    edges = [
        schedule("polar-express", steps=5, lower_bound=1e-3, safety=t).domain_max
        for t in (1.0, 1.01, 1.05)
    ]
    assert edges == pytest.approx([1.0, 1.011, 1.055], abs=1e-3)
    assert edges[0] - 1.0 < 1e-5


def test_domain_of_the_classic_polynomials():
    # Beyond sqrt(3) the cubic flips signs; beyond its outer fixed point the quintic explodes.
    for degree, edge in ((3, 3**0.5), (5, (7 / 3) ** 0.5)):
        s = schedule("newton-schulz", steps=60, lower_bound=1e-3, degree=degree)
        assert s.domain_max == pytest.approx(edge, rel=1e-12)


def test_domain_of_a_short_schedule_is_measured_against_its_own_interval():
    s = schedule("polar-express", steps=1, lower_bound=1e-3)
    assert s.interval[1] > 1.9
    assert 1.0 <= s.domain_max < 1.001


def test_explosion_gives_an_honest_image():
    assert schedule("polar-express-8", lower_bound=1e-3).image(0.5, 3.0) == (-math.inf, math.inf)
    assert outward(extend((-1, 1), (2.0, -0.5), rational=False), 1)[1] >= 1.5


def test_slope_and_products():
    s = schedule("muon", lower_bound=1e-3)
    assert s.slope == pytest.approx(3.4445**5, rel=1e-14)
    assert s(1e-9) == pytest.approx(s.slope * 1e-9, rel=1e-12)
    counts = {3: (2, 1), 5: (3, 2), 7: (4, 3), 9: (4, 3)}
    for degree, (products, symmetric) in counts.items():
        for kind in ("polar-express", "newton-schulz"):
            s = schedule(kind, steps=3, lower_bound=1e-2, degree=degree)
            assert (s.products, s.symmetric_products) == (3 * products, 3 * symmetric)
            assert s.slope == pytest.approx(math.prod(row[0] for row in s.coefficients))
    s = schedule("halley", steps=3, lower_bound=1e-2)
    assert (s.products, s.symmetric_products) == (6, 3)
    assert schedule("cubic5", lower_bound=0.1).products == 10


def test_safety_contracts_all_steps_but_the_last():
    plain = schedule("polar-express", steps=4, lower_bound=1e-3, safety=1.0).coefficients
    safe = schedule("polar-express", steps=4, lower_bound=1e-3, safety=1.03).coefficients
    for a, b in zip(plain[:-1], safe[:-1], strict=True):
        assert b == pytest.approx([c / 1.03 ** (2 * j + 1) for j, c in enumerate(a)], rel=1e-15)
    assert plain[-1] == safe[-1]
    gram = schedule("polar-express-gram", lower_bound=1e-3).coefficients
    assert gram[-1] == pytest.approx(
        [2.300652019954817 / 1.05, -1.6689039845747493 / 1.05**3, 0.4188073119525673 / 1.05**5],
        rel=3e-15,
    )


@pytest.mark.parametrize(
    ("kind", "options", "tol"),
    [
        ("polar-express", {}, 0.2), ("polar-express", {}, 1e-12),
        ("polar-express", {"degree": 3}, 1e-6), ("polar-express", {"degree": 9}, 1e-3),
        ("newton-schulz", {"degree": 5}, 1e-10), ("newton-schulz", {"degree": 3}, 0.5),
        ("halley", {}, 1e-8), ("halley", {"cap": 100.0}, 1e-3),
        ("cesista-8", {}, 0.01), ("deepseek-v4", {}, 0.01), ("muon", {}, 0.7), ("you", {}, 0.7),
    ],
)  # fmt: skip
def test_tolerance_takes_the_fewest_steps(kind, options, tol):
    s = schedule(kind, tol=tol, lower_bound=1e-3, **options)
    low, high = s.interval
    assert 1.0 - tol <= low <= high <= 1.0 + tol
    count = len(s.coefficients)
    assert s == schedule(kind, steps=count, lower_bound=1e-3, **options)
    for fewer in range(1, count):
        low, high = schedule(kind, steps=fewer, lower_bound=1e-3, **options).interval
        assert low < 1.0 - tol or high > 1.0 + tol


@pytest.mark.parametrize(
    ("kind", "lower", "options", "reachable"),
    [
        ("muon", 0.1, {}, 0.319),
        ("you", 1e-3, {}, 0.526),
        ("polar-express", 1e-3, {"degree": 3}, 3.43e-8),
    ],
)
def test_unreachable_tolerance_names_the_reachable_one(kind, lower, options, reachable):
    with pytest.raises(ValueError, match=rf"tol={reachable!r}, with \d+ of \d+ steps"):
        schedule(kind, tol=1e-14, lower_bound=lower, **options)
    assert schedule(kind, tol=reachable, lower_bound=lower, **options).kind == kind


def test_constant_triple_never_settles():
    for steps in (5, 20, 60):
        low, high = schedule("muon", steps=steps, lower_bound=0.1).interval
        assert low < 0.7
        assert high > 1.13
    assert schedule("muon", steps=20, lower_bound=0.1).interval == pytest.approx(
        (0.682, 1.134), abs=1e-3
    )


def test_length_of_tables():
    for kind in TABLES:
        own = schedule(kind, lower_bound=1e-3)
        count = len(own.coefficients)
        assert count == {"polar-express-8": 8, "cesista-8": 8, "deepseek-v4": 10}.get(kind, 5)
        assert schedule(kind, steps=count, lower_bound=1e-3) is own
        shorter = schedule(kind, steps=3, lower_bound=1e-3)
        assert shorter.coefficients == own.coefficients[:3]
        if kind == "polar-express-gram":  # generated, so it goes on by itself
            assert len(schedule(kind, steps=7, lower_bound=1e-3).coefficients) == 7
        elif PRESETS[kind].repeats:
            longer = schedule(kind, steps=count + 2, lower_bound=1e-3)
            assert longer.coefficients == (*own.coefficients, *(own.coefficients[-1:] * 2))
        else:
            with pytest.raises(ValueError, match=f"at most {count}"):
                schedule(kind, steps=count + 1, lower_bound=1e-3)


def test_same_arguments_same_object_and_plain_floats():
    first = schedule("polar-express", steps=5, lower_bound=1e-3)
    assert first is schedule(
        "polar-express", steps=np.int64(5), lower_bound=np.float64(1e-3), degree=np.int32(5),
        safety=np.float64(1.01), cushion=np.float64(0.02407327424182761), cap=30,
    )  # fmt: skip
    assert schedule("halley", tol=np.float64(1e-3), lower_bound=0.5) is schedule(
        "halley", tol=1e-3, lower_bound=0.5
    )
    half = schedule("halley", steps=np.uint8(2), lower_bound=np.float32(0.3), cap=np.float16(10))
    for s in (first, half):
        numbers = [s.lower_bound, *s.interval, s.slope, s.domain_max, *sum(s.coefficients, ())]
        assert {type(t) for t in numbers} == {float}
        assert {type(t) for t in (s.products, s.symmetric_products)} == {int}
        assert hash(s) == hash(dataclasses.replace(s))
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.slope = 2.0
    assert isinstance(first, Schedule)


def test_gaussian_lower_bound():
    def bound(*shape):
        return schedule("muon", lower_bound="gaussian", shape=shape).lower_bound

    assert bound(64, 64) == pytest.approx(64**-1.5)
    assert bound(100, 25) == pytest.approx((10 - 5) / 50)
    assert bound(25, 100) == bound(100, 25)
    assert 0.0 < bound(1_000_001, 1_000_000) < 1e-8
    assert bound(1, 1) == 1.0
    # It is an expectation: about the mean over many matrices.
    rng = np.random.default_rng(5)
    sigma = np.linalg.svd(rng.standard_normal((200, 80, 20)), compute_uv=False)
    measured = np.mean(sigma[:, -1] / np.linalg.norm(sigma, axis=-1))
    assert measured == pytest.approx(bound(80, 20), rel=0.15)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (("muno",), {}, ValueError, "did you mean 'muon'"),
        ((5,), {}, TypeError, "kind"),
        (("polar-express",), {}, ValueError, "needs steps or tol, got neither"),
        (("halley",), {}, ValueError, "needs steps or tol"),
        (("muon",), {"steps": 3, "tol": 0.5}, ValueError, "got both"),
        (("muon",), {"steps": 0}, ValueError, "steps >= 1"),
        (("muon",), {"steps": 2.0}, TypeError, "integer"),
        (("muon",), {"steps": True}, ValueError, "steps"),
        (("halley",), {"tol": 0.0}, ValueError, "tol"),
        (("halley",), {"tol": math.nan}, ValueError, "tol"),
        (("halley",), {"tol": 1j}, TypeError, "real number"),
        (("muon",), {"lower_bound": 0.0}, ValueError, "lower_bound"),
        (("muon",), {"lower_bound": 1.5}, ValueError, "lower_bound"),
        (("muon",), {"lower_bound": math.nan}, ValueError, "lower_bound"),
        (("muon",), {"lower_bound": None}, TypeError, "real number"),
        (("muon",), {"lower_bound": "gausian"}, ValueError, "did you mean 'gaussian'"),
        (("muon",), {"lower_bound": "gaussian"}, ValueError, r"needs shape=\(m, n\)"),
        (("muon",), {"lower_bound": "gaussian", "shape": (3,)}, ValueError, "shape"),
        (("muon",), {"lower_bound": "gaussian", "shape": (3, 0)}, ValueError, "shape >= 1"),
        (("muon",), {"shape": (3, 3)}, ValueError, "leave shape out"),
        (("polar-express",), {"steps": 2, "degree": 4}, ValueError, "3, 5, 7 or 9"),
        (("polar-express",), {"steps": 2, "safety": 0.99}, ValueError, "safety"),
        (("polar-express",), {"steps": 2, "cushion": 1.0}, ValueError, "cushion"),
        (("halley",), {"steps": 2, "cap": 2.0}, ValueError, "cap"),
        (("halley",), {"steps": 2, "degree": 7}, ValueError, "no meaning for kind 'halley'"),
        (("muon",), {"safety": 1.05}, ValueError, "no meaning for kind 'muon'"),
        (("newton-schulz",), {"steps": 2, "cushion": 0.1}, ValueError, "no meaning"),
        (("polar-express",), {"steps": 2, "cap": 10}, ValueError, "no meaning"),
    ],
)  # fmt: skip
def test_mistakes_are_explained(arguments, options, error, message):
    with pytest.raises(error, match=message) as caught:
        schedule(*arguments, **{"lower_bound": 1e-3, **options})
    assert str(caught.value).startswith("schedule: ")


def test_lower_bound_must_be_given():
    with pytest.raises(TypeError, match="lower_bound"):
        schedule("muon")


def test_image_refuses_what_is_no_interval():
    s = schedule("muon", lower_bound=1e-3)
    for lower, upper in ((-0.1, 1.0), (0.5, 0.4), (0.5, math.inf), (math.nan, 1.0)):
        with pytest.raises(ValueError, match="0 <= lower <= upper"):
            s.image(lower, upper)


def test_no_array_library_is_loaded():
    code = (
        "import sys, orthola\n"
        "orthola.schedule('polar-express', steps=5, lower_bound=1e-3)\n"
        "orthola.schedule('halley', tol=1e-3, lower_bound='gaussian', shape=(9, 3))\n"
        "heavy = {'numpy', 'scipy', 'numba', 'cupy', 'torch', 'jax', 'array_api_compat'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    root = orthola.__path__[0].removesuffix("orthola")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
