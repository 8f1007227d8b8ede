"""Every file that a student can hand in has a defined outcome, and nothing in it is run."""

import copy
import json
import os
import socket

import colab
import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from projects import ROOT

from autograder import intake
from autograder.intake import Caps, take

NAME = "1_a"
EXERCISES = sorted((ROOT / "notebooks/exercises").glob("*/*.ipynb"))


def graded(cell, name, **facts):
    marks = {"grade": False, "solution": False, "locked": True, "schema_version": 3, "task": False}
    cell.metadata["nbgrader"] = marks | facts | {"grade_id": name}
    cell["id"] = name
    return cell


@pytest.fixture
def released():
    """An exercise as students get it: a locked cell, two answers with tests, a written one."""
    book = new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "P"}})
    book.cells = [
        new_markdown_cell("# Exercise", id="title"),
        graded(new_code_cell("import numpy as np"), "setup"),
        graded(new_code_cell("def a(): ..."), "a", solution=True, locked=False),
        graded(new_code_cell("assert a() == 1"), "a-test", grade=True, points=2),
        graded(new_code_cell("def b(): ..."), "b", solution=True, locked=False),
        graded(new_code_cell("assert b() == 2"), "b-test", grade=True, points=3),
        graded(
            new_markdown_cell("Write"), "why", solution=True, grade=True, points=1, locked=False
        ),
    ]
    return book


@pytest.fixture
def answered(released):
    """What a good student hands in: answers, outputs, and two cells of their own."""
    book = copy.deepcopy(released)
    cells = {cell["id"]: cell for cell in book.cells}
    cells["a"].source = "def a(): return 1"
    cells["b"].source = "def b(): return two"
    cells["why"].source = "Because."
    cells["a"].outputs = [nbformat.v4.new_output("stream", text="out")]
    cells["a"].execution_count = 7
    book.cells.insert(4, new_code_cell("two = 2", id="mine"))
    book.cells.append(new_markdown_cell("The end", id="end"))
    return book


@pytest.fixture
def hand_in(tmp_path):
    """Return a function that writes a submission and returns its file."""

    def write(content, name=f"{NAME}.ipynb"):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def sources(result):
    assert result.refused is None
    nbformat.validate(result.notebook)
    return [cell.source for cell in result.notebook.cells]


GOOD = [
    "# Exercise",
    "import numpy as np",
    "def a(): return 1",
    "assert a() == 1",
    "two = 2",
    "def b(): return two",
    "assert b() == 2",
    "Because.",
    "The end",
]


def test_answers_and_own_cells_are_taken_in_their_places(released, answered, hand_in):
    result = take(hand_in(answered), released, NAME)
    assert sources(result) == GOOD
    assert result.notes == ()
    assert all(not cell.get("outputs") for cell in result.notebook.cells)
    assert result.notebook.metadata == released.metadata


def cell(book, name):
    return next(one for one in book.cells if one["id"] == name)


def change(book, name, **facts):
    cell(book, name).metadata["nbgrader"].update(facts)


def delete(book, name):
    book.cells.remove(cell(book, name))


@pytest.mark.parametrize(
    ("harm", "note"),
    [
        (lambda b: change(b, "a-test", points=100), "grader needs to know of the cell a-test"),
        (lambda b: change(b, "a-test", grade=False), "grader needs to know of the cell a-test"),
        (lambda b: change(b, "a", solution=False), "grader needs to know of the cell a "),
        (lambda b: change(b, "setup", locked=False), "grader needs to know of the cell setup"),
        (lambda b: delete(b, "a-test"), "a-test was deleted: it was put back"),
        (lambda b: delete(b, "setup"), "setup was deleted: it was put back"),
        (lambda b: b.cells.append(b.cells.pop(3)), None),  # a test moved to the end
        (lambda b: cell(b, "a-test").update(source="1"), "a-test was changed: it was put back"),
        (lambda b: cell(b, "a").update(cell_type="raw"), "a is of the type raw"),
        (lambda b: cell(b, "why").update(cell_type="code"), "why is of the type code"),
        (lambda b: cell(b, "a").metadata.pop("nbgrader"), "grader needs to know of the cell a "),
        (lambda b: cell(b, "a").update(id="another"), None),
        (lambda b: [one.pop("id") for one in b.cells], None),
        (lambda b: b.metadata.update(kernelspec={"name": "bash"}), None),
        (lambda b: cell(b, "a").metadata.update(nbgrader=cell(b, "a").metadata.nbgrader), None),
    ],
)
def test_what_nobody_may_change_comes_from_the_teacher(released, answered, hand_in, harm, note):
    harm(answered)
    result = take(hand_in(answered), released, NAME)
    found = sources(result)
    assert sorted(found) == sorted(GOOD)
    # The teacher's order, and what the student's own cell needs is before it
    assert [source for source in found if source != "two = 2"] == [
        s for s in GOOD if s != "two = 2"
    ]
    assert found.index(GOOD[2]) < found.index("two = 2") < found.index(GOOD[5])
    assert cell(result.notebook, "a-test").metadata == cell(released, "a-test").metadata
    if note:
        assert any(note in told for told in result.notes), result.notes
    else:
        assert result.notes == ()


