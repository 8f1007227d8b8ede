"""Who handed in what: a list for each assignment, which `collect` writes and others read.

It lies in `work/collected/ASSIGNMENT.json`. The files themselves are in `work/submitted/`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from autograder.errors import UserError
from autograder.nbgrader_course import Course
from course.files import write_atomically


@dataclass(frozen=True)
class Arrival:
    """One attempt of one student at one assignment.

    Attributes:
        student: the name of the folder under work/submitted, and in the gradebook: ASCII letters,
            digits, `.`, `_` and `-`.
        name: as the course system shows it, in any script; empty if it is not known.
        system: where it came from: `folder`, `exchange`, `moodle` or `canvas`.
        key: how that system calls the student: Moodle's number of the participant, Canvas's number
            of the user; elsewhere the same as `student`.
        files: for each file that was taken, its path in work/submitted/STUDENT/ASSIGNMENT, and where
            it was in the source: the path, with ` > ` for each archive within an archive.
        source: the archive or folder, as it was named on the command line.
        attempt: 1 for the first, and so on.
        late: whether the system calls it late.
        handed_in: when, in UTC and ISO 8601; None if it is not known.
        digest: SHA-256 of its files.
        chosen: whether it is the one that is graded.
    """

    student: str
    name: str
    system: str
    key: str
    files: dict[str, str]
    source: str
    attempt: int = 1
    late: bool = False
    handed_in: str | None = None
    digest: str = ""
    chosen: bool = True


def path(course: Course, assignment: str) -> Path:
    """Return where the list of an assignment is kept."""
    return course.work / "collected" / f"{assignment}.json"


def read(course: Course, assignment: str) -> list[Arrival]:
    """Return all attempts at an assignment; none if nothing was collected.

    Raises:
        UserError: the list can't be read.
    """
    file = path(course, assignment)
    try:
        return [Arrival(**one) for one in json.loads(file.read_text("utf-8"))]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"{file}: this list of submissions can't be read ({error}). Move it away, then run "
            f"`autograder collect {assignment}` again"
        ) from None


def write(course: Course, assignment: str, arrivals: list[Arrival]) -> None:
    """Write the list of all attempts at an assignment."""
    file = path(course, assignment)
    file.parent.mkdir(parents=True, exist_ok=True)
    listed = sorted(arrivals, key=lambda one: (one.student, one.attempt))
    write_atomically(file, json.dumps([asdict(one) for one in listed], indent=1) + "\n")
