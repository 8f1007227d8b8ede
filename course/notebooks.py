"""Reading notebooks: which there are, what they depend on, what their outputs hold."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course.values import literal

if TYPE_CHECKING:  # nbformat takes a second to import, and commands that fail early must be quick
    from nbformat import NotebookNode


class NotebookError(Exception):
    """A notebook that can't be used; the message names the file, the fault and the mend."""


PICTURE = "picture"
"""The tag of a cell that shows a picture with controls, and keeps no number."""

INSTALL = "install"
"""The tag of the first code cell, which installs the course where it is missing."""


def find_chapters(folder: Path) -> list[Path]:
    """Return the chapters in `folder`, in order: its notebooks, without those of subfolders.

    Raises:
        NotebookError: there is no such folder, or no notebook in it.
    """
    if not folder.is_dir():
        raise NotebookError(f"{folder}: no such folder; run this from the folder of the project")
    chapters = sorted(folder.glob("*.ipynb"))
    if not chapters:
        raise NotebookError(f"{folder}: no notebook in it")
    return chapters


def read(path: Path) -> NotebookNode:
    """Read a notebook.

    Raises:
        NotebookError: the file is missing, or not a notebook.
    """
    import nbformat

    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise NotebookError(f"{path}: no such notebook") from None
    except OSError as error:
        raise NotebookError(f"{path}: not a notebook that can be read ({error.strerror})") from None
    except Exception as error:  # nbformat trips over a broken file in many ways
        reason = str(error).partition("\n")[0][:100]
        raise NotebookError(
            f"{path}: not a valid notebook ({reason}); restore it from version control"
        ) from None


def tags(cell: NotebookNode) -> list[str]:
    """Return the tags of a cell."""
    return cell.metadata.get("tags", [])


def source_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the cells that the author wrote: without those that papermill put in."""
    added = {"injected-parameters", "papermill-error-cell-tag"}
    return [cell for cell in notebook.cells if not added & set(tags(cell))]


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the author's code cells."""
    return [cell for cell in source_cells(notebook) if cell.cell_type == "code"]


def check(notebook: NotebookNode, path: Path) -> None:
    """Check that papermill can run a chapter in a profile.

    Raises:
        NotebookError: there is not just one cell tagged `parameters`, or it sets no `profile`, or
            a cell is tagged `raises-exception`, which papermill takes for a failure.
    """
    cells = [cell for cell in code_cells(notebook) if "parameters" in tags(cell)]
    if len(cells) != 1:
        raise NotebookError(
            f"{path}: {len(cells)} cells are tagged 'parameters'; tag the one that sets `profile`"
        )
    if not re.search(r"^profile\s*=", cells[0].source, re.MULTILINE):
        raise NotebookError(
            f"{path}: the cell tagged 'parameters' sets no profile; "
            'write `profile = "quick"` in it'
        )
    for number, cell in enumerate(source_cells(notebook), start=1):
        if "raises-exception" in tags(cell):
            raise NotebookError(
                f"{path}: cell {number} is tagged 'raises-exception', which papermill counts as a "
                "failure; catch the error with try and except, and print it"
            )


def python_source(notebook: NotebookNode) -> str:
    """Return all code of the notebook as plain Python: IPython's magics become calls."""
    from IPython.core.inputtransformer2 import TransformerManager

    transform = TransformerManager().transform_cell
    return "\n".join(transform(cell.source) for cell in code_cells(notebook))


def imported_modules(code: str, package: Path) -> set[Path]:
    """Return the files of `package` that `code` imports, directly or through one another.

    All files, if the code is no Python, as it may import any of them.

    Args:
        code: Python source.
        package: the folder of a package, as `course/`.
    """
    try:
        ast.parse(code)
    except SyntaxError:
        return set(package.glob("*.py"))
    found: set[Path] = set()
    waiting = list(_imports(code, package))
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting.extend(_imports(path.read_text(encoding="utf-8"), package))
    return found