def test_a_deleted_answer_is_put_back_and_earns_nothing(released, answered, hand_in):
    delete(answered, "a")
    result = take(hand_in(answered), released, NAME)
    assert "def a(): ..." in sources(result)
    assert "The cell a was deleted" in result.notes[0]


def test_a_copied_answer_runs_where_it_stands(released, answered, hand_in):
    twin = copy.deepcopy(cell(answered, "a"))
    twin.update(source="def a(): return 'copy'", id="copied")
    answered.cells.insert(2, twin)  # above the one with the released id
    assert [s for s in sources(take(hand_in(answered), released, NAME)) if "def a" in s] == [
        "def a(): return 'copy'",
        "def a(): return 1",
    ]


def test_cells_with_one_id_are_all_taken(released, answered, hand_in):
    for number in range(3):
        answered.cells.append(new_code_cell(f"x = {number}", id="same"))
    assert sources(take(hand_in(answered), released, NAME))[-3:] == ["x = 0", "x = 1", "x = 2"]


def test_the_notebook_of_another_exercise_is_refused(released, answered, hand_in):
    for one in answered.cells:
        one.metadata.pop("nbgrader", None)
        one["id"] = "other-" + one["id"]
    result = take(hand_in(answered), released, NAME)
    assert result.notebook is None
    assert "another exercise" in result.refused


def test_an_old_notebook_is_upgraded(released, answered, hand_in):
    old = nbformat.convert(answered, 3)
    result = take(hand_in(nbformat.writes(old)), released, NAME)
    # Format 3 has no ids, and keeps the names
    assert [source for source in sources(result) if source.startswith("def")] == [
        "def a(): return 1",
        "def b(): return two",
    ]


def test_a_notebook_from_colab_is_taken(released, answered, hand_in):
    result = take(hand_in(colab.save(answered)), released, NAME)
    assert sources(result) == GOOD
    assert result.notes == ()


