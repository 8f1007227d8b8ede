"""Where submissions come from, and what the names of their files say of whose they are.

The names by which Moodle and Canvas tell whose a file is are those that their programs write:

- Moodle, `mod/assign/classes/downloader.php`: `NAME_NUMBER_assignsubmission_PLUGIN`, then `/PATH`
  ("download submissions in folders") or `_FILE`. Older versions end the folder in `_`. NAME has no
  underscore in today's version. NUMBER is the participant's in this assignment, so that another
  assignment knows the same student by another one, or the group's; the default group has none.
- Canvas, `lib/content_zipper.rb`: `NAME_USER_ATTACHMENT_FILE` in one folder, with `LATE_` before
  USER; NAME never has `_DIGITS_` in it. Instead of NAME and USER, `anon_ID` if students are
  anonymous. What was typed in is `NAME_USER_text.html` or `_link.html`. A file that a student
  uploads again is called `FILE-1`, `FILE-2` by Canvas.
- nbgrader, `nbgrader/exchange/default/submit.py`: folders
  `COURSE/inbound/STUDENT+ASSIGNMENT+TIME+RANDOM`, the last part only if it is configured.

The dates in a zip file are no times of submission: only the exchange, and a folder laid out as
nbgrader's own (`STUDENT/ASSIGNMENT/timestamp.txt`), tell these.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC
from pathlib import Path

from autograder.archives import (
    BROKEN,
    Entry,
    folder_entries,
    junk,
    printable,
    suffix,
    zip_entries,
)
from autograder.errors import UserError
from autograder.file_names import NOTEBOOK, TIMESTAMP, clean, is_notebook, original
from autograder.nbgrader_course import Course

SYSTEMS = ("folder", "exchange", "moodle", "canvas")
MOODLE = re.compile(
    r"(?P<name>.*?)(?:_(?P<key>\d+))?_assignsubmission_(?P<plugin>[a-z0-9]+)(?:_(?P<file>.*))?",
    re.DOTALL | re.ASCII,
)
WHO = r"(?:(?P<name>.*?)_)??(?:(?P<late>(?i:LATE))_)?(?P<key>\d+)"
NOBODY = r"(?:(?P<late>(?i:LATE))_)?(?P<key>anon_(?!(?i:LATE)_)[^\W_]{3,12})"
FILE = r"_(?:(?P<attachment>\d+)_(?P<file>.+)|(?P<typed>text|link)\.html)"
CANVAS = tuple(re.compile(who + FILE, re.DOTALL | re.ASCII) for who in (NOBODY, WHO))


@dataclass
class Upload:
    """One attempt of one student, as it was found in a source."""

    key: str
    name: str
    source: str
    late: bool = False
    handed_in: str | None = None
    entries: list[Entry] = field(default_factory=list)
    times: list[Entry] = field(default_factory=list)  # the files that tell when


@dataclass(frozen=True)
class _Named:
    """What the name of one file says."""

    key: str
    name: str
    parts: tuple[str, ...]
    late: bool = False
    version: int = 0


@dataclass(frozen=True)
class Context:
    """What is collected, for those who read names."""

    course: Course
    assignment: str
    notebooks: tuple[str, ...]  # the names of the files, as they were handed out
    assignments: tuple[str, ...]  # all of the course


class NotUnderstood(Exception):
    """A file that no rule fits; the message says why."""


@contextmanager
def opened_sources(
    context: Context, sources: Sequence[Path], system: str, ignored: list[tuple[str, str]]
) -> Iterator[tuple[str, list[Upload]]]:
    """Give the system, and the attempts in all sources in their order; the sources stay open."""
    sources = list(dict.fromkeys(sources)) or _default_sources(context.course, system)
    uploads: list[Upload] = []
    opened: list[zipfile.ZipFile] = []
    found = None
    try:
        for source in sources:
            its, its_uploads = _one_source(context, source, system, ignored, opened)
            if found not in (None, its):
                raise UserError(
                    f"{source} comes from {its}, and {sources[0]} from {found}: collect them one "
                    "after the other, or say --from"
                )
            found = its
            uploads += its_uploads
        yield found or system, uploads
    finally:
        for archive in opened:
            archive.close()


def _default_sources(course: Course, system: str) -> list[Path]:
    if system != "exchange":
        raise UserError("nothing to collect: name a folder or a zip file")
    root = course.config.Exchange.get("root")
    if not root:
        raise UserError(
            "where is the exchange? Name its folder, or set c.Exchange.root in nbgrader_config.py"
        )
    return [Path(str(root))]


def _one_source(
    context: Context,
    source: Path,
    system: str,
    ignored: list[tuple[str, str]],
    opened: list[zipfile.ZipFile],
) -> tuple[str, list[Upload]]:
    if not source.exists():
        raise UserError(f"{source}: there is no such file or folder")
    if source.is_dir() and system in ("auto", "exchange"):
        inbound = _inbound(context, source, system)
        if inbound:
            return "exchange", _exchange(context, source, inbound, ignored)
    if system == "exchange":
        raise UserError(
            f"{source}: this is no exchange of the course {context.course.course_id}: name the "
            f"folder that holds {context.course.course_id}/inbound"
        )
    entries = list(_entries(source, opened))
    if not entries:
        raise UserError(f"{source} is empty: download or copy the submissions again")
    usable = [one for one in entries if not _unusable(one)]
    ignored += [(one.where, _unusable(one) or "") for one in entries if _unusable(one)]
    if system != "folder":
        usable = _unwrapped(usable)
    if system == "auto":
        system = _recognised(context, source, usable)
    return system, _uploads(context, source, system, usable, ignored)


def _entries(source: Path, opened: list[zipfile.ZipFile]) -> Iterator[Entry]:
    if source.is_dir():
        yield from folder_entries(source)
        return
    if not source.is_file():
        raise UserError(f"{source} is neither a folder nor a zip file: name one of these")
    try:
        archive = zipfile.ZipFile(source)
        opened.append(archive)
        yield from zip_entries(archive)
    except BROKEN as error:
        raise UserError(
            f"{source} is no zip file, or is damaged ({printable(str(error))}): download it again"
        ) from None


def _unusable(entry: Entry) -> str | None:
    """Return why an entry is no student's file, whatever the system."""
    return entry.problem or junk(entry.parts)


