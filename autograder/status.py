"""Where each submission of an assignment stands, from what lies in work/ and the gradebook."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from autograder import arrivals, marks, records
from autograder.grading import find_students
from autograder.nbgrader_course import Course
from autograder.records import Record


class State(StrEnum):
    """How far a submission is."""

    MISSING = "missing"  # of a student whom the gradebook knows, or who handed in something else
    COLLECTED = "collected"  # not graded, or not as it is now
    REFUSED = "refused"
    NEEDS_HUMAN = "needs a human"
    GRADED = "graded"
    FEEDBACK = "feedback written"


# What comes next, for the first state that any submission is in
NEXT = {
    State.COLLECTED: "autograder grade {}",
    State.NEEDS_HUMAN: "make lab, then the menu Nbgrader, Formgrader",
    State.GRADED: "autograder feedback {}",
    State.REFUSED: "autograder feedback {}",
    State.FEEDBACK: "autograder export {}",
    State.MISSING: "autograder collect {} SOURCE",
}


@dataclass(frozen=True)
class Standing:
    """Where one student's submission stands.

    Attributes:
        student: as the gradebook has them.
        name: as the course system shows it; empty if it is not known.
        state: how far it is.
        points: earned so far; None if it is not graded.
        max_points: that can be earned; None if it is not graded.
        late: whether it came late.
        attempts: how many there are.
        told: why it was refused, or has to be graded again; else empty.
    """

    student: str
    name: str
    state: State
    points: float | None = None
    max_points: float | None = None
    late: bool = False
    attempts: int = 1
    told: str = ""


def status(course: Course, assignment: str) -> list[Standing]:
    """Return where the submission of each student stands, by student.

    Raises:
        UserError: the gradebook can't be reached, or a list can't be read.
    """
    listed = arrivals.read(course, assignment)
    names = {one.student: one.name for one in listed}
    tries = {student: sum(one.student == student for one in listed) for student in names}
    handed_in = set(find_students(course, assignment))
    graded = marks.read(course, assignment)
    with course.gradebook() as gradebook:
        known = {one.id for one in gradebook.students}
    found = []
    for student in sorted(known | handed_in | names.keys()):
        name, attempts = names.get(student, ""), tries.get(student, 1)
        record = records.read(course, assignment, student)
        if student not in handed_in and student not in graded:
            found.append(Standing(student, name, State.MISSING, attempts=0))
            continue
        flagged = any(one.late for one in listed if one.student == student and one.chosen)
        got = graded.get(student)
        if not got or (record and is_changed(course, assignment, record)):
            stale = "changed since it was graded" if got else ""
            found.append(
                Standing(
                    student, name, State.COLLECTED, late=flagged, attempts=attempts, told=stale
                )
            )
            continue
        told = (record.refused or "") if record else ""
        found.append(
            Standing(
                student,
                name,
                _state(course, assignment, got, record, told),
                got.points,
                got.max_points,
                flagged or got.late_by > 0,
                attempts,
                told,
            )
        )
    return found


def is_changed(course: Course, assignment: str, record: Record) -> bool:
    """Tell whether what was handed in is not what was graded, or the graded notebooks are gone."""
    submitted = records.submitted_digest(course, assignment, record.student)
    autograded = records.autograded_digest(course, assignment, record.student)
    return (submitted, autograded) != (record.submitted, record.autograded)


def _state(
    course: Course, assignment: str, got: marks.Marks, record: Record | None, told: str
) -> State:
    page = feedback_page(course, assignment, got.student)
    written = records.folder(course, assignment) / f"{got.student}.json"
    if got.needs_human and not told:
        return State.NEEDS_HUMAN
    if page.exists() and (not record or page.stat().st_mtime >= written.stat().st_mtime):
        return State.FEEDBACK
    return State.REFUSED if told else State.GRADED


def feedback_page(course: Course, assignment: str, student: str) -> Path:
    """Return where the feedback of a student is."""
    return course.work / "feedback" / student / assignment / "feedback.html"


def next_step(assignment: str, found: list[Standing]) -> str:
    """Return the command that comes next."""
    states = {one.state for one in found} or {State.MISSING}
    first = next(state for state in NEXT if state in states)
    return NEXT[first].format(assignment)
