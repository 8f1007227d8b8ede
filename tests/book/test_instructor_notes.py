"""The notes for teachers: one page for each chapter, true to the chapter and to its exercise."""

import json
import re

import pytest
from myst_parser.mdit_to_docutils.base import default_slugify
from projects import ROOT

from course import notebooks

CHAPTERS = notebooks.find_chapters(ROOT / "notebooks")
FOLDER = ROOT / "book/instructor"
HEADINGS = [
    "What it is for",
    "Time",
    "Before",
    "Pitfalls",
    "Questions to expect",
    "How to shorten",
    "The exercise",
]
NOT_TAUGHT = {
    "Set-up",
    "What to remember",
    "Practice",
    "Where to read on",
    "This run",
}
LONGEST = 80  # lines: a page is to be read before a lesson

chapters = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)


def notes(chapter):
    """Return the notes for a chapter."""
    return (FOLDER / f"{chapter.stem}.md").read_text(encoding="utf-8")


def part(page, heading):
    """Return what stands below a heading of a page."""
    return re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)[1]


def anchors(chapter, level="##?#?#?"):
    """Return the anchors of a chapter's headings, as MyST makes them."""
    cells = [cell for cell in notebooks.read(chapter).cells if cell.cell_type == "markdown"]
    text = re.sub(r"^```.*?^```", "", "\n".join(c.source for c in cells), flags=re.M | re.S)
    titles = re.findall(rf"^{level} (.+)$", text, re.MULTILINE)
    return {default_slugify(re.sub(r"[`*]", "", title)): title for title in titles}


def linked(page, chapter):
    """Return the anchors of the chapter to which a page links."""
    return re.findall(rf"\]\(\.\./\.\./notebooks/{chapter.stem}\.ipynb#([^)]*)\)", page)


def test_each_chapter_has_its_notes_and_no_other_is_there():
    assert {path.stem for path in FOLDER.iterdir()} == {path.stem for path in CHAPTERS}


def test_the_guide_for_teachers_leads_to_them():
    guide = (ROOT / "book/teacher.md").read_text(encoding="utf-8")
    assert all(f"(instructor/{chapter.stem}.md)" in guide for chapter in CHAPTERS)


@chapters
def test_they_have_the_same_headings_and_fit_on_a_page(chapter):
    page = notes(chapter)
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == HEADINGS
    assert len(page.splitlines()) <= LONGEST


@chapters
def test_every_link_to_the_chapter_leads_to_one_of_its_sections(chapter):
    page = notes(chapter)
    assert [name for name in linked(page, chapter) if name not in anchors(chapter)] == []
    assert len(re.findall(r"\.ipynb", page)) == len(linked(page, chapter))


@chapters
def test_the_time_is_told_for_every_section_and_adds_up(chapter):
    time = part(notes(chapter), "Time")
    taught = {a for a, title in anchors(chapter, "##").items() if title not in NOT_TAUGHT}
    assert set(linked(time, chapter)) == taught
    *minutes, total = map(int, re.findall(r"\| (\d+) \|$", time, re.MULTILINE))
    assert sum(minutes) == total


@chapters
def test_the_seconds_are_those_of_records(chapter):
    told = re.findall(r"((?:\d+, )*(?:\d+ and )?\d+) s\b", part(notes(chapter), "Time"))
    numbers = {int(number) for text in told for number in re.findall(r"\d+", text)}
    recorded = set()
    for path in (ROOT / "book/results").glob(f"*_{chapter.stem}_*.json"):
        record = json.loads(path.read_text())
        metrics = [v for k, v in record["metrics"].items() if k.endswith("seconds")]
        recorded |= {round(value) for value in [record["seconds"], *metrics]}
    assert numbers
    assert numbers <= recorded


@chapters
def test_the_exercise_has_the_tasks_and_points_that_are_told(chapter):
    exercise = notebooks.read(ROOT / "solutions" / chapter.stem / chapter.name)
    graded = [cell.metadata.get("nbgrader", {}) for cell in exercise.cells]
    points = [cell["points"] for cell in graded if cell.get("grade")]
    told = part(notes(chapter), "The exercise")
    tasks = {int(task): int(of) for task, of in re.findall(r"(\d+) \((\d+)\)", told)}
    assert tasks == dict(enumerate(points, start=1))
    chosen, total = re.search(r"give tasks ([\d, and]+) \((\d+) points\)", told).groups()
    assert sum(tasks[int(task)] for task in re.findall(r"\d+", chosen)) == int(total)
