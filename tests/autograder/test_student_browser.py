"""The student's way in a real JupyterLab: fetch, answer, validate, mend, submit, read the feedback.

The teacher's part between is done by command.
"""

import re
import subprocess
import sys

import nbformat
import pytest
from autograding import needs_sandbox
from browser import needs_browser, open_page
from lab import own_environment, running_lab

from autograder.exercises import release
from autograder.nbgrader_course import Course

WRONG = "def double(x):\n    return x + 1"
RIGHT = "def double(x):\n    return 2 * x"
PASSED = "Success! Your notebook passes all the tests."


@pytest.fixture
def home(tmp_path):
    """A home folder for Jupyter's programs, the student's and the teacher's."""
    return tmp_path / "home"


@pytest.fixture
def exchange(tmp_path):
    """The folder by which students and teacher give each other files."""
    folder = tmp_path / "exchange"
    folder.mkdir()
    folder.chmod(0o777)  # for all users, as nbgrader asks for
    return folder


@pytest.fixture
def course(tiny, exchange):
    """The teacher's course: the tiny exercise, with its tested task only, in the exchange."""
    path = tiny.solutions / "tiny" / "tiny.ipynb"
    notebook = nbformat.read(path, 4)
    notebook.cells = [cell for cell in notebook.cells if cell.id != "task_02_why"]
    nbformat.write(notebook, path)
    config = tiny.root / "nbgrader_config.py"
    config.write_text(f"{config.read_text()}\nc.Exchange.root = {str(exchange)!r}\n")
    made = Course(tiny.root)
    release(made, "tiny")
    return made


@pytest.fixture
def desk(tmp_path, exchange):
    """The student's folder, with nothing but what tells nbgrader where the exchange is."""
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "nbgrader_config.py").write_text(
        f"c = get_config()\nc.Exchange.root = {str(exchange)!r}\n"
        "c.CourseDirectory.course_id = 'cnn_rnn'\n"
    )
    return folder


@needs_sandbox
@needs_browser
@pytest.mark.slow
def test_from_fetching_an_exercise_to_reading_the_feedback(course, exchange, desk, home, tmp_path):
    def teacher(program, *command):
        """Run a command in the teacher's course."""
        done = subprocess.run(
            [sys.executable, "-m", program, *map(str, command)],
            cwd=course.root,
            env=own_environment(tmp_path / "teacher's home"),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr

    teacher("nbgrader", "release_assignment", "tiny")
    with running_lab(desk, home) as lab, open_page() as page:
        page.goto(lab)
        open_list(page)
        fetch_and_open(page)
        write_answer(page, "YOUR CODE HERE", WRONG)
        see_that_validate_says(page, "AssertionError: double(2) should be 4")
        write_answer(page, WRONG.splitlines()[-1].strip(), RIGHT)
        see_that_validate_says(page, PASSED)
        assert RIGHT in [one.source for one in nbformat.read(desk / "tiny/tiny.ipynb", 4).cells]
        open_list(page)
        submit(page)

        # As the teacher's guide says
        teacher("autograder", "collect", "tiny", exchange, "--from", "exchange")
        teacher("autograder", "grade", "tiny")
        teacher("autograder", "feedback", "tiny")
        teacher("nbgrader", "release_feedback", "tiny")

        read_feedback(page)
    kept = list(desk.glob("tiny/feedback/*/tiny.html"))
    assert len(kept) == 1


def open_list(page):
    """Open the list of assignments by JupyterLab's menu, or come back to it."""
    page.get_by_role("menuitem", name="Nbgrader", exact=True).click()
    page.get_by_role("menuitem", name="Assignment List", exact=True).click()


def item(page, kind):
    """Return the line of the exercise in one of the lists: released, fetched or submitted."""
    return page.locator(f"#{kind}_assignments_list > .list_item", has_text="tiny")


def fetch_and_open(page):
    """Fetch the exercise, and open its notebook from the list."""
    item(page, "released").get_by_role("button", name="Fetch", exact=True).click()
    fetched = item(page, "fetched")
    fetched.locator(".assignment-notebooks-link").click()
    fetched.locator(".nested_list_item a", has_text="tiny").click()


def write_answer(page, there, code):
    """Write code into the answer's cell, in the place of all that stands in it."""
    from playwright.sync_api import expect

    cell = page.locator(".jp-NotebookPanel .jp-CodeCell", has_text=there).first
    editor = cell.locator(".cm-content")
    editor.click()
    # The kernel that the notebook asks for is there, so that no dialog asks for one
    expect(page.locator(".jp-NotebookPanel .jp-Toolbar-kernelName")).to_have_text(
        re.compile("Python 3")
    )
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(code)
    expect(page.locator(".jp-CodeCell.jp-mod-active .cm-line")).to_have_text(code.splitlines())


def see_that_validate_says(page, text):
    """Press the notebook's button Validate, and read what it finds."""
    from playwright.sync_api import expect

    page.locator(".jp-NotebookPanel .validate-button").get_by_role("button").click()
    dialog = page.locator(".jp-Dialog", has_text="Validation Results")
    expect(dialog).to_contain_text(text)
    dialog.get_by_role("button", name="Ok").click()
    expect(dialog).to_have_count(0)


def submit(page):
    """Hand the exercise in, and see that it is there."""
    from playwright.sync_api import expect

    item(page, "fetched").get_by_role("button", name="Submit", exact=True).click()
    expect(item(page, "submitted")).to_have_count(1)
    expect(item(page, "submitted")).not_to_contain_text("feedback available")


def read_feedback(page):
    """Fetch the feedback by the list, and open it: it shows the mark."""
    from playwright.sync_api import expect

    page.locator("#refresh_assignments_list").click()
    submitted = item(page, "submitted")
    expect(submitted).to_contain_text("(feedback available to fetch)")
    submitted.get_by_role("button", name="Fetch Feedback", exact=True).click()
    submitted.get_by_text("(view feedback)").click()
    page.locator(".jp-DirListing-item", has_text="tiny.html").dblclick()
    shown = page.frame_locator(".jp-HTMLViewer iframe")
    expect(shown.locator("body")).to_contain_text(re.compile(r"\b7 of 7\b"))