def _imports(code: str, package: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(code)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            first, *rest = name.split(".")
            if first != package.name:
                continue
            yield package / "__init__.py"
            file = package.joinpath(*rest).with_suffix(".py")
            if rest and file.is_file():
                yield file


def datasets(notebook: NotebookNode) -> list[str]:
    """Return the names of the datasets that the code loads: `mnist` for `data.load_mnist()`."""
    return sorted(set(re.findall(r"\bload_(mnist|cifar10)\(", python_source(notebook))))


def glued(notebook: NotebookNode) -> dict[str, Any]:
    """Return what the notebook glued, by name: numbers, truth values and texts.

    What is glued is the text that a value prints as; what is a Python literal becomes that
    value again, anything else (a figure, say) is left out.
    """
    values = {}
    for cell in code_cells(notebook):
        for output in cell.get("outputs", []):
            scrap = output.get("metadata", {}).get("scrapbook")
            if not scrap:
                continue
            text = output["data"].get(scrap.get("mime_prefix", "") + "text/plain", "")
            try:
                values[scrap["name"]] = literal(text)
            except ValueError:
                continue
    return values


@dataclass(frozen=True)
class Failure:
    """The cell at which a run stopped."""

    cell: int | None  # number of the cell in the author's notebook, from 1; None: no cell began
    source: str
    error: str
    id: str | None = None

    def __str__(self) -> str:
        """Return the cell's source and the error, for a terminal."""
        if self.cell is None:
            return self.error
        lines = "\n".join(f"    {line}" for line in self.source.splitlines())
        return f"cell {self.cell}:\n{lines}\n{self.error}"


def failure(executed: NotebookNode, otherwise: str) -> Failure:
    """Return where a run stopped, from the notebook that papermill left.

    Args:
        executed: the notebook that papermill saved last.
        otherwise: the error to name where no cell holds one (a dead kernel, a time limit).
    """
    last = Failure(None, "", otherwise)
    for number, cell in enumerate(source_cells(executed), start=1):
        facts = cell.metadata.get("papermill", {})
        status = facts.get("status")
        if cell.cell_type == "code" and facts.get("start_time"):
            last = Failure(number, cell.source, otherwise, cell.id)
        for output in cell.get("outputs", []):
            if output.output_type == "error" and status == "failed":
                error = f"{output.ename}: {output.evalue}"
                return Failure(number, cell.source, error, cell.id)
        if status in ("failed", "running"):
            return last
    # When the kernel dies papermill marks all cells as completed: it died in the last that began
    return last


PINNED = "nbval-check-output"


def pin_outputs(source: NotebookNode, executed: NotebookNode | None) -> NotebookNode:
    """Return `source` as it is committed: outputs only in cells tagged `nbval-check-output`.

    Args:
        source: the author's notebook.
        executed: a run of it, whose outputs the pinned cells get; None leaves theirs as they are.
    """
    result = with_outputs(source, executed) if executed else copy.deepcopy(source)
    for cell in result.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = cell.outputs if PINNED in tags(cell) else []
            # nbval takes a cell without a count for one that was never run
            cell.execution_count = 1 if cell.outputs else None
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = 1
    return result


def with_outputs(source: NotebookNode, executed: NotebookNode) -> NotebookNode:
    """Return `source` with the outputs of `executed`, cell by cell.

    The prose, tags and metadata are those of `source`, so that a change of prose shows without a
    new run.

    Raises:
        ValueError: the two don't have the same code.
    """
    result = copy.deepcopy(source)
    ours, theirs = code_cells(result), code_cells(executed)
    if [cell.source for cell in ours] != [cell.source for cell in theirs]:
        raise ValueError("the executed notebook is a run of other code")
    for cell, run in zip(ours, theirs, strict=True):
        cell.outputs = run.outputs
        cell.execution_count = run.execution_count
    return result
