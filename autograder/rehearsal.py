"""A made class, to rehearse the grading of an exercise: what each submission must earn is known.

Its submissions are drawn from the bank of the exercise, in a course of their own: honest ones with
right and wrong answers, late ones, second attempts, damaged files, and answers that try to get
points or to do harm.
"""

from __future__ import annotations

import ast
import copy
import json
import random
import shutil
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat

from autograder import arrivals, bank, marks
from autograder.bank import Answer, Bank
from autograder.errors import UserError
from autograder.exercises import Task, read_tasks, release, released_notebooks
from autograder.nbgrader_course import CONFIG, Course, read_notebooks
from autograder.prepared import Notebooks

EXPECTED = "expected.json"
DUE = datetime(2026, 1, 5, 18, 0, tzinfo=UTC)
LATE_PERCENT = 10
# The course of a class: late submissions lose something
RULES = f"""
# A made class: a gradebook of its own, and late submissions lose something
c.CourseDirectory.db_url = f"sqlite:///{{WORK / 'gradebook.db'}}"
c.Rules.attempts = "last"
c.Rules.late = "fixed"
c.Rules.late_percent = {LATE_PERCENT}
c.Rules.grace_hours = 0
c.Rules.dropped = {{}}
"""
SCRIPTS = ("Student {}", "학생 {}", "Élève {}", "学生 {}", "Учащийся {}")
# How often each kind of submission is made
KINDS = {"honest": 60, "late": 10, "again": 10, "changed": 8, "broken": 4, "hostile": 8}
BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "half of the file": lambda content: content[: len(content) // 2],
    "an empty file": lambda content: b"",
    "no text": lambda content: b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "a page of a browser": lambda content: b"<!DOCTYPE html><html><body>Sign in</body></html>",
}
# Bodies of the function that a task asks for
HOSTILE = {
    "ends the process": "import os\nos._exit(0)",
    "is equal to everything": (
        "class Lie:\n"
        "    def __eq__(self, other): return True\n"
        "    def __ne__(self, other): return False\n"
        "    def __array__(self, *more, **named): return self\n"
        "    def __getattr__(self, name): return self\n"
        "    def __call__(self, *more, **named): return self\n"
        "return Lie()"
    ),
    "passes the test from within": "raise SystemExit(0)",
    "writes a mark": "print('{\"points\": 100}', flush=True)\nreturn 100",
    "starts what outlives it": (
        "import subprocess\nsubprocess.Popen(['sleep', '600'], start_new_session=True)\nreturn None"
    ),
}


@dataclass(frozen=True)
class Made:
    """A submission of a made class.

    Attributes:
        key: how the course system would call the student.
        name: of the student.
        kind: one of `KINDS`.
        told: what is special about it.
        points: what its tests must earn, by task; the penalty is not taken off.
        refused: whether it can't be graded.
        late: whether it came after the due date.
    """

    key: str
    name: str
    kind: str
    told: str
    points: dict[str, float]
    refused: bool = False
    late: bool = False


@dataclass(frozen=True)
class Difference:
    """A submission that did not earn what it was made to earn."""

    student: str
    kind: str
    told: str


