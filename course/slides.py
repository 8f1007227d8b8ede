"""Slides of a chapter, made from its own cells and the outputs of a run.

What becomes a slide is decided by rule. A section (`##`) goes to the right, and what belongs to it
goes down: its first paragraph with its lists, formulas and tables; then figures, what the code
prints, and code that can be read from the last row. All prose stands in the speaker's notes.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from course import notebooks, slides_page
from course.files import write_atomically
from course.notebooks import NotebookError, tags
from course.runs import Paths, Record

if TYPE_CHECKING:
    from nbformat import NotebookNode

LONGEST_CODE = 18  # lines
CALL = 3  # lines of code that may be left out where their output needs the whole slide
LONGEST_OUTPUT = 28  # lines; a longer one is cut
LONGEST_LIST = 12  # lines; of a longer one each item shows its first line, a sentence
SENTENCES = 3  # of a paragraph; in a chapter each stands on a line of its own
ROOM = 17  # lines of text that fit on a slide
WIDTH = 88  # characters of text in such a line
SMALL = 0.75  # of a line of text is the height of one of code
NOT_SHOWN = {"Set-up"}  # sections for whoever runs the chapter
HIDDEN = {"remove-cell", "hide-cell", notebooks.INSTALL}
NO_SOURCE = {"remove-input", "hide-input", notebooks.PICTURE}
NO_OUTPUT = {"remove-output", "hide-output"}

GLUED = re.compile(r"\{glue:text\}`(\w+)(?::([^`]*))?`")
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(((?:[^()\s]|\([^()\s]*\))+)\)")


class SlidesError(NotebookError):
    """Slides that can't be made; the message says what to do."""


def make(root: Path, chapter: Path, profile: str) -> Path:
    """Write the slides of a chapter, and what they load, into `_build/slides`.

    Args:
        root: the folder of the project.
        chapter: the notebook.
        profile: whose run is shown.

    Returns:
        The page, `_build/slides/NAME.slides.html`.

    Raises:
        SlidesError: there is no run of this code, or nothing to show.
        NotebookError: the notebook can't be read.
    """
    folder = root / "_build" / "slides"
    deck = slides(executed(root, chapter, profile), Book(root / "_build" / "html", folder))
    if not deck.cells:
        raise SlidesError(
            f"{chapter}: no section, so there is no slide; give it a heading `## ...`"
        )
    target = folder / f"{chapter.stem}.slides.html"
    folder.mkdir(parents=True, exist_ok=True)
    slides_page.copy_assets(folder)
    write_atomically(target, slides_page.render(deck))
    return target


def executed(root: Path, chapter: Path, profile: str) -> NotebookNode:
    """Return a chapter with the outputs of its run in a profile.

    Raises:
        SlidesError: there is no run of its code.
        NotebookError: the notebook can't be read.
    """
    paths, source = Paths(root), notebooks.read(chapter)
    run, record = paths.executed(chapter, profile), Record.load(paths.record(chapter, profile))
    mend = f"make one by: course run --profile {profile} {os.path.relpath(chapter)}"
    if record is None or not run.exists():
        raise SlidesError(f"{chapter}: no run in {profile} yet; {mend}")
    if record.status != "passed":
        raise SlidesError(f"{chapter}: its last run in {profile} failed; {mend}")
    try:
        return notebooks.with_outputs(source, notebooks.read(run))
    except ValueError:
        told = f"{chapter}: its code has changed since its run in {profile}; {mend}"
        raise SlidesError(told) from None


@dataclass(frozen=True)
class Book:
    """The built book, as the slides may link to it.

    Attributes:
        html: where its pages are, or would be.
        slides: the folder of the slides.
    """

    html: Path
    slides: Path

    def address(self, link: str) -> str | None:
        """Return where a chapter's link leads from the slides; None if there is no such page."""
        if re.match(r"[a-z]+:", link):
            return link
        target, _, anchor = link.partition("#")
        name = re.sub(r"\.(md|ipynb)$", ".html", target)
        page = self.html / "notebooks" / name
        if not target or not page.is_file():
            return None
        address = Path(os.path.relpath(page, self.slides)).as_posix()
        return f"{address}#{anchor}" if anchor else address


def fill(text: str, values: dict[str, Any]) -> str:
    """Put the numbers of a run where a text has their names; leave names that it didn't keep."""

    def number(found: re.Match) -> str:
        name, form = found.groups()
        if name not in values:
            return found[0]
        return format(values[name], form) if form else str(values[name])

    return GLUED.sub(number, text)


def relink(text: str, book: Book) -> str:
    """Let links lead to the pages of the book; where there is none, leave the words alone."""

    def link(found: re.Match) -> str:
        address = book.address(found[2])
        return f"[{found[1]}]({address})" if address else found[1]

    return LINK.sub(link, text)


