"""What a reader finds on the pages of the book."""

import re

import pytest
from projects import ROOT

from course import notebooks

pytestmark = pytest.mark.slow

CHAPTERS = notebooks.find_chapters(ROOT / "notebooks")
chapters = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)


def text(page):
    """Return a page without its tags."""
    return re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8"))


def test_there_is_a_page_for_everything_in_the_contents(html):
    names = re.findall(r"(?:root|file): (\S+)", (ROOT / "_toc.yml").read_text())
    names += [f"notebooks/{chapter.stem}" for chapter in CHAPTERS]
    names += [f"notebooks/exercises/{chapter.stem}/{chapter.stem}" for chapter in CHAPTERS]
    assert [name for name in names if not (html / f"{name}.html").exists()] == []
    assert (html / "index.html").exists()


def test_nothing_is_left_to_fill_in(html):
    for page in html.rglob("*.html"):
        if "exercises" not in page.parts:
            assert not re.search(r"\{\{ \w+ \}\}|\{glue:text\}`\w+:?", text(page)), page


@chapters
def test_a_page_says_that_its_data_are_a_stand_in(html, chapter):
    page = text(html / "notebooks" / f"{chapter.stem}.html")
    reads_data = bool(notebooks.datasets(notebooks.read(chapter)))
    assert ("This is not" in page) == reads_data
    assert ("stand-in" in page) == reads_data
    assert "stand-in data" in text(html / "book/welcome.html")


@chapters
def test_a_page_ends_with_what_it_ran_on(html, chapter):
    page = (html / "notebooks" / f"{chapter.stem}.html").read_text(encoding="utf-8")
    assert re.search(r"<td>\s*(<p>)?Peak memory", page)


def test_without_a_repository_there_are_no_buttons_that_need_one(html):
    for page in html.rglob("*.html"):
        assert "colab.research" not in page.read_text(encoding="utf-8"), page


def test_formulas_and_style_are_served_by_the_book(html):
    page = (html / "notebooks" / f"{CHAPTERS[0].stem}.html").read_text(encoding="utf-8")
    assert "_static/mathjax/tex-chtml.js" in page
    assert "_static/course.css" in page
    assert not re.findall(r"<(?:script|link)[^>]+(?:src|href)=\"https?://[^\"]+\.(?:js|css)", page)


def test_the_ledger_and_the_errata_show_the_claims(html):
    ledger = text(html / "book/ledger.html")
    assert "93,322" in ledger
    assert "not reproduced" not in ledger
    assert "not judged yet" not in ledger
    assert "“" in text(html / "book/errata.html")
