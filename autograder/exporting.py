"""Marks as a file that a spreadsheet, a program, Moodle or Canvas takes in.

What the systems accept is told by their documentation, and decided by their importers:

- Moodle's *grading worksheet*: https://docs.moodle.org/en/Using_Assignment and
  `mod/assign/feedback/offline/importgradeslib.php` of Moodle. It finds columns by their headers, in
  the language of the teacher who uploads, takes the number at the end of the identifier, and skips
  grades above the maximum.
- Canvas's gradebook: the Instructor Guide, *How do I import grades in the Gradebook?*,
  https://teaching.resources.osu.edu/toolsets/carmencanvas/guides/calculating-final-grades/import-csv-file-carmen-grades
  and `lib/gradebook_importer.rb` of Canvas. It finds students by `ID`, then by the SIS columns, and
  assignments by the number in parentheses after their names.

A worksheet that was downloaded from the system is the safe way: it has the system's own headers and
numbers. All of it is kept, but the cells that are filled in.
"""

from __future__ import annotations

import csv
import html
import io
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from autograder import arrivals, marks, rules
from autograder.arrivals import Arrival
from autograder.errors import UserError
from autograder.marks import Marks
from autograder.nbgrader_course import Course

KINDS = ("csv", "json", "moodle", "canvas")
SYSTEMS = {"moodle": "Moodle", "canvas": "Canvas"}
NOT_GRADED = "not graded yet"
BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
DELIMITERS = ",;\t"
LARGEST = 50 * 2**20  # bytes of a file that is to be filled in
LONGEST = 600  # characters of a message
CLOSE = 1e-9  # points that differ by less are the same
MOODLE = (
    "Identifier",
    "Full name",
    "Status",
    "Grade",
    "Maximum Grade",
    "Grade can be changed",
    "Last modified (submission)",
    "Last modified (grade)",
    "Feedback comments",
)
CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
# What Canvas computes; none of it can be imported
COMPUTED = re.compile(r"(Current|Final) (Score|Points|Grade)|Override (Score|Grade|Status)")
KEPT = ("EX", "N/A")  # excused, and not assigned to this student


@dataclass(frozen=True)
class Exported:
    """A file with marks, and what there is to say of it.

    Attributes:
        data: the content of the file.
        suffix: what its name should end in.
        missing: for each assignment, the students who handed in and have no marks yet.
        needs_human: for each assignment, the students of whom a human has to grade a part; their
            marks are in the file as they are so far.
        unmatched: rows of the file that is filled in, and students with marks, that have no
            counterpart, a sentence each. Such rows are as they were.
        absent: rows of the file of students who handed in nothing; they are as they were.
        notes: what else to know before the file is used, a sentence each.
    """

    data: bytes
    suffix: str
    missing: dict[str, tuple[str, ...]] = field(default_factory=dict)
    needs_human: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unmatched: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def export(
    course: Course,
    assignments: Sequence[str],
    kind: str,
    *,
    template: Path | None = None,
    column: str | None = None,
) -> Exported:
    """Return the marks of some assignments as a file.

    Args:
        course: the course.
        assignments: their names; one alone for Moodle and Canvas.
        kind: one of `KINDS`.
        template: the worksheet or gradebook that was downloaded from Moodle or Canvas, to be
            filled in; without one, a new file is made.
        column: the name or number of the assignment in Canvas's gradebook, if it isn't called as
            it is here.

    Raises:
        UserError: the kind, or the file to be filled in, is none that can be used; the message has
            the row, the column, and the mend.
    """
    if kind not in KINDS:
        raise UserError(f"no export called '{kind}': use {', '.join(KINDS)}")
    if not assignments:
        raise UserError("no assignment to export: name one")
    if template and kind not in SYSTEMS:
        raise UserError(f"{template}: only Moodle's and Canvas's files can be filled in, no {kind}")
    if column and kind != "canvas":
        raise UserError("a column is named for Canvas alone")
    if kind in SYSTEMS and len(assignments) > 1:
        raise UserError(
            f"{SYSTEMS[kind]} takes one assignment at a time: export {', '.join(assignments)} one "
            "after the other"
        )
    found = [_read(course, assignment) for assignment in assignments]
    if kind == "csv":
        made = _Made(_table(found), ".csv")
    elif kind == "json":
        made = _Made(_nested(course, found), ".json")
    elif kind == "moodle":
        made = _fill_moodle(found[0], template) if template else _new_moodle(found[0])
    else:
        made = (
            _fill_canvas(found[0], template, column) if template else _new_canvas(found[0], column)
        )
    return Exported(
        data=made.data,
        suffix=made.suffix,
        missing={one.assignment: one.missing for one in found if one.missing},
        needs_human={one.assignment: one.needs_human for one in found if one.needs_human},
        unmatched=tuple(made.unmatched),
        absent=tuple(made.absent),
        notes=tuple(made.notes),
    )


