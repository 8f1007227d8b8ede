"""Running chapters with papermill: what needs a run, the run itself, and its record."""

import contextlib
import hashlib
import itertools
import json
import os
import platform
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from course import catalogue, checks, data, notebooks, processes, seeds
from course.experiments import files_of
from course.files import write_atomically
from course.machine import cores, driver_sees_gpu, free_memory
from course.processes import BAR, Ended, Progress, Stopped, warm_nest
from course.profiles import check_profile
from course.warm import Nest

BESIDE = {notebooks.PICTURE, notebooks.INSTALL}  # cells that compute nothing for the numbers
PARSER = threading.Lock()  # CPython 3.11 can't parse code in two threads at once


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
    failed_cell: str | None = None  # its id
    inputs: dict[str, Any] = field(default_factory=dict)
    kernel: str = "cold"  # or "warm": forked from a process that has imported TensorFlow
    worker: str | None = None  # the address of the worker of a cluster

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
    """Where things lie in a checkout of the course.

    Attributes:
        root: the folder of the project.
        runs: where its runs go.
    """

    root: Path
    runs: str = "work/runs"

    @property
    def notebooks(self) -> Path:
        """The chapters."""
        return self.root / "notebooks"

    def executed(self, chapter: Path, profile: str) -> Path:
        """The executed notebook."""
        return self.root / self.runs / profile / f"{catalogue.name(chapter)}.ipynb"

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
    if catalogue.kind(chapter) == "chapter":
        notebooks.check(notebook, chapter)
    lock = root / "requirements.txt"
    return {
        **code_inputs(chapter, notebook),
        "lock file": _digest(lock.read_bytes()) if lock.exists() else None,
        "data": {name: data.find_source(name).sha256 for name in notebooks.datasets(notebook)},
        "profile": profile,
        "seed": seeds.current(),
        "GPU": driver_sees_gpu(),
        "versions": {
            "Python": ".".join(platform.python_version_tuple()[:2]),
            **{name: version(name) for name in ("tensorflow", "keras", "numpy")},
        },
    }


def code_inputs(chapter: Path, notebook: Any) -> dict[str, Any]:
    """Return digests of the code that runs in a chapter, and of the records that it reads.

    Args:
        chapter: its file.
        notebook: its content.
    """
    modules = notebooks.imported_modules(notebooks.python_source(notebook), Path(__file__).parent)
    return {
        "code": code_digest(notebook),
        "pictures": _pictures_digest(notebook),
        "course": {path.name: _digest(path.read_bytes()) for path in sorted(modules)},
        "records": {path.name: _digest(path.read_bytes()) for path in files_of(chapter.stem)},
    }


def code_digest(notebook: Any) -> str:
    """Return a digest of the code of a notebook, without its prose and outputs.

    Cells tagged `picture` don't count: they show what other cells computed, and keep nothing, so a
    record of numbers holds whatever they do. Nor does the one tagged `install`.
    """
    cells = [
        cell for cell in notebooks.code_cells(notebook) if not BESIDE & set(notebooks.tags(cell))
    ]
    return _sources_digest(cells)


def _pictures_digest(notebook: Any) -> str:
    cells = notebooks.code_cells(notebook)
    return _sources_digest([cell for cell in cells if notebooks.PICTURE in notebooks.tags(cell)])


def _sources_digest(cells: list) -> str:
    return _digest(*(cell.source.encode() for cell in cells))


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
    if last.worker:  # what a cluster had is no reason to run it here, nor the other way round
        now = {name: digest for name, digest in now.items() if name != "GPU"}
    changed = [name for name, digest in now.items() if last.inputs.get(name) != digest]
    return f"changed: {', '.join(changed)}" if changed else None


