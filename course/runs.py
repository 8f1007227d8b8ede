"""Running chapters with papermill: what needs a run, the run itself, and its record."""

import contextlib
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import psutil

from course import data, notebooks
from course.experiments import files_of
from course.files import write_atomically
from course.machine import cores, driver_sees_gpu
from course.profiles import check_profile
from course.warm import Nest, Process, WarmError

TIME_LIMITS = {"smoke": 600, "quick": 900, "full": 4 * 3600}  # seconds for one notebook

# What most chapters import, and papermill and the kernel themselves
IMPORTED = (
    *("papermill.cli", "ipykernel.kernelapp", "ipykernel.ipkernel"),
    *("numpy", "matplotlib.pyplot", "tensorflow", "keras"),
)

PARSER = threading.Lock()  # CPython 3.11 can't parse code in two threads at once
BAR = re.compile(r"Executing[^\r\n|]*\|[^\r\n|]*\| (\d+)/(\d+) \[[^\r\n\]]*\]")  # papermill's


class Stopped(Exception):
    """A run that was ended since the command was; nothing of it is kept."""


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
    kernel: str = "cold"  # or "warm": forked from a process that has imported TensorFlow

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


def _digest(*parts: bytes) -> str:
    result = hashlib.sha256()
    for part in parts:
        result.update(len(part).to_bytes(8, "big"))
        result.update(part)
    return result.hexdigest()[:16]


def inputs(chapter: Path, profile: str, root: Path) -> dict[str, Any]:
    """Return digests of all that the outputs of a chapter depend on.

    The code (not the prose), the modules of `course` that it imports, directly or not, the records
    of its experiments, the lock file, the data that it loads, the profile, whether there is a GPU,
    and the versions of Python and of the packages that compute.

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
        "records": {path.name: _digest(path.read_bytes()) for path in files_of(chapter.stem)},
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
    """Return the command that runs a chapter, without the interpreter in front.

    Papermill saves the notebook before and after each cell, which can take a fifth of a run. Only
    a run of hours is worth that: what it had made is kept if its kernel dies or time runs out.
    """
    return [
        "papermill",
        *("-p", "profile", profile),
        *("-k", "python3"),
        *([] if profile == "full" else ["--no-request-save-on-cell-execute"]),
        "--progress-bar",
        os.path.relpath(chapter),
        os.path.relpath(output),
    ]


class Display:
    """Where runs tell of themselves: whole lines, and below them how far each has come.

    What runs is redrawn in the last line of a terminal. Where stderr is no terminal there is no
    such line, and whole lines are all there is.
    """

    def __init__(self, say: Callable[[str], None] = print):
        self._say = say
        self._lock = threading.Lock()
        self._bars: dict[str, re.Match[str]] = {}  # by the name of the notebook
        self._terminal = sys.stderr.isatty()

    def say(self, text: str) -> None:
        """Print a line, above what is redrawn."""
        with self._lock:
            self._clear()
            self._say(text)
            self._draw()

    def show(self, name: str, bar: re.Match[str] | None) -> None:
        """Show papermill's bar for a notebook; None: it has ended."""
        with self._lock:
            self._clear()
            if bar:
                self._bars[name] = bar
            else:
                self._bars.pop(name, None)
            self._draw()

    def line(self) -> str:
        """Return the line for what runs: one notebook as papermill draws it, several in short."""
        if len(self._bars) == 1:
            return next(iter(self._bars.values()))[0]
        return "  ".join(f"{name} {bar[1]}/{bar[2]}" for name, bar in sorted(self._bars.items()))

    def _clear(self) -> None:
        if self._terminal and self._bars:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _draw(self) -> None:
        if self._terminal and self._bars:
            sys.stderr.write(self.line()[: shutil.get_terminal_size().columns - 1])
            sys.stderr.flush()


def default_jobs(profile: str) -> int:
    """Return how many notebooks run at a time if the user does not say.

    One for each core in `smoke`; one in `quick` and `full`, whose pages show how fast programs
    are; one with a GPU, whose memory TensorFlow takes whole.
    """
    if profile != "smoke" or driver_sees_gpu():
        return 1
    return cores()