def _unwrapped(entries: list[Entry]) -> list[Entry]:
    """Take off the folder that an unpacking program has put around everything.

    In a folder of students, the only folder may be the only student: it is taken off if Moodle's
    or Canvas's names lie in it.
    """
    inner = entries
    while (
        inner
        and len({one.parts[0] for one in inner}) == 1
        and all(len(one.parts) > 1 and not MOODLE.fullmatch(one.parts[0]) for one in inner)
    ):
        inner = [replace(one, parts=one.parts[1:]) for one in inner]
    known = any(_looks(one) != "other" for one in inner)
    return inner if known else entries


def _looks(entry: Entry) -> str:
    """Return from which system the name of a file seems to be."""
    if MOODLE.fullmatch(entry.parts[0]):
        return "moodle"
    if len(entry.parts) == 1 and _canvas_match(entry.parts[0]):
        return "canvas"
    return "other"


def _canvas_match(name: str) -> re.Match[str] | None:
    return next((found for form in CANVAS if (found := form.fullmatch(name))), None)


def _recognised(context: Context, source: Path, entries: list[Entry]) -> str:
    """Return from which system a source is.

    Raises:
        UserError: it can't be told.
    """
    looks = {_looks(one): one for one in reversed(entries)}
    if len(looks) > 1:
        told = " and ".join(
            f"'{one.where}' looks like {'a file of none' if kind == 'other' else kind.title()}"
            for kind, one in sorted(looks.items())
        )
        best = min(set(looks) - {"other"})
        raise UserError(f"{source}: {told}: say --from {best} to take only such files")
    [kind] = looks or ["other"]
    if kind == "other":
        laid_out = _with_assignment(context, entries)
        if not any(_of_folder(context, one, laid_out) for one in entries):
            where = f" ('{entries[0].where}')" if entries else ""
            raise UserError(
                f"{source}: the names are not understood{where}: say --from with the system that "
                f"it is from ({', '.join(SYSTEMS)}), and check the layout"
            )
        return "folder"
    _check_names(source, kind, entries)
    return kind


