"""The command `course`: run the chapters, build the book, check the pinned outputs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from course import (
    benchmark,
    book,
    catalogue,
    checking,
    checks,
    notebooks,
    paper,
    pins,
    student_check,
)
from course.book import BookError
from course.cells import CellError, choose
from course.checking import HERE, Checked, Way
from course.checks import CheckError
from course.cluster import ClusterError
from course.data import DataError
from course.experiments import ExperimentError
from course.files import write_atomically
from course.ledger import LedgerError, judge_all, load_all
from course.machine import describe, pretended_gpu, sees_gpu
from course.notebooks import NotebookError
from course.paper import PaperError
from course.processes import Progress
from course.profiles import PROFILES, ProfileError, check_profile
from course.race import race
from course.runs import Display, Paths, Record
from course.slides_cli import make_slides
from course.speed import SpeedError

if TYPE_CHECKING:
    from nbformat import NotebookNode

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Run the chapters of the course and build the book from what ran.",
    epilog="Exit codes: 0 all is well; 1 a notebook, the book, an experiment or a check failed; "
    "2 wrong use or bad input; 130 interrupted.",
)

Profile = Annotated[
    str, typer.Option("--profile", "-p", help=f"How much to compute: {', '.join(PROFILES)}.")
]
Root = Annotated[Path, typer.Option(help="The folder of the project.", show_default="here")]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        min=1,
        help="Notebooks that run at a time, if memory allows. Default: one per core in smoke without a GPU, else 1.",
    ),
]
RequireGpu = Annotated[
    bool, typer.Option("--require-gpu", help="Fail at once where TensorFlow sees no GPU.")
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        help="Run on the Dask cluster with this address, such as tcp://10.0.0.1:8786.",
        show_default="this machine",
    ),
]
Publish = Annotated[
    bool, typer.Option("--publish", help="Keep the records in book/results, for the results page.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Chosen = Annotated[
    list[Path] | None,
    typer.Argument(help="Chapters to take, as paths. Default: every notebook in notebooks/."),
]


MISTAKES = (
    BookError,
    CheckError,
    ClusterError,
    DataError,
    ExperimentError,
    LedgerError,
    NotebookError,
    PaperError,
    ProfileError,
    SpeedError,
)


def say(text: str) -> None:
    """Tell the user what happens; stdout is kept for results."""
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Run the command; a user's mistake is one line on stderr and exit code 2."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has set it
            signal.signal(number, _stop)
    try:
        app()
    except MISTAKES as error:
        say(f"course: {error}")
        sys.exit(2)
    except OSError as error:
        say(f"course: {error.filename or 'system'}: {error.strerror or error}")
        sys.exit(2)


def _stop(number: int, frame: object) -> None:
    """End as by Ctrl-C, so that papermill and its kernel are ended too."""
    raise KeyboardInterrupt


@contextlib.contextmanager
def _alone(root: Path, name: str = "") -> Iterator[None]:
    """Wait until no other such command works in `work/` of this project; keep others out."""
    import fcntl

    (root / "work").mkdir(exist_ok=True)
    with (root / "work" / f".{name}lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another course command is at work here; waiting for it to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        except KeyboardInterrupt:
            say("\ncourse: interrupted; the same command goes on where this one stopped")
            raise typer.Exit(130) from None


def _chapters(chosen: list[Path] | None, root: Path) -> list[Path]:
    """Return the chapters that a user named, or all.

    Raises:
        NotebookError: one of them is not a chapter of this project.
    """
    folder = Paths(root).notebooks
    for path in chosen or []:
        if path.resolve().parent != folder.resolve():
            raise NotebookError(f"{path}: not in {folder}, so it is no chapter of this project")
    return chosen or notebooks.find_chapters(folder)


def _run(
    chosen: list[Path], profile: str, paths: Paths, way: Way = HERE, brief: bool = False
) -> list[Record]:
    """Run what needs a run, and tell what failed; return the records of all chosen notebooks.

    `brief` leaves it to the caller to tell what failed.
    """
    records = checking.bring_up_to_date(chosen, profile, paths, way, say)
    for record in records:
        if record.status != "passed" and not brief:
            say(f"\nFAILED {record.notebook}.ipynb ({record.profile}), {record.failure}")
    return records


@app.command()
def run(
    chosen: Chosen = None,
    profile: Profile = "quick",
    require_gpu: RequireGpu = False,
    force: Annotated[bool, typer.Option("--force", help="Run even what is up to date.")] = False,
    time_limit: Annotated[
        float | None,
        typer.Option(min=1, help="Seconds for one notebook. Default: what its .checks.yml says."),
    ] = None,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    publish: Publish = False,
    as_json: AsJson = False,
    root: Root = Path(),
) -> None:
    """Run chapters with papermill; run only those whose code, data or versions changed.

    The executed notebooks and their records are left in work/runs/PROFILE. A notebook that fails
    does not keep the others from running.

    Examples:

        course run

        course run --profile smoke notebooks/1_cnn_rnn_basics.ipynb

        course run --profile smoke --jobs 2

        course run --profile full --require-gpu --publish

        course run --profile smoke --scheduler tcp://10.0.0.1:8786
    """
    check_profile(profile)
    way = _way(force, time_limit, jobs, scheduler, require_gpu)
    paths = Paths(root)
    with _alone(root):
        records = _run(_chapters(chosen, root), profile, paths, way)
    if publish:
        _publish(records, root)
    if as_json:
        print(json.dumps([asdict(record) for record in records], indent=1))
    raise typer.Exit(any(record.status != "passed" for record in records))


@app.command(name="list")
def list_notebooks(
    kind: Annotated[
        str | None,
        typer.Option(help="Only these: chapter, exercise or solution.", show_default="all"),
    ] = None,
    as_json: AsJson = False,
    root: Root = Path(),
) -> None:
    """List the notebooks of the course, as paths.

    Examples:

        course list

        course list --kind chapter --json
    """
    if kind not in (None, *get_args(catalogue.Kind)):
        raise typer.BadParameter(f"{kind!r} is no kind of notebook", param_hint="--kind")
    found = [path for path in catalogue.find(root) if kind in (None, catalogue.kind(path))]
    paths = [path.relative_to(root).as_posix() for path in found]
    print(json.dumps(paths) if as_json else "\n".join(paths))


@app.command()
def check(
    chosen: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Notebooks, as paths; also your own work on an exercise. Default: every one of the course."
        ),
    ] = None,
    profile: Profile = "smoke",
    seeds: Annotated[
        int,
        typer.Option(min=0, help="Run the chapters with so many seeds and report the spread."),
    ] = 0,
    keep: Annotated[
        bool, typer.Option("--keep", help="With --seeds: write the spreads beside the chapters.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Run even what is up to date.")] = False,
    time_limit: Annotated[
        float | None,
        typer.Option(
            min=1,
            help="Seconds for one notebook; of a student's work, for one cell.",
            show_default=f"{student_check.CELL_LIMIT:g} for a cell",
        ),
    ] = None,
    hints: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Of a student's work: how many hints to show for a task that fails.",
            show_default="1",
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", "-j", min=1, help="Notebooks at a time. Default: one per core, 1 with a GPU."
        ),
    ] = None,
    scheduler: Scheduler = None,
    require_gpu: RequireGpu = False,
    publish: Publish = False,
    as_json: AsJson = False,
    root: Root = Path(),
) -> None:
    """Check every notebook of the course, or a student's own work on an exercise.

    Each runs, unless its last run still holds, within its limits of time and memory. What it keeps
    is compared with what NAME.checks.yml beside it expects, and with the bands of NAME.spread.json.
    An exercise must stop at its first NotImplementedError, a solution pass all of its tests. A
    line for each fault names the notebook, the value and its band.

    A student's work is an exercise that you name and that lies anywhere but in
    notebooks/exercises/NAME/, or there with an answer in it. It runs from the top in a fresh
    kernel, past cells that fail. A table has the points that the visible tests of each task give,
    the message of a test that fails, and a hint. Nothing is written to it. Ends with 1 if a
    visible test fails, and with 2 if a file can't be read.

    Examples:

        course check work/1_cnn_rnn_basics.ipynb

        course check --hints 3 work/1_cnn_rnn_basics.ipynb

        course check

        course check --profile quick notebooks/1_cnn_rnn_basics.ipynb

        course check --seeds 5 --keep --profile quick notebooks/3_cnn_with_gradient_tape.ipynb

        course check --profile full --require-gpu --publish notebooks/*.ipynb

        course check --scheduler tcp://10.0.0.1:8786

        course check --json > checks.json
    """
    check_profile(profile)
    own = student_check.students_work(chosen or [], root)
    if own:
        if len(own) < len({path.resolve() for path in chosen or []}):
            raise NotebookError(f"{own[0]}: a student's work; check it apart from the course's own")
        others = {
            "--seeds": seeds,
            "--keep": keep,
            "--force": force,
            "--jobs": jobs,
            "--scheduler": scheduler,
            "--require-gpu": require_gpu,
            "--publish": publish,
        }
        for name in (name for name, value in others.items() if value):
            raise typer.BadParameter(f"not for a student's work: {own[0]}", param_hint=name)
        limit = time_limit or student_check.CELL_LIMIT
        raise typer.Exit(_check_own(own, limit, 1 if hints is None else hints, as_json))
    if hints is not None:
        raise typer.BadParameter("only for a student's work that you name", param_hint="--hints")
    way = _way(force, time_limit, jobs, scheduler, require_gpu)
    chosen = catalogue.choose(chosen, root)
    if keep:
        checking.demand_enough(seeds)
    if seeds:
        raise typer.Exit(_measure_spreads(chosen, profile, root, seeds, keep, way, as_json))
    with _alone(root):
        found = checking.check(chosen, profile, root, way, say)
    for notebook, checked in found.items():
        for fault in checked.faults:
            say(f"FAILED {notebook} ({profile}), {fault}")
    if publish:
        _publish([one.record for one in found.values() if one.record and not one.faults], root)
    bad = sum(bool(checked.faults) for checked in found.values())
    say(f"{len(found) - bad} of {len(found)} notebooks pass their checks in {profile}")
    if as_json:
        print(json.dumps({catalogue.name(n): _told(one) for n, one in found.items()}, indent=1))
    raise typer.Exit(bool(bad))


def _check_own(paths: list[Path], limit: float, hints: int, as_json: bool) -> int:
    """Check students' notebooks by their visible tests; print what they say; return the exit code."""
    display, reports = Display(say), []
    for path in paths:
        display.say(f"running {path} from the top; TensorFlow takes some seconds to start")

        def show(done: int, total: int, name: str = path.stem) -> None:
            display.show(name, Progress(done, total) if done < total else None)

        try:
            reports.append(student_check.check(path, limit, hints, show))
        except KeyboardInterrupt:
            say("\ncourse: interrupted; nothing was kept")
            return 130
        finally:
            display.show(path.stem, None)
    if as_json:
        told = {report.notebook: report.as_dict() for report in reports}
        print(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        print("\n\n".join(map(str, reports)))
    return int(not all(report.passed for report in reports))


def _told(checked: Checked) -> dict[str, Any]:
    """Return what became of a notebook as JSON has it."""
    return (asdict(checked.record) if checked.record else {}) | {"faults": checked.faults}


def _way(
    force: bool, limit: float | None, jobs: int | None, scheduler: str | None, require_gpu: bool
) -> Way:
    """Return how notebooks are to be run; end the command if that needs a GPU and has none."""
    here = scheduler is None  # the workers of a cluster look for themselves
    if require_gpu and here and not sees_gpu():
        say("course: --require-gpu: TensorFlow sees no GPU here")
        raise typer.Exit(1)
    if jobs and not here:
        raise typer.BadParameter(
            "a cluster runs as many at a time as its workers have threads", param_hint="--jobs"
        )
    return Way(force, limit, jobs, scheduler, require_gpu)


def _publish(records: list[Record], root: Path) -> None:
    """Keep the records of the chapters that passed in book/results."""
    for record in records:
        if record.status == "passed" and "/" not in record.notebook:
            when = record.started[:16].replace(":", "")
            path = root / "book/results" / f"{when}_{record.notebook}_{record.profile}.json"
            # The address of a worker is nobody's business
            replace(record, worker="a worker" if record.worker else None).save(path)
            say(f"kept {path.relative_to(root)}")


def _measure_spreads(
    chosen: list[Path], profile: str, root: Path, seeds: int, keep: bool, way: Way, as_json: bool
) -> int:
    """Run chapters with several seeds; print the spread of what they keep; return the exit code."""
    chapters = [notebook for notebook in chosen if catalogue.kind(notebook) == "chapter"]
    with _alone(root):
        measured = checking.measure_spreads(chapters, profile, root, seeds, way, say)
    told: dict[str, Any] = {}
    for chapter, found in measured.items():
        for fault in found.faults:
            say(f"FAILED {chapter} ({profile}), {fault}")
        if found.spread is None:
            continue
        told[catalogue.name(chapter)] = {"kind": found.kind} | asdict(found.spread)
        say(f"{catalogue.name(chapter)}, {found.kind}, {seeds} seeds:")
        for metric, values in found.spread.metrics.items():
            line = f"  {metric}: {min(values):.4g} to {max(values):.4g}"
            if seeds >= checks.FEWEST:
                low, high = checks.band(values)
                line += f", band {low:.4g} to {high:.4g}"
            say(line)
        if keep:
            checks.keep_spread(chapter, found.kind, found.spread)
            say(f"kept {checks.spread_file(chapter)}")
    if as_json:
        print(json.dumps(told, indent=1))
    return int(any(found.spread is None for found in measured.values()))


app.command(name="slides")(make_slides)


@app.command(name="pdf")
def make_pdf(profile: Profile = "quick", jobs: Jobs = None, root: Root = Path()) -> None:
    """Run what needs a run and make the book as one PDF, _build/course.pdf, by XeLaTeX.

    tools/install_latex.sh installs what it needs.

    Examples:

        course pdf

        COURSE_DATA=../datasets course pdf --profile full
    """
    paper.check_tools()
    with _after_runs(profile, jobs, root):
        print(os.path.relpath(paper.make(root, profile, say)))


@app.command(name="zip")
def zip_notebooks(profile: Profile = "quick", jobs: Jobs = None, root: Root = Path()) -> None:
    """Run what needs a run and pack the executed chapters into _build/notebooks.zip.

    Examples:

        course zip

        COURSE_DATA=../datasets course zip --profile full
    """
    with _after_runs(profile, jobs, root):
        print(os.path.relpath(book.pack(root, profile)))


@contextlib.contextmanager
def _after_runs(profile: str, jobs: int | None, root: Path) -> Iterator[None]:
    """Run what needs a run before something is made of all chapters; nothing is, if one fails."""
    check_profile(profile)
    book.check_configuration(root)
    with _alone(root):
        records = _run(_chapters(None, root), profile, Paths(root), Way(jobs=jobs))
        for record in records:
            if record.status != "passed":
                say(f"FAILED {record.notebook}.ipynb ({record.profile}), {record.failure}")
                raise typer.Exit(1)
        yield


@app.command(name="book")
def build_book(
    profile: Profile = "quick",
    jobs: Jobs = None,
    executed: Annotated[
        Path | None,
        typer.Option(
            help="A folder with runs made elsewhere. Those of the code of now are shown, not run again.",
            show_default="none",
        ),
    ] = None,
    root: Root = Path(),
) -> None:
    """Run what needs a run and build the book; its pages are left in _build/html.

    Examples:

        course book

        COURSE_DATA=../datasets course book --profile full

        course book --executed work/checks/full
    """
    check_profile(profile)
    book.check_configuration(root)
    with _alone(root):
        chapters = _chapters(None, root)
        taken = book.adopted(chapters, executed)
        if executed and not taken:
            say(f"{executed}: no run there is one of the code of now")
        for record in taken.values():
            say(
                f"{record.notebook} ({record.profile}): as run on {record.started[:10]}, {record.device}"
            )
        waiting = [chapter for chapter in chapters if chapter not in taken]
        records = _run(waiting, profile, Paths(root), Way(jobs=jobs))
        good = book.build(root, book.stage(root, profile, executed), say)
    failed = [record for record in records if record.status != "passed"]
    index = root / "_build/html/index.html"
    if not good:
        say("\nJupyter Book warned or failed (above); a warning is an error here.")
    if failed:
        say(f"\n{len(failed)} of {len(records)} chapters failed:")
        for record in failed:
            say(f"FAILED {record.notebook}.ipynb ({record.profile}), {record.failure}")
    if index.exists():
        say(f"\nOpen {index.absolute().as_uri()}")
        shown = book.runs_of_this_build(root, profile, executed)
        say(book.data_note(shown).replace(":::{warning}\n", "").removesuffix("\n:::"))
    raise typer.Exit(bool(failed) or not good)


@app.command()
def ledger(profile: Profile = "quick", as_json: AsJson = False, root: Root = Path()) -> None:
    """List every claim of the documents with our value and the verdict of the last runs.

    Ends with 1 if a claim is not reproduced, or no run has judged it.

    Examples:

        course ledger

        course ledger --profile smoke --json
    """
    check_profile(profile)
    runs = book.records(root, profile)
    judgements = {
        claims.notebook: judge_all(claims, runs) for claims in load_all(root / "book/ledger")
    }
    if as_json:
        rows = {
            name: [
                {"id": j.claim.id, "document": j.claim.seed, "ours": j.ours, "verdict": j.verdict}
                for j in items
            ]
            for name, items in judgements.items()
        }
        print(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        for name, items in judgements.items():
            print(name)
            for j in items:
                print(f"  {j.claim.id}: {j.verdict or f'not judged: {j.reason}'}")
    bad = [j for items in judgements.values() for j in items if j.verdict != j.claim.verdict]
    raise typer.Exit(bool(bad))


@app.command(name="pins")
def check_pins(
    chosen: Chosen = None,
    update: Annotated[
        bool, typer.Option("--update", help="Write what the code makes now into the chapters.")
    ] = False,
    jobs: Jobs = None,
    root: Root = Path(),
) -> None:
    """Check with nbval that the outputs committed in the chapters are what the code makes.

    These are the cells tagged nbval-check-output. The chapters run in the profile smoke, unless
    their last run there still holds; nbval compares what the runs have left.

    Examples:

        course pins

        course pins --update notebooks/1_cnn_rnn_basics.ipynb
    """
    chapters, paths = _chapters(chosen, root), Paths(root)
    with _alone(root):
        records = _run(chapters, "smoke", paths, Way(jobs=jobs))
        if any(record.status != "passed" for record in records):
            raise typer.Exit(1)
        runs = {chapter: paths.executed(chapter, "smoke") for chapter in chapters}
        if not update:
            raise typer.Exit(pins.compare(runs, root / "work" / "pins", say))
        for chapter, executed in runs.items():
            pinned = notebooks.pin_outputs(notebooks.read(chapter), notebooks.read(executed))
            _write_if_changed(chapter, pinned)


def _write_if_changed(path: Path, notebook: NotebookNode) -> bool:
    """Write a notebook as it is committed; return whether that changed the file."""
    import nbformat

    text = nbformat.writes(notebook) + "\n"
    if path.read_text(encoding="utf-8") == text:
        return False
    write_atomically(path, text)
    say(f"wrote {path}")
    return True


@app.command()
def device(require_gpu: RequireGpu = False, as_json: AsJson = False) -> None:
    """Tell what this machine has: cores, memory, GPUs as nvidia-smi and TensorFlow see them.

    With --require-gpu it ends with 1 if one of the two sees none.

    Examples:

        course device

        course device --require-gpu --json
    """
    found = describe()
    if as_json:
        print(json.dumps(found, indent=1))
    else:
        print(f"cores: {found['cores']}\nmemory: {found['memory_mib']:,} MiB")
        for name, title in (("nvidia_smi", "nvidia-smi"), ("tensorflow", "TensorFlow")):
            print(f"GPUs that {title} sees: {'; '.join(found[name]) or 'none'}")
    missing = not (found["nvidia_smi"] and found["tensorflow"])
    if require_gpu and missing:
        say("course: --require-gpu: nvidia-smi and TensorFlow must both see a GPU")
    raise typer.Exit(require_gpu and missing)


@app.command(name="race")
def run_race(
    chosen: Chosen = None,
    profile: Profile = "smoke",
    repeats: Annotated[int, typer.Option(min=1, help="How many pairs of runs.")] = 3,
    as_json: AsJson = False,
    root: Root = Path(),
) -> None:
    """Measure how long the chapters take as we run them, against plain papermill.

    Plain papermill runs one after the other; ours side by side, with warm kernels. Both run in
    pairs. Ends with 1 if the median ratio is above 0.45 in smoke or 0.8 in quick.

    Examples:

        course race

        course race --profile quick --json
    """
    check_profile(profile)
    with _alone(root):
        found = race(_chapters(chosen, root), profile, Paths(root, "work/race"), repeats, say)
    say(str(found))
    if as_json:
        print(json.dumps(asdict(found) | {"ratios": found.ratios, "reached": found.reached}))
    raise typer.Exit(not found.reached)


@app.command()
def speed(
    chosen: Chosen = None,
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, help="How often each contestant is measured.")
    ] = 5,
    as_json: AsJson = False,
    root: Root = Path(),
) -> None:
    """Measure the speed ratios that chapters declare, and compare each with its floor.

    Takes the cells tagged speed, in a process of its own, on the CPU, in the profile that the
    chapter itself sets. Prints the middle ratio of the repeats, the lowest and the highest. Ends
    with 1 if a middle ratio is below its floor or a chapter fails; the others are measured still.

    Examples:

        course speed

        course speed notebooks/3_cnn_with_gradient_tape.ipynb --repeats 9 --json
    """
    chapters = choose(_chapters(chosen, root), benchmark.TAG, benchmark.DEFINES, bool(chosen))
    results = []
    code = 0
    with _alone(root):
        for chapter in chapters:
            say(
                f"{chapter.name}: its cells tagged '{benchmark.TAG}', {repeats} repeats, on the CPU"
            )
            try:
                results += benchmark.run(chapter, repeats)
            except CellError as error:
                say(f"\nFAILED {error}")
                code = max(code, 1)
            except SpeedError as error:
                say(f"course: {error}")
                code = 2
            except KeyboardInterrupt:
                say("\ncourse: interrupted; nothing was kept")
                raise typer.Exit(130) from None
    if as_json:
        print(json.dumps([result.as_dict() for result in results], indent=1))
    else:
        for result in results:
            print(result)
    if not all(result.reached for result in results):
        code = max(code, 1)
    raise typer.Exit(code)


@app.command()
def experiments(
    chosen: Chosen = None,
    only: Annotated[
        str, typer.Option("--only", metavar="PREFIX", help="Those whose names begin so.")
    ] = "",
    list_only: Annotated[
        bool,
        typer.Option(
            "--list", help="Run no experiment; say which are done, missing or of older code."
        ),
    ] = False,
    as_json: AsJson = False,
    root: Root = Path(),
) -> None:
    """Run the long experiments that chapters declare; what is done is not done again.

    Takes the cells tagged experiments. Each result is written to course/records as soon as it is
    there, so that an interrupted command goes on where it stopped. An experiment whose code or
    settings changed runs again. One that fails does not keep the others from running. Ends with 1
    if one failed, or with --list, if one is missing or of older code.

    Examples:

        course experiments --list

        COURSE_DATA=../datasets course experiments --only survival
    """
    from course import experimenter  # after the start: it takes a second

    folder = root / "course/records"
    told: dict[str, dict[str, str]] = {}
    failed = False
    # A lock of its own: they take hours, and the chapters can run beside them. What the cells
    # print goes to stderr
    with _alone(root, "experiments."), contextlib.redirect_stdout(sys.stderr):
        for chapter in choose(
            _chapters(chosen, root), experimenter.TAG, experimenter.DEFINES, bool(chosen)
        ):
            try:
                if list_only:
                    states = experimenter.states(chapter, only, folder)
                else:
                    states = experimenter.run(chapter, only, say, folder)
            except CellError as error:
                say(f"\nFAILED {error}")
                failed = True
                continue
            if states:
                told[chapter.stem] = states
    if not told and not failed:
        raise ExperimentError(f"no experiment has a name that begins with {only!r}")
    if as_json:
        print(json.dumps(told, indent=1))
    elif list_only:
        for chapter, states in told.items():
            for name, state in states.items():
                print(f"{chapter}: {name}: {state}")
    undone = any(state != "done" for states in told.values() for state in states.values())
    raise typer.Exit(failed or undone)


@app.command(name="backend")
def check_backend(
    device: Annotated[
        str | None,
        typer.Option(help="Such as /GPU:0 or CPU:0. Default: the one that TensorFlow would take."),
    ] = None,
    xla: Annotated[
        bool, typer.Option("--xla", help="Check compiled operations too; takes a minute.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check in seconds that this machine computes what TensorFlow promises.

    Small convolutions, poolings, losses, recurrent layers and so on run eagerly and in a graph, in
    training mode and in inference mode. Outputs and gradients are compared with float64 NumPy.
    Ends with 1 if an operation is wrong; a line for each fault names it.

    Examples:

        course backend

        course backend --device /GPU:0 --json
    """
    say("starting TensorFlow")
    with _quiet_start():
        from course import backend
    try:
        # A pretended GPU can't compute
        where = backend.find_device("CPU" if pretended_gpu() else device)
        say(f"checking {len(backend.OPERATIONS)} operations on {where}")
        report = backend.check(where, modes=[*backend.MODES, "xla"] if xla else backend.MODES)
    except backend.BackendError as error:
        say(f"course: {error}")
        raise typer.Exit(2) from None
    print(json.dumps(report.as_dict(), indent=1) if as_json else report)
    raise typer.Exit(not report.passed)


@contextlib.contextmanager
def _quiet_start() -> Iterator[None]:
    """Keep what TensorFlow's libraries write while they are loaded off the terminal."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    terminal = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
        os.close(nowhere)


@app.command()
def strip(files: Annotated[list[Path], typer.Argument(help="Notebooks.")]) -> None:
    """Remove the outputs from notebooks, but for cells tagged nbval-check-output.

    Ends with 1 if a file changed, as pre-commit expects it.

    Examples:

        course strip notebooks/*.ipynb
    """
    changed = [
        _write_if_changed(path, notebooks.pin_outputs(notebooks.read(path), None)) for path in files
    ]
    raise typer.Exit(any(changed))
