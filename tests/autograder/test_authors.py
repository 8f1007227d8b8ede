"""What an author is told of tests before students get them."""

import nbformat
import pytest

from autograder.authors import try_tests
from autograder.errors import UserError

SUM = "### BEGIN SOLUTION\nimport math\ndef double(x):\n    return 2 * x\n### END SOLUTION"


def write(course, test, answer=SUM):
    path = course.solutions / "tiny" / "tiny.ipynb"
    notebook = nbformat.read(path, 4)
    notebook.cells[1].source, notebook.cells[2].source = answer, test
    nbformat.write(notebook, path)


def test_good_tests_pass(tiny):
    try_tests(tiny, "tiny")


@pytest.mark.parametrize(
    ("test", "told"),
    [
        (
            "x = 1\nassert double(open('/dev/null')) == 2",
            r"tiny.ipynb: test_01_double: line 2: what the test passes to the student's code can't "
            r"cross: TextIOWrapper.*change the test",
        ),
        ("assert double(2) == 5, 'five'", r"gives the solution 0 of 7 points \(five\): mend"),
        ("assert double(2) ==", r"test_01_double: line 1: invalid syntax"),
        ("import os\nos._exit(1)", r"test_01_double: Your answer could not be judged"),
        (
            "import numpy as np\nassert np.allclose(double(2), 4)",
            r"gives all points to an answer whose functions return \[\]: assert on lengths",
        ),
        ("double(2)\nassert True", "gives all points to an answer whose functions return None"),
    ],
)
def test_a_bad_test_is_told_with_the_mend(tiny, test, told):
    write(tiny, test)
    with pytest.raises(UserError, match=told):
        try_tests(tiny, "tiny")


@pytest.mark.parametrize(
    ("answer", "test"),
    [
        ("class Pair:\n    def sum(self):\n        return 3", "assert Pair().sum() is not None"),
        ("total, more = 3, 4", "assert total is not None"),
        ("total: int = 3", "assert total is not None"),
    ],
)
def test_guesses_are_made_for_classes_and_names_too(tiny, answer, test):
    write(tiny, test, f"### BEGIN SOLUTION\n{answer}\n### END SOLUTION")
    with pytest.raises(UserError, match="gives all points to an answer whose functions return"):
        try_tests(tiny, "tiny")
