"""`course check EXERCISE.ipynb`: what a student is told about their own work."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import colab
import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from projects import ROOT

from course import notebooks, student_check
from course.kernel import Kernel, clean
from course.notebooks import NotebookError

STUB = "# YOUR CODE HERE\nraise NotImplementedError()"
HINTS = """\
<details>
<summary>Hint 1: where to look</summary>

The second part.

</details>
<details><summary>Hint 2: the idea</summary>
Add, don't guess.

```python
a + b
```
</details>
<details>
<summary>Hint 3: almost the code</summary>
`return a + ...`
</details>
"""
HALF_A_NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {},
    "cells": [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": 5}],
}
EXERCISES = sorted(ROOT.glob("notebooks/exercises/*/*.ipynb"))


def cell(name, source, kind=new_code_cell, **facts):
    """Make a cell with what nbgrader writes about it, its checksum too."""
    meta = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
    made = kind(source, id=name.replace("_", "-"))
    made.metadata["nbgrader"] = meta | {"grade_id": name, "cell_type": made.cell_type} | facts
    made.metadata["nbgrader"]["checksum"] = student_check._checksum(made)
    return made


def answer(name, source=STUB, **facts):
    return cell(f"task_{name}", source, solution=True, **facts)


def check_cell(name, source, points=4):
    return cell(f"test_{name}", source, grade=True, locked=True, points=points)


def heading(text):
    return new_markdown_cell(text)


def hints(text=HINTS):
    return new_markdown_cell(text, metadata={"tags": ["hints"]})


def write(folder, *cells, name="small"):
    """Write an exercise as it is released."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    path = Path(folder) / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=list(cells), metadata={"kernelspec": kernel}), path)
    return path


def solve(path, **answers):
    """Write answers into an exercise."""
    notebook = notebooks.read(path)
    for one in notebook.cells:
        name = one.metadata.get("nbgrader", {}).get("grade_id")
        one.source = answers.pop(name, one.source)
    assert not answers
    nbformat.write(notebook, path)


def small(folder, **answers):
    """Write an exercise with a task of each kind, and answers in it."""
    path = write(
        folder,
        heading("# An exercise"),
        cell("setup", "import os\nZERO = 0", locked=True),
        heading("## Task 1: Add (4 points)\n\n```python\n# no heading\n```"),
        hints(),
        answer("add"),
        check_cell("add", 'assert add(1, 2) == 3, f"1 + 2 should be 3, got {add(1, 2)}"'),
        heading("## Task 2: Parts (6 points)"),
        answer("parts"),
        check_cell("parts", "parts()", points=6),
        heading("## Task 3: Nothing said (2 points)"),
        answer("silent"),
        check_cell("silent", "print('testing')\nassert silent() == ZERO", points=2),
        heading("## Task 4: Why? (3 points, graded by hand)"),
        cell(
            *("task_why", "YOUR ANSWER HERE", new_markdown_cell),
            **{"grade": True, "solution": True, "points": 3},
        ),
    )
    solve(path, **answers)
    return path


def results(report):
    """Return state and points of each task, by its name."""
    return {task.name: (task.state, task.points) for task in report.tasks}


def course(*arguments, folder=None, **options):
    """Run the command `course` in a folder."""
    command = [str(Path(sys.executable).parent / "course"), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, **options)


# ------------------------------------------------------------------------- what a student is told


def test_a_half_done_exercise(tmp_path):
    path = small(
        tmp_path / "half",
        task_add="def add(a, b):\n    return a - b",
        task_parts="import numpy as np\ndef parts():\n    return np.float64(2.5)",
        task_why="Since.",
    )
    before = path.read_bytes()
    seen = []
    report = student_check.check(path, hints=2, show=lambda *done: seen.append(done))
    assert results(report) == {
        "task_add": ("failed", 0),
        "task_parts": ("partly", 2.5),
        "task_silent": ("not attempted", 0),
        "task_why": ("written answer", 0),
    }
    assert (report.points, report.max_points, report.by_hand, report.passed) == (2.5, 12, 3, False)
    add, parts, silent, why = report.tasks
    assert (add.title, add.message) == ("Task 1: Add", "1 + 2 should be 3, got -1")
    assert [hint.title for hint in add.hints] == ["Hint 1: where to look", "Hint 2: the idea"]
    assert add.hints[0].text == "The second part."
    assert add.hints[1].text.endswith("```python\na + b\n```")
    assert add.more_hints == 1
    assert parts.message == "the test gives 2.5 of 6 points"
    assert not silent.hints
    assert why.message == "your teacher reads it"
    assert report.faults == ()
    assert seen == [(done, 7) for done in range(8)]
    # Nothing is written, and nothing left behind
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]

    told = str(report)
    assert "  0/4  failed          Task 1: Add\n" in told
    assert "2.5 of 12 points by the visible tests" in told
    assert "hidden tests run too" in told
    assert told.endswith("--hints 3")