def run_chapters(
    chapters: list[Path],
    profile: str,
    paths: Paths,
    jobs: int = 1,
    time_limit: float | None = None,
    say: Callable[[str], None] = print,
) -> list[Record]:
    """Run chapters, several at a time; return their records in the order of the chapters.

    If this is interrupted, or a run can't be recorded, the others are ended and leave nothing.

    Args:
        chapters: the notebooks; none twice.
        profile: one of `course.profiles.PROFILES`.
        paths: where the results go.
        jobs: how many run at a time; the longest start first.
        time_limit: seconds for each; by default that of the profile.
        say: is given lines that tell what happens, one at a time.

    Raises:
        NotebookError: a notebook can't be used.
        DataError: the data in COURSE_DATA is wrong.
    """
    display, stop = Display(say), threading.Event()
    jobs = max(1, min(jobs, len(chapters)))

    def run(chapter: Path) -> Record:
        if stop.is_set():
            raise Stopped
        record = run_chapter(
            chapter, profile, paths, time_limit, display.say, display, stop, nest, jobs
        )
        display.say(f"{chapter.name} ({profile}): {record.status} in {record.seconds:.0f} s")
        return record

    order = chapters
    if jobs > 1:
        order = sorted(chapters, key=lambda chapter: -_expected_seconds(chapter, profile, paths))
    with contextlib.ExitStack() as stack:
        nest = warm_nest(len(chapters), say)
        if nest:
            stack.enter_context(nest)
        pool = ThreadPoolExecutor(max_workers=jobs)
        stack.callback(pool.shutdown, cancel_futures=True)
        stack.callback(stop.set)
        results = {chapter: pool.submit(run, chapter) for chapter in order}
        wait(results.values(), return_when=FIRST_EXCEPTION)
        broken = [result for result in results.values() if result.done() and result.exception()]
        return [result.result() for result in broken or map(results.get, chapters)]


def warm_nest(kernels: int, say: Callable[[str], None]) -> Nest | None:
    """Return a process to fork kernels from; None where they have to start cold.

    For one kernel it is of no use. With a GPU, what its libraries did at their import can't be
    shared.

    Args:
        kernels: how many will be asked for.
        say: is told why they start cold, where that is a matter of this machine.
    """
    if kernels < 2 or driver_sees_gpu():
        return None
    try:
        return Nest(IMPORTED, os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"})
    except WarmError as error:
        say(f"kernels start cold: {error}")
        return None


def _expected_seconds(chapter: Path, profile: str, paths: Paths) -> float:
    """Guess how long a run takes: as the last one, or by the length of the file."""
    last = Record.load(paths.record(chapter, profile))
    return last.seconds if last and last.status == "passed" else chapter.stat().st_size / 2000


def run_chapter(
    chapter: Path,
    profile: str,
    paths: Paths,
    time_limit: float | None = None,
    say: Callable[[str], None] = print,
    display: Display | None = None,
    stop: threading.Event | None = None,
    nest: Nest | None = None,
    jobs: int = 1,
) -> Record:
    """Run one chapter in one profile; leave the executed notebook and its record.

    Args:
        chapter: the notebook.
        profile: one of `course.profiles.PROFILES`.
        paths: where the results go.
        time_limit: seconds after which the run is stopped; by default that of the profile.
        say: is given the papermill command before it runs.
        display: shows how far the run has come.
        stop: ends the run when it is set.
        nest: what papermill and the kernel are forked from; by default both start cold.
        jobs: how many notebooks share the cores of this machine.

    Returns:
        The record; its `status` is "failed" if a cell failed, the kernel died, or time ran out.

    Raises:
        NotebookError: the notebook can't be used.
        DataError: the data in COURSE_DATA is wrong.
        Stopped: `stop` was set.
    """
    check_profile(profile)
    limit = TIME_LIMITS[profile] if time_limit is None else time_limit
    with PARSER:
        facts = inputs(chapter, profile, paths.root)
    source = notebooks.read(chapter)
    output, log = paths.executed(chapter, profile), paths.log(chapter, profile)
    output.parent.mkdir(parents=True, exist_ok=True)
    # Under a name of its own: the last good run stays until this one has ended, and a run that
    # was left behind by a killed command can't write over a later one
    running = output.with_name(f".{chapter.stem}.{os.getpid()}.ipynb")
    say("$ " + " ".join(papermill_command(chapter, output, profile)))
    started, clock = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    command = papermill_command(chapter, running, profile)
    display = display or Display()
    try:
        code = _run(
            command,
            limit,
            log,
            lambda bar: display.show(chapter.stem, bar),
            stop or threading.Event(),
            nest,
            jobs,
        )
        executed = _read_if_possible(running)
        record = Record(
            notebook=chapter.stem,
            profile=profile,
            status="passed" if code == 0 and executed else "failed",
            started=started,
            seconds=round(time.monotonic() - clock, 1),
            inputs=facts,
            kernel="warm" if nest else "cold",
        )
        if record.status == "failed":
            record.failure = _explain(source, executed, code, limit, log)
        with PARSER:
            _add_what_the_notebook_kept(record, executed)
        if executed:
            running.replace(output)
        else:
            output.unlink(missing_ok=True)
        record.save(paths.record(chapter, profile))
    finally:
        display.show(chapter.stem, None)
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


def _explain(source: Any, executed: Any, code: int | None, limit: float, log: Path) -> str:
    """Return in which cell a run stopped, and why.

    Args:
        source: the notebook before the run.
        executed: the notebook that papermill left, if it left one.
        code: papermill's exit code; None if it was stopped at its limit.
        limit: the limit in seconds.
        log: what papermill wrote.
    """
    text = log.read_text(errors="replace") if log.exists() else ""
    lines = [line for line in text.strip().splitlines() if not BAR.match(line)]
    died = "DeadKernelError" in (lines[-1] if lines else "")
    if code is None:
        error = f"stopped at its time limit of {limit:g} s (--time-limit)"
    elif died:
        error = "the kernel died (out of memory, or a crash in native code)"
    elif code < 0 or not lines:
        error = f"papermill ended with exit code {code}"
    else:
        error = lines[-1]
    if executed is not None:
        return str(notebooks.failure(executed, otherwise=error))
    bars = BAR.findall(text)
    if not bars:
        return error
    done, total = map(int, bars[-1])
    # Papermill counts the cell in which the kernel died as done
    at = done - 1 if died else done
    return str(_cell_at(source, at, error)) if at < total else error


def _cell_at(source: Any, index: int, error: str) -> notebooks.Failure:
    """Return the code cell at a place in the notebook that papermill runs.

    That has one cell more than the author's, after the one tagged `parameters`.
    """
    cells = notebooks.source_cells(source)
    tagged = [i for i, cell in enumerate(cells) if "parameters" in notebooks.tags(cell)]
    last = index - 1 if index > tagged[0] else index
    for number in range(last + 1, 0, -1):
        if cells[number - 1].cell_type == "code":
            return notebooks.Failure(number, cells[number - 1].source, error)
    return notebooks.Failure(None, "", error)


def _run(
    command: list[str],
    limit: float,
    log: Path,
    show: Callable[[re.Match[str]], None],
    stop: threading.Event,
    nest: Nest | None = None,
    jobs: int = 1,
) -> int | None:
    """Run a module with its arguments, its progress shown; return its exit code.

    It is None if the limit ended it.

    Raises:
        Stopped: `stop` was set before the command had ended.
    """
    environment = kernel_environment(jobs) | {"TQDM_MININTERVAL": "0"}  # a bar that is up to date
    process, output = _start(command, environment, nest)
    reader = threading.Thread(target=_show_progress, args=(output, log, show), daemon=True)
    reader.start()
    end = time.monotonic() + limit
    try:
        while not stop.is_set():
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(timeout=max(0, min(0.2, end - time.monotonic())))
            if time.monotonic() >= end:
                return None
        raise Stopped
    finally:
        if process.poll() is None:
            kill_tree(process.pid)
            process.wait()
        reader.join(timeout=5)  # a process that a cell left behind may hold the pipe open


def _start(
    command: list[str], environment: dict[str, str], nest: Nest | None
) -> tuple[subprocess.Popen | Process, IO[bytes]]:
    """Start a module in a session of its own; return the process and what it writes.

    By Ctrl-C it is we that are told, and we end it.
    """
    reads, writes = os.pipe()
    try:
        if nest:
            process = Process(
                *(nest.address, command[0], command[1:]),
                stdout=writes,
                stderr=writes,
                env=environment | nest.environment,
            )
        else:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                stdin=subprocess.DEVNULL,
                stdout=writes,
                stderr=writes,
                env=environment,
                start_new_session=True,
            )
    except BaseException:
        os.close(reads)
        raise
    finally:
        os.close(writes)
    return process, os.fdopen(reads, "rb")


