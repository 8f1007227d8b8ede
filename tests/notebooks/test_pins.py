"""nbval compares the pinned outputs: what is committed passes, what changed fails."""

import shutil

import nbformat
import pytest
from nbformat.v4 import new_output
from projects import ROOT

from course import notebooks, pins

pytestmark = pytest.mark.slow


def pinned_project(project):
    """A chapter with one layer table, pinned by the command that authors use."""
    code = (
        "import os\nos.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'\nimport keras\n"
        "from course import figures\n"
        "model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])\n"
        "figures.print_summary(model)"
    )
    chapter = project.add("1_a", code)
    book = notebooks.read(chapter)
    book.cells[-1].metadata["tags"] = [notebooks.PINNED]
    nbformat.write(book, chapter)
    shutil.copy(ROOT / "pyproject.toml", project.root)
    done = project.course("pins", "--update")
    assert done.returncode == 0, done.stderr
    return chapter


def test_what_chapters_are_committed_with_is_what_their_smoke_run_made(smoke, tmp_path, capfd):
    runs = {ROOT / "notebooks" / f"{name}.ipynb": executed for name, (_, executed) in smoke.items()}
    assert pins.compare(runs, tmp_path / "pins") == 0, capfd.readouterr().out


@pytest.mark.parametrize(("left", "code"), [("4", 0), ("5", 1)])
def test_the_value_of_a_cell_is_compared_without_running_the_cell(project, left, code):
    chapter = project.add("1_a", "open('ran', 'w')\n2 + 2", "1 / 0")
    book = notebooks.read(chapter)
    cell = book.cells[2]
    cell.metadata["tags"] = [notebooks.PINNED]
    cell.execution_count = 1
    for text, path in ((left, project.root / "executed.ipynb"), ("4", chapter)):
        cell.outputs = [new_output("execute_result", {"text/plain": text}, execution_count=1)]
        nbformat.write(book, path)
    runs = {chapter: project.root / "executed.ipynb"}
    assert pins.compare(runs, project.root / "pins") == code
    assert pins.changed(runs, project.root / "pins") == ({chapter: ["code-0"]} if code else {})
    assert not list(project.root.rglob("ran"))


def test_a_run_of_other_code_is_refused(project):
    executed = project.add("1_a", "2 + 2").rename(project.root / "executed.ipynb")
    with pytest.raises(notebooks.NotebookError, match="changed while it ran"):
        pins.compare({project.add("1_a", "2 + 3"): executed}, project.root / "pins")


def test_a_changed_layer_table_fails_nbval(project):
    chapter = pinned_project(project)
    text = chapter.read_text()
    assert "Total params: 15 " in text
    assert project.course("pins").returncode == 0
    chapter.write_text(text.replace("Total params: 15 ", "Total params: 16 "))
    done = project.course("pins")
    assert done.returncode == 1
    assert "16" in done.stdout


TABLE = """\
│ embedding_9 (Embedding)  │ (None, 20, 32)    │   320,000 │
│ simple_rnn (SimpleRNN)   │ (None, 32)        │     2,080 │
"""


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("embedding_9 (Embedding)  │", "embedding_10 (Embedding) │", 0),
        ("simple_rnn (SimpleRNN)   │", "simple_rnn_2 (SimpleRNN) │", 0),
        ("320,000", "320,001", 1),
        ("(None, 20, 32)", "(None, 21, 32)", 1),
        ("(SimpleRNN)   │", "(GRU)         │", 1),
        ("simple_rnn (", "other_name (", 1),
    ],
)
def test_the_rules_take_for_the_same_only_what_they_name(project, old, new, code):
    shutil.copy(ROOT / "notebooks" / pins.RULES, project.root / "notebooks")
    chapter = project.add("1_a", "print(table)")
    book = notebooks.read(chapter)
    book.cells[2].metadata["tags"] = [notebooks.PINNED]
    book.cells[2].execution_count = 1
    assert old in TABLE
    for text, path in ((TABLE.replace(old, new), "executed.ipynb"), (TABLE, chapter)):
        book.cells[2].outputs = [new_output("stream", name="stdout", text=text)]
        nbformat.write(book, path)
    runs = {chapter: project.root / "executed.ipynb"}
    assert pins.compare(runs, project.root / "pins") == code
