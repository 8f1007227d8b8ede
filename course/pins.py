"""Comparing the outputs that chapters are committed with to those of a run, by nbval.

The run is papermill's. Nothing is computed again: nbval gets a copy of the chapter whose pinned
cells give what the run has left, and compares that with what is committed.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from course import notebooks
from course.notebooks import NotebookError
from course.processes import kernel_environment

if TYPE_CHECKING:
    from nbformat import NotebookNode

RULES = "sanitize.cfg"  # beside the chapters: what nbval takes for the same, and why

REPLAY = """\
import json
import sys

from IPython.core.magic import register_cell_magic
from IPython.display import display

left = json.loads({outputs!r})


@register_cell_magic
def replay(cell_id, source):
    for output in left.get(cell_id, []):
        if output["output_type"] == "stream":
            getattr(sys, output["name"]).write(output["text"])
        else:
            display(output["data"], metadata=output["metadata"], raw=True)
"""


def replay(source: NotebookNode, executed: NotebookNode) -> NotebookNode:
    """Return a chapter whose pinned cells give the outputs of a run, and whose others do nothing.

    Raises:
        ValueError: the two don't have the same code.
    """
    from nbformat.v4 import new_code_cell

    fresh = notebooks.with_outputs(source, executed)
    left = {
        cell.id: cell.outputs
        for cell in notebooks.code_cells(fresh)
        if notebooks.PINNED in notebooks.tags(cell)
    }
    result = copy.deepcopy(source)
    for cell in notebooks.code_cells(result):
        cell.source = f"%%replay {cell.id}\n{cell.source}"
    result.cells.insert(0, new_code_cell(REPLAY.format(outputs=json.dumps(left)), id="replay"))
    return result


def compare(runs: dict[Path, Path], folder: Path, say: Callable[[str], None] = print) -> int:
    """Let nbval compare the pinned outputs of chapters with those of their runs.

    Args:
        runs: the chapters, each with the notebook that papermill left.
        folder: where the copies for nbval are left; what is in it is deleted.
        say: is given the command before it runs.

    Returns:
        pytest's exit code: 1 where an output differs, which it has printed.

    Raises:
        NotebookError: a run is one of other code than its chapter has now.
    """
    command = _prepare(runs, folder)
    say("$ " + " ".join(command))
    return subprocess.run([sys.executable, "-m", *command], env=kernel_environment()).returncode


def changed(runs: dict[Path, Path], folder: Path) -> dict[Path, list[str]]:
    """Return the chapters whose pinned outputs are not those of their runs, and which cells.

    Args:
        runs: the chapters, each with the notebook that papermill left.
        folder: as of `compare`.

    Raises:
        NotebookError: a run is one of other code than its chapter has now, or nbval can't run.
    """
    report = folder / "report.xml"
    command = [*_prepare(runs, folder), "-q", f"--junitxml={report}"]
    done = subprocess.run(
        [sys.executable, "-m", *command], env=kernel_environment(), capture_output=True, text=True
    )
    if done.returncode not in (0, 1) or not report.exists():
        raise NotebookError(f"nbval can't compare the pinned outputs: {done.stdout[-500:]}")
    found: dict[Path, list[str]] = {}
    by_name = {chapter.name: chapter for chapter in runs}
    for case in ET.parse(report).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            where = f"/{case.get('classname', '').replace('.', '/')}"
            chapter = next(
                path for name, path in by_name.items() if where.endswith(f"/{name[:-6]}/ipynb")
            )
            # "Cell 3" is the fourth code cell of the copy, whose first is ours
            number = int(case.get("name", "").split()[-1]) - 1
            cell = notebooks.code_cells(notebooks.read(chapter))[number]
            found.setdefault(chapter, []).append(cell.id)
    return found


def _prepare(runs: dict[Path, Path], folder: Path) -> list[str]:
    """Write the copies for nbval; return the command that compares them."""
    import nbformat

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for chapter, executed in runs.items():
        try:
            copied = replay(notebooks.read(chapter), notebooks.read(executed))
        except ValueError:
            raise NotebookError(f"{chapter}: changed while it ran; run the command again") from None
        nbformat.write(copied, folder / chapter.name)
    command = ["pytest", "--nbval-lax", "--nbval-current-env", "-p", "no:cacheprovider"]
    rules = next(iter(runs)).with_name(RULES)
    if rules.exists():
        command += ["--nbval-sanitize-with", os.path.relpath(rules)]
    return [*command, "-m", "", *(os.path.relpath(folder / chapter.name) for chapter in runs)]