# --- What there is to export


@dataclass(frozen=True)
class _Found:
    """The marks of an assignment, and who handed in.

    Attributes:
        assignment: its name.
        marks: by student.
        people: one arrival of each student.
        late: students whom the course system calls late.
        titles: of the tasks that count, by their names, in their order.
        points: what each of these tasks is worth.
    """

    assignment: str
    marks: dict[str, Marks]
    people: dict[str, Arrival]
    late: frozenset[str]
    titles: dict[str, str]
    points: dict[str, float]

    @property
    def max_points(self) -> float:
        """What can be earned."""
        return sum(self.points.values())

    @property
    def missing(self) -> tuple[str, ...]:
        """Who handed in, and has no marks."""
        return tuple(sorted(self.people.keys() - self.marks.keys()))

    @property
    def needs_human(self) -> tuple[str, ...]:
        """Of whom a human has to grade a part."""
        return tuple(sorted(name for name, one in self.marks.items() if one.needs_human))

    def is_late(self, student: str) -> bool:
        """Tell whether a student came late, by the due date here or there."""
        one = self.marks.get(student)
        return student in self.late or bool(one and one.late_by > 0)

    def called(self, student: str) -> str:
        """Return the name of a student; their id if the name is not known."""
        return (self.people[student].name if student in self.people else "") or student


@dataclass
class _Made:
    """A file, and what there is to say of it."""

    data: bytes
    suffix: str = ".csv"
    unmatched: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)


def _read(course: Course, assignment: str) -> _Found:
    people: dict[str, Arrival] = {}
    late = set()
    for one in arrivals.read(course, assignment):
        if one.chosen or one.student not in people:
            people[one.student] = one
        if one.chosen and one.late:
            late.add(one.student)
    tasks = rules.counted(course, assignment)
    titles = marks.titles(course, assignment)
    return _Found(
        assignment,
        marks.read(course, assignment),
        people,
        frozenset(late),
        {task.name: titles.get(task.name, task.name) for task in tasks},
        {task.name: task.points for task in tasks},
    )


def number(value: float) -> str:
    """Write points: with a dot, whatever the language, and no more digits than Moodle keeps."""
    text = f"{value:.5f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula; most are as they were."""
    text = "".join(one if one.isprintable() else " " for one in text)
    first = unicodedata.normalize("NFKC", text.lstrip())[:1]
    return f"'{text.strip()}" if first in tuple("=+-@|%") else text


# --- For spreadsheets and programs


def _table(found: list[_Found]) -> bytes:
    """Return a row for each student, as CSV with the mark by which Excel knows UTF-8."""
    header = ["student", "name"]
    for one in found:
        told = ("status", "points", "max points", "penalty", "needs human", "late")
        header += [f"{one.assignment}: {text}" for text in (*told, *one.points)]
    rows = [header]
    for student, name in _everybody(found).items():
        row = [harmless(student), harmless(name)]
        for one in found:
            row += _cells(one, student)
        rows.append(row)
    return _written(rows, bom=True)


