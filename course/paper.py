"""The book on paper: one PDF, made by XeLaTeX from what the pages are made of."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from course import book, notebooks

if TYPE_CHECKING:
    from nbformat import NotebookNode

NAME = "course"  # of the PDF
NEEDED = ("xelatex", "latexmk")
DETAILS = re.compile(r"<details>\s*<summary>(.*?)</summary>(.*?)</details>", re.DOTALL)
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
TABLE = re.compile(
    r"^(?P<begin>:::\{table\}.*\n(?::.*\n)*)?(?P<space>\n*)(?P<rows>\|.*\n(?:\|.*(?:\n|\Z))+)",
    re.MULTILINE,
)
LINE = 80  # characters that fit into a line of a page
LONG_WORD = 20  # from that length on a word may be broken
# The main fonts have no Korean, which quotations have. The package takes quotation marks, dots and
# the lines of tables for Korean too, in fonts and widths of its own: class 0 gives them back
PREAMBLE = r"""
\usepackage{xetexko}
\setmainhangulfont{NanumMyeongjo}
\setsanshangulfont{NanumGothic}
\setmonohangulfont{NanumGothicCoding}
\newcount\character
\newcommand{\notkorean}[2]{%
  \character=#1\loop\XeTeXcharclass\character=0
  \advance\character by 1\ifnum\character<#2\repeat}
\AtBeginDocument{\notkorean{"80}{"1100}\notkorean{"2000}{"2E00}}
"""


class PaperError(Exception):
    """A PDF that can't be made; the message says what to do."""


def check_tools() -> None:
    """Check that LaTeX is installed.

    Raises:
        PaperError: a program is missing.
    """
    missing = [program for program in NEEDED if not shutil.which(program)]
    if missing:
        raise PaperError(f"{', '.join(missing)}: not installed; run tools/install_latex.sh")


def make(root: Path, profile: str, say: Callable[[str], None]) -> Path:
    """Make the PDF of the book from the runs of a profile.

    Args:
        root: the folder of the project.
        profile: whose runs are shown.
        say: told each command before it runs.

    Returns:
        The PDF, `_build/course.pdf`.

    Raises:
        PaperError: LaTeX is missing, or fails.
        BookError: the configuration can't be read.
    """
    check_tools()
    source, output = stage(root, profile), root / "work" / "paper_build"
    bin_folder = Path(sys.executable).parent
    _run(
        [
            *(str(bin_folder / "jupyter-book"), "build", os.path.relpath(source, root)),
            *("--path-output", os.path.relpath(output, root), "--builder", "latex"),
            *("--all", "-W", "--keep-going"),
        ],
        root,
        output / "jupyter-book.log",
        say,
    )
    latex = output / "_build" / "latex"
    _run(
        ["latexmk", "-xelatex", "-interaction=nonstopmode", "-halt-on-error", f"{NAME}.tex"],
        latex,
        output / "latexmk.log",
        say,
    )
    pdf = root / "_build" / f"{NAME}.pdf"
    pdf.parent.mkdir(exist_ok=True)
    shutil.copy(latex / f"{NAME}.pdf", pdf)
    return pdf


def _run(command: list[str], folder: Path, log: Path, say: Callable[[str], None]) -> None:
    say("$ " + " ".join([Path(command[0]).name, *command[1:]]))
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        done = subprocess.run(command, cwd=folder, stdout=stream, stderr=subprocess.STDOUT)
    if done.returncode:
        raise PaperError(f"{Path(command[0]).name} failed: {log} tells why")


def stage(root: Path, profile: str) -> Path:
    """Put together the sources of the book on paper in `work/paper`; return that folder.

    They are those of the pages, but for what paper can't do.
    """
    import nbformat

    pages, target = book.stage(root, profile), root / "work" / "paper"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(pages, target)
    for path in target.rglob("*.ipynb"):
        notebook = on_paper(notebooks.read(path))
        path.write_text(nbformat.writes(notebook), encoding="utf-8")
    for path in target.rglob("*.md"):
        path.write_text(columns_that_fit(path.read_text(encoding="utf-8")), encoding="utf-8")
    _pixels_for_drawings(target)
    config = yaml.safe_load((target / "_config.yml").read_text(encoding="utf-8"))
    settings = config.setdefault("sphinx", {}).setdefault("config", {})
    settings["latex_elements"] = {"preamble": PREAMBLE}
    config["latex"] = {
        "latex_engine": "xelatex",
        "use_jupyterbook_latex": False,
        "latex_documents": {"targetname": f"{NAME}.tex"},
    }
    (target / "_config.yml").write_text(
        yaml.safe_dump(config, allow_unicode=True), encoding="utf-8"
    )
    return target


def on_paper(notebook: NotebookNode) -> NotebookNode:
    """Change a notebook for paper: choices and hints stand open, pictures with controls stand still."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = DETAILS.sub(_as_item, cell.source)
        for output in cell.get("outputs", []):
            if told := output.get("metadata", {}).get("picture"):
                output.data = {"image/png": output.data["image/png"]}
                cell.metadata["mystnb"] = {
                    "image": {"alt": told["alt"]},
                    "figure": {"caption": told["caption"], "name": told["name"]},
                }
    return notebook


def _as_item(found: re.Match) -> str:
    """Return a choice or a hint as an item of a list."""
    summary = re.sub(r"</?code>", "`", found[1].strip())
    body = found[2].strip().replace("\n", "\n  ")
    return f"- {summary}\n\n  {body}\n"


def columns_that_fit(text: str) -> str:
    """Give the wide tables of a page a width for each column; LaTeX breaks no line without one.

    A column gets room for its longest word, and a share of what is left by the text in it.

    Args:
        text: Markdown, with tables of lines that begin with `|`.
    """

    def change(found: re.Match) -> str:
        head, _, *body = [_texts(line) for line in found["rows"].splitlines()]
        columns = list(zip(*[head, *body], strict=True))
        if sum(max(map(len, column)) for column in columns) < LINE:
            return found[0]
        words = [max(map(len, " ".join(column).split())) for column in columns]
        least = [min(word, LONG_WORD) + 1 for word in words]
        lengths = [sum(map(len, column)) for column in columns]
        spare = max(LINE - sum(least), 0) / sum(lengths)
        shares = [round(a + spare * b) for a, b in zip(least, lengths, strict=True)]
        widths = f":widths: {' '.join(map(str, shares))}\n"
        if found["begin"]:
            return found["begin"] + widths + found["space"] + found["rows"]
        return f"{found['space']}:::{{table}}\n{widths}\n{found['rows'].rstrip()}\n:::\n"

    return TABLE.sub(change, text)


def _texts(row: str) -> list[str]:
    """Return what can be read of the cells of a table's line."""
    entries = re.split(r"(?<!\\)\|", LINK.sub(r"\1", row))[1:-1]
    return [re.sub(r"[*`]", "", entry).strip() for entry in entries]


def _pixels_for_drawings(folder: Path) -> None:
    """Replace SVG drawings, which LaTeX can't read, by PNG pictures."""
    import vl_convert

    drawings = list(folder.rglob("*.svg"))
    for drawing in drawings:
        png = vl_convert.svg_to_png(drawing.read_text(encoding="utf-8"), scale=2)
        drawing.with_suffix(".png").write_bytes(png)
    for page in folder.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        for drawing in drawings:
            text = text.replace(drawing.name, drawing.with_suffix(".png").name)
        page.write_text(text, encoding="utf-8")
