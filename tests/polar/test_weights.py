"""Halley weights, their cap, and the plans made of them, against 50-digit arithmetic."""

from __future__ import annotations

import itertools
import math

import mpmath
import numpy as np
import pytest

from orthola._polar.schedules import exact_plan
from orthola._polar.weights import halley_cap, halley_steps, halley_value, halley_weights

U64, U32 = 2.0**-53, 2.0**-24
RELATIVE = 2e-15  # stated accuracy of the weights


def exact_weights(lower: float) -> tuple[mpmath.mpf, ...]:
    """Published formulas, in 50 digits from the exact value of the float."""
    with mpmath.workdps(50):
        square = mpmath.mpf(lower) ** 2
        d = mpmath.cbrt(4 * (1 - square) / square**2)
        root = mpmath.sqrt(1 + d)
        a = root + mpmath.sqrt(8 - 4 * d + 8 * (2 - square) / (square * root)) / 2
        b = (a - 1) ** 2 / 4
        return a, b, a + b - 1


def relative(value: float, exact: mpmath.mpf) -> float:
    return abs(float((mpmath.mpf(value) - exact) / exact))


def lower_bounds() -> list[float]:
    rng = np.random.default_rng(7)
    wide = 10.0 ** rng.uniform(-16, 0, 400)
    near_one = 1.0 - 10.0 ** rng.uniform(-16, -1, 400)
    return [float(t) for t in (*wide, *near_one, 1e-16, 1e-8, 0.5, 1.0 - 2.0**-53)]


def test_weights_are_accurate_over_sixteen_decades():
    for lower in lower_bounds():
        found = halley_weights(lower)
        assert max(map(relative, found, exact_weights(lower))) <= RELATIVE, lower


def test_weights_at_one_are_those_of_halley_exactly():
    assert halley_weights(1.0) == (3.0, 1.0, 3.0)
    # A bound rounded up past 1 must not give a complex or NaN root.
    assert halley_weights(1.0 + 2.0**-52) == pytest.approx((3.0, 1.0, 3.0), rel=1e-15)


def test_weights_keep_one_fixed():
    for lower in lower_bounds():
        weights = halley_weights(lower)
        assert weights[2] == weights[0] + weights[1] - 1.0
        assert halley_value(1.0, weights) == pytest.approx(1.0, abs=4 * U64)


def test_optimal_map_equioscillates():
    # Optimal means that the smallest value is taken at the lower bound and once inside.
    for lower in (1e-6, 1e-3, 0.1, 0.5):
        with mpmath.workdps(50):
            a, b, c = exact_weights(lower)
            inner = mpmath.polyroots([b * c, 3 * b - a * c, a])
            values = [halley_value(mpmath.sqrt(y), (a, b, c)) for y in inner]
            at_lower = halley_value(mpmath.mpf(lower), (a, b, c))
            assert abs(max(values) - 1) < mpmath.mpf(10) ** -25
            assert abs(min(values) - at_lower) < mpmath.mpf(10) ** -25


def test_same_text_on_arrays():
    lower = np.array([1e-12, 1e-3, 0.2, 1.0])
    found = halley_weights(lower, sqrt=np.sqrt, cbrt=np.cbrt, positive=lambda t: np.maximum(t, 0.0))
    for i, t in enumerate(lower):
        assert [w[i] for w in found] == pytest.approx(halley_weights(float(t)), rel=RELATIVE)


def test_order_of_convergence_is_three():
    with mpmath.workdps(60):
        errors = [1 - halley_value(1 - mpmath.mpf(10) ** -k, (3, 1, 3)) for k in (4, 5)]
        assert abs(mpmath.log10(errors[0] / errors[1]) - 3) < 1e-3


@pytest.mark.parametrize(
    ("cap", "a", "b", "threshold", "image"),
    [
        (10, "5.6332495807107997", "5.3667504192892003",
         "0.32398417459471504", "0.97947687964312225"),
        (30, "10.135528725660044", "20.864471274339956",
         "0.12725032059851360", "0.89699789329934728"),
        (100, "19.099751242241781", "81.900248757758219",
         "0.048291561120618371", "0.75541251732233333"),
        (1000, "62.277168078225498", "938.72283192177450",
         "0.0081450871846962893", "0.47616993850363149"),
    ],
)  # fmt: skip
def test_cap_table(cap, a, b, threshold, image):
    found = halley_cap(cap)
    for value, printed in zip(found, (a, b, cap, threshold, image), strict=True):
        assert relative(value, mpmath.mpf(printed)) <= 5e-16
    # The closed form agrees with the general one at its threshold.
    assert max(map(relative, found[:3], exact_weights(found.threshold))) <= 1e-14
    assert halley_value(found.threshold, found[:3]) == pytest.approx(found.image, rel=1e-14)


def test_cap_is_reached_exactly_below_the_threshold():
    found = halley_cap(30.0)
    assert halley_weights(found.threshold * (1 - 1e-9))[2] > 30.0
    assert halley_weights(found.threshold * (1 + 1e-9))[2] < 30.0