def _of_folder(context: Context, entry: Entry, laid_out: set[str]) -> bool:
    """Return whether a file seems to be a notebook, or an archive, of a student's folder."""
    try:
        _name_folder(context, entry, laid_out)
    except NotUnderstood:
        return False
    return is_notebook(entry.parts[-1]) or bool(suffix(entry.parts[-1]))


def _check_names(source: Path, system: str, entries: list[Entry]) -> None:
    """Refuse names that only look like a system's: one number is one student's.

    Raises:
        UserError: a number stands with two names.
    """
    names: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        try:
            named = (_name_moodle if system == "moodle" else _name_canvas)(entry)
        except NotUnderstood:
            continue
        names[named.key].add(named.name)
        if len(names[named.key]) > 1:
            raise UserError(
                f"{source}: '{entry.where}': the number {named.key} stands with two names, so "
                f"it is hardly {system.title()}'s: say --from {system} or --from folder"
            )


def _uploads(
    context: Context,
    source: Path,
    system: str,
    entries: list[Entry],
    ignored: list[tuple[str, str]],
) -> list[Upload]:
    """Return the attempts in a source, in the order of the students and of the attempts."""
    laid_out = _with_assignment(context, entries)
    found: dict[str, list[tuple[_Named, Entry]]] = defaultdict(list)
    for entry in entries:
        try:
            if system == "moodle":
                named = _name_moodle(entry)
            elif system == "canvas":
                named = _name_canvas(entry)
            else:
                named = _name_folder(context, entry, laid_out)
        except NotUnderstood as reason:
            ignored.append((entry.where, str(reason)))
            continue
        found[named.key].append((named, replace(entry, parts=named.parts)))
    uploads = []
    for key, files in sorted(found.items()):
        for part in _versions(context, files) if system == "canvas" else [files]:
            name = part[0][0].name
            upload = Upload(key, printable(name), str(source))
            upload.late = any(named.late for named, _ in part)
            upload.entries = [entry for _, entry in part]
            if system == "folder" and key in laid_out:
                _read_time(upload)
            uploads.append(upload)
    return uploads


def _name_moodle(entry: Entry) -> _Named:
    found = MOODLE.fullmatch(entry.parts[0])
    if not found:
        raise NotUnderstood("this is no name that Moodle gives")
    if found["plugin"] != "file":
        raise NotUnderstood(f"Moodle's {found['plugin']}: no file that was handed in")
    # The folder's own form ends with nothing, or with `_`
    parts = (*([found["file"]] if found["file"] else []), *entry.parts[1:])
    if not parts:
        raise NotUnderstood("this is the name of Moodle's folder, and no folder")
    if not (found["key"] or found["name"]):
        raise NotUnderstood("whose it is can't be told")
    return _Named(found["key"] or found["name"], found["name"], parts)


def _name_canvas(entry: Entry) -> _Named:
    found = _canvas_match(entry.parts[0]) if len(entry.parts) == 1 else None
    if not found:
        raise NotUnderstood("this is no name that Canvas gives")
    if found["typed"]:
        raise NotUnderstood(f"Canvas's {found['typed']}: no file that was handed in")
    name = (found.groupdict().get("name") or "").strip("_")
    return _Named(
        found["key"], name, (found["file"],), bool(found["late"]), int(found["attachment"][-18:])
    )


def _versions(
    context: Context, files: list[tuple[_Named, Entry]]
) -> list[list[tuple[_Named, Entry]]]:
    """Return the attempts of which an archive of Canvas has files, in their order.

    Attachments are numbered in the order in which they were uploaded. A notebook, or an archive,
    that comes again begins another attempt; other files may well be numbered by the student.
    """
    found: list[list[tuple[_Named, Entry]]] = [[]]
    seen: set[str] = set()
    for named, entry in sorted(files, key=lambda one: (one[0].version, one[1].where)):
        name = named.parts[0]
        if is_notebook(name) or suffix(name):
            called = original(name, context.notebooks)
            if called in seen:
                found.append([])
                seen = set()
            seen.add(called)
        found[-1].append((named, entry))
    return found


def _with_assignment(context: Context, entries: list[Entry]) -> set[str]:
    """Return the students whose folder has one of the assignment's name, as nbgrader's have."""
    return {
        one.parts[0] for one in entries if len(one.parts) > 2 and one.parts[1] == context.assignment
    }


