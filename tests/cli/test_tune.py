"""``orthola tune``: limits measured here, written, and read again."""

from __future__ import annotations

import json

import numpy as np
import pytest

from orthola._cli.main import main
from orthola._cli.tune import crossovers, duels, rates, search
from orthola._core import tuning, tuning_file
from orthola._core.tuning import BUILT_IN

pytestmark = pytest.mark.usefixtures("own_tuning_file")


def crossing(at, *, keeps_first=False, thorough=False, grid=(2, 4, 8, 16)):
    """A crossover whose second contender wins from `at` on."""
    compared = []

    def ratio(first, second, **_):
        compared.append(first)
        return 2.0 if first >= at else 0.5

    one = crossovers.Crossover(
        "a / b", "cayley", "stack_order", grid, lambda n: (n, n), keeps_first
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "ratio", ratio)
        found = search.crossed(one, clock=None, seconds=0, thorough=thorough)
    return found.value, len(compared)


@pytest.mark.parametrize(("at", "first", "last"), [(0, 2, 0), (4, 4, 2), (9, 16, 8), (99, 32, 16)])
def test_crossovers_are_found_with_few_comparisons(at, first, last):
    for thorough, most in ((False, 3), (True, 4)):
        value, compared = crossing(at, thorough=thorough)
        assert value == first
        assert compared <= most
        assert crossing(at, keeps_first=True, thorough=thorough)[0] == last


def test_every_crossover_names_a_limit_of_the_right_type():
    for one in crossovers.CROSSOVERS:
        value = getattr(getattr(BUILT_IN, one.part), one.field)
        assert type(value) is type(one.grid[-1])
        assert list(one.grid) == sorted(one.grid)
    assert tuple(part.name for part in rates.RATES) == BUILT_IN.lowrank._fields


@pytest.mark.parametrize("one", crossovers.CROSSOVERS, ids=lambda one: f"{one.part}-{one.field}")
def test_both_contenders_give_right_results_in_their_own_ways(one):
    first, second = one.pair(one.grid[0])
    assert all(np.isfinite(x.seconds(lambda: 0.0, 1)) for x in (first, second))


def test_a_wrong_result_is_never_timed():
    with pytest.raises(ArithmeticError, match="wrong"):
        duels.contender(lambda: 1, lambda result: result == 2)


def test_rates_are_those_of_verified_results():
    clock = iter(np.arange(0.0, 100.0, 0.5)).__next__
    for part in rates.RATES:
        rate = rates.measured_rate(part, 32, clock=clock, seconds=0)
        assert rate > 0
    wrong = rates.Part("wrong", (2,), lambda rng, n: iter((1.0, None, False)))
    with pytest.raises(ArithmeticError, match="wrong"):
        rates.measured_rate(wrong, 2, clock=clock, seconds=0)


def test_the_command_writes_what_info_then_shows(capsys, monkeypatch):
    monkeypatch.setattr(rates, "RATES", tuple(p._replace(orders=(32, 64)) for p in rates.RATES))
    arguments = ["tune", "--seconds", "0.01", "--threads", "1", "--only", "lowrank"]
    assert main([*arguments, "--dry-run"]) == 0
    assert "Nothing was written" in capsys.readouterr().out
    path = tuning_file.user_file()
    assert not path.exists()
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert "lowrank.gemm" in text
    assert "Written to" in text
    found = json.loads(path.read_text())
    assert found["limits"]["lowrank"]["svd"][1][0] == 64
    assert found["libraries"]["numpy"] == np.__version__
    assert len(found["measured"]) == 6
    assert tuning.in_force().lowrank != BUILT_IN.lowrank
    assert tuning.in_force().cayley == BUILT_IN.cayley
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tuning"]["source"] == str(path)


@pytest.mark.parametrize("options", [["--seconds", "0"], ["--threads", "0"], ["--only", "magic"]])
def test_wrong_arguments_are_one_line(options, capsys):
    assert main(["tune", *options]) == 2
    assert capsys.readouterr().err.startswith(f"orthola: error: {options[0]}: expected")
