"""Takes the steps of submissions, each in two processes of its own, forked from one warm process.

One runs the student's cells, the other is the judge. Both are closed in; this process sees of them
lines of JSON alone, ends them when their time is up, and begins again with what is left where one
of them has ended early.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from types import TracebackType
from typing import Any

from autograder import sandbox
from autograder.sandbox import LIMITS, OUT_OF_CPU_TIME, OUT_OF_MEMORY, Limits
from autograder.steps import Kind, Outcome, Step
from course.warm import PATIENCE, Nest, Process, WarmError

# What both processes are made of
OURS = ("autograder.student", "autograder.judging", "IPython.core.interactiveshell")
# What shows figures
WITH = {"matplotlib": "matplotlib_inline.backend_inline"}
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
GRACE = 5  # seconds, beyond its limit, in which the judge must tell that a step has ended
LONGEST_LINE = 64 << 20  # bytes; outputs are capped before
UNLIMITED = "There was no time left: the notebook took longer than {:g} s in all."
TOO_LONG = "This took longer than {:g} s."
ENDS = {
    OUT_OF_MEMORY: "It used more memory than a notebook may.",
    OUT_OF_CPU_TIME: "It computed for longer than a notebook may.",
}
NOT_JUDGED = "Your answer could not be judged."


class WorkError(Exception):
    """Submissions can't be graded here, whatever they hold; the message says why."""


class CannotGrade(Exception):
    """A set-up cell that fails in the judge; the message names it, its line and the reason."""