def _name_folder(context: Context, entry: Entry, laid_out: set[str]) -> _Named:
    student, *parts = entry.parts
    if not parts:
        if not is_notebook(student):
            raise NotUnderstood("whose it is can't be told: put it in a folder of the student")
        if original(clean(student), context.notebooks) in context.notebooks:
            raise NotUnderstood(
                "it is named as the assignment, not as a student: put it in a folder of the student"
            )
        stem = student[: -len(NOTEBOOK)]
        if not stem:
            raise NotUnderstood("whose it is can't be told: name it as the student")
        return _Named(stem, stem, (student,))
    if len(parts) > 1 and parts[0] == context.assignment:
        parts = parts[1:]
    elif len(parts) > 1 and parts[0] in context.assignments:
        raise NotUnderstood(f"it is of another assignment, {parts[0]}")
    elif student in laid_out:
        raise NotUnderstood(f"it is not in the student's folder {context.assignment}")
    return _Named(student, student, tuple(parts))


def _read_time(upload: Upload) -> None:
    """Take the time from the file that nbgrader writes, if it is one."""
    for entry in [one for one in upload.entries if one.parts == (TIMESTAMP,)]:
        try:
            with entry.open() as file:
                upload.handed_in = _parsed_time(file.read(200).decode())
        except BROKEN:
            continue
        if upload.handed_in:
            upload.entries.remove(entry)
            upload.times.append(entry)


def _parsed_time(text: str) -> str | None:
    """Return a time as nbgrader writes it, in UTC and ISO 8601; None if it is none."""
    from nbgrader.utils import parse_utc  # slow to import, and few sources need it

    try:
        return parse_utc(text.strip()).replace(tzinfo=UTC).isoformat()
    except (ValueError, TypeError, ArithmeticError):
        return None


def _inbound(context: Context, source: Path, system: str) -> Path | None:
    """Return the folder in which students' submissions lie; None if this is no exchange."""
    for folder in (source / context.course.course_id / "inbound", source / "inbound"):
        if folder.is_dir():
            return folder
    if source.name == "inbound" and system == "exchange":
        return source
    try:
        names = [one.name for one in os.scandir(source)]
    except OSError as error:
        raise UserError(
            f"{source} can't be read ({error.strerror}): mend its permissions"
        ) from None
    return source if any(_exchange_name(name) for name in names) else None


def _exchange_name(name: str) -> tuple[str, str, str] | None:
    """Return the student, the assignment and the time that a folder's name tells.

    A student's name may have `+` in it, so it is read from the right.
    """
    for plus in (3, 2):
        parts = name.rsplit("+", plus)
        if len(parts) == plus + 1 and re.match(r"\d{4}-\d\d-\d\d", parts[2]):
            time = _parsed_time(parts[2])
            if parts[0] and time:
                return parts[0], parts[1], time
    return None


def _exchange(
    context: Context, source: Path, inbound: Path, ignored: list[tuple[str, str]]
) -> list[Upload]:
    """Return the attempts in nbgrader's exchange, in the order in which they were handed in."""
    uploads = []
    others: Counter[str] = Counter()
    try:
        found = sorted(os.scandir(inbound), key=lambda one: one.name)
    except OSError as error:
        raise UserError(
            f"{inbound} can't be read ({error.strerror}): mend its permissions"
        ) from None
    for folder in found:
        told = _exchange_name(folder.name)
        if not told or not folder.is_dir(follow_symlinks=False):
            why = "a link" if folder.is_symlink() else "no name of a submission"
            ignored.append((printable(folder.name), why))
            continue
        student, assignment, time = told
        if assignment != context.assignment:
            others[assignment] += 1
            continue
        upload = Upload(student, printable(student), str(source), handed_in=time)
        for entry in folder_entries(Path(folder.path)):
            entry = replace(entry, where=f"{printable(folder.name)}/{entry.where}")
            if _unusable(entry):
                ignored.append((entry.where, _unusable(entry) or ""))
            elif entry.parts == (TIMESTAMP,):
                upload.times.append(entry)
            else:
                upload.entries.append(entry)
        uploads.append(upload)
    for assignment, number in others.items():
        ignored.append((printable(assignment), f"another assignment: {number} submissions"))
    return sorted(uploads, key=lambda one: (one.handed_in or "", one.key))
