"""The minimax recursion against an independent Remez exchange in high precision."""

from __future__ import annotations

import itertools

import mpmath
import pytest

from orthola._polar.minimax import CLASSIC, minimax_odd, minimax_steps
from orthola._polar.presets import PRESETS
from orthola._polar.roots import horner, sign_changes
from orthola._polar.schedules import schedule

CUSHION = 0.02407327424182761
DEGREES = (3, 5, 7, 9)
RELATIVE = 3e-15
PRODUCTS = {3: 2, 5: 3, 7: 4, 9: 4}

# Printed table of arXiv:2505.16932: lower bound 1e-3, no safety, with 1 - l after each step.
BASE = [
    ((8.28721201814563, -23.595886519098837, 17.300387312530933), 0.991713),
    ((4.107059111542203, -2.9478499167379106, 0.5448431082926601), 0.965966),
    ((3.9486908534822946, -2.908902115962949, 0.5518191394370137), 0.865724),
    ((3.3184196573706015, -2.488488024314874, 0.51004894012372), 0.560417),
    ((2.300652019954817, -1.6689039845747493, 0.4188073119525673), 0.123559),
    ((1.891301407787398, -1.2679958271945868, 0.37680408948524835), 1.1849e-3),
    ((1.8750014808534479, -1.2500016453999487, 0.3750001645474248), 1.0398e-9),
    ((1.875, -1.25, 0.375), 0.0),
]
# Row 7 in high precision; the printed one was computed from rounded data and is 2.5e-11 off.
TRUE_SEVENTH = (1.8750014808442193169, -1.2500016453814815012, 0.37500016453818626858)


def steps(lower, count, *, degree=5, cushion=CUSHION):
    return list(itertools.islice(minimax_steps(lower, degree=degree, cushion=cushion), count))


def value(coefficients, x):
    return x * horner(coefficients, x * x)


def exact_minimax(low, high, degree):
    """Best odd polynomial for 1 on [low, high], from linear systems in high precision."""
    q = degree // 2
    points = [
        (low + high) / 2 - (high - low) / 2 * mpmath.cos(mpmath.pi * i / (q + 1))
        for i in range(q + 2)
    ]
    before = mpmath.mpf(0)
    for _ in range(60):
        system = mpmath.matrix(q + 2, q + 2)
        for i, x in enumerate(points):
            for j in range(q + 1):
                system[i, j] = x ** (2 * j + 1)
            system[i, q + 1] = (-1) ** i
        solution = mpmath.lu_solve(system, mpmath.ones(q + 2, 1))
        c, error = list(solution)[:-1], solution[q + 1]
        slope = [(2 * j + 1) * c[j] for j in range(q, -1, -1)]
        roots = mpmath.polyroots(slope, maxsteps=500, extraprec=200)
        points = [low, *(mpmath.sqrt(y) for y in sorted(mpmath.re(z) for z in roots)), high]
        if abs(error - before) < mpmath.mpf(10) ** -70:
            return c, error
        before = error
    raise AssertionError("the reference exchange did not converge")


def exact_steps(lower, degree, cushion):
    """The cushioned, centred chain until it has converged to double precision."""
    low, high = mpmath.mpf(lower), mpmath.mpf(1)
    while 1 - low > 1e-9:
        c, error = exact_minimax(max(low, mpmath.mpf(cushion) * high), high, degree)
        factor = 2 / (sum(k * low ** (2 * j + 1) for j, k in enumerate(c)) + 1 + error)
        c = [factor * k for k in c]
        width = 1 - low
        low = sum(k * low ** (2 * j + 1) for j, k in enumerate(c))
        high = 2 - low
        yield c, low, width, error


def test_base_table():
    found = steps(1e-3, 8)
    for k, (step, (row, after)) in enumerate(zip(found, BASE, strict=True), start=1):
        assert step.coefficients == pytest.approx(row, rel=3e-11 if k == 7 else RELATIVE)
        assert 1.0 - step.lower == pytest.approx(after, rel=1e-4, abs=1e-6 if k < 6 else 1e-15)
    assert found[6].coefficients == pytest.approx(TRUE_SEVENTH, rel=RELATIVE)
    assert found[7].coefficients == (1.875, -1.25, 0.375)


