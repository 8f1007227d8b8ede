"""What a chapter asks its readers, and how it ends: read in the source, without a run."""

import re
from collections import Counter

import pytest
from projects import ROOT

from course import notebooks

CHAPTERS = notebooks.find_chapters(ROOT / "notebooks")
END = ["What to remember", "Practice", "Where to read on", "This run"]
NOT_ASKED = {"Set-up", *END}

QUESTION = re.compile(
    r"\*\*Question\.\*\* (?P<text>\S.*?)\n\n(?P<choices><details>\n.*)", re.DOTALL
)
CHOICE = re.compile(
    r"<details>\n"
    r"<summary>(?P<choice>\S[^\n]*)</summary>\n\n"
    r"\*\*(?P<verdict>Right|No)\.\*\* (?P<reason>\S(?:(?!</?details>).)*)\n\n"
    r"</details>",
    re.DOTALL,
)
CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

chapters = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)


def parse(source):
    """Return a question's text and its choices, each with a verdict and a reason."""
    question = QUESTION.fullmatch(source)
    assert question, "not a question and its choices, with an empty line between"
    choices = list(CHOICE.finditer(question["choices"]))
    whole = "\n\n".join(choice[0] for choice in choices)
    assert whole == question["choices"], "something is not of a choice's form"
    return question["text"], choices


def faults(source):
    """Return what is wrong with a question, as sentences."""
    try:
        text, choices = parse(source)
    except AssertionError as error:
        return [str(error).partition("\n")[0]]
    blocks = CODE.findall(text)
    prose = CODE.sub("", text)
    summaries = [choice["choice"] for choice in choices]
    rules = {
        "it has three or four choices": len(choices) in (3, 4),
        "one choice is right": [c["verdict"] for c in choices].count("Right") == 1,
        "no choice stands there twice": len(set(summaries)) == len(summaries),
        "a summary is plain text but for <code>": not any(
            re.search(r"[`$*\[\]<>]|\b_|_\b", re.sub(r"<code>[^<>]+</code>", "", s))
            for s in summaries
        ),
        "its code has at most six lines": all(len(block.splitlines()) <= 6 for block in blocks),
        "it asks": "?" in prose,
        "its other blocks of code are marked as Python": "```" not in prose,
        "no number comes from a run": "{glue" not in source,
    }
    return [f"broken: {rule}" for rule, kept in rules.items() if not kept]


def sections(chapter):
    """Return the cells of each section of a chapter, by its heading."""
    found = {}
    for cell in notebooks.read(chapter).cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            heading = cell.source.partition("\n")[0].removeprefix("## ")
            assert heading not in found, f"two sections are called {heading}"
            found[heading] = []
        if found:
            found[heading].append(cell)
    return found


def is_question(cell):
    return "question" in notebooks.tags(cell)


def questions(chapter):
    return [cell for cell in notebooks.read(chapter).cells if is_question(cell)]


def part(chapter, heading):
    """Return the text of a section that is one cell."""
    [cell] = sections(chapter)[heading]
    return cell.source


@chapters
def test_each_section_ends_with_a_question_and_has_three_at_most(chapter):
    taught = {name: cells for name, cells in sections(chapter).items() if name not in NOT_ASKED}
    counts = {name: sum(map(is_question, cells)) for name, cells in taught.items()}
    assert {name: count for name, count in counts.items() if not 1 <= count <= 3} == {}
    assert [name for name, cells in taught.items() if not is_question(cells[-1])] == []


@chapters
def test_no_question_stands_elsewhere(chapter):
    others = {name: cells for name, cells in sections(chapter).items() if name in NOT_ASKED}
    assert [name for name, cells in others.items() if any(map(is_question, cells))] == []
    asked = {cell.id for cell in notebooks.read(chapter).cells if "**Question.**" in cell.source}
    assert asked == {cell.id for cell in questions(chapter)}


@chapters
def test_each_question_has_its_form(chapter):
    wrong = {cell.id: faults(cell.source) for cell in questions(chapter)}
    assert {name: found for name, found in wrong.items() if found} == {}
    assert [c.id for c in questions(chapter) if not re.fullmatch(r"q-[a-z0-9-]+", c.id)] == []
    assert {cell.cell_type for cell in questions(chapter)} == {"markdown"}