def make(
    course: Course, assignment: str, students: int, seed: int, root: Path, system: str = "exchange"
) -> Path:
    """Make a class in a course of its own.

    Args:
        course: with the exercise and its bank.
        assignment: its name.
        students: how many.
        seed: of all that is drawn.
        root: an empty folder, or none yet.
        system: `exchange`, or `moodle`, whose zip has neither times nor second attempts.

    Returns:
        What `autograder collect` takes in: the folder of the exchange, or the zip file.

    Raises:
        UserError: the folder is not empty, or a task has no answers.
    """
    if root.exists() and any(root.iterdir()):
        raise UserError(f"{root} is not empty: name a folder that does not exist yet")
    made = _copy(course, assignment, root)
    if str(root.resolve()) not in made.db_url:
        raise UserError(f"{CONFIG} has no WORK, so that the class would be in your own gradebook")
    tasks = read_tasks(read_notebooks(made.solutions / assignment))
    answers = bank.read_bank(bank.bank_folder(course, assignment), tasks)
    for name, found in answers.items():
        if not any(answer.right for answer in found):
            raise UserError(f"{name} has no right answer in the bank: write one")
    release(made, assignment)
    with made.gradebook() as gradebook:
        gradebook.update_or_create_assignment(assignment, duedate=DUE.replace(tzinfo=None))
    notebooks = released_notebooks(made.exercises / assignment)
    draw = _Draw(random.Random(seed), tasks, answers, notebooks)
    source = root / ("class.zip" if system == "moodle" else "exchange")
    write = _Moodle(source) if system == "moodle" else _Exchange(source, made, assignment)
    expected = []
    with write as hand_in:
        for number in range(1, students + 1):
            kind = draw.kind(system)
            one, attempts = draw.submission(number, kind)
            expected.append(one)
            for attempt, files in enumerate(attempts):
                hand_in(one, files, DUE + timedelta(hours=30 if one.late else attempt - 20))
    (root / EXPECTED).write_text(json.dumps([asdict(one) for one in expected], indent=1) + "\n")
    return source


