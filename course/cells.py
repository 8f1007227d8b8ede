"""Running the cells of a chapter that carry one tag, outside of Jupyter."""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from course import notebooks


class CellError(Exception):
    """A cell of a chapter, or what it defined, failed; the message says which, and how."""


def has_cells(chapter: Path, tag: str) -> bool:
    """Tell whether a chapter has code cells with this tag."""
    return any(
        tag in notebooks.tags(cell) for cell in notebooks.code_cells(notebooks.read(chapter))
    )


def choose(chapters: Sequence[Path], tag: str, defines: str, named: bool) -> list[Path]:
    """Return the chapters that have cells with this tag.

    Args:
        chapters: where to look.
        tag: the tag.
        defines: the names that such cells define, for the message.
        named: whether the user named them, so that one without is a mistake.

    Raises:
        NotebookError: none has such a cell, or one that the user named has none.
    """
    found = [chapter for chapter in chapters if has_cells(chapter, tag)]
    without = [chapter for chapter in chapters if chapter not in found]
    if without and (named or not found):
        raise notebooks.NotebookError(
            f"{without[0]}: no cell is tagged '{tag}'; tag those that define {defines}, "
            "and those that they need"
        )
    return found


def sources(chapter: Path, tag: str) -> dict[int, str]:
    """Return the code of the cells with this tag, as plain Python, by their number (from 1)."""
    from IPython.core.inputtransformer2 import TransformerManager

    transform = TransformerManager().transform_cell
    return {
        number: transform(cell.source)
        for number, cell in enumerate(notebooks.source_cells(notebooks.read(chapter)), start=1)
        if cell.cell_type == "code" and tag in notebooks.tags(cell)
    }


def run_cells(chapter: Path, tag: str, code: Mapping[int, str] | None = None) -> dict[str, Any]:
    """Run the cells of a chapter that carry this tag; return the names that they define.

    Args:
        chapter: the notebook.
        tag: the tag.
        code: what `sources` has returned for them, if it was asked already.

    Raises:
        CellError: a cell failed.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, source in (code or sources(chapter, tag)).items():
        file = f"<{chapter.stem}, cell {number}>"
        # tf.function reads the source of what it compiles
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        try:
            exec(compile(source, file, "exec"), names)
        except Exception as error:
            told = f"{chapter.name}, cell {number}: {type(error).__name__}: {error}"
            raise CellError(told) from error
    return names


def place(chapter: Path, error: Exception) -> str:
    """Return the line of a cell, run by `run_cells`, in which an error came up; "" if in none."""
    begin = f"<{chapter.stem}, "
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if frame.filename.startswith(begin)]
    if not inside:
        return ""
    cell = inside[-1].filename.removeprefix(begin).removesuffix(">")
    return f" ({cell}, line {inside[-1].lineno}: {inside[-1].line})"
