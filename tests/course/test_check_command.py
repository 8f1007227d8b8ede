"""`course check` catches the faults that it should, and checks the other notebooks all the same."""

import json
import shutil

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from projects import ROOT, notebook

from course import notebooks

pytestmark = pytest.mark.slow

KEEP = "from course.run_info import keep\nkeep(accuracy={})"
ANSWER = "def answer():\n    raise NotImplementedError()"
TEST = "assert answer() == 42"


def add_exercise(project, name, *, folder="notebooks/exercises", answer=ANSWER, test=TEST):
    """Write an exercise, or a solution in the folder of these."""
    book = notebook(parameters=None)
    for cell_id, code, graded in (("answer", answer, False), ("test", test, True)):
        facts = {"grade": graded, "solution": not graded, "locked": graded, "points": 1}
        facts |= {"grade_id": cell_id, "schema_version": 3, "task": False}
        book.cells.append(new_code_cell(code, id=cell_id, metadata={"nbgrader": facts}))
    path = project.root / folder / name / f"{name}.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(book, path)
    return path


def check(project, *arguments):
    """Return the exit code, the lines that begin with FAILED, and the last line."""
    shutil.copy(ROOT / "pyproject.toml", project.root)
    done = project.course("check", *arguments)
    lines = done.stderr.strip().splitlines()
    return done.returncode, [line for line in lines if line.startswith("FAILED")], lines[-1]


def test_all_kinds_pass_and_a_second_check_runs_nothing(project):
    project.add("1_a", KEEP.format("0.9"))
    (project.root / "notebooks/1_a.checks.yml").write_text(
        "expect: [{metric: accuracy, at_least: 0.8}]"
    )
    add_exercise(project, "1_a")
    solution = "def answer():\n    return 42"
    add_exercise(project, "1_a", folder="solutions", answer=solution)
    code, failed, last = check(project)
    assert (code, failed) == (0, [])
    assert last == "3 of 3 notebooks pass their checks in smoke"
    again = project.course("check")
    assert again.returncode == 0
    assert again.stderr.count("up to date") == 3
    told = json.loads(project.course("check", "--json").stdout)
    assert told["1_a"]["metrics"]["accuracy"] == 0.9
    assert told["exercises/1_a"]["faults"] == []


def test_every_fault_is_told_in_one_line_and_the_others_still_run(project):
    project.add("1_low", KEEP.format("0.1"))
    (project.root / "notebooks/1_low.checks.yml").write_text(
        "expect: [{metric: accuracy, at_least: 0.8}]"
    )
    project.add("2_hangs", "import time\ntime.sleep(600)")
    project.add("3_eats", "x = b'x' * 10**9\nimport time\ntime.sleep(600)")
    (project.root / "notebooks/3_eats.checks.yml").write_text("limits: {smoke: {memory_mib: 700}}")
    project.add("4_dies", "import os\nos.kill(os.getpid(), 9)")
    project.add("5_untagged", "1", parameters=None)
    project.add("6_good", "1 + 1")
    add_exercise(project, "7_done", answer="def answer():\n    return 42")
    add_exercise(project, "8_broken", answer="import nothing_like_it\n" + ANSWER)
    add_exercise(project, "9_wrong", folder="solutions", answer="def answer():\n    return 41")
    code, failed, last = check(project, "--time-limit", "25")
    assert code == 1
    told = {line.split()[1].rpartition("/")[2]: line.partition(", ")[2] for line in failed}
    assert len(told) == len(failed)
    assert told.pop("1_low.ipynb") == "accuracy = 0.1, expected at least 0.8"
    assert told.pop("2_hangs.ipynb") == "cell 3: stopped at its time limit of 25 s"
    assert "memory limit of 700 MiB" in told.pop("3_eats.ipynb")
    assert "cell 3: the kernel died" in told.pop("4_dies.ipynb")
    assert "0 cells are tagged 'parameters'" in told.pop("5_untagged.ipynb")
    assert "stops at its first NotImplementedError" in told.pop("7_done.ipynb")
    assert "ModuleNotFoundError" in told.pop("8_broken.ipynb")
    assert "AssertionError" in told.pop("9_wrong.ipynb")
    assert told == {}
    assert last == "1 of 9 notebooks pass their checks in smoke"


