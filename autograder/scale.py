"""Plans grading on a cluster: a simulation of `autograder grade`, fed with times measured here.

One process, the parent, takes submissions in and writes the gradebook; its threads share one
processor, since Python runs one of them at a time. A task travels over the parent's network link
to the scheduler, waits for a worker, and its outcomes travel back. As `grading.grade` does, the
parent has a fixed number of submissions in hand, and stores them one after the other.
"""

from __future__ import annotations

import copy
import json
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import simpy
from rich import box
from rich.console import Console
from rich.table import Table

from autograder import gradebook, grading
from autograder.errors import UserError
from autograder.exercises import released_notebooks
from autograder.nbgrader_course import Course, temporary_course
from autograder.pages import duration
from autograder.prepared import Notebooks, Prepared, prepare
from autograder.steps import Outcome as StepOutcome
from autograder.worker import CannotGrade, Worker, WorkError

# Of a task in Dask's scheduler. Its documentation tells of up to 1 ms
# (https://docs.dask.org/en/stable/best-practices.html); tasks of 50 kB, whose results come back
# through the scheduler, took 2.2 ms of its processor in November 2026
SCHEDULER_SECONDS = 0.002
# Of Dask's client in the parent, measured in the same way: 1.6 ms
CLIENT_SECONDS = 0.002
AHEAD = 2  # submissions in hand for each worker of a cluster, as `autograder grade` has them
STORED = 20  # submissions that are stored to measure how long that takes
UNCOUNTED = 3  # of them, which fill SQLAlchemy's caches
FILL = 3000  # submissions in the gradebook when it is measured again
WORKERS = (10, 20, 50, 100, 200, 500)
STEADY = (0.1, 0.9)  # between these shares of the submissions nothing warms up, and none run out

ADVICE = {
    "workers": "More workers make it faster.",
    "parent": (
        "The process of `autograder grade` is always computing. More workers change nothing. "
        "Split the students into groups and grade each group by a command of its own, with a "
        "gradebook of its own, on several machines or cores; different assignments likewise."
    ),
    "gradebook": (
        "Submissions wait to be stored, one after the other. If storing gets slower as the "
        "gradebook grows, its tables lack an index, or it should be begun anew for each term. If "
        "storing is mostly waiting, put the gradebook on a local disk or into a PostgreSQL that is "
        "near, and have several submissions share a commit. If it is mostly computing, split the "
        "students into groups, each graded by a command of its own with a gradebook of its own."
    ),
    "scheduler": (
        "Dask's scheduler has no time left. Start a second one with half of the workers, and grade "
        "another group of students there."
    ),
    "network": (
        "The parent's network link is full. Run `autograder grade` and the scheduler in the "
        "network of the workers, at a faster link."
    ),
}


@dataclass(frozen=True)
class Times:
    """What one submission costs, in seconds and bytes.

    Attributes:
        before: that the parent computes before the submission is sent.
        after: that the parent computes to store it.
        write: that the parent waits for the gradebook and the disk to store it.
        growth: that storing takes longer for each submission that the gradebook holds already.
        sent: bytes to a worker.
        received: bytes from a worker.
        work: that a worker takes: durations that were measured, to draw from.
        warm_up: that a worker takes before its first submission, to import TensorFlow.
        scheduler: that Dask's scheduler takes.
    """

    before: float
    after: float
    write: float
    growth: float
    sent: int
    received: int
    work: tuple[float, ...]
    warm_up: float
    scheduler: float = SCHEDULER_SECONDS


@dataclass(frozen=True)
class Outcome:
    """What grading so many submissions comes to.

    Attributes:
        submissions: that were stored.
        workers: of the cluster, each with one thread.
        seconds: from the start until the last one is stored.
        per_minute: submissions.
        utilisation: of each resource the share of time in which it is busy, of 1, in the steady
            state: `workers`, `parent` (its processor), `gradebook` (which stores one after the
            other), `scheduler`, `network`.
        bottleneck: the resource that is busy most.
    """

    submissions: int
    workers: int
    seconds: float
    per_minute: float
    utilisation: dict[str, float]
    bottleneck: str


