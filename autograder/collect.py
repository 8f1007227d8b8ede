"""Taking submissions in: from a folder, nbgrader's exchange, or what Moodle and Canvas give.

Each attempt is kept. The one that is graded lies in work/submitted/STUDENT/ASSIGNMENT, the others
in work/attempts/ASSIGNMENT/STUDENT/NUMBER. Folders are made aside and moved as a whole, in an
order from which the next command can tell how far a killed one came.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from pathlib import Path

from autograder import arrivals
from autograder.archives import (
    CAPS,
    Caps,
    Piece,
    Unpacker,
    folder_entries,
)
from autograder.arrivals import Arrival
from autograder.errors import UserError
from autograder.exercises import find_assignments, select
from autograder.file_names import NOTEBOOK, RESERVED, TIMESTAMP, place
from autograder.lock import hold
from autograder.nbgrader_course import Course
from autograder.sources import SYSTEMS, Context, Upload, opened_sources

PENDING = "choose-last"  # in a student's folder of attempts: collect was to choose the last one
STUDENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}(?<!\.)")

Done = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Collected:
    """What came of collecting.

    Attributes:
        system: where the submissions came from: `folder`, `exchange`, `moodle` or `canvas`.
        taken: the attempts that are new.
        unchanged: those that had been collected before.
        ignored: what was left out: its path in the source, and why.
    """

    system: str
    taken: list[Arrival]
    unchanged: list[Arrival]
    ignored: list[tuple[str, str]]


def collect(
    course: Course,
    assignment: str,
    sources: Sequence[Path],
    system: str = "auto",
    on_done: Done = lambda done, total: None,
    caps: Caps = CAPS,
) -> Collected:
    """Take the submissions of an assignment in, and list them.

    Nothing that was collected before is lost or taken twice. If the process is killed, the same
    command leads to the same result. A new attempt is the one that is graded from then on, also
    where the rule is `best`: only grading can tell which that is.

    Args:
        course: that the assignment belongs to.
        assignment: its name.
        sources: folders and zip files; none is needed for the exchange if the course knows it.
        system: where they come from; `auto` finds out.
        on_done: called with how many attempts were looked at, and of how many.
        caps: what one submission may hold at most.

    Returns:
        What was taken, and what was left out.

    Raises:
        UserError: there is no such assignment, a source can't be used or is not understood, or
            the rule `attempts` has no meaning.
    """
    select(course, [assignment])
    policy(course)
    if system not in ("auto", *SYSTEMS):
        raise UserError(f"--from {system}: no such system: use auto, {', '.join(SYSTEMS)}")
    notebooks = tuple(path.name for path in (course.solutions / assignment).glob(f"*{NOTEBOOK}"))
    context = Context(course, assignment, notebooks, tuple(find_assignments(course)))
    on_done(0, None)
    with _locked(course, wait=False):
        return _Collector(context, caps).run(sources, system, on_done)


def policy(course: Course) -> str:
    """Return which attempt counts: `last` or `best`.

    Raises:
        UserError: the configuration says something else.
    """
    from autograder.rules import rules  # slow to import: nbgrader's plugins

    return rules(course.config)["attempts"]


def attempts(course: Course, assignment: str) -> dict[str, list[tuple[Arrival, Path]]]:
    """Return all attempts at an assignment that are kept, and the folder in which each lies.

    Returns:
        By student, in the order in which they were made.

    Raises:
        UserError: the list can't be read.
    """
    return {
        student: [(one, places[one.attempt]) for one in listed]
        for student, history in _by_student(arrivals.read(course, assignment)).items()
        for listed, places in [_settled(course, assignment, student, history)]
        if listed
    }


def choose(course: Course, assignment: str, student: str, attempt: int) -> None:
    """Put another attempt of a student where it is graded.

    Args:
        course: that the assignment belongs to.
        assignment: its name.
        student: the name of their folder.
        attempt: its number.

    Raises:
        UserError: there is no such attempt, or it can't be moved.
    """
    with _locked(course, wait=True):
        everything = _by_student(arrivals.read(course, assignment))
        listed, places = _settled(course, assignment, student, everything.get(student, []))
        if attempt not in places:
            known = ", ".join(map(str, places)) or "none"
            raise UserError(
                f"{student} has no attempt {attempt} at {assignment}: there are {known}"
            )
        everything[student] = _swap(course, assignment, student, listed, attempt)
        arrivals.write(course, assignment, [one for all_ in everything.values() for one in all_])
        _unmark(_kept(course, assignment, student) / PENDING)


# --- Where the attempts lie


def _submitted(course: Course, assignment: str, student: str) -> Path:
    return course.work / "submitted" / student / assignment


def _kept(course: Course, assignment: str, student: str) -> Path:
    return course.work / "attempts" / assignment / student


@contextmanager
def _locked(course: Course, wait: bool) -> Iterator[None]:
    """Hold the lists and folders of a course; the system lets go of them with the process.

    Raises:
        UserError: another process holds them, or they can't be read or written.
    """
    try:
        with hold(course.work / "collected" / ".lock", wait):
            yield
    except BlockingIOError:
        raise UserError(
            "another `autograder collect` is running in this course: wait for its end"
        ) from None
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        raise UserError(
            f"{what}{error.strerror or error}: mend this, then run the same command again"
        ) from None


def _by_student(listed: Iterable[Arrival]) -> dict[str, list[Arrival]]:
    found: dict[str, list[Arrival]] = defaultdict(list)
    for one in sorted(listed, key=_order):
        found[one.student].append(one)
    return found


def _settled(
    course: Course, assignment: str, student: str, history: list[Arrival]
) -> tuple[list[Arrival], dict[int, Path]]:
    """Return what is true of a student's attempts, wherever a killed process left them.

    Of the listed attempts, the one in work/submitted is the one that is not among those kept. In
    the middle of a swap it may not be the one that the list calls chosen, or there is none. What
    lies nowhere any more counts as never collected.

    Returns:
        The attempts that are there, the one in work/submitted chosen; and where each lies.
    """
    kept = _kept(course, assignment, student)
    submitted = _submitted(course, assignment, student)
    places = {one.attempt: kept / str(one.attempt) for one in history}
    missing = [one for one in history if not os.path.lexists(places[one.attempt])]
    current = None
    if missing and os.path.lexists(submitted):
        current = next((one.attempt for one in missing if one.chosen), missing[-1].attempt)
        places[current] = submitted
    there = [
        replace(one, chosen=one.attempt == current)
        for one in history
        if one not in missing or one.attempt == current
    ]
    return there, {one.attempt: places[one.attempt] for one in there}


def _swap(
    course: Course, assignment: str, student: str, listed: list[Arrival], attempt: int
) -> list[Arrival]:
    """Move an attempt to work/submitted, and the one there to the others; return the new list."""
    kept = _kept(course, assignment, student)
    submitted = _submitted(course, assignment, student)
    current = next((one.attempt for one in listed if one.chosen), None)
    if current != attempt:
        kept.mkdir(parents=True, exist_ok=True)
        submitted.parent.mkdir(parents=True, exist_ok=True)
        if current is not None:
            os.replace(submitted, kept / str(current))
        elif os.path.lexists(submitted):  # made by hand, since the list was read
            raise UserError(f"{submitted}: this is no attempt that is listed: move it away")
        os.replace(kept / str(attempt), submitted)
    return [replace(one, chosen=one.attempt == attempt) for one in listed]


def _unmark(mark: Path) -> None:
    """Take the mark away that the last attempt is to be chosen, and folders left empty."""
    mark.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        for folder in list(mark.parents)[:3]:  # of the student, the assignment, all attempts
            folder.rmdir()


def last(listed: list[Arrival]) -> int:
    """Return the number of the last attempt: by time if all have one, else as they came."""
    timed = all(one.handed_in for one in listed)
    return max(
        listed, key=lambda one: ((one.handed_in or "") if timed else "", one.attempt)
    ).attempt


# --- Collecting


class _Collector:
    """One run of `collect`."""

    def __init__(self, context: Context, caps: Caps):
        self._context = context
        self._course, self._assignment = context.course, context.assignment
        self._caps = caps
        self._scratch = self._course.work / "attempts" / f".new-{self._assignment}"
        self._listed: dict[str, list[Arrival]] = {}
        self._ready: dict[tuple[str, int], Path] = {}  # the new attempts
        self._unchanged: set[tuple[str, int]] = set()
        self._adopted: set[tuple[str, int]] = set()
        self._ignored: list[tuple[str, str]] = []
        self._source = ""
        self._matched: dict[str, list[int]] = {}  # by student, what this source has

    def run(self, sources: Sequence[Path], system: str, on_done: Done) -> Collected:
        """Take everything in, then move it into place."""
        shutil.rmtree(self._scratch, ignore_errors=True)  # left by a killed run
        try:
            system = self._read(sources, system, on_done)
            self._put()
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)
        known = {
            (one.student, one.attempt): one for history in self._listed.values() for one in history
        }
        taken = [known[which] for which in sorted(self._ready)]
        unchanged = [known[which] for which in sorted(self._unchanged - self._ready.keys())]
        return Collected(system, taken, unchanged, self._ignored)

    def _read(self, sources: Sequence[Path], system: str, on_done: Done) -> str:
        """Read all sources into the scratch folder; return where they come from."""
        listed = _by_student(arrivals.read(self._course, self._assignment))
        for student, history in listed.items():
            there, _ = _settled(self._course, self._assignment, student, history)
            self._listed[student] = there
            self._adopt(student)
        students = _Students(self._course)
        with opened_sources(self._context, sources, system, self._ignored) as (system, uploads):
            on_done(0, len(uploads))
            for number, upload in enumerate(uploads, 1):
                self._take(upload, system, students)
                on_done(number, len(uploads))
        return system

    def _take(self, upload: Upload, system: str, students: _Students) -> None:
        """Read one attempt, and see whether it is a new one."""
        blobs = self._scratch / "blobs"
        blobs.mkdir(parents=True)
        unpacker = Unpacker(blobs, self._caps)
        pieces = unpacker.unpack(upload.entries)
        files, left_out = place(pieces, self._context.notebooks)
        self._ignored += unpacker.ignored + left_out
        if files:
            student = students.name(system, upload.key, upload.name)
            self._compare(_arrival(upload, system, student, files), files)
        else:
            # Only the time is left, and it is no submission
            self._ignored += [(one.where, "there is no file beside it") for one in upload.times]
            if not upload.entries + upload.times:
                self._ignored.append((upload.name, "there is no file in it"))
        shutil.rmtree(blobs)

    def _compare(self, found: Arrival, files: dict[str, Piece]) -> None:
        """Keep an attempt if it is new: if it isn't one that is listed, in the same order."""
        history = self._listed.setdefault(found.student, [])
        self._adopt(found.student)
        if found.source != self._source:
            self._source, self._matched = found.source, {}
        matched = self._matched.setdefault(found.student, [])
        same = [one for one in history if _same(one, found)]
        if fresh := [one for one in same if one.attempt not in matched]:
            number = fresh[0].attempt
            if (found.student, number) in self._adopted:  # now it is known whose it is
                known = replace(found, attempt=number, chosen=fresh[0].chosen)
                history[history.index(fresh[0])] = known
            self._unchanged.add((found.student, number))
            matched.append(number)
            return
        if matched and any(one.attempt == matched[-1] for one in same):
            why = f"the same as attempt {matched[-1]}"
            self._ignored += [(where, why) for where in found.files.values()]
            return
        arrival = replace(found, attempt=self._next(found.student))
        folder = self._scratch / "ready" / f"{arrival.student}+{arrival.attempt}"
        _write_tree(folder, files, arrival.handed_in)
        history.append(arrival)
        matched.append(arrival.attempt)
        self._ready[arrival.student, arrival.attempt] = folder

    def _adopt(self, student: str) -> None:
        """List what lies in work/submitted and was never collected, so that it isn't lost."""
        history = self._listed[student]
        folder = _submitted(self._course, self._assignment, student)
        if any(one.chosen for one in history) or not os.path.lexists(folder):
            return
        digests = _digests(folder)
        adopted = Arrival(
            student=student,
            name="",
            system="folder",
            key=student,
            files={name: name for name in digests},
            source=str(folder),
            attempt=self._next(student),
            digest=_digest(digests),
        )
        history.append(adopted)
        self._adopted.add((student, adopted.attempt))

    def _next(self, student: str) -> int:
        """Return the number for a student's next attempt; none that lies there is touched."""
        folder = _kept(self._course, self._assignment, student)
        used = [int(one.name) for one in folder.glob("*") if re.fullmatch("[0-9]{1,9}", one.name)]
        return max([one.attempt for one in self._listed[student]] + used, default=0) + 1

    def _put(self) -> None:
        """Move what was read into place.

        The order is what makes it safe to be killed: the mark that the last attempt is to be
        chosen, the list, the new attempts, the swap, the list.
        """
        for student, _ in self._ready:
            kept = _kept(self._course, self._assignment, student)
            kept.mkdir(parents=True, exist_ok=True)
            (kept / PENDING).touch()
        self._write_list()
        for (student, number), folder in self._ready.items():
            os.replace(folder, _kept(self._course, self._assignment, student) / str(number))
        marks = []
        for student, history in self._listed.items():
            mark = _kept(self._course, self._assignment, student) / PENDING
            if history and (mark.exists() or not any(one.chosen for one in history)):
                swapped = _swap(self._course, self._assignment, student, history, last(history))
                self._listed[student] = swapped
                marks.append(mark)
        self._write_list()
        for mark in marks:
            _unmark(mark)

    def _write_list(self) -> None:
        listed = [one for history in self._listed.values() for one in history]
        old = arrivals.read(self._course, self._assignment)
        if sorted(listed, key=_order) != sorted(old, key=_order):
            arrivals.write(self._course, self._assignment, listed)


