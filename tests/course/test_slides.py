"""Slides from a chapter's own cells."""

import os
import re

import pytest
from browser import needs_browser, open_page
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from typer import Typer
from typer.testing import CliRunner

from course import notebooks, slides, slides_page
from course.notebooks import NotebookError
from course.runs import Record
from course.slides_cli import make_slides

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
QUESTION = """\
**Question.** How many?

<details>
<summary>One</summary>

**No.** It is $2$.

</details>

<details>
<summary>Two</summary>

**Right.** It is.

</details>
"""


def text(source, *tags):
    return new_markdown_cell(source, metadata={"tags": list(tags)})


def code(source, *outputs, tags=(), **metadata):
    return new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags), **metadata})


def printed(lines):
    return new_output("stream", text=lines)


def glued(name, value):
    data = {"application/papermill.record/text/plain": repr(value)}
    scrap = {"name": name, "mime_prefix": "application/papermill.record/"}
    return new_output("display_data", data, metadata={"scrapbook": scrap})


def figure(**metadata):
    return new_output(
        "display_data", {"image/png": PIXEL, "text/plain": "<Figure>"}, metadata=metadata
    )


PARAMETERS = code('profile = "quick"', tags=["parameters"])
TITLE = text(
    "# A *small* chapter\n\nWhat it is about.\n\n**You will be able to**\n\n- count,\n- add."
)


def chapter(*cells):
    return new_notebook(cells=[TITLE, text("## Set-up\n\nImports."), PARAMETERS, *cells])


@pytest.fixture
def book(tmp_path):
    page = tmp_path / "html/book/ledger.html"
    page.parent.mkdir(parents=True)
    page.touch()
    (tmp_path / "html/notebooks").mkdir()
    return slides.Book(tmp_path / "html", tmp_path / "slides")


def shown(deck):
    """Return the slides: for each its kind and the sources and outputs on it; notes apart."""
    found = []
    for cell in deck.cells:
        kind = cell.metadata["slideshow"]["slide_type"]
        if kind in ("slide", "subslide"):
            found.append((kind, [cell.source]))
        elif kind == "-":
            if not cell.metadata["transient"]["remove_source"]:
                found[-1][1].append(cell.source)
            for output in cell.outputs:
                found[-1][1].append(output.get("text") or next(iter(output.data.values())))
    return found


def test_a_section_goes_right_and_what_belongs_to_it_goes_down(book):
    deck = slides.slides(
        chapter(
            text("## Adding\n\nOne.\nTwo.\nThree.\nFour.\n\nMore prose.\n\nNow add:"),
            code("1 + 1", new_output("execute_result", {"text/plain": "2"})),
            text("### A part\n\nSmaller."),
            text("## Counting\n\nAgain."),
        ),
        book,
    )
    title, adding, sum_, part, counting = shown(deck)
    assert title[0] == adding[0] == counting[0] == "slide"
    assert sum_[0] == part[0] == "subslide"
    assert "You will be able to" in title[1][0]
    assert "- count," in title[1][0]
    assert adding[1] == ["## Adding\n\nOne.\nTwo.\nThree."]
    assert sum_[1] == ['<p class="section-name">Adding</p>\n\nNow add:', "1 + 1", "2\n"]
    assert part[1] == ["### A part\n\nSmaller."]
    assert deck.metadata.title == "A small chapter"


def test_the_prose_is_for_the_speaker(book):
    deck = slides.slides(chapter(text("## Adding\n\nOne.\n\nMore prose.")), book)
    [notes] = [c for c in deck.cells[-1:] if c.metadata.slideshow.slide_type == "notes"]
    assert notes.source == "One.\n\nMore prose."


def test_lists_formulas_and_tables_are_shown_with_the_sentence_before_them(book):
    source = "## A\n\nFirst.\n\nLong prose.\nSo:\n\n$$\nx = 1\n\n+ 2\n$$\n\nNo.\nThese:\n\n- a\n- b\n\n| p | q |\n|---|---|\n| 1 | 2 |\n\nEnd."
    [_, (_, [slide])] = shown(slides.slides(chapter(text(source)), book))
    assert "So:\n\n$$\nx = 1\n\n+ 2\n$$\n\nThese:\n\n- a\n- b\n\n| p | q |" in slide
    assert not any(word in slide for word in ("Long", "No.", "End"))


def test_long_lists_are_cut_to_first_sentences_and_shared_among_slides(book):
    items = "\n".join(f"{i}. Do it.\n   See what happens." for i in range(1, 8))
    source = f"## Practice\n\n**Easy**\n\n{items}\n\n**Hard**\n\n{items}\n\n**Hardest**\n\n- a\n"
    found = [pieces[0] for _, pieces in shown(slides.slides(chapter(text(source)), book))][1:]
    assert len(found) > 1
    assert "7. Do it." in found[0]
    assert "See what" not in "".join(found)
    assert not any(page.rstrip().endswith("**") for page in found)