def test_cap_at_its_ends():
    assert halley_cap(3.0) == (3.0, 1.0, 3.0, 1.0, 1.0)
    unlimited = halley_cap(math.inf)
    assert all(math.isfinite(w) for w in halley_weights(unlimited.threshold))
    for cap in (2.999, -1.0, math.nan):
        with pytest.raises(ValueError, match="cap >= 3"):
            halley_cap(cap)


@pytest.mark.parametrize(
    ("cap", "after", "first", "later"),
    [
        (30.0, ("0.0101352", "0.102432", "0.806702", "0.999845601"),
         (10.1355, 20.8645, 30.0),
         {3: (3.3495155807709875, 1.3800558660714077, 3.729571446842395)}),
        (100.0, ("0.0190979", "0.35248004", "0.98354066", "0.99999992857567"),
         (19.0998, 81.9002, 100.0),
         {2: (5.353887245209291, 4.739083535999038, 9.09297078120833),
          3: (3.02504998842115, 1.0252068639011247, 3.0502568523222746)}),
    ],
)  # fmt: skip
def test_sample_plans_from_a_thousandth(cap, after, first, later):
    steps = list(itertools.islice(halley_steps(1e-3, cap=cap), 5))
    for printed, (_, lower) in zip(after, steps, strict=False):
        assert lower == pytest.approx(float(printed), abs=0.51 * 10.0 ** (2 - len(printed)))
    assert steps[0][0] == pytest.approx(first, abs=5.1e-5)
    for k, row in later.items():
        assert steps[k][0] == pytest.approx(row, rel=1e-14)
    plan = exact_plan("halley", lower_bound=1e-3, unit_roundoff=U64, cap=cap)
    assert plan == tuple(row for row, _ in steps)


def test_last_step_of_the_sample_plan():
    row, lower = list(itertools.islice(halley_steps(1e-3, cap=30.0), 5))[-1]
    assert row == pytest.approx((3.0002316295, 1.0002316429, 3.0004632724), abs=1e-10)
    assert 1.0 - lower == pytest.approx(5.8e-14, rel=0.01)


FIRST_COLUMNS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-6)
STEPS_F64 = {
    10.0: (3, 5, 6, 7, 10, 13, 18, 22, 24),
    30.0: (3, 4, 5, 6, 8, 10, 14, 17, 19),
    100.0: (3, 4, 5, 5, 7, 9, 12, 14, 15),
    math.inf: (3, 3, 4, 4, 4, 5, 5, 5, 5),
}
STEPS_F32 = {
    10.0: (3, 4, 6, 7, 10, 12),
    30.0: (3, 4, 5, 6, 8, 9),
    100.0: (2, 3, 4, 5, 6, 8),
    math.inf: (2, 3, 3, 3, 4, 4),
}


@pytest.mark.parametrize("cap", STEPS_F64)
def test_step_counts(cap):
    kind = "qr-halley" if math.isinf(cap) else "halley"
    for u, columns, expected in (
        (U64, (*FIRST_COLUMNS, 1e-8, 1e-12, 1e-15, U64 / 4), STEPS_F64[cap]),
        (U32, (*FIRST_COLUMNS, U32 / 4), STEPS_F32[cap]),
    ):
        counts = tuple(
            len(exact_plan(kind, lower_bound=t, unit_roundoff=u, cap=cap)) for t in columns
        )
        assert counts == expected


def test_plans_end_when_the_bound_is_near_enough_and_not_later():
    for kind in ("halley", "qr-halley", "newton-schulz"):
        assert exact_plan(kind, lower_bound=1.0, unit_roundoff=U64) == ()
        for u in (U64, U32):
            plan = exact_plan(kind, lower_bound=1e-5, unit_roundoff=u)
            x = 1e-5
            reached = []
            for row in plan:
                if kind == "newton-schulz":
                    a, b, c = row
                    x = x * (a + x * x * (b + x * x * c))
                else:
                    x = halley_value(x, row)
                reached.append(1.0 - x)
            assert reached[-1] <= math.sqrt(u) / 4 < reached[-2]


def test_plan_without_cap_has_no_capped_step():
    plan = exact_plan("qr-halley", lower_bound=1e-15, unit_roundoff=U64, cap=30.0)
    assert plan[0][2] > 1e15
    assert plan is exact_plan("qr-halley", lower_bound=1e-15, unit_roundoff=U64, cap=30.0)


def test_plan_of_polynomials_costs_at_most_two_steps_for_its_cushion():
    for lower in (1e-1, 1e-3, 1e-8, 1e-16):
        counts = [
            len(exact_plan("newton-schulz", lower_bound=lower, unit_roundoff=U64, cushion=cushion))
            for cushion in (0.0, 0.1)
        ]
        assert 0 <= counts[1] - counts[0] <= 2


def test_plan_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="did you mean 'halley'"):
        exact_plan("haley", lower_bound=0.1, unit_roundoff=U64)
    with pytest.raises(ValueError, match="lower_bound"):
        exact_plan("halley", lower_bound=0.0, unit_roundoff=U64)
