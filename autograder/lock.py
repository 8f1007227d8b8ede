"""One process at a time, where two would get into each other's way."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from autograder.errors import UserError
from autograder.nbgrader_course import Course


@contextmanager
def hold(path: Path, wait: bool = False) -> Iterator[None]:
    """Hold a lock; the system lets go of it with the process. Threads hold it one by one, too.

    Args:
        path: of the file that stands for what is locked.
        wait: until whoever holds it lets go.

    Raises:
        BlockingIOError: another one holds it, and `wait` is false.
        OSError: it can't be held.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield


@contextmanager
def alone(course: Course) -> Iterator[None]:
    """Hold a course, so that nothing is collected or graded beside.

    Raises:
        UserError: another command holds it, or it can't be held.
    """
    with ExitStack() as held:
        try:
            held.enter_context(hold(course.work / ".lock"))
        except BlockingIOError:
            raise UserError(
                "another `autograder grade` or `collect` is running in this course: wait for its end"
            ) from None
        except OSError as error:
            raise UserError(f"{error.filename}: {error.strerror}") from None
        yield
