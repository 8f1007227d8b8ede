"""Formgrader in a real browser: what a teacher presses and types is what exports and pages hold."""

import csv
import io
import json
import re
import shutil
import sys

import nbformat
import pytest
from autograding import needs_sandbox
from browser import needs_browser, open_page
from lab import running_lab

from autograder import records
from autograder.cli import main
from autograder.nbgrader_course import Course

ANSWERS = {"task_01_double": "def double(x):\n    return 2 * x", "task_02_why": "Two of them."}
COMMENT = "Say why two & not <b>three</b>: «für alle» 김"


@pytest.fixture
def course(released_tiny, tmp_path):
    """The tiny course with the submissions of two students."""
    made = Course(shutil.copytree(released_tiny.root, tmp_path / "course"))
    for student in ("first", "second"):
        notebook = nbformat.read(made.exercises / "tiny" / "tiny.ipynb", 4)
        for cell in notebook.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            cell.source = ANSWERS.get(name, cell.source)
        made.submit(student, "tiny", {"tiny": notebook})
    return made


@pytest.fixture
def autograder(course, monkeypatch, capfd):
    """Run the command in the course; return what it prints."""
    monkeypatch.chdir(course.root)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["autograder", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capfd.readouterr()
        assert not end.value.code, f"autograder {' '.join(arguments)}\n{out}\n{err}"
        return out

    return run


@needs_sandbox
@needs_browser
@pytest.mark.slow
def test_what_is_done_in_formgrader_is_in_exports_and_feedback(course, autograder, tmp_path):
    autograder("grade", "tiny", "--student", "first")
    assert standing(autograder) == {"first": ("needs a human", 7), "second": ("collected", None)}
    # It goes on running while the commands read what it has stored, as it does at a teacher's
    with running_lab(course.root, tmp_path / "home") as lab:
        with open_page() as page:
            formgrader = open_formgrader(page, lab)
            press_autograde(formgrader, "second")
            record = records.read(course, "tiny", "second")
            assert record, "formgrader's button has left no record: another grader has graded"
            assert record.tests["test_01_double"].points == 7
            grade_by_hand(page, formgrader, "second", "2", COMMENT)
        look_at_what_is_written(course, autograder)


def look_at_what_is_written(course, autograder):
    """Look at marks and comment in what the commands print and write."""
    # What the button has graded is as `autograder grade` would have it, and stays
    found = {one["student"]: one for one in json.loads(autograder("grade", "tiny", "--json"))}
    assert {name: (one["points"], one["unchanged"]) for name, one in found.items()} == {
        "first": (7, True),
        "second": (9, True),
    }
    assert standing(autograder) == {"first": ("needs a human", 7), "second": ("graded", 9)}

    assert "a human has still to grade a part of: first" in autograder(
        "export", "tiny", "--to", "csv"
    )
    autograder("export", "tiny", "--to", "json")
    folder = course.work / "export"
    rows = list(csv.DictReader(io.StringIO((folder / "tiny-csv.csv").read_text("utf-8-sig"))))
    assert [
        (row["student"], row["tiny: points"], row["tiny: task_02_why"], row["tiny: needs human"])
        for row in rows
    ] == [("first", "7", "0", "yes"), ("second", "9", "2", "no")]
    students = json.loads((folder / "tiny-json.json").read_text("utf-8"))["students"]
    (second,) = (one for one in students if one["student"] == "second")
    task = second["assignments"]["tiny"]["tasks"]["task_02_why"]
    assert (task["points"], task["by_human"], task["comment"]) == (2, True, COMMENT)

    autograder("feedback", "tiny")
    assert standing(autograder)["second"] == ("feedback written", 9)
    with open_page() as page:
        read_feedback(page, course, "second")


def standing(autograder):
    """Return the state and the points of each student, as `autograder status` has them."""
    found = json.loads(autograder("status", "tiny", "--json"))
    return {one["student"]: (one["state"], one["points"]) for one in found}


def open_formgrader(page, lab):
    """Open formgrader by JupyterLab's menu; return it."""
    page.goto(lab)
    page.get_by_role("menuitem", name="Nbgrader", exact=True).click()
    page.get_by_role("menuitem", name="Formgrader", exact=True).click()
    return page.frame_locator("iframe[src*='/formgrader']")


def press_autograde(formgrader, student):
    """Press a submission's button Autograde in formgrader's list, and wait for the marks."""
    from playwright.sync_api import expect

    row = formgrader.locator("#main-table tr", has_text="tiny")
    row.locator(".num-submissions a").click()
    row = formgrader.locator("#main-table tr").filter(
        has=formgrader.locator(".student-id", has_text=student)
    )
    expect(row.locator(".status")).to_have_text("needs autograding")
    row.locator(".autograde a").click()
    dialog = formgrader.locator(".modal.in .modal-content")
    expect(dialog).to_contain_text(f"Successfully autograded 'tiny' for student '{student}'")
    dialog.get_by_role("button", name="Close").last.click()
    expect(dialog).to_have_count(0)
    expect(row.locator(".status")).to_have_text("needs manual grading")
    expect(row.locator(".score")).to_have_text("7 / 10")


def grade_by_hand(page, formgrader, student, points, comment):
    """Give points and a comment for the written answer, and see that they are kept."""
    from playwright.sync_api import expect

    formgrader.get_by_role("link", name="Manual Grading").click()
    formgrader.get_by_role("link", name="tiny", exact=True).click()  # the assignment
    expect(formgrader.locator("th", has_text="Avg. Written Score").first).to_be_visible()
    formgrader.get_by_role("link", name="tiny", exact=True).last.click()  # its notebook
    row = formgrader.locator("#main-table tr").filter(
        has=formgrader.locator(".name-shown", has_text=student)
    )
    row.locator(".reveal .name-hidden").click()
    row.locator("a.name-shown").click()

    score = formgrader.locator("#task_02_why")
    text = formgrader.locator("#task_02_why-comment")
    expect(formgrader.locator(".nbgrader_cell").last).to_contain_text(ANSWERS["task_02_why"])
    # Both are bound to what is stored as soon as they look so
    expect(score).to_have_class(re.compile("needs_manual_grade"))
    expect(text).to_have_attribute("placeholder", re.compile("Type any comments"))
    for place, value, what in ((score, points, "grade"), (text, comment, "comment")):
        with page.expect_response(lambda one, what=what: is_saved(one, what)) as answer:
            place.fill(value)
            place.press("Tab")
        assert answer.value.ok, f"{what} is not saved: {answer.value.status}"
    expect(score).not_to_have_class(re.compile("needs_manual_grade"))

    frame = page.frame(url=re.compile("/formgrader/submissions/"))
    frame.goto(frame.url)
    expect(score).to_have_value(points)
    expect(text).to_have_value(comment)


def is_saved(response, what):
    """Tell whether a response is of saving a grade or a comment."""
    return response.request.method == "PUT" and f"/formgrader/api/{what}/" in response.url


def read_feedback(page, course, student):
    """Look at the page of a student: it shows the points and the comment as they were typed."""
    from playwright.sync_api import expect

    path = course.work / "feedback" / student / "tiny" / "feedback.html"
    page.goto(path.as_uri())
    expect(page.locator("body")).to_contain_text(COMMENT)
    expect(page.locator("body")).to_contain_text(re.compile(r"\b9 of 10\b"))
