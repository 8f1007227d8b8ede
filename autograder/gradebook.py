"""What grading leaves behind, as nbgrader has it: rows in its gradebook, and autograded notebooks.

All of it is written by nbgrader's own preprocessors, from the notebook with its outputs, so that
`nbgrader generate_feedback`, `nbgrader export` and formgrader find what they know.
"""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
import sqlalchemy
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_output

from autograder.nbgrader_course import Course
from autograder.steps import Kind, Outcome, Step
from course.files import write_atomically

META = "autograder"  # the key of what we note in a cell's metadata
# What nbgrader looks for without an index, so that saving took three times as long after 10,000
# submissions as at first; they change nothing but that
INDEXES = (
    ("grade", "notebook_id"),
    ("comment", "notebook_id"),
    ("submitted_notebook", "assignment_id"),
)
# nbgrader's preprocessors tell of each cell that is as it was before the tests were taken out
log = logging.Logger(__name__, logging.ERROR)


def steps(notebook: NotebookNode) -> list[tuple[int, Step]]:
    """Return the steps of a notebook, each with the number of its cell."""
    found = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        meta = cell.metadata.get("nbgrader", {})
        kind = Kind.CELL
        if meta.get("grade") and not meta.get("solution"):
            kind = Kind.TEST
        elif meta.get("locked") and not meta.get("solution"):
            kind = Kind.SETUP
        name = meta.get("grade_id") or cell.get("id", f"cell-{number}")
        found.append((number, Step(kind, name, cell.source, float(meta.get("points") or 0))))
    return found


def is_test(cell: NotebookNode) -> bool:
    """Tell whether a cell is one of tests, that no human grades."""
    meta = cell.metadata.get("nbgrader", {})
    return bool(cell.cell_type == "code" and meta.get("grade") and not meta.get("solution"))


def grade_id(cell: NotebookNode) -> str | None:
    """Return what nbgrader calls a cell; None if it knows nothing of it."""
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def with_outcomes(
    notebook: NotebookNode, taken: list[tuple[int, Step]], outcomes: list[Outcome]
) -> NotebookNode:
    """Put what came of the steps into the cells of a notebook, as if a kernel had run them."""
    for count, ((number, step), outcome) in enumerate(zip(taken, outcomes, strict=True), start=1):
        cell = notebook.cells[number]
        cell.execution_count = count
        cell.outputs = [nbformat.from_dict(output) for output in outcome.outputs]
        if step.kind == Kind.TEST:
            cell.outputs = _test_outputs(step, outcome)
            cell.metadata[META] = {"public": outcome.public}
        elif outcome.ended:
            cell.outputs = [_error("Ended", outcome.ended)]
    return notebook


def refused(notebook: NotebookNode, reason: str) -> NotebookNode:
    """Return the notebook of a submission that can't be graded: each test fails for the reason."""
    for cell in notebook.cells:
        if is_test(cell):
            cell.outputs = [_error("Refused", reason)]
            cell.metadata[META] = {"public": reason}
    notebook.cells.insert(
        0, _told("This submission was not graded", [reason], "autograder-refused")
    )
    return notebook


def with_notes(notebook: NotebookNode, notes: tuple[str, ...]) -> NotebookNode:
    """Put what intake has noticed on top of a notebook."""
    if notes:
        notebook.cells.insert(
            0, _told("What was mended in this submission", notes, "autograder-notes")
        )
    return notebook


def _told(title: str, lines: Any, name: str) -> NotebookNode:
    # As code, so that a file's name can be no Markdown and no HTML
    shown = "\n".join(f"- {line}" for line in lines).replace("```", "'''")
    return new_markdown_cell(f"**{title}**\n\n```text\n{shown}\n```", id=name)


def _test_outputs(step: Step, outcome: Outcome) -> list[NotebookNode]:
    """Return outputs from which nbgrader reads the points of a test."""
    found = []
    if outcome.printed:
        found.append(new_output("stream", name="stdout", text=outcome.printed))
    if outcome.message is not None:
        found.append(_error("AssertionError", outcome.message))
    elif outcome.points < step.points:
        text = {"text/plain": repr(outcome.points)}
        found.append(new_output("execute_result", data=text, execution_count=None))
    return found


def _error(name: str, text: str) -> NotebookNode:
    return new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"])