def _everybody(found: list[_Found]) -> dict[str, str]:
    """Return all students with their names, sorted."""
    names: dict[str, str] = {}
    for one in found:
        for student in {*one.people, *one.marks}:
            known = one.people[student].name if student in one.people else ""
            names[student] = names.get(student) or known
    return dict(sorted(names.items()))


def _status(one: _Found, student: str) -> str:
    if student in one.marks:
        return "graded"
    return NOT_GRADED if student in one.people else "not handed in"


def _cells(one: _Found, student: str) -> list[str]:
    mark = one.marks.get(student)
    if not mark:
        late = "yes" if one.is_late(student) else ""
        return [_status(one, student), "", number(one.max_points), "", "", late] + [""] * len(
            one.points
        )
    return [
        _status(one, student),
        number(mark.points),
        number(mark.max_points),
        number(mark.penalty),
        "yes" if mark.needs_human else "no",
        "yes" if one.is_late(student) else "no",
        *(number(mark.tasks[task].points) for task in one.points),
    ]


def _nested(course: Course, found: list[_Found]) -> bytes:
    """Return the same as JSON."""
    about = {
        one.assignment: {
            "max_points": one.max_points,
            "tasks": {
                name: {"title": one.titles[name], "max_points": points}
                for name, points in one.points.items()
            },
        }
        for one in found
    }
    students = [
        {
            "student": student,
            "name": name,
            "assignments": {one.assignment: _entry(one, student) for one in found},
        }
        for student, name in _everybody(found).items()
    ]
    told = {"course": course.course_id, "assignments": about, "students": students}
    text = json.dumps(told, indent=1, ensure_ascii=False)
    return (text + "\n").encode("utf-8", "replace")


def _entry(one: _Found, student: str) -> dict[str, object]:
    mark = one.marks.get(student)
    told: dict[str, object] = {"status": _status(one, student), "late": one.is_late(student)}
    if not mark:
        return told
    tasks = {
        name: {
            "points": task.points,
            "max_points": task.max_points,
            "needs_human": task.needs_human,
            "by_human": task.by_human,
            "comment": task.comment,
        }
        for name, task in mark.tasks.items()
    }
    handed_in = mark.handed_in.isoformat(timespec="seconds") + "Z" if mark.handed_in else None
    return told | {
        "points": mark.points,
        "max_points": mark.max_points,
        "penalty": mark.penalty,
        "needs_human": mark.needs_human,
        "handed_in": handed_in,
        "late_by_seconds": mark.late_by,
        "tasks": tasks,
    }


# --- Files that are filled in


@dataclass
class _Sheet:
    """A file of rows, and how it is written.

    Attributes:
        path: where it lies, for messages.
        rows: of cells; the first is the header.
        lines: the number of the line that each row ends at, for messages.
        encoding: of the file.
        bom: whether it begins with a byte order mark.
        delimiter: between cells.
        ending: of lines.
        quoted: whether all cells are in quotes.
    """

    path: Path
    rows: list[list[str]]
    lines: list[int]
    encoding: str
    bom: bool
    delimiter: str
    ending: str
    quoted: bool

    def wrong(self, text: str) -> UserError:
        """Return the error that the file can't be used for a reason."""
        # What the file holds may be anything, and the message is one line
        plain = "".join(one if one.isprintable() else " " for one in text)
        return UserError(f"{self.path}: {' '.join(plain.split())[:LONGEST]}")

    def data(self) -> bytes:
        """Return the file with what its cells hold now."""
        return _written(
            self.rows, self.delimiter, self.ending, self.encoding, self.bom, self.quoted
        )


