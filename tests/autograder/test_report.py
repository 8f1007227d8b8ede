import json
import re
import shutil
import xml.etree.ElementTree as ET
from dataclasses import asdict, replace
from html.parser import HTMLParser

import pytest

from autograder import arrivals, marks, records, report
from autograder.arrivals import Arrival
from autograder.errors import UserError
from autograder.marks import Marks, TaskMark
from autograder.nbgrader_course import Course
from autograder.records import Record

HOSTILE = "</pre></title><script>alert(1)</script><img src=http://example.org/x onerror=alert(1)>"
SQUARE = "def double(x):\n    return x * x\n"


class Tags(HTMLParser):
    """Collects the tags of a page, and checks that they close."""

    VOID = ("meta", "br", "img", "link", "input")

    def __init__(self, page):
        super().__init__()
        self.seen, self.open, self.ids = [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def check_page(page):
    """Check what must be true of every page: it is whole, and asks nobody for anything."""
    tags = Tags(page)
    assert not tags.open
    assert len(tags.ids) == len(set(tags.ids))
    names = {tag for tag, _ in tags.seen}
    assert not names & {"script", "img", "iframe", "link", "object", "embed", "form"}
    assert ("html", {"lang": "en"}) in tags.seen
    for tag, attributes in tags.seen:
        assert not [name for name in attributes if name.startswith("on") or name == "src"]
        href = attributes.get("href", attributes.get("xlink:href", "#"))
        assert href.startswith("#") or tag == "a"
        if href.startswith("#") and len(href) > 1:
            assert href[1:] in tags.ids
    styles = page.split("<body>")[0]
    assert "url(" not in styles
    assert "@import" not in styles
    page.encode("utf-8")
    return tags


class Class:
    """A class that has handed in the tiny exercise, put together by hand."""

    def __init__(self, course, monkeypatch):
        self.course, self.marks, self.arrivals = course, {}, []
        monkeypatch.setattr(marks, "read", lambda course, assignment: self.marks)

    def add(self, student, points=7.0, why=3.0, message=None, answer="", **more):
        record = {
            name: more.pop(name) for name in ("refused", "seconds", "memory_mib") if name in more
        }
        arrived = {name: more.pop(name) for name in ("name", "late") if name in more}
        waits = more.pop("waits", False)
        tests = {"test_01_double": records.TestRecord(points, 7.0, message, message, 0.1)}
        records.write(
            self.course,
            "tiny",
            Record(
                student,
                "digest",
                "autograded",
                "submitted",
                "2026-11-20T10:00:00+00:00",
                tests=tests,
                answers={"task_01_double": answer, "task_02_why": "since it is so"},
                **{"seconds": 2.0, "memory_mib": 300.0} | record,
            ),
        )
        self.marks[student] = Marks(
            student,
            {
                "task_01_double": TaskMark(points, 7.0),
                "task_02_why": TaskMark(0.0 if waits else why, 3.0, needs_human=waits),
            },
            **more,
        )
        self.arrivals.append(
            Arrival(
                student,
                **{"name": ""} | arrived,
                system="folder",
                key=student,
                files={},
                source="x",
            )
        )

    def summary(self):
        arrivals.write(self.course, "tiny", self.arrivals)
        summary = report.summarise(self.course, "tiny")
        assert json.loads(json.dumps(asdict(summary)))["assignment"] == "tiny"
        return summary


@pytest.fixture
def group(tiny, monkeypatch):
    return Class(tiny, monkeypatch)


def test_no_submission_names_the_next_command(group):
    with pytest.raises(UserError, match="autograder grade tiny"):
        report.summarise(group.course, "tiny")


def test_a_single_submission(group):
    group.add("ada", name="Ada", seconds=1.0)
    summary = group.summary()
    assert summary.handed_in == summary.graded == 1
    assert summary.points == (10.0,)
    first = summary.tasks[0]
    assert (first.success, first.full, first.zero, first.discrimination) == (1.0, 1, 0, None)
    assert summary.seconds.median == summary.seconds.ninety == summary.seconds.most == 1.0
    check_page(report.page(summary))


def test_the_numbers_of_tasks(group):
    for student, points, why in [("a", 7, 3), ("b", 7, 2), ("c", 0, 1), ("d", 0, 0), ("e", 3.5, 1)]:
        group.add(student, float(points), float(why))
    first, second = group.summary().tasks
    assert first.success == pytest.approx(0.5)
    assert (first.full, first.zero, first.graded) == (2, 2, 5)
    x, y = [7, 7, 0, 0, 3.5], [3, 2, 1, 0, 1]
    mean_x, mean_y = sum(x) / 5, sum(y) / 5
    above = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    below = (sum((a - mean_x) ** 2 for a in x) * sum((b - mean_y) ** 2 for b in y)) ** 0.5
    assert first.discrimination == pytest.approx(above / below)
    assert second.discrimination == pytest.approx(above / below)


@pytest.mark.parametrize(
    ("points", "rest"),
    [([], []), ([1], [1]), ([0, 1], [0, 1]), ([1, 1, 1], [0, 1, 2]), ([0, 1, 2], [1, 1, 1])],
)
def test_discrimination_that_is_undefined(points, rest):
    assert report.discrimination(points, rest) is None


def test_who_waits_for_a_human_is_left_out_of_that_task(group):
    group.add("ada", waits=True)
    group.add("bob", why=1.5)
    summary = group.summary()
    second = summary.tasks[1]
    assert (second.graded, second.waiting, second.success) == (1, 1, 0.5)
    (person,) = summary.human
    assert person.student == "ada"
    assert "by hand" in person.why


def test_refused_late_and_ungraded(group):
    group.add("ada", 0.0, 0.0, refused="The notebook is cut off.", name="Ada")
    group.add("bob", late_by=90_000.0, penalty=1.0)
    group.add("cy", late=True)
    group.arrivals.append(
        replace(group.arrivals[0], student="dan", name="Dan", key="dan", chosen=True)
    )
    group.arrivals.append(replace(group.arrivals[0], student="eve", key="eve", chosen=False))
    summary = group.summary()
    assert (summary.handed_in, summary.graded) == (4, 2)
    assert [(one.name, one.why) for one in summary.refused] == [("Ada", "The notebook is cut off.")]
    assert [one.student for one in summary.ungraded] == ["dan"]
    assert [one.student for one in summary.late] == ["bob", "cy"]
    assert summary.late[0].why == "by 1 day 1 h; 1 point taken off"
    assert summary.tasks[0].success == 1.0
    page = report.page(summary)
    assert "The notebook is cut off." in page
    check_page(page)


def test_a_class_whose_submissions_are_all_refused(group):
    group.add("ada", 0.0, 0.0, refused="The notebook is cut off.", seconds=0.0, memory_mib=None)
    summary = group.summary()
    assert summary.seconds is None
    assert summary.tasks[0].success is None
    check_page(report.page(summary))


def test_messages_that_differ_in_numbers_count_together(group):
    group.add("a", 0.0, message="double(2) should be 4, got 5")
    group.add("b", 0.0, message="double(2) should be 4, got -1.5e-3")
    group.add("c", 0.0, message="double(2) should be 4, got nan")
    group.add("d", 0.0, message="NameError: x1 is not defined")
    group.add("e", 0.0, message="NameError: x2 is not defined")
    found = group.summary().tasks[0].messages
    assert [one.students for one in found] == [3, 1, 1]
    assert found[0].text.startswith("double(2) should be 4, got ")


def test_arrays_of_any_length_count_together(group):
    group.add("a", 0.0, message="got [1. 2. 3.]")
    group.add("b", 0.0, message="got [1. 2.\n 3. 4.]")
    assert [one.students for one in group.summary().tasks[0].messages] == [2]


def test_wrong_answers_of_the_bank_are_recognised(group):
    group.add("a", 0.0, answer=SQUARE)
    group.add(
        "b", 0.0, answer="import math\ndef double(number):\n    # mine\n    return number * number"
    )
    group.add("c", 0.0, answer="def double(x):\n    return 2 * x + 1")
    group.add("d", 0.0, answer="def double(x:\n    return")
    group.add("e", 7.0, answer="def double(x):\n    return 2 * x")
    first, second = group.summary().tasks
    assert [(one.students, one.text) for one in first.known] == [
        (2, "the square instead of the double"),
        (1, "one too many"),
    ]
    assert first.unparsable == 1
    assert (second.known, second.unparsable) == ((), 0)


def test_no_answer_is_recognised(released_tiny, monkeypatch, tmp_path):
    shutil.copytree(released_tiny.root, tmp_path / "course")
    group = Class(Course(tmp_path / "course"), monkeypatch)
    given = "def double(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
    group.add("a", 0.0, answer=given)
    group.add("b", 0.0, answer=given)
    group.add("c", 0.0, answer="# I don't know")
    assert [(one.students, one.text) for one in group.summary().tasks[0].known] == [
        (2, report.UNTOUCHED),
        (1, report.EMPTY),
    ]


def test_the_page_is_safe_whatever_students_write(group):
    group.add(
        "ada",
        0.0,
        name=f"Ada {HOSTILE}",
        message=f"{HOSTILE} $x_1^$ \x00\x1b[31m \ud800",
        answer=HOSTILE,
    )
    group.add("bob", 0.0, refused=HOSTILE)
    group.add("cy", waits=True, seconds=99.0)
    page = report.page(group.summary())
    tags = check_page(page)
    assert "&lt;script&gt;" in page
    assert not re.search(r"[\x00-\x08\x0b-\x1f\ud800-\udfff]", page)
    assert [tag for tag, _ in tags.seen].count("svg") == 3


def test_plots_have_names_descriptions_and_tables(group):
    for number in range(12):
        group.add(f"s{number}", number / 12 * 7, seconds=1.0 + number)
    page = report.page(group.summary())
    plots = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    for plot in plots:
        tree = ET.fromstring(plot)
        assert tree.get("role") == "img"
        ids = {one.get("id"): one for one in tree.iter() if one.get("id")}
        named = [ids[name].text for name in tree.get("aria-labelledby").split()]
        assert all(named)
        assert "#010203" not in plot
        assert "currentColor" in plot
    assert len(plots) == 3
    assert "Submissions" in plots[0]
    assert "(points of 10)" in plots[0]
    assert "Share (%)" in plots[1]
    assert "(seconds)" in plots[2]
    assert page.count("as a table</summary>") == 2
    check_page(page)


def test_the_same_data_give_the_same_page(group):
    group.add("ada", 3.0)
    group.add("bob", 7.0)
    assert report.page(group.summary()) == report.page(group.summary())


def test_bands_hold_every_mark(group):
    for number, points in enumerate([0.0, 0.5, 6.999, 7.0, 7.0]):
        group.add(f"s{number}", points)
    bands = report.mark_bands(group.summary())
    assert sum(number for _, _, number in bands) == 5
    assert bands[0][0] == 0
    assert bands[-1][1] == 10
    assert len(bands) <= 10


def test_a_course_without_a_bank(group):
    (group.course.root / "tests/solutions/tiny/task_01_double.py").unlink()
    group.add("ada", 0.0, answer=SQUARE)
    assert group.summary().tasks[0].known == ()


def test_a_course_in_which_nothing_was_ever_graded(tiny):
    with pytest.raises(UserError, match="autograder grade tiny"):
        report.summarise(tiny, "tiny")
