"""The benchmark behind `course speed`: it measures what chapters declare, against their floors.

A chapter tags with `speed` the cells that define `contestants` (name to a function that makes some
steps and returns how many) and `floors` (a pair of names to the least ratio of their speeds), and
the cells that these need. They run in a process of their own, on the CPU.
"""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course.cells import CellError, run_cells
from course.processes import kernel_environment
from course.speed import Contestants, Ratio, SpeedError, Speeds, measure

TAG = "speed"
DEFINES = "`contestants` and `floors`"


@dataclass(frozen=True)
class Result:
    """A ratio that a chapter declared, with the floor that it must reach."""

    chapter: str
    ratio: Ratio
    floor: float

    @property
    def reached(self) -> bool:
        """Whether the median is at least the floor."""
        return self.ratio.median >= self.floor

    def __str__(self) -> str:
        """Return it as one line, for a terminal."""
        ratio, digits = self.ratio, 2
        # 4.996 is not shown as 5.00 beside a floor of 5 that it misses
        while (round(ratio.median, digits) >= self.floor) != self.reached:
            digits += 1
        return (
            f"{self.chapter}: {ratio.fast} / {ratio.slow}: {ratio.median:.{digits}f} "
            f"({ratio.lowest:.2f} to {ratio.highest:.2f}), floor {self.floor:g}: "
            f"{'reached' if self.reached else 'MISSED'}"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data, for JSON."""
        return {
            "chapter": self.chapter,
            "fast": self.ratio.fast,
            "slow": self.ratio.slow,
            "median": self.ratio.median,
            "lowest": self.ratio.lowest,
            "highest": self.ratio.highest,
            "floor": self.floor,
            "reached": self.reached,
            "ratios": list(self.ratio.values),
        }


def run(chapter: Path, repeats: int) -> list[Result]:
    """Measure a chapter's contestants in a fresh process on the CPU.

    What the cells and the process print goes to stderr.

    Raises:
        SpeedError: the cells don't define `contestants` and `floors` as they should.
        CellError: a cell failed.
    """
    environment = kernel_environment() | {"CUDA_VISIBLE_DEVICES": "-1"}
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command = [
            sys.executable,
            "-m",
            "course.benchmark",
            str(chapter),
            str(repeats),
            str(answer),
        ]
        done = subprocess.run(command, env=environment, stdout=sys.stderr)
        if not answer.exists():
            raise CellError(f"{chapter.name}: its process ended with exit code {done.returncode}")
        found = json.loads(answer.read_text(encoding="utf-8"))
    if "wrong" in found:
        raise SpeedError(f"{chapter}: {found['wrong']}")
    if "error" in found:
        raise CellError(found["error"])
    speeds = Speeds({name: tuple(values) for name, values in found["rates"].items()})
    return [
        Result(chapter.stem, speeds.ratio(fast, slow), floor)
        for fast, slow, floor in found["floors"]
    ]


def _check(names: Mapping[str, Any]) -> tuple[Contestants, dict]:
    """Return the contestants and the floors that the cells of a chapter defined."""
    for name in ("contestants", "floors"):
        if not isinstance(names.get(name), dict) or not names[name]:
            raise SpeedError(
                f"its cells tagged '{TAG}' define no `{name}`; define a dictionary of that name"
            )
    contestants, floors = names["contestants"], names["floors"]
    for pair, floor in floors.items():
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise SpeedError(
                f"`floors` has the key {pair!r}; give a pair of names, the fast one first"
            )
        if isinstance(floor, bool) or not isinstance(floor, int | float) or not floor < math.inf:
            raise SpeedError(f"`floors` gives {pair!r} the floor {floor!r}; give a number")
        for name in pair:
            if name not in contestants:
                raise SpeedError(
                    f"`floors` names {name!r}, which is none of the contestants: "
                    + ", ".join(contestants)
                )
    return contestants, floors


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _main(chapter: Path, repeats: int, answer: Path) -> None:
    """Measure one chapter in this process; write what came of it as JSON."""
    with contextlib.redirect_stdout(sys.stderr):
        try:
            contestants, floors = _check(run_cells(chapter, TAG))
            speeds = measure(contestants, repeats, say=_say)
            told = {
                "rates": speeds.rates,
                "floors": [[fast, slow, float(floor)] for (fast, slow), floor in floors.items()],
            }
        except SpeedError as error:
            told = {"wrong": str(error)}
        except CellError as error:
            told = {"error": str(error)}
        except Exception as error:
            told = {"error": f"{chapter.name}, a contestant: {type(error).__name__}: {error}"}
    answer.write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