def _load(path: Path) -> _Sheet:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}: name the file that was downloaded") from None
    if len(raw) > LARGEST:
        raise UserError(f"{path}: larger than {LARGEST // 2**20} MiB: name the file of marks")
    if raw.startswith(b"PK"):
        raise UserError(f"{path}: a workbook or zip file: use the CSV file that was downloaded")
    encoding = "utf-8"
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16-le" if raw.startswith(b"\xff\xfe") else "utf-16-be"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path}: line {line} is not UTF-8: download the file again, and don't save it with "
            "another program"
        ) from None
    bom = text.startswith(BOM)
    text = text.removeprefix(BOM)
    first = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows, lines = [], []
    try:
        for row in reader:
            rows.append(row)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise UserError(
            f"{path}: line {reader.line_num}: {error}: download the file again"
        ) from None
    if len(rows) < 2:
        raise UserError(f"{path}: no rows: download it when students are enrolled")
    ending = "\r\n" if first.endswith("\r") else "\n"
    return _Sheet(path, rows, lines, encoding, bom, delimiter, ending, _all_quoted(first))


def _all_quoted(first: str) -> bool:
    return first.startswith('"') and bool(re.fullmatch(r'("[^"]*"[,;\t]?)+\r?', first))


def _written(
    rows: Iterable[Sequence[str]],
    delimiter: str = ",",
    ending: str = "\r\n",
    encoding: str = "utf-8",
    bom: bool = False,
    quoted: bool = False,
) -> bytes:
    text = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    writer = csv.writer(text, delimiter=delimiter, lineterminator=ending, quoting=quoting)
    writer.writerows(rows)
    return ((BOM if bom else "") + text.getvalue()).encode(encoding, "replace")


def _parse(cell: str) -> float | None:
    """Return a number as these systems write it, with a dot or a comma; None if it is none."""
    try:
        value = float(cell.strip().replace(",", "."))
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None


def _scale(
    sheet: _Sheet, max_points: float, theirs: float | None, system: str, notes: list[str]
) -> Callable[[float], float]:
    """Return what makes the system's points from ours, and tell if they differ."""
    if theirs is None or abs(theirs - max_points) < CLOSE:
        return float
    if not theirs or not max_points:
        raise sheet.wrong(
            f"{system} gives at most {number(theirs)} points and this course {number(max_points)}: "
            f"set the maximum in {system}, and download the file again"
        )
    notes.append(
        f"{system} gives at most {number(theirs)} points and this course {number(max_points)}: all "
        f"points are multiplied by {number(theirs / max_points)}"
    )
    return lambda points: points * theirs / max_points


def _cell(sheet: _Sheet, at: int, column: int) -> str:
    """Return a cell; empty if the row is too short."""
    return sheet.rows[at][column] if column < len(sheet.rows[at]) else ""


def _set(sheet: _Sheet, at: int, column: int, text: str) -> None:
    row = sheet.rows[at]
    if column >= len(row):
        raise sheet.wrong(
            f"line {sheet.lines[at]} has {len(row)} cells and the header {len(sheet.rows[0])}: "
            "download the file again"
        )
    row[column] = text


def _above(found: _Found, notes: list[str], system: str) -> None:
    """Tell of points that a human has given above the maximum."""
    for student, one in sorted(found.marks.items()):
        if one.points > one.max_points + CLOSE:
            notes.append(
                f"{found.called(student)} has {number(one.points)} of {number(one.max_points)} "
                f"points: {system} may refuse more than the maximum"
            )


# --- Moodle


def _keys(found: _Found, system: str) -> dict[str, str]:
    """Return the students by what a system calls them."""
    return {one.key: one.student for one in found.people.values() if one.system == system}


def _strangers(found: _Found, known: Iterable[str], where: str) -> list[str]:
    """Tell of students with marks that have no place in a file."""
    left = sorted(found.marks.keys() - set(known))
    return [f"{_person(found, student)} has marks, and {where}" for student in left]


def _person(found: _Found, student: str) -> str:
    name = found.called(student)
    return name if name == student else f"{name} ({student})"


