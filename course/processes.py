"""Processes that run notebooks: started cold or warm, watched, and ended at their limits."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from course.checks import Limits
from course.machine import cores, driver_sees_gpu
from course.warm import Nest, Process, WarmError

SAMPLING = 1.0  # seconds from one look at the memory to the next

# What most chapters import, and papermill and the kernel themselves
IMPORTED = (
    *("papermill.cli", "ipykernel.kernelapp", "ipykernel.ipkernel"),
    *("numpy", "matplotlib.pyplot", "tensorflow", "keras"),
)

BAR_AT_ONCE = {"TQDM_MININTERVAL": "0"}  # so that the bar is up to date at each cell
BAR = re.compile(r"Executing[^\r\n|]*\|[^\r\n|]*\| (\d+)/(\d+) \[[^\r\n\]]*\]")  # papermill's


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes:
        code: its exit code; None if a limit ended it.
        peak_memory_mib: the most that it was seen to use.
        limit: the limit that ended it, in words.
        warm: whether it got a kernel from the nest.
    """

    code: int | None
    peak_memory_mib: float
    limit: str | None = None
    warm: bool = False


@dataclass(frozen=True)
class Progress:
    """How many cells of a notebook papermill has run, of how many, and its bar if it is here."""

    done: int
    total: int
    bar: str = ""


class Stopped(Exception):
    """A run that was ended since the command was; nothing of it is kept."""


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
    say("starting a warm process, which imports TensorFlow once for all")
    try:
        # Variables that packages read when they are imported
        return Nest(IMPORTED, os.environ | BAR_AT_ONCE | {"TF_CPP_MIN_LOG_LEVEL": "3"})
    except WarmError as error:
        say(f"kernels start cold: {error}")
        return None


def run(
    command: list[str],
    limits: Limits,
    log: Path,
    show: Callable[[Progress], None],
    stop: threading.Event,
    nest: Nest | None = None,
    jobs: int = 1,
) -> Ended:
    """Run a module with its arguments, its progress shown, and end it at its limits.

    Raises:
        Stopped: `stop` was set before the command had ended.
    """
    environment = kernel_environment(jobs) | BAR_AT_ONCE
    process, output = _start(command, environment, nest)
    reader = threading.Thread(target=_show_progress, args=(output, log, show), daemon=True)
    reader.start()
    begun = looked = time.monotonic()
    peak, warm = 0.0, False
    try:
        while not stop.is_set():
            with contextlib.suppress(subprocess.TimeoutExpired):
                left = begun + limits.seconds - time.monotonic()
                code = process.wait(timeout=max(0, min(0.2, left)))
                return Ended(code, peak, None, warm)
            warm = warm or bool(_kernels(process.pid, nest))
            now = time.monotonic()
            if now - begun >= limits.seconds:
                return Ended(None, peak, f"time limit of {limits.seconds:g} s", warm)
            if now - looked >= SAMPLING:
                looked, used = now, memory(process.pid, nest)
                peak = max(peak, used)
                if used > limits.memory_mib:
                    told = f"memory limit of {limits.memory_mib:g} MiB, at {used:.0f} MiB"
                    return Ended(None, peak, told, warm)
        raise Stopped
    finally:
        if process.poll() is None:
            for pid in (*_kernels(process.pid, nest), process.pid):
                kill_tree(pid)
            process.wait()
        reader.join(timeout=5)  # a process that a cell left behind may hold the pipe open


def _kernels(pid: int, nest: Nest | None) -> list[int]:
    """Return the warm kernels of a process; none if the nest is gone."""
    if nest:
        with contextlib.suppress(WarmError):
            return nest.forked_for(pid)
    return []


def memory(pid: int, nest: Nest | None = None) -> float:
    """Return what a process, all that it started and its warm kernels use together, in MiB.

    Memory that several share, such as the packages of forked kernels, counts for each of them.
    """
    waiting = [pid, *_kernels(pid, nest)]
    used = 0
    for root in waiting:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(root)
            for member in [process, *process.children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    used += member.memory_info().rss
    return used / 2**20


def _start(
    command: list[str], environment: dict[str, str], nest: Nest | None
) -> tuple[subprocess.Popen | Process, IO[bytes]]:
    """Start a module in a session of its own; return the process and what it writes.

    By Ctrl-C it is we that are told, and we end it.
    """
    reads, writes = os.pipe()
    try:
        if nest:
            with contextlib.suppress(WarmError):  # it is gone: go on cold
                warm = Process(
                    *(nest.address, command[0], command[1:]),
                    stdout=writes,
                    stderr=writes,
                    env=environment | nest.environment,
                )
                return warm, os.fdopen(reads, "rb")
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


def _show_progress(stream: IO[bytes], log: Path, show: Callable[[Progress], None]) -> None:
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
                show(Progress(int(bar[1]), int(bar[2]), bar[0]))
