"""The command `course experiments` on small chapters."""

import functools
import json

import nbformat
import pytest

from course import experimenter, notebooks
from course.experiments import load

SETUP = """\
from functools import partial
from pathlib import Path
factor = 2

def other():
    return 1

def work(rate, seed):
    \"\"\"Work.\"\"\"
    with Path("calls").open("a") as file:
        file.write(f"{rate} ")
    return {"value": rate * factor}
"""
DECLARED = """\
experiments = {f"try/{rate}": partial(work, rate, seed=0) for rate in (1, 2, 3)}
"""


def add(project, *cells, name="5_a"):
    """Write a chapter whose code cells are tagged `experiments`, and one more that must not run."""
    path = project.add(name, *cells, "1 / 0")
    book = notebooks.read(path)
    for cell in book.cells[2:-1]:
        cell.metadata["tags"] = [experimenter.TAG]
    nbformat.write(book, path)
    return path


def calls(project):
    path = project.root / "calls"
    return path.read_text().split() if path.exists() else []


def test_what_is_done_is_not_done_again(project):
    add(project, SETUP, DECLARED)
    folder = project.root / "course/records"
    assert project.course("experiments", "--only", "try/2").returncode == 0
    assert calls(project) == ["2"]
    done = project.course("experiments")
    assert done.returncode == 0, done.stderr
    assert "3 experiments, 1 done" in done.stderr
    assert "[2/2] try/3: 0 s; about 0 min left" in done.stderr
    assert calls(project) == ["2", "1", "3"]
    assert {one.name: one.result for one in load("5_a", folder=folder)} == {
        f"try/{rate}": {"value": 2 * rate} for rate in (1, 2, 3)
    }
    assert project.course("experiments").returncode == 0
    assert calls(project) == ["2", "1", "3"]


def test_only_what_changed_runs_again(project):
    add(project, SETUP, DECLARED)
    project.course("experiments")
    same = SETUP.replace("return 1", "return 2").replace("Work.", "Do the work.")
    add(project, same + "# a comment\n", DECLARED)
    assert project.course("experiments", "--list").returncode == 0
    add(project, SETUP.replace("factor = 2", "factor = 3"), DECLARED.replace("2, 3", "2, 3, 4"))
    listed = project.course("experiments", "--list", "--json")
    assert listed.returncode == 1
    states = json.loads(listed.stdout)["5_a"]
    assert states == {f"try/{rate}": "older code" for rate in (1, 2, 3)} | {"try/4": "missing"}
    assert calls(project) == ["1", "2", "3"]
    assert project.course("experiments").returncode == 0
    assert calls(project) == ["1", "2", "3", "1", "2", "3", "4"]


def test_what_was_done_before_a_failure_is_kept(project):
    add(project, SETUP.replace("rate * factor", "factor / (rate - 2)"), DECLARED)
    done = project.course("experiments")
    assert done.returncode == 1
    assert "FAILED 5_a.ipynb, try/2: ZeroDivisionError: " in done.stderr
    assert "Traceback" not in done.stderr
    assert [one.name for one in load("5_a", folder=project.root / "course/records")] == ["try/1"]


def test_stand_in_data_is_refused(project):
    add(project, "from course import data\ndata.load_mnist()\n" + SETUP, DECLARED)
    done = project.course("experiments")
    assert done.returncode == 2
    assert "experiments refuse stand-in data: set COURSE_DATA" in done.stderr
    assert calls(project) == []


@pytest.mark.parametrize(
    ("cells", "arguments", "told"),
    [
        (["x = 1"], [], "define no `experiments`"),
        (["experiments = {'a': print}"], [], "experiment 'a' is no functools.partial"),
        ([SETUP, DECLARED], ["--only", "tri/"], "no experiment has a name that begins with 'tri/'"),
        ([], [], "no cell is tagged 'experiments'"),
        ([SETUP, DECLARED], ["notebooks/6_b.ipynb"], "6_b.ipynb"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_mend(project, cells, arguments, told):
    add(project, *cells)
    done = project.course("experiments", *arguments)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert told in line


def test_a_cell_that_fails_is_named(project):
    add(project, SETUP, "nothing")
    done = project.course("experiments")
    assert done.returncode == 1
    assert "FAILED 5_a.ipynb, cell 4: NameError: name 'nothing' is not defined" in done.stderr


def test_settings_and_definitions_change_the_digest():
    def work(rate):
        return rate

    code = "a = 1\nb = a\ndef work(rate):\n    return b\n"
    one = experimenter.digest(functools.partial(work, 1), code)
    assert experimenter.digest(functools.partial(work, 1), f"c = 1\n{code}") == one
    assert experimenter.digest(functools.partial(work, 2), code) != one
    assert experimenter.digest(functools.partial(work, rate=1), code) != one
    assert experimenter.digest(functools.partial(work, 1), code.replace("a = 1", "a = 2")) != one
    assert experimenter.digest(functools.partial(work, 1), f"{code}b += 1\n") != one