def _told(found: _Found, student: str) -> str:
    """Return the feedback that stands beside a grade; Moodle takes it for HTML."""
    one = found.marks[student]
    lines = [f"{number(one.points)} of {number(one.max_points)} points"]
    if one.penalty:
        lines[0] += f", {number(one.penalty)} taken off because it came late"
    for name, task in one.tasks.items():
        line = f"{found.titles[name]}: {number(task.points)} of {number(task.max_points)}"
        if task.needs_human:
            line += ", still to be graded by a teacher"
        lines.append(line)
        lines += [f"Comment: {text}" for text in task.comment.splitlines() if text.strip()]
    return "<br>".join(html.escape(line, quote=False) for line in lines)


def _new_moodle(found: _Found) -> _Made:
    keys = _keys(found, "moodle")
    rows: list[Sequence[str]] = [MOODLE]
    for key, student in sorted(keys.items(), key=lambda pair: found.called(pair[1])):
        if student not in found.marks:
            continue
        one = found.marks[student]
        handed_in = one.handed_in.isoformat(" ", "seconds") + " UTC" if one.handed_in else ""
        rows.append(
            (
                f"Participant {key}",
                harmless(found.called(student)),
                "Submitted for grading",
                number(one.points),
                number(one.max_points),
                "Yes",
                handed_in,
                "",
                _told(found, student),
            )
        )
    notes = [
        "Moodle finds the columns by English headers: upload the file with Moodle set to English, "
        "or fill in a worksheet downloaded from Moodle",
        "the file has no times of Moodle's: where there are grades already, let Moodle update "
        "records that were modified more recently than in the worksheet",
    ]
    _above(found, notes, "Moodle")
    where = "Moodle's number of the participant is not known: collect Moodle's own zip file"
    return _Made(_written(rows), ".csv", _strangers(found, keys.values(), where), notes)


def _fill_moodle(found: _Found, template: Path) -> _Made:
    sheet = _load(template)
    columns = _moodle_columns(sheet)
    made = _Made(b"")
    keys = _keys(found, "moodle")
    scale = _scale(sheet, found.max_points, _maximum(sheet, columns), "Moodle", made.notes)
    seen: dict[str, int] = {}
    for at, row in enumerate(sheet.rows[1:], start=1):
        identifier = _cell(sheet, at, columns["id"])
        parsed = re.search(r"(\d+)\s*$", identifier)
        student = keys.get(parsed[1]) if parsed else None
        if student is None:
            if any(cell.strip() for cell in row):
                who = _cell(sheet, at, columns["id"] + 1)
                told = harmless(identifier) + (f" ({harmless(who)})" if who.strip() else "")
                made.absent.append(f"line {sheet.lines[at]}: {told}")
            continue
        if student in seen:
            raise sheet.wrong(
                f"{identifier} stands in lines {seen[student]} and {sheet.lines[at]}: delete one"
            )
        seen[student] = sheet.lines[at]
        if student in found.marks:
            _set(sheet, at, columns["grade"], number(scale(found.marks[student].points)))
            if "feedback" in columns:
                _set(sheet, at, columns["feedback"], _told(found, student))
    if "feedback" not in columns:
        made.notes.append(
            "the worksheet has no column for feedback comments: only grades are filled in; switch "
            "on Feedback comments in the assignment's settings if you want them"
        )
    _above(found, made.notes, "Moodle")
    made.unmatched += _strangers(found, seen, "no row of the worksheet is theirs")
    made.data = sheet.data()
    return made


