"""Submissions graded in the sandbox: marks in nbgrader's gradebook, notebooks, and feedback."""

import copy
import json
import shutil
import subprocess
import sys
import time

import nbformat
import pytest
from autograding import needs_sandbox
from nbformat.v4 import new_code_cell, new_output

from autograder import feedback, gradebook, grading, records
from autograder.errors import UserError
from autograder.exercises import release, released_notebooks
from autograder.nbgrader_course import Course
from autograder.sandbox import Limits
from autograder.steps import Kind

RIGHT = "def double(x):\n    return 2 * x"
# Remembers what it was asked, and shows it in a cell below
CURIOUS = "seen = []\ndef double(x):\n    seen.append(x)\n    return 4"
SCRIPT = "from IPython.display import HTML, display\ndisplay(HTML('<script>alert(1)</script>'))"


@pytest.fixture
def handed_in(released_tiny, tmp_path):
    """The tiny course, with submissions of several kinds."""
    tiny = Course(shutil.copytree(released_tiny.root, tmp_path / "course"))
    submit(tiny, "right", RIGHT)
    submit(tiny, "wrong", "def double(x):\n    return 5")
    submit(
        tiny,
        "curious",
        CURIOUS,
        "print('as' + 'ked', seen)\nraise type('as' + 'ked', (Exception,), {})()",
    )
    submit(tiny, "script", f"{RIGHT}\n{SCRIPT}")
    submit(tiny, "silent")
    cut = tiny.work / "submitted" / "cut" / "tiny"
    cut.mkdir(parents=True)
    (cut / "tiny.ipynb").write_text('{"cells": [')
    return tiny


def submit(course, student, answer=None, own=None):
    notebook = copy.deepcopy(released_notebooks(course.exercises / "tiny")["tiny"])
    for cell in notebook.cells:
        if answer and cell.metadata.get("nbgrader", {}).get("grade_id") == "task_01_double":
            cell.source = answer
    if own:
        notebook.cells.append(new_code_cell(own))
    course.submit(student, "tiny", {"tiny": notebook})


def graded(course, workers=1):
    students = grading.find_students(course, "tiny")
    with grading.make_worker(course, ["tiny"], Limits()) as worker:
        found = list(grading.grade(course, "tiny", worker, students, workers))
    return {one.student: one for one in found}


@needs_sandbox
def test_marks_are_in_the_gradebook_as_nbgrader_has_them(handed_in):
    found = graded(handed_in, workers=2)
    points = {student: one.points for student, one in found.items()}
    assert points == {"right": 7, "wrong": 0, "curious": 0, "script": 7, "silent": 0, "cut": 0}
    marks = handed_in.marks("tiny")
    for student, one in found.items():
        assert marks[student]["test_01_double"].points == one.points, student
    shutil.rmtree(handed_in.work / "submitted" / "cut")  # which plain nbgrader can't read
    handed_in.run("autograde", "tiny", "--force")
    plain = handed_in.marks("tiny")
    for student in ("right", "wrong", "curious", "script", "silent"):
        assert marks[student] == plain[student], student


@needs_sandbox
def test_a_refusal_is_in_the_gradebook_and_in_the_feedback(handed_in):
    refused = graded(handed_in)["cut"]
    assert "damaged or cut off" in refused.refused
    assert handed_in.marks("tiny")["cut"]["test_01_double"].points == 0
    handed_in.run("generate_feedback", "tiny")
    page = (handed_in.work / "feedback" / "cut" / "tiny" / "tiny.html").read_text()
    assert "This submission was not graded" in page
    assert "open it in Jupyter, save it, and hand it in again" in page


@needs_sandbox
@pytest.mark.parametrize("plain", [False, True])
def test_feedback_holds_no_hidden_test_and_nothing_it_has_asked(handed_in, plain):
    for student in ("cut", "script", "silent"):
        shutil.rmtree(handed_in.work / "submitted" / student)
    if plain:
        handed_in.run("generate_assignment", "tiny", "--force")
        handed_in.run("autograde", "tiny")
    else:
        graded(handed_in)
    assert "asked" in str(handed_in.autograded("curious", "tiny"))  # which the teacher sees
    handed_in.run("generate_feedback", "tiny")
    pages = {
        student: (handed_in.work / "feedback" / student / "tiny" / "tiny.html").read_text()
        for student in ("right", "wrong", "curious")
    }
    for student, page in pages.items():
        assert "double(3)" not in page, student
        assert "== 6" not in page, student
        assert "Hidden tests ran here" in page, student
    assert "double(2) should be 4" in pages["wrong"]
    assert "Hidden test: wrong for other numbers." in pages["curious"]  # a constant of the test's
    assert "asked" not in pages["curious"]
    assert "The visible tests of task 1 pass." in pages["right"]