# --- The simulation


def simulate(
    times: Times,
    submissions: int,
    workers: int,
    network_mbit: float = 1000,
    seed: int = 0,
    ahead: int = AHEAD,
) -> Outcome:
    """Simulate the grading of submissions on a cluster.

    Args:
        times: what one submission costs.
        submissions: how many.
        workers: how many, each with one thread.
        network_mbit: megabits in a second over the link of the parent, both ways together.
        seed: of the durations that are drawn.
        ahead: submissions in hand for each worker; 1 is `autograder grade --workers`.

    Raises:
        UserError: there is nothing to simulate.
    """
    if submissions < 1 or workers < 1 or network_mbit <= 0 or not times.work:
        raise UserError("a simulation needs submissions, workers, a network and durations of work")
    return _Simulation(times, submissions, workers, network_mbit, seed, ahead).run()


def plan(
    times: Times,
    submissions: int = 10_000,
    workers: Sequence[int] = WORKERS,
    network_mbit: float = 1000,
    seed: int = 0,
) -> list[Outcome]:
    """Simulate the grading of submissions with several numbers of workers."""
    return [simulate(times, submissions, number, network_mbit, seed) for number in sorted(workers)]


def limit(outcomes: Sequence[Outcome]) -> Outcome | None:
    """Return the first outcome that something other than the workers limits; None if none is."""
    return next((one for one in outcomes if one.bottleneck != "workers"), None)


def advice(outcome: Outcome) -> str:
    """Tell what to do about the bottleneck."""
    return ADVICE[outcome.bottleneck]


@dataclass
class _Resource:
    """What serves several at a time, first come first served, and notes when it is busy."""

    simpy: simpy.Resource
    spans: list[tuple[float, float]] = field(default_factory=list)

    def serve(self, seconds: float) -> Iterator[Any]:
        """Wait for a place, and hold it for so long."""
        env = self.simpy._env
        with self.simpy.request() as place:
            yield place
            begun = env.now
            yield env.timeout(seconds)
            self.spans.append((begun, env.now))

    def utilisation(self, begin: float, end: float) -> float:
        """Return the share of a time in which it was busy."""
        busy = sum(max(0.0, min(end, last) - max(begin, first)) for first, last in self.spans)
        return min(1.0, busy / (self.simpy.capacity * (end - begin))) if end > begin else 0.0