def test_a_finished_exercise_with_a_broken_cell_of_ones_own(tmp_path):
    path = small(
        tmp_path,
        task_add="add = lambda a, b: a + b",
        task_parts="def parts():\n    return 'six'",  # no number: all points
        task_silent="def silent():\n    import sys\n    print('!', file=sys.stderr)\n    return 0",
    )
    notebook = notebooks.read(path)
    notebook.cells.insert(2, new_code_cell("# mine\n\nimport nothing_like_it"))
    nbformat.write(notebook, path)
    report = student_check.check(path)
    assert report.passed
    assert report.points == 12
    assert [str(fault) for fault in report.faults] == [
        "cell 3 (`import nothing_like_it`): ModuleNotFoundError: No module named 'nothing_like_it'"
    ]
    assert report.tasks[-1].message == "it is still empty"
    assert report.as_dict()["points"] == 12


def test_messages_of_answers_that_break(tmp_path):
    path = small(
        tmp_path,
        task_add="def add(a, b)\n    return a + b",
        task_parts="def parts():\n    raise ValueError('a\\n\\x1b[31mred\\x1b[0m')",
        task_silent="def silent():\n    return add",
    )
    notebook = notebooks.read(path)
    notebook.cells[8].source += "  # changed"
    nbformat.write(notebook, path)
    add, parts, silent, _ = student_check.check(path).tasks
    assert add.message == "your answer (cell 5) fails: SyntaxError: expected ':' (line 1)"
    assert parts.message.splitlines() == [
        "ValueError: a",
        "red",
        "the test of this task was changed; the teacher's own is what counts",
    ]
    assert silent.message == "NameError: name 'add' is not defined"


def test_an_assertion_without_a_message_shows_its_line(tmp_path):
    path = small(tmp_path, task_silent="def silent():\n    return 1")
    assert student_check.check(path).tasks[2].message == "this is not so: assert silent() == ZERO"


@pytest.mark.parametrize(
    ("value", "points"),
    [
        ("3", 3),
        ("9", 6),
        ("-1", 0),
        ("0", 0),
        ("np.int64(2)", 2),
        ("nan", 0),
        ("np.float64(nan)", 0),
        (None, 6),
        ("True", 6),
        ("'3'", 6),
        ("array([1, 2])", 6),
        ("", 6),
    ],
)
def test_the_points_of_a_last_value(value, points):
    from course.kernel import Ran

    assert student_check._points(Ran(value=value), 6) == points


def test_hints_in_other_spelling():
    found = student_check.read_hints(
        "<DETAILS open>\n  <summary>Hint 1:\n where</summary>\n\n    a\n    b\n</DETAILS>"
    )
    assert found == (student_check.Hint("Hint 1: where", "a\nb"),)


def test_long_lines_of_a_hint_are_broken_but_not_its_code():
    words, code = "word " * 40, "y = " + "x + " * 40
    lines = student_check._wrapped(f"- {words}\n\n```python\n{code}\n```\nEnd.")
    assert all(len(line) <= student_check.WIDTH for line in lines if line != code)
    assert lines[1].startswith("  word")
    assert lines[-5:] == ["", "```python", code, "```", "End."]


@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_a_missing_or_copied_cell_of_a_task_is_told(path):
    """Its points would go to another task."""
    whole = notebooks.read(path)
    student_check.demand_exercise(whole, path)
    own = [student_check._meta(one) for one in whole.cells]
    for number, meta in enumerate(own):
        if not (meta.get("solution") or meta.get("grade")) or meta.get("solution") == meta["grade"]:
            continue  # nothing to grade, or a written answer
        torn = notebooks.read(path)
        del torn.cells[number]
        kind = "test" if meta["grade"] else "answer cell"
        with pytest.raises(NotebookError, match=f"the {kind} of 'Task .* is missing; take the ex"):
            student_check.demand_exercise(torn, path)
        if meta["grade"]:
            torn.cells[number:number] = [whole.cells[number]] * 2
            with pytest.raises(NotebookError, match=f"the test {meta['grade_id']} is there twice"):
                student_check.demand_exercise(torn, path)


