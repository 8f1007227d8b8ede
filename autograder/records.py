"""What `autograder grade` remembers of each submission that it has graded.

Marks are in nbgrader's gradebook alone. A record, `work/records/ASSIGNMENT/STUDENT.json`, holds what
has no place there: from what the marks were made, so that only what has changed is graded again, and
how the tests went. It is written last: a submission without one is graded again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from autograder.nbgrader_course import Course
from course.files import write_atomically


@dataclass(frozen=True)
class TestRecord:
    """How one test went.

    Attributes:
        points: that it earned.
        max_points: that it is worth.
        message: why it failed, for the teacher; None if it did not.
        public: the same for the student.
        seconds: that it took.
    """

    points: float
    max_points: float
    message: str | None = None
    public: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Record:
    """One graded submission.

    Attributes:
        student: who handed it in.
        digest: of the submission, the exercise with its tests, and the grader.
        autograded: of the notebooks in work/autograded that were made of it.
        submitted: of the files that were handed in.
        graded_at: when they were read, in UTC and ISO 8601.
        refused: why it was not graded, for the student; None if it was.
        notes: what was mended in it.
        seconds: that all its cells and tests took.
        memory_mib: the most that the student's process used, as it says itself; None if unknown.
        tests: how each test went, by grade id.
        answers: the source of each task's answer, by the grade id of the task.
    """

    student: str
    digest: str
    autograded: str
    submitted: str
    graded_at: str
    refused: str | None = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    memory_mib: float | None = None
    tests: dict[str, TestRecord] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)


def submitted_digest(course: Course, assignment: str, student: str) -> str:
    """Return the SHA-256 of what a student has handed in: its notebooks, and when."""
    found = hashlib.sha256()
    place = course.work / "submitted" / student / assignment
    for path in sorted([*place.glob("*.ipynb"), place / "timestamp.txt"]):
        if path.is_file() and not path.is_symlink():
            with contextlib.suppress(OSError), path.open("rb") as file:
                found.update(os.fsencode(path.name))
                found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()


def autograded_digest(course: Course, assignment: str, student: str) -> str:
    """Return the SHA-256 of a submission's autograded notebooks, as they are now."""
    found = hashlib.sha256()
    for path in sorted((course.work / "autograded" / student / assignment).glob("*.ipynb")):
        with contextlib.suppress(OSError):
            found.update(f"{path.name}\n".encode() + path.read_bytes())
    return found.hexdigest()


def folder(course: Course, assignment: str) -> Path:
    """Return where the records of an assignment are kept."""
    return course.work / "records" / assignment


def read(course: Course, assignment: str, student: str) -> Record | None:
    """Return the record of a student's submission; None if there is none that can be read."""
    try:
        text = (folder(course, assignment) / f"{student}.json").read_text("utf-8")
        found = json.loads(text)
        tests = {name: TestRecord(**one) for name, one in found.pop("tests").items()}
        return Record(**found | {"tests": tests, "notes": tuple(found["notes"])})
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return None


def read_all(course: Course, assignment: str) -> dict[str, Record]:
    """Return all records of an assignment, by student."""
    names = sorted(path.stem for path in folder(course, assignment).glob("*.json"))
    found = {name: read(course, assignment, name) for name in names}
    return {name: one for name, one in found.items() if one}


def write(course: Course, assignment: str, record: Record) -> None:
    """Write the record of a student's submission."""
    path = folder(course, assignment) / f"{record.student}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(asdict(record), indent=1) + "\n")
