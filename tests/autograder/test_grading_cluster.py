"""Grading on a real Dask cluster, whose processes are killed meanwhile."""

import os
import shutil
import signal
import threading

import nbformat
import pytest
from autograding import needs_sandbox
from clusters import until

from autograder import cluster, grading, records
from autograder.cluster import ClusterGrader
from autograder.errors import UserError
from autograder.nbgrader_course import Course
from autograder.sandbox import Limits

pytestmark = [pytest.mark.slow, needs_sandbox]
ANSWERS = {"right": "return 2 * x", "wrong": "return 5", "slow": "import time; time.sleep(2)"}


@pytest.fixture
def course(released_tiny, tmp_path):
    """The tiny course with six submissions."""
    made = Course(shutil.copytree(released_tiny.root, tmp_path / "course"))
    for number in range(6):
        notebook = nbformat.read(made.exercises / "tiny" / "tiny.ipynb", 4)
        for cell in notebook.cells:
            if cell.metadata.get("nbgrader", {}).get("grade_id") == "task_01_double":
                kind = ("right", "wrong", "slow")[number % 3]
                cell.source = f"import time; time.sleep(1)\ndef double(x):\n    {ANSWERS[kind]}"
        made.submit(f"student_{number}", "tiny", {"tiny": notebook})
    return made


EXPECTED = {f"student_{number}": 7 if number % 3 == 0 else 0 for number in range(6)}


def grade(course, address):
    students = grading.find_students(course, "tiny")
    with ClusterGrader(address, [], Limits()) as grader:
        assert grader.slots == 2
        return list(grading.grade(course, "tiny", grader, students, grader.slots))


def test_a_worker_that_dies_loses_nothing(course, workers):
    first = workers.worker()
    workers.worker()
    until(lambda: ready(workers.address))
    killer = threading.Thread(target=lambda: (until(lambda: graded(course)), first.kill()))
    killer.start()
    found = grade(course, workers.address)
    killer.join()
    assert not any(one.failed or one.refused for one in found), found
    assert {one.student: one.points for one in found} == EXPECTED
    assert not list(workers.folder.glob("**/*.ipynb")), "a submission was left on a worker's disk"


def test_a_scheduler_that_dies_is_told_and_the_rest_is_graded_later(course, workers):
    for _ in range(2):
        workers.worker()
    until(lambda: ready(workers.address))
    killer = threading.Thread(
        target=lambda: (
            until(lambda: graded(course)),
            os.kill(workers.scheduler.pid, signal.SIGKILL),
        )
    )
    killer.start()
    with pytest.raises(UserError, match=r"the scheduler is gone\. What was graded before is kept"):
        grade(course, workers.address)
    killer.join()
    before = graded(course)
    assert before
    students = grading.find_students(course, "tiny")
    with grading.make_worker(course, ["tiny"], Limits(), workers=2) as worker:
        found = list(grading.grade(course, "tiny", worker, students, 2))
    assert {one.student: one.points for one in found} == EXPECTED
    assert {one.student for one in found if one.unchanged} == before


def graded(course):
    return set(records.read_all(course, "tiny"))


def ready(address, workers=2):
    """Tell whether so many workers are there."""
    try:
        with ClusterGrader(address, [], Limits()) as grader:
            return grader.slots == workers
    except UserError:
        return False


def test_who_is_not_there_is_told(workers):
    with pytest.raises(UserError, match=r"the cluster has no workers\. Start one by: dask worker"):
        ClusterGrader(workers.address, [], Limits())
    with pytest.raises(UserError, match="no scheduler answers"):
        ClusterGrader("tcp://127.0.0.1:1", [], Limits())
    with pytest.raises(UserError, match="is no address such as"):
        ClusterGrader("here", [], Limits())


def test_another_version_there_is_told(workers, monkeypatch):
    workers.worker()
    until(lambda: ready(workers.address, 1))
    monkeypatch.setattr(cluster, "grader_digest", lambda: "another")
    with pytest.raises(UserError, match="another version of the grader or of TensorFlow: install"):
        ClusterGrader(workers.address, [], Limits())
