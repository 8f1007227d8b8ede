"""Making a chapter run where the course is not installed, as in Colab.

The first code cell of every chapter is `cell(...)`. Where `course` can be imported it does nothing.
Elsewhere it installs the package alone, and then `missing` packages, each of which must fit to all
that is there: nothing that is installed changes.
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

SOURCE = "{source}"  # of the course, for pip; written by `course address`
if importlib.util.find_spec("course") is None:
    found = SOURCE or max(glob.glob("cnn_rnn_course-*.whl"), default="")
    if not found:
        raise SystemExit("Put the course's package (make wheel) beside this notebook.")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", found]
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