@pytest.mark.parametrize(
    ("degree", "rows"),
    [
        (3, [(5.120121565283071, -4.99693318692969), (2.5563788301893524, -0.6269241226737648)]),
        (7, [(11.407064327164766, -63.61705982618988, 115.81289037388628, -63.32917607288852)]),
        (9, [(14.462806753267325, -131.88642170553132, 429.5154012617144, -546.3404278742046,
              236.23417888988698),
             (6.967629551993032, -16.116711925667165, 13.313706782543298, -4.295636008074054,
              0.47114084566545267)]),
    ],
)  # fmt: skip
def test_other_degrees(degree, rows):
    for step, row in zip(steps(1e-3, len(rows), degree=degree), rows, strict=True):
        assert step.coefficients == pytest.approx(row, rel=1e-12)


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize(("lower", "cushion"), [(1e-3, CUSHION), (0.3, 0.0), (1e-6, 0.1)])
def test_whole_chain_against_high_precision(degree, lower, cushion):
    with mpmath.workdps(90):
        for step, (c, low, width, error) in zip(
            minimax_steps(lower, degree=degree, cushion=cushion),
            exact_steps(lower, degree, cushion),
            strict=False,
        ):
            assert abs(step.lower - low) <= 2e-15
            # Once the error is rounding the classic polynomial serves, which is width^2 away.
            allowed = RELATIVE + (2 * width**2 if error < 2.0**-52 else 0)
            assert max(abs(a / b - 1) for a, b in zip(step.coefficients, c, strict=True)) <= allowed


@pytest.mark.parametrize("degree", DEGREES)
def test_coefficients_keep_their_accuracy_on_narrow_intervals(degree):
    # A linear system would lose (1 - lower)^-q here.
    for lower in (0.9, 0.99) if degree == 9 else (0.9, 0.99, 0.999):
        found, error = minimax_odd(lower, degree)
        with mpmath.workdps(120):
            exact, exact_error = exact_minimax(mpmath.mpf(lower), mpmath.mpf(1), degree)
            assert max(abs(a / b - 1) for a, b in zip(found, exact, strict=True)) <= RELATIVE
            assert abs(error / abs(exact_error) - 1) <= 1e-11


def test_degree_three_has_its_closed_form():
    for low in (1e-12, 1e-3, 0.4, 0.97):
        a = (3.0 / (1.0 + low + low * low)) ** 0.5
        b = 4.0 / (2.0 + low * (low + 1.0) * a**3)
        found, _ = minimax_odd(low, 3)
        assert found == pytest.approx((1.5 * a * b, -0.5 * b * a**3), rel=RELATIVE)


@pytest.mark.parametrize("degree", DEGREES)
def test_error_alternates_at_as_many_points_as_it_must(degree):
    low = 0.05
    coefficients, error = minimax_odd(low, degree)
    slope = [(2 * j + 1) * c for j, c in enumerate(coefficients)]
    points = [low, *(y**0.5 for y in sign_changes(slope, low * low, 1.0)), 1.0]
    assert len(points) == degree // 2 + 2
    deviations = [value(coefficients, x) - 1.0 for x in points]
    assert deviations == pytest.approx([-error * (-1) ** i for i in range(len(points))], abs=1e-13)


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("cushion", [0.0, CUSHION, 0.1])
def test_every_step_maps_its_interval_onto_one_centred_about_one(degree, cushion):
    # With 2/(p(l) + p(h)) for the centring, degrees 3 and 7 would leave it and diverge.
    low, high = 1e-4, 1.0
    for step in steps(low, 14, degree=degree, cushion=cushion):
        c = step.coefficients
        slope = [(2 * j + 1) * k for j, k in enumerate(c)]
        inside = [y**0.5 for y in sign_changes(slope, low * low, high * high)]
        values = [value(c, x) for x in (low, *inside, high)]
        size = sum(abs(k) * high ** (2 * j + 1) for j, k in enumerate(c)) * 2.0**-52
        assert min(values) == pytest.approx(step.lower, abs=4 * size)
        assert max(values) <= 2.0 - step.lower + 4 * size
        assert step.lower >= low
        low, high = step.lower, 2.0 - step.lower
    assert low == pytest.approx(1.0, abs=1e-9)