def test_the_tags_of_the_book_hold(book):
    deck = slides.slides(
        chapter(
            text("## A\n\nText."),
            code("hidden = 1", printed("a"), tags=["remove-cell"]),
            code("no_source = 1", printed("b\n"), tags=["remove-input"]),
            code("no_output = 1", printed("c\n"), tags=["remove-output"]),
            code("warned = 1", new_output("stream", name="stderr", text="warning")),
            code("\n".join(f"x{i} = 1" for i in range(19)), printed("long\n")),
            code("\n".join(f"y{i} = 1" for i in range(19))),
        ),
        book,
    )
    pieces = [piece for _, [_, *pieces] in shown(deck) for piece in pieces]
    assert pieces == ["b\n", "no_output = 1", "warned = 1", "long\n"]


def test_numbers_are_those_of_the_run(book):
    deck = slides.slides(
        chapter(
            text("## A\n\n{glue:text}`share:.1%` of {glue:text}`many:,`, {glue:text}`name`."),
            code(
                "keep()",
                glued("share", 0.25),
                glued("many", 12000),
                glued("name", "x → y"),
                tags=["remove-cell"],
            ),
            text("And {glue:text}`missing`."),
        ),
        book,
    )
    assert "25.0% of 12,000, x → y." in shown(deck)[1][1][0]
    assert "{glue:text}`missing`" in shown(deck)[2][1][0]


def test_figures_keep_their_alt_texts_and_captions_and_stand_without_code(book):
    mystnb = {"image": {"alt": 'A "box"'}, "figure": {"caption": "A < B", "name": "fig-a"}}
    picture = {"alt": "Still", "caption": "Change it", "name": "fig-b"}
    live = figure(picture=picture)
    live.data["text/html"] = '<figure class="picture">live</figure>'
    deck = slides.slides(
        chapter(
            text("## A\n\nText."),
            text("Look at it:"),
            code("plt.plot()", figure(), mystnb=mystnb),
            code("picture()", live, tags=["picture"]),
        ),
        book,
    )
    plot, still = shown(deck)[2:]
    assert plot[1][0].endswith("Look at it:")
    assert len(plot[1]) == 2
    assert 'alt="A &quot;box&quot;"' in plot[1][1]
    assert "<figcaption>A &lt; B</figcaption>" in plot[1][1]
    assert f'<img alt="Still" src="data:image/png;base64,{PIXEL}">' in still[1][1]
    assert "live" not in still[1][1]


def test_questions_stand_on_slides_of_their_own(book):
    deck = slides.slides(
        chapter(text("## A\n\nText."), text(QUESTION, "question"), code("1")), book
    )
    [_, _, question, _] = shown(deck)
    assert question[1] == [f'<p class="section-name">A</p>\n\n{QUESTION}']


def test_what_does_not_fit_is_cut_or_goes_to_the_next_slide(book):
    long = "".join(f"{i}\n" for i in range(60))
    source = "\n".join(f"print({i})" for i in range(15))
    deck = slides.slides(
        chapter(text("## A\n\nText."), code(source, printed(long)), code("show()", printed(long))),
        book,
    )
    first, second, third = shown(deck)[2:]
    assert first[1][1:] == [source]
    assert second[1][1].count("\n") == third[1][1].count("\n") == slides.LONGEST_OUTPUT
    assert second[1][1].endswith("\n26\n… and 33 more lines\n")
    assert len(third[1]) == 2  # a call needs no slide of its own


def test_links_lead_to_pages_that_are_there(book):
    source = "[Web](https://example.org/a_(b)) [ledger](../book/ledger.md#x) [gone](gone.ipynb) [here](#a) ![i](a.png) [*a* [b]](gone.md)"
    assert slides.relink(source, book) == (
        "[Web](https://example.org/a_(b)) [ledger](../html/book/ledger.html#x) gone here ![i](a.png) *a* [b]"
    )


def test_a_page_asks_nobody_elsewhere(book):
    page = slides_page.render(slides.slides(chapter(text("## A\n\n$x$"), code("1")), book))
    loaded = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="([^"]+)"', page)
    assert loaded
    assert [address for address in loaded if ":" in address or address.startswith("/")] == []
    assert not re.search(r"import .* from|require\(|@import", page)


