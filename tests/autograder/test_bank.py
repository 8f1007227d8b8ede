"""Reading a bank of answers, spreading it over submissions, and judging what became of them."""

import nbformat
import pytest

from autograder import bank
from autograder.bank import Answer, Outcome
from autograder.errors import UserError
from autograder.exercises import Task, read_tasks


def answers(task, count):
    return [Answer(task, False, f"{task}, answer {n}", f"x = {n}") for n in range(count)]


@pytest.fixture
def bank_file(tmp_path, monkeypatch):
    """Write a bank file in the current folder and return its path."""
    monkeypatch.chdir(tmp_path)

    def write(text):
        path = tmp_path / "task_01_double.py"
        path.write_text(text, "utf-8")
        return path

    return write


def test_answers_are_read_in_order_with_their_code(bank_file):
    path = bank_file(
        "# a note\n\n# %% wrong: forgets it\nx = 1\n\n\n# %% right: by hand\nimport os\n\nx = 2\n"
    )
    assert bank.read_answers(path) == [
        Answer("task_01_double", False, "forgets it", "x = 1"),
        Answer("task_01_double", True, "by hand", "import os\n\nx = 2"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "task_01_double.py: no answer: start one with '# %% wrong: "),
        ("x = 1\n", "task_01_double.py:1: code before the first answer: start it with "),
        ("# %% almost: so\nx = 1\n", "task_01_double.py:1: write '# %% wrong: WHAT IS WRONG' or "),
        ("# %% wrong:\nx = 1\n", "task_01_double.py:1: write '# %% wrong: WHAT IS WRONG' or "),
        ("# %% wrong: a\n\n", "task_01_double.py:1: the answer is empty: write its code below"),
        ("# %% wrong: a\n# x\n", "task_01_double.py:1: the answer is empty: write its code below"),
        ("# %% wrong: a\n\nx = 1\ny = (\n", "task_01_double.py:4: no valid Python ("),
        ("# %% wrong: a\nx = 1\n# %% right: a\nx = 2\n", "py:3: a second answer 'a': give it "),
    ],
)
def test_trouble_in_a_file_is_named_with_line_and_mend(bank_file, text, message):
    with pytest.raises(UserError) as error:
        bank.read_answers(bank_file(text))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_in_another_encoding_is_refused(bank_file):
    path = bank_file("")
    path.write_bytes("# %% wrong: größer\nx = 1\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"task_01_double\.py: save the file as UTF-8"):
        bank.read_answers(path)


def test_a_bank_without_files_names_the_file_to_write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"no bank in bank: write task_01_double\.py there"):
        bank.read_bank(tmp_path / "bank", [Task("task_01_double", "tiny", ("test",), 7)])


def test_an_exercise_without_tested_tasks_has_an_empty_bank(tmp_path):
    found = bank.read_bank(tmp_path / "bank", [Task("task_02_why", "tiny", (), 3)])
    assert found == {}
    assert bank.assemble(found) == []


def test_a_file_is_refused_where_no_task_is_tested(bank_file):
    path = bank_file("# %% right: so\nx = 1\n")
    with pytest.raises(UserError, match=r"task_01_double\.py: .* no task with tests: delete"):
        bank.read_bank(path.parent, [Task("task_02_why", "tiny", (), 3)])


@pytest.mark.parametrize("name", ["task_09_triple", "task_02_why"])
def test_a_file_without_a_tested_task_is_refused(bank_file, name):
    path = bank_file("# %% right: so\nx = 1\n")
    path.rename(path.with_stem(name))
    tasks = [Task("task_01_double", "tiny", ("test",), 7), Task("task_02_why", "tiny", (), 3)]
    with pytest.raises(UserError, match=f"{name}.py: no task is called '{name}': rename"):
        bank.read_bank(path.parent, tasks)


def test_a_task_without_a_file_has_no_answers(bank_file):
    path = bank_file("# %% right: so\nx = 1\n")
    tasks = [Task(name, "tiny", ("test",), 1) for name in ("task_00_more", "task_01_double")]
    found = bank.read_bank(path.parent, tasks)
    assert [(task, len(found[task])) for task in found] == [
        ("task_00_more", 0),
        ("task_01_double", 1),
    ]