def papermill_command(chapter: Path, output: Path, profile: str) -> list[str]:
    """Return the command that runs a chapter, without the interpreter in front.

    Papermill saves the notebook before and after each cell, which can take a fifth of a run. Only
    a run of hours is worth that: what it had made is kept if its kernel dies or time runs out.
    """
    return [
        "papermill",
        *(("-p", "profile", profile) if catalogue.kind(chapter) == "chapter" else ()),
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
        self._bars: dict[str, Progress] = {}  # by the name of the notebook
        self._terminal = sys.stderr.isatty()

    def say(self, text: str) -> None:
        """Print a line, above what is redrawn."""
        with self._lock:
            self._clear()
            self._say(text)
            self._draw()

    def show(self, name: str, progress: Progress | None) -> None:
        """Show how far a notebook has come; None: it has ended."""
        with self._lock:
            self._clear()
            if progress:
                self._bars[name] = progress
            else:
                self._bars.pop(name, None)
            self._draw()

    def line(self) -> str:
        """Return the line for what runs: one notebook as papermill draws it, several in short."""
        if len(self._bars) == 1 and (bar := next(iter(self._bars.values())).bar):
            return bar
        return "  ".join(f"{name} {p.done}/{p.total}" for name, p in sorted(self._bars.items()))

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


def checking_jobs() -> int:
    """Return how many notebooks are checked at a time: one for each core, one with a GPU."""
    return 1 if driver_sees_gpu() else cores()


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
        jobs: how many run at a time, if there is memory for so many; the longest start first.
        time_limit: seconds for each; by default that of the profile.
        say: is given lines that tell what happens, one at a time.

    Raises:
        NotebookError: a notebook can't be used.
        DataError: the data in COURSE_DATA is wrong.
    """
    display, stop = Display(say), threading.Event()
    wanted = min(jobs, len(chapters))
    jobs = max(1, min(wanted, _fit_in_memory(chapters, profile, paths)))
    if jobs < wanted:
        say(f"{jobs} at a time, since there is memory for no more")

    def run(chapter: Path) -> Record:
        if stop.is_set():
            raise Stopped
        record = run_chapter(
            chapter, profile, paths, time_limit, display.say, display, stop, nest, jobs
        )
        name = catalogue.name(chapter)
        display.say(f"{name} ({profile}): {record.status} in {record.seconds:.0f} s")
        return record

    order = chapters
    if jobs > 1:
        order = sorted(chapters, key=lambda chapter: -expected_seconds(chapter, profile, paths))
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


def _fit_in_memory(chapters: list[Path], profile: str, paths: Paths) -> int:
    """Return how many chapters may run at a time: any so many have memory for what they may use.

    A chapter may use what its last run used, or, if it has none that passed, its limit.
    """
    used = []
    for chapter in chapters:
        last = Record.load(paths.record(chapter, profile))
        known = last.peak_memory_mib if last and last.status == "passed" else None
        used.append(known or checks.load(chapter).limits[profile].memory_mib)
    free = free_memory()
    return sum(total <= free for total in itertools.accumulate(sorted(used, reverse=True)))


def expected_seconds(chapter: Path, profile: str, paths: Paths) -> float:
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
        time_limit: seconds after which the run is stopped; by default that which is expected of
            the notebook.
        say: is given the papermill command before it runs.
        display: shows how far the run has come.
        stop: ends the run when it is set.
        nest: what papermill and the kernel are forked from; by default both start cold.
        jobs: how many notebooks share the cores of this machine.

    Returns:
        The record; its `status` is "failed" if a cell failed, the kernel died, or a limit ended it.

    Raises:
        NotebookError: the notebook can't be used.
        DataError: the data in COURSE_DATA is wrong.
        CheckError: what is expected of the notebook can't be read.
        Stopped: `stop` was set.
    """
    check_profile(profile)
    limits = checks.load(chapter).limits[profile]
    if time_limit is not None:
        limits = replace(limits, seconds=time_limit)
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
        ended = processes.run(
            command,
            limits,
            log,
            lambda progress: display.show(catalogue.name(chapter), progress),
            stop or threading.Event(),
            nest,
            jobs,
        )
        executed = _read_if_possible(running)
        record = Record(
            notebook=catalogue.name(chapter),
            profile=profile,
            status="passed" if ended.code == 0 and executed else "failed",
            started=started,
            seconds=round(time.monotonic() - clock, 1),
            peak_memory_mib=ended.peak_memory_mib,
            inputs=facts,
            kernel="warm" if ended.warm else "cold",
        )
        if record.status == "failed":
            failure = _explain(source, executed, ended, log)
            record.failure, record.failed_cell = str(failure), failure.id
        if catalogue.kind(chapter) == "exercise":
            _judge_exercise(record, source)
        with PARSER:
            _add_what_the_notebook_kept(record, executed)
        if executed:
            running.replace(output)
        else:
            output.unlink(missing_ok=True)
        record.save(paths.record(chapter, profile))
    finally:
        display.show(catalogue.name(chapter), None)
        running.unlink(missing_ok=True)
    return record


def _judge_exercise(record: Record, source: Any) -> None:
    """Set what became of an exercise as students get it.

    It must stop at its first NotImplementedError, in a test: so it does not pass validation.
    """
    graded = {
        cell.id
        for cell in notebooks.code_cells(source)
        if cell.metadata.get("nbgrader", {}).get("grade")
    }
    if record.status == "passed":
        record.status = "failed"
        record.failure = "it runs to its end; an exercise stops at its first NotImplementedError"
    elif re.search(r"^NotImplementedError\b", record.failure or "", re.MULTILINE):
        if record.failed_cell in graded:
            record.status, record.failure, record.failed_cell = "passed", None, None
        else:
            record.failure += ", before the first test: validation would not see it"


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
    record.peak_memory_mib = max(
        round(record.peak_memory_mib or 0), info.get("peak_memory_mib") or 0
    )
    for name in ("device", "python", "packages", "data"):
        setattr(record, name, info.get(name, getattr(record, name)))
    explain_sources(record)


def explain_sources(record: Record) -> None:
    """Say in a record why its data is what it is.

    The kernel was told not to download; this process knows why it could not.
    """
    for source in record.data:
        source["reason"] = data.find_source(source["dataset"]).reason


def _explain(source: Any, executed: Any, ended: Ended, log: Path) -> notebooks.Failure:
    """Return in which cell a run stopped, and why.

    Args:
        source: the notebook before the run.
        executed: the notebook that papermill left, if it left one.
        ended: how the run ended.
        log: what papermill wrote.
    """
    text = log.read_text(errors="replace") if log.exists() else ""
    lines = [line for line in text.strip().splitlines() if not BAR.match(line)]
    died = "DeadKernelError" in (lines[-1] if lines else "")
    if ended.limit:
        error = f"stopped at its {ended.limit}"
    elif died:
        error = "the kernel died (out of memory, or a crash in native code)"
    elif ended.code is None or ended.code < 0 or not lines:
        error = f"papermill ended with exit code {ended.code}"
    else:
        error = lines[-1]
    if executed is not None:
        return notebooks.failure(executed, otherwise=error)
    bars = BAR.findall(text)
    if not bars:
        return notebooks.Failure(None, "", error)
    done, total = map(int, bars[-1])
    # Papermill counts the cell in which the kernel died as done
    at = done - 1 if died else done
    return _cell_at(source, at, error) if at < total else notebooks.Failure(None, "", error)


def _cell_at(source: Any, index: int, error: str) -> notebooks.Failure:
    """Return the code cell at a place in the notebook that papermill runs.

    That has one cell more than the author's, after the one tagged `parameters`.
    """
    cells = notebooks.source_cells(source)
    tagged = [i for i, cell in enumerate(cells) if "parameters" in notebooks.tags(cell)]
    last = index - 1 if tagged and index > tagged[0] else index
    for number in range(last + 1, 0, -1):
        if cells[number - 1].cell_type == "code":
            cell = cells[number - 1]
            return notebooks.Failure(number, cell.source, error, cell.id)
    return notebooks.Failure(None, "", error)
