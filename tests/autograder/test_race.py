"""The race: its ratios, and that what it races is graded right."""

import pytest
from autograding import needs_sandbox
from projects import ROOT

from autograder import race
from autograder.errors import UserError
from autograder.race import Round
from autograder.suite import Suite


def test_ratios_have_their_spread():
    rounds = [
        Round(10, 60, {1: 15, 2: 10}),
        Round(10, 40, {1: 10, 2: 8}),
        Round(10, 60, {1: 12, 2: 6}),
    ]
    found = {name: values for name, *values in race.ratios(rounds)}
    assert found["plain nbgrader / 1 worker"] == [4, 4, 5]
    assert found["1 worker / floor"] == [1.2, 1.0, 1.5]
    assert found["plain nbgrader / 2 workers"] == [6, 5, 10]


@needs_sandbox
@pytest.mark.slow
def test_the_exercise_of_the_race_is_graded_alike_by_all(tmp_path):
    suite = Suite(ROOT / "tests/race/exercise.py", ROOT / "nbgrader_config.py", tmp_path)
    told = []
    found = race.race(suite, 1, (1,), told.append)
    assert told == ["floor", "1 worker", "plain nbgrader"]
    assert 0 < found.floor < found.plain
    bare, full = race.memory(suite)
    assert 0 < bare < full
    suite.submit("student_00", {"task_01_dense": "def dense(*values): return 0"})
    race._time(suite, "autograder", "grade", suite.name)
    with pytest.raises(UserError, match="student_00 has 7 of 10 points"):
        race._check(suite, ["student_00"])