def _order(one: Arrival) -> tuple[str, int]:
    return one.student, one.attempt


def _arrival(upload: Upload, system: str, student: str, files: dict[str, Piece]) -> Arrival:
    told = {name: piece.where for name, piece in files.items()}
    for one in upload.times:
        told[TIMESTAMP] = one.where
    return Arrival(
        student=student,
        name=upload.name,
        system=system,
        key=upload.key,
        files=dict(sorted(told.items())),
        source=upload.source,
        late=upload.late,
        handed_in=upload.handed_in,
        digest=_digest({name: piece.digest for name, piece in files.items()}),
        chosen=False,
    )


def _same(old: Arrival, new: Arrival) -> bool:
    """Return whether two attempts are one: the same files, and no other time."""
    times = {old.handed_in, new.handed_in} - {None}
    return old.digest == new.digest and len(times) < 2


def _digest(files: dict[str, str]) -> str:
    """Return one digest for files, from that of each, by its path."""
    told = "".join(f"{digest} {name}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(told.encode("utf-8", "backslashreplace")).hexdigest()


def _digests(folder: Path) -> dict[str, str]:
    """Return the digest of each file in a folder, but that of the time of submission."""
    found = {}
    for entry in folder_entries(folder):
        name = "/".join(entry.parts)
        if not entry.problem and name != TIMESTAMP:
            with entry.open() as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _write_tree(folder: Path, files: dict[str, Piece], handed_in: str | None) -> None:
    folder.mkdir(parents=True)
    for name, piece in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        os.replace(piece.blob, path)
    if handed_in:
        time = datetime.fromisoformat(handed_in)
        told = time.strftime("%Y-%m-%d %H:%M:%S") + (time.strftime(".%f") * bool(time.microsecond))
        (folder / TIMESTAMP).write_text(f"{told} UTC")


# --- What the students are called


class _Students:
    """The names of students' folders: the same for the same student, never for two."""

    def __init__(self, course: Course):
        self._names: dict[tuple[str, str], str] = {}
        self._used: dict[str, str] = {}  # by the name in small letters
        for file in sorted(course.work.glob("collected/*.json")):
            for one in arrivals.read(course, file.stem):
                self._names[one.system, one.key] = one.student
                self._used[one.student.casefold()] = one.student

    def name(self, system: str, key: str, name: str) -> str:
        """Return the name of a student's folder."""
        if (system, key) not in self._names:
            chosen = self._unused(system, key, name)
            self._names[system, key] = chosen
            self._used[chosen.casefold()] = chosen
        return self._names[system, key]

    def _unused(self, system: str, key: str, name: str) -> str:
        mark = hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()[:8]
        plain = _is_student(key)
        if plain and system in ("folder", "exchange"):
            # Such a name is the student's own wherever it comes from
            if self._used.get(key.casefold(), key) == key:
                return key
            plain = False
        slug = _slug(name)
        wanted = "-".join(filter(None, [slug, key])) if plain else f"{slug or 'student'}-{mark}"
        tries = (wanted if n == 1 else f"{wanted}-{n}" for n in count(1))
        return next(one for one in tries if one.casefold() not in self._used)


def _is_student(name: str) -> bool:
    return bool(STUDENT.fullmatch(name)) and not RESERVED.match(name)


def _slug(name: str) -> str:
    """Return what of a name can be written in ASCII."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub("[^a-z0-9]+", "-", plain.lower()).strip("-")[:30].strip("-")