def _moodle_columns(sheet: _Sheet) -> dict[str, int]:
    """Return where the worksheet has what is needed: `id`, `grade`, `max` and `feedback`.

    Headers are in the teacher's language. The identifier is known by its values; the maximum is the
    same number in all rows, and the grade stands before it.
    """
    header = [cell.strip() for cell in sheet.rows[0]]
    found = {
        name: header.index(text)
        for name, text in (("id", MOODLE[0]), ("grade", MOODLE[3]), ("max", MOODLE[4]))
        if text in header
    }
    if "id" not in found:
        candidates = [one for one in range(len(header)) if _identifies(sheet, one)]
        if not candidates:
            raise sheet.wrong(
                "no column has values like 'Participant 123456': use the file that Moodle gives "
                "under Download grading worksheet"
            )
        found["id"] = candidates[0]
    if "grade" not in found:
        maxima = [one for one in range(found["id"] + 2, len(header)) if _constant(sheet, one)]
        if not maxima:
            raise sheet.wrong(
                f"no column 'Grade' and no 'Maximum Grade' among {', '.join(header)}: download the "
                "worksheet again, in English if it still fails"
            )
        # Grades may all be the same, too
        found["max"], found["grade"] = maxima[-1], maxima[-1] - 1
        # Behind it: may be changed, two times, and then the comments
        if len(header) > maxima[-1] + 4:
            found["feedback"] = len(header) - 1
    if MOODLE[-1] in header:
        found["feedback"] = header.index(MOODLE[-1])
    return found


def _values(sheet: _Sheet, column: int) -> list[str]:
    return [
        _cell(sheet, at, column).strip()
        for at, row in enumerate(sheet.rows)
        if at and any(cell.strip() for cell in row)
    ]


def _identifies(sheet: _Sheet, column: int) -> bool:
    """Tell whether a column has a word and a number, another one in each row."""
    values = _values(sheet, column)
    parsed = [re.fullmatch(r"([^\d@]*[^\W\d_][^\d@]*?)\s*(\d+)", value) for value in values]
    if not values or not all(parsed):
        return False
    return len({one[1] for one in parsed if one}) == 1 and len(set(values)) == len(values)


def _constant(sheet: _Sheet, column: int) -> bool:
    values = set(_values(sheet, column))
    return len(values) == 1 and bool(_parse(values.pop()))


def _maximum(sheet: _Sheet, columns: dict[str, int]) -> float | None:
    """Return the maximum that Moodle has for the assignment; None if it doesn't say."""
    if "max" not in columns:
        return None
    values = sorted({value for value in _values(sheet, columns["max"]) if value})
    numbers = {_parse(value) for value in values}
    if len(numbers) > 1 or None in numbers:
        raise sheet.wrong(
            f"the column '{sheet.rows[0][columns['max']]}' has {', '.join(values[:3])}: only an "
            "assignment of which the grade type is Point can be filled in"
        )
    return numbers.pop() if numbers else None


# --- Canvas


def _new_canvas(found: _Found, column: str | None) -> _Made:
    keys = _keys(found, "canvas")
    rows: list[Sequence[str]] = [
        (*CANVAS, harmless(column or found.assignment)),
        ("    Points Possible", "", "", "", "", number(found.max_points)),
    ]
    for key, student in sorted(keys.items(), key=lambda pair: found.called(pair[1])):
        # No row is better than an empty cell, which would take a mark away
        if student in found.marks:
            points = number(found.marks[student].points)
            rows.append((harmless(found.called(student)), key, "", "", "", points))
    notes = []
    if not re.search(r"\(\d+\)$", column or ""):
        notes.append(
            f"Canvas makes a new assignment unless it has one called '{column or found.assignment}':"
            " fill in an exported gradebook, or name the column as Canvas does, with its number: "
            "'Name (123)'"
        )
    _above(found, notes, "Canvas")
    where = "Canvas's number of the user is not known: collect Canvas's own zip file"
    return _Made(_written(rows), ".csv", _strangers(found, keys.values(), where), notes)


