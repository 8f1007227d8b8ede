"""The bank of answers: known right and wrong answers to each task, and what they earn.

A bank is a folder `tests/solutions/ASSIGNMENT/` with one file per task that nbgrader grades,
called as the task's answer cell is. The file holds answers in percent format:

    # %% wrong: forgets the bias
    def dense(inputs, kernel, bias):
        return inputs @ kernel

    # %% right: by einsum
    def dense(inputs, kernel, bias):
        return np.einsum("bi,io->bo", inputs, kernel) + bias

A right answer earns all points of its task, a wrong one none.
"""

import ast
import copy
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from autograder.errors import UserError
from autograder.exercises import Task, generate, read_tasks, released_notebooks
from autograder.grading import grade, make_worker
from autograder.nbgrader_course import Course, read_notebooks, temporary_course

# A test cell prints a line with these words when its visible tests have passed.
VISIBLE_TESTS_PASS = re.compile(r"visible tests of .* pass")

Bank = dict[str, list["Answer"]]


@dataclass(frozen=True)
class Answer:
    """One answer of the bank.

    Attributes:
        task: The task that it answers.
        right: Whether it is right.
        name: What is wrong in it, or how it is written.
        code: The source of the answer cell.
    """

    task: str
    right: bool
    name: str
    code: str


@dataclass(frozen=True)
class Outcome:
    """What nbgrader made of an answer.

    Attributes:
        answer: The answer.
        points: What it earned.
        max_points: What its task is worth.
        visible_pass: Whether it passed the visible tests.
    """

    answer: Answer
    points: float
    max_points: float
    visible_pass: bool

    @property
    def as_expected(self) -> bool:
        """Whether a right answer earned all points, and a wrong one none."""
        return self.points == (self.max_points if self.answer.right else 0)

    @property
    def failed_by(self) -> str:
        """Which tests the answer failed: `visible`, `hidden` or none."""
        if self.points == self.max_points:
            return ""
        return "hidden" if self.visible_pass else "visible"


def read_answers(path: Path) -> list[Answer]:
    """Read one file of a bank.

    Raises:
        UserError: The file can't be read; the message names the line and the mend.
    """
    where = os.path.relpath(path)
    answers, start, lines = [], 0, []
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{where}: save the file as UTF-8") from error

    def finish() -> None:
        """Turn the lines since the last marker into an answer."""
        code = "\n".join(lines)
        if not start:
            if [line for line in lines if line.strip() and not line.startswith("#")]:
                raise UserError(
                    f"{where}:1: code before the first answer: start it with '# %% wrong: ...'"
                )
            return
        try:
            statements = ast.parse(code).body
        except SyntaxError as error:
            line = start + (error.lineno or 1)
            raise UserError(f"{where}:{line}: no valid Python ({error.msg}): mend it") from error
        if not statements:
            raise UserError(f"{where}:{start}: the answer is empty: write its code below this line")
        answers.append(Answer(path.stem, kind == "right", name, code.strip("\n")))

    for number, line in enumerate(text.splitlines(), start=1):
        if not line.startswith("# %%"):
            lines.append(line)
            continue
        finish()
        match = re.fullmatch(r"# %% (right|wrong): *(\S.*)", line.rstrip())
        if not match:
            raise UserError(
                f"{where}:{number}: write '# %% wrong: WHAT IS WRONG' or '# %% right: HOW IT IS "
                "WRITTEN'"
            )
        kind, name = match.groups()
        if name in [answer.name for answer in answers]:
            raise UserError(f"{where}:{number}: a second answer '{name}': give it another name")
        start, lines = number, []
    finish()
    if not answers:
        raise UserError(f"{where}: no answer: start one with '# %% wrong: WHAT IS WRONG'")
    return answers


def bank_folder(course: Course, assignment: str) -> Path:
    """Return the folder that holds the bank of an assignment."""
    return course.root / "tests" / "solutions" / assignment


def read_bank(folder: Path, tasks: list[Task]) -> Bank:
    """Read the bank of an assignment.

    Args:
        folder: The folder that holds the bank.
        tasks: The tasks of the assignment.

    Returns:
        The answers of each task that nbgrader grades, in the order of the tasks. Empty if a human
        grades them all.

    Raises:
        UserError: A file can't be read, or belongs to no task.
    """
    names = [task.name for task in tasks if not task.by_hand]
    paths = sorted(folder.glob("*.py"))
    if names and not paths:
        raise UserError(f"no bank in {os.path.relpath(folder)}: write {names[0]}.py there")
    for path in paths:
        if not names:
            raise UserError(
                f"{os.path.relpath(path)}: there is no task with tests: delete the file"
            )
        if path.stem not in names:
            raise UserError(
                f"{os.path.relpath(path)}: no task is called '{path.stem}': rename the file to one "
                f"of {', '.join(names)}"
            )
    found = {path.stem: read_answers(path) for path in paths}
    return {name: found.get(name, []) for name in names}