class Writer:
    """Writes marks and autograded notebooks of one assignment. A context manager.

    Args:
        course: the course.
        assignment: its name; the gradebook knows it.
    """

    def __init__(self, course: Course, assignment: str):
        from nbgrader.api import Gradebook
        from nbgrader.preprocessors import OverwriteCells, SaveAutoGrades

        self._course = course
        self._assignment = assignment
        self._gradebook = Gradebook(course.db_url, course.course_id)
        for table, column in INDEXES:
            name = f"autograder_{table}_{column}"
            self._gradebook.db.execute(
                sqlalchemy.text(f"CREATE INDEX IF NOT EXISTS {name} ON {table} ({column})")
            )
        self._gradebook.db.commit()
        self._overwrite, self._save = OverwriteCells(), SaveAutoGrades()
        for one in (self._overwrite, self._save):
            one.log = log
            one.gradebook = self._gradebook
            one.assignment_id = assignment

    def teachers(self, notebook: NotebookNode, name: str) -> NotebookNode:
        """Return a notebook with the test cells of the teacher's version, from the gradebook."""
        self._overwrite.notebook_id = name
        for number, cell in enumerate(notebook.cells):
            if cell.metadata.get("nbgrader", {}).get("grade_id"):
                notebook.cells[number], _ = self._overwrite.preprocess_cell(cell, {}, number)
        return notebook

    def save(
        self, student: str, timestamp: datetime | None, notebooks: dict[str, NotebookNode]
    ) -> tuple[float, float, bool]:
        """Write the marks of a submission and its autograded notebooks.

        Args:
            student: their id.
            timestamp: when the submission was handed in, in UTC, if that is known.
            notebooks: all notebooks of the assignment, with outputs, by name.

        Returns:
            The points, a penalty taken off, what they are out of, and whether a human has to grade
            something.
        """
        with warnings.catch_warnings():
            # Of nbgrader's models, about rows that are not stored yet
            warnings.filterwarnings("ignore", "Object of type .* not in session")
            return self._save_all(student, timestamp, notebooks)

    def _save_all(
        self, student: str, timestamp: datetime | None, notebooks: dict[str, NotebookNode]
    ) -> tuple[float, float, bool]:
        folder = self._folder(student)
        folder.mkdir(parents=True, exist_ok=True)
        with self._all_or_nothing():
            self._gradebook.update_or_create_student(student)
            self._gradebook.update_or_create_submission(
                self._assignment, student, timestamp=timestamp
            )
            for name, notebook in notebooks.items():
                self._save.notebook_id, self._save.student_id = name, student
                for number, cell in enumerate(notebook.cells):
                    self._save.preprocess_cell(cell, {}, number)
        for name, notebook in notebooks.items():
            self._penalise(student, name)
            written = nbformat.writes(notebook).encode("utf-8", "replace").decode()
            write_atomically(folder / f"{name}.ipynb", written + "\n")
        if timestamp:
            write_atomically(folder / "timestamp.txt", f"{timestamp.isoformat()} UTC\n")
        return self._score(student)

    def _score(self, student: str) -> tuple[float, float, bool]:
        found = self._gradebook.find_submission(self._assignment, student)
        self._gradebook.db.refresh(found)
        points = max(0.0, found.score - (found.late_submission_penalty or 0))
        return points, found.max_score, bool(found.needs_manual_grade)

    @contextlib.contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Store what nbgrader would store in many steps in one: it is faster, and never half done."""
        database = self._gradebook.db
        database.commit = database.flush
        try:
            yield
        finally:
            del database.commit
        database.commit()

    def students(self, notebooks: dict[str, NotebookNode]) -> dict[str, dict[str, float]]:
        """Return the points of the tests that the gradebook has, by student and grade id.

        Args:
            notebooks: all of the assignment, by name; who has not all of them is left out.
        """
        tests = {
            grade_id(cell)
            for notebook in notebooks.values()
            for cell in notebook.cells
            if is_test(cell)
        }
        found = {}
        for submission in self._gradebook.assignment_submissions(self._assignment):
            if {notebook.name for notebook in submission.notebooks} >= notebooks.keys():
                found[submission.student.id] = {
                    grade.name: grade.auto_score
                    for notebook in submission.notebooks
                    for grade in notebook.grades
                    if grade.name in tests
                }
        return found

    @property
    def due(self) -> datetime | None:
        """When the assignment is due, in UTC; None if it is at no time."""
        return self._gradebook.find_assignment(self._assignment).duedate

    def stored(
        self, student: str, timestamp: datetime | None, names: Iterable[str]
    ) -> tuple[float, float, bool]:
        """Return what `save` did, for a submission that is not graded again.

        Penalties are decided on anew: the due date may be another now.

        Args:
            student: their id.
            timestamp: when the submission was handed in, in UTC, if that is known.
            names: of all notebooks of the assignment.
        """
        self._gradebook.update_or_create_submission(self._assignment, student, timestamp=timestamp)
        for name in names:
            self._penalise(student, name)
        return self._score(student)

    def _folder(self, student: str) -> Path:
        return self._course.work / "autograded" / student / self._assignment

    def undo(self) -> None:
        """Forget what was not stored of the last submission."""
        self._gradebook.db.rollback()

    def _penalise(self, student: str, name: str) -> None:
        """Let nbgrader's plugin decide on a penalty, where a submission is late."""
        from nbgrader.preprocessors import AssignLatePenalties

        notebook = self._gradebook.find_submission_notebook(name, self._assignment, student)
        submission = self._gradebook.find_submission(self._assignment, student)
        if not submission.total_seconds_late and notebook.late_submission_penalty is None:
            return
        about = {
            "notebook": name,
            "assignment": self._assignment,
            "student": student,
            "db_url": self._course.db_url,
        }
        penalties = AssignLatePenalties(config=self._course.config)
        penalties.log = log
        penalties.preprocess(nbformat.v4.new_notebook(), {"nbgrader": about})
        self._gradebook.db.expire_all()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *about: object) -> None:
        with contextlib.suppress(Exception):
            self._gradebook.close()


def read_timestamp(folder: Path) -> datetime | None:
    """Return when a submission was handed in, from its `timestamp.txt`, in UTC; None if unknown."""
    from nbgrader.utils import parse_utc

    try:
        descriptor = os.open(folder / "timestamp.txt", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            text = file.read(200).decode()
        return parse_utc(text.strip())
    except (OSError, ValueError, ArithmeticError):
        return None
