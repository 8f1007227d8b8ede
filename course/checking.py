"""Bringing the runs of notebooks up to date, and telling what is wrong with what they left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from course import catalogue, checks, cluster, pins
from course.checks import CheckError, Spread
from course.data import DataError, find_source
from course.notebooks import NotebookError
from course.runs import (
    Paths,
    Record,
    checking_jobs,
    default_jobs,
    inputs,
    reason_to_run,
    run_chapters,
)
from course.seeds import shifted

Say = Callable[[str], None]


@dataclass(frozen=True)
class Way:
    """How notebooks are run.

    Attributes:
        force: run even what is up to date.
        time_limit: seconds for each; by default that which is expected of the notebook.
        jobs: how many run at a time here; by default as `runs.default_jobs` says.
        scheduler: the address of a Dask cluster that runs them; by default this machine does.
        require_gpu: whether a worker of the cluster on which TensorFlow sees no GPU is refused.
    """

    force: bool = False
    time_limit: float | None = None
    jobs: int | None = None
    scheduler: str | None = None
    require_gpu: bool = False


HERE = Way()


def bring_up_to_date(
    chosen: Sequence[Path], profile: str, paths: Paths, way: Way, say: Say
) -> list[Record]:
    """Run the notebooks whose last run does not hold; return the records of all, in their order.

    Raises:
        NotebookError: a notebook can't be used.
        DataError: what is in COURSE_DATA is wrong, or `full` has no real data.
        CheckError: what is expected of a notebook can't be read.
        ClusterError: the cluster can't be used.
    """
    chosen = list({chapter.resolve(): chapter for chapter in chosen}.values())
    # All notebooks and data are checked before the first one runs
    facts = {chapter: inputs(chapter, profile, paths.root) for chapter in chosen}
    for dataset in sorted({name for chapter in chosen for name in facts[chapter]["data"]}):
        source = find_source(dataset)
        say(f"data: {source.description}" + (f" ({source.reason})" if source.reason else ""))
        if profile == "full" and not source.real:
            raise DataError(
                f"the profile 'full' refuses stand-in data: set COURSE_DATA to a folder with "
                f"{dataset}.npz, or connect to the internet"
            )
    if way.scheduler is not None:  # what is asked of its workers, not what this machine has
        gpu = profile == "full" or way.require_gpu
        facts = {chapter: known | {"GPU": gpu} for chapter, known in facts.items()}
    records, waiting = {}, []
    for chapter in chosen:
        name = catalogue.name(chapter)
        reason = "--force" if way.force else reason_to_run(chapter, profile, paths, facts[chapter])
        if reason is None:
            records[chapter] = Record.load(paths.record(chapter, profile))
            seconds = records[chapter].seconds
            say(f"{name} ({profile}): up to date, ran in {seconds:.0f} s")
        else:
            say(f"{name} ({profile}): {reason}")
            waiting.append(chapter)
    if way.scheduler is not None:
        wanted = {chapter: facts[chapter] for chapter in waiting}
        options = (way.scheduler, way.time_limit, way.require_gpu)
        ran = cluster.run_chapters(wanted, profile, paths, *options, say)
    else:
        jobs = way.jobs or default_jobs(profile)
        ran = run_chapters(waiting, profile, paths, jobs, way.time_limit, say)
    records |= dict(zip(waiting, ran, strict=True))
    return [records[chapter] for chapter in chosen]


@dataclass(frozen=True)
class Checked:
    """What became of one notebook.

    Attributes:
        record: of its run; None if it could not be run.
        faults: what is wrong with it, a line for each.
    """

    record: Record | None
    faults: tuple[str, ...]


def check(
    chosen: Sequence[Path], profile: str, root: Path, way: Way, say: Say
) -> dict[Path, Checked]:
    """Check notebooks: their runs, their limits, what they keep, and their pinned outputs.

    Pinned outputs are compared in smoke, where the runs are those of `course pins`. The times of
    the other profiles are not for the pages of the book, since notebooks run side by side: these
    runs have a place of their own.

    Raises:
        CheckError: what is expected of a notebook can't be read.
        DataError: as `bring_up_to_date`.
        ClusterError: the cluster can't be used.
    """
    paths = Paths(root, "work/runs" if profile == "smoke" else "work/checks")
    for notebook in chosen:  # a file that can't be used is found before the first run
        checks.load(notebook)
        checks.load_spreads(notebook)
    found: dict[Path, list[str]] = {notebook: [] for notebook in chosen}
    good = []
    for notebook in chosen:
        try:
            inputs(notebook, profile, root)
            good.append(notebook)
        except NotebookError as error:  # it keeps no other from being checked
            found[notebook].append(str(error).removeprefix(f"{notebook}: "))
    way = replace(way, jobs=way.jobs or checking_jobs())
    records = dict(zip(good, bring_up_to_date(good, profile, paths, way, say), strict=True))
    runs = {}
    for notebook, record in records.items():
        found[notebook] += checks.faults(notebook, record)
        if catalogue.kind(notebook) == "chapter" and record.status == "passed":
            runs[notebook] = paths.executed(notebook, profile)
    if profile == "smoke" and runs:
        for notebook, cells in pins.changed(runs, root / "work" / "pins").items():
            found[notebook] += [f"the pinned output of cell {cell} has changed" for cell in cells]
    return {
        notebook: Checked(records.get(notebook), tuple(faults))
        for notebook, faults in found.items()
    }


@dataclass(frozen=True)
class Measured:
    """Runs of one chapter with several seeds.

    Attributes:
        kind: `checks.kind` of the runs.
        spread: of what they kept; None if one failed.
        faults: why, a line for each.
    """

    kind: str
    spread: Spread | None
    faults: tuple[str, ...] = ()


def measure_spreads(
    chapters: Sequence[Path], profile: str, root: Path, seeds: int, way: Way, say: Say
) -> dict[Path, Measured]:
    """Run chapters with several seeds; return the spread of what they keep.

    Raises:
        CheckError: what is expected of a notebook can't be read.
        DataError, NotebookError, ClusterError: as `bring_up_to_date`.
    """
    for chapter in chapters:  # what can't be read would be found only when hours have gone
        checks.load(chapter)
        checks.load_spreads(chapter)
    way = replace(way, jobs=way.jobs or checking_jobs())
    runs: dict[Path, list[Record]] = {chapter: [] for chapter in chapters}
    for seed in range(seeds):
        say(f"seeds shifted by {seed}:")
        with shifted(seed):
            paths = Paths(root, f"work/seeds/{seed}")
            records = bring_up_to_date(chapters, profile, paths, way, say)
        for chapter, record in zip(chapters, records, strict=True):
            runs[chapter].append(record)
    measured = {}
    for chapter, records in runs.items():
        kind = checks.kind(profile, records[0].real_data)
        bad = [record for record in records if record.status != "passed"]
        faults = tuple(fault for record in bad for fault in checks.faults(chapter, record))
        values = [record.metrics for record in records]
        made = records[-1].started[:10]
        spread = None if bad else checks.spread_of(made, range(seeds), values)
        measured[chapter] = Measured(kind, spread, faults)
    return measured


def demand_enough(seeds: int) -> None:
    """Refuse to keep a spread that makes no band.

    Raises:
        CheckError: there are too few seeds.
    """
    if seeds < checks.FEWEST:
        raise CheckError(
            f"a band needs --seeds {checks.FEWEST} or more, so there is none to --keep"
        )