BAD = {
    "empty": (b"", "The file is empty"),
    "blank": (b" \n", "The file is empty"),
    "cut off": (b'{"nbformat": 4, "cells": [', "damaged or cut off at line 1"),
    "binary": (bytes(range(256)), "damaged or cut off"),
    "another encoding": ('{"nbformat": 4, "a": "é"}'.encode("latin-1"), "damaged or cut off"),
    "text": (b"hello", "damaged or cut off"),
    "a list": (b"[]", "no Jupyter notebook"),
    "a number": (b"4", "no Jupyter notebook"),
    "no version": (b'{"cells": []}', "no Jupyter notebook"),
    "future": (b'{"nbformat": 5}', "no Jupyter notebook"),
    "true": (b'{"nbformat": true}', "no Jupyter notebook"),
    "damaged version 3": (b'{"nbformat": 3, "worksheets": 7}', "old format and damaged"),
    "no cells": (b'{"nbformat": 4}', "has no cells"),
    "cells of another kind": (b'{"nbformat": 4, "cells": {"a": 1}}', "has no cells"),
    "a cell that is none": (b'{"nbformat": 4, "cells": [3]}', "A cell of the notebook is damaged"),
    "a source that is none": (b'{"nbformat": 4, "cells": [{"source": {}}]}', "A cell of the"),
    "deep": (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
    "a long number": (b'{"nbformat": 4, "a": ' + b"9" * 10_000 + b"}", "damaged"),
    "a million cells": (b'{"nbformat": 4, "cells": [' + b"{}," * 10**6 + b"{}]}", "2000 cells"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_that_is_no_notebook_is_refused_in_words(released, hand_in, case):
    content, told = BAD[case]
    result = take(hand_in(content), released, NAME)
    assert result.notebook is None
    assert told in result.refused


def test_encodings_that_say_what_they_are_are_read(released, answered, hand_in):
    text = json.dumps(answered, ensure_ascii=False)
    for encoding in ("utf-8-sig", "utf-16"):
        assert sources(take(hand_in(text.encode(encoding)), released, NAME)) == GOOD


def test_deep_metadata_does_no_harm(released, answered, hand_in):
    deep = json.dumps(answered).replace('"P"', "[" * 700 + "]" * 700)
    assert sources(take(hand_in(deep), released, NAME)) == GOOD


def test_half_a_surrogate_pair_is_no_trap(released, answered, hand_in):
    cell(answered, "a").source = "x = '\ud800'"
    result = take(hand_in(answered), released, NAME)
    assert nbformat.writes(result.notebook).encode()
    assert "x = '?'" in sources(result)


def test_caps_are_told_with_the_mend(released, answered, hand_in):
    cell(answered, "a").outputs = [nbformat.v4.new_output("stream", text="x" * 2 * 10**6)]
    path = hand_in(answered)
    assert sources(take(path, released, NAME)) == GOOD
    assert "clear the outputs" in take(path, released, NAME, Caps(file_mib=1)).refused
    assert "more than 5 cells" in take(path, released, NAME, Caps(cells=5)).refused
    assert "text of the cells" in take(path, released, NAME, Caps(source_mib=1e-5)).refused


# --- Files that are none, and folders


def test_what_is_no_ordinary_file_is_refused(released, answered, hand_in, tmp_path):
    good = hand_in(answered, "good.ipynb")
    links = {}
    for kind in ("link", "pipe", "socket", "folder", "missing"):
        folder = tmp_path / kind
        folder.mkdir()
        links[kind] = folder / f"{NAME}.ipynb"
    links["link"].symlink_to(good)
    os.mkfifo(links["pipe"])
    links["folder"].mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(links["socket"]))
        for kind, path in links.items():
            for submission in (path, path.parent):
                result = take(submission, released, NAME)
                if (kind, submission) == ("folder", path):
                    assert "There is no notebook" in result.refused
                else:
                    assert result.notebook is None, kind
                    assert result.refused, kind
    assert "hand in the file itself" in take(links["link"], released, NAME).refused
    assert "hand in the file itself" in take(links["pipe"].parent, released, NAME).refused


def test_only_the_notebook_of_a_folder_is_taken(released, answered, hand_in, tmp_path):
    path = hand_in(answered)
    for name in ("numpy.py", "a\x1b[31m.txt"):
        (tmp_path / name).write_text("raise SystemExit")
    result = take(path.parent, released, NAME)
    assert sources(result) == GOOD
    assert result.notes == ("Only the notebook is graded; left out: a?[31m.txt, numpy.py.",)


def test_what_nbgrader_puts_beside_it_is_nothing_to_tell(released, answered, hand_in, tmp_path):
    path = hand_in(answered)
    (tmp_path / "timestamp.txt").write_text("2026-01-01 12:00:00 UTC")
    (tmp_path / "submission_secret.txt").write_text("4711")
    assert take(path.parent, released, NAME).notes == ()


def test_a_renamed_notebook_is_found(released, answered, hand_in):
    path = hand_in(answered, "exercise (1) final.ipynb")
    result = take(path.parent, released, NAME)
    assert sources(result) == GOOD
    assert result.notes == ("The file exercise (1) final.ipynb was taken for 1_a.ipynb.",)
    hand_in(answered, "another.ipynb")
    assert "several notebooks" in take(path.parent, released, NAME).refused
    hand_in(answered)
    assert sources(take(path.parent, released, NAME)) == GOOD


def test_a_folder_full_of_files_is_refused(released, answered, hand_in):
    path = hand_in(answered)
    for number in range(3):
        hand_in("", f"{number}.txt")
    assert "more than 3 files" in take(path.parent, released, NAME, Caps(files=3)).refused


# --- Whatever a student writes


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=12,
)
LIKE_A_CELL = st.dictionaries(
    st.sampled_from(["cell_type", "source", "metadata", "id", "outputs", "execution_count"]),
    JSON | st.sampled_from(["code", "markdown", "a", "b", "a-test"]),
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_every_input_has_an_outcome(released, hand_in, data):
    mutated = json.loads(json.dumps(released))
    for one in mutated["cells"]:
        for key in data.draw(st.lists(st.sampled_from(sorted(one)), max_size=2)):
            one[key] = data.draw(JSON)
    mutated["cells"] += data.draw(st.lists(LIKE_A_CELL | JSON, max_size=3))
    result = take(hand_in(mutated), released, NAME)
    if result.refused is None:
        nbformat.validate(result.notebook)
        names = [intake._name(one) for one in result.notebook.cells]
        assert [name for name in names if name] == ["setup", "a", "a-test", "b", "b-test", "why"]
    else:
        assert result.notebook is None


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_any_bytes_have_an_outcome(released, hand_in, content):
    assert take(hand_in(content), released, NAME).refused


@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_the_exercises_as_handed_out_pass_through_unchanged(path):
    exercise = nbformat.read(path, 4)
    result = take(path, exercise, path.stem)
    assert result.notes == ()
    assert sources(result) == [one.source for one in exercise.cells]
    names = [intake._name(one) for one in exercise.cells]
    assert [intake._name(one) for one in result.notebook.cells] == names
