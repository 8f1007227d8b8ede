import random
import re
import subprocess
import sys
import time

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograder import arrivals, records, similar
from autograder.arrivals import Arrival
from autograder.errors import UserError
from autograder.nbgrader_course import Course
from autograder.records import Record

GIVEN = '''
def smooth(values, width):
    """Return the running mean of some values."""
    # YOUR CODE HERE
    raise NotImplementedError()


def steps(values):
    """Return how much each value differs from the one before it."""
    # YOUR CODE HERE
    raise NotImplementedError()
'''

ORIGINAL = '''
def smooth(values, width):
    """Return the running mean of some values."""
    total, found = 0.0, []
    for place, value in enumerate(values):
        total += value
        if place >= width:
            total -= values[place - width]
        if place >= width - 1:
            found.append(total / width)
    return np.array(found)


def steps(values):
    """Return how much each value differs from the one before it."""
    before, found = None, []
    for value in values:
        if before is not None:
            found.append(value - before)
        before = value
    return np.array(found)
'''

# The same in another order, with other names and comments
COPY = """
def steps(v):
    last, out = None, []
    for x in v:  # go through all of them
        if last is not None:
            out.append(x - last)
        last = x
    return np.array(out)

def smooth(v, w):
    s, out = 0.0, []
    for i, x in enumerate(v):
        s += x

        if i >= w:
            s -= v[i - w]  # too old
        if i >= w - 1:
            out.append(s / w)
    return np.array(out)
"""

OTHER = '''
def smooth(values, width):
    """Return the running mean of some values."""
    kernel = np.ones(width) / width
    return np.convolve(values, kernel, mode="valid")


def steps(values):
    """Return how much each value differs from the one before it."""
    values = np.asarray(values)
    return values[1:] - values[:-1]
'''

THIRD = '''
def smooth(values, width):
    """Return the running mean of some values."""
    sums = np.cumsum(np.concatenate([[0.0], values]))
    return (sums[width:] - sums[:-width]) / width


def steps(values):
    """Return how much each value differs from the one before it."""
    return np.diff(values)
'''

BROKEN = "def smooth(values, width:\n    return '''"
HOSTILE = (
    "def smooth(a):\n    return '</pre></code></title><script>alert(1)</script>' \x00 \ud800\n"
)


def cell(kind, name, source, **nbgrader):
    made = kind(source.strip(), id=name)
    made.metadata["nbgrader"] = {"grade_id": name, "solution": True} | nbgrader
    return made


@pytest.fixture
def course(tmp_path):
    """A course that holds nothing but a released exercise of two tasks."""
    folder = tmp_path / "notebooks" / "exercises" / "tiny"
    folder.mkdir(parents=True)
    cells = [
        cell(new_code_cell, "setup", "import numpy as np", solution=False, locked=True),
        new_markdown_cell("## Task 1: Series", id="text"),
        cell(new_code_cell, "task_01", GIVEN),
        cell(new_markdown_cell, "task_02", "YOUR ANSWER HERE", grade=True, points=3),
    ]
    nbformat.write(new_notebook(cells=cells), folder / "tiny.ipynb")
    return Course(tmp_path)


def hand_in(course, **answers):
    """Write the records of a class, of what each student wrote."""
    for student, answer in answers.items():
        tasks = answer if isinstance(answer, dict) else {"task_01": answer}
        records.write(course, "tiny", Record(student, "d", "a", "s", "now", answers=tasks))


def test_a_copy_with_other_names_in_another_order_ranks_first(course):
    hand_in(course, ada=ORIGINAL, bob=OTHER, cy=COPY, dan=THIRD)
    pairs = similar.compare(course, "tiny")
    first = pairs[0]
    assert (first.student_a, first.student_b) == ("ada", "cy")
    assert min(first.share_a, first.share_b) > 0.8
    assert first.tokens > 120
    assert [one.task for one in first.tasks] == ["task_01"]
    assert all(pair.score < 0.2 for pair in pairs[1:])


def test_independent_answers_to_a_short_task_are_not_alike(course):
    hand_in(course, ada=OTHER, bob=THIRD, cy=ORIGINAL)
    assert all(pair.score < 0.2 for pair in similar.compare(course, "tiny"))


def test_what_was_given_says_nothing(course):
    untouched = {"task_01": GIVEN.strip(), "task_02": "YOUR ANSWER HERE"}
    hand_in(course, ada=untouched, bob=untouched)
    assert similar.compare(course, "tiny") == []
    page = similar.page(course, "tiny", [])
    assert "No pair has anything in common" in page


