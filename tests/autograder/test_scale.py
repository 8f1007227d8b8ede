"""The plan for a cluster: its simulation against arithmetic, and against grading for real."""

import itertools
import json
import math
import os
import time
from dataclasses import replace
from io import StringIO
from types import SimpleNamespace

import pytest
from autograding import needs_sandbox
from projects import ROOT
from rich.console import Console

from autograder import grading, scale
from autograder.errors import UserError
from autograder.scale import Times
from autograder.suite import Suite
from autograder.worker import THREADS

FREE = Times(
    before=0, after=0, write=0, growth=0, sent=0, received=0, work=(2.0,), warm_up=5, scheduler=0
)
USUAL = Times(
    before=0.005,
    after=0.03,
    write=0.01,
    growth=0,
    sent=50_000,
    received=20_000,
    work=(1.0, 2.0, 4.5),
    warm_up=8,
)


def test_one_worker_takes_the_warm_up_and_the_sum_of_the_work():
    simulation = scale._Simulation(replace(FREE, work=(1.0, 2.0, 3.5)), 40, 1, 1000, 0, scale.AHEAD)
    found = simulation.run()
    assert found.seconds == pytest.approx(5 + sum(simulation.work))
    assert found.utilisation["workers"] == pytest.approx(1)
    assert found.bottleneck == "workers"
    assert found.per_minute == pytest.approx(60 * 40 / found.seconds)


@pytest.mark.parametrize(("submissions", "workers"), [(100, 7), (64, 8), (5, 20)])
def test_equal_work_is_done_in_rounds_where_the_parent_costs_nothing(submissions, workers):
    found = scale.simulate(FREE, submissions, workers)
    assert found.seconds == pytest.approx(5 + 2 * math.ceil(submissions / workers))


def test_where_the_parent_limits_it_takes_the_parents_time():
    times = replace(FREE, before=0.05, after=0.1, warm_up=0)
    found = scale.simulate(times, 2000, 500)
    assert found.seconds == pytest.approx(2000 * 0.15, rel=0.02)
    assert found.bottleneck == "parent"
    assert found.utilisation["parent"] == pytest.approx(1, abs=0.01)


def test_where_the_gradebook_limits_it_takes_the_time_of_all_writes():
    times = replace(FREE, after=0.02, write=0.08, warm_up=0, work=(0.1,))
    found = scale.simulate(times, 2000, 500)
    assert found.seconds == pytest.approx(2000 * 0.1, rel=0.02)
    assert found.bottleneck == "gradebook"
    assert found.utilisation["parent"] == pytest.approx(0.2, abs=0.02)


def test_a_gradebook_that_grows_slows_down():
    times = replace(FREE, growth=0.001, warm_up=0)
    found = scale.simulate(times, 1000, 1000)
    assert found.seconds == pytest.approx(2 + 0.001 * 1000 * 999 / 2)


def test_where_the_scheduler_limits_it_takes_its_time():
    found = scale.simulate(replace(FREE, scheduler=0.05), 2000, 500)
    assert found.seconds == pytest.approx(2000 * 0.05, rel=0.1)
    assert found.bottleneck == "scheduler"


def test_where_the_network_limits_it_takes_the_time_of_all_bytes():
    times = replace(FREE, sent=900_000, received=100_000)
    found = scale.simulate(times, 2000, 500, network_mbit=80)  # 10 MB a second
    assert found.seconds == pytest.approx(2000 / 10, rel=0.05)
    assert found.bottleneck == "network"
    assert scale.simulate(times, 2000, 10, network_mbit=10_000).bottleneck == "workers"


@pytest.mark.parametrize("workers", [1, 3, 40])
def test_every_submission_is_stored_once_and_worked_on_for_its_time(workers):
    simulation = scale._Simulation(USUAL, 300, workers, 1000, 1, scale.AHEAD)
    found = simulation.run()
    assert sorted(number for number, _ in simulation.stored) == list(range(300))
    assert found.submissions == 300
    worked = sum(end - begin for begin, end in simulation.crew.spans)
    assert worked == pytest.approx(sum(simulation.work) + min(workers, 300) * USUAL.warm_up)
    assert all(0 <= share <= 1 for share in found.utilisation.values())
    times = [time for _, time in simulation.stored]
    assert times == sorted(times)
    assert found.seconds >= (sum(simulation.work) / workers)  # no work is done by nobody


def test_no_more_are_at_work_than_there_are_workers():
    simulation = scale._Simulation(USUAL, 200, 6, 1000, 2, scale.AHEAD)
    simulation.run()
    changes = [(begin, 1) for begin, _ in simulation.crew.spans]
    changes += [(end, -1) for _, end in simulation.crew.spans]
    at_work = itertools.accumulate(change for _, change in sorted(changes))
    assert max(at_work) == 6