class Block(NamedTuple):
    """A piece of Markdown: a heading, paragraph, list, table, formula, code or HTML."""

    kind: str
    text: str

    @property
    def lines(self) -> float:
        """How many lines of text it takes on a slide, roughly."""
        lines = self.text.splitlines()
        if self.kind in ("table", "code"):
            return 1 + SMALL * len(lines)
        if self.kind == "formula":
            return 1 + len(lines)
        if self.kind == "paragraph":
            return 1 + len(self.text) // WIDTH
        return sum(1 + len(line) // WIDTH for line in lines)


KINDS = {
    "heading_open": "heading",
    "paragraph_open": "paragraph",
    "bullet_list_open": "list",
    "ordered_list_open": "list",
    "table_open": "table",
    "math_block": "formula",
    "fence": "code",
}


def blocks(text: str) -> list[Block]:
    """Cut Markdown into its blocks."""
    from markdown_it import MarkdownIt
    from mdit_py_plugins.dollarmath import dollarmath_plugin

    parser = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin)
    lines, found = text.splitlines(), []
    for token in parser.parse(text):
        if token.level == 0 and token.map:
            piece = "\n".join(lines[slice(*token.map)]).strip("\n")
            found.append(Block(KINDS.get(token.type, "html"), piece))
    return found


def digest(found: list[Block]) -> list[Block]:
    """Return what a slide shows: the paragraph that comes first, lists, formulas, tables, code.

    Of another paragraph it shows the last sentence, if one of these follows it.
    """
    shown: list[Block] = []
    for block, after in zip(found, [*found[1:], None], strict=False):
        lines = block.text.splitlines()
        if block.kind == "list" and block.lines > LONGEST_LIST:
            shown.append(Block("list", _first_sentences(block.text)))
        elif block.kind != "paragraph":
            shown.append(block)
        elif all(other.kind == "heading" for other in shown):
            shown.append(Block("paragraph", "\n".join(lines[:SENTENCES])))
        elif after and after.kind not in ("paragraph", "heading"):
            shown.append(Block("paragraph", lines[-1]))
    return shown


def _first_sentences(items: str) -> str:
    """Return a list with the first sentence of each item: the line with its mark."""
    return "\n".join(re.findall(r"^(?:[-*+]|\d+\.) .+", items, re.MULTILINE))


def pages(shown: list[Block]) -> Iterator[list[Block]]:
    """Share blocks out among as many slides as they need."""
    page: list[Block] = []
    for block, after in zip(shown, [*shown[1:], None], strict=False):
        leads = block.kind == "paragraph" and after and after.kind not in ("paragraph", "heading")
        needed = block.lines + (after.lines if leads else 0)
        # No slide ends in a heading, or in a sentence that leads to a list
        free = page and page[-1].kind != "heading"
        free = free and (page[-1].kind != "paragraph" or block.kind == "paragraph")
        if free and sum(other.lines for other in page) + needed > ROOM:
            yield page
            page = []
        page.append(block)
    if page:
        yield page


def slides(notebook: NotebookNode, book: Book) -> NotebookNode:
    """Return the slides of an executed chapter as a notebook with marks for nbconvert.

    Args:
        notebook: the chapter, with outputs.
        book: where links may lead.
    """
    values, deck = notebooks.glued(notebook), _Deck()
    for cell in notebooks.source_cells(notebook):
        if HIDDEN & set(tags(cell)):
            continue
        if cell.cell_type == "code":
            deck.code(cell, values)
        elif "question" in tags(cell):
            deck.question(relink(fill(cell.source, values), book))
        else:
            for part in _parts(blocks(relink(fill(cell.source, values), book))):
                deck.prose(part)
    return deck.finished(notebook)


def _parts(found: list[Block]) -> Iterator[list[Block]]:
    """Cut blocks at headings, so that each part has one at its beginning or none."""
    part: list[Block] = []
    for block in found:
        if block.kind == "heading" and part:
            yield part
            part = []
        part.append(block)
    if part:
        yield part


