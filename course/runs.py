"""Running chapters with papermill: what needs a run, the run itself, and its record."""

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import psutil

from course import data, notebooks
from course.profiles import check_profile

TIME_LIMITS = {"smoke": 300, "quick": 900, "full": 4 * 3600}  # seconds for one notebook


@dataclass
class Record:
    """What is known of one run of one notebook; stored as JSON beside the executed notebook."""

    notebook: str
    profile: str
    status: str  # "passed" or "failed"
    started: str  # ISO 8601, UTC
    seconds: float  # wall time of papermill, start of the kernel included
    peak_memory_mib: int | None = None
    device: str | None = None
    python: str | None = None
    packages: dict[str, str] = field(default_factory=dict)
    data: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    failure: str | None = None
    inputs: dict[str, Any] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write the record as JSON, at once or not at all."""
        write_atomically(path, json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Record | None":
        """Read a record; None if there is none that can be read (it will be made again)."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    @property
    def real_data(self) -> bool:
        """Whether all data of the run was real."""
        return all(source["real"] for source in self.data)


@dataclass(frozen=True)
class Paths:
    """Where things lie in a checkout of the course."""

    root: Path

    @property
    def notebooks(self) -> Path:
        """The chapters."""
        return self.root / "notebooks"

    def executed(self, chapter: Path, profile: str) -> Path:
        """The executed notebook of a chapter."""
        return self.root / "work" / "runs" / profile / chapter.name

    def record(self, chapter: Path, profile: str) -> Path:
        """The record of the last run of a chapter."""
        return self.executed(chapter, profile).with_suffix(".json")

    def log(self, chapter: Path, profile: str) -> Path:
        """What papermill wrote to stderr in the last run of a chapter."""
        return self.executed(chapter, profile).with_suffix(".log")


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _digest(*parts: bytes) -> str:
    result = hashlib.sha256()
    for part in parts:
        result.update(len(part).to_bytes(8, "big"))
        result.update(part)
    return result.hexdigest()[:16]


def inputs(chapter: Path, profile: str, root: Path) -> dict[str, Any]:
    """Return digests of all that the outputs of a chapter depend on.

    The code (not the prose), the modules of `course` that it imports, directly or not, the lock
    file, the data that it loads, the profile and the version of Python.

    Raises:
        NotebookError: the notebook can't be used.
        DataError: the data in COURSE_DATA is wrong.
    """
    notebook = notebooks.read(chapter)
    notebooks.check_parameters(notebook, chapter)
    code = [cell.source for cell in notebooks.code_cells(notebook)]
    lock = root / "requirements.txt"
    try:
        modules = notebooks.imported_modules(
            notebooks.python_source(notebook), Path(__file__).parent
        )
    except SyntaxError:  # the run will show it, in its cell
        modules = set()
    return {
        "code": _digest(*(source.encode() for source in code)),
        "course": {path.name: _digest(path.read_bytes()) for path in sorted(modules)},
        "lock file": _digest(lock.read_bytes()) if lock.exists() else None,
        "data": {name: data.find_source(name).sha256 for name in notebooks.datasets(notebook)},
        "profile": profile,
        "Python": ".".join(platform.python_version_tuple()[:2]),
    }


def reason_to_run(chapter: Path, profile: str, paths: Paths, now: dict[str, Any]) -> str | None:
    """Return why a chapter needs a run, in a few words; None if its last run still holds.

    Args:
        chapter: the notebook.
        profile: the profile.
        paths: where things lie.
        now: `inputs` of the chapter.
    """
    last = Record.load(paths.record(chapter, profile))
    if last is None or not paths.executed(chapter, profile).exists():
        return "it has not run yet"
    if last.status != "passed":
        return "its last run failed"
    changed = [name for name, digest in now.items() if last.inputs.get(name) != digest]
    return f"changed: {', '.join(changed)}" if changed else None


def papermill_command(chapter: Path, output: Path, profile: str) -> list[str]:
    """Return the command that runs a chapter, without the interpreter in front."""
    return [
        "papermill",
        *("-p", "profile", profile),
        *("-k", "python3"),
        "--progress-bar",
        os.path.relpath(chapter),
        os.path.relpath(output),
    ]