class _Simulation:
    """One run of the grading of submissions."""

    def __init__(
        self,
        times: Times,
        submissions: int,
        workers: int,
        network_mbit: float,
        seed: int,
        ahead: int,
    ):
        self.times, self.submissions, self.workers = times, submissions, workers
        self.env = simpy.Environment()
        self.work = random.Random(seed).choices(times.work, k=submissions)
        self.slots = ahead * workers
        self.byte = 8 / (network_mbit * 1e6)  # seconds
        self.threads = simpy.Resource(self.env, self.slots)
        self.parent, self.gradebook, self.scheduler, self.network = (
            _Resource(simpy.Resource(self.env, 1)) for _ in range(4)
        )
        self.crew = _Resource(simpy.Resource(self.env, workers))
        self.cold = workers
        self.done: list[int] = []  # and not stored
        self.stored: list[tuple[int, float]] = []  # each with the time
        self.woken = self.env.event()

    def run(self) -> Outcome:
        """Simulate until the last submission is stored."""
        self.env.run(self.env.process(self._main()))
        seconds = self.stored[-1][1]
        begin, end = (self.stored[int(share * (self.submissions - 1))][1] for share in STEADY)
        resources = {
            "workers": self.crew,
            "parent": self.parent,
            "gradebook": self.gradebook,
            "scheduler": self.scheduler,
            "network": self.network,
        }
        used = {name: one.utilisation(begin, end) for name, one in resources.items()}
        if not any(used.values()):  # too few submissions for a steady state
            used = {name: one.utilisation(0, seconds) for name, one in resources.items()}
        return Outcome(
            len(self.stored),
            self.workers,
            seconds,
            60 * len(self.stored) / seconds if seconds else float("inf"),
            used,
            max(used, key=lambda name: used[name]),
        )

    def _main(self) -> Iterator[Any]:
        """Begin submissions and store them, as the main thread of `grading.grade` does."""
        begun = in_hand = 0
        while len(self.stored) < self.submissions:
            while begun < self.submissions and in_hand <= self.slots:
                self.env.process(self._grade(begun))
                begun, in_hand = begun + 1, in_hand + 1
            if not self.done:
                self.woken = self.env.event()
                yield self.woken
            batch, self.done = self.done, []
            for number in batch:
                in_hand -= 1
                yield from self._store(number)

    def _grade(self, number: int) -> Iterator[Any]:
        """Take a submission in, and have its steps taken, as a thread of the parent does."""
        with self.threads.request() as thread:
            yield thread
            yield from self.parent.serve(self.times.before)
            yield from self.network.serve(self.times.sent * self.byte)
            yield from self.scheduler.serve(self.times.scheduler)
            yield from self._work(number)
            yield from self.network.serve(self.times.received * self.byte)
        self.done.append(number)
        if not self.woken.triggered:
            self.woken.succeed()

    def _work(self, number: int) -> Iterator[Any]:
        with self.crew.simpy.request() as place:
            yield place
            begun = self.env.now
            # A cluster has warm workers only once each has had a submission
            seconds = self.work[number] + (self.times.warm_up if self.cold else 0)
            self.cold = max(0, self.cold - 1)
            yield self.env.timeout(seconds)
            self.crew.spans.append((begun, self.env.now))

    def _store(self, number: int) -> Iterator[Any]:
        yield from self.parent.serve(self.times.after)
        waits = self.times.write + self.times.growth * len(self.stored)
        yield self.env.timeout(waits)
        # Its time goes by in turns: busy is what it takes, without the wait for the processor
        self.gradebook.spans.append((self.env.now - waits - self.times.after, self.env.now))
        self.stored.append((number, self.env.now))


# --- The measurement


class _Clock:
    """Measures seconds: `wall`, and `cpu` of this process. A context manager."""

    wall = cpu = 0.0

    def __enter__(self) -> _Clock:
        self._begun = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *about: object) -> None:
        self.wall = time.perf_counter() - self._begun[0]
        self.cpu = time.process_time() - self._begun[1]


@dataclass(frozen=True)
class _Sample:
    """One submission that was taken in and graded, with what that took."""

    prepared: Prepared
    before: float
    sent: int
    received: int
    read: float
    work: float


def measure(
    course: Course,
    assignment: str,
    students: Sequence[str],
    sandboxed: bool = True,
    write: float | None = None,
    growth: float | None = None,
) -> Times:
    """Measure on this machine what grading a submission costs.

    The gradebook and the records that it writes are those of a temporary copy of the course.

    Args:
        course: the course.
        assignment: its name; it is released.
        students: whose submissions, one after the other; a few are enough.
        sandboxed: whether students' code is closed in.
        write: of another gradebook, as a PostgreSQL: the seconds to wait until one submission is
            stored, instead of what is measured with SQLite.
        growth: of another gradebook: the seconds that this takes longer for each submission in it.

    Raises:
        UserError: none of the submissions can be graded here.
    """
    released = released_notebooks(course.exercises / assignment)
    with temporary_course(course, [assignment]) as copied:
        grading.learn(copied, assignment)
        with gradebook.Writer(copied, assignment) as writer:
            whole = {
                name: writer.teachers(copy.deepcopy(notebook), name)
                for name, notebook in released.items()
            }
            samples, warm_up = _sample(course, assignment, students, released, whole, sandboxed)
            job = _job(copied, assignment, course, released, whole, writer)
            dates = [gradebook.read_timestamp(_folder(course, assignment, one)) for one in students]
            store = _Store(job, writer, samples, [one for one in dates if one])
            first = store.measure()
            _fill(writer, assignment, store.last, FILL)
            later = store.measure()
    slope = max(0.0, statistics.median(later.wall) - statistics.median(first.wall)) / FILL
    return Times(
        before=CLIENT_SECONDS + statistics.median(one.before for one in samples),
        after=statistics.median(first.cpu) + statistics.median(one.read for one in samples),
        write=_waited(first) if write is None else write,
        growth=slope if growth is None else growth,
        sent=round(statistics.mean(one.sent for one in samples)),
        received=round(statistics.mean(one.received for one in samples)),
        work=tuple(one.work for one in samples),
        warm_up=warm_up,
    )


