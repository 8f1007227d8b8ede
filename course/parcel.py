"""A run of one notebook that travels: what it needs as files, and the run itself where they arrive.

The machine that runs it needs the packages of the lock file, and neither this project nor its data:
the notebook, what is expected of it, the package `course` and the data sets come with the parcel.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from course import catalogue, data, runs
from course.cells import CellError
from course.checks import CheckError
from course.data import DataError
from course.machine import sees_gpu
from course.notebooks import NotebookError
from course.processes import Progress, Stopped

ORDER = "order.json"  # what is to be run, and how
LEFT = "left"  # the folder of what the run leaves
WRONG = 3  # exit code of a worker that can't run it; the reason is on stdout


def pack(
    notebook: Path, profile: str, root: Path, facts: dict[str, Any], **order: Any
) -> dict[str, bytes]:
    """Return what a run of a notebook needs, but for its data: content by path.

    Args:
        notebook: the file, in the project.
        profile: of the run.
        root: the folder of the project.
        facts: `runs.inputs` of the notebook.
        order: more for `main`: `time_limit` in seconds or None; `require_gpu`, whether to refuse
            a machine where TensorFlow sees none; `gpu`, whether the worker announces one.
    """
    folder = notebook.parent
    if catalogue.kind(notebook) == "chapter":
        beside = folder.glob(f"{notebook.stem}.*")
    else:
        beside = folder.rglob("*")
    files = {path.resolve().relative_to(root.resolve()): path for path in beside if path.is_file()}
    package = Path(__file__).parent
    for path in package.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            files[Path("course") / path.relative_to(package)] = path
    if (root / "requirements.txt").exists():
        files[Path("requirements.txt")] = root / "requirements.txt"
    order |= {
        "notebook": notebook.resolve().relative_to(root.resolve()).as_posix(),
        "profile": profile,
        "seed": facts["seed"],
        "versions": facts["versions"],
    }
    packed = {name.as_posix(): path.read_bytes() for name, path in files.items()}
    return packed | {ORDER: json.dumps(order).encode()}


def data_files(datasets: list[str]) -> dict[str, Path]:
    """Return the files of the data sets that are here, by their path in a parcel.

    A stand-in has no file: it is made where it is needed.
    """
    found = {}
    for source in map(data.find_source, datasets):
        if source.kind == "COURSE_DATA":
            found[f"data/{source.dataset}.npz"] = Path(source.path)
        elif source.kind == "keras":
            found[f"keras/datasets/{Path(source.path).name}"] = Path(source.path)
    return found


class _Teller:
    """Tells how far a run has come, in a line of JSON each time."""

    def show(self, name: str, progress: Progress | None) -> None:
        if progress:
            tell(progress=[progress.done, progress.total])


def tell(**what: Any) -> None:
    """Write a line for the process that has started this one; it may be gone."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(what).encode() + b"\n")


def main() -> int:
    """Run what was unpacked in the current folder.

    It ends when stdin does, or by a signal, with all that it has started; then it leaves nothing.
    """
    stop = threading.Event()

    def watch() -> None:
        # Not by `sys.stdin`: Python can't end while a thread waits in it
        while os.read(0, 4096):
            pass
        stop.set()

    threading.Thread(target=watch, daemon=True).start()
    interrupted = []

    def interrupt(number: int, frame: Any) -> None:
        interrupted.append(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, interrupt)
    order = json.loads(Path(ORDER).read_text())
    notebook = Path(order["notebook"])
    try:
        if order["require_gpu"] and not sees_gpu():
            raise NotebookError("it announces a GPU, and TensorFlow sees none there")
        here = runs.inputs(notebook, order["profile"], Path())["versions"]
        for package, wanted in order["versions"].items():
            if here[package] != wanted:
                raise NotebookError(
                    f"it has {package} {here[package]}, and {wanted} is needed: install "
                    "requirements.txt there"
                )
        runs.run_chapter(
            notebook,
            order["profile"],
            runs.Paths(Path(), LEFT),
            order["time_limit"],
            say=lambda _: None,
            display=_Teller(),
            stop=stop,
            jobs=order["jobs"],
        )
    except Stopped:
        shutil.rmtree(Path.cwd(), ignore_errors=True)  # who started us may not be able to
        for number in interrupted:  # so that who started us sees why
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        return 0
    except (CellError, CheckError, DataError, NotebookError, OSError) as error:
        tell(wrong=str(error))
        return WRONG
    return 0


if __name__ == "__main__":
    sys.exit(main())
