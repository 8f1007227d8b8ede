"""Taking a submission in: a file that a student wrote becomes a notebook that can be graded.

A submission is data: nothing of it is run, imported or unpickled here, and no file of it is opened
before it is known to be an ordinary one. What can be mended is mended, and told; what can't is
refused, in words that a student can act on.

The notebook that is graded is the teacher's, with the student's answers in it. So cells that were
deleted, doubled, moved or changed where nothing may be changed are no problem: the answers are
found by their names, and all else comes from the teacher's version.
"""

from __future__ import annotations

import copy
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from autograder.file_names import SECRET, TIMESTAMP

SUFFIX = ".ipynb"


@dataclass(frozen=True)
class Caps:
    """What a submission may be at most.

    Attributes:
        file_mib: the notebook file.
        cells: cells in it.
        source_mib: the text of all cells together, without outputs.
        files: files and folders beside it that are looked at.
    """

    file_mib: float = 25
    cells: int = 2000
    source_mib: float = 2
    files: int = 1000


@dataclass(frozen=True)
class Intake:
    """What became of one submitted notebook.

    Attributes:
        notebook: the teacher's notebook with the student's answers and own cells, without
            outputs; None if the submission is refused.
        refused: why, and what the student can do; None if it is taken.
        notes: what was mended or left out, a sentence each.
    """

    notebook: NotebookNode | None
    refused: str | None = None
    notes: tuple[str, ...] = ()


class Refused(Exception):
    """A submission that can't be graded; the message tells the student what to do."""


@dataclass
class _Found:
    """What is in a submission: the student's cells, and notes on the way to them."""

    cells: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


CAPS = Caps()


def take(submission: Path, released: NotebookNode, name: str, caps: Caps = CAPS) -> Intake:
    """Make a notebook that can be graded from what a student handed in.

    Args:
        submission: the student's file, or the folder that holds it.
        released: the notebook as students got it.
        name: of the notebook, without its suffix.
        caps: what a submission may be at most.

    Returns:
        The notebook, or the reason why there is none. Nothing that a student writes raises.
    """
    found = _Found()
    try:
        path = _find(submission, name, caps, found)
        content = _parse(_read(path, caps))
        found.cells = _cells(content, caps)
        notebook = _rebuild(released, found)
    except Refused as reason:
        return Intake(None, str(reason), tuple(found.notes))
    return Intake(notebook, None, tuple(found.notes))


# --- The file


def _find(submission: Path, name: str, caps: Caps, found: _Found) -> Path:
    """Return the notebook file of a submission; never follow a link."""
    if not _is_folder(submission):
        return submission
    entries = sorted(_entries(submission, caps), key=lambda entry: entry.name)
    notebooks = [entry for entry in entries if entry.name.endswith(SUFFIX)]
    named = [entry for entry in notebooks if entry.name == name + SUFFIX]
    if len(named or notebooks) > 1:
        names = ", ".join(entry.name for entry in notebooks)
        raise Refused(f"There are several notebooks ({names}): hand in one, named {name}{SUFFIX}.")
    if not notebooks:
        raise Refused(f"There is no notebook: hand in {name}{SUFFIX}.")
    [chosen] = named or notebooks
    if not named:
        found.notes.append(f"The file {shown(chosen.name)} was taken for {name}{SUFFIX}.")
    expected = (chosen.name, TIMESTAMP, SECRET)  # the last two by nbgrader
    others = [shown(entry.name) for entry in entries if entry.name not in expected]
    if others:
        told = ", ".join(others[:5]) + (f" and {len(others) - 5} more" if len(others) > 5 else "")
        found.notes.append(f"Only the notebook is graded; left out: {told}.")
    return Path(chosen.path)


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except (OSError, ValueError):
        raise Refused("The file can't be found: hand it in again.") from None


def _entries(folder: Path, caps: Caps) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            if number >= caps.files:
                raise Refused(
                    f"There are more than {caps.files} files: hand in the notebook alone."
                )
            yield entry