@pytest.mark.parametrize("answer", ["", " \n\n", "\ufeff", "x", "pass\r\n", BROKEN, HOSTILE])
def test_any_answer_can_be_compared(course, answer):
    hand_in(course, ada=answer, bob=ORIGINAL, cy=answer)
    pairs = similar.compare(course, "tiny")
    similar.page(course, "tiny", pairs)
    assert all({pair.student_a, pair.student_b} == {"ada", "cy"} for pair in pairs)


def test_code_that_is_no_python_is_compared_all_the_same(course):
    hand_in(course, ada=ORIGINAL + "\n)(", bob=COPY + "\n'''", cy=OTHER)
    assert similar.compare(course, "tiny")[0].score > 0.8


def test_students_without_answers_are_left_out(course):
    hand_in(course, ada=ORIGINAL, bob=COPY, cy={})
    (pair,) = similar.compare(course, "tiny")
    assert "cy" not in (pair.student_a, pair.student_b)


def test_a_text_is_compared_as_text(course):
    said = "The mean of a window is smoother, since what is random in the values evens out."
    hand_in(
        course,
        ada={"task_02": f"{said} That is all there is to it."},
        bob={"task_02": "I think so:\n" + said.replace(" ", "\n")},
        cy={"task_02": "Differences make noise larger, as both values bring their error along."},
    )
    (pair,) = similar.compare(course, "tiny")
    assert (pair.student_a, pair.student_b) == ("ada", "bob")


def test_what_many_have_is_usual(course):
    own = "\n\ndef own_{0}():\n    return [{0} * {0}, '{0}', {0} - {0}, {0} / {0}, {0} ** {0}]\n"
    hand_in(course, **{f"s{number}": ORIGINAL + own.format(1000 + number) for number in range(9)})
    assert similar.usual_limit(9) == 3
    assert all(pair.score < 0.2 for pair in similar.compare(course, "tiny"))


def test_submissions_that_are_all_the_same_are_not_usual(course):
    ring = {f"s{number}": ORIGINAL for number in range(12)}
    hand_in(course, **ring, other=OTHER, third=THIRD)
    pairs = similar.compare(course, "tiny")
    assert len([pair for pair in pairs if pair.score > 0.99]) == 12 * 11 / 2


@pytest.mark.parametrize(("students", "limit"), [(2, 2), (6, 2), (9, 3), (30, 10), (300, 10)])
def test_how_many_make_it_usual(students, limit):
    assert similar.usual_limit(students) == limit


def test_a_short_text_in_a_long_one_does_not_come_first(course):
    rest = THIRD.replace("smooth", "three").replace("steps", "four") * 3
    short = ORIGINAL.split("def steps")[0]
    hand_in(course, ada=short, bob=ORIGINAL + rest, cy=OTHER + COPY, dan=OTHER + COPY)
    pairs = similar.compare(course, "tiny")
    assert (pairs[0].student_a, pairs[0].student_b) == ("cy", "dan")
    assert [pair.score for pair in pairs] == sorted((pair.score for pair in pairs), reverse=True)


def test_stretches_match_by_number(course):
    hand_in(course, ada=ORIGINAL, bob=COPY)
    prints = similar._prints(course, "tiny")
    one, other = prints["ada"]["task_01"], prints["bob"]["task_01"]
    left, right = similar.stretches(one, other)
    assert [stretch.number for stretch in left] == sorted(stretch.number for stretch in left)
    assert {stretch.number for stretch in right} <= {stretch.number for stretch in left}
    parts = {stretch.number: one.text[stretch.start : stretch.stop] for stretch in left}
    assert any("total -= values[place - width]" in part for part in parts.values())
    for stretch in right:
        part = other.text[stretch.start : stretch.stop]
        assert part == part.rstrip()
        assert ("enumerate" in part) == ("enumerate" in parts[stretch.number])


def test_places_are_right_below_a_class(course):
    top = 'class AVeryLongNameForAnEmptyThing:\n    """Nothing."""\n\n\n'
    hand_in(course, ada=top + ORIGINAL, bob=ORIGINAL)
    prints = similar._prints(course, "tiny")
    left, right = similar.stretches(prints["ada"]["task_01"], prints["bob"]["task_01"])
    texts = [
        [prints[student]["task_01"].text[one.start : one.stop] for one in found]
        for student, found in (("ada", left), ("bob", right))
    ]
    assert texts[0][-1].endswith("np.array(found)")
    assert texts[0][-1][-100:] == texts[1][-1][-100:]