class Worker:
    """One warm process, and what is forked from it. A context manager; threads may share it.

    Args:
        modules: that the warm process imports.
        limits: for each submission.
        sandboxed: whether students' code is closed in. Without it, it can read and change all
            that the account can.
        threads: that a computation of a submission may use; those of the variables that
            TensorFlow reads go before.

    Raises:
        SandboxError: there can be no sandbox.
        WarmError: the warm process did not get ready.
    """

    def __init__(
        self,
        modules: Sequence[str] = (),
        limits: Limits = LIMITS,
        sandboxed: bool = True,
        threads: int = 1,
    ):
        self._cores = threads
        self._threads = {name: os.environ.get(name, str(threads)) for name in THREADS}
        tops = {name.partition(".")[0] for name in modules}
        self._modules = (*OURS, *(WITH[top] for top in tops & WITH.keys()), *modules)
        self._sandboxed = sandboxed
        self._lock = threading.Lock()
        self.limits = limits
        self._scratch = tempfile.TemporaryDirectory(prefix="scratch")
        self._nest: Nest | None = None
        self._ready: list[_Pair] = []  # one for each thread
        self._stopped = False
        try:
            self._nest = self._make_nest()
        except BaseException:
            self._scratch.cleanup()
            raise

    def _make_nest(self) -> Nest:
        if self._sandboxed:
            return Nest(self._modules, sandbox.environment(), wrap=sandbox.wrap)
        return Nest(self._modules, os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"})

    def grade(self, steps: Sequence[Step]) -> list[Outcome]:
        """Take the steps of one submission, in their order; return what came of each.

        Where the student's process ends, or has to be ended, the step in hand has failed, and the
        others are taken in a new one, in which all cells run again but the one that ended it. The
        judge runs all set-up cells, that one too.

        Raises:
            CannotGrade: a set-up cell fails in the judge.
            WorkError: no process could be started, twice in a row.
        """
        outcomes: dict[int, Outcome] = {}
        end = time.monotonic() + self.limits.submission_seconds
        failures = 0
        while len(outcomes) < len(steps):
            if self._stopped:
                raise WorkError("grading was stopped")
            if time.monotonic() >= end:
                for number in set(range(len(steps))) - outcomes.keys():
                    outcomes[number] = _ended(UNLIMITED.format(self.limits.submission_seconds))
                break
            done = [number for number in outcomes if _is_done(steps[number], outcomes[number])]
            try:
                nest = self._healthy_nest()
                walls = self._walls(nest, steps)
                with contextlib.closing(self._pair(nest, walls)) as pair:
                    self._order(pair, steps, done, outcomes)
                    self._ready.append(self._new_pair(nest, walls))
                    reason = self._follow(pair, nest, steps, outcomes, end)
            except (WarmError, OSError) as error:
                reason = str(error)
            failures = failures + 1 if reason else 0
            if failures > 2:
                raise WorkError(f"the processes of a submission can't be started: {reason}")
        return [outcomes[number] for number in range(len(steps))]

    def _order(
        self,
        pair: _Pair,
        steps: Sequence[Step],
        done: list[int],
        outcomes: dict[int, Outcome],
    ) -> None:
        """Tell a pair of processes what there is to do."""
        pair.send(
            {
                "steps": [asdict(step) for step in steps],
                "done": done,
                "outputs": sum(len(json.dumps(one.outputs)) for one in outcomes.values()),
                "cell_seconds": self.limits.cell_seconds,
                "test_seconds": self.limits.test_seconds,
            }
        )

    def _follow(
        self,
        pair: _Pair,
        nest: Nest,
        steps: Sequence[Step],
        outcomes: dict[int, Outcome],
        end: float,
    ) -> str | None:
        """Note what a pair of processes tells, until it has done all, or one has ended.

        Returns:
            None; or why it came to nothing through no fault of the submission.
        """
        limits = self.limits
        begun: int | None = None
        while True:
            most = limits.cell_seconds
            if begun is not None and steps[begun].kind == Kind.TEST:
                most = limits.test_seconds
            try:
                told = pair.receive(min(most + GRACE, max(0.1, end - time.monotonic())))
                if told is None:
                    why = pair.reason()
                    if begun is None or not nest.alive():
                        return "they ended"
                    outcomes[begun] = _ended(why)  # what it was given was more than it can take
                    return None
                if "cannot" in told:
                    raise CannotGrade(str(told["cannot"]))
                if "failed" in told:
                    return str(told["failed"])
                if "done" in told:
                    return None
                if "begin" in told:
                    begun = range(len(steps))[told["begin"]]
                    continue
                number, outcome = range(len(steps))[told["end"]], Outcome(**told["outcome"])
            except TimeoutError:
                if begun is None:
                    return "they did not get ready"
                if time.monotonic() >= end:  # what came of a step before still counts
                    reason = UNLIMITED.format(limits.submission_seconds)
                    outcomes.setdefault(begun, _ended(reason))
                else:
                    outcomes[begun] = _ended(TOO_LONG.format(most))
                return None
            except (ValueError, TypeError, LookupError):  # a judge that is no judge any more
                if begun is None:
                    return "they told what is no message"
                outcomes[begun] = _ended(NOT_JUDGED)
                return None
            if outcome.ended:
                if not nest.alive():
                    return "they ended"
                outcomes[number] = _ended(pair.reason(outcome.ended), outcome)
                return None
            outcomes.setdefault(number, outcome)

    def _pair(self, nest: Nest, walls: str) -> _Pair:
        """Return two processes; where it can be, those that got ready beside the last ones."""
        while self._ready:
            with contextlib.suppress(IndexError):  # another thread was faster
                pair = self._ready.pop()
                if pair.walls == walls and pair.nest is nest:
                    return pair
                pair.close()
        return self._new_pair(nest, walls)

    def _new_pair(self, nest: Nest, walls: str) -> _Pair:
        environment = sandbox.environment()
        if not self._sandboxed:
            environment = os.environ | {"TMPDIR": self._scratch.name}
        return _Pair(nest, walls, self._folder(), environment | self._threads)

    def _healthy_nest(self) -> Nest:
        """Return the warm process; a new one if the last has ended."""
        with self._lock:
            assert self._nest
            if not self._nest.alive() and not self._stopped:
                self._nest.close()
                self._nest = self._make_nest()
            return self._nest

    def _walls(self, nest: Nest, steps: Sequence[Step]) -> str:
        warm = not any(map(_configures, steps))
        limits = None
        if self._sandboxed:
            cpu_seconds = self.limits.cpu_seconds * self._cores
            limits = asdict(replace(self.limits, cpu_seconds=cpu_seconds))
        hidden = os.path.dirname(nest.address)
        return json.dumps({"limits": limits, "hidden": hidden, "warm": warm})

    def _folder(self) -> str:
        return sandbox.HOME if self._sandboxed else self._scratch.name

    def stop(self) -> None:
        """End what is being graded; threads that wait for it get a WorkError."""
        self._stopped = True
        if self._nest:
            self._nest.close()

    def close(self) -> None:
        """End the warm process, and all that was forked from it."""
        self.stop()
        while self._ready:
            self._ready.pop().close()
        self._scratch.cleanup()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Pair:
    """The two processes of a submission; `close` ends them."""

    def __init__(self, nest: Nest, walls: str, folder: str, environment: dict[str, str]):
        self.nest, self.walls = nest, walls
        self._processes: list[Process] = []
        self._control, control = socket.socketpair()
        judge, student = socket.socketpair()
        nothing = os.open(os.devnull, os.O_WRONLY)
        try:
            for module, stdin, stdout in (
                ("autograder.student", student.fileno(), nothing),
                ("autograder.judging", control.fileno(), judge.fileno()),
            ):
                self._processes.append(
                    Process(
                        nest.address,
                        module,
                        [walls],
                        stdin=stdin,
                        stdout=stdout,
                        stderr=nothing,
                        cwd=folder,
                        env=environment,
                    )
                )
        except BaseException:
            self.close()
            raise
        finally:
            for one in (control, judge, student):
                one.close()
            os.close(nothing)
        self._waiting = bytearray()

    def send(self, what: dict[str, Any]) -> None:
        self._control.settimeout(PATIENCE)
        self._control.sendall(json.dumps(what).encode() + b"\n")

    def receive(self, seconds: float) -> dict[str, Any] | None:
        """Return what the judge tells next; None if it has ended.

        Raises:
            TimeoutError: it has told nothing for so long.
        """
        end = time.monotonic() + seconds
        looked = 0
        while (place := self._waiting.find(b"\n", looked)) < 0:
            looked = len(self._waiting)
            self._control.settimeout(max(0.001, end - time.monotonic()))
            try:
                chunk = self._control.recv(1 << 20)
            except ConnectionError:
                chunk = b""
            if not chunk or len(self._waiting) > LONGEST_LINE:
                return None
            self._waiting += chunk
        line = bytes(self._waiting[:place])
        del self._waiting[: place + 1]
        return json.loads(line)

    def reason(self, otherwise: str = NOT_JUDGED) -> str:
        """Return why a process has ended, as its exit code tells."""
        for process in self._processes:
            with contextlib.suppress(Exception):
                return ENDS[process.wait(0.5)]
        return otherwise

    def close(self) -> None:
        self._control.close()
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()


def _configures(step: Step) -> bool:
    """Tell whether a cell may set what TensorFlow takes only before it has computed anything."""
    return "config" in step.source or "distribute" in step.source


def _is_done(step: Step, outcome: Outcome) -> bool:
    """Tell whether a step need not be taken again: a test, or a cell that has ended its process."""
    return step.kind == Kind.TEST or outcome.ended is not None


def _ended(reason: str, outcome: Outcome | None = None) -> Outcome:
    """Return the outcome of a step that has ended the process, or did not come to its end."""
    seconds = outcome.seconds if outcome else 0.0
    return Outcome(message=reason, public=reason, ended=reason, seconds=seconds)
