"""A course with one tiny exercise, so that tests of the tools take seconds."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograder.exercises import release
from autograder.nbgrader_course import Course

ROOT = Path(__file__).resolve().parents[2]

ANSWER = """
def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION
"""

TEST = """
assert double(2) == 4, "double(2) should be 4"
print("The visible tests of task 1 pass.")
### BEGIN HIDDEN TESTS
assert double(3) == 6, "Hidden test: wrong for other numbers."
### END HIDDEN TESTS
"""

BANK = """
# %% wrong: the square instead of the double
def double(x):
    return x * x


# %% wrong: one too many
def double(x):
    return 2 * x + 1


# %% right: adds, and is noisy about it
import sys


def double(x):
    print("adding", file=sys.stderr)
    return x + x
"""


def graded_cell(kind, name, source, **nbgrader):
    """Make a cell with nbgrader's metadata, called by its grade id."""
    meta = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
    cell = kind(source.strip(), id=name)
    cell.metadata["nbgrader"] = meta | {"grade_id": name} | nbgrader
    return cell


def tiny_notebook():
    """Make the solution of an exercise with one tested task and one written answer."""
    return new_notebook(
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3"},
            "language_info": {"name": "python"},
        },
        cells=[
            new_markdown_cell("Double a number.", id="text"),
            graded_cell(new_code_cell, "task_01_double", ANSWER, solution=True),
            graded_cell(new_code_cell, "test_01_double", TEST, grade=True, locked=True, points=7),
            graded_cell(
                new_markdown_cell,
                "task_02_why",
                "### BEGIN SOLUTION\nRubric\n### END SOLUTION",
                grade=True,
                solution=True,
                points=3,
            ),
        ],
    )


@pytest.fixture
def tiny(tmp_path):
    """A course that holds nothing but the tiny exercise and its bank."""
    return make_tiny(tmp_path)


@pytest.fixture(scope="session")
def released_tiny(tmp_path_factory):
    """The same course, released; for tests that copy it."""
    course = make_tiny(tmp_path_factory.mktemp("released"))
    release(course, "tiny")
    return course


def make_tiny(root):
    """Write the tiny course into an empty folder."""
    shutil.copy(ROOT / "nbgrader_config.py", root)
    for folder, name, write in [
        ("solutions/tiny", "tiny.ipynb", lambda path: nbformat.write(tiny_notebook(), path)),
        ("tests/solutions/tiny", "task_01_double.py", lambda path: path.write_text(BANK)),
    ]:
        (root / folder).mkdir(parents=True)
        write(root / folder / name)
    return Course(root)