def test_the_page_shows_pairs_and_accuses_nobody(course):
    hand_in(course, ada=ORIGINAL, bob=COPY, cy=OTHER)
    arrivals.write(
        course,
        "tiny",
        [
            Arrival("ada", "Ada <b>Lovelace</b>", "moodle", "1", {}, "x.zip"),
            Arrival("bob", "", "moodle", "2", {}, "x.zip"),
        ],
    )
    (course.solutions / "tiny").mkdir(parents=True)
    pairs = similar.compare(course, "tiny")
    page = similar.page(course, "tiny", pairs)
    assert "Similar code is a place to look, and no proof of anything." in page
    assert not re.search(r"plagiar|cheat|copied|guilty|suspect|fraud", page, re.IGNORECASE)
    assert "Ada &lt;b&gt;Lovelace&lt;/b&gt;" in page
    assert page.count("<mark>") >= 2
    assert "<script" not in page
    assert '<html lang="en">' in page
    assert page == similar.page(course, "tiny", pairs)


def test_the_page_is_safe_whatever_students_write(course):
    long = HOSTILE + ORIGINAL + "# </code></pre><script>alert(1)</script>\n"
    hand_in(course, ada=long, bob=long)
    page = similar.page(course, "tiny", similar.compare(course, "tiny"))
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert page.count("<pre") == page.count("</pre>") == 2
    assert not re.search(r"[\x00-\x08\x0b-\x1f\ud800-\udfff]", page)
    page.encode("utf-8")


def test_the_page_shows_the_first_pairs_only(course):
    hand_in(course, **{f"s{number}": ORIGINAL for number in range(6)})
    pairs = similar.compare(course, "tiny")
    page = similar.page(course, "tiny", pairs, shown=2, listed=5)
    assert page.count('class="pair"') == 2
    assert page.count('<th scope="row">') == 5
    assert "The first 5 are listed." in page


def test_progress_is_told(course):
    hand_in(course, **{f"s{number}": ORIGINAL for number in range(4)})
    told = []
    similar.compare(course, "tiny", lambda done, total: told.append((done, total)))
    assert told[-1] == (6, 6)


def test_one_submission_has_nothing_to_be_compared_with(course):
    hand_in(course, ada=ORIGINAL)
    assert similar.compare(course, "tiny") == []
    similar.page(course, "tiny", [])


def test_no_submission_names_the_next_command(course):
    with pytest.raises(UserError, match="autograder grade tiny"):
        similar.compare(course, "tiny")


def test_an_exercise_that_is_not_released_names_the_next_command(course):
    hand_in(course, ada=ORIGINAL)
    (course.exercises / "tiny" / "tiny.ipynb").unlink()
    with pytest.raises(UserError, match="autograder release tiny"):
        similar.compare(course, "tiny")


def test_the_ranking_is_the_same_in_every_process(course):
    hand_in(course, ada=ORIGINAL, bob=COPY, cy=OTHER, dan=THIRD)
    program = (
        "import sys, pathlib; from autograder import similar; "
        "from autograder.nbgrader_course import Course; "
        "print(similar.compare(Course(pathlib.Path(sys.argv[1])), 'tiny'))"
    )
    ranked = {
        subprocess.run(
            [sys.executable, "-c", program, str(course.root)],
            env={"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(ranked) == 1


@pytest.mark.slow
def test_300_submissions_take_less_than_two_minutes(course, monkeypatch):
    # The worst case: nothing is usual, so that every pair has something in common
    monkeypatch.setattr(similar, "usual_limit", lambda students: students)
    random_ = random.Random(1)
    for number in range(300):
        answers = {f"task_{task:02}": scramble(random_) for task in range(1, 12) if task != 2}
        hand_in(course, **{f"s{number}": answers})
    start = time.monotonic()
    pairs = similar.compare(course, "tiny")
    similar.page(course, "tiny", pairs)
    assert len(pairs) > 30_000
    assert time.monotonic() - start < 120


def scramble(random_):
    """Make an answer of pieces of others, with a step of its own after every other line."""
    lines = random_.choice([ORIGINAL, COPY, OTHER, THIRD]).splitlines()
    for place in sorted(random_.sample(range(len(lines)), len(lines) // 2), reverse=True):
        parts = random_.choices(["x", "2", "[0]", "f(y)", "z.t", "len(a)"], k=4)
        lines.insert(
            place + 1, f"    a = {parts[0]} {random_.choice('+-*/')} ({', '.join(parts[1:])})"
        )
    return "\n".join(lines)