def test_what_can_be_kept_is_known_before_anything_runs(project):
    chapter = project.add("1_a", "open('ran', 'w')")
    for seeds in ([], ["--seeds", "4"]):
        done = project.course("check", "--keep", *seeds)
        assert done.returncode == 2
        assert "a band needs --seeds 5 or more" in done.stderr
    chapter.with_suffix(".spread.json").write_text("{")
    done = project.course("check", "--keep", "--seeds", "5")
    assert done.returncode == 2
    assert "1_a.spread.json: can't be read" in done.stderr
    assert not (project.root / "ran").exists()


def test_records_of_chapters_are_published(project):
    for name in ("1_a", "2_b"):
        project.add(name, KEEP.format(0.5))
    add_exercise(project, "1_a")
    chosen = ("notebooks/2_b.ipynb", "notebooks/exercises/1_a/1_a.ipynb")
    code, failed, last = check(project, "--publish", *chosen)
    assert (code, failed) == (0, [])
    assert last == "2 of 2 notebooks pass their checks in smoke"
    # An exercise has no page of results
    (kept,) = (project.root / "book/results").iterdir()
    assert kept.name.endswith("_2_b_smoke.json")


def test_a_changed_pinned_output_is_caught(project):
    chapter = project.add("1_a", "6 * 7")
    book = notebooks.read(chapter)
    book.cells[-1].metadata["tags"] = [notebooks.PINNED]
    nbformat.write(book, chapter)
    assert project.course("pins", "--update").returncode == 0
    assert check(project)[0] == 0
    chapter.write_text(chapter.read_text().replace('"42"', '"43"'))
    code, failed, _ = check(project)
    assert code == 1
    assert [line.partition(", ")[2] for line in failed] == [
        "the pinned output of cell code-0 has changed"
    ]


def test_an_accuracy_outside_the_band_of_its_seeds_is_caught(project):
    code = (
        "import numpy as np\nfrom course.profiles import settings\n"
        "run = settings(profile, smoke={'n': 1}, quick={'n': 1}, full={'n': 1})\n"
        "from course.run_info import keep\n"
        "keep(accuracy=float(np.random.default_rng(1).normal(0.5, 0.01)))"
    )
    chapter = project.add("1_a", code)
    (project.root / "notebooks/1_a.checks.yml").write_text(
        "expect: [{metric: accuracy, band: seeds}]"
    )
    done = project.course("check", "--seeds", "5", "--keep")
    assert done.returncode == 0, done.stderr
    spread = json.loads((project.root / "notebooks/1_a.spread.json").read_text())
    values = spread["smoke, stand-in data"]["metrics"]["accuracy"]
    assert len(set(values)) == 5
    assert check(project)[0] == 0
    chapter.write_text(chapter.read_text().replace("0.5, 0.01", "0.9, 0.01"))
    code, failed, _ = check(project)
    assert code == 1
    assert "accuracy = 0.9" in failed[0] or "accuracy = 0.8" in failed[0]
    assert "band of 5 seeds 0." in failed[0]


def test_a_killed_check_goes_on_where_it_stopped(project):
    import signal
    import subprocess
    import time

    project.add("1_a", "1")
    project.add("2_b", "import pathlib, time\npathlib.Path('began').touch()\ntime.sleep(5)")
    shutil.copy(ROOT / "pyproject.toml", project.root)
    command = project.command("check", "--jobs", "1")
    running = subprocess.Popen(command, cwd=project.root, stderr=subprocess.DEVNULL)
    while not (project.root / "began").exists():
        assert running.poll() is None
        time.sleep(0.1)
    running.send_signal(signal.SIGKILL)
    running.wait()
    done = project.course("check")
    assert done.returncode == 0
    assert "1_a (smoke): up to date" in done.stderr
    assert "2_b (smoke): it has not run yet" in done.stderr