def test_what_a_terminal_would_obey_is_removed():
    assert clean("\x1b[1;31mred\x1b[0m\x07\r\tand\n\x9b2Jmore") == "red\tand\n2Jmore"


# ------------------------------------------------------------------------ cells that do not end


def test_a_cell_that_does_not_end_is_interrupted_and_the_others_run(tmp_path):
    path = small(
        tmp_path,
        task_add="def add(a, b):\n    while True:\n        pass",
        task_silent="def silent():\n    return 0",
    )
    report = student_check.check(path, limit=1)
    assert results(report)["task_add"] == ("failed", 0)
    assert report.tasks[0].message == "stopped after 1 s"
    assert results(report)["task_silent"] == ("passed", 2)


@pytest.mark.slow
def test_a_cell_that_can_not_be_interrupted_ends_the_kernel_and_all_that_it_started(tmp_path):
    path = small(
        tmp_path,
        task_add="import subprocess\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        "open('child', 'w').write(str(child.pid))\n"
        "def add(a, b):\n    while True:\n        try:\n            while True:\n                pass\n"
        "        except KeyboardInterrupt:\n            pass",
        task_silent="def silent():\n    return 0",
    )
    report = student_check.check(path, limit=1)
    assert "could not be interrupted" in report.tasks[0].message
    assert results(report)["task_silent"] == ("not run", 0)
    child = int((tmp_path / "child").read_text())
    until = time.monotonic() + 10
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_kernel_that_dies(tmp_path):
    path = small(tmp_path, task_add="import os\nos._exit(1)")
    report = student_check.check(path)
    assert report.tasks[0].state == "not run"
    assert [fault.message for fault in report.faults] == ["the kernel died"]


def test_a_kernel_asks_for_nothing_and_knows_no_start_up_files(tmp_path, monkeypatch):
    startup = tmp_path / "ipython/profile_default/startup"
    startup.mkdir(parents=True)
    (startup / "mine.py").write_text("helpful = 1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    with closing(Kernel(tmp_path)) as kernel:
        assert kernel.run("helpful", 10).error == "NameError"
        assert kernel.run("input()", 10).error == "StdinNotImplementedError"
        assert kernel.run("exit(1)", 10).alive
        assert kernel.run("print('x' * 10**7)\n6 * 7", 20).value == "42"


# ------------------------------------------------------------------------------- which notebooks


def test_what_is_a_students_work(tmp_path):
    chapter = write(tmp_path / "notebooks", heading("# A chapter"), name="small")
    released = small(tmp_path / "notebooks/exercises/small")
    solution = write(
        tmp_path / "solutions/small",
        answer("add", "### BEGIN SOLUTION\n1\n### END SOLUTION"),
        check_cell("add", "1"),
    )
    own = [chapter, released, solution]
    assert student_check.students_work(own, tmp_path) == []
    copy = Path(shutil.copytree(released.parent, tmp_path / "work")) / released.name
    assert student_check.students_work([copy, *own, copy], tmp_path) == [copy]
    solve(released, task_silent="def silent():\n    return 0")
    assert student_check.students_work(own, tmp_path) == [released]
    # Outside of a project
    assert student_check.students_work([copy], tmp_path / "work") == [copy]
    for path, reason in ((chapter, "no cell has tests"), (solution, "a teacher's source")):
        other = shutil.copy(path, tmp_path / "work" / "other.ipynb")
        with pytest.raises(NotebookError, match=reason):
            student_check.students_work([Path(other)], tmp_path)


@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_the_released_exercises_are_known_to_be_unchanged(path):
    assert student_check.students_work([path], ROOT) == []
    notebook = student_check.read(path)
    student_check.demand_exercise(notebook, path)
    found = student_check.tasks(notebook)
    headings = [one for one in notebook.cells if re.match(r"## Task \d+: ", one.source)]
    assert [task.title for task in found] == [
        re.match(r"## (.+?) \(\d+ points", one.source)[1] for one in headings
    ]
    assert sum(task.points for task in found) == 100
    notebook.cells = [one for one in notebook.cells if "hints" in notebooks.tags(one)]
    for one in notebook.cells:
        assert len(student_check.read_hints(one.source)) == 3, one.id


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b'{"cells": [\n  1,,', "line 2, column 5: "),
        (b"PK\x03\x04\xff\xfe", "byte 4"),
        (b"[" * 100000, "not a notebook"),
        (b"[]", "not a valid notebook"),
        (b"{}", "not a valid notebook"),
        (json.dumps(HALF_A_NOTEBOOK).encode(), "cell 1: 5 is not valid"),
    ],
)
def test_a_file_that_is_no_notebook(tmp_path, content, reason):
    path = tmp_path / "small.ipynb"
    path.write_bytes(content)
    with pytest.raises(NotebookError) as error:
        student_check.read(path)
    told = str(error.value)
    assert told.startswith(f"{path}: ")
    assert reason in told
    assert "take the exercise again" in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"points": None}, "cell 6 has no points"),
        ({"points": "4"}, "cell 6 has no points"),
        ({"points": float("nan")}, "cell 6 has no points"),
        ({"grade_id": ""}, "cell 6 has lost its name"),
    ],
)
def test_a_test_whose_metadata_is_lost(tmp_path, change, reason):
    path = small(tmp_path)
    notebook = notebooks.read(path)
    notebook.cells[5].metadata.nbgrader.update(change)
    with pytest.raises(NotebookError, match=reason):
        student_check.demand_exercise(notebook, path)


