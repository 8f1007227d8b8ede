"""What a worker of a Dask cluster does to run a notebook; the client sends it as code.

So it uses nothing of this project: `course` is not installed there, it comes with the parcel.
"""

from __future__ import annotations

import contextlib
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
        None; `worker`, the address of the worker.
    """
    worker = get_worker()
    key = worker.get_current_task()
    folder = Path(tempfile.mkdtemp(prefix="course-run-"))
    try:
        for name, content in (files | data).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        how = json.loads(files[order]) | {"jobs": worker.state.nthreads}
        (folder / order).write_text(json.dumps(how))
        told: dict[str, Any] = {}

        def hear() -> None:
            for line in process.stdout:
                with contextlib.suppress(ValueError):  # a library may print something
                    what = json.loads(line)
                    told.update(what)
                    if "progress" in what:
                        message = {"key": key, "progress": what["progress"]}
                        worker.log_event(topic, message)

        with (folder / "stderr").open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "course.parcel"],
                cwd=folder,
                stdin=subprocess.PIPE,  # ends with this process
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=_environment(folder, how["seed"]),
            )
        hearing = threading.Thread(target=hear, daemon=True)
        hearing.start()
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(timeout=0.2)
                break
            task = worker.state.tasks.get(key)
            if task is None or task.state == "cancelled":
                process.stdin.close()
        hearing.join(timeout=5)
        wrong = told.get("wrong")
        if code and not wrong:
            lines = (folder / "stderr").read_text(errors="replace").strip().splitlines()
            wrong = lines[-1] if lines else f"exit code {code}"
        found = [path for path in (folder / left).rglob("*") if path.is_file()]
        return {
            "files": {path.relative_to(folder).as_posix(): path.read_bytes() for path in found},
            "wrong": wrong,
            "worker": worker.address,
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _environment(folder: Path, seed: int) -> dict[str, str]:
    """Return the environment of a run: it finds what came with it, and no data of this machine."""
    environment = dict(os.environ)
    environment.pop("COURSE_DATA", None)
    if (folder / "data").exists():
        environment["COURSE_DATA"] = str(folder / "data")
    (folder / "tmp").mkdir()
    return environment | {
        "TMPDIR": str(folder / "tmp"),  # what TensorFlow leaves there goes with the folder
        "PYTHONPATH": str(folder),
        "KERAS_HOME": str(folder / "keras"),
        "COURSE_DOWNLOAD": "never",
        "COURSE_SEED": str(seed),
    }
