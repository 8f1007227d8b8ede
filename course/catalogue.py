"""Which notebooks the course has: chapters, exercises as students get them, and their solutions.

They are found by their place, so that a new one is run and checked without being listed:
`notebooks/NAME.ipynb`, `notebooks/exercises/NAME/NAME.ipynb`, `solutions/NAME/NAME.ipynb`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from course.notebooks import NotebookError, find_chapters

Kind = Literal["chapter", "exercise", "solution"]


def kind(notebook: Path) -> Kind:
    """Return what a notebook of the course is, by its place."""
    notebook = notebook.resolve()
    folder = notebook.parent.parent.name
    if notebook.stem != notebook.parent.name:
        return "chapter"
    if folder == "solutions":
        return "solution"
    return "exercise" if folder == "exercises" else "chapter"


def name(notebook: Path) -> str:
    """Return its name in records and tables: `1_a`, `exercises/1_a` or `solutions/1_a`."""
    what = kind(notebook)
    return notebook.stem if what == "chapter" else f"{what}s/{notebook.stem}"


def find(root: Path) -> list[Path]:
    """Return all notebooks of the course: the chapters, then the exercises, then the solutions.

    Raises:
        NotebookError: there is no chapter.
    """
    others = [
        path
        for folder in (root / "notebooks/exercises", root / "solutions")
        for path in sorted(folder.glob("*/*.ipynb"))
        if path.stem == path.parent.name
    ]
    return find_chapters(root / "notebooks") + others


def choose(paths: list[Path] | None, root: Path) -> list[Path]:
    """Return some notebooks, each once, or all without paths.

    Raises:
        NotebookError: a path is no notebook of this project.
    """
    known = {path.resolve() for path in find(root)}
    for path in paths or []:
        if path.resolve() not in known:
            raise NotebookError(f"{path}: no chapter, exercise or solution of this project")
    return list({path.resolve(): path for path in paths}.values()) if paths else find(root)
