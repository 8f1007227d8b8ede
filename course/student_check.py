"""A student's own work on an exercise, checked by its visible tests, without a grader.

An exercise is what nbgrader releases: answer cells, test cells with points, nothing hidden. It is
run from the top in a fresh kernel; nothing is written to it.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import textwrap
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from course import catalogue, notebooks
from course.notebooks import NotebookError

if TYPE_CHECKING:  # nbformat and the kernel's client take a second to import
    from nbformat import NotebookNode

    from course.kernel import Ran

CELL_LIMIT = 60.0  # seconds
SECRETS = re.compile(r"^\s*### BEGIN (HIDDEN TESTS|SOLUTION)", re.MULTILINE)
AGAIN = "take the exercise again from where you got it, and copy your answers into it"
HINT = re.compile(
    r"<details[^>]*>\s*<summary[^>]*>(.*?)</summary>(.*?)</details>", re.DOTALL | re.IGNORECASE
)
WORTH = re.compile(r"^#+ .*\([^()]*\bpoints?\b[^()]*\) *$", re.MULTILINE)  # the heading of a task
HEADING = re.compile(r"^#+ +(.+?)(?: *\([^()]*points?\b[^()]*\))? *$", re.MULTILINE)
FILE = re.compile(r"\(\S+\.py, line (\d+)\)$")  # the kernel's own name for a cell
NUMPYS = re.compile(r"np\.\w+\((.+)\)")  # a number as NumPy prints it
WIDTH = 96  # of a line of text
LONGEST = 8  # lines of a message

State = Literal["passed", "partly", "failed", "not attempted", "not run", "written answer"]


@dataclass(frozen=True)
class Hint:
    """One hint of a task."""

    title: str
    text: str


@dataclass(frozen=True)
class Task:
    """A task of an exercise: its cells by their number, from 0, and what is written about it."""

    name: str
    title: str
    answers: tuple[int, ...]
    tests: tuple[int, ...] = ()
    points: float = 0.0
    hints: tuple[Hint, ...] = ()


@dataclass(frozen=True)
class Result:
    """What became of a task.

    Attributes:
        name: the grade id of its answer.
        title: as its heading has it.
        state: what its tests say.
        points: what they give.
        max_points: what it is worth.
        message: why it is not passed, or what else there is to say.
        hints: of the task, those that may be shown now.
        more_hints: how many there are beyond these.
    """

    name: str
    title: str
    state: State
    points: float
    max_points: float
    message: str = ""
    hints: tuple[Hint, ...] = ()
    more_hints: int = 0

    @property
    def explains_answer(self) -> bool:
        """Whether its state or message says already how the answer's own cell failed."""
        return self.state in ("partly", "failed", "not attempted")


@dataclass(frozen=True)
class Fault:
    """A cell that failed and belongs to no task: its number, from 1, its first line, the error."""

    cell: int
    line: str
    message: str

    def __str__(self) -> str:
        """Return it as one line for a terminal."""
        return f"cell {self.cell} (`{self.line}`): {self.message}"


@dataclass(frozen=True)
class Report:
    """What became of a student's notebook."""

    notebook: str
    tasks: tuple[Result, ...]
    faults: tuple[Fault, ...]
    seconds: float

    @property
    def tested(self) -> list[Result]:
        """The tasks that have tests."""
        return [task for task in self.tasks if task.state != "written answer"]

    @property
    def points(self) -> float:
        """What the visible tests give."""
        return sum(task.points for task in self.tested)

    @property
    def max_points(self) -> float:
        """What the tasks with tests are worth."""
        return sum(task.max_points for task in self.tested)

    @property
    def by_hand(self) -> float:
        """What the teacher gives for written answers, at most."""
        return sum(task.max_points for task in self.tasks) - self.max_points

    @property
    def passed(self) -> bool:
        """Whether all visible tests pass."""
        return all(task.state == "passed" for task in self.tested)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        names = ("points", "max_points", "by_hand", "passed")
        return asdict(self) | {name: getattr(self, name) for name in names}

    def __str__(self) -> str:
        """Return it as a student reads it."""
        lines = [f"{self.notebook}, run from the top in {self.seconds:.0f} s", ""]
        if self.faults:  # first, as tests may fail for nothing else
            lines.append("Cells that fail, and are no test:")
            lines += [f"  {line}" for fault in self.faults for line in str(fault).splitlines()]
            lines.append("")
        for task in self.tasks:
            lines += _told(task)
        total = f"{self.points:g} of {self.max_points:g} points by the visible tests."
        if self.by_hand:
            total += f" Your teacher reads the rest, for up to {self.by_hand:g} points."
        hidden = (
            "When your work is graded, hidden tests run too, with other examples: they can still "
            "take the points of a task that passes here."
        )
        lines += ["", total, *textwrap.wrap(hidden, WIDTH)]
        if more := max((task.more_hints for task in self.tasks), default=0):
            shown = max(len(task.hints) for task in self.tasks if task.more_hints == more)
            lines.append(f"More hints for the tasks that fail: --hints {shown + 1}")
        return "\n".join(lines)


