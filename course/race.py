"""How long the chapters take as we run them, against plain papermill, one after the other."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from course import runs
from course.notebooks import NotebookError
from course.processes import kernel_environment

# The most that our time may be of plain papermill's, on two cores
CEILINGS = {"smoke": 0.45, "quick": 0.8}


@dataclass(frozen=True)
class Race:
    """Seconds that each way took, in pairs.

    Attributes:
        profile: of the runs.
        jobs: how many notebooks ran at a time in ours.
        plain: seconds of plain papermill.
        ours: seconds of `run_chapters`.
    """

    profile: str
    jobs: int
    plain: tuple[float, ...]
    ours: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        """Our time divided by plain papermill's, for each pair."""
        return [mine / other for mine, other in zip(self.ours, self.plain, strict=True)]

    @property
    def median(self) -> float:
        """The median of the ratios."""
        return statistics.median(self.ratios)

    @property
    def reached(self) -> bool:
        """Whether the median is at most the ceiling of the profile; true where there is none."""
        return self.median <= CEILINGS.get(self.profile, float("inf"))

    def __str__(self) -> str:
        """Return it as one line, for a terminal."""
        ceiling = CEILINGS.get(self.profile)
        told = (
            f"{self.profile}: ours / plain papermill {self.median:.2f} "
            f"({min(self.ratios):.2f} to {max(self.ratios):.2f}, {len(self.ratios)} repeats)"
        )
        if ceiling is None:
            return told
        return f"{told}, at most {ceiling:g}: {'reached' if self.reached else 'MISSED'}"


def race(
    chapters: list[Path],
    profile: str,
    paths: runs.Paths,
    repeats: int,
    say: Callable[[str], None],
) -> Race:
    """Run all chapters in both ways, one way after the other, several times.

    Args:
        chapters: the notebooks.
        profile: one of `course.profiles.PROFILES`.
        paths: where our runs go.
        repeats: how many pairs.
        say: is told the time of each.

    Raises:
        NotebookError: a chapter failed in one of the ways.
    """
    jobs = runs.checking_jobs()
    plain, ours = [], []
    for number in range(1, repeats + 1):
        plain.append(_plain(chapters, profile))
        say(f"{number}/{repeats}: plain papermill {plain[-1]:.0f} s")
        began = time.monotonic()
        records = runs.run_chapters(chapters, profile, paths, jobs, say=lambda _: None)
        ours.append(time.monotonic() - began)
        say(f"{number}/{repeats}: ours, {jobs} at a time, {ours[-1]:.0f} s")
        for record in records:
            if record.status != "passed":
                raise NotebookError(f"{record.notebook} failed: {record.failure}")
    return Race(profile, jobs, tuple(plain), tuple(ours))


def _plain(chapters: list[Path], profile: str) -> float:
    """Return the seconds that the papermill command takes for all chapters."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        for chapter in chapters:
            output = Path(folder) / chapter.name
            command = [sys.executable, "-m", "papermill", "-p", "profile", profile]
            done = subprocess.run(
                [*command, "-k", "python3", str(chapter), str(output)],
                env=kernel_environment(),
                capture_output=True,
            )
            if done.returncode:
                raise NotebookError(f"{chapter}: plain papermill failed; `course run` tells more")
        return time.monotonic() - began
