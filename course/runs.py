"""Running chapters with papermill: what needs a run, the run itself, and its record."""

import contextlib
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
from importlib.metadata import version
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
        """Whether the run read data, and all of it was real."""
        return bool(self.data) and all(source["real"] for source in self.data)


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
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _digest(*parts: bytes) -> str:
    result = hashlib.sha256()
    for part in parts:
        result.update(len(part).to_bytes(8, "big"))
        result.update(part)
    return result.hexdigest()[:16]


def inputs(chapter: Path, profile: str, root: Path) -> dict[str, Any]:
    """Return digests of all that the outputs of a chapter depend on.

    The code (not the prose), the modules of `course` that it imports, directly or not, the lock
    file, the data that it loads, the profile, whether there is a GPU, and the versions of Python
    and of the packages that compute.

    Raises:
        NotebookError: the notebook can't be used.
        DataError: the data in COURSE_DATA is wrong.
    """
    notebook = notebooks.read(chapter)
    notebooks.check(notebook, chapter)
    source = notebooks.python_source(notebook)
    modules = notebooks.imported_modules(source, Path(__file__).parent)
    lock = root / "requirements.txt"
    return {
        "code": code_digest(notebook),
        "course": {path.name: _digest(path.read_bytes()) for path in sorted(modules)},
        "lock file": _digest(lock.read_bytes()) if lock.exists() else None,
        "data": {name: data.find_source(name).sha256 for name in notebooks.datasets(notebook)},
        "profile": profile,
        "GPU": driver_sees_gpu(),
        "versions": {
            "Python": ".".join(platform.python_version_tuple()[:2]),
            **{name: version(name) for name in ("tensorflow", "keras", "numpy")},
        },
    }


def code_digest(notebook: Any) -> str:
    """Return a digest of the code of a notebook, without its prose and outputs."""
    return _digest(*(cell.source.encode() for cell in notebooks.code_cells(notebook)))


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
    output, log = paths.executed(chapter, profile), paths.log(chapter, profile)
    output.parent.mkdir(parents=True, exist_ok=True)
    # Under a name of its own: the last good run stays until this one has ended, and a run that
    # was left behind by a killed command can't write over a later one
    running = output.with_name(f".{chapter.stem}.{os.getpid()}.ipynb")
    say("$ " + " ".join(papermill_command(chapter, output, profile)))
    started, clock = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    command = papermill_command(chapter, running, profile)
    try:
        code = _run([sys.executable, "-m", *command], limit, log)
        executed = _read_if_possible(running)
        record = Record(
            notebook=chapter.stem,
            profile=profile,
            status="passed" if code == 0 and executed else "failed",
            started=started,
            seconds=round(time.monotonic() - clock, 1),
            inputs=facts,
        )
        if record.status == "failed":
            record.failure = _explain(executed, code, limit, log)
        _add_what_the_notebook_kept(record, executed)
        if executed:
            running.replace(output)
        else:
            output.unlink(missing_ok=True)
        record.save(paths.record(chapter, profile))
    finally:
        running.unlink(missing_ok=True)
    return record


def _read_if_possible(path: Path) -> Any:
    """Read the notebook that papermill left; None if there is none, or only a part of one."""
    try:
        return notebooks.read(path)
    except notebooks.NotebookError:
        return None


def _add_what_the_notebook_kept(record: Record, executed: Any) -> None:
    metrics = notebooks.glued(executed) if executed else {}
    info = json.loads(metrics.pop("run_info", "{}"))
    record.metrics = metrics
    for name in ("peak_memory_mib", "device", "python", "packages", "data"):
        setattr(record, name, info.get(name, getattr(record, name)))
    for source in record.data:  # the kernel was told not to download; we know why it could not
        source["reason"] = data.find_source(source["dataset"]).reason


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
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=kernel_environment()
    ) as process:
        reader = threading.Thread(target=_show_progress, args=(process.stdout, log), daemon=True)
        reader.start()
        try:
            return process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _kill_tree(process.pid)
            reader.join(timeout=5)  # a process that a cell left behind may hold the pipe open


def kernel_environment() -> dict[str, str]:
    """Return the environment for kernels: they find the data that this process has found."""
    environment = os.environ | {"COURSE_DOWNLOAD": "never"}  # `inputs` has tried already
    if folder := environment.get("COURSE_DATA"):
        environment["COURSE_DATA"] = str(Path(folder).expanduser().absolute())
    return environment


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
    with log.open("wb", buffering=0) as file:
        # The bar is redrawn with carriage returns, without a line's end: read what there is
        while chunk := stream.read1(65536):
            with contextlib.suppress(OSError):  # on a full disk go on reading, or papermill waits
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