def _told(task: Result) -> list[str]:
    """Return the lines about a task."""
    points = "-" if task.state == "written answer" else f"{task.points:g}"
    lines = [f"  {points + '/' + f'{task.max_points:g}':>7}  {task.state:<14}  {task.title}"]
    lines += [f"{'':11}{line}" for line in task.message.splitlines()]
    for hint in task.hints:
        lines.append(f"{'':11}{hint.title}")
        lines += [f"{'':13}{line}".rstrip() for line in _wrapped(hint.text)]
    return lines


def _wrapped(text: str) -> list[str]:
    """Return the lines of Markdown, long ones broken, but for those of code."""
    lines, code = [], False
    for line in text.splitlines():
        if fence := line.lstrip().startswith("```"):
            code = not code
        if code or fence:
            lines.append(line)
        else:
            item = re.match(r"\s*(?:[-*]|\d+\.)? *", line)[0]
            lines += textwrap.wrap(
                line, WIDTH, subsequent_indent=" " * len(item), break_long_words=False
            ) or [""]
    return lines


# --- Which notebooks


def students_work(paths: Sequence[Path], root: Path) -> list[Path]:
    """Return those notebooks that are a student's work, each once.

    That is an exercise that lies anywhere but where the project has its own, or there with an
    answer in it.

    Raises:
        NotebookError: a file can't be read, or is neither an exercise nor a notebook of the
            project.
    """
    try:
        known = {path.resolve() for path in catalogue.find(root)}
    except NotebookError:  # not in a project
        known = set()
    found = {}
    for path in paths:
        whole = path.resolve()
        if whole in known and catalogue.kind(path) != "exercise":
            continue
        notebook = read(path)
        if whole not in known:
            demand_exercise(notebook, path)
        if whole not in known or _answered(notebook):
            found[whole] = path
    return list(found.values())


def read(path: Path) -> NotebookNode:
    """Read a student's notebook.

    Raises:
        NotebookError: it can't be read; the message names the place and the mend.
    """
    import nbformat

    try:
        text = path.read_text("utf-8")
        json.loads(text)
    except FileNotFoundError:
        raise NotebookError(f"{path}: no such notebook") from None
    except OSError as error:
        raise NotebookError(f"{path}: can't be read ({error.strerror})") from None
    except json.JSONDecodeError as error:
        what = f"line {error.lineno}, column {error.colno}: {error.msg}" if text else "it is empty"
        raise NotebookError(f"{path}: not a notebook ({what}); {AGAIN}") from None
    except (ValueError, RecursionError) as error:
        what = f"byte {error.start}" if isinstance(error, UnicodeDecodeError) else str(error)
        raise NotebookError(f"{path}: not a notebook ({what}); {AGAIN}") from None
    try:
        with warnings.catch_warnings():  # a missing id is added, and harms nobody
            warnings.simplefilter("ignore")
            notebook = nbformat.reads(text, as_version=4)
            nbformat.validate(notebook, relax_add_props=True)
    except Exception as error:  # nbformat trips over a broken file in many ways
        place = [*getattr(error, "absolute_path", ())]
        where = f"cell {place[1] + 1}: " if place[:1] == ["cells"] and len(place) > 1 else ""
        reason = str(getattr(error, "message", error)).partition("\n")[0][:100]
        raise NotebookError(f"{path}: not a valid notebook ({where}{reason}); {AGAIN}") from None
    return notebook