def test_the_same_seed_gives_the_same_outcome():
    first, again, other = (scale.simulate(USUAL, 200, 9, seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_more_workers_are_never_slower():
    found = scale.plan(USUAL, 2000, (1, 2, 5, 10, 30, 100, 300))
    for few, many in itertools.pairwise(found):
        assert many.seconds <= few.seconds * 1.02 + USUAL.warm_up


def test_one_ahead_has_a_worker_wait_for_the_parent():
    # With one in hand for each worker, nothing waits at the worker while the last one is stored
    times = replace(FREE, before=1.0, warm_up=0)
    one, two = (scale.simulate(times, 50, 1, ahead=ahead) for ahead in (1, 2))
    assert one.seconds == pytest.approx(50 * 3)
    assert two.seconds == pytest.approx(1 + 50 * 2)


def test_few_submissions_have_no_steady_state_and_still_an_outcome():
    found = scale.simulate(USUAL, 1, 10)
    alone = USUAL.warm_up + 4.5 + USUAL.before + USUAL.after + USUAL.write + 1
    assert USUAL.warm_up < found.seconds < alone
    assert found.bottleneck == "workers"


@pytest.mark.parametrize("wrong", [{"submissions": 0}, {"workers": 0}, {"network_mbit": 0}])
def test_nothing_to_simulate_is_refused(wrong):
    with pytest.raises(UserError):
        scale.simulate(USUAL, **{"submissions": 1, "workers": 1} | wrong)
    with pytest.raises(UserError):
        scale.simulate(replace(USUAL, work=()), 1, 1)


def test_a_plan_names_what_limits_first_and_the_mend():
    found = scale.plan(USUAL, 3000, (200, 5, 50))
    assert [one.workers for one in found] == [5, 50, 200]
    first = scale.limit(found)
    assert (first.workers, first.bottleneck) == (200, "gradebook")
    assert "From 200 workers on the bottleneck is: gradebook." in scale.told(found)
    assert "PostgreSQL" in scale.advice(first)
    assert scale.limit(found[:2]) is None
    assert "Up to 50 workers" in scale.told(found[:2])
    assert scale.ADVICE.keys() == found[0].utilisation.keys()


def test_a_plan_is_shown_and_is_data():
    found = scale.plan(USUAL, 300, (2, 300))
    console = Console(file=StringIO(), width=140)
    scale.show(USUAL, found, console)
    shown = console.file.getvalue()
    assert "5.0 ms before" in shown
    assert "Grading 300 submissions" in shown
    assert "gradebook" in shown.splitlines()[-1]
    data = json.loads(json.dumps(scale.as_data(USUAL, found)))
    assert Times(**data["times"] | {"work": tuple(data["times"]["work"])}) == USUAL
    assert [one["workers"] for one in data["outcomes"]] == [2, 300]
    assert data["limit"]["workers"] == 300
    assert scale.as_data(USUAL, found[:1])["limit"] is None


@pytest.fixture(name="race", scope="module")
def make_race(tmp_path_factory):
    """The exercise of the race, with submissions, and what was measured of it."""
    # As in the race: as many computations as cores are fair to each other
    before = dict(os.environ)
    os.environ.update(dict.fromkeys(THREADS, "1"))
    root = tmp_path_factory.mktemp("race").resolve()
    suite = Suite(ROOT / "tests/race/exercise.py", ROOT / "nbgrader_config.py", root)
    students = [f"student_{number:02}" for number in range(12)]
    for student in students:
        suite.submit(student, {})
    times = scale.measure(suite.course, suite.name, students[:4])
    yield SimpleNamespace(suite=suite, students=students, times=times)
    os.environ.clear()
    os.environ.update(before)


@needs_sandbox
@pytest.mark.slow
def test_times_are_measured_and_the_gradebook_is_left_alone(race):
    times = race.times
    assert 0 < times.before < 1
    assert 0 < times.after < 1
    assert 0 <= times.write < 1
    assert 0 <= times.growth < 0.001
    assert len(times.work) == 4
    assert all(0.1 < one < 60 for one in times.work)
    assert times.warm_up > 0.5
    order = json.dumps([cell.source for cell in race.suite.solution.cells])
    assert times.sent > len(order) / 2
    assert times.received > 100
    course = race.suite.course
    assert course.marks(race.suite.name) == {}
    assert not (course.work / "autograded").exists()
    assert not (course.work / "records").exists()


@needs_sandbox
@pytest.mark.slow
def test_times_of_another_gradebook_are_taken_instead(race, monkeypatch):
    monkeypatch.setattr(scale, "FILL", 10)
    course, name = race.suite.course, race.suite.name
    found = scale.measure(course, name, race.students[:1], write=0.5, growth=0.25)
    assert (found.write, found.growth) == (0.5, 0.25)
    with pytest.raises(UserError, match="none of the submissions"):
        scale.measure(course, name, ["nobody"])


class Watched:
    """A grader that notes how long the steps of each submission took."""

    def __init__(self, grader):
        self.grader, self.limits, self.took = grader, grader.limits, []

    def grade(self, steps):
        begun = time.perf_counter()
        found = self.grader.grade(steps)
        self.took.append(time.perf_counter() - begun)
        return found

    def stop(self):
        self.grader.stop()


@needs_sandbox
@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_the_simulation_tells_how_long_grading_takes(race, workers):
    course, name, students = race.suite.course, race.suite.name, race.students
    begun = time.perf_counter()
    with grading.make_worker(course, [name], course.limits, workers=workers) as worker:
        ready = time.perf_counter()
        watched = Watched(worker)
        done = list(grading.grade(course, name, watched, students, workers, again=True))
    real = time.perf_counter() - begun
    assert [one.points for one in done] == [race.suite.max_points] * len(students)

    def simulated(times):
        return scale.simulate(times, len(students), workers, ahead=1).seconds

    # By the times of this very run, which hold what the machine was busy with besides. Those that
    # were measured before are only told: beside other work they were up to 40 % off
    same = replace(race.times, work=tuple(watched.took), warm_up=ready - begun)
    print(f"{workers}: took {real:.1f} s, simulated {simulated(same):.1f} s", end="")
    print(f", by what was measured before {simulated(race.times):.1f} s")
    assert simulated(same) == pytest.approx(real, rel=0.25)
