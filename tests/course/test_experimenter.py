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


@pytest.mark.slow
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


@pytest.mark.slow
def test_only_what_changed_runs_again(project):
    add(project, SETUP, DECLARED)
    project.course("experiments")
    same = SETUP.replace("return 1", "return 2").replace("Work.", "Do the work.")
    add(project, same + "# a comment\n", DECLARED)
    assert project.course("experiments", "--list").returncode == 0
    more = DECLARED.replace("2, 3", "2, 3, 4")
    add(project, SETUP, more)
    listed = project.course("experiments", "--list", "--json")
    states = json.loads(listed.stdout)["5_a"]
    assert states == {f"try/{rate}": "done" for rate in (1, 2, 3)} | {"try/4": "missing"}
    add(project, SETUP.replace("factor = 2", "factor = 3"), more)
    listed = project.course("experiments", "--list", "--json")
    assert listed.returncode == 1
    states = json.loads(listed.stdout)["5_a"]
    assert states == {f"try/{rate}": "older code" for rate in (1, 2, 3)} | {"try/4": "missing"}
    assert calls(project) == ["1", "2", "3"]
    assert project.course("experiments").returncode == 0
    assert calls(project) == ["1", "2", "3", "1", "2", "3", "4"]


def test_one_that_fails_is_named_with_its_line_and_the_others_run(project):
    add(project, SETUP.replace("rate * factor", "factor / (rate - 2)"), DECLARED)
    done = project.course("experiments", "--json")
    assert done.returncode == 1
    assert (
        "FAILED 5_a.ipynb, try/2: ZeroDivisionError: division by zero "
        '(cell 3, line 12: return {"value": factor / (rate - 2)})\n'
    ) in done.stderr
    assert "Traceback" not in done.stderr
    kept = load("5_a", folder=project.root / "course/records")
    assert [one.name for one in kept] == ["try/1", "try/3"]
    states = {"try/1": "done", "try/2": "missing", "try/3": "done"}
    assert json.loads(done.stdout) == {"5_a": states}


def test_a_result_that_json_can_not_hold_fails(project):
    add(project, SETUP.replace("rate * factor", "{rate}"), DECLARED)
    done = project.course("experiments", "--only", "try/1")
    assert done.returncode == 1
    assert "FAILED 5_a.ipynb, try/1: TypeError: Object of type set is not JSON" in done.stderr


def test_a_chapter_that_fails_does_not_keep_the_next_from_running(project):
    add(project, "nothing", name="4_z")
    add(project, SETUP, DECLARED)
    assert project.course("experiments", "--only", "try/3").returncode == 1
    assert calls(project) == ["3"]


def test_a_prefix_of_one_chapter_runs_that_one(project):
    add(project, SETUP, DECLARED.replace("try", "other"), name="4_z")
    add(project, SETUP, DECLARED)
    done = project.course("experiments", "--only", "try/2", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"5_a": {"try/2": "done"}}


@pytest.mark.slow
def test_what_cells_print_leaves_json_pure(project):
    code = SETUP.replace("    with", "    print('an experiment')\n    with")
    add(project, f"print('a cell')\n{code}", DECLARED)
    for option in ("--json", "--list"):
        done = project.course("experiments", "--json", option)
        assert json.loads(done.stdout)["5_a"]["try/1"] == "done"


@pytest.mark.slow
def test_stand_in_data_is_refused(project):
    add(project, "from course import data\ndata.load_mnist()\n" + SETUP, DECLARED)
    done = project.course("experiments")
    assert done.returncode == 2
    assert "experiments refuse stand-in data: set COURSE_DATA" in done.stderr
    assert calls(project) == []


@pytest.mark.slow
def test_stand_in_data_that_an_experiment_loads_is_refused(project):
    code = SETUP.replace("    with", "    from course import data\n    data.load_mnist()\n    with")
    add(project, code, DECLARED)
    done = project.course("experiments")
    assert done.returncode == 2
    assert "experiments refuse stand-in data: set COURSE_DATA" in done.stderr
    assert calls(project) == ["1"]
    assert load("5_a", folder=project.root / "course/records") == []


@pytest.mark.parametrize(
    ("cells", "arguments", "told"),
    [
        (["x = 1"], [], "define no `experiments`"),
        (["experiments = {'a': print}"], [], "experiment 'a' is no functools.partial"),
        (
            [SETUP, "experiments = {'a': partial(work, other, seed=0)}"],
            [],
            "experiment 'a' has an argument that is no plain value: Object of type function",
        ),
        (
            ["from functools import partial, reduce\nexperiments = {'a': partial(reduce, 1)}"],
            [],
            "experiment 'a' calls a function that the cells tagged 'experiments' don't define",
        ),
        (
            ["from functools import partial\nexperiments = {'a': partial(lambda: {})}"],
            [],
            "experiment 'a' calls a function that the cells tagged 'experiments' don't define",
        ),
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


WORK = """\
def work(rate):
    return VALUE
"""


@pytest.mark.parametrize(
    ("before", "value", "old", "new"),
    [
        ("cfg = {}\ncfg['lr'] = 1\n", "cfg['lr']", "= 1", "= 2"),
        ("try:\n    def f(): return 1\nexcept ImportError: pass\n", "f()", "1", "2"),
        ("from a import f\n", "f()", "a import", "b import"),
        ("import a.c\n", "a.c.f()", "a.c", "a.d"),
        ("class A:\n    def f(self): return b\nb = 1\n", "A().f()", "= 1", "= 2"),
        ("b = 1\na = b = b + 0\n", "a", "= 1", "= 2"),
        ("b = 1\nf = lambda: [b for _ in 'a']\n", "f()", "= 1", "= 2"),
    ],
)
def test_what_a_function_uses_changes_the_digest(before, value, old, new):
    def work(rate):
        return rate

    code = before + WORK.replace("VALUE", value)
    changed = code.replace(old, new)
    assert changed != code
    experiment = functools.partial(work, 1)
    assert experimenter.digest(experiment, code) != experimenter.digest(experiment, changed)


def test_a_local_name_is_not_one_of_the_top_level():
    def work(rate):
        return rate

    code = "a = [d for d in 'a']\ndef work(e):\n    b = [c for c in e]\n    return a, b\n"
    experiment = functools.partial(work, 1)
    one = experimenter.digest(experiment, code)
    for name in "bcde":
        assert experimenter.digest(experiment, f"{name} = 1\n{code}") == one


def test_the_digest_is_the_same_in_every_python():
    def work(rate):
        return rate

    code = (
        'class A(dict):\n    """A."""\n    def f(self, *a: int, **b) -> float:\n'
        '        return f"{a!r:>9}" if a else 1.5e-3\n'
        "b = [c for c in (None, True, ...)]\nc = lambda x, *, y=b'z': x\n"
        "@c\ndef work(rate):\n    with A() as a:\n        return a.f(rate)[1:2], [b for b in b]\n"
    )
    assert experimenter.digest(functools.partial(work, 1), code) == "90108ca950a4f59b"