def test_products_needed():
    expected = {
        1e-1: {3: (8, 12, 14), 5: (9, 12, 15), 7: (12, 12, 16), 9: (8, 12, 12)},
        1e-3: {3: (18, 22, 24), 5: (18, 21, 24), 7: (20, 24, 28), 9: (20, 20, 24)},
        1e-6: {3: (34, 36, 38), 5: (33, 36, 39), 7: (36, 40, 40), 9: (32, 36, 36)},
        1e-8: {3: (42, 46, 48), 5: (42, 45, 48), 7: (48, 48, 52), 9: (40, 44, 44)},
        1e-16: {3: (82, 84, 86), 5: (81, 84, 87), 7: (88, 92, 92), 9: (76, 80, 84)},
    }
    for lower, by_degree in expected.items():
        for degree, counts in by_degree.items():
            gaps = [1.0 - s.lower for s in steps(lower, 50, degree=degree, cushion=0.0)]
            taken = [
                next(k for k, g in enumerate(gaps, 1) if g <= t) for t in (4e-3, 6e-8, 1.2e-16)
            ]
            assert tuple(PRODUCTS[degree] * k for k in taken) == counts


@pytest.mark.parametrize(
    ("degree", "count", "worst"),
    [(3, 7, 0.276), (5, 5, 0.1236), (5, 6, 1.2e-3), (7, 4, 0.151), (9, 4, 0.0129)],
)
def test_worst_deviation_after_a_few_steps(degree, count, worst):
    assert 1.0 - steps(1e-3, count, degree=degree)[-1].lower == pytest.approx(worst, rel=0.02)


@pytest.mark.parametrize("degree", DEGREES)
def test_order_of_convergence_of_the_classic_polynomials(degree):
    with mpmath.workdps(80):
        # In 1 - x^2, whose image is 1 - p(x)^2.
        defects = []
        for k in (4, 5):
            x = mpmath.sqrt(1 - mpmath.mpf(10) ** -k)
            p = sum(c * x ** (2 * j + 1) for j, c in enumerate(CLASSIC[degree]))
            defects.append(1 - p * p)
        assert abs(mpmath.log10(defects[0] / defects[1]) - (degree // 2 + 1)) < 1e-3


@pytest.mark.parametrize("degree", DEGREES)
def test_order_of_convergence_of_the_minimax_chain(degree):
    # The error of the best polynomial falls like half-width^(q+1).
    errors = [minimax_odd(1.0 - w, degree)[1] for w in (0.02, 0.01)]
    assert errors[0] / errors[1] == pytest.approx(2.0 ** (degree // 2 + 1), rel=0.06)


@pytest.mark.parametrize("degree", DEGREES)
def test_chain_ends_in_the_classic_polynomial(degree):
    last = steps(1e-3, 40, degree=degree)[-1]
    assert last.coefficients == CLASSIC[degree]
    assert last.lower == 1.0
    assert steps(1.0, 1, degree=degree)[0] == (CLASSIC[degree], 1.0)


def test_nanogpt_table_is_regenerated():
    # Cushion 0.02, safety 1.02 in all steps but the last, contracted polynomials drive the bound.
    low, high = 1e-3, 1.0
    rows = PRESETS["polar-express-nanogpt"].rows
    for k, row in enumerate(rows, start=1):
        unit, error = minimax_odd(max(low / high, 0.02), 5)
        raw = [c / high ** (2 * j + 1) for j, c in enumerate(unit)]
        factor = 2.0 / (value(raw, low) + 1.0 + error)
        safety = 1.02 if k < len(rows) else 1.0
        found = [factor * c / safety ** (2 * j + 1) for j, c in enumerate(raw)]
        assert found == pytest.approx(row, rel=1e-14)
        low = value(found, low)
        high = 2.0 - low


def test_rounded_table_is_regenerated():
    # Printed with four decimals, some cut instead of rounded.
    generated = schedule("polar-express", steps=8, lower_bound=1e-3).coefficients
    for row, printed in zip(generated, PRESETS["polar-express-8"].rows, strict=True):
        assert row == pytest.approx(printed, abs=1e-4)


def test_sign_changes_finds_roots_and_leaves_out_double_ones():
    assert sign_changes([-6.0, 11.0, -6.0, 1.0], 0.0, 10.0) == pytest.approx([1.0, 2.0, 3.0])
    assert sign_changes([24.0, -50.0, 35.0, -10.0, 1.0], 1.5, 3.5) == pytest.approx([2.0, 3.0])
    assert sign_changes([1.0, -2.0, 1.0], 0.0, 5.0) == []
    assert sign_changes([4.0], 0.0, 5.0) == []
    assert sign_changes([-1.0, 2.0, 0.0], 0.0, 5.0) == [0.5]
