"""Measures how fast submissions are graded: beside plain nbgrader, and beside the cells alone.

The floor is the time that the cells of the same submissions, those with tests among them, take in a
kernel that is already running and has imported what they need.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jupyter_client.manager import start_new_kernel

from autograder import gradebook
from autograder.errors import UserError
from autograder.grading import imports
from autograder.sandbox import LIMITS
from autograder.steps import Kind, Step
from autograder.suite import Suite
from autograder.worker import Worker

CELL_SECONDS = 60


@dataclass(frozen=True)
class Round:
    """The seconds of one round, all of them for the same submissions.

    Attributes:
        floor: of the cells alone.
        plain: of `nbgrader autograde`.
        ours: of `autograder grade`, by the number of workers.
    """

    floor: float
    plain: float
    ours: dict[int, float]


def race(
    suite: Suite, submissions: int, workers: Sequence[int], on_done: Callable[[str], None]
) -> Round:
    """Grade the same submissions in all ways, one after the other.

    Args:
        suite: a course with the exercise.
        submissions: how many.
        workers: for each of these numbers the sandbox grades once.
        on_done: is told what has been measured.

    Raises:
        UserError: one of the ways fails, or does not give all points.
    """
    students = [f"student_{number:02}" for number in range(submissions)]
    for student in students:
        suite.submit(student, {})
    floor = _floor(suite, submissions)
    on_done("floor")
    ours = {}
    for number in workers:
        ours[number] = _time(suite, "autograder", "grade", suite.name, f"--workers={number}")
        _check(suite, students)
        on_done(workers_in_words(number))
    plain = _time(suite, "nbgrader", "autograde", suite.name, "--force")
    _check(suite, students)
    on_done("plain nbgrader")
    return Round(floor, plain, ours)


def _time(suite: Suite, program: str, *arguments: str) -> float:
    begun = time.monotonic()
    command = [str(Path(sys.executable).parent / program), *arguments]
    done = subprocess.run(command, cwd=suite.course.root, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"{program} failed: {(done.stderr or done.stdout).strip()[-500:]}")
    return time.monotonic() - begun


def _check(suite: Suite, students: Sequence[str]) -> None:
    marks = suite.course.marks(suite.name)
    for student in students:
        points = sum(mark.points for mark in marks[student].values())
        if points != suite.max_points:
            raise UserError(f"{student} has {points:g} of {suite.max_points:g} points")


def _floor(suite: Suite, submissions: int) -> float:
    """Run the cells so many times in one kernel, after a first time that does not count."""
    sources = [cell.source for cell in suite.solution.cells]
    manager, client = start_new_kernel(kernel_name="python3", stderr=subprocess.DEVNULL)
    try:
        begun = 0.0
        for number in range(submissions + 1):
            if number == 1:
                begun = time.monotonic()
            for source in sources:
                reply = client.execute_interactive(
                    source, timeout=CELL_SECONDS, output_hook=lambda message: None
                )
                if reply["content"]["status"] != "ok":
                    raise UserError(f"a cell fails: {reply['content'].get('evalue')}")
        return time.monotonic() - begun
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def workers_in_words(number: int) -> str:
    """Return `1 worker`, or `2 workers`."""
    return f"{number} worker{'s' if number > 1 else ''}"


def ratios(rounds: Sequence[Round]) -> Iterator[tuple[str, float, float, float]]:
    """Give each ratio: its name, its median over the rounds, the least and the greatest."""
    for number in rounds[0].ours:
        told = workers_in_words(number)
        for name, values in (
            (f"plain nbgrader / {told}", [one.plain / one.ours[number] for one in rounds]),
            (f"{told} / floor", [one.ours[number] / one.floor for one in rounds]),
        ):
            yield name, statistics.median(values), min(values), max(values)


def memory(suite: Suite) -> tuple[float, float]:
    """Return the MiB that a submission adds, by proportional set size, before and after its cells.

    Both its processes count, the student's and the judge's.
    """
    steps = [step for _, step in gradebook.steps(suite.solution)]
    with Worker(imports({suite.name: suite.solution}), LIMITS) as worker:
        return _memory(worker, []), _memory(worker, steps)


def _memory(worker: Worker, steps: list[Step]) -> float:
    look = "print(open('/proc/self/smaps_rollup').read())"
    looks = [Step(Kind.CELL, "student", look), Step(Kind.TEST, "judge", look)]
    student, judge = worker.grade([*steps, *looks])[-2:]
    found = re.findall(r"^Pss: +(\d+) kB", f"{student.outputs[0]['text']}\n{judge.printed}", re.M)
    return sum(int(kib) for kib in found) / 1024
