"""The attack suite: wrong answers that try to get points or to do harm, and what they earn.

A folder (`tests/attacks`) holds `exercise.py`, the source of a small exercise (`autograder.suite`),
and files of attacks, in percent format: the title of a block is `TASK: WHAT IT TRIES`, and its code
that of the task's answer cell. Each attack becomes a submission of its own, whose other answers are right; submissions that
are right altogether stand between them.

The same submissions can be graded by plain nbgrader, for a comparison. Each then runs in a
container of bubblewrap, since nothing else would stop it; those marked `# harmful` don't run.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from autograder import sandbox
from autograder.errors import UserError
from autograder.grading import Graded, grade, make_worker
from autograder.suite import Suite, blocks

EXERCISE = "exercise.py"
HARMFUL = "# harmful"
RIGHT_AFTER = 10  # attacks stands a submission that is right
SECONDS = 180  # that plain nbgrader may take for one
# Some never end: so that they take seconds, and right answers, which need one, have time enough
SHORT = {"cell_seconds": 5, "test_seconds": 5, "submission_seconds": 30, "memory_mib": 2048}


@dataclass(frozen=True)
class Attack:
    """A wrong answer that tries something.

    Attributes:
        family: the file it is in.
        task: that it answers.
        what: it tries.
        code: of the answer cell.
    """

    family: str
    task: str
    what: str
    code: str

    @property
    def harmful(self) -> bool:
        """Whether it must not run without a sandbox."""
        return self.code.lstrip().startswith(HARMFUL)


@dataclass(frozen=True)
class Earned:
    """What an attack has earned.

    Attributes:
        attack: the attack.
        points: of its task; None if it was not run.
        max_points: of its task.
        others: points of the other tasks, whose answers are right.
        max_others: what those are worth.
    """

    attack: Attack
    points: float | None
    max_points: float
    others: float
    max_others: float


def read_attacks(folder: Path) -> list[Attack]:
    """Return all attacks of a folder.

    Raises:
        UserError: there are none, or a block has another title.
    """
    found = []
    for path in sorted(folder.glob("*.py")):
        for title, code in blocks(path) if path.name != EXERCISE else ():
            task, colon, what = title.partition(": ")
            if not colon:
                raise UserError(f"{path}: write '# %% TASK: WHAT IT TRIES' instead of '{title}'")
            found.append(Attack(path.stem, task, what, code))
    if not found:
        raise UserError(f"no attacks in {folder}")
    return found


class Attacks(Suite):
    """The attacks of a folder as submissions, and right ones between them.

    Args:
        folder: with `exercise.py` and the attacks.
        config: the `nbgrader_config.py` of that course.
        root: an empty folder for it.
        family: the file of attacks; all files if none is named.

    Raises:
        UserError: there are no such attacks.
    """

    def __init__(self, folder: Path, config: Path, root: Path, family: str | None = None):
        found = read_attacks(folder)
        self.attacks = [one for one in found if family in (None, one.family)]
        if not self.attacks:
            known = ", ".join(sorted({one.family for one in found}))
            raise UserError(f"no attacks of the family '{family}': use {known}")
        super().__init__(folder / EXERCISE, config, root)
        for attack in self.attacks:
            if attack.task not in self.worth:
                raise UserError(f"{attack.family}.py: there is no task {attack.task}")
        self._students = [f"attack_{number:03}" for number in range(len(self.attacks))]
        for student, attack in zip(self._students, self.attacks, strict=True):
            self.submit(student, {attack.task: attack.code})
        self.right = [f"attack_{n:03}_right" for n in range(0, len(self.attacks), RIGHT_AFTER)]
        for student in self.right:
            self.submit(student, {})

    def grade(self, workers: int = 1) -> Iterator[Graded]:
        """Grade all submissions in the sandbox; yield each when it is done."""
        students = sorted([*self._students, *self.right])
        limits = replace(self.course.limits, **SHORT)
        with make_worker(self.course, [self.name], limits, workers=workers) as worker:
            yield from grade(self.course, self.name, worker, students, workers)

    def grade_plainly(self) -> Iterator[str]:
        """Grade the submissions by plain nbgrader, each in a container; yield each when done."""
        self.course.run("generate_assignment", self.name, "--force")
        for student, attack in zip(self._students, self.attacks, strict=True):
            if not attack.harmful:
                self._autograde(student)
            yield student

    def _autograde(self, student: str) -> None:
        """Run `nbgrader autograde` where it can change nothing but the course."""
        if reason := sandbox.why_not():
            raise UserError(reason)
        root = str(self.course.root)
        command = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
        # A home of its own for each, so that what one leaves there changes no other
        command += ["--tmpfs", "/tmp", "--dir", "/tmp/home", "--setenv", "HOME", "/tmp/home"]
        command += ["--setenv", "TMPDIR", "/tmp"]
        for needed in (sys.prefix, str(Path(__file__).parents[1])):  # they may be in /tmp
            command += ["--ro-bind", needed, needed]
        command += ["--bind", root, root, "--chdir", root]
        command += ["--unshare-all", "--die-with-parent", "--new-session", "--"]
        command += [sys.executable, "-m", "nbgrader", "autograde", self.name]
        command += [
            f"--student={student}",
            "--Execute.timeout=30",
            "--ExecutePreprocessor.timeout=30",
        ]
        with contextlib.suppress(subprocess.TimeoutExpired):  # it earns nothing
            subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
            )

    def earned(self) -> list[Earned]:
        """Return what the attacks have earned, by the gradebook."""
        marks = self.course.marks(self.name)
        found = []
        for student, attack in zip(self._students, self.attacks, strict=True):
            own = marks.get(student)
            points = (
                {task: own[test].points for task, (test, _) in self.worth.items()} if own else {}
            )
            worth = self.worth[attack.task][1]
            others = sum(value for task, value in points.items() if task != attack.task)
            found.append(
                Earned(attack, points.get(attack.task), worth, others, self.max_points - worth)
            )
        return found
