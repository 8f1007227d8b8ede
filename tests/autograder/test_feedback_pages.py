"""Pages for students: all they may see, nothing else, and nothing that runs."""

import copy
import html.parser
import io
import re
import shutil
import zipfile
from datetime import datetime

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_output
from nbgrader.utils import notebook_hash

from autograder import arrivals, feedback_pages, gradebook, records
from autograder.arrivals import Arrival
from autograder.errors import UserError
from autograder.exercises import released_notebooks
from autograder.judge import HIDDEN
from autograder.nbgrader_course import Course
from autograder.prepared import prepare
from autograder.records import Record
from autograder.steps import Kind, Outcome

RIGHT = "def double(x):\n    return 2 * x"
HOSTILE = (
    "# <script>alert(1)</script></code></pre></details><img src=x onerror=alert(2)>\r\n"
    "x = '{{ 7 * 7 }} {% raw %} \x00 \x1b[31mred\x1b[0m \u202e 🎉 &amp;'\n"
    f"y = '{'long' * 5000}'"
)
NAME = "</title><script>alert('김민지')</script>{{ 7 * 7 }}"
SECRETS = ("double(3)", "== 6", "secret 4711", "assert double", "HIDDEN TESTS")
TEXT = """# Exercise: two small tasks

Not about a task.

## Task 1: Double it (7 points)

Write `double`, so that $y = \\frac{2x}{1}$, see [the guide](https://example.org/guide) or
[a file](other.ipynb) or [this](javascript:alert(3)).

```python
# no heading
double(2)  # <b>4</b>
```

<script>alert(4)</script><img src="https://example.org/i.png" onerror="alert(5)">
<b onclick="alert(6)">bold</b> ![a picture](https://example.org/p.png) $\\unknown{x}$
"""
VOID = {"meta", "br", "hr", "img", "link", "input", "path"}


@pytest.fixture(scope="module")
def released(released_tiny, tmp_path_factory):
    """The tiny course with texts above its tasks, released; for tests that copy it."""
    made = Course(shutil.copytree(released_tiny.root, tmp_path_factory.mktemp("pages") / "course"))
    for folder in (made.solutions, made.exercises):
        path = folder / "tiny" / "tiny.ipynb"
        notebook = nbformat.read(path, 4)
        notebook.cells[0].source = TEXT
        why = new_markdown_cell("## Task 2: Why? (3 points)\n\nSay why.", id="why")
        notebook.cells.insert(3, why)
        nbformat.write(notebook, path)
    return made


@pytest.fixture(scope="module")
def graded(released):
    """The same with submissions that are graded as if the sandbox had run them."""
    with gradebook.Writer(released, "tiny") as writer:
        grade(
            released, writer, "right", RIGHT, 7, why="It is <b>so</b>.\n\n- [x](http://a.example)"
        )
        grade(released, writer, "wrong", "def double(x):\n    return 5", 0, "double(2) should be 4")
        grade(released, writer, "hidden", "def double(x):\n    return 4", 0, "secret 4711", HIDDEN)
        grade(released, writer, "part", RIGHT, 3.5)
        grade(released, writer, "hostile", HOSTILE, 0, "<script>alert(7)</script>\x00")
        grade(released, writer, "silent")
        refuse(released, writer, "cut")
    with released.gradebook() as found:
        comment = found.find_comment("task_02_why", "tiny", "tiny", "hostile")
        comment.manual_comment = "<script>alert(8)</script>\n{{ 7 * 7 }} well done 🎉"
        found.db.commit()
    return released


@pytest.fixture
def course(graded, tmp_path):
    """A copy of it."""
    return Course(shutil.copytree(graded.root, tmp_path / "course"))


def grade(course, writer, student, answer=None, points=0, message=None, public=None, why=None):
    """Grade a submission with an outcome that is given."""
    released = released_notebooks(course.exercises / "tiny")
    notebook = copy.deepcopy(released["tiny"])
    for cell in notebook.cells:
        if cell.id == "task_01_double" and answer:
            cell.source = answer
        if cell.id == "task_02_why" and why:
            cell.source = why
    course.submit(student, "tiny", {"tiny": notebook})
    done = taken(course, writer, student, released)
    done.outcomes = {}
    for name, steps in done.steps.items():
        error = [new_output("error", ename="Name\x1b[31mError", evalue="<b>x</b>", traceback=[])]
        done.outcomes[name] = [
            Outcome(
                points=points,
                message=message,
                public=public or message,
                printed="The visible tests of task 1 pass.\n" if student != "wrong" else "",
            )
            if step.kind == Kind.TEST
            else Outcome(outputs=error if student == "hostile" else [])
            for _, step in steps
        ]
    store(course, writer, student, done, ("A <note> of intake",) if student == "hostile" else ())


