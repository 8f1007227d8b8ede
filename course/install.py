"""Making a chapter run where the course is not installed, as in Colab.

The first code cell of every chapter is `cell(...)`. Where `course` can be imported it does nothing.
Elsewhere it installs the package alone, and then `missing` packages, each of which must fit to all
that is there: nothing that is installed changes. `python -m course.install`, in the folder of the project,
writes the cells anew when `_config.yml` names another repository.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from importlib import invalidate_caches, metadata
from pathlib import Path

PACKAGE = "cnn-rnn-course"

CELL = """\
# Where the course is not installed, as in Colab: install it, and only what is missing
import glob
import importlib.util
import subprocess
import sys

SOURCE = "{source}"  # of the course, for pip; written by `python -m course.install`
if importlib.util.find_spec("course") is None:
    found = SOURCE or max(glob.glob("cnn_rnn_course-*.whl"), default="")
    if not found:
        raise SystemExit(
            "Put the course's package (make wheel) beside this notebook."
        )
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        found,
    ]
    subprocess.run(pip, check=True)
    importlib.invalidate_caches()
    from course import install

    install.install_missing()
"""


def cell(repository: str, branch: str) -> str:
    """Return the code of the first cell of a chapter.

    Args:
        repository: the address of the repository; empty if there is none, and a wheel of the
            course is expected beside the notebook.
        branch: of the repository.
    """
    source = f"{PACKAGE} @ git+{repository}@{branch}" if repository else ""
    return CELL.format(source=source).rstrip("\n")


def write_cells(root: Path) -> list[Path]:
    """Write the first cells of the chapters as `_config.yml` wants them; return what changed.

    Args:
        root: the folder of the project.
    """
    import nbformat
    import yaml

    from course import notebooks

    repository = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["repository"]
    source, changed = cell(repository["url"], repository["branch"]), []
    for chapter in notebooks.find_chapters(root / "notebooks"):
        notebook = notebooks.read(chapter)
        first = notebooks.code_cells(notebook)[0]
        if notebooks.INSTALL not in notebooks.tags(first):
            tags = {"tags": [notebooks.INSTALL, "remove-cell"]}
            first = nbformat.v4.new_code_cell("", id="install", metadata=tags)
            notebook.cells.insert(1, first)
        if first.source != source:
            first.source = source
            chapter.write_text(nbformat.writes(notebook).rstrip("\n") + "\n", encoding="utf-8")
            changed.append(chapter)
    return changed


def missing() -> list[str]:
    """Return what the chapters need and is not installed, as pip wants it.

    Another version than the package asks for counts as installed: Colab's packages stay.
    """
    wanted = []
    for requirement in metadata.requires(PACKAGE) or []:
        text, _, marker = requirement.partition(";")
        name = re.match(r"[\w.-]+", text)[0]
        if "extra" not in marker and not _version(name):
            wanted.append(text.strip())
    return wanted


def install_missing() -> None:
    """Install what is missing, and change nothing that is there.

    Raises:
        SystemExit: pip finds no version that fits to what is there; what it said stands above.
    """
    wanted = missing()
    if wanted:
        print(f"installing {', '.join(wanted)}")
        with tempfile.TemporaryDirectory() as folder:
            there = Path(folder, "there.txt")
            there.write_text(
                "\n".join(f"{d.name}=={d.version}" for d in metadata.distributions() if d.name)
            )
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--constraint", str(there)]
            if subprocess.run([*pip, *wanted]).returncode:
                raise SystemExit(f"pip could not install {', '.join(wanted)} beside what is there.")
        invalidate_caches()


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


if __name__ == "__main__":
    for path in write_cells(Path.cwd()):
        print(f"{path}: written")
