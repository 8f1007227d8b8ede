"""What the files of a submission are called where they are kept: names that any system takes."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from itertools import count

from autograder.archives import Piece

NOTEBOOK = ".ipynb"
TIMESTAMP = "timestamp.txt"  # where nbgrader looks for the time of a submission
SECRET = "submission_secret.txt"  # by which its author finds the feedback in nbgrader's exchange
NAME_BYTES = 120  # of a file; most systems allow 255, and some encrypted ones 143
PATH_BYTES = 400
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?$")  # Windows' devices
FORBIDDEN = re.compile(r'[<>:"/\\|?*]')  # not in Windows' file names
TURNING = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")  # make a name look another


def place(
    pieces: list[Piece], notebooks: tuple[str, ...]
) -> tuple[dict[str, Piece], list[tuple[str, str]]]:
    """Give each file of a submission its name in the folder of the student.

    Notebooks come to the top, where `intake` looks for them; of several with one name, only the
    one that lay highest keeps it. Other files stay in their folders.
    """
    ordered = sorted(pieces, key=lambda one: (len(one.parts), one.parts, one.where))
    same: dict[str, list[Piece]] = defaultdict(list)
    for piece in ordered:
        same[clean(piece.parts[-1]).casefold()].append(piece)
    wanted = {id(piece): _wanted(piece, others) for others in same.values() for piece in others}
    wanted |= _restored(ordered, wanted, notebooks)
    files: dict[str, Piece] = {}
    left_out = []
    taken = {TIMESTAMP}  # files
    folders: set[str] = set()
    for piece in ordered:
        name = wanted[id(piece)]
        if name.casefold() == TIMESTAMP:
            why = "the time of a submission is not what a student's file says"
            left_out.append((piece.where, why))
            continue
        name = _free(name, taken, folders)
        files[name] = piece
        taken.add(name.casefold())
        folders |= _above(name)
    return files, left_out


def _wanted(piece: Piece, same: list[Piece]) -> str:
    """Return the path that a file should get, given all files of its name."""
    parts = [clean(part) for part in piece.parts]
    if is_notebook(parts[-1]):
        highest = len(same) == 1 or len(same[0].parts) < len(same[1].parts)
        if len(parts) == 1 or (piece is same[0] and highest):
            return parts[-1]
        return clean("_".join(parts))
    path = "/".join(parts)
    return path if len(path.encode()) <= PATH_BYTES else parts[-1]


def _restored(
    pieces: list[Piece], wanted: dict[int, str], notebooks: tuple[str, ...]
) -> dict[int, str]:
    """Return the names of notebooks that a browser or Canvas has changed, as they were."""
    found = {}
    present = {name.casefold() for name in wanted.values()}
    for notebook in notebooks:
        changed = [
            one
            for one in pieces
            if "/" not in wanted[id(one)] and original(wanted[id(one)], notebooks) == notebook
        ]
        if notebook.casefold() not in present and len(changed) == 1:
            found[id(changed[0])] = notebook
    return found


def original(name: str, notebooks: tuple[str, ...]) -> str:
    """Return a notebook's name without what a browser or Canvas has added to it."""
    if name in notebooks:
        return name
    for notebook in notebooks:
        stem = re.escape(notebook.removesuffix(NOTEBOOK))
        if re.fullmatch(rf"{stem}(-\d+| ?\(\d+\))*\.ipynb(\.txt|\.json)?", name, re.IGNORECASE):
            return notebook
    return re.sub(r"(-\d+| ?\(\d+\))(?=(\.tar)?\.\w+$)", "", name)


def clean(name: str) -> str:
    """Return a file name that every system can hold, as near to the given one as may be."""
    name = unicodedata.normalize("NFC", name)
    name = "".join("_" if unicodedata.category(one) in ("Cc", "Cs") else one for one in name)
    name = TURNING.sub("_", FORBIDDEN.sub("_", name)).strip(" ").rstrip(". ")
    if is_notebook(name):
        name = name[: -len(NOTEBOOK)] + NOTEBOOK
    if RESERVED.match(name):
        name = f"_{name}"
    return _shortened(name) or "_"


def _shortened(name: str) -> str:
    """Cut a name that is too long in its middle, so that its ending stays."""
    if len(name.encode()) <= NAME_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending.encode()) > 20:
        stem, dot, ending = name, "", ""
    mark = "~" + hashlib.sha256(name.encode()).hexdigest()[:8]
    room = NAME_BYTES - len((mark + dot + ending).encode())
    return stem.encode()[:room].decode(errors="ignore") + mark + dot + ending


def _free(name: str, taken: set[str], folders: set[str]) -> str:
    """Return a path like the given one that is in nobody's way, in small letters or capitals."""

    def is_free(path: str) -> bool:
        folded = path.casefold()
        return folded not in taken and folded not in folders and not _above(path) & taken

    if is_free(name):
        return name
    if _above(name) & taken:
        name = clean(name.replace("/", "_"))
    above, slash, last = name.rpartition("/")
    stem, dot, ending = last.rpartition(".")
    if not stem:
        stem, dot, ending = last, "", ""
    tries = (
        f"{above}{slash}{stem}{'~' * (n > 1)}{n if n > 1 else ''}{dot}{ending}" for n in count(1)
    )
    return next(path for path in tries if is_free(path))


def _above(path: str) -> set[str]:
    """Return the folders that a path leads through, in small letters."""
    parts = path.casefold().split("/")
    return {"/".join(parts[:n]) for n in range(1, len(parts))}


def is_notebook(name: str) -> bool:
    """Tell whether a file is called as notebooks are."""
    return name.lower().endswith(NOTEBOOK)