@needs_sandbox
def test_no_program_of_a_student_reaches_a_browser(handed_in):
    graded(handed_in)
    notebook = handed_in.autograded("script", "tiny")["tiny"]
    assert "<script>alert" not in json.dumps([c.get("outputs", []) for c in notebook.cells])


@needs_sandbox
def test_what_was_mended_is_told(handed_in):
    notebook = copy.deepcopy(released_notebooks(handed_in.exercises / "tiny")["tiny"])
    del notebook.cells[2]
    handed_in.submit("deleted", "tiny", {"tiny": notebook})
    one = graded(handed_in)["deleted"]
    assert one.notes == (
        "The cell test_01_double was deleted: it was put back as it was handed out.",
    )
    first = handed_in.autograded("deleted", "tiny")["tiny"].cells[0].source
    assert "test_01_double was deleted" in first
    assert not graded(handed_in)["right"].notes


@needs_sandbox
def test_tests_that_changed_are_taken_in_before_grading(handed_in):
    assert graded(handed_in)["right"].points == 7
    path = handed_in.solutions / "tiny" / "tiny.ipynb"
    notebook = nbformat.read(path, 4)
    notebook.cells[2].source = notebook.cells[2].source.replace("== 6", "== 7")
    nbformat.write(notebook, path)
    assert graded(handed_in)["right"].points == 0


@needs_sandbox
def test_partial_credit_and_late_submissions_are_as_nbgrader_has_them(handed_in):
    path = handed_in.solutions / "tiny" / "tiny.ipynb"
    notebook = nbformat.read(path, 4)
    notebook.cells[2].source = "assert double(2) == 4\n2.5"
    nbformat.write(notebook, path)
    folder = handed_in.work / "submitted" / "right" / "tiny"
    (folder / "timestamp.txt").write_text("2026-05-04 10:00:00 UTC")
    assert graded(handed_in)["right"].points == 2.5
    assert handed_in.marks("tiny")["right"]["test_01_double"].points == 2.5


@needs_sandbox
def test_the_button_of_formgrader_grades_in_the_sandbox(handed_in):
    submit(handed_in, "right", f"{RIGHT}\nimport os\nwhere = os.path.expanduser('~')\nwhere")
    press = (
        "import json, sys\n"
        "from nbgrader.apps import NbGraderAPI\n"
        "from nbgrader.apps.baseapp import NbGrader\n"
        "from nbgrader.coursedir import CourseDirectory\n"
        "app = NbGrader()\n"
        "app.load_config_file()\n"
        "api = NbGraderAPI(CourseDirectory(parent=app), parent=app)\n"
        "results = [api.autograde('tiny', student) for student in ('right', 'cut')]\n"
        "scores = [api.get_submission('tiny', s)['score'] for s in ('right', 'cut')]\n"
        "print(json.dumps([[one['success'] for one in results], scores]), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", press], cwd=handed_in.root, capture_output=True, text=True
    )
    assert done.stderr.strip().splitlines()[-1] == "[[true, true], [7.0, 0.0]]", done.stderr
    outputs = str([c.get("outputs") for c in handed_in.autograded("right", "tiny")["tiny"].cells])
    assert "/home/student" in outputs
    # It is as `autograder grade` would have it, which therefore leaves it alone
    for student in ("right", "cut"):
        record = records.read(handed_in, "tiny", student)
        assert record.autograded == records.autograded_digest(handed_in, "tiny", student), student