def _fill_canvas(found: _Found, template: Path, column: str | None) -> _Made:
    sheet = _load(template)
    header = [cell.strip() for cell in sheet.rows[0]]
    if "ID" not in header or "Section" not in header:
        raise sheet.wrong(
            "no columns 'ID' and 'Section': use the file that Canvas gives under Gradebook, Export"
        )
    at_column = _canvas_column(sheet, header, column or found.assignment, column is not None)
    points_at = next((at for at, row in enumerate(sheet.rows) if _is_points(row)), None)
    possible = _cell(sheet, points_at, at_column) if points_at is not None else ""
    if "read only" in possible.lower():
        raise sheet.wrong(f"the column '{header[at_column]}' is read-only in Canvas: name another")
    made = _Made(b"")
    scale = _scale(sheet, found.max_points, _parse(possible), "Canvas", made.notes)
    who = partial(_canvas_student, found, sheet, header)
    seen: dict[str, int] = {}
    for at in range(1, len(sheet.rows)):
        row = sheet.rows[at]
        if _is_points(row) or not any(_cell(sheet, at, one).strip() for one in _about(header)):
            continue
        student = who(at)
        if student is None:
            name = harmless(_cell(sheet, at, 0))
            made.absent.append(f"line {sheet.lines[at]}: {name}")
            continue
        if student in seen:
            raise sheet.wrong(
                f"{_person(found, student)} stands in lines {seen[student]} and "
                f"{sheet.lines[at]}: delete one"
            )
        seen[student] = sheet.lines[at]
        if student not in found.marks:
            continue
        before = _cell(sheet, at, at_column).strip()
        if before.upper() in KEPT:
            made.notes.append(
                f"{_person(found, student)} is {'excused' if before.upper() == 'EX' else 'not assigned'} "
                f"in Canvas: the cell '{before}' is kept"
            )
            continue
        _set(sheet, at, at_column, number(scale(found.marks[student].points)))
    _above(found, made.notes, "Canvas")
    made.unmatched += _strangers(found, seen, "no row of the gradebook is theirs")
    made.data = sheet.data()
    return made


def _about(header: list[str]) -> range:
    """Return the columns that tell of a student."""
    return range(header.index("Section"))


def _is_points(row: Sequence[str]) -> bool:
    return bool(row) and "Points Possible" in row[0]


def _canvas_student(found: _Found, sheet: _Sheet, header: list[str], at: int) -> str | None:
    """Return the student of a row: by Canvas's number, else by what the SIS calls them."""
    key = _cell(sheet, at, header.index("ID")).strip()
    keys = _keys(found, "canvas")
    if key in keys:
        return keys[key]
    for name in ("SIS Login ID", "SIS User ID"):
        if name not in header:
            continue
        value = _cell(sheet, at, header.index(name)).strip()
        one = found.people.get(value)
        known = value in found.marks if one is None else one.system != "canvas"
        if known:
            return value
    return None


def _canvas_column(sheet: _Sheet, header: list[str], wanted: str, given: bool) -> int:
    """Return the column of an assignment, by its header, its number, or its name.

    Raises:
        UserError: there is none, or there are several.
    """
    columns = {
        at: cell
        for at, cell in enumerate(header)
        if at > header.index("Section") and cell and not COMPUTED.search(cell)
    }
    parsed = {at: re.fullmatch(r"(.*?)\s*\((\d+)\)", cell) for at, cell in columns.items()}

    def plain(text: str) -> str:
        return "".join(one for one in text.casefold() if one.isalnum())

    tests: list[Callable[[int], bool]] = [
        lambda at: columns[at] == wanted.strip(),
        lambda at: bool(parsed[at]) and parsed[at][2] == wanted.strip(),
        lambda at: bool(parsed[at]) and parsed[at][1] == wanted.strip(),
        lambda at: plain(parsed[at][1] if parsed[at] else columns[at]) == plain(wanted),
    ]
    known = ", ".join(f"'{cell}'" for cell in columns.values()) or "none"
    for test in tests:
        matching = [at for at in columns if test(at)]
        if len(matching) == 1:
            return matching[0]
        if matching:
            several = ", ".join(f"'{columns[at]}'" for at in matching)
            raise sheet.wrong(
                f"several columns are called '{wanted}': {several}: name one by its number"
            )
    how = "has no column" if given else "has no column called as the assignment"
    raise sheet.wrong(f"the gradebook {how} '{wanted}': name one of {known} as the column")
