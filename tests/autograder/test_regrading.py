"""Grading again: what has not changed is left, what is missing is graded, nothing is lost."""

import shutil

import nbformat
import pytest
from autograding import needs_sandbox

from autograder import collect, grading, marks, records, status
from autograder.errors import UserError
from autograder.lock import alone
from autograder.nbgrader_course import CONFIG, Course
from autograder.sandbox import Limits

RIGHT = "def double(x):\n    return 2 * x"
WRONG = "def double(x):\n    return 5"


@pytest.fixture
def course(released_tiny, tmp_path):
    """The tiny course with two submissions, graded."""
    made = Course(shutil.copytree(released_tiny.root, tmp_path / "course"))
    submit(made, "right", RIGHT)
    submit(made, "wrong", WRONG)
    assert grade(made) == {"right": (7, False), "wrong": (0, False)}
    return made


def submit(course, student, answer):
    notebook = nbformat.read(course.exercises / "tiny" / "tiny.ipynb", 4)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "task_01_double":
            cell.source = answer
    course.submit(student, "tiny", {"tiny": notebook})


def grade(course, again=False, workers=1):
    """Return for each student the points, and whether they were left as they were."""
    students = grading.find_students(course, "tiny")
    with grading.make_worker(course, ["tiny"], Limits(), workers=workers) as worker:
        found = list(grading.grade(course, "tiny", worker, students, workers, again=again))
    assert not any(one.failed for one in found), found
    return {one.student: (one.points, one.unchanged) for one in found}


@needs_sandbox
def test_only_what_has_changed_is_graded_again(course):
    submit(course, "wrong", RIGHT)
    submit(course, "new", WRONG)
    assert grade(course) == {"right": (7, True), "wrong": (7, False), "new": (0, False)}
    assert grade(course) == {"right": (7, True), "wrong": (7, True), "new": (0, True)}
    assert grade(course, again=True)["right"] == (7, False)


@needs_sandbox
def test_another_number_of_workers_is_no_change(course):
    assert grade(course, workers=2) == {"right": (7, True), "wrong": (0, True)}


@needs_sandbox
def test_outputs_and_cells_of_the_teacher_are_no_change(course):
    path = course.work / "submitted" / "right" / "tiny" / "tiny.ipynb"
    notebook = nbformat.read(path, 4)
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="run again")]
    nbformat.write(notebook, path)
    assert grade(course)["right"] == (7, True)


@needs_sandbox
def test_tests_that_have_changed_are_a_change(course):
    path = course.solutions / "tiny" / "tiny.ipynb"
    path.write_text(path.read_text().replace("assert double(3) == 6", "assert double(4) == 8"))
    assert grade(course) == {"right": (7, False), "wrong": (0, False)}


@needs_sandbox
def test_other_limits_and_another_grader_are_a_change(course, monkeypatch):
    with grading.make_worker(course, ["tiny"], Limits(test_seconds=7)) as worker:
        (other,) = grading.grade(course, "tiny", worker, ["right"])
    assert not other.unchanged
    assert grade(course)["wrong"] == (0, True)
    monkeypatch.setattr(grading, "grader_digest", lambda: "another")
    assert grade(course) == {"right": (7, False), "wrong": (0, False)}


@needs_sandbox
@pytest.mark.parametrize("lost", ["gradebook", "autograded", "record", "part of a record"])
def test_what_is_lost_is_made_again(course, lost):
    if lost == "gradebook":
        (course.work / "gradebook.db").unlink()
    elif lost == "autograded":
        shutil.rmtree(course.work / "autograded" / "right")
    elif lost == "record":
        (course.work / "records" / "tiny" / "right.json").unlink()
    else:
        (course.work / "records" / "tiny" / "right.json").write_text('{"student": "right"')
    assert grade(course)["right"] == (7, False)
    assert course.marks("tiny")["right"]["test_01_double"].points == 7
    assert course.autograded("right", "tiny")


