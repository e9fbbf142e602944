"""Measured limits: the file, what is wrong with files, and where limits are looked up."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest

import orthola
from orthola._core import tuning, tuning_file
from orthola._core.tuning import BUILT_IN, Tuning, in_force, using

pytestmark = pytest.mark.usefixtures("own_tuning_file")


def values(one: Tuning) -> dict:
    return {part.name: getattr(one, part.name) for part in fields(Tuning)}


def changed() -> Tuning:
    with using(BUILT_IN, polar_double={"square_order": 17}, cayley={"stack_order": 5}) as found:
        return found


def test_a_file_comes_back_as_it_was(tmp_path):
    path = tmp_path / "deep" / "tuning.json"
    tuning_file.write(path, changed(), {"date": "2026-01-01"})
    found = tuning_file.read(tuning_file.Chosen(path, "test", True))
    assert values(found.tuning) == values(changed())
    assert found.source == str(path)
    assert found.notes["date"] == "2026-01-01"


def test_the_users_file_is_read_at_the_first_plan_and_after_it_was_written():
    assert in_force() is BUILT_IN
    tuning_file.write(tuning_file.user_file(), changed(), {})
    assert in_force().polar_double.square_order == 17
    assert orthola.explain(orthola.polar, np.eye(20))["method"] == "halley"
    with orthola.options(tuning="built-in"):
        assert orthola.explain(orthola.polar, np.eye(20))["method"] == "svd"
    assert orthola.explain(orthola.polar, np.eye(20))["method"] == "halley"


def test_options_win_over_the_environment_and_that_over_the_users_file(monkeypatch, tmp_path):
    tuning_file.write(tuning_file.user_file(), changed(), {})
    monkeypatch.setenv(tuning_file.VARIABLE, "built-in")
    assert tuning_file.chosen_file().path is None
    monkeypatch.setenv(tuning_file.VARIABLE, str(tmp_path / "b.json"))
    assert tuning_file.chosen_file() == (tmp_path / "b.json", tuning_file.VARIABLE, True)
    assert tuning_file.chosen_file("c.json").path.name == "c.json"
    with pytest.raises(TypeError, match="tuning to be a path"), orthola.options(tuning=3):
        pytest.fail("the block ran")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("{", "no JSON"),
        ("[1]", "not written by"),
        ({"format": "something else"}, "not written by"),
        ({"version": 99}, "version 99"),
        ({"processor": "another one"}, "measured on another one"),
        ({"limits": 3}, "no limits"),
        ({"limits": {"magic": {}}}, "unknown here: magic"),
        ({"limits": {"cayley": {"magic": 1}}}, "cayley is not"),
        ({"limits": {"cayley": {"stack_order": -1}}}, "cayley.stack_order cannot be -1"),
        ({"limits": {"cayley": {"stack_order": 1.5}}}, "cannot be 1.5"),
        ({"limits": {"cayley": {"stack_order": True}}}, "cannot be True"),
        ({"limits": {"polar_double": {"tall_aspect": "2"}}}, "cannot be '2'"),
        ({"limits": {"lowrank": {"svd": [[64, 1e9], [32, 1e9]]}}}, "lowrank.svd cannot be"),
        ({"limits": {"lowrank": {"svd": []}}}, "lowrank.svd cannot be"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_about_and_built_in_values_hold(tmp_path, change, words):
    path = tmp_path / "tuning.json"
    tuning_file.write(path, changed(), {})
    if isinstance(change, str):
        path.write_text(change)
    else:
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.warns(UserWarning, match="built-in crossovers") as caught:
        found = tuning_file.read(tuning_file.Chosen(path, "test", True))
    assert found.tuning is BUILT_IN
    assert words in str(caught[0].message)
    assert str(path) in str(caught[0].message)


def test_a_named_file_that_is_not_there_is_told_about_once(tmp_path):
    with orthola.options(tuning=tmp_path / "none.json"):
        with pytest.warns(UserWarning, match="no such file"):
            assert in_force() is BUILT_IN
        assert in_force() is BUILT_IN


def test_importing_orthola_reads_no_file(tmp_path):
    folder = tmp_path / "config" / "orthola"
    folder.mkdir(parents=True)
    (folder / "tuning.json").write_text("{")
    code = "import orthola, numpy; orthola.polar; {}"
    for rest, warned in (("0", False), ("orthola.polar(numpy.eye(3))", True)):
        run = subprocess.run(
            [sys.executable, "-c", code.format(rest)], capture_output=True, text=True, check=True
        )
        assert ("built-in crossovers" in run.stderr) is warned


def test_plans_are_kept_for_each_tuning():
    calls = []

    @tuning.planned(8)
    def plan(x):
        calls.append(x)
        return in_force()

    with using(BUILT_IN) as one:
        assert plan(1) is plan(1) is one
    with using(BUILT_IN) as two:
        assert plan(1) is two
    assert calls == [1, 1]


def test_rates_between_orders_lie_on_a_log_log_line():
    rates = BUILT_IN.lowrank._replace(svd=((10, 1e8), (1000, 1e10)))
    assert rates.at("svd", 3) == 1e8
    assert rates.at("svd", 5000) == 1e10
    assert np.isclose(rates.at("svd", 100), 1e9)
