"""Results of long experiments: made once by `course experiments`, committed, shown by a chapter.

They stand in `course/records/CHAPTER.jsonl`, one line of JSON for each experiment, so that a
chapter has them wherever the package is installed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from course.files import write_atomically

RECORDS = Path(__file__).parent / "records"


class ExperimentError(Exception):
    """Experiments that can't be run or read; the message says why, and names the mend."""


@dataclass(frozen=True)
class Outcome:
    """What came of one experiment.

    Attributes:
        name: its name, with slashes between the parts: `survival/document/0.001/0`.
        started: when it began, ISO 8601, UTC.
        seconds: its wall time.
        code: a digest of the code and the settings that it depends on.
        device: what it was computed on.
        packages: versions, by name.
        data: the data sources that the process had read by then.
        result: what its function returned.
    """

    name: str
    started: str
    seconds: float
    code: str
    device: str
    packages: dict[str, str] = field(default_factory=dict)
    data: list[dict[str, Any]] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def parts(self) -> list[str]:
        """The parts of its name."""
        return self.name.split("/")


def file_of(chapter: str, folder: Path = RECORDS) -> Path:
    """Return where the results of a chapter stand.

    Args:
        chapter: the name of its notebook, without `.ipynb`.
        folder: where to look.
    """
    return folder / f"{chapter}.jsonl"


def files_of(chapter: str, folder: Path = RECORDS) -> list[Path]:
    """Return all files that are kept for a chapter: the results, and what it shows beside them."""
    return sorted(folder.glob(f"{chapter}.*"))


def load(chapter: str, prefix: str = "", folder: Path = RECORDS) -> list[Outcome]:
    """Return the results of a chapter's experiments whose names begin with `prefix`.

    Of an experiment that ran more than once, the last result counts.

    Raises:
        ExperimentError: a line can't be read.
    """
    path = file_of(chapter, folder)
    lines = path.read_text(encoding="utf-8").split("\n") if path.exists() else []
    found: dict[str, Outcome] = {}
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            outcome = Outcome(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise ExperimentError(f"{path}, line {number}: {error}; remove the line") from None
        found[outcome.name] = outcome
    return [outcome for name, outcome in found.items() if name.startswith(prefix)]


def append(chapter: str, outcome: Outcome, folder: Path = RECORDS) -> None:
    """Add one result to the file, so that it is there even if the machine stops right after.

    It takes the place of an older result of the same name.
    """
    kept = [*(one for one in load(chapter, folder=folder) if one.name != outcome.name), outcome]
    lines = [json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in kept]
    write_atomically(file_of(chapter, folder), "".join(lines))
