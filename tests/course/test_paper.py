"""The book on paper, and the executed chapters in one file."""

import re
import shutil
import zipfile

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course import book, notebooks, paper

QUESTION = """**Question.** How wide?

<details>
<summary>Twice <code>n</code></summary>

**No.** One pixel
is lost.

</details>

<details>
<summary>n - 1</summary>

**Right.** As $n - 2 + 1$.

</details>
"""


def test_choices_stand_open_on_paper():
    notebook = paper.on_paper(new_notebook(cells=[new_markdown_cell(QUESTION)]))
    assert notebook.cells[0].source == (
        "**Question.** How wide?\n\n"
        "- Twice `n`\n\n  **No.** One pixel\n  is lost.\n\n\n"
        "- n - 1\n\n  **Right.** As $n - 2 + 1$.\n\n"
    )


def test_a_picture_with_controls_is_a_figure_on_paper():
    told = {"alt": "A grid.", "caption": "Move it.", "name": "fig-grid"}
    data = {"text/html": "<figure>", "image/png": "iVBORw0KGgo=", "text/plain": "A grid."}
    output = new_output("display_data", data=data, metadata={"picture": told})
    plain = new_output("display_data", data={"text/html": "<table>"})
    cell = new_code_cell("window()", outputs=[output, plain])
    [changed] = paper.on_paper(new_notebook(cells=[cell])).cells
    assert changed.outputs[0].data == {"image/png": "iVBORw0KGgo="}
    assert changed.outputs[1].data == {"text/html": "<table>"}
    assert changed.metadata["mystnb"]["figure"] == {"caption": "Move it.", "name": "fig-grid"}
    assert changed.metadata["mystnb"]["image"] == {"alt": "A grid."}


def test_wide_tables_get_widths_and_narrow_ones_stay():
    narrow = "| A | B |\n|---|---|\n| 1 | 2 |\n"
    wide = f"| Says | Value |\n|---|---|\n| [{'a claim ' * 20}](a.md) | **{'0.5 ' * 5}** |\n"
    assert paper.columns_that_fit(f"Text.\n\n{narrow}\nText.\n") == f"Text.\n\n{narrow}\nText.\n"
    [widths] = re.findall(":widths: (.+) (.+)\n", paper.columns_that_fit(wide))
    says, value = map(int, widths)
    assert says + value == paper.LINE
    assert value >= len("Value") + 1
    assert says > 4 * value  # it has most of the text
    told = f":widths: {says} {value}\n"
    assert paper.columns_that_fit(f"Text.\n\n{wide}\nMore.\n") == (
        f"Text.\n\n:::{{table}}\n{told}\n{wide}:::\n\nMore.\n"
    )
    marked = f":::{{table}}\n:class: ledger\n\n{wide}\n:::\n"
    assert paper.columns_that_fit(marked) == (
        f":::{{table}}\n:class: ledger\n{told}\n{wide}\n:::\n"
    )


def test_without_latex_it_says_how_to_install_it(project, monkeypatch):
    monkeypatch.setattr(paper.shutil, "which", lambda program: None)
    with pytest.raises(paper.PaperError, match=r"xelatex, latexmk: not installed; run tools/"):
        paper.check_tools()


def test_the_zip_file_has_the_chapters_with_their_outputs(project):
    chapter = project.add("1_first", "print(1)")
    executed = notebooks.read(chapter)
    executed.cells[-1].outputs = [new_output("stream", text="one\n")]
    path = project.paths.executed(chapter, "smoke")
    path.parent.mkdir(parents=True)
    nbformat.write(executed, path)
    packed = book.pack(project.root, "smoke")
    with zipfile.ZipFile(packed) as archive:
        assert archive.namelist() == ["1_first.ipynb"]
        assert "one\\n" in archive.read("1_first.ipynb").decode()


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("xelatex"), reason="no LaTeX: tools/install_latex.sh")
def test_the_pdf_has_korean_words_and_the_lines_of_tables(project):
    chapter = project.add("1_first", 'print("┏━━┓ 딥러닝")')
    notebook = notebooks.read(chapter)
    notebook.cells[0].source += "\n\nIt’s called 딥러닝 입문."
    notebook.cells.append(new_markdown_cell(QUESTION, id="q-wide"))
    nbformat.write(notebook, chapter)
    done = project.course("pdf", "--profile", "smoke")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "_build/course.pdf\n"
    assert (project.root / "_build/course.pdf").read_bytes().startswith(b"%PDF")
    log = (project.root / "work/paper_build/_build/latex/course.log").read_text(errors="replace")
    assert "Missing character" not in log
    assert "Overfull" not in log


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("xelatex"), reason="no LaTeX: tools/install_latex.sh")
def test_a_formula_that_latex_refuses_is_told_with_its_log(project):
    chapter = project.add("1_first", "print(1)")
    notebook = notebooks.read(chapter)
    notebook.cells[0].source += "\n\n$\\nosuchcommand$"
    nbformat.write(notebook, chapter)
    done = project.course("pdf", "--profile", "smoke")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("course: latexmk failed: ")
    assert "nosuchcommand" in (project.root / "work/paper_build/latexmk.log").read_text()