def demand_exercise(notebook: NotebookNode, path: Path) -> None:
    """Check that a notebook is an exercise as students get it.

    Raises:
        NotebookError: it is not.
    """
    metas = [_meta(cell) for cell in notebook.cells]
    if not any(meta.get("grade") for meta in metas):
        raise NotebookError(
            f"{path}: no chapter, exercise or solution of this project, and no exercise of another "
            "place: no cell has tests and points"
        )
    if any(SECRETS.search(cell.source) for cell in notebook.cells):
        raise NotebookError(
            f"{path}: it holds hidden tests or solutions, so it is a teacher's source; check the "
            "exercise that is made from it"
        )
    for number, (cell, meta) in enumerate(zip(notebook.cells, metas, strict=True), start=1):
        points = meta.get("points")
        if meta.get("grade") and (not isinstance(points, int | float) or not 0 <= points < 1e6):
            raise NotebookError(f"{path}: cell {number} has no points; {AGAIN}")
        if (meta.get("grade") or meta.get("solution")) and not meta.get("grade_id"):
            raise NotebookError(f"{path}: cell {number} has lost its name; {AGAIN}")
        if meta.get("grade") and cell.cell_type != "code" and not meta.get("solution"):
            raise NotebookError(f"{path}: cell {number} is a test but no code; {AGAIN}")
    if fault := _torn(notebook):
        raise NotebookError(f"{path}: {fault}; {AGAIN}")


def _torn(notebook: NotebookNode) -> str | None:
    """Return which cell of a task is missing or is there twice; None if all are as they were.

    Points would go to another task: a test belongs to the answer above it.
    """
    tests: set[str] = set()
    task, answered, tested = None, False, True
    for cell in notebook.cells:
        meta = _meta(cell)
        if meta.get("solution"):
            answered, tested = True, bool(meta.get("grade"))
        elif meta.get("grade"):
            if meta["grade_id"] in tests:
                return f"the test {meta['grade_id']} is there twice"
            tests.add(meta["grade_id"])
            if task and not answered:
                return f"the answer cell of '{task}' is missing"
            tested = True
        elif cell.cell_type == "markdown" and WORTH.match(cell.source.lstrip()):
            if task and answered and not tested:
                return f"the test of '{task}' is missing"
            task = HEADING.match(cell.source.lstrip())[1]
            answered, tested = False, True
    return f"the test of '{task}' is missing" if task and not tested else None


def _meta(cell: NotebookNode) -> dict[str, Any]:
    """Return what nbgrader has written about a cell; nothing if it is none of its own."""
    meta = cell.metadata.get("nbgrader", {})
    return meta if isinstance(meta, dict) else {}


def _checksum(cell: NotebookNode) -> str:
    """Return nbgrader's checksum of a cell, which tells whether it has been changed."""
    meta = _meta(cell)
    grade, solution = bool(meta.get("grade")), bool(meta.get("solution"))
    locked = not solution and (grade or bool(meta.get("locked")))
    parts = [cell.source, cell.cell_type, str(grade), str(solution), str(locked)]
    parts.append(str(meta.get("grade_id")))
    if grade:
        parts.append(str(float(meta["points"])))
    return hashlib.md5("".join(parts).encode(), usedforsecurity=False).hexdigest()


def _changed(cell: NotebookNode) -> bool:
    """Tell whether a cell is known not to be as it was released."""
    released = _meta(cell).get("checksum")
    return released is not None and released != _checksum(cell)


def _answered(notebook: NotebookNode) -> bool:
    """Tell whether any answer has been begun."""
    return any(_changed(cell) for cell in notebook.cells if _meta(cell).get("solution"))


# --- Its tasks


def tasks(notebook: NotebookNode) -> list[Task]:
    """Return the tasks of an exercise, in their order.

    A test belongs to the closest answer above it, and the answers of a task follow one another
    without a test between them. A heading and hints belong to the answer below them.
    """
    found: list[Task] = []
    title, hints, waiting = "", (), False
    for number, cell in enumerate(notebook.cells):
        meta = _meta(cell)
        if not (meta.get("solution") or meta.get("grade") or meta.get("task")):
            if cell.cell_type == "markdown":
                if "hints" in notebooks.tags(cell):
                    hints = read_hints(cell.source)
                elif heading := HEADING.match(cell.source.lstrip()):
                    title, hints = heading[1], ()
            continue
        name = str(meta.get("grade_id"))
        if meta.get("grade") and not meta.get("solution"):  # a test
            if not found:
                found.append(Task(name, title or name, ()))
            last = found[-1]
            points = last.points + meta["points"]
            found[-1] = replace(last, tests=(*last.tests, number), points=points)
            waiting = False
        elif waiting and not meta.get("grade"):  # one more cell for the same answer
            found[-1] = replace(found[-1], answers=(*found[-1].answers, number))
        else:
            points = float(meta.get("points") or 0)
            found.append(Task(name, title or name, (number,), points=points, hints=hints))
            title, hints, waiting = "", (), not meta.get("grade")
    return found


def read_hints(source: str) -> tuple[Hint, ...]:
    """Return the hints in a cell, in their order."""
    return tuple(
        Hint(" ".join(title.split()), textwrap.dedent(text.strip("\n")).strip())
        for title, text in HINT.findall(source)
    )


