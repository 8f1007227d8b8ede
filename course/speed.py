"""Comparing the speed of programs that make the same steps: side by side, repeated, with a spread.

A chapter calls `measure` on its contestants; `course.benchmark` measures the same ones on the
command line.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Contestants = Mapping[str, Callable[[], int]]


class SpeedError(Exception):
    """A comparison that can't be made; the message says why, and names the mend."""


@dataclass(frozen=True)
class Ratio:
    """How many times as fast one contestant is as another, once for each repeat."""

    fast: str
    slow: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    @property
    def lowest(self) -> float:
        """The smallest one."""
        return min(self.values)

    @property
    def highest(self) -> float:
        """The largest one."""
        return max(self.values)


@dataclass(frozen=True)
class Speeds:
    """Steps per second of each contestant, one number for each repeat."""

    rates: dict[str, tuple[float, ...]]

    def median(self, name: str) -> float:
        """Return the middle one of a contestant's numbers."""
        return statistics.median(self.rates[name])

    def ratio(self, fast: str, slow: str) -> Ratio:
        """Compare two contestants, repeat by repeat: what slows one repeat slows both."""
        pairs = zip(self.rates[fast], self.rates[slow], strict=True)
        return Ratio(fast, slow, tuple(a / b for a, b in pairs))


def measure(
    contestants: Contestants,
    repeats: int = 5,
    clock: Callable[[], float] = time.perf_counter,
    say: Callable[[str], None] = lambda text: None,
) -> Speeds:
    """Run each contestant `repeats` times and return its steps per second.

    Each runs once before, unmeasured: the first run compiles. Then they take turns, and each turn
    begins with another one, so that no contestant always has the quiet moment.

    Args:
        contestants: name to a function that makes some steps and returns how many.
        repeats: how often each is measured.
        clock: returns seconds.
        say: is told what happens, in one line.

    Raises:
        SpeedError: there is no contestant or no repeat, or a contestant made no step, or made its
            steps in no time that the clock can tell.
    """
    names = list(contestants)
    if not names or repeats < 1:
        raise SpeedError("give at least one contestant and one repeat")
    rates: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        say(f"warm-up: {name}")
        _check_steps(name, contestants[name]())
    for repeat in range(repeats):
        say(f"repeat {repeat + 1} of {repeats}")
        first = repeat % len(names)
        for name in names[first:] + names[:first]:
            start = clock()
            steps = contestants[name]()
            seconds = clock() - start
            _check_steps(name, steps)
            if seconds <= 0:
                raise SpeedError(f"{name!r} took no time that the clock can tell; make more steps")
            rates[name].append(steps / seconds)
    return Speeds({name: tuple(values) for name, values in rates.items()})


def _check_steps(name: str, steps: object) -> None:
    if not isinstance(steps, int) or steps < 1:
        raise SpeedError(f"{name!r} returned {steps!r}; return the number of its steps")
