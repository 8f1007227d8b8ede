"""Grading the submissions of an assignment: from folders to marks in the gradebook.

Threads take submissions in and have a `Worker`, or a cluster, take their steps; this process alone
writes the gradebook, one submission after the other. What was graded before, and has not changed,
is left as it is.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import errno
import hashlib
import json
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

import sqlalchemy.exc

from autograder import arrivals, collect, gradebook, records, rules
from autograder.arrivals import Arrival
from autograder.errors import UserError
from autograder.exercises import generate, released_notebooks
from autograder.nbgrader_course import Course, read_notebooks
from autograder.prepared import Notebooks, Prepared, grader_digest, prepare
from autograder.records import Record, TestRecord
from autograder.sandbox import Limits, SandboxError
from autograder.steps import Kind, Outcome, Step
from autograder.worker import CannotGrade, Worker, WorkError
from course.machine import cores
from course.warm import WarmError

# Of the disk as a whole
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
MOST_THREADS = 16  # of one computation; more would not fit into the limit of processes


class Grader(Protocol):
    """What takes the steps of submissions, for several threads: a `Worker`, or a cluster."""

    limits: Limits

    def grade(self, steps: Sequence[Step]) -> list[Outcome]:
        """Take the steps of one submission; return what came of each."""

    def stop(self) -> None:
        """End what is being graded."""


@dataclass(frozen=True)
class Graded:
    """What became of a submission.

    Attributes:
        student: who handed it in.
        points: earned so far.
        max_points: that can be earned.
        needs_human: whether a part is left for a human to grade.
        refused: why it was not graded, or None.
        notes: what was mended in it.
        unchanged: whether it was graded before, and left as it was.
        failed: whether it was not graded by a fault of ours; the next run tries again.
    """

    student: str
    points: float
    max_points: float
    needs_human: bool
    refused: str | None
    notes: tuple[str, ...]
    unchanged: bool = False
    failed: bool = False


def find_students(course: Course, assignment: str) -> list[str]:
    """Return who has handed in an assignment: the folders of work/submitted, and who is listed.

    Who is listed may have no folder there where a process was killed that moved it.
    """
    submitted = course.work / "submitted"
    found = [one.student for one in arrivals.read(course, assignment)]
    for folder in sorted(submitted.iterdir()) if submitted.is_dir() else ():
        with contextlib.suppress(OSError):
            if stat.S_ISDIR(folder.lstat().st_mode) and (folder / assignment).lstat():
                found.append(folder.name)
    return sorted(set(found))


def find_links(course: Course, assignment: str) -> list[str]:
    """Return the links in work/submitted: what they point to is not graded."""
    submitted = course.work / "submitted"
    return sorted(one.name for one in submitted.glob("*") if one.is_symlink())


def imports(notebooks: Notebooks) -> list[str]:
    """Return the modules that the cells of notebooks import, for a warm process to import too."""
    found: dict[str, None] = {}
    for notebook in notebooks.values():
        for cell in notebook.cells:
            with contextlib.suppress(SyntaxError):
                for node in ast.walk(ast.parse(cell.source if cell.cell_type == "code" else "")):
                    if isinstance(node, ast.Import):
                        found.update(dict.fromkeys(alias.name for alias in node.names))
                    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                        found[node.module] = None
    standard = sys.stdlib_module_names
    return [name for name in found if name.partition(".")[0] not in standard]


def modules(course: Course, assignments: Sequence[str]) -> list[str]:
    """Return the modules that the solutions of some assignments import."""
    notebooks: Notebooks = {}
    for assignment in assignments:
        notebooks |= read_notebooks(course.solutions / assignment)
    return imports(notebooks)


def threads_each(workers: int) -> int:
    """Return how many threads a computation of each of so many submissions at a time may use."""
    return max(1, min(MOST_THREADS, cores() // workers))


def make_worker(
    course: Course,
    assignments: Sequence[str],
    limits: Limits,
    sandboxed: bool = True,
    workers: int = 1,
) -> Worker:
    """Return a worker for some assignments, of which so many submissions are graded at a time.

    Raises:
        UserError: there can be none; the message says why, and the mend.
    """
    try:
        return Worker(modules(course, assignments), limits, sandboxed, threads_each(workers))
    except SandboxError as error:
        raise UserError(
            f"{error}. Look at `autograder doctor`; `--without-sandbox` grades without it, where "
            "all submissions can be trusted"
        ) from None
    except WarmError as error:
        raise UserError(str(error)) from None


def grade(
    course: Course,
    assignment: str,
    grader: Grader,
    students: Sequence[str],
    workers: int = 1,
    again: bool = False,
) -> Iterator[Graded]:
    """Grade submissions of an assignment.

    Args:
        course: the course.
        assignment: its name.
        grader: takes the steps.
        students: whose submissions; they lie in work/submitted.
        workers: how many are graded at a time.
        again: whether those are graded, too, that have not changed.

    Yields:
        What became of each, once it is in the gradebook.

    Raises:
        UserError: the exercise is not released, a set-up cell fails in the judge, or nothing can
            be graded on this machine.
    """
    released = released_notebooks(course.exercises / assignment)
    learn(course, assignment)
    with gradebook.Writer(course, assignment) as writer:
        whole = {
            name: writer.teachers(copy.deepcopy(notebook), name)
            for name, notebook in released.items()
        }
        rules.counted(course, assignment)  # what is wrong there is told before the work
        attempts = collect.attempts(course, assignment)
        known = {} if again else writer.students(whole)
        job = Job(
            course,
            assignment,
            grader,
            released,
            whole,
            attempts,
            known,
            writer.due,
            rules.rules(course.config)["attempts"] == "best",
        )
        work = partial(_work, job)
        with contextlib.closing(_side_by_side(work, grader, students, workers)) as all_done:
            for student, done in all_done:
                try:
                    one = store(job, writer, student, done.result())
                except CannotGrade as error:
                    raise UserError(
                        f"{assignment}: {error}. Mend this locked cell in solutions/{assignment}, then "
                        f"run: autograder release {assignment}"
                    ) from None
                except WorkError as error:
                    raise UserError(f"{assignment}: {error}") from None
                except Exception as error:  # a fault of ours must not stop the others
                    if reason := _nothing_can_be_stored(error):
                        raise UserError(
                            f"{assignment}: {student} could not be stored: {reason}. What was "
                            "graded before is kept; the same command grades the rest"
                        ) from None
                    writer.undo()
                    told = str(error) if isinstance(error, UserError) else f"a fault: {error!r}"
                    one = Graded(student, 0, 0, False, None, (told[:500],), failed=True)
                yield one


def _nothing_can_be_stored(error: BaseException | None) -> str | None:
    """Return the reason if an error means that no submission can be stored; else None."""
    while error:
        if isinstance(error, sqlalchemy.exc.OperationalError):
            return str(error.orig or error)
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            return str(error)
        error = error.__cause__ or error.__context__
    return None


@dataclass(frozen=True)
class Job:
    """What is the same for all submissions.

    Attributes:
        course: the course.
        assignment: its name.
        grader: takes the steps.
        released: the notebooks as students got them.
        whole: the same with the hidden tests.
        attempts: of the students who are listed: each with its folder.
        known: what the gradebook has of the tests, by student and grade id.
        due: when the assignment is due, in UTC; None if it is at no time.
        best: whether the best attempt counts, and not the last.
    """

    course: Course
    assignment: str
    grader: Grader
    released: Notebooks
    whole: Notebooks
    attempts: dict[str, list[tuple[Arrival, Path]]]
    known: dict[str, dict[str, float]]
    due: datetime | None
    best: bool

    def folder(self, student: str) -> Path:
        """Return where a student's submission lies."""
        return self.course.work / "submitted" / student / self.assignment

    def folders(self, student: str) -> list[Path]:
        """Return where the attempts lie of which the best counts."""
        found = [folder for _, folder in self.attempts.get(student, ())]
        return found if self.best and len(found) > 1 else [self.folder(student)]

    def place(self, student: str) -> None:
        """Put a student's attempt where it is graded, if another one is there, or none."""
        listed = [one for one, _ in self.attempts.get(student, ())]
        chosen = [one.attempt for one in listed if one.chosen]
        if listed and (not chosen or (not self.best and chosen != [collect.last(listed)])):
            collect.choose(self.course, self.assignment, student, collect.last(listed))

    def worth(self, attempt: Prepared, folder: Path) -> float:
        """Return what an attempt earns by its tests, a penalty for being late taken off."""
        handed_in = gradebook.read_timestamp(folder)
        late = (handed_in - self.due).total_seconds() if handed_in and self.due else 0.0
        return attempt.points - rules.penalty(self.course.config, max(0.0, attempt.points), late)

    def is_current(self, student: str, digest: str) -> bool:
        """Tell whether a submission was graded as it is, and the marks are those of its tests."""
        record = records.read(self.course, self.assignment, student)
        points = self.known.get(student)
        autograded = records.autograded_digest(self.course, self.assignment, student)
        return bool(
            record
            and points is not None
            and (record.digest, record.autograded) == (digest, autograded)
            and all(
                value == (record.tests[name].points if name in record.tests else 0)
                for name, value in points.items()
            )
        )

    def digest(self, attempts: Sequence[Prepared]) -> str:
        """Return the SHA-256 of all that decides on a student's marks from tests."""
        limits = json.dumps(asdict(self.grader.limits))
        parts = [grader_digest(), limits, *sorted(one.digest for one in attempts)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass(frozen=True)
class Work:
    """What a thread has made of a submission.

    Attributes:
        digest: of all that decides on the marks.
        submitted: of what was handed in, before it was read.
        read_at: when that was, in UTC and ISO 8601.
        best: the attempt that counts, with its outcomes; None if nothing has changed.
        number: of that attempt, among all of them.
    """

    digest: str
    submitted: str
    read_at: str
    best: Prepared | None = None
    number: int = 0


def _work(job: Job, student: str) -> Work:
    """Take a submission in, and its steps, unless it was graded before and nothing has changed."""
    job.place(student)
    read_at = datetime.now(UTC).isoformat(timespec="seconds")
    submitted = records.submitted_digest(job.course, job.assignment, student)
    folders = job.folders(student)
    attempts = [prepare(folder, job.released, job.whole) for folder in folders]
    digest = job.digest(attempts)
    if job.is_current(student, digest):
        return Work(digest, submitted, read_at)
    for one in attempts:
        one.outcomes = {
            name: job.grader.grade([step for _, step in steps]) for name, steps in one.steps.items()
        }
    # Of equal attempts the last, where the written answers may be better
    worth = [
        (job.worth(one, folder), at)
        for at, (one, folder) in enumerate(zip(attempts, folders, strict=True))
    ]
    _, number = max(worth)
    return Work(digest, submitted, read_at, attempts[number], number)


def store(job: Job, writer: gradebook.Writer, student: str, work: Work) -> Graded:
    """Write what became of a submission: the marks first, and the record of them last."""
    best = work.best
    if not best:
        record = records.read(job.course, job.assignment, student)
        assert record
        marks = writer.stored(student, gradebook.read_timestamp(job.folder(student)), job.released)
        if record.submitted != work.submitted:  # outputs, or the time
            now = replace(record, submitted=work.submitted, graded_at=work.read_at)
            records.write(job.course, job.assignment, now)
        return Graded(student, *marks, record.refused, record.notes, unchanged=True)
    submitted = work.submitted
    if len(job.folders(student)) > 1:
        arrival, _ = job.attempts[student][work.number]
        collect.choose(job.course, job.assignment, student, arrival.attempt)
        submitted = records.submitted_digest(job.course, job.assignment, student)
    handed_in = gradebook.read_timestamp(job.folder(student))
    marks = writer.save(student, handed_in, best.notebooks())
    tests, seconds, memory = {}, 0.0, None
    for name, outcomes in (best.outcomes or {}).items():
        for (_, step), outcome in zip(best.steps[name], outcomes, strict=True):
            seconds += outcome.seconds
            memory = max(memory or 0.0, outcome.memory_mib) if outcome.memory_mib else memory
            if step.kind == Kind.TEST:
                tests[step.name] = TestRecord(
                    outcome.points, step.points, outcome.message, outcome.public, outcome.seconds
                )
    record = Record(
        student=student,
        digest=work.digest,
        autograded=records.autograded_digest(job.course, job.assignment, student),
        submitted=submitted,
        graded_at=work.read_at,
        refused=best.refused,
        notes=best.notes,
        seconds=seconds,
        memory_mib=memory,
        tests=tests,
        answers=best.answers,
    )
    records.write(job.course, job.assignment, record)
    return Graded(student, *marks, best.refused, best.notes)


def _side_by_side(
    work: Callable[[str], object], grader: Grader, students: Sequence[str], workers: int
) -> Iterator[tuple[str, Future]]:
    """Give each student's work as it is done, with no more begun than are waited for."""
    waiting = list(reversed(students))
    running: dict[Future, str] = {}
    with ThreadPoolExecutor(max_workers=workers) as threads:
        try:
            while waiting or running:
                while waiting and len(running) <= workers:
                    student = waiting.pop()
                    running[threads.submit(work, student)] = student
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield running.pop(future), future
        except BaseException:
            grader.stop()  # else it would wait for the submissions in hand
            raise


def learn(course: Course, assignment: str) -> None:
    """Have the gradebook know an assignment and its tests of today; nbgrader does it."""
    if not _knows(course, assignment):
        generate(course, assignment, os.path.join("work", "learned"))


def _knows(course: Course, assignment: str) -> bool:
    """Tell whether the gradebook has the cells of the solution: their points, and locked ones."""
    from nbgrader import utils
    from nbgrader.api import MissingEntry

    with course.gradebook() as book:
        for name, notebook in read_notebooks(course.solutions / assignment).items():
            ours = {}
            for cell in notebook.cells:
                graded = utils.is_grade(cell) or utils.is_task(cell)
                if graded or utils.is_solution(cell) or utils.is_locked(cell):
                    points = float(cell.metadata["nbgrader"].get("points") or 0)
                    source = cell.source if utils.is_locked(cell) else None
                    ours[gradebook.grade_id(cell)] = points if graded else None, source
            try:
                known = book.find_notebook(name, assignment)
            except MissingEntry:
                return False
            worth = {one.name: one.max_score for one in (*known.grade_cells, *known.task_cells)}
            theirs = {
                one.name: (worth.get(one.name), one.source if one.locked else None)
                for one in known.source_cells
            }
            if theirs != ours:
                return False
    return True