def run_chapter(
    chapter: Path,
    profile: str,
    paths: Paths,
    time_limit: float | None = None,
    say: Callable[[str], None] = print,
) -> Record:
    """Run one chapter in one profile; leave the executed notebook and its record.

    Args:
        chapter: the notebook.
        profile: one of `course.profiles.PROFILES`.
        paths: where the results go.
        time_limit: seconds after which the run is stopped; by default that of the profile.
        say: is given the papermill command before it runs.

    Returns:
        The record; its `status` is "failed" if a cell failed, the kernel died, or time ran out.

    Raises:
        NotebookError: the notebook can't be used.
        DataError: the data in COURSE_DATA is wrong.
    """
    check_profile(profile)
    limit = TIME_LIMITS[profile] if time_limit is None else time_limit
    facts = inputs(chapter, profile, paths.root)
    output = paths.executed(chapter, profile)
    output.parent.mkdir(parents=True, exist_ok=True)
    paths.record(chapter, profile).unlink(missing_ok=True)  # an interrupted run has no record
    output.unlink(missing_ok=True)
    command = papermill_command(chapter, output, profile)
    say("$ " + " ".join(command))
    started, clock = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    code = _run([sys.executable, "-m", *command], limit, paths.log(chapter, profile))
    seconds = round(time.monotonic() - clock, 1)
    record = Record(
        notebook=chapter.stem,
        profile=profile,
        status="passed" if code == 0 else "failed",
        started=started,
        seconds=seconds,
        inputs=facts,
    )
    executed = notebooks.read(output) if output.exists() else None
    if code != 0:
        record.failure = _explain(executed, code, limit, paths.log(chapter, profile))
    if executed is not None:
        metrics = notebooks.glued(executed)
        info = json.loads(metrics.pop("run_info", "{}"))
        record.metrics = metrics
        for name in ("peak_memory_mib", "device", "python", "packages", "data"):
            setattr(record, name, info.get(name, getattr(record, name)))
    record.save(paths.record(chapter, profile))
    return record


def _explain(executed: Any, code: int | None, limit: float, log: Path) -> str:
    if code is None:
        error = f"stopped at its time limit of {limit:g} s (--time-limit)"
    else:
        lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        error = lines[-1] if lines else f"papermill ended with exit code {code}"
        if "DeadKernelError" in error:
            error = "the kernel died (out of memory, or a crash in native code)"
    if executed is None:
        return error
    return str(notebooks.failure(executed, otherwise=error))


def _run(command: list[str], limit: float, log: Path) -> int | None:
    """Run a command with its progress shown; return its exit code, None if the limit ended it."""
    environment = os.environ | {"COURSE_DOWNLOAD": "never"}  # `inputs` has tried already
    if folder := environment.get("COURSE_DATA"):
        environment["COURSE_DATA"] = str(Path(folder).absolute())
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment) as process:
        reader = threading.Thread(target=_show_progress, args=(process.stderr, log))
        reader.start()
        try:
            return process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _kill_tree(process.pid)
            reader.join()


def _kill_tree(pid: int) -> None:
    """Kill a process and all that it started: the kernel too, which is in a session of its own."""
    try:
        process = psutil.Process(pid)
        family = [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue


def _show_progress(stream: IO[bytes], log: Path) -> None:
    """Pass papermill's progress bar on to stderr, and all that it writes to the log.

    The rest would hide the bar: messages of the kernel and of native libraries, and, where a cell
    fails, papermill's own traceback, for which the caller shows the cell.
    """
    with log.open("wb") as file:
        # The bar is redrawn with carriage returns, without a line's end: read what there is
        while chunk := stream.read1(65536):
            file.write(chunk)
            for bar in re.findall(r"Executing[^\r\n]*\|[^\r\n]*\]", chunk.decode(errors="replace")):
                sys.stderr.write(f"\r{bar}")
            sys.stderr.flush()
    sys.stderr.write("\n")


def sees_gpu() -> bool:
    """Tell whether TensorFlow sees a GPU.

    The driver is asked first, since it answers in milliseconds where importing TensorFlow takes
    seconds: without a driver, or with one that reports no device, TensorFlow can't see a GPU.
    """
    if not driver_sees_gpu():
        return False
    code = "import sys, tensorflow as tf; sys.exit(not tf.config.list_physical_devices('GPU'))"
    return subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL).returncode == 0


def driver_sees_gpu() -> bool:
    """Tell whether NVIDIA's driver is installed and counts at least one device."""
    import ctypes

    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    ok = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    return ok and count.value > 0