@needs_sandbox
def test_marks_that_plain_nbgrader_has_given_are_replaced(course):
    course.run("autograde", "tiny", "--force")
    assert grade(course) == {"right": (7, False), "wrong": (0, False)}


@needs_sandbox
def test_what_a_human_has_given_stays(course):
    with course.gradebook() as gradebook:
        grade_of = gradebook.find_grade("task_02_why", "tiny", "tiny", "wrong")
        grade_of.manual_score = 2
        override = gradebook.find_grade("test_01_double", "tiny", "tiny", "wrong")
        override.manual_score = 3.5
        gradebook.db.commit()
    assert grade(course)["wrong"] == (5.5, True)
    assert grade(course, again=True)["wrong"] == (5.5, False)
    found = marks.read(course, "tiny")["wrong"].tasks
    assert (found["task_01_double"].points, found["task_01_double"].by_human) == (3.5, True)


@needs_sandbox
def test_a_record_tells_how_the_tests_went(course):
    one = records.read(course, "tiny", "wrong")
    assert one.tests["test_01_double"].message == "double(2) should be 4"
    assert one.answers["task_01_double"] == WRONG
    assert 0 < one.seconds < 60
    assert 20 < one.memory_mib < 4096
    assert records.read_all(course, "tiny").keys() == {"right", "wrong"}


@needs_sandbox
def test_rules_for_late_and_dropped_tasks(course):
    with course.gradebook() as gradebook:
        gradebook.update_or_create_assignment("tiny", duedate="2026-01-01T12:00:00")
    for student, hour in (("right", "13"), ("wrong", "11")):
        folder = course.work / "submitted" / student / "tiny"
        (folder / "timestamp.txt").write_text(f"2026-01-01 {hour}:00:00 UTC")
    rules(course, 'c.Rules.late = "fixed"\nc.Rules.late_percent = 50')
    # A time that has changed is graded, as a new attempt would be
    course = Course(course.root)
    assert {student: points for student, (points, _) in grade(course).items()} == {
        "right": 3.5,
        "wrong": 0,
    }
    assert marks.read(course, "tiny")["right"].penalty == 3.5
    rules(course, "c.Rules.grace_hours = 2")
    course = Course(course.root)
    assert grade(course)["right"][0] == 7
    rules(course, 'c.Rules.dropped = {"tiny": ["task_02_why"]}')
    course = Course(course.root)
    one = marks.read(course, "tiny")["right"]
    assert (one.points, one.max_points, one.needs_human) == (7, 7, False)


def rules(course, lines):
    with (course.root / CONFIG).open("a") as file:
        file.write(f"\n{lines}\n")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('c.Rules.late = "sometimes"', "c.Rules.late is 'sometimes': use 'none' or"),
        ("c.Rules.late_percent = -1", "c.Rules.late_percent is -1: set it to a number"),
        ("c.Rules.tardy = 1", "c.Rules.tardy: no such rule: use dropped, attempts"),
        ('c.Rules.attempts = "first"', "use 'last' or 'best'"),
        ("c.Rules.dropped = ['x']", "set it to a dictionary"),
        ('c.Rules.dropped = {"tiny": ["x"]}', "tiny has no task 'x': use task_01_double"),
    ],
)
def test_wrong_rules_are_told(released_tiny, tmp_path, line, told):
    course = Course(shutil.copytree(released_tiny.root, tmp_path / "course"))
    rules(course, line)
    with pytest.raises(UserError, match=r"nbgrader_config\.py: ") as raised:
        marks.read(course, "tiny")
    assert told in str(raised.value)


@needs_sandbox
def test_a_gradebook_that_was_put_back_keeps_no_old_marks(course):
    before = course.work / "gradebook.db"
    shutil.copy(before, course.work / "backup.db")
    submit(course, "right", WRONG)
    assert grade(course)["right"] == (0, False)
    shutil.copy(course.work / "backup.db", before)
    assert course.marks("tiny")["right"]["test_01_double"].points == 7
    assert grade(course)["right"] == (0, False)
    assert course.marks("tiny")["right"]["test_01_double"].points == 0


