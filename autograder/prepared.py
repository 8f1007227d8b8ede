"""A submission on its way to be graded: taken in, and as the steps that are to be done with it."""

from __future__ import annotations

import copy
import hashlib
import importlib.metadata
import json
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path

from nbformat import NotebookNode

from autograder import gradebook, intake
from autograder.intake import Intake
from autograder.steps import Outcome, Step

Notebooks = dict[str, NotebookNode]
# What decides on the outcome of a cell, besides our own code
DECIDE = ("ipython", "keras", "numpy", "tensorflow")


@dataclass
class Prepared:
    """One attempt of one student.

    Attributes:
        taken: what intake has made of each notebook, by name.
        steps: the cells' steps of each notebook that is graded.
        outcomes: what came of them, once that is known.
    """

    taken: dict[str, Intake]
    steps: dict[str, list[tuple[int, Step]]]
    outcomes: dict[str, list[Outcome]] | None = None

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of all that goes into its grading."""
        found = [
            [
                name,
                one.refused,
                one.notes,
                [[cell.cell_type, cell.source] for cell in one.notebook.cells],
                [asdict(step) for _, step in self.steps.get(name, ())],
            ]
            for name, one in sorted(self.taken.items())
            if one.notebook
        ]
        return hashlib.sha256(json.dumps(found).encode("utf-8", "replace")).hexdigest()

    @property
    def points(self) -> float:
        """What the tests have earned; less than nothing if the attempt was refused."""
        if not self.steps:
            return -1.0
        graded = self.outcomes or {}
        return sum(outcome.points for outcomes in graded.values() for outcome in outcomes)

    @property
    def refused(self) -> str | None:
        """Why it is not graded, or None."""
        return "; ".join(one.refused for one in self.taken.values() if one.refused) or None

    @property
    def notes(self) -> tuple[str, ...]:
        """What was mended in it."""
        return tuple(note for one in self.taken.values() for note in one.notes)

    @property
    def answers(self) -> dict[str, str]:
        """The sources of its answers, by the names of the tasks; none of a refused notebook."""
        return {
            gradebook.grade_id(cell): cell.source
            for name in self.steps
            for cell in self.taken[name].notebook.cells
            if cell.metadata.get("nbgrader", {}).get("solution")
        }

    def notebooks(self) -> Notebooks:
        """Return the notebooks with their outcomes, as they are to be stored."""
        assert self.outcomes is not None
        found = {}
        for name, one in self.taken.items():
            notebook = copy.deepcopy(one.notebook)
            if name in self.outcomes:
                notebook = gradebook.with_outcomes(notebook, self.steps[name], self.outcomes[name])
            found[name] = gradebook.with_notes(notebook, one.notes)
        return found


def prepare(folder: Path, released: Notebooks, whole: Notebooks) -> Prepared:
    """Take a submission in.

    Args:
        folder: where it lies.
        released: the notebooks as students got them.
        whole: the same with the hidden tests.
    """
    prepared = Prepared({}, {})
    for name, notebook in released.items():
        one = intake.take(folder, notebook, name)
        if one.notebook:
            _put_tests(one.notebook, whole[name])
            prepared.steps[name] = gradebook.steps(one.notebook)
        else:
            told = gradebook.refused(copy.deepcopy(whole[name]), one.refused or "")
            one = Intake(told, one.refused, one.notes)
        prepared.taken[name] = one
    return prepared


def _put_tests(notebook: NotebookNode, whole: NotebookNode) -> None:
    """Put the teacher's version in place of each cell that no student may change."""
    ours = {name: cell for cell in whole.cells if (name := gradebook.grade_id(cell))}
    for number, cell in enumerate(notebook.cells):
        if mine := ours.get(gradebook.grade_id(cell)):
            if mine.metadata["nbgrader"].get("solution"):
                cell.metadata = copy.deepcopy(mine.metadata)  # with its checksum
            else:
                notebook.cells[number] = copy.deepcopy(mine)


@cache
def grader_digest() -> str:
    """Return the SHA-256 of this grader: its code, and the packages that decide on outcomes."""
    found = hashlib.sha256()
    ours = Path(__file__).parent
    for path in sorted([*ours.glob("*.py"), ours.parent / "course" / "warm.py"]):
        found.update(f"{path.name}\n".encode() + path.read_bytes())
    for name in DECIDE:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            version = "none"
        found.update(f"{name} {version}\n".encode())
    return found.hexdigest()