def test_every_answer_is_in_exactly_one_submission():
    full = {"a": answers("a", 3), "b": answers("b", 5), "c": answers("c", 5), "d": []}
    submissions = bank.assemble(full)
    assert len(submissions) == 5
    handed_in = [answer for submission in submissions for answer in submission.values()]
    assert sorted(a.name for a in handed_in) == sorted(a.name for b in full.values() for a in b)
    assert all(task == answer.task for s in submissions for task, answer in s.items())
    # The first answers of two tasks do not meet: a submission mixes right and wrong ones.
    assert not any(s.get("b") == full["b"][0] and s.get("c") == full["c"][0] for s in submissions)


def test_filling_leaves_the_released_notebook_as_it_was(tiny):
    notebooks = bank.released_notebooks(tiny.solutions / "tiny")
    before = nbformat.writes(notebooks["tiny"])
    filled = bank.fill(notebooks, {"task_01_double": Answer("task_01_double", True, "x", "y = 1")})
    assert [c.source for c in filled["tiny"].cells if c.id == "task_01_double"] == ["y = 1"]
    assert nbformat.writes(notebooks["tiny"]) == before


@pytest.mark.parametrize(
    ("right", "points", "visible_pass", "as_expected", "failed_by"),
    [
        (True, 7, True, True, ""),
        (True, 0, True, False, "hidden"),
        (True, 6.5, True, False, "hidden"),
        (False, 0, True, True, "hidden"),
        (False, 0, False, True, "visible"),
        (False, 0.5, True, False, "hidden"),
        (False, 7, True, False, ""),
    ],
)
def test_an_answer_is_as_expected_only_with_all_or_nothing(
    right, points, visible_pass, as_expected, failed_by
):
    outcome = Outcome(Answer("task", right, "name", "code"), points, 7, visible_pass)
    assert (outcome.as_expected, outcome.failed_by) == (as_expected, failed_by)


def test_tasks_are_read_with_their_tests_and_points(tiny):
    notebooks = bank.released_notebooks(tiny.solutions / "tiny")
    tested, written = read_tasks(notebooks)
    assert tested == Task("task_01_double", "tiny", ("test_01_double",), 7)
    assert written == Task("task_02_why", "tiny", (), 3)
    assert (tested.by_hand, written.by_hand) == (False, True)


def test_a_test_above_all_answers_is_refused(tiny):
    notebooks = bank.released_notebooks(tiny.solutions / "tiny")
    cells = notebooks["tiny"].cells
    cells.insert(0, cells.pop(2))
    with pytest.raises(UserError, match=r"tiny\.ipynb: the test cell 'test_01_double' has no"):
        read_tasks(notebooks)


@pytest.mark.parametrize("points", [{}, {"points": None}, {"points": ""}])
def test_a_cell_without_points_is_refused(tiny, points):
    notebooks = bank.released_notebooks(tiny.solutions / "tiny")
    meta = notebooks["tiny"].cells[2].metadata["nbgrader"]
    del meta["points"]
    meta.update(points)
    with pytest.raises(
        UserError,
        match=r"tiny\.ipynb: the cell 'test_01_double' has no points: set its points in Create As",
    ):
        read_tasks(notebooks)


@pytest.mark.parametrize("cell", [1, 2, 3])
def test_a_cell_without_a_name_is_refused(tiny, cell):
    notebooks = bank.released_notebooks(tiny.solutions / "tiny")
    del notebooks["tiny"].cells[cell].metadata["nbgrader"]["grade_id"]
    with pytest.raises(UserError, match=rf"tiny\.ipynb: cell {cell + 1} has no ID: .*Create Assig"):
        read_tasks(notebooks)


@pytest.mark.slow
def test_the_bank_is_graded_by_nbgrader(tiny):
    progress = []
    outcomes, without = bank.grade_bank(tiny, "tiny", lambda *counts: progress.append(counts))
    assert [(o.points, o.failed_by) for o in outcomes] == [(0, "hidden"), (0, "visible"), (7, "")]
    assert all(o.as_expected for o in outcomes)
    assert without == []
    assert progress == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert not tiny.work.exists(), "the course itself must not be touched"