@needs_sandbox
def test_one_submission_that_cannot_be_stored_stops_no_other(course):
    blocked = course.work / "autograded" / "another"
    blocked.write_text("a file where a folder should be")
    submit(course, "another", RIGHT)
    submit(course, "zeta", RIGHT)
    students = grading.find_students(course, "tiny")
    with grading.make_worker(course, ["tiny"], Limits()) as worker:
        found = {one.student: one for one in grading.grade(course, "tiny", worker, students)}
    assert [name for name, one in found.items() if one.failed] == ["another"]
    assert found["zeta"].points == 7
    blocked.unlink()
    assert grade(course)["another"] == (7, False)


@needs_sandbox
def test_a_time_that_was_taken_away_is_no_time(course):
    stamp = course.work / "submitted" / "right" / "tiny" / "timestamp.txt"
    stamp.write_text("2026-01-01 12:00:00 UTC")
    grade(course)
    assert marks.read(course, "tiny")["right"].handed_in
    stamp.unlink()
    grade(course)
    assert marks.read(course, "tiny")["right"].handed_in is None


def attempts(course, *answers, times=()):
    """Collect several attempts of one student, in their order."""
    inbound = course.root / "exchange" / course.course_id / "inbound"
    for number, answer in enumerate(answers):
        submit(course, "draft", answer)
        time = times[number] if times else f"2026-01-01 1{number}:00:00"
        place = inbound / f"kim+tiny+{time}.000000 UTC+{number}"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(course.work / "submitted" / "draft" / "tiny", place)
        shutil.rmtree(course.work / "submitted" / "draft")
    collect.collect(course, "tiny", [course.root / "exchange"], "exchange")


@needs_sandbox
def test_the_best_attempt_or_the_last_counts(course):
    attempts(course, WRONG, RIGHT, WRONG)
    assert grade(course)["kim"] == (0, False)
    rules(course, 'c.Rules.attempts = "best"')
    best = Course(course.root)
    assert grade(best)["kim"] == (7, False)
    assert grade(best)["kim"] == (7, True)
    assert status.status(best, "tiny")[0].state == status.State.GRADED
    rules(course, 'c.Rules.attempts = "last"')
    assert grade(Course(course.root))["kim"] == (0, False)


@needs_sandbox
def test_the_best_attempt_is_not_one_that_loses_points_for_being_late(course):
    attempts(course, RIGHT, RIGHT)
    rules(course, 'c.Rules.attempts = "best"\nc.Rules.late = "fixed"')
    with course.gradebook() as gradebook:
        gradebook.update_or_create_assignment("tiny", duedate="2026-01-01T10:30:00")
    assert grade(Course(course.root))["kim"][0] == 7


@needs_sandbox
def test_a_submission_that_was_being_moved_when_a_process_was_killed_is_graded(course):
    attempts(course, WRONG, RIGHT)
    (lost,) = [one for one, _ in collect.attempts(course, "tiny")["kim"] if one.chosen]
    place = course.work / "attempts" / "tiny" / "kim" / str(lost.attempt)
    shutil.move(course.work / "submitted" / "kim" / "tiny", place)
    assert grade(course)["kim"] == (7, False)


@needs_sandbox
def test_status_knows_what_is_not_graded_as_it_is(course):
    def states():
        return {one.student: one.state for one in status.status(course, "tiny")}

    assert states() == {"right": "graded", "wrong": "graded"}
    path = course.work / "submitted" / "right" / "tiny" / "tiny.ipynb"
    path.touch()
    assert states()["right"] == "graded"
    submit(course, "right", WRONG)
    assert states()["right"] == "collected"
    shutil.rmtree(course.work / "autograded" / "wrong")
    assert states()["wrong"] == "collected"
    grade(course)
    assert states() == {"right": "graded", "wrong": "graded"}


def test_one_command_at_a_time(tiny):
    with alone(tiny), pytest.raises(UserError, match="another `autograder grade`"), alone(tiny):
        pass
    with alone(tiny):
        pass