def _folder(course: Course, assignment: str, student: str) -> Path:
    return course.work / "submitted" / student / assignment


def _sample(
    course: Course,
    assignment: str,
    students: Sequence[str],
    released: Notebooks,
    whole: Notebooks,
    sandboxed: bool,
) -> tuple[list[_Sample], float]:
    """Take submissions in and grade them; return them, and the seconds of the warm-up."""
    with _Clock() as warm_up:
        worker = grading.make_worker(course, [assignment], course.limits, sandboxed)
    found = []
    with worker:
        for student in students:
            folder = _folder(course, assignment, student)
            prepare(
                folder, released, whole
            )  # so that its files lie in memory, as of a fresh upload
            with _Clock() as before:
                prepared = prepare(folder, released, whole)
                _ = prepared.digest
                orders = [_order(worker, steps) for steps in prepared.steps.values()]
            if prepared.steps:
                found.append(_take(worker, prepared, before.cpu, sum(map(len, orders))))
    if not found:
        raise UserError(f"{assignment}: none of the submissions can be graded, so none is measured")
    return found, warm_up.wall


def _order(worker: Worker, steps: list) -> str:
    """Return what `cluster.ClusterGrader` sends for a notebook, but for the modules' names."""
    told = {"limits": asdict(worker.limits), "steps": [asdict(step) for _, step in steps]}
    return json.dumps(told)


def _take(worker: Worker, prepared: Prepared, before: float, sent: int) -> _Sample:
    try:
        with _Clock() as work:
            prepared.outcomes = {
                name: worker.grade([step for _, step in steps])
                for name, steps in prepared.steps.items()
            }
    except (CannotGrade, WorkError) as error:
        raise UserError(f"a submission can't be graded, so it is not measured: {error}") from None
    told = json.dumps(
        [[asdict(one) for one in outcomes] for outcomes in prepared.outcomes.values()]
    )
    with _Clock() as read:
        for outcomes in json.loads(told):
            for one in outcomes:
                StepOutcome(**one)
    return _Sample(prepared, before, sent, len(told), read.cpu, work.wall)


def _job(
    copied: Course,
    assignment: str,
    course: Course,
    released: Notebooks,
    whole: Notebooks,
    writer: gradebook.Writer,
) -> Any:
    return grading.Job(
        course=copied,
        assignment=assignment,
        grader=_Limits(course),
        released=released,
        whole=whole,
        attempts={},
        known={},
        due=writer.due,
        best=False,
    )


class _Limits:
    """A `grading.Grader` that has limits alone, which is all that storing asks of it."""

    def __init__(self, course: Course):
        self.limits = course.limits