@chapters
def test_the_right_choice_stands_at_different_places(chapter):
    verdicts = [
        [choice["verdict"] for choice in parse(cell.source)[1]] for cell in questions(chapter)
    ]
    places = Counter(of_one.index("Right") for of_one in verdicts)
    assert len(places) >= 3
    assert max(places.values()) <= len(verdicts) / 2


def test_questions_have_names_of_their_own():
    names = Counter(cell.id for chapter in CHAPTERS for cell in questions(chapter))
    assert [name for name, count in names.items() if count > 1] == []


@chapters
def test_a_chapter_ends_with_what_to_remember_practice_and_where_to_read_on(chapter):
    assert list(sections(chapter))[-4:] == END


@chapters
def test_what_to_remember_is_a_short_list(chapter):
    assert 4 <= len(re.findall(r"^- ", part(chapter, "What to remember"), re.MULTILINE)) <= 8


@chapters
def test_practice_is_graded_and_leads_to_the_exercise(chapter):
    practice = part(chapter, "Practice")
    assert re.findall(r"^\*\*(.+)\*\*$", practice, re.MULTILINE) == ["Easy", "Medium", "Hard"]
    grades = re.split(r"^\*\*.+\*\*$", practice, flags=re.MULTILINE)[1:]
    numbers = [re.findall(r"^(\d+)\. ", grade, re.MULTILINE) for grade in grades]
    assert all(numbers)
    # Counted on through the three lists
    counted = [int(number) for of_grade in numbers for number in of_grade]
    assert counted == list(range(1, len(counted) + 1))
    assert 5 <= len(counted) <= 7
    name = chapter.stem
    assert f"(exercises/{name}/{name}.ipynb)" in practice.splitlines()[-1]


@chapters
def test_where_to_read_on_names_a_few_sources_and_says_why(chapter):
    read_on = part(chapter, "Where to read on")
    entries = re.findall(r"^- (.+)$", read_on, re.MULTILINE)
    assert 3 <= len(entries) <= 6
    assert all("](" in entry and len(re.sub(r"\(\S+\)", "", entry)) > 60 for entry in entries)


RIGHT = "<details>\n<summary>6 pixels</summary>\n\n**Right.** $8 - 2$.\n\n</details>"
NO = "<details>\n<summary>8 pixels</summary>\n\n**No.** That is $n$.\n\n</details>"
THIRD = NO.replace("8", "5")


def of(*choices, text="How wide?"):
    return "\n\n".join([f"**Question.** {text}", *choices])


def test_a_question_of_the_right_form_has_no_fault():
    assert faults(of(RIGHT, NO, THIRD)) == []
    assert faults(of(RIGHT, NO, THIRD, text="What?\n\n```python\nf(1)\n```")) == []
    for choice in ("<code>f(1)</code>", "with forget_bias"):
        assert faults(of(RIGHT, NO, THIRD.replace("5 pixels", choice))) == []


@pytest.mark.parametrize(
    "source",
    [
        of(RIGHT, NO),
        of(NO, THIRD, NO.replace("8", "4")),
        of(RIGHT, NO, NO),
        of(RIGHT, NO, THIRD.replace("5 pixels", "`5` pixels")),
        of(RIGHT, NO, THIRD.replace("5 pixels", "<b>5</b> pixels")),
        of(RIGHT, NO, THIRD.replace("5 pixels", "_5_ pixels")),
        of(RIGHT, NO, THIRD.replace("\n\n</details>", "\n</details>")),
        of(RIGHT, NO, THIRD.replace("</summary>\n\n", "</summary>\n")),
        of(RIGHT, NO, THIRD.replace("**No.**", "No.")),
        of(RIGHT, NO, THIRD) + "\n\nMore.",
        of(RIGHT, "More.", NO, THIRD),
        of(RIGHT, NO, THIRD, text="How wide."),
        of(RIGHT, NO, THIRD, text="What?\n\n```python\n" + "f(1)\n" * 7 + "```"),
        of(RIGHT, NO, THIRD.replace("$n$", "{glue:text}`size`")),
    ],
)
def test_a_fault_is_found(source):
    assert faults(source)
