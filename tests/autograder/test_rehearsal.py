"""A made class of three hundred, graded in one go, and with the grader killed again and again."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
from autograding import needs_sandbox

from autograder import collect, grading, records, rehearsal
from autograder.errors import UserError
from autograder.nbgrader_course import Course
from autograder.sandbox import Limits

AUTOGRADER = str(Path(sys.executable).parent / "autograder")


def make(course, root, students, seed=0, system="exchange"):
    """Make a class and collect it; return its course."""
    source = rehearsal.make(course, "tiny", students, seed, root, system)
    made = Course(root)
    found = collect.collect(made, "tiny", [source])
    assert not found.ignored
    return made


@needs_sandbox
def test_each_kind_of_submission_earns_what_it_was_made_for(released_tiny, tmp_path):
    made = make(released_tiny, tmp_path / "class", 40)
    expected = json.loads((made.root / rehearsal.EXPECTED).read_text())
    assert {one["kind"] for one in expected} == set(rehearsal.KINDS)
    with pytest.raises(UserError, match="no made class"):
        rehearsal.check(released_tiny, "tiny")
    _, differences = rehearsal.check(made, "tiny")
    assert len(differences) == 40, "nothing was graded yet"
    students = grading.find_students(made, "tiny")
    with (
        warnings.catch_warnings(),
        grading.make_worker(made, ["tiny"], Limits(), workers=2) as worker,
    ):
        warnings.simplefilter("error")
        found = list(grading.grade(made, "tiny", worker, students, 2))
    assert rehearsal.check(made, "tiny") == (40, [])
    refused = {one.student for one in found if one.refused}
    assert len(refused) == sum(one["refused"] for one in expected) > 0
    # The check must be able to fail
    with made.gradebook() as gradebook:
        gradebook.find_grade("test_01_double", "tiny", "tiny", students[0]).manual_score = 3
        gradebook.db.commit()
    assert [one.student for one in rehearsal.check(made, "tiny")[1]] == [students[0]]


def test_the_same_seed_makes_the_same_class(released_tiny, tmp_path):
    classes = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        rehearsal.make(released_tiny, "tiny", 20, seed, tmp_path / name)
        classes.append((tmp_path / name / rehearsal.EXPECTED).read_text())
    assert classes[0] == classes[1] != classes[2]
    with pytest.raises(UserError, match="is not empty: name a folder that does not exist yet"):
        rehearsal.make(released_tiny, "tiny", 20, 1, tmp_path / "a")


def start(course):
    temporary = course.root / "tmp"
    temporary.mkdir(exist_ok=True)
    return subprocess.Popen(
        [AUTOGRADER, "grade", "tiny", "--workers", "2", "--json"],
        cwd=course.root,
        env=os.environ | {"TMPDIR": str(temporary)},  # what is killed leaves something there
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )


def count(course):
    """Return how many submissions have been graded."""
    return len(list(records.folder(course, "tiny").glob("*.json")))


def everything(course):
    """Return all that the gradebook says of the submissions, but when."""
    found = {}
    with course.gradebook() as gradebook:
        for one in gradebook.assignment_submissions("tiny"):
            grades = {
                grade.name: (grade.auto_score, grade.manual_score, grade.needs_manual_grade)
                for notebook in one.notebooks
                for grade in notebook.grades
            }
            found[one.student.id] = (one.score, one.late_submission_penalty, grades)
    return found


@needs_sandbox
@pytest.mark.slow
def test_a_grader_that_is_killed_ten_times_loses_nothing(released_tiny, tmp_path):
    whole = make(released_tiny, tmp_path / "whole", 300)
    done = start(whole)
    out, err = done.communicate()
    assert done.returncode == 1, err  # some are refused
    assert len(json.loads(out)) == 300
    assert rehearsal.check(whole, "tiny") == (300, [])

    killed = make(released_tiny, tmp_path / "killed", 300)
    draw = random.Random(0)
    for _ in range(10):
        before = count(killed)
        running = start(killed)
        # At a random moment, once it has done something
        end, more = time.monotonic() + 120, draw.randint(1, 25)
        while count(killed) < before + more and running.poll() is None:
            assert time.monotonic() < end, "nothing is graded"
            time.sleep(0.01)
        time.sleep(draw.random() * 0.2)
        os.kill(running.pid, signal.SIGKILL)
        running.communicate()
    assert before < count(killed) < 300, "killed too early or too late"
    last = start(killed)
    out, _ = last.communicate()
    found = json.loads(out)
    assert sum(one["unchanged"] for one in found) > 0
    assert rehearsal.check(killed, "tiny") == (300, [])
    assert everything(killed) == everything(whole)
    shutil.rmtree(tmp_path / "killed")