@pytest.fixture
def ran(project):
    """A project with a chapter that has run, and what its record says."""

    def add(name="1_small", cells=(), status="passed"):
        import nbformat

        made = chapter(text("## Adding\n\nOne and one, $1 + 1$."), *cells)
        run = project.paths.executed(project.root / f"notebooks/{name}.ipynb", "quick")
        run.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(made, run)
        Record(name, "quick", status, "2026-01-01T00:00:00+00:00", 1.0).save(
            run.with_suffix(".json")
        )
        source = project.root / f"notebooks/{name}.ipynb"
        nbformat.write(notebooks.pin_outputs(made, None), source)
        return source

    return add


def course_slides(*arguments):
    """Run the command in this process."""
    app = Typer()
    app.command()(make_slides)
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_the_command_writes_slides_and_what_they_load(project, ran):
    ran("1_small")
    ran("2_smaller")
    done = course_slides()
    assert done.exit_code == 0, done.exception
    assert done.stdout.split() == [
        f"_build/slides/{n}.slides.html" for n in ("1_small", "2_smaller")
    ]
    folder = project.root / "_build/slides"
    page = (folder / "1_small.slides.html").read_text()
    assert "<title>A small chapter slides</title>" in page
    for address in re.findall(r'(?:src|href)="([^":#]+)"', page):
        assert (folder / address).is_file(), address
    assert course_slides("notebooks/1_small.ipynb").stdout.split() == [
        "_build/slides/1_small.slides.html"
    ]


def test_without_a_run_it_says_which_command_makes_one(project, ran):
    path = project.add("1_new", "1 + 1")
    mend = f"course run --profile smoke {os.path.relpath(path)}"
    for arguments, told in (
        (("--profile", "smoke"), mend),
        ((), "no run in quick yet"),
    ):
        done = course_slides(*arguments)
        assert isinstance(done.exception, slides.SlidesError)
        assert told in str(done.exception)


def test_a_run_of_other_code_or_one_that_failed_is_not_shown(project, ran):
    source = ran("1_small", status="failed")
    with pytest.raises(slides.SlidesError, match="failed; make one by: course run"):
        slides.make(project.root, source, "quick")
    source = ran("2_small", cells=[code("1 + 1")])
    source.write_text(source.read_text().replace("1 + 1", "2 + 2"))
    with pytest.raises(slides.SlidesError, match="its code has changed"):
        slides.make(project.root, source, "quick")
    with pytest.raises(NotebookError, match="no such notebook"):
        slides.make(project.root, project.root / "notebooks/none.ipynb", "quick")
    assert isinstance(course_slides("elsewhere.ipynb").exception, NotebookError)


@pytest.mark.slow
@needs_browser
def test_slides_open_go_on_and_fit_without_the_internet(project, ran):
    wide = printed("\n".join("wide " * 40 for _ in range(25)))
    tall = "## Much\n\n" + "\n".join(
        f"- item {i}, in a line that has some words" for i in range(30)
    )
    source = ran(
        cells=[
            text(tall),
            code("print()", wide),
            code("plot()", figure(), mystnb={"figure": {"caption": "Long. " * 30, "name": "f"}}),
            text("Why:\n\n$$\n" + r"\text{a long name:}\quad x \qquad " * 8 + "\n$$"),
            text(QUESTION, "question"),
        ]
    )
    page_of_slides = slides.make(project.root, source, "quick")
    with open_page() as page:
        asked, errors = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("requestfailed", lambda request: errors.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.set_viewport_size({"width": 1280, "height": 720})
        page.goto(page_of_slides.as_uri())
        page.wait_for_function("window.Reveal?.isReady()")
        heading = "Reveal.getCurrentSlide().querySelector('h1, h2, .section-name').innerText"
        assert page.evaluate(heading) == "A small chapter"
        page.keyboard.press("ArrowRight")
        page.wait_for_function(f"{heading} === 'Adding'")
        assert page.locator("section.present mjx-container").first.is_visible()
        for _ in range(page.evaluate("Reveal.getTotalSlides()")):
            too_large = page.evaluate(
                """[...Reveal.getCurrentSlide().querySelectorAll("*")].filter((element) => {
                  const box = element.getBoundingClientRect();
                  return box.width && (box.right > 1281 || box.bottom > 721 || box.left < -1);
                }).map((element) => element.outerHTML.slice(0, 100))"""
            )
            assert too_large == []
            page.keyboard.press("Space")
        question = page.locator("section.present summary").first
        question.click()
        page.get_by_text("It is").first.wait_for()
        question.press("Enter")
        page.wait_for_function("!document.querySelector('section.present details[open]')")
    assert errors == []
    here = source.parents[1].as_uri()
    assert [url for url in asked if not url.startswith((here, "data:"))] == []