def taken(course, writer, student, released):
    whole = {name: writer.teachers(copy.deepcopy(one), name) for name, one in released.items()}
    return prepare(course.work / "submitted" / student / "tiny", released, whole)


def refuse(course, writer, student):
    folder = course.work / "submitted" / student / "tiny"
    folder.mkdir(parents=True)
    (folder / "tiny.ipynb").write_text('{"cells": [')
    done = taken(course, writer, student, released_notebooks(course.exercises / "tiny"))
    done.outcomes = {}
    store(course, writer, student, done, ())


def store(course, writer, student, done, notes):
    writer.save(student, datetime(2026, 5, 4, 10), done.notebooks())
    about = {"refused": done.refused, "notes": notes}
    autograded = records.autograded_digest(course, "tiny", student)
    records.write(course, "tiny", Record(student, "d", autograded, "s", "now", **about))


class Page(html.parser.HTMLParser):
    """Reads a page, and fails where it is no valid one."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.headings, self.attributes, self.words = [], set(), [], [], []
        self.ids = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes += [(tag, *one) for one in attributes]
        self.ids += [value for name, value in attributes if name == "id"]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "head"} & set(self.open):
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def pages(course, students=None):
    return dict(feedback_pages.pages(course, "tiny", students))


def collect(course, system, where, **changes):
    """Write who handed in: for each student the name of the file as the system gave it."""
    about = {"name": "김민지", "system": system, "source": "class.zip"}
    arrivals.write(
        course,
        "tiny",
        [
            Arrival(student=student, key=key, files=files, **about | changes)
            for student, (key, files) in where.items()
        ],
    )


def test_a_page_is_written_for_each_graded_submission(course):
    written = feedback_pages.write(course, "tiny")
    students = ["cut", "hidden", "hostile", "part", "right", "silent", "wrong"]
    folder = course.work / "feedback"
    assert written == [folder / student / "tiny" / "feedback.html" for student in students]
    assert feedback_pages.write(course, "tiny", ["right"]) == [written[4]]
    assert written[4].read_text("utf-8") == pages(course, ["right"])["right"]
    assert sorted(path.name for path in written[4].parent.iterdir()) == ["feedback.html"]


def test_a_page_tells_what_was_earned_and_why(course):
    found = {student: Page(text).text for student, text in pages(course).items()}
    assert "Exercise: two small tasks" in found["right"]
    assert "7 of 10 points so far" in found["right"]
    assert "A teacher still has to grade: Task 2: Why? (3 points)" in found["right"]
    assert "return 2 * x" in found["right"]
    assert "It is <b>so</b>." in found["right"]  # as text
    assert "The visible tests of task 1 pass." in found["right"]
    assert "double(2) should be 4" in found["wrong"]
    assert "0 of 7 points" in found["wrong"]
    assert HIDDEN in found["hidden"]
    assert "3.5 of 7 points" in found["part"]
    assert "part of the points" in found["part"]
    assert "<script>alert(7)</script>" in found["hostile"]
    assert "A <note> of intake" in found["hostile"]
    assert "NameError: <b>x</b>" in found["hostile"]
    assert "<script>alert(8)</script> {{ 7 * 7 }} well done 🎉" in found["hostile"]
    assert "You have left this as it was handed out." in found["silent"]
    assert "No response" not in found["silent"]
    assert "This submission was not graded" in found["cut"]
    assert "open it in Jupyter, save it, and hand it in again" in found["cut"]
    assert "Your answer" not in found["cut"]


def test_no_page_tells_of_hidden_tests(course):
    for student, page in pages(course).items():
        for secret in SECRETS:
            assert secret not in page, (student, secret)


def test_what_a_cell_below_a_hidden_test_shows_is_not_told(course):
    path = course.work / "autograded" / "right" / "tiny" / "tiny.ipynb"
    notebook = nbformat.read(path, 4)
    answer = next(cell for cell in notebook.cells if cell.id == "task_01_double")
    answer.outputs = [new_output("error", ename="ValueError", evalue="asked 3", traceback=[])]
    notebook.cells.remove(answer)
    notebook.cells.append(answer)
    nbformat.write(notebook, path)
    page = Page(pages(course, ["right"])["right"]).text
    assert "asked 3" not in page
    assert "ValueError" in page


def test_pages_are_valid_and_run_nothing(course):
    where = {student: ("1", {}) for student in ("hostile", "right")}
    collect(course, "folder", where, name=NAME)
    for student, text in pages(course).items():
        page = Page(text)
        assert not page.tags & {"script", "img", "iframe", "object", "embed", "link", "form"}
        assert page.headings[0] == 1
        assert page.headings.count(1) == 1
        steps = zip(page.headings, page.headings[1:], strict=False)
        assert all(after <= before + 1 for before, after in steps), student
        assert len(page.ids) == len(set(page.ids))
        assert ("html", "lang", "en") in page.attributes
        for tag, name, value in page.attributes:
            assert not name.startswith("on")
            assert name not in ("src", "srcset", "action", "data", "background")
            if name == "href":
                assert value.startswith(("#", "https://example.org/guide")), (tag, value)
        style = text[text.index("<style>") : text.index("</style>")]
        assert "url(" not in style
        assert "@import" not in style
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", text)
        text.encode("utf-8")
    hostile = Page(pages(course)["hostile"]).text
    assert NAME in hostile
    assert "{{ 7 * 7 }} {% raw %}" in hostile
    assert "</code></pre></details>" in hostile
    assert "49" not in hostile
    assert "🎉" in hostile
    assert "more characters are not shown" not in hostile or len(HOSTILE) > feedback_pages.LONGEST


def test_the_task_is_told_in_its_own_words(course):
    text = pages(course, ["right"])["right"]
    page = Page(text)
    assert "Not about a task" not in page.text
    assert "Write double , so that" in page.text
    assert "# no heading double(2) # <b>4</b>" in page.text
    assert "Say why." in page.text
    assert "[picture: a picture]" in page.text
    assert ("a", "href", "https://example.org/guide") in page.attributes
    assert ("svg", "aria-label", "y = \\frac{2x}{1}") in page.attributes
    assert '<code class="formula">\\unknown{x}</code>' in text  # no command that can be drawn
    assert "alert(6)" not in text


def test_a_penalty_is_told_with_its_reason(course):
    config = course.root / "nbgrader_config.py"
    config.write_text(
        config.read_text() + "\nc.Rules.late = 'per day'\nc.Rules.grace_hours = 0.5\n"
    )
    with course.gradebook() as found:
        found.update_or_create_assignment("tiny", duedate="2026-05-03 08:00:00")
    page = Page(pages(Course(course.root), ["right"])["right"]).text
    assert "5.6 of 10 points so far" in page
    assert "1.4 points taken off" in page
    assert "Your submission earned 7 points, and it came 1 day 2 h after the due date" in page
    assert "loses 10 % of its points for each day begun, after the first 30 min" in page


def test_points_that_a_teacher_has_set_are_told(course):
    with course.gradebook() as found:
        found.find_grade("test_01_double", "tiny", "tiny", "wrong").manual_score = 6
        found.db.commit()
    page = Page(pages(course, ["wrong"])["wrong"]).text
    assert "6 of 7 points" in page
    assert "a teacher has set these points" in page


def test_an_answer_that_is_too_long_is_cut_and_told(course):
    path = course.work / "autograded" / "right" / "tiny" / "tiny.ipynb"
    notebook = nbformat.read(path, 4)
    notebook.cells[1].source = "x" * (feedback_pages.LONGEST + 1234)
    nbformat.write(notebook, path)
    page = pages(course, ["right"])["right"]
    assert "1,234 more characters are not shown." in page
    assert "x" * feedback_pages.LONGEST in page


def test_what_plain_nbgrader_has_graded_has_a_page_too(course):
    shutil.rmtree(course.work / "records")
    found = {student: Page(text).text for student, text in pages(course).items()}
    assert "double(2) should be 4" in found["wrong"]
    assert "This submission was not graded" in found["cut"]


def test_what_is_not_there_is_told(course):
    with pytest.raises(UserError, match="nobody is not graded: run `autograder grade tiny`"):
        feedback_pages.write(course, "tiny", ["nobody"])
    shutil.rmtree(course.work / "autograded" / "right")
    with pytest.raises(UserError, match=r"autograded/right/tiny/tiny.ipynb is gone: run"):
        feedback_pages.write(course, "tiny", ["right"])


MOODLE = {
    "right": ("11", {"tiny.ipynb": "김 민지_11_assignsubmission_file/tiny.ipynb"}),
    "wrong": ("12", {"tiny.ipynb": "O'Neil Zoë_12_assignsubmission_file_/a.zip > b/tiny.ipynb"}),
    "hidden": ("13", {"tiny.ipynb": "Old Way_13_assignsubmission_file_tiny.ipynb"}),
    "hostile": ("14", {"tiny.ipynb": "class/In Folder_14_assignsubmission_file/tiny.ipynb"}),
    "silent": ("Default group", {"tiny.ipynb": "Default group_assignsubmission_file/tiny.ipynb"}),
}


def test_moodle_knows_whose_each_page_is(course):
    collect(course, "moodle", MOODLE)
    made = feedback_pages.zip_for(course, "tiny", "moodle")
    assert made.names == {
        "right": "김 민지_11_assignsubmission_file/feedback.html",
        "wrong": "O'Neil Zoë_12_assignsubmission_file_/feedback.html",
        "hidden": "Old Way_13_assignsubmission_file_feedback.html",
        "hostile": "In Folder_14_assignsubmission_file/feedback.html",
    }
    assert [one.partition(":")[0] for one in made.unmatched] == ["cut", "part", "silent"]
    with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == set(made.names.values())
        by_participant = {import_moodle(name): name for name in archive.namelist()}
        assert set(by_participant) == {(key, "feedback.html") for key in ("11", "12", "13", "14")}
        page = archive.read(made.names["wrong"]).decode()
        assert page == pages(course, ["wrong"])["wrong"]


def import_moodle(path):
    """Return participant and file name as Moodle's `importziplib.php` finds them."""
    parts = path.split("/")
    while parts:
        info = parts.pop(0).split("_", 4)
        if len(info) < 4 or not info[1].isdigit() or info[2:4] != ["assignsubmission", "file"]:
            continue
        rest = "/".join([*info[4:5], *parts])
        return info[1], rest.lstrip("/")
    return None


