"""A small exercise in a course of its own, and submissions of it, for measurements and attacks.

The source of the exercise is one file in percent format, whose blocks are `setup NAME`, `task NAME`
and `test NAME POINTS`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from autograder.exercises import release, released_notebooks
from autograder.nbgrader_course import CONFIG, Course


def blocks(path: Path) -> Iterator[tuple[str, str]]:
    """Give the title and the code of each block of a file in percent format."""
    title, lines = None, []
    for line in [*path.read_text("utf-8").splitlines(), "# %% end"]:
        if not line.startswith("# %%"):
            lines.append(line)
            continue
        if title:
            yield title, "\n".join(lines).strip("\n")
        title, lines = line.removeprefix("# %%").strip(), []


def read_exercise(path: Path) -> NotebookNode:
    """Return the solution notebook whose source is in a file in percent format."""
    notebook = new_notebook(
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        }
    )
    for title, code in blocks(path):
        kind, name, *points = title.split()
        meta = {
            "grade_id": name,
            "grade": kind == "test",
            "solution": kind == "task",
            "locked": kind != "task",
            "task": False,
            "schema_version": 3,
        }
        if points:
            meta["points"] = int(points[0])
        cell = new_code_cell(code, id=re.sub("[^a-zA-Z0-9-]", "-", name)[:64])
        cell.metadata["nbgrader"] = meta
        notebook.cells.append(cell)
    return notebook


class Suite:
    """An exercise in a course of its own, and submissions of it.

    Args:
        exercise: its source, in percent format.
        config: the `nbgrader_config.py` of that course.
        root: an empty folder for it.
    """

    def __init__(self, exercise: Path, config: Path, root: Path):
        self.name = "exercise"
        self.course = Course(root)
        shutil.copy(config, root / CONFIG)
        self.solution = read_exercise(exercise)
        (self.course.solutions / self.name).mkdir(parents=True)
        nbformat.write(self.solution, self.course.solutions / self.name / f"{self.name}.ipynb")
        release(self.course, self.name)
        self._released = released_notebooks(self.course.exercises / self.name)[self.name]
        self.worth: dict[str, tuple[str, float]] = {}  # of each task: its test, and its points
        task = ""
        for cell in self.solution.cells:
            meta = cell.metadata["nbgrader"]
            task = meta["grade_id"] if meta["solution"] else task
            if meta["grade"]:
                self.worth[task] = (meta["grade_id"], float(meta["points"]))

    @property
    def max_points(self) -> float:
        """What a right submission earns."""
        return sum(points for _, points in self.worth.values())

    def submit(self, student: str, answers: dict[str, str]) -> None:
        """Hand in right answers to all tasks but those that are given."""
        solution = {cell.metadata["nbgrader"]["grade_id"]: cell for cell in self.solution.cells}
        notebook = nbformat.from_dict(self._released)
        for cell in notebook.cells:
            meta = cell.metadata.get("nbgrader", {})
            if meta.get("solution"):
                name = meta["grade_id"]
                cell.source = answers.get(name, solution[name].source)
        self.course.submit(student, self.name, {self.name: notebook})