@dataclass
class _Stored:
    """What storing took, of each submission."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def _waited(stored: _Stored) -> float:
    pairs = zip(stored.wall, stored.cpu, strict=True)
    return max(0.0, statistics.median(wall - cpu for wall, cpu in pairs))


class _Store:
    """Stores samples in a copy of the course, each for a student that it makes up."""

    def __init__(self, job: Any, writer: gradebook.Writer, samples: list[_Sample], dates: list):
        self._job, self._writer, self._samples, self._dates = job, writer, samples, dates
        self._count = 0
        self.last = ""

    def measure(self) -> _Stored:
        """Store some; return what each took."""
        found = _Stored()
        for number in range(STORED + UNCOUNTED):
            clock = self._one(self._samples[number % len(self._samples)])
            if number >= UNCOUNTED:
                found.wall.append(clock.wall)
                found.cpu.append(clock.cpu)
        return found

    def _one(self, sample: _Sample) -> _Clock:
        self._count += 1
        self.last = f"scale-{self._count:03}"
        folder = self._job.folder(self.last)
        folder.mkdir(parents=True)
        if self._dates:  # so that its penalty is looked at, too
            date = self._dates[self._count % len(self._dates)]
            (folder / "timestamp.txt").write_text(f"{date.isoformat()} UTC\n")
        with _Clock() as clock:
            digest = self._job.digest([sample.prepared])
            work = grading.Work(digest, "", "2026-01-01", sample.prepared)
            grading.store(self._job, self._writer, self.last, work)
        return clock


def _fill(writer: gradebook.Writer, assignment: str, student: str, count: int) -> None:
    """Put a student's rows into the gradebook so many times, each for another student."""
    from nbgrader import api

    book = writer._gradebook
    submission = book.find_submission(assignment, student)
    mine, notebooks = {submission.id}, {one.id for one in submission.notebooks}
    tables = [  # each with the column that tells whose its rows are
        (api.Student, "id", {student}),
        (api.SubmittedAssignment, "student_id", {student}),
        (api.SubmittedNotebook, "assignment_id", mine),
        (api.Grade, "notebook_id", notebooks),
        (api.Comment, "notebook_id", notebooks),
    ]
    for kind, column, owners in tables:
        table = kind.__table__
        found = book.db.execute(table.select().where(table.c[column].in_(owners))).mappings()
        rows = [dict(row) for row in found]
        copies = [_again(row, {"id", column}, number) for number in range(count) for row in rows]
        if copies:
            book.db.execute(table.insert(), copies)
    book.db.commit()


def _again(row: dict[str, Any], names: set[str], number: int) -> dict[str, Any]:
    """Return a row for another student, with other keys in some columns."""
    # A key's length is limited, and its tail tells it from others
    return row | {name: f"{number:06}{str(row[name])[-20:]}" for name in names}


# --- What is shown


def show(times: Times, outcomes: Sequence[Outcome], console: Console) -> None:
    """Print a plan: what was measured, a line for each number of workers, and what limits it."""
    console.print(_times_in_words(times), highlight=False)
    table = Table(
        title=f"Grading {outcomes[0].submissions} submissions on a cluster, simulated",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    for name in ("workers", "time", "per minute", "workers busy", "the busiest else"):
        table.add_column(name, justify="right")
    table.add_column("bottleneck")
    for one in outcomes:
        others = {name: share for name, share in one.utilisation.items() if name != "workers"}
        busiest = max(others, key=others.__getitem__)
        table.add_row(
            str(one.workers),
            duration(one.seconds),
            f"{one.per_minute:.0f}",
            f"{one.utilisation['workers']:.0%}",
            f"{busiest} {others[busiest]:.0%}",
            one.bottleneck,
        )
    console.print(table)
    console.print(told(outcomes), highlight=False, soft_wrap=True)


def told(outcomes: Sequence[Outcome]) -> str:
    """Say in words from how many workers on something else limits, and what to do about it."""
    if first := limit(outcomes):
        return (
            f"From {first.workers} workers on the bottleneck is: {first.bottleneck}. "
            f"{advice(first)}"
        )
    return f"Up to {outcomes[-1].workers} workers, the workers are the bottleneck. " + advice(
        outcomes[-1]
    )


def _times_in_words(times: Times) -> str:
    return (
        f"One submission: {1000 * times.before:.1f} ms before, "
        f"{statistics.mean(times.work):.2f} s on a worker ({len(times.work)} measured), "
        f"{1000 * times.after:.1f} ms to store it and {1000 * times.write:.1f} ms of waiting, "
        f"{1e6 * times.growth:.1f} µs more for each one stored before; "
        f"{times.sent / 1000:.0f} kB sent, {times.received / 1000:.0f} kB received; "
        f"a worker warms up in {times.warm_up:.1f} s."
    )


def as_data(times: Times, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return a plan as data for JSON."""
    first = limit(outcomes)
    return {
        "times": asdict(times),
        "outcomes": [asdict(one) for one in outcomes],
        "limit": {"workers": first.workers, "bottleneck": first.bottleneck, "advice": advice(first)}
        if first
        else None,
    }
