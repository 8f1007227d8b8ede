"""The command `course speed` on small chapters."""

import json
import subprocess
import time

import nbformat
import psutil
import pytest

from course import benchmark, notebooks
from course.speed import Ratio

SETUP = """\
import time
profile = "quick"

def work(seconds, steps):
    def run():
        print("at work")
        time.sleep(seconds)
        return steps
    return run
"""
RACE = """\
contestants = {{"quick": work(0.001, 1000), "slow": work(0.001, 1)}}
floors = {{("quick", "slow"): {floor}}}
"""


@pytest.mark.parametrize(("floor", "reached"), [(2.9, True), (3.0, True), (3.1, False)])
def test_the_middle_ratio_decides(floor, reached):
    result = benchmark.Result("1_a", Ratio("fast", "slow", (9.0, 1.0, 3.0)), floor)
    assert result.reached is reached
    assert result.as_dict()["reached"] is reached
    shown = "reached" if reached else "MISSED"
    assert str(result) == f"1_a: fast / slow: 3.00 (1.00 to 9.00), floor {floor:g}: {shown}"


@pytest.mark.parametrize(
    ("ratio", "floor", "shown"),
    [(4.996, 5, "4.996"), (4.99996, 5, "4.99996"), (0.904, 0.903, "0.904"), (5, 5, "5.00")],
)
def test_a_ratio_is_not_rounded_over_its_floor(ratio, floor, shown):
    result = benchmark.Result("1_a", Ratio("fast", "slow", (ratio,)), floor)
    assert str(result).startswith(f"1_a: fast / slow: {shown} (")


def add(project, name, *cells):
    """Write a chapter whose code cells are tagged `speed`, and one more that must not run."""
    path = project.add(name, *cells, "1 / 0")
    book = notebooks.read(path)
    for cell in book.cells[2:-1]:
        cell.metadata["tags"] = [benchmark.TAG]
    nbformat.write(book, path)
    return path


def one_line(done):
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.mark.slow
def test_a_floor_that_is_reached(project):
    add(project, "1_a", SETUP, RACE.format(floor=5))
    project.add("2_b", "print('nothing to measure here')")
    done = project.course("speed", "--repeats", "3")
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()
    assert line.startswith("1_a: quick / slow: ")
    assert line.endswith("floor 5: reached")
    assert "repeat 3 of 3" in done.stderr
    assert "at work" in done.stderr


@pytest.mark.slow
def test_a_floor_that_is_missed(project):
    add(project, "1_a", SETUP, RACE.format(floor=1e9))
    done = project.course("speed", "--repeats", "2", "--json")
    assert done.returncode == 1
    [row] = json.loads(done.stdout)
    assert (row["chapter"], row["fast"], row["slow"]) == ("1_a", "quick", "slow")
    assert row["reached"] is False
    assert len(row["ratios"]) == 2
    assert row["lowest"] <= row["median"] <= row["highest"]


@pytest.mark.slow
def test_a_cell_that_fails(project):
    add(project, "1_a", SETUP, "contestants = nothing")
    done = project.course("speed")
    assert done.returncode == 1
    assert "FAILED 1_a.ipynb, cell 4: NameError: name 'nothing' is not defined" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("cell", "code"), [("1 / 0", 1), ("floors = {}", 2)])
def test_a_chapter_that_fails_leaves_the_ratios_of_the_others(project, cell, code):
    add(project, "1_a", SETUP, RACE.format(floor=5), cell)
    add(project, "2_b", SETUP, RACE.format(floor=5))
    done = project.course("speed", "--repeats", "1")
    assert done.returncode == code
    assert "1_a.ipynb" in done.stderr
    [line] = done.stdout.splitlines()
    assert line.startswith("2_b: quick / slow: ")


@pytest.mark.slow
def test_a_contestant_that_fails(project):
    add(project, "1_a", "contestants = {'a': lambda: 1 / 0}\nfloors = {('a', 'a'): 1}")
    done = project.course("speed")
    assert done.returncode == 1
    assert "FAILED 1_a.ipynb, a contestant: ZeroDivisionError" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("contestants = {'a': lambda: 1}", "define no `floors`"),
        ("floors = {('a', 'a'): 1}", "define no `contestants`"),
        ("contestants = {'a': lambda: 1}\nfloors = {('a', 'b'): 1}", "names 'b'"),
        ("contestants = {'a': lambda: 0}\nfloors = {('a', 'a'): 1}", "'a' returned 0"),
        ("contestants = {'a': lambda: 1 / 0}\nfloors = {'a': 1}", "the key 'a'; give a pair"),
        ("contestants = {'a': lambda: 1 / 0}\nfloors = {('a',): 1}", "the key ('a',)"),
        ("contestants = {'a': lambda: 1 / 0}\nfloors = {('a', 'a'): '1'}", "the floor '1'"),
        ("contestants = {'a': lambda: 1 / 0}\nfloors = {('a', 'a'): float('nan')}", "floor nan"),
    ],
)
def test_cells_that_declare_no_race(project, code, told):
    add(project, "1_a", code)
    done = project.course("speed")
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("course: ")
    assert "1_a.ipynb: " in last
    assert told in last


def test_no_chapter_has_tagged_cells(project):
    project.add("1_a", "1")
    said = one_line(project.course("speed"))
    assert "1_a.ipynb: no cell is tagged 'speed'; tag those that define" in said


def test_a_named_chapter_without_tagged_cells(project):
    add(project, "1_a", SETUP, RACE.format(floor=5))
    other = project.add("2_b", "1")
    assert "2_b.ipynb: no cell is tagged 'speed'" in one_line(project.course("speed", other))


def test_an_unknown_chapter(project):
    project.add("1_a", "1")
    assert "9.ipynb: no such notebook" in one_line(project.course("speed", "notebooks/9.ipynb"))


def test_no_repeats_on_the_command_line(project):
    project.add("1_a", "1")
    assert project.course("speed", "--repeats", "0").returncode == 2


@pytest.mark.slow
def test_functions_of_a_cell_can_be_read_by_what_compiles_them(project):
    code = "import inspect\ndef run():\n    return len(inspect.getsource(run).splitlines())\n"
    race = "contestants = {'a': run, 'b': lambda: 1}\nfloors = {('a', 'b'): 0}"
    chapter = add(project, "1_a", code, race)
    [result] = benchmark.run(chapter, 1)
    assert result.reached
    assert result.ratio.values[0] > 0


@pytest.mark.slow
def test_a_stopped_command_ends_its_process(project):
    add(project, "1_a", "import time\nopen('started', 'w')\ntime.sleep(600)")
    command = subprocess.Popen(project.command("speed"), cwd=project.root)
    for _ in range(600):
        if (project.root / "started").exists():
            break
        time.sleep(0.1)
    family = psutil.Process(command.pid).children(recursive=True)
    assert family
    command.terminate()
    assert command.wait(timeout=30) == 130
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
