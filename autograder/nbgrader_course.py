"""A course folder, the nbgrader commands that run in it, and the marks in its gradebook."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbformat import NotebookNode
from traitlets.config import Config, PyFileConfigLoader

from autograder.errors import UserError
from autograder.sandbox import Limits

if TYPE_CHECKING:
    from nbgrader.api import Gradebook

CONFIG = "nbgrader_config.py"


@dataclass(frozen=True)
class Mark:
    """What one graded cell of one submission earned."""

    points: float
    max_points: float
    needs_human: bool


class Course:
    """A folder with a `nbgrader_config.py`, laid out as this repository is.

    Attributes:
        root: The folder.
        options: Options that every nbgrader command in this course gets.
    """

    def __init__(self, root: Path, options: tuple[str, ...] = ()):
        self.root = root
        self.options = options
        self.solutions = root / "solutions"
        self.exercises = root / "notebooks" / "exercises"
        self.work = root / "work"

    @cached_property
    def config(self) -> Config:
        """What `nbgrader_config.py` sets, with the options of this course on top.

        Raises:
            UserError: the file can't be run.
        """
        before = dict(os.environ)
        try:
            found = PyFileConfigLoader(CONFIG, path=str(self.root)).load_config()
        except Exception as error:  # it is a program
            raise UserError(f"{CONFIG}: {type(error).__name__}: {error}") from error
        finally:
            # What it sets is for nbgrader's processes; here only PATH, where nbgrader looks for a
            # program when it makes a gradebook
            path = os.environ.get("PATH", before.get("PATH", ""))
            os.environ.clear()
            os.environ.update(before | {"PATH": path})
        for option in self.options:
            name, _, value = option.removeprefix("--").partition("=")
            section, _, key = name.partition(".")
            found[section][key] = value
        return found

    @property
    def db_url(self) -> str:
        """The address of the gradebook."""
        return str(self.config.CourseDirectory.db_url)

    @contextmanager
    def gradebook(self) -> "Iterator[Gradebook]":
        """Give nbgrader's gradebook, open.

        Raises:
            UserError: it can't be reached, or is lost; the message says what the database says.
        """
        from nbgrader.api import Gradebook  # slow to import, and not every command needs it
        from sqlalchemy.exc import OperationalError

        try:
            with Gradebook(self.db_url, self.course_id) as gradebook:
                yield gradebook
        except OperationalError as error:
            raise UserError(f"the gradebook can't be used: {error.orig or error}") from None

    @property
    def course_id(self) -> str:
        """What the gradebook calls the course."""
        return str(self.config.CourseDirectory.course_id)

    @property
    def limits(self) -> Limits:
        """What a submission may use, as the section `Limits` of the configuration has it.

        Raises:
            UserError: the section has a wrong name or value.
        """
        chosen = dict(self.config.Limits)
        known = [one.name for one in fields(Limits)]
        for name in chosen:
            if name not in known:
                raise UserError(f"{CONFIG}: c.Limits.{name}: no such limit: use {', '.join(known)}")
        try:
            return Limits(**chosen)
        except ValueError as error:
            raise UserError(f"{CONFIG}: c.Limits.{error}") from None

    def command(self, *arguments: str) -> list[str]:
        """Return the arguments of an nbgrader command, as a user would type them."""
        return ["nbgrader", *arguments, *self.options]

    def run(self, *arguments: str, on_line: Callable[[str], None] | None = None) -> None:
        """Run one nbgrader command in the course and wait for its end.

        Args:
            *arguments: What follows `nbgrader` on the command line.
            on_line: Called with each line of the command's output.

        Raises:
            UserError: The command failed; the message holds nbgrader's reason.
        """
        command = self.command(*arguments)
        last_lines: deque[str] = deque(maxlen=200)
        with subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            try:
                for line in process.stdout:
                    last_lines.append(line.rstrip())
                    if on_line:
                        on_line(line.rstrip())
            except BaseException:
                process.terminate()
                raise
        if process.returncode:
            raise UserError(f"`{' '.join(command)}` failed: {_reason(last_lines)}")

    def submit(self, student: str, assignment: str, notebooks: dict[str, NotebookNode]) -> None:
        """Put a student's notebooks where `nbgrader autograde` looks for them."""
        folder = self.work / "submitted" / student / assignment
        folder.mkdir(parents=True, exist_ok=True)
        for name, notebook in notebooks.items():
            nbformat.write(notebook, folder / f"{name}.ipynb")

    def autograded(self, student: str, assignment: str) -> dict[str, NotebookNode]:
        """Return a student's notebooks as `nbgrader autograde` left them, by name."""
        return read_notebooks(self.work / "autograded" / student / assignment)

    def marks(self, assignment: str) -> dict[str, dict[str, Mark]]:
        """Return the marks in the gradebook, by student and by the grade id of the cell."""
        with self.gradebook() as gradebook:
            return {
                submission.student.id: {
                    grade.name: Mark(grade.score, grade.max_score, grade.needs_manual_grade)
                    for notebook in submission.notebooks
                    for grade in notebook.grades
                }
                for submission in gradebook.assignment_submissions(assignment)
            }


def find_course(start: Path) -> Course:
    """Return the course that a folder is in.

    Args:
        start: A folder in the course, or the course's own.

    Raises:
        UserError: There is no course here.
    """
    for folder in (start, *start.parents):
        if (folder / CONFIG).is_file() and (folder / "solutions").is_dir():
            return Course(folder)
    raise UserError(
        f"no course in {start}: change to the folder that holds {CONFIG} and solutions/"
    )


@contextmanager
def temporary_course(course: Course, assignments: list[str]) -> Iterator[Course]:
    """Make a copy of a course that holds nothing but some solutions; delete it in the end.

    The copy has its own gradebook, whatever the configuration says.

    Args:
        course: The course to copy from.
        assignments: The assignments whose solutions the copy holds.

    Yields:
        The copy.
    """
    with tempfile.TemporaryDirectory(prefix="autograder-") as name:
        root = Path(name).resolve()
        shutil.copy(course.root / CONFIG, root)
        for assignment in assignments:
            shutil.copytree(course.solutions / assignment, root / "solutions" / assignment)
        yield Course(root, (f"--CourseDirectory.db_url=sqlite:///{root}/work/gradebook.db",))


def read_notebooks(folder: Path) -> dict[str, NotebookNode]:
    """Return the notebooks in a folder, by name without the suffix.

    Raises:
        UserError: A file is not a notebook.
    """
    notebooks = {}
    for path in sorted(folder.glob("*.ipynb")):
        try:
            notebooks[path.stem] = nbformat.read(path, as_version=4)
        except Exception as error:  # nbformat raises many kinds for a broken file
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(f"{os.path.relpath(path)} is not a notebook: {reason}") from error
    return notebooks


def _reason(lines: deque[str]) -> str:
    """Find the line in nbgrader's output that says why it failed."""
    exceptions = [line.strip() for line in lines if re.match(r"\s*[\w.]*(Error|Exception): ", line)]
    if exceptions:
        return exceptions[-1]
    logged = [line.partition("ERROR] ")[2] for line in lines if "ERROR] " in line]
    return (logged or [line for line in lines if line] or ["it printed nothing"])[-1]