def check(course: Course, assignment: str) -> tuple[int, list[Difference]]:
    """Compare the marks of a made class with what it was made to earn.

    Returns:
        How many submissions there are, and those whose marks differ.

    Raises:
        UserError: the course holds no made class.
    """
    try:
        listed = json.loads((course.root / EXPECTED).read_text("utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"no made class in {course.root}: make one by `autograder rehearse {assignment} --into "
            "FOLDER`, then run this in that folder"
        ) from None
    expected = [Made(**one) for one in listed]
    students = {one.key: one.student for one in arrivals.read(course, assignment) if one.chosen}
    found = marks.read(course, assignment)
    differences = []
    for one in expected:
        student = students.get(one.key, one.key)
        if wrong := _difference(one, found.get(student)):
            differences.append(Difference(student, one.kind, f"{one.told}: {wrong}"))
    return len(expected), differences


def _difference(one: Made, got: marks.Marks | None) -> str | None:
    if got is None:
        return "not graded"
    for task, points in one.points.items():
        if got.tasks[task].points != points:
            return f"{task} earned {got.tasks[task].points:g}, made for {points:g}"
    due = sum(one.points.values()) * LATE_PERCENT / 100 if one.late else 0
    if abs(got.penalty - due) > 1e-9:
        return f"the penalty is {got.penalty:g}, made for {due:g}"
    return None


def _copy(course: Course, assignment: str, root: Path) -> Course:
    root.mkdir(parents=True, exist_ok=True)
    config = (course.root / CONFIG).read_text("utf-8")
    (root / CONFIG).write_text(config + RULES)
    shutil.copytree(course.solutions / assignment, root / "solutions" / assignment)
    folder = bank.bank_folder(course, assignment)
    if folder.is_dir():
        shutil.copytree(folder, root / folder.relative_to(course.root))
    return Course(root)


class _Draw:
    """Draws submissions."""

    def __init__(self, rng: random.Random, tasks: list[Task], answers: Bank, notebooks: Notebooks):
        self._rng = rng
        self._answers = answers
        self._worth = {task.name: task.points for task in tasks if not task.by_hand}
        self._notebooks = notebooks

    def kind(self, system: str) -> str:
        kinds = {
            kind: weight
            for kind, weight in KINDS.items()
            if system == "exchange" or kind not in ("late", "again")
        }
        return self._rng.choices(list(kinds), list(kinds.values()))[0]

    def submission(self, number: int, kind: str) -> tuple[Made, list[dict[str, bytes]]]:
        """Return what is expected of a submission, and the files of its attempts."""
        answers = self._some_answers()
        told = kind
        files = self._files(answers)
        attempts = [files]
        if kind == "hostile" and any(map(self._function, answers)):
            told = self._spoil(answers)
            attempts = [self._files(answers)]
        elif kind == "changed":
            attempts = [self._changed(files)]
        elif kind == "again":
            attempts = [self._files(self._some_answers()), files]
        elif kind == "broken":
            told = self._rng.choice(list(BROKEN))
            attempts = [{name: BROKEN[told](content) for name, content in files.items()}]
        refused = kind == "broken"
        points = {
            task: worth if not refused and answers[task].right else 0.0
            for task, worth in self._worth.items()
        }
        name = self._rng.choice(SCRIPTS).format(f"{number:03}")
        made = Made(f"{100000 + number}", name, kind, told, points, refused, late=kind == "late")
        return made, attempts

    def _some_answers(self) -> dict[str, Answer]:
        skill = self._rng.choice((0.5, 0.8, 1.0))
        found = {}
        for task, answers in self._answers.items():
            right = [answer for answer in answers if answer.right]
            wrong = [answer for answer in answers if not answer.right] or right
            found[task] = self._rng.choice(right if self._rng.random() < skill else wrong)
        return found

    def _spoil(self, answers: dict[str, Answer]) -> str:
        """Put hostile code in place of the answer to a task that asks for a function."""
        functions = {task: name for task in answers if (name := self._function(task))}
        task = self._rng.choice(sorted(functions))
        told = self._rng.choice(list(HOSTILE))
        body = "\n".join("    " + line for line in HOSTILE[told].splitlines())
        code = f"def {functions[task]}(*values, **named):\n{body}"
        answers[task] = Answer(task, False, told, code)
        return f"{task} {told}"

    def _function(self, task: str) -> str | None:
        """Return the only thing that a task asks for, if it is a function."""
        right = next(answer for answer in self._answers[task] if answer.right)
        nodes = ast.parse(right.code).body
        functions = [node.name for node in nodes if isinstance(node, ast.FunctionDef)]
        others = [node for node in nodes if isinstance(node, ast.Assign | ast.ClassDef)]
        return functions[0] if len(functions) == 1 and not others else None

    def _files(self, answers: dict[str, Answer]) -> dict[str, bytes]:
        filled = bank.fill(self._notebooks, answers)
        return {f"{name}.ipynb": nbformat.writes(one).encode() for name, one in filled.items()}

    def _changed(self, files: dict[str, bytes]) -> dict[str, bytes]:
        """Change what is no student's business; it must be mended."""
        found = {}
        for name, content in files.items():
            notebook = nbformat.reads(content.decode(), as_version=4)
            tests = [
                cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")
            ]
            gone, other = (copy.copy(self._rng.choice(tests)) for _ in range(2))
            for cell in notebook.cells:
                if cell.id == other.id:
                    cell.metadata["nbgrader"]["points"] = 1000
            notebook.cells = [cell for cell in notebook.cells if cell.id != gone.id]
            if gone.metadata["nbgrader"].get("solution"):
                continue
            found[name] = nbformat.writes(notebook).encode()
        return files | found


class _Moodle:
    """Writes a class as Moodle's "Download all submissions" does."""

    def __init__(self, path: Path):
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)

    def __enter__(self) -> Callable[[Made, dict[str, bytes], datetime], None]:
        self._zip.__enter__()
        return self._hand_in

    def _hand_in(self, made: Made, files: dict[str, bytes], when: datetime) -> None:
        for name, content in files.items():
            self._zip.writestr(f"{made.name}_{made.key}_assignsubmission_file_/{name}", content)

    def __exit__(self, *about: object) -> None:
        self._zip.__exit__(*about)


class _Exchange:
    """Writes a class as nbgrader's exchange has it."""

    def __init__(self, root: Path, course: Course, assignment: str):
        self._inbound = root / course.course_id / "inbound"
        self._assignment = assignment

    def __enter__(self) -> Callable[[Made, dict[str, bytes], datetime], None]:
        self._inbound.mkdir(parents=True)
        return self._hand_in

    def _hand_in(self, made: Made, files: dict[str, bytes], when: datetime) -> None:
        stamp = when.strftime("%Y-%m-%d %H:%M:%S.%f UTC")
        folder = self._inbound / f"{made.key}+{self._assignment}+{stamp}+{uuid.uuid4().hex[:8]}"
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        (folder / "timestamp.txt").write_text(stamp)

    def __exit__(self, *about: object) -> None:
        pass
