"""PostgreSQL as the gradebook, by its address."""

import shutil

import nbformat
import pytest
from autograding import needs_sandbox
from postgresql import server

from autograder import grading, marks
from autograder.errors import UserError
from autograder.nbgrader_course import CONFIG, Course
from autograder.sandbox import Limits

pytestmark = [pytest.mark.slow, needs_sandbox]


@pytest.fixture
def database():
    with server() as made:
        yield made


@pytest.fixture
def course(released_tiny, tmp_path, database):
    """The tiny course with ten submissions, and the server as its gradebook."""
    made = Course(shutil.copytree(released_tiny.root, tmp_path / "course"))
    with (made.root / CONFIG).open("a") as file:
        file.write(f"\nc.CourseDirectory.db_url = {database.url!r}\n")
    for number in range(10):
        notebook = nbformat.read(made.exercises / "tiny" / "tiny.ipynb", 4)
        for cell in notebook.cells:
            if cell.metadata.get("nbgrader", {}).get("grade_id") == "task_01_double":
                cell.source = f"def double(x):\n    return {2 if number % 2 else 3} * x"
        made.submit(f"student_{number}", "tiny", {"tiny": notebook})
    (made.work / "gradebook.db").unlink(missing_ok=True)
    return Course(made.root)


EXPECTED = {f"student_{number}": 7.0 * (number % 2) for number in range(10)}


def test_marks_are_the_same_and_a_lost_connection_loses_none(course, database):
    students = grading.find_students(course, "tiny")
    with grading.make_worker(course, ["tiny"], Limits()) as worker:
        grades = grading.grade(course, "tiny", worker, students)
        first = [next(grades) for _ in range(3)]
        database.stop()
        with pytest.raises(UserError, match=r"could not be stored|gradebook can't be used"):
            list(grades)
    with pytest.raises(UserError, match="the gradebook can't be used"):
        marks.read(course, "tiny")
    database.start()
    with grading.make_worker(course, ["tiny"], Limits()) as worker:
        found = list(grading.grade(course, "tiny", worker, students))
    assert {one.student: one.points for one in found} == EXPECTED
    assert {one.student for one in first} <= {one.student for one in found if one.unchanged}
    points = {student: one.points for student, one in marks.read(course, "tiny").items()}
    assert points == EXPECTED
    assert not (course.work / "gradebook.db").exists()
