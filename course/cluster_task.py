"""What a worker of a Dask cluster does to run a notebook; the client sends it as text.

So it uses nothing of this project: `course` is not installed there, it comes with the parcel. And
it is text since a function that is pickled by value crashes another version of Python.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from distributed import get_worker

# Runs this file from its text, for `eval` with `source` and `arguments`
LOAD = "[here := {'__name__': 'task'}, exec(source, here), here['run_parcel'](*arguments)][-1]"


def run_parcel(
    files: dict[str, bytes], data: dict[str, bytes], order: str, left: str, topic: str
) -> dict[str, Any]:
    """Unpack a run of a notebook into a folder, run it there, and return what it leaves.

    It ends at once when its task is cancelled, or when the worker dies.

    Args:
        files: `course.parcel.pack` of the run.
        data: the data sets, as files.
        order: the name of the file with the order, which gets the number of jobs of this worker.
        left: the folder of what the run leaves.
        topic: under which Dask tells the client how far it has come.

    Returns:
        `files`, the content of what the run has left, by path; `wrong`, why it could not run, or
        None; `again`, whether it was ended from outside and another worker may do better;
        `worker`, the address of the worker.
    """
    worker = get_worker()
    result: dict[str, Any] = {"files": {}, "wrong": None, "again": False, "worker": worker.address}
    folder = None
    try:
        folder = Path(tempfile.mkdtemp(prefix="course-run-"))
        for name, content in (files | data).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        how = json.loads(files[order])
        # With a GPU a worker has one run at a time, however many threads it has
        how["jobs"] = 1 if how["gpu"] else worker.state.nthreads
        (folder / order).write_text(json.dumps(how))
        code, told = _run(folder, how["seed"], worker, topic)
        result["wrong"] = told.get("wrong")
        result["again"] = code < 0  # a signal ended it
        if code and not result["wrong"]:
            lines = (folder / "stderr").read_text(errors="replace").strip().splitlines()
            result["wrong"] = lines[-1] if lines else f"its run ended with exit code {code}"
        for path in (folder / left).rglob("*"):
            if path.is_file():
                result["files"][path.relative_to(folder).as_posix()] = path.read_bytes()
    except OSError as error:
        result["wrong"] = f"{error.strerror or error} ({error.filename})"
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
    return result


def _run(folder: Path, seed: int, worker: Any, topic: str) -> tuple[int, dict[str, Any]]:
    """Run what is in a folder; return its exit code and what it told."""
    key, told = worker.get_current_task(), {}

    def hear() -> None:
        for line in process.stdout:
            try:
                what = json.loads(line)
                progress = what.get("progress")
            except (ValueError, AttributeError):  # a library has printed something
                continue
            told.update(what)
            if progress:
                worker.log_event(topic, {"key": key, "progress": progress})

    with (folder / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "course.parcel"],
            cwd=folder,
            stdin=subprocess.PIPE,  # ends with this process, and when we close it
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=_environment(folder, seed),
            start_new_session=True,  # Ctrl-C in the worker's terminal is for the worker
        )
    hearing = threading.Thread(target=hear, daemon=True)
    hearing.start()
    while True:
        try:
            code = process.wait(timeout=0.2)
            break
        except subprocess.TimeoutExpired:
            task = worker.state.tasks.get(key)
            if task is None or task.state == "cancelled":
                process.stdin.close()
    hearing.join(timeout=5)
    return code, told


def _environment(folder: Path, seed: int) -> dict[str, str]:
    """Return the environment of a run: it finds what came with it, and no data of this machine."""
    environment = dict(os.environ)
    environment.pop("COURSE_DATA", None)
    if (folder / "data").exists():
        environment["COURSE_DATA"] = str(folder / "data")
    (folder / "tmp").mkdir()
    path = [str(folder), *filter(None, [environment.get("PYTHONPATH")])]
    return environment | {
        "TMPDIR": str(folder / "tmp"),  # what TensorFlow leaves there goes with the folder
        "PYTHONPATH": os.pathsep.join(path),
        "KERAS_HOME": str(folder / "keras"),
        "COURSE_DOWNLOAD": "never",
        "COURSE_SEED": str(seed),
    }