def _read(path: Path, caps: Caps) -> bytes:
    """Read an ordinary file; anything else is refused without being opened for long."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        number = os.open(path, flags)
    except OSError:
        raise Refused(
            "The notebook is no ordinary file, but a link or a device: hand in the file itself."
        ) from None
    limit = int(caps.file_mib * 2**20)
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise Refused("The notebook is no ordinary file: hand in the file itself.")
        with os.fdopen(number, "rb", closefd=False) as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise Refused(f"The file can't be read ({error.strerror}): hand it in again.") from None
    finally:
        os.close(number)
    if len(content) > limit:
        raise Refused(
            f"The file is larger than {caps.file_mib:g} MiB: clear the outputs of all cells, save, "
            "and hand it in again."
        )
    return content


# --- The text


def _parse(content: bytes) -> dict[str, Any]:
    """Return what is in a notebook file, in the format of today."""
    if not content.strip():
        raise Refused("The file is empty: save the notebook in Jupyter and hand it in again.")
    try:
        notebook = json.loads(_decode(content))
    except RecursionError:
        raise Refused("The file is nested too deeply to be a notebook.") from None
    except ValueError as error:
        where = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise Refused(
            f"The file is damaged or cut off{where}: open it in Jupyter, save it, and hand it in "
            "again."
        ) from None
    version = notebook.get("nbformat") if isinstance(notebook, dict) else None
    if version not in (3, 4) or isinstance(version, bool):
        raise Refused("This is no Jupyter notebook: hand in the file with the ending .ipynb.")
    if version == 4:
        return notebook
    try:
        return nbformat.convert(nbformat.v3.to_notebook_json(notebook), 4)
    except Exception:  # nbformat raises many kinds for a broken file
        raise Refused(
            "The notebook is in an old format and damaged: open it in Jupyter, save it, and hand "
            "it in again."
        ) from None


def _decode(content: bytes) -> str:
    """Return the text of a file: UTF-8, or UTF-16 that says so by its first bytes.

    Raises:
        ValueError: it is neither.
    """
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16")
    return content.decode("utf-8-sig")


def _cells(notebook: dict[str, Any], caps: Caps) -> list[dict[str, Any]]:
    """Return the student's cells, each with its text in one piece."""
    cells = notebook.get("cells")
    if not isinstance(cells, list):
        raise Refused("The notebook has no cells: hand in the one that you worked in.")
    if len(cells) > caps.cells:
        raise Refused(f"The notebook has more than {caps.cells} cells: delete what is not needed.")
    found, size = [], 0
    for cell in cells:
        source = _source(cell)
        if source is None:
            raise Refused(
                "A cell of the notebook is damaged: open it in Jupyter, save it, and hand it in "
                "again."
            )
        size += len(source)
        found.append(cell | {"source": source})
    if size > caps.source_mib * 2**20:
        raise Refused(f"The text of the cells is larger than {caps.source_mib:g} MiB.")
    return found


def _source(cell: Any) -> str | None:
    """Return the text of a cell, without what no file can hold; None if it has none."""
    if not isinstance(cell, dict):
        return None
    source = cell.get("source", "")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        return None
    # Half of a surrogate pair can stand in JSON, and nowhere else
    return source.encode("utf-8", "replace").decode("utf-8")


def shown(name: str) -> str:
    """Return a name that a student chose, as it can be printed: without control characters."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in name)
    clean = clean.encode("utf-8", "replace").decode("utf-8")
    return clean if len(clean) <= 60 else f"{clean[:57]}..."


# --- The cells


def _grading(cell: Any) -> dict[str, Any]:
    """Return what nbgrader wrote into a cell; nothing if a student's cell has something else."""
    metadata = cell.get("metadata")
    found = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}


def _name(cell: Any) -> str | None:
    """Return the name under which nbgrader knows a cell."""
    name = _grading(cell).get("grade_id")
    return name if isinstance(name, str) else None