def kernel_environment(jobs: int = 1) -> dict[str, str]:
    """Return the environment for kernels: they find the data that this process has found.

    Args:
        jobs: how many notebooks run at a time; each gets its share of the cores.
    """
    environment = os.environ | {"COURSE_DOWNLOAD": "never"}  # `inputs` has tried already
    if jobs > 1:
        threads = str(max(1, cores() // jobs))
        names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
        environment = dict.fromkeys(names, threads) | environment
    if folder := environment.get("COURSE_DATA"):
        environment["COURSE_DATA"] = str(Path(folder).expanduser().absolute())
    return environment


def kill_tree(pid: int) -> None:
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


def _show_progress(stream: IO[bytes], log: Path, show: Callable[[re.Match[str]], None]) -> None:
    """Pass papermill's progress bar on to `show`, and all that it writes to the log.

    The rest would hide the bar: messages of the kernel and of native libraries, and, where a cell
    fails, papermill's own traceback, for which the caller shows the cell.
    """
    with stream, log.open("wb", buffering=0) as file:
        # The bar is redrawn with carriage returns, without a line's end: read what there is
        while chunk := stream.read1(65536):
            with contextlib.suppress(OSError):  # on a full disk go on reading, or papermill waits
                file.write(chunk)
            for bar in BAR.finditer(chunk.decode(errors="replace")):
                show(bar)
