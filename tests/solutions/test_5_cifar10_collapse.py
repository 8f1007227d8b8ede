"""Exercise 5: its recorded runs come from the scripts that students read, and so would others."""

import subprocess
import sys
from pathlib import Path

import pytest

from autograder.nbgrader_course import read_notebooks

ROOT = Path(__file__).parents[2]
RECORDER = ROOT / "tests" / "solutions_support" / "record_runs.py"
KNOWN = {"A": "rate too large", "B": "modes disagree", "C": "validation data"}


def cell(name):
    """Return the source of a cell of the solution."""
    (notebook,) = read_notebooks(ROOT / "solutions" / "5_cifar10_collapse").values()
    return next(c.source for c in notebook.cells if c.id == name)


def read(text):
    """Return the runs in a text: pairs of a name and a dictionary of lists."""
    runs = []
    for line in text.strip().splitlines():
        first, *numbers = line.split()
        if numbers and numbers[-1][0].isdigit():
            runs[-1][1][first] = [float(number) for number in numbers]
        else:
            runs.append((line.strip(), {}))
    return runs


def recorded(kind):
    """Return what the notebook holds."""
    start, name = {
        "visible": ('RECORDS = """', "setup_runs"),
        "hidden": ('records = """', "test_task_08_diagnose"),
    }[kind]
    return read(cell(name).split(start)[1].split('"""')[0])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["visible", "hidden"])
def test_the_recorded_runs_can_be_recorded_again(kind):
    done = subprocess.run(
        [sys.executable, RECORDER, kind], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    again, kept, names = read(done.stdout), recorded(kind), {}
    exec(cell("task_08_diagnose"), names)
    assert [name for name, _ in again] == [name for name, _ in kept]
    for (name, new), (_, old) in zip(again, kept, strict=True):
        cause = KNOWN.get(name, name)
        assert names["diagnose"](new) == names["diagnose"](old) == cause
        assert {k: len(v) for k, v in new.items()} == {k: len(v) for k, v in old.items()}, name
        # What rounding does grows in a network that is being destroyed, and only there.
        epochs = 1 if cause == "rate too large" else None
        for key, numbers in old.items():
            one_unit = 0.05 if key == "dead" else 0
            assert new[key][:epochs] == pytest.approx(numbers[:epochs], rel=0.05, abs=one_unit), (
                f"{name}: {key}"
            )