def _rebuild(released: NotebookNode, found: _Found) -> NotebookNode:
    """Return the teacher's notebook with the student's answers, and their own cells in place.

    What nbgrader knows by name comes from the teacher's version, in its order. Every other cell
    is the student's, prose too, and runs after all that it ran after.
    """
    named = [cell for cell in released.cells if _name(cell)]
    known = _match(named, found.cells)
    answers = [_name(cell) for cell in named if _grading(cell).get("solution")]
    if answers and not known.keys() & set(answers):
        raise Refused(
            "None of the tasks was found in the notebook. It is probably the one of another "
            "exercise: hand in the right one."
        )
    places = {_name(cell): number for number, cell in enumerate(named)}
    owners = {id(theirs): places[name] for name, theirs in known.items()}
    own: dict[int, list[NotebookNode]] = {}  # behind which of the teacher's cells
    behind = -1
    for number, cell in enumerate(found.cells):
        if id(cell) in owners:
            behind = max(behind, owners[id(cell)])  # a cell that was moved up moves no other
        else:
            own.setdefault(behind, []).append(_own(cell, f"own-{number}"))
    result = copy.deepcopy(released)
    result.cells = own.get(-1, [])
    for number, cell in enumerate(named):
        result.cells.append(_with_answer(cell, known.get(_name(cell)), found.notes))
        result.cells += own.get(number, [])
    return result


def _match(
    named: list[NotebookNode], cells: list[dict[str, Any]]
) -> dict[str | None, dict[str, Any]]:
    """Return the student's cell for each of the teacher's that it has, by name.

    Of several with one name, as copying a cell makes them, the one with the released id counts, or
    the first; the others are the student's own, and run where they stand. A cell that has lost its
    name is known by its id.
    """
    by_name: dict[str, list[dict[str, Any]]] = {}
    by_id: dict[str, dict[str, Any]] = {}
    for cell in cells:
        if name := _name(cell):
            by_name.setdefault(name, []).append(cell)
        if isinstance(cell.get("id"), str):
            by_id.setdefault(cell["id"], cell)
    found: dict[str | None, dict[str, Any]] = {}
    for ours in named:
        name = _name(ours)
        candidates = by_name.get(name, [])
        same = by_id.get(ours.get("id"))
        if same is not None and (_name(same) in (name, None)):
            candidates = [same, *candidates]
        if candidates:
            found[name] = candidates[0]
    return found


def _with_answer(
    ours: NotebookNode, theirs: dict[str, Any] | None, notes: list[str]
) -> NotebookNode:
    """Return one of the teacher's cells, with the student's text if it is an answer."""
    cell = copy.deepcopy(ours)
    grading, name = _grading(ours), shown(_name(ours))
    if ours.cell_type == "code":
        cell.outputs, cell.execution_count = [], None
    if theirs is None:
        notes.append(f"The cell {name} was deleted: it was put back as it was handed out.")
        return cell
    if grading.get("solution"):
        cell.source = theirs["source"]
        kind = theirs.get("cell_type")
        if kind != ours.cell_type:
            told = shown(str(kind))
            notes.append(
                f"The cell {name} is of the type {told}: it was taken as {ours.cell_type}."
            )
    elif theirs["source"].strip() != ours.source.strip():
        notes.append(f"The cell {name} was changed: it was put back as it was handed out.")
    marks = ("grade", "solution", "locked", "points", "task")
    if any(_grading(theirs).get(mark) != grading.get(mark) for mark in marks):
        notes.append(f"What the grader needs to know of the cell {name} was changed, and put back.")
    return cell


def _own(cell: dict[str, Any], name: str) -> NotebookNode:
    """Return a cell of the student's own: its text and its type, and nothing else of it."""
    if cell.get("cell_type") == "code":
        return new_code_cell(cell["source"], id=name)
    return new_markdown_cell(cell["source"], id=name)