def test_an_exercise_that_imports_nothing_warms_nothing(tiny):
    notebooks = {"tiny": nbformat.read(tiny.solutions / "tiny" / "tiny.ipynb", 4)}
    assert grading.imports(notebooks) == []
    notebooks["tiny"].cells.append(
        new_code_cell("import os, numpy as np\nfrom keras import layers")
    )
    notebooks["tiny"].cells.append(new_code_cell("this is no Python"))
    assert grading.imports(notebooks) == ["numpy", "keras"]


def test_steps_are_setup_cells_and_tests_in_their_order(tiny):
    notebook = nbformat.read(tiny.solutions / "tiny" / "tiny.ipynb", 4)
    found = [(number, step.kind, step.points) for number, step in gradebook.steps(notebook)]
    assert found == [(1, Kind.CELL, 0), (2, Kind.TEST, 7)]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("c.Limits.memory = 5", "c.Limits.memory: no such limit: use memory_mib, processes"),
        ("c.Limits.memory_mib = 'much'", "c.Limits.memory_mib is 'much': set it to a number"),
        ("c.Limits.files = 0", "c.Limits.files is 0: set it to a number above 0"),
        ("c.Limits.files = (", "nbgrader_config.py: SyntaxError"),
    ],
)
def test_wrong_limits_are_told(tiny, line, told):
    config = tiny.root / "nbgrader_config.py"
    config.write_text(f"{config.read_text()}\n{line}\n")
    with pytest.raises(UserError, match=told.replace("(", r"\(")):
        _ = tiny.limits


def test_what_formats_feedback_keeps_numbers_of_partial_credit():
    cell = new_code_cell("2", metadata={"nbgrader": {"grade": True, "points": 3}})
    cell.outputs = [new_output("execute_result", data={"text/plain": "2"}, execution_count=None)]
    notebook = nbformat.v4.new_notebook(cells=[cell])
    feedback.ForStudents().preprocess(notebook, {})
    assert notebook.cells[0].outputs[0].data["text/plain"] == "2"


@pytest.mark.parametrize("text", ["-" + "9" * 60 + "m", "no date", "", "99999-01-01", "\x00"])
def test_a_time_that_is_none_is_no_time(tmp_path, text):
    (tmp_path / "timestamp.txt").write_text(text)
    assert gradebook.read_timestamp(tmp_path) is None


@needs_sandbox
def test_a_locked_cell_that_changed_is_taken_in_before_grading(handed_in):
    path = handed_in.solutions / "tiny" / "tiny.ipynb"
    notebook = nbformat.read(path, 4)
    meta = {"grade": False, "solution": False, "task": False, "locked": True, "schema_version": 3}
    locked = new_code_cell(
        "FACTOR = 2", id="setup", metadata={"nbgrader": meta | {"grade_id": "setup"}}
    )
    notebook.cells.insert(1, locked)
    nbformat.write(notebook, path)
    release(handed_in, "tiny")
    submit(handed_in, "right", "def double(x):\n    return FACTOR * x")
    assert graded(handed_in)["right"].points == 7
    locked.source = "FACTOR = 3 - 1\nMORE = 0"
    notebook.cells[1] = locked
    nbformat.write(notebook, path)
    release(handed_in, "tiny")
    submit(handed_in, "right", "def double(x):\n    return FACTOR * x + MORE")
    assert graded(handed_in)["right"].points == 7


@needs_sandbox
def test_a_fault_of_ours_at_one_submission_stops_no_other(handed_in, monkeypatch):
    before = gradebook.Writer.save

    def save(self, student, *rest):
        if student == "curious":
            raise RuntimeError("made for this test")
        return before(self, student, *rest)

    monkeypatch.setattr(gradebook.Writer, "save", save)
    found = graded(handed_in)
    assert len(found) == 6
    assert found["right"].points == 7
    assert found["curious"].failed
    assert found["curious"].notes == ("a fault: RuntimeError('made for this test')",)


@needs_sandbox
def test_what_is_stopped_ends_soon_and_leaves_nothing(handed_in):
    submit(handed_in, "endless", "while True: pass")
    with grading.make_worker(handed_in, ["tiny"], Limits()) as worker:
        found = grading.grade(handed_in, "tiny", worker, ["right", "endless", "wrong"])
        assert next(found).student == "right"
        begun = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            found.throw(KeyboardInterrupt)
        assert time.monotonic() - begun < 20
    assert "endless" not in handed_in.marks("tiny")