def assemble(bank: Bank) -> list[dict[str, Answer]]:
    """Spread the answers over as few submissions as the longest list needs.

    Each task starts one answer later than the task before it, so that a submission mixes right
    and wrong answers: a task whose tests depend on another task's answer shows up.

    Returns:
        For each submission, its answers by task. A task without one keeps its stub.
    """
    count = max((len(answers) for answers in bank.values()), default=0)
    submissions: list[dict[str, Answer]] = [{} for _ in range(count)]
    for shift, (task, answers) in enumerate(bank.items()):
        for position, answer in enumerate(answers):
            submissions[(position + shift) % count][task] = answer
    return submissions


def fill(notebooks: dict[str, NotebookNode], answers: dict[str, Answer]) -> dict[str, NotebookNode]:
    """Return copies of notebooks with answers in place of the stubs."""
    notebooks = copy.deepcopy(notebooks)
    for notebook in notebooks.values():
        for cell in notebook.cells:
            task = cell.metadata.get("nbgrader", {}).get("grade_id")
            if task in answers:
                cell.source = answers[task].code
    return notebooks


def student_name(number: int) -> str:
    """Return the name that the bank's submission of this number is graded under."""
    return f"bank_{number:02}"


def submit_bank(
    course: Course, assignment: str, notebooks: dict[str, NotebookNode], bank: Bank
) -> int:
    """Hand in the whole bank to a course and return the number of submissions."""
    submissions = assemble(bank)
    for number, answers in enumerate(submissions):
        course.submit(student_name(number), assignment, fill(notebooks, answers))
    return len(submissions)


def read_outcomes(course: Course, assignment: str, tasks: list[Task], bank: Bank) -> list[Outcome]:
    """Return what became of each answer of a bank, once it is graded."""
    marks = course.marks(assignment)
    by_name = {task.name: task for task in tasks}
    outcomes = {}
    for number, answers in enumerate(assemble(bank)):
        student = student_name(number)
        passed = _visible_passes(course.autograded(student, assignment))
        for answer in answers.values():
            task = by_name[answer.task]
            outcomes[answer] = Outcome(
                answer,
                sum(marks[student][test].points for test in task.tests),
                task.points,
                passed.issuperset(task.tests),
            )
    return [outcomes[answer] for answers in bank.values() for answer in answers]


def grade_bank(
    course: Course,
    assignment: str,
    on_progress: Callable[[int, int], None] | None = None,
    sandboxed: bool = False,
) -> tuple[list[Outcome], list[str]]:
    """Grade the bank of an assignment in a temporary copy of the course.

    Args:
        course: The course.
        assignment: The assignment's name.
        on_progress: Called with how many submissions are done, and how many there are.
        sandboxed: Whether they are graded as `autograder grade` does, and not by plain nbgrader.

    Returns:
        The outcomes in the order of the bank, and the tasks that have no answers in it.
    """
    tasks = read_tasks(read_notebooks(course.solutions / assignment))
    bank = read_bank(bank_folder(course, assignment), tasks)
    if not bank:  # nbgrader fails where there is no submission
        return [], []
    with temporary_course(course, [assignment]) as temporary:
        notebooks = released_notebooks(generate(temporary, assignment, "notebooks/exercises"))
        count = submit_bank(temporary, assignment, notebooks, bank)
        begun = -1

        def count_submissions(line: str) -> None:
            """Notice in nbgrader's log that the next submission begins."""
            nonlocal begun
            if "Sanitizing " in line:
                begun += 1
                if on_progress:
                    on_progress(begun, count)

        if sandboxed:
            students = [student_name(number) for number in range(count)]
            with make_worker(temporary, [assignment], course.limits) as worker:
                graded = grade(temporary, assignment, worker, students)
                for done, _ in enumerate(graded, start=1):
                    if on_progress:
                        on_progress(done, count)
        else:
            temporary.run("autograde", assignment, on_line=count_submissions)
        if on_progress:
            on_progress(count, count)
        outcomes = read_outcomes(temporary, assignment, tasks, bank)
    return outcomes, [task for task, answers in bank.items() if not answers]


def _visible_passes(notebooks: dict[str, NotebookNode]) -> set[str]:
    """Return the test cells whose visible tests have passed, by their outputs."""
    return {
        cell.metadata["nbgrader"]["grade_id"]
        for notebook in notebooks.values()
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade")
        if any(VISIBLE_TESTS_PASS.search(output.get("text", "")) for output in cell.outputs)
    }