# --- Its run


def check(
    path: Path,
    limit: float = CELL_LIMIT,
    hints: int = 1,
    show: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Run a student's notebook, and tell what its visible tests say.

    Args:
        path: the notebook.
        limit: seconds for each cell.
        hints: how many hints are given for a task that fails.
        show: is told how many code cells have run, of how many.

    Raises:
        NotebookError: the file is no exercise that can be read, or no kernel starts here.
    """
    from course.kernel import Kernel, KernelError

    begun = time.monotonic()
    notebook = read(path)
    demand_exercise(notebook, path)
    code = [number for number, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    ran: dict[int, Ran] = {}
    show(0, len(code))
    try:
        with closing(Kernel(path.resolve().parent)) as kernel:
            for done, number in enumerate(code, start=1):
                ran[number] = kernel.run(notebook.cells[number].source, limit)
                show(done, len(code))
                if not ran[number].alive:
                    break
    except KernelError as error:
        raise NotebookError(f"{path}: {error}") from None
    found = tasks(notebook)
    results = tuple(_result(task, notebook, ran, hints) for task in found)
    explained = {
        number
        for task, result in zip(found, results, strict=True)
        for number in (*task.tests, *(task.answers if result.explains_answer else ()))
    }
    faults = tuple(
        Fault(number + 1, _first_line(notebook.cells[number].source), _short(one))
        for number, one in ran.items()
        if one.error and number not in explained
    )
    return Report(str(path), results, faults, time.monotonic() - begun)


def _result(task: Task, notebook: NotebookNode, ran: dict[int, Ran], hints: int) -> Result:
    """Return what became of a task."""
    cells = notebook.cells
    written = Result(task.name, task.title, "written answer", 0.0, task.points)
    if not task.tests:
        known = [cells[number] for number in task.answers if _meta(cells[number]).get("checksum")]
        empty = known and not any(map(_changed, known))
        told = "it is still empty" if empty else "your teacher reads it"
        return replace(written, message=told)
    notes = []
    if any(_changed(cells[number]) for number in task.tests):
        notes.append("the test of this task was changed; the teacher's own is what counts")
    points = sum(_points(ran.get(number), _meta(cells[number])["points"]) for number in task.tests)
    result = replace(written, points=points, message="\n".join(notes))
    failed = [(number, ran[number]) for number in task.tests if number in ran and ran[number].error]
    if not failed and any(number not in ran for number in task.tests):
        notes.insert(0, "not run: the kernel had ended before")
        return replace(result, state="not run", message="\n".join(notes))
    if not failed and points >= task.points:
        return replace(result, state="passed")
    stub = any("NotImplementedError" in cells[number].source for number in task.answers)
    broken = [(number, ran[number]) for number in task.answers if number in ran]
    broken = [(number, one) for number, one in broken if one.error]
    if stub and any(one.error == "NotImplementedError" for _, one in (*broken, *failed)):
        return replace(result, state="not attempted")
    if broken:  # the test says only that a name is missing
        number, one = broken[0]
        notes.insert(0, f"your answer (cell {number + 1}) fails: {_short(one)}")
    elif failed:
        notes.insert(0, _short(failed[0][1]))
    else:
        notes.insert(0, f"the test gives {points:g} of {task.points:g} points")
    return replace(
        result,
        state="partly" if points else "failed",
        message="\n".join(notes),
        hints=task.hints[:hints],
        more_hints=len(task.hints[hints:]),
    )


def _points(one: Ran | None, points: float) -> float:
    """Return what a test gives: by nbgrader's rule so many points as its last value, if a number."""
    if one is None or one.error:
        return 0.0
    text = (one.value or "").strip()
    if numpys := NUMPYS.fullmatch(text):
        text = numpys[1]
    try:
        earned = float(text)
    except ValueError:
        return points
    return 0.0 if math.isnan(earned) else max(0.0, min(earned, points))


def _short(one: Ran) -> str:
    """Return an error as a few lines."""
    told = FILE.sub(r"(line \1)", str(one))
    lines = [piece for line in told.splitlines() for piece in textwrap.wrap(line, WIDTH)]
    return "\n".join(lines[:LONGEST] + (["…"] if len(lines) > LONGEST else []))


def _first_line(source: str) -> str:
    """Return the first line of code in a cell, without comments."""
    lines = [line.strip() for line in source.splitlines()]
    code = [line for line in lines if line and not line.startswith("#")]
    return textwrap.shorten((code or lines or [""])[0], 60, placeholder="…")