CANVAS = {
    "right": ("101", {"tiny.ipynb": "kimminji_101_5001_tiny.ipynb"}),
    "wrong": ("102", {"tiny.ipynb": "oneilzoe_LATE_102_5002_my_work 2.zip > x/tiny.ipynb"}),
    "hidden": ("anon_aB3x9", {"tiny.ipynb": "anon_aB3x9_5003_tiny-1.ipynb", "a.txt": "x"}),
    "silent": ("104", {"tiny.ipynb": "tiny.ipynb"}),
}


def test_canvas_knows_whose_each_page_is(course):
    collect(course, "canvas", CANVAS)
    made = feedback_pages.zip_for(course, "tiny", "canvas")
    assert made.names == {
        "right": "kimminji_101_5001_tiny.html",
        "wrong": "oneilzoe_LATE_102_5002_my_work 2.html",
        "hidden": "anon_aB3x9_5003_tiny-1.html",
    }
    # As `infer_comment_context_from_filename` finds the user and the attachment
    numbers = {
        student: re.findall(r"(?<=_)\d+(?=_)", name)[:2] for student, name in made.names.items()
    }
    assert numbers == {"right": ["101", "5001"], "wrong": ["102", "5002"], "hidden": ["5003"]}
    assert [one.partition(":")[0] for one in made.unmatched] == ["cut", "hostile", "part", "silent"]