# --------------------------------------------------------------------------------- the command


@pytest.mark.slow
def test_the_command(tmp_path):
    path = small(tmp_path, task_add="def add(a, b):\n    return a - b")
    done = course("check", path.name, folder=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "1 + 2 should be 3, got -1" in done.stdout
    assert "Hint 1: where to look\n" in done.stdout
    assert "Hint 2" not in done.stdout
    done = course("check", "--hints", "3", "--json", path.name, folder=tmp_path)
    told = json.loads(done.stdout)[path.name]
    assert [hint["title"][:6] for hint in told["tasks"][0]["hints"]] == [
        "Hint 1",
        "Hint 2",
        "Hint 3",
    ]
    assert (told["points"], told["max_points"], told["by_hand"]) == (0, 12, 3)
    solve(
        path,
        task_add="def add(a, b):\n    return a + b",
        task_parts="def parts():\n    return None",
        task_silent="def silent():\n    return 0",
    )
    done = course("check", path.name, folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "12 of 12 points" in done.stdout
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.slow
def test_wrong_use_of_the_command(tmp_path):
    path = small(tmp_path)
    broken = tmp_path / "broken.ipynb"
    broken.write_text("{")
    for arguments, reason in [
        (["nowhere.ipynb"], "nowhere.ipynb: no such notebook"),
        (["broken.ipynb"], "broken.ipynb: not a notebook (line 1, column 2"),
        (["."], ".: can't be read"),
        ([path.name, "--seeds", "3"], "not for a student's work"),
        (["--hints", "2"], "only for a student's work"),
    ]:
        done = course("check", *arguments, folder=tmp_path)
        assert done.returncode == 2, done.stderr
        assert reason in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_an_interrupted_check_leaves_no_kernel(tmp_path):
    began = tmp_path / "began"
    path = small(
        tmp_path, task_add=f"open({str(began)!r}, 'w').close()\nimport time\ntime.sleep(600)"
    )
    command = [str(Path(sys.executable).parent / "course"), "check", path.name]
    running = psutil.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while not began.exists():
            assert running.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
        kernels = running.children(recursive=True)
        assert kernels
        running.terminate()
        assert running.wait(timeout=30) == 130
        assert psutil.wait_procs(kernels, timeout=10)[1] == []
    finally:
        if running.poll() is None:
            running.kill()


def test_a_notebook_from_colab(tmp_path):
    path = write(tmp_path, answer("a", "a = 1"), check_cell("a", "assert a == 1"))
    path.write_text(colab.save(notebooks.read(path)))
    report = student_check.check(path)
    assert report.passed, str(report)
    assert report.points == 4


@pytest.mark.slow
@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_the_solutions_answers_pass_the_visible_tests(path, tmp_path):
    mark = re.compile(r"^\s*### (BEGIN|END) SOLUTION\n?", re.MULTILINE)
    solution = notebooks.read(ROOT / "solutions" / path.stem / path.name)
    answers = {
        one.metadata.nbgrader.grade_id: mark.sub("", one.source)
        for one in solution.cells
        if one.cell_type == "code" and one.metadata.get("nbgrader", {}).get("solution")
    }
    own = Path(shutil.copy(path, tmp_path))
    solve(own, **answers)
    report = student_check.check(own)
    assert report.passed, str(report)
    assert report.faults == ()
    assert report.points + report.by_hand == 100
