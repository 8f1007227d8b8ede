"""A new exercise: a solution notebook and a bank of answers, to be written on."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograder.bank import bank_folder
from autograder.errors import UserError
from autograder.nbgrader_course import Course

SETUP = "import numpy as np"
ANSWER = '''def double(x):
    """Return twice a number or an array."""
    ### BEGIN SOLUTION
    return 2 * np.asarray(x)
    ### END SOLUTION'''
TEST = """got = double([1.0, 2.5])
np.testing.assert_allclose(got, [2.0, 5.0], err_msg="double([1, 2.5]) should be [2, 5].")
### BEGIN HIDDEN TESTS
values = np.random.default_rng(0).normal(size=10)
np.testing.assert_allclose(
    double(values), values + values, err_msg="Hidden test: wrong for other numbers."
)
### END HIDDEN TESTS"""
WRITTEN = """### BEGIN SOLUTION
What a good answer says. Students don't see this.
### END SOLUTION"""
BANK = """# %% wrong: squares
def double(x):
    return np.asarray(x) ** 2


# %% wrong: hard-coded to the visible test
def double(x):
    return np.array([2.0, 5.0])


# %% right: adds
def double(x):
    x = np.asarray(x)
    return x + x
"""


def new(course: Course, name: str) -> list[Path]:
    """Write an exercise to begin with: one task with tests, one that a human grades, and a bank.

    Args:
        course: that it belongs to.
        name: of the exercise.

    Returns:
        The files.

    Raises:
        UserError: the name can't be one, or there is such an exercise.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise UserError(f"{name!r} can't be a name: use letters, digits, _, - and .")
    solution = course.solutions / name / f"{name}.ipynb"
    answers = bank_folder(course, name) / "task_01_double.py"
    for path in (solution.parent, answers.parent):
        if path.exists():
            raise UserError(f"{path} is there already: take another name")
    for path in (solution, answers):
        path.parent.mkdir(parents=True)
    nbformat.write(_notebook(name), solution)
    answers.write_text(BANK, "utf-8")
    return [solution, answers]


def _notebook(name: str) -> NotebookNode:
    return new_notebook(
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        },
        cells=[
            new_markdown_cell(f"# {name}\n\nWhat this exercise is about.", id="title"),
            _cell(new_code_cell, "setup", SETUP, locked=True),
            new_markdown_cell(
                "## Task 1: Twice as much (4 points)\n\nWrite `double`.", id="text-1"
            ),
            _cell(new_code_cell, "task_01_double", ANSWER, solution=True),
            _cell(new_code_cell, "test_task_01_double", TEST, grade=True, locked=True, points=4),
            new_markdown_cell("## Task 2: In words (2 points, graded by hand)", id="text-2"),
            _cell(new_markdown_cell, "task_02_words", WRITTEN, grade=True, solution=True, points=2),
        ],
    )


def _cell(
    make: Callable[..., NotebookNode], name: str, source: str, **marks: object
) -> NotebookNode:
    cell = make(source, id=name.replace("_", "-"))
    plain = {"grade": False, "solution": False, "locked": False, "task": False}
    cell.metadata["nbgrader"] = {"schema_version": 3, "grade_id": name} | plain | marks
    return cell
