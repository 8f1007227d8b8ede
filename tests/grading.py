"""Exercises graded by plain nbgrader and in the sandbox, in a process of its own, while other tests
run.

The process is this file as a script: `python grading.py FOLDER ASSIGNMENT...`. It grades two
assignments at a time, and leaves each in FOLDER/ASSIGNMENT, a course of its own; the same one, as
`autograder grade` left it, is FOLDER/sandboxed/ASSIGNMENT.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from autograder import sandbox
from autograder.bank import assemble, bank_folder, read_bank, read_outcomes, submit_bank
from autograder.exercises import read_tasks, released_notebooks
from autograder.nbgrader_course import Course, find_course, read_notebooks
from course.files import write_atomically
from course.processes import kill_tree

LIMIT = 3600  # seconds that a test waits for an assignment

COURSE = find_course(Path(__file__).resolve().parent)


@dataclass(frozen=True)
class Graded:
    """An assignment after plain nbgrader commands have graded many submissions of it."""

    course: Course
    assignment: str

    @cached_property
    def exercise(self):
        """What nbgrader released."""
        return released_notebooks(self.course.exercises / self.assignment)

    @cached_property
    def tasks(self):
        """The tasks of what nbgrader released."""
        return read_tasks(self.exercise)

    @cached_property
    def bank(self):
        """The answers that were graded."""
        return read_bank(bank_folder(COURSE, self.assignment), self.tasks)

    @cached_property
    def marks(self):
        """The marks in the gradebook, by student and by the grade id of the cell."""
        return self.course.marks(self.assignment)

    @cached_property
    def outcomes(self):
        """What became of each answer of the bank."""
        return read_outcomes(self.course, self.assignment, self.tasks, self.bank)


class Grading:
    """The process that grades, seen from the tests."""

    def __init__(self, folder, assignments):
        self.folder = folder
        self.graded = {}
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, __file__, folder, *assignments],
                cwd=COURSE.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def __call__(self, assignment):
        """Wait until an assignment is graded, and return it.

        Raises:
            AssertionError: a command of nbgrader failed, or it took longer than `LIMIT`.
        """
        if assignment in self.graded:
            return self.graded[assignment]
        result = self.folder / f"{assignment}.txt"
        end = time.monotonic() + LIMIT
        while not result.exists():
            ended = self.process.poll() is not None
            assert not ended or result.exists(), self.log.read_text(errors="replace")
            assert time.monotonic() < end, f"{assignment} was not graded in {LIMIT} s"
            time.sleep(0.2)
        assert result.read_text() == "graded", result.read_text()
        self.graded[assignment] = Graded(Course(self.folder / assignment), assignment)
        return self.graded[assignment]

    def sandboxed(self, assignment):
        """Wait as above; return the same submissions as `autograder grade` has graded them."""
        self(assignment)
        return Graded(Course(self.folder / "sandboxed" / assignment), assignment)

    def end(self):
        """End the process and all that it started."""
        if self.process.poll() is None:
            kill_tree(self.process.pid)
            self.process.wait()


def end_with_parent():
    """From now on, end this process and all that it starts when the one that started it ends."""
    parent = os.getppid()

    def watch():
        while os.getppid() == parent:
            time.sleep(0.5)
        kill_tree(os.getpid())

    threading.Thread(target=watch, daemon=True).start()


def grade(folder, assignment, bank):
    """Grade a bank, the solution and the exercise unchanged in a new course.

    The environment is not activated, and the home folder holds a kernel called python3 that does
    not start.
    """
    home = folder / f"home of {assignment}"
    broken = {"argv": ["/bin/false"], "display_name": "Broken", "language": "python"}
    for kernels in (".local/share/jupyter/kernels", "Library/Jupyter/kernels"):
        (home / kernels / "python3").mkdir(parents=True)
        (home / kernels / "python3" / "kernel.json").write_text(json.dumps(broken))

    # As in a fresh clone, where the committed exercise is there and the gradebook is not
    course = Course(folder / assignment)
    shutil.copytree(COURSE.solutions / assignment, course.solutions / assignment)
    shutil.copytree(COURSE.exercises / assignment, course.exercises / assignment)
    shutil.copy(COURSE.root / "nbgrader_config.py", course.root)

    def nbgrader(*arguments):
        run("nbgrader", *arguments, cwd=course.root)

    def run(command, *arguments, cwd):
        """Run a command as it is typed, with a PATH that knows no environment."""
        done = subprocess.run(
            [Path(sys.executable).parent / command, *arguments],
            cwd=cwd,
            env={"HOME": str(home), "PATH": os.defpath, "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout

    nbgrader("generate_assignment", assignment, "--force")
    exercise = released_notebooks(course.exercises / assignment)
    submit_bank(course, assignment, exercise, bank)
    course.submit("solution", assignment, read_notebooks(course.solutions / assignment))
    course.submit("unchanged", assignment, exercise)
    # The gradebook goes along, since both graders have to begin with the same
    sandboxed = shutil.copytree(course.root, folder / "sandboxed" / assignment)
    if sandbox.why_not() is None:
        run("autograder", "grade", assignment, cwd=sandboxed)
    nbgrader("autograde", assignment)
    nbgrader("generate_feedback", assignment, "--student=solution")
    nbgrader("export")


def main(folder, assignments):
    """Grade assignments, two at a time; note for each that it is graded, or what went wrong."""
    end_with_parent()
    os.nice(5)  # tests that wait for this are few, and others are measured against limits of time
    # Threads that only wait; all that is parsed is parsed before, since CPython 3.11 can't do
    # that in two threads at once
    banks = {}
    for assignment in assignments:
        tasks = read_tasks(read_notebooks(COURSE.solutions / assignment))
        banks[assignment] = read_bank(bank_folder(COURSE, assignment), tasks)
    lock = threading.Lock()

    def note(assignment):
        try:
            grade(folder, assignment, banks[assignment])
            result = "graded"
        except Exception:
            result = traceback.format_exc()
        with lock:
            write_atomically(folder / f"{assignment}.txt", result)

    # The longest first: that with most submissions
    order = sorted(assignments, key=lambda assignment: -len(assemble(banks[assignment])))
    with ThreadPoolExecutor(max_workers=2) as graders:
        list(graders.map(note, order))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
