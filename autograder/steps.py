"""What is done with a submission, step by step, and what comes of each step."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What is done with a cell."""

    SETUP = "setup"  # locked: run by the student's process and by the judge
    CELL = "cell"  # the student's: run by their process alone
    TEST = "test"  # run by the judge alone


@dataclass(frozen=True)
class Step:
    """A code cell of a submission.

    Attributes:
        kind: what is done with it.
        name: its grade id, or its id.
        source: its code.
        points: what a test is worth.
    """

    kind: Kind
    name: str
    source: str
    points: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What came of a step.

    Attributes:
        outputs: of a cell, as nbformat has them.
        points: that a test has earned.
        message: why a test failed, for the teacher; None if it did not.
        public: the same for the student: without what a hidden test knows.
        printed: what the test itself has printed.
        ended: why the student's process had to be given up, or None.
        cannot: why a test can't be judged with this answer, or None.
        seconds: that the step took.
        memory_mib: the most that the student's process has used so far, as it says itself; None
            if it did not say.
    """

    outputs: list[dict[str, Any]] = field(default_factory=list)
    points: float = 0.0
    message: str | None = None
    public: str | None = None
    printed: str = ""
    ended: str | None = None
    cannot: str | None = None
    seconds: float = 0.0
    memory_mib: float | None = None
