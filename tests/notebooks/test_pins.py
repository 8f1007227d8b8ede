"""nbval compares the pinned outputs: what is committed passes, what changed fails."""

import shutil

import nbformat
import pytest
from projects import ROOT

from course import notebooks

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


def test_a_changed_layer_table_fails_nbval(project):
    chapter = pinned_project(project)
    text = chapter.read_text()
    assert "Total params: 15 " in text
    assert project.course("pins").returncode == 0
    chapter.write_text(text.replace("Total params: 15 ", "Total params: 16 "))
    done = project.course("pins")
    assert done.returncode == 1
    assert "16" in done.stdout
