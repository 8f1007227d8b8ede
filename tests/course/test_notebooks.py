import json
import math

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output
from projects import ROOT, notebook

from course import notebooks
from course.notebooks import NotebookError


def test_chapters_are_found_in_order_without_exercises(tmp_path):
    for name in ("2_b.ipynb", "1_a.ipynb", "exercises/1_a/1_a.ipynb", "ruff.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in notebooks.find_chapters(tmp_path)] == ["1_a.ipynb", "2_b.ipynb"]


def test_no_folder_and_no_notebook_are_errors(tmp_path):
    with pytest.raises(NotebookError, match="no notebook"):
        notebooks.find_chapters(tmp_path)
    with pytest.raises(NotebookError, match="no such folder"):
        notebooks.find_chapters(tmp_path / "notebooks")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"cells": 3}', "\x00\x01"])
def test_a_broken_notebook_is_named(tmp_path, content):
    path = tmp_path / "1_a.ipynb"
    path.write_text(content)
    with pytest.raises(NotebookError, match=r"1_a.ipynb: not a valid notebook"):
        notebooks.read(path)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [(None, "0 cells are tagged 'parameters'"), ("epochs = 3", "sets no profile")],
)
def test_a_notebook_without_parameters_is_named(tmp_path, parameters, message):
    with pytest.raises(NotebookError, match=rf"1_a.ipynb: .*{message}"):
        notebooks.check(notebook("1", parameters=parameters), tmp_path / "1_a.ipynb")


def test_imported_modules_are_followed(tmp_path):
    package = tmp_path / "course"
    package.mkdir()
    for name, code in {
        "__init__": "",
        "data": "from course import stand_in\n",
        "stand_in": "import numpy\n",
        "figures": "import course.colours\n",
        "colours": "",
        "runs": "",
    }.items():
        (package / f"{name}.py").write_text(code)

    def names(code):
        return {path.stem for path in notebooks.imported_modules(code, package)}

    assert names("from course import data") == {"__init__", "data", "stand_in"}
    assert names("from course.figures import f") == {"__init__", "figures", "colours"}
    assert names("import numpy\nfrom courses import runs") == set()
    assert names("from course import (") >= {"data", "runs"}  # no Python: it may import any


def test_magics_do_not_hide_the_imports(tmp_path):
    book = notebook("files = !ls\nif files:\n    %time", "%%bash\nls (", "from course import data")
    code = notebooks.python_source(book)
    files = notebooks.imported_modules(code, ROOT / "course")
    names = {path.name for path in files}
    assert {"data.py", "stand_in.py"} <= names
    assert "runs.py" not in names


def test_a_cell_that_papermill_would_count_as_failed_is_refused(tmp_path):
    book = notebook("1", "1 / 0")
    book.cells[-1].metadata["tags"] = ["raises-exception"]
    with pytest.raises(NotebookError, match=r"cell 4 is tagged 'raises-exception'.*try and except"):
        notebooks.check(book, tmp_path / "1_a.ipynb")


def test_datasets_are_read_from_the_code():
    assert notebooks.datasets(notebook("a = data.load_mnist()")) == ["mnist"]
    assert notebooks.datasets(notebook("load_data()")) == []


def glued_output(name, text):
    return new_output(
        "display_data",
        {"application/papermill.record/text/plain": text},
        metadata={"scrapbook": {"name": name, "mime_prefix": "application/papermill.record/"}},
    )


def test_glued_values_come_back_as_python_values():
    book = notebook("keep()")
    book.cells[-1].outputs = [
        glued_output("accuracy", "0.5"),
        glued_output("shape", "[None, 2]"),
        glued_output("words", "'a b'"),
        glued_output("loss", "inf"),
        glued_output("figure", "<Figure size 640x480>"),
        new_output("stream", text="0.7"),
    ]
    assert notebooks.glued(book) == {
        "accuracy": 0.5,
        "shape": [None, 2],
        "words": "a b",
        "loss": math.inf,
    }


def test_outputs_go_to_the_same_code_and_leave_the_prose():
    source, executed = notebook("1 + 1"), notebook("1 + 1")
    source.cells[0].source = "# New words"
    executed.cells[-1].outputs = [new_output("stream", text="2")]
    injected = new_code_cell("profile = 'smoke'", metadata={"tags": ["injected-parameters"]})
    executed.cells.insert(2, injected)
    page = notebooks.with_outputs(source, executed)
    assert page.cells[0].source == "# New words"
    assert page.cells[-1].outputs[0].text == "2"
    assert source.cells[-1].outputs == []
    with pytest.raises(ValueError, match="other code"):
        notebooks.with_outputs(notebook("1 + 2"), executed)


def test_only_pinned_outputs_stay():
    book = notebook("1", "2")
    for cell in book.cells[-2:]:
        cell.outputs = [new_output("execute_result", {"text/plain": "1"}, execution_count=7)]
        cell.execution_count = 7
    book.cells[-1].metadata["tags"] = [notebooks.PINNED]
    stripped = notebooks.pin_outputs(book, None)
    assert stripped.cells[-2].outputs == []
    assert stripped.cells[-2].execution_count is None
    assert stripped.cells[-1].outputs[0].execution_count == 1
    nbformat.validate(json.loads(nbformat.writes(stripped)))