def test_canvas_gets_feedback_for_the_last_attempt(course):
    collect(course, "canvas", {"right": CANVAS["right"]})
    first = arrivals.read(course, "tiny")
    last = Arrival(
        "right", "", "canvas", "101", {"tiny.ipynb": "kimminji_101_6001_tiny-1.ipynb"}, "b", 2
    )
    arrivals.write(course, "tiny", [last, *first])
    names = feedback_pages.zip_for(course, "tiny", "canvas").names
    assert names == {"right": "kimminji_101_6001_tiny-1.html"}


def test_a_zip_with_nothing_in_it_is_told(course):
    with pytest.raises(UserError, match="no graded submission came from Moodle"):
        feedback_pages.zip_for(course, "tiny", "moodle")
    with pytest.raises(UserError, match="no course system called 'email'"):
        feedback_pages.zip_for(course, "tiny", "email")


def test_without_the_exchange_there_is_nothing_to_release(course):
    feedback_pages.write(course, "tiny")
    assert feedback_pages.release_command(course, "tiny") is None


def test_nbgrader_releases_the_page_of_a_submission_from_the_exchange(course, tmp_path):
    """The secret is what the student's list of assignments finds the page by."""
    student, elsewhere = sorted(path.name for path in (course.work / "submitted").iterdir())[:2]
    submitted = course.work / "submitted" / student / "tiny"
    (submitted / "timestamp.txt").write_text("2026-01-02 03:04:05.000000 UTC")
    (submitted / "submission_secret.txt").write_text("a secret")
    feedback_pages.write(course, "tiny", [student, elsewhere])
    folder = course.work / "feedback" / student / "tiny"
    assert (folder / "tiny.html").read_text() == (folder / "feedback.html").read_text()
    assert not (course.work / "feedback" / elsewhere / "tiny" / "tiny.html").exists()
    exchange = tmp_path / "exchange"
    exchange.mkdir(mode=0o777)
    exchange.chmod(0o777)
    settings = [f"--Exchange.root={exchange}", "--CourseDirectory.course_id=c"]
    command = feedback_pages.release_command(course, "tiny")
    assert elsewhere in command  # nbgrader would stop at this page
    course.run(*command.split()[1:], *settings)
    released = (
        exchange / "c/feedback" / f"{notebook_hash(secret='a secret', notebook_id='tiny')}.html"
    )
    assert released.read_text() == (folder / "feedback.html").read_text()