class _Deck:
    """The slides so far."""

    def __init__(self) -> None:
        self.cells: list[NotebookNode] = []
        self.section = ""  # where we are
        self.lead: list[Block] = []  # stands above the code to come
        self.only_for_code = False  # is the lead, without code below it is not worth a slide
        self.prose_of_lead = ""
        self.notes = ""  # what the speaker can say to the slide that was begun last

    @property
    def skipped(self) -> bool:
        return self.section in NOT_SHOWN

    def prose(self, part: list[Block]) -> None:
        """Take a text in, which may begin with a heading."""
        self.end_lead()
        heading = part[0] if part[0].kind == "heading" else None
        if heading and not heading.text.startswith("###"):
            self.section = heading.text.lstrip("# ")
        if self.skipped:
            return
        text = "\n\n".join(block.text for block in part if block.kind != "heading")
        if not heading:
            self.lead, self.prose_of_lead = digest(part), text
            return
        first, *rest = pages(digest(part))
        self.begin(first, "subslide" if heading.text.startswith("###") else "slide")
        self.notes = text
        for page in rest:
            self.begin(page)
        # The sentence before the code introduces it
        if len(part) > 2 and part[-1].kind == "paragraph":
            self.lead = [Block("paragraph", part[-1].text.splitlines()[-1])]
            self.only_for_code = True

    def question(self, text: str) -> None:
        """Take a question in, with its choices."""
        self.end_lead()
        if not self.skipped:
            self.begin([Block("html", text)])

    def code(self, cell: NotebookNode, values: dict[str, Any]) -> None:
        """Take a code cell in, with what it printed or drew."""
        shown = [] if NO_OUTPUT & set(tags(cell)) else list(_outputs(cell, values))
        figure = any("<figure" in output.get("data", {}).get("text/html", "") for output in shown)
        lines = cell.source.count("\n") + 1
        source = cell.source
        if figure or lines > LONGEST_CODE or NO_SOURCE & set(tags(cell)):
            source = ""
        if self.skipped or not (source or shown):
            return
        below = SMALL * sum(_lines(output) for output in shown)
        above = SMALL * lines if source else 0
        room = ROOM / 2 if figure else ROOM - min(above + below, ROOM / 2)
        if sum(block.lines for block in self.lead) > room:
            self.end_lead()
        lead = sum(block.lines for block in self.lead)
        self.begin(self.lead)
        self.notes = self.prose_of_lead
        self.lead, self.prose_of_lead, self.only_for_code = [], "", False
        if shown and source and lead + above + below > ROOM:
            if lines > CALL:
                self.cells.append(_code_cell(source, []))
                self.begin([])
            source = ""
        self.cells.append(_code_cell(source, shown))

    def end_lead(self) -> None:
        """Show the text that no code followed."""
        for page in pages([] if self.only_for_code else self.lead):
            self.begin(page)
            self.notes, self.prose_of_lead = self.prose_of_lead or self.notes, ""
        self.lead, self.prose_of_lead, self.only_for_code = [], "", False

    def begin(self, page: list[Block], kind: str = "subslide") -> None:
        """Begin a slide; without a heading of its own it stands under that of its section."""
        from nbformat.v4 import new_markdown_cell

        self.end_notes()
        text = "\n\n".join(block.text for block in page)
        if not page or page[0].kind != "heading":
            title = re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(self.section, quote=False))
            text = f'<p class="section-name">{title}</p>\n\n{text}'
        metadata = {"slideshow": {"slide_type": kind}}
        self.cells.append(new_markdown_cell(text, metadata=metadata))

    def end_notes(self) -> None:
        from nbformat.v4 import new_markdown_cell

        if self.notes:
            metadata = {"slideshow": {"slide_type": "notes"}}
            self.cells.append(new_markdown_cell(self.notes, metadata=metadata))
        self.notes = ""

    def finished(self, notebook: NotebookNode) -> NotebookNode:
        """Return all slides."""
        from nbformat.v4 import new_notebook

        self.end_lead()
        self.end_notes()
        title = next((c.source for c in notebook.cells if c.source.startswith("# ")), "# Slides")
        name = re.sub(r"[`*]", "", title.splitlines()[0][2:])
        return new_notebook(cells=self.cells, metadata={"title": name})


def _code_cell(source: str, outputs: list[NotebookNode]) -> NotebookNode:
    from nbformat.v4 import new_code_cell

    metadata = {"slideshow": {"slide_type": "-"}, "transient": {"remove_source": not source}}
    return new_code_cell(source, outputs=outputs, metadata=metadata)


def _outputs(cell: NotebookNode, values: dict[str, Any]) -> Iterator[NotebookNode]:
    """Yield what a slide shows of a cell's outputs: figures as HTML, with their alt texts."""
    from nbformat.v4 import new_output

    printed = ""
    for output in cell.outputs:
        data = output.get("data", {})
        if output.output_type == "stream":
            if output.name == "stdout" and "remove-stdout" not in tags(cell):
                printed += output.text
        elif "image/png" in data:
            yield new_output("display_data", {"text/html": _figure(cell, output, values)})
        elif kind := next((k for k in ("text/markdown", "text/html") if k in data), None):
            yield new_output("display_data", {kind: data[kind]})
        elif "text/plain" in data:
            printed += data["text/plain"] + "\n"
    if printed.strip():
        yield new_output("stream", text=_cut(printed))


def _cut(printed: str) -> str:
    lines = printed.rstrip().splitlines()
    if len(lines) <= LONGEST_OUTPUT:
        return "\n".join(lines) + "\n"
    left = len(lines) - LONGEST_OUTPUT + 1
    return "\n".join([*lines[: LONGEST_OUTPUT - 1], f"… and {left} more lines"]) + "\n"


def _lines(output: NotebookNode) -> int:
    text = output.get("text") or "".join(output.get("data", {}).values())
    return 0 if "<figure" in text else text.count("\n") + 1


def _figure(cell: NotebookNode, output: NotebookNode, values: dict[str, Any]) -> str:
    """Return a figure with its alt text and caption; of a picture with controls, how it stands."""
    settings = cell.metadata.get("mystnb", {})
    told = output.metadata.get("picture") or {
        "alt": settings.get("image", {}).get("alt", ""),
        "caption": settings.get("figure", {}).get("caption", ""),
    }
    alt, caption = (html.escape(fill(told[name], values)) for name in ("alt", "caption"))
    pixels = output.data["image/png"].replace("\n", "")
    below = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f'<figure><img alt="{alt}" src="data:image/png;base64,{pixels}">{below}</figure>'
