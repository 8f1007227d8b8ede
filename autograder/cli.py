"""The command `autograder`."""

import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from autograder import teaching_cli
from autograder.cli_support import AsJson, Assignment, progress
from autograder.errors import UserError

INTERRUPTED = 130  # the exit code

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Make exercises from their solutions, and take a class from hand-in to marks.",
)

Assignments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ASSIGNMENT",
        help="Folders under solutions/. All of them if none is named.",
        show_default=False,
    ),
]


@app.callback()
def _autograder() -> None:
    """Make exercises from their solutions, and take a class from hand-in to marks."""


@app.command(
    epilog="Examples:\n\n  autograder release\n\n  autograder release 1_cnn_rnn_basics\n\n"
    "  autograder release --check"
)
def release(
    assignments: Assignments = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Change nothing. Name the stale exercises and exit 1 if there are any."
        ),
    ] = False,
) -> None:
    """Generate notebooks/exercises/ from solutions/ by plain nbgrader.

    Before, the tests are tried: the solution must earn all points, and guesses must not.
    """
    from autograder import exercises
    from autograder.authors import try_tests
    from autograder.nbgrader_course import find_course
    from course.warm import WarmError

    course = find_course(Path.cwd())
    names = exercises.select(course, assignments or [])
    orphans = [] if assignments else exercises.find_orphans(course)
    if check:
        stale = exercises.find_stale(course, names)
        for name, differences in stale.items():
            print(f"stale: {name} ({'; '.join(differences)}). Run: autograder release {name}")
        for name in orphans:
            print(f"stale: {name} (no solutions/{name}). Delete notebooks/exercises/{name}")
        if stale or orphans:
            raise typer.Exit(1)
        print(f"fresh: {', '.join(names)}")
        return
    for name in names:
        print(f"trying the tests of {name}", file=sys.stderr)
        try:
            try_tests(course, name)
        except WarmError as error:
            print(f"{name}: its tests were not tried: {error}", file=sys.stderr)
        released = exercises.release(
            course, name, lambda command: print(f"$ {' '.join(command)}", flush=True)
        )
        folder = os.path.relpath(course.exercises / name)
        print(
            f"{folder}: {'written' if released.changed else 'nothing to change'}"
            + (
                f"; the old one is kept in {os.path.relpath(released.kept)}"
                if released.kept
                else ""
            )
        )
    for name in orphans:
        print(f"notebooks/exercises/{name} has no solutions/{name}: delete it")


@app.command(
    epilog="Examples:\n\n  autograder bank\n\n  autograder bank 1_cnn_rnn_basics --json\n\n"
    "  autograder bank --sandbox\n\n"
    "The bank of an assignment is tests/solutions/ASSIGNMENT/, one file per task:\n\n"
    "  # %% wrong: WHAT IS WRONG\n\n  ...code of the answer cell...\n\n"
    "  # %% right: HOW IT IS WRITTEN\n\n  ...code of the answer cell..."
)
def bank(
    assignments: Assignments = None,
    sandbox: Annotated[
        bool,
        typer.Option("--sandbox", help="Grade as `autograder grade` does, not by plain nbgrader."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Grade the bank of known right and wrong answers, by plain nbgrader or in the sandbox.

    Exits 1 if a wrong answer earns a point, a right one loses a point, or a task has no answers.
    """
    from autograder import exercises
    from autograder.bank import grade_bank
    from autograder.nbgrader_course import find_course

    course = find_course(Path.cwd())
    results = {}
    for name in exercises.select(course, assignments or []):
        grader = "autograder grade" if sandbox else "nbgrader autograde"
        print(f"$ {grader} {name}  (in a temporary course folder)", file=sys.stderr)
        with progress(f"grading the bank of {name}", None) as update:
            results[name] = grade_bank(course, name, update, sandbox)
    if as_json:
        print(json.dumps([_as_data(name, *result) for name, result in results.items()], indent=2))
    else:
        for name, result in results.items():
            _print_table(name, *result)
    if any(
        without or not all(outcome.as_expected for outcome in outcomes)
        for outcomes, without in results.values()
    ):
        raise typer.Exit(1)


@app.command(
    epilog="Examples:\n\n  autograder grade 1_cnn_rnn_basics\n\n"
    "  autograder grade 1_cnn_rnn_basics --student hana --student min\n\n"
    "  autograder grade 1_cnn_rnn_basics --workers 2 --json\n\n"
    "  autograder grade 1_cnn_rnn_basics --scheduler tcp://10.0.0.1:8786\n\n"
    "Submissions are work/submitted/STUDENT/ASSIGNMENT/, where `autograder collect` puts them."
)
def grade(
    assignment: Annotated[
        str, typer.Argument(metavar="ASSIGNMENT", help="A folder under solutions/.")
    ],
    student: Annotated[
        list[str] | None,
        typer.Option(metavar="STUDENT", help="Grade this one; all if none is named."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Submissions that are graded at a time.")] = 1,
    without_sandbox: Annotated[
        bool,
        typer.Option(
            "--without-sandbox",
            help="Give isolation up: the submissions can read and change all that you can.",
        ),
    ] = False,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Of a Dask scheduler, whose workers grade instead of these."
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Grade also what has not changed since the last time.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Grade the submissions of an assignment, each in a sandbox, and write the gradebook.

    What was graded before, and has not changed, is left as it is: after an interruption the same
    command grades the rest. Exits 1 if a submission was refused.
    """
    from autograder import exercises, grading, marks
    from autograder.lock import alone
    from autograder.nbgrader_course import find_course

    course = find_course(Path.cwd())
    exercises.select(course, [assignment])
    handed_in = grading.find_students(course, assignment)
    for name in student or []:
        if name not in handed_in:
            raise UserError(
                f"{name} has not handed in {assignment}: there is no folder "
                f"work/submitted/{name}/{assignment}"
            )
    students = list(dict.fromkeys(student or handed_in))
    if not students:
        raise UserError(
            f"nobody has handed in {assignment}: put submissions into "
            f"work/submitted/STUDENT/{assignment}/"
        )
    if without_sandbox:
        print(
            "WITHOUT A SANDBOX: submissions can read and change all that you can", file=sys.stderr
        )
    found: list[grading.Graded] = []
    with (
        alone(course),
        progress(f"grading {assignment}", len(students)) as update,
        ThreadPoolExecutor(1) as beside,
    ):
        learned = beside.submit(grading.learn, course, assignment)  # while TensorFlow is imported
        with _grader(course, assignment, workers, not without_sandbox, scheduler) as (
            grader,
            slots,
        ):
            learned.result()
            total = len(students)
            update(0, total, _standing(found, total, slots))
            for one in grading.grade(course, assignment, grader, students, slots, again):
                found.append(one)
                update(len(found), total, _standing(found, total, slots))
    for name in grading.find_links(course, assignment):
        print(f"work/submitted/{name} is a link: it was left out", file=sys.stderr)
    with contextlib.suppress(UserError):  # which another command will tell
        known = marks.read(course, assignment)
        found = [
            replace(one, points=known[one.student].points, max_points=known[one.student].max_points)
            if one.student in known and not one.failed
            else one
            for one in found
        ]
    found.sort(key=lambda one: one.student)
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=2))
    else:
        _print_graded(assignment, found)
    if any(one.refused or one.failed for one in found):
        raise typer.Exit(1)


@contextmanager
def _grader(
    course: Any, assignment: str, workers: int, sandboxed: bool, scheduler: str | None
) -> Iterator[tuple[Any, int]]:
    """Give what grades submissions, and how many at a time."""
    from autograder import grading

    if not scheduler:
        with grading.make_worker(course, [assignment], course.limits, sandboxed, workers) as worker:
            yield worker, workers
        return
    from autograder.cluster import ClusterGrader

    modules = grading.modules(course, [assignment])
    with ClusterGrader(scheduler, modules, course.limits, sandboxed) as cluster:
        # One more than run for each, so that none waits for this machine
        yield cluster, 2 * cluster.slots


def _standing(found: list, total: int, slots: int) -> str:
    """Say how many submissions are graded now, wait, and were refused."""
    left = total - len(found)
    told = f"{min(slots, left)} running, {max(0, left - slots)} waiting"
    refused = sum(1 for one in found if one.refused)
    return f"{told}, {refused} refused" if refused else told


def _print_graded(assignment: str, found: list) -> None:
    table = Table(title=f"Grades of {assignment}", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("student")
    table.add_column("points", justify="right")
    table.add_column("of", justify="right")
    table.add_column("")
    for one in found:
        told = [f"refused: {one.refused}"] if one.refused else []
        told += ["NOT GRADED; the next run tries again"] if one.failed else []
        told += ["a human has to grade the rest"] if one.needs_human else []
        table.add_row(
            escape(one.student),
            f"{one.points:g}",
            f"{one.max_points:g}",
            escape("\n".join([*told, *one.notes])),
        )
    Console().print(table)
    unchanged = sum(1 for one in found if one.unchanged)
    failed = sum(1 for one in found if one.failed)
    told = f"{len(found) - unchanged - failed} graded"
    told += f", {unchanged} unchanged" * bool(unchanged) + f", {failed} not graded" * bool(failed)
    human = "formgrader (`make lab`) for what a human grades, then " * any(
        one.needs_human for one in found
    )
    print(f"{told}. Next: {human}`autograder feedback {assignment}`.")


@app.command(epilog="Examples:\n\n  autograder doctor\n\n  autograder doctor --json")
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Say what this machine offers for grading; try each limit of the sandbox for real.

    Exits 1 if submissions can't be graded safely here.
    """
    from autograder.doctor import examine
    from autograder.nbgrader_course import find_course

    limits = find_course(Path.cwd()).limits
    found = []
    with progress("trying the walls of the sandbox", None) as update:
        for finding in examine():
            found.append(finding)
            update(len(found), None)
    works = all(one.works for one in found)
    if as_json:
        print(
            json.dumps(
                {
                    "works": works,
                    "findings": [asdict(one) for one in found],
                    "limits": asdict(limits),
                },
                indent=2,
            )
        )
    else:
        table = Table(box=box.SIMPLE_HEAD)
        table.add_column("tried")
        table.add_column("works")
        table.add_column("what happened")
        for one in found:
            answer = "yes" if one.works else "[bold red]NO[/]"
            table.add_row(escape(one.what), answer, escape(one.told))
        console = Console()
        console.print(table)
        told = ", ".join(f"{name} {value:g}" for name, value in asdict(limits).items())
        console.print(f"A submission may use: {told} (c.Limits in nbgrader_config.py).")
        console.print(
            "Submissions can be graded here." if works else "[bold red]Don't grade here.[/]"
        )
    if not works:
        raise typer.Exit(1)


@app.command(
    epilog="Examples:\n\n  autograder attacks\n\n  autograder attacks --plain\n\n"
    "  autograder attacks --plain --family patching --json\n\nThe attacks are in tests/attacks/."
)
def attacks(
    plain: Annotated[
        bool,
        typer.Option("--plain", help="Grade them by plain nbgrader too, each in a container."),
    ] = False,
    family: Annotated[
        str | None, typer.Option(metavar="NAME", help="One file of tests/attacks; all if none.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Graded at a time in the sandbox.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Grade wrong answers that try to get points or to do harm.

    Exits 1 if one of them earns a point, or a right submission beside them loses one.
    """
    from tempfile import TemporaryDirectory

    from autograder.attacks import Attacks
    from autograder.nbgrader_course import CONFIG, find_course

    root = find_course(Path.cwd()).root
    with (
        TemporaryDirectory(prefix="attacks-") as ours,
        TemporaryDirectory(prefix="plain-") as theirs,
    ):
        folder = root / "tests" / "attacks"
        suite = Attacks(folder, root / CONFIG, Path(ours).resolve(), family)
        total = len(suite.attacks) + len(suite.right)
        lost = []
        with progress("grading attacks in the sandbox", total) as update:
            for done, one in enumerate(suite.grade(workers), start=1):
                if one.student in suite.right and one.points != suite.max_points:
                    lost.append(one.student)
                update(done, total)
        found = suite.earned()
        compared = [None] * len(found)
        if plain:
            other = Attacks(folder, root / CONFIG, Path(theirs).resolve(), family)
            with progress("grading attacks by plain nbgrader", len(found)) as update:
                for done, _ in enumerate(other.grade_plainly(), start=1):
                    update(done, len(found))
            compared = other.earned()
    rows = [
        {
            "family": one.attack.family,
            "task": one.attack.task,
            "what": one.attack.what,
            "points": one.points,
            "max_points": one.max_points,
            "others": one.others,
            "max_others": one.max_others,
            "plain_points": None if them is None else them.points,
            "plain_others": None if them is None else them.others,
            "harmful": one.attack.harmful,
        }
        for one, them in zip(found, compared, strict=True)
    ]
    if as_json:
        print(json.dumps({"attacks": rows, "right_that_lost_points": lost}, indent=2))
    else:
        _print_attacks(rows, plain)
    if lost or any(row["points"] != 0 for row in rows):  # None: it was not graded
        raise typer.Exit(1)


@app.command(
    epilog="Examples:\n\n  autograder scale 1_cnn_rnn_basics\n\n"
    "  autograder scale 1_cnn_rnn_basics --submissions 3000 --json\n\n"
    "It measures with submissions that are there, and takes one to two minutes. Other work on the "
    "machine makes the times longer."
)
def scale(
    assignment: Assignment,
    submissions: Annotated[int, typer.Option(min=1, help="To plan for.")] = 10_000,
    network_mbit: Annotated[
        float, typer.Option(min=0.1, help="Speed of this machine's network, in Mbit/s.")
    ] = 1000,
    as_json: AsJson = False,
) -> None:
    """Measure the steps of grading here, and simulate it on a cluster: what limits it first?"""
    from autograder import exercises, grading
    from autograder import scale as scaling
    from autograder.nbgrader_course import find_course

    course = find_course(Path.cwd())
    exercises.select(course, [assignment])
    students = grading.find_students(course, assignment)[:6]
    if not students:
        raise UserError(
            f"nobody has handed in {assignment}: run `autograder collect {assignment} SOURCE` first"
        )
    with progress("measuring and simulating", None):
        times = scaling.measure(course, assignment, students)
        outcomes = scaling.plan(times, submissions, network_mbit=network_mbit)
    if as_json:
        print(json.dumps(scaling.as_data(times, outcomes), indent=2))
    else:
        scaling.show(times, outcomes, Console())


@app.command(
    epilog="Examples:\n\n  autograder race\n\n  autograder race --submissions 20 --rounds 3\n\n"
    "It takes about a minute for each 5 submissions and round. The exercise is tests/race/."
)
def race(
    submissions: Annotated[int, typer.Option(min=1, help="In each round.")] = 20,
    rounds: Annotated[int, typer.Option(min=1, help="How often all is measured.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Measure the speed beside plain nbgrader, and beside the cells alone (the floor).

    One thread for each process, so that as many as there are cores are fair to each other.
    """
    from tempfile import TemporaryDirectory

    from autograder import race as racing
    from autograder.nbgrader_course import CONFIG, find_course
    from autograder.suite import Suite
    from autograder.worker import THREADS

    root = find_course(Path.cwd()).root
    os.environ.update(dict.fromkeys(THREADS, "1"))
    done, steps = [], 0
    with TemporaryDirectory(prefix="race-") as folder, progress("racing", 4 * rounds) as update:

        def count(_: str) -> None:
            nonlocal steps
            steps += 1
            update(steps, 4 * rounds)

        exercise = root / "tests" / "race" / "exercise.py"
        suite = Suite(exercise, root / CONFIG, Path(folder).resolve())
        for _ in range(rounds):
            done.append(racing.race(suite, submissions, (1, 2), count))
        bare, full = racing.memory(suite)
    found = list(racing.ratios(done))
    if as_json:
        print(
            json.dumps(
                {
                    "submissions": submissions,
                    "rounds": [asdict(one) for one in done],
                    "ratios": {name: [median, low, high] for name, median, low, high in found},
                    "memory_mib": {"bare": bare, "after its cells": full},
                },
                indent=2,
            )
        )
        return
    for one in done:
        told = ", ".join(
            f"{racing.workers_in_words(number)} {seconds:.1f} s"
            for number, seconds in one.ours.items()
        )
        print(f"floor {one.floor:.1f} s, plain nbgrader {one.plain:.1f} s, {told}")
    for name, median, low, high in found:
        print(f"{name}: {median:.2f} ({low:.2f} to {high:.2f})")
    print(f"a further submission: {bare:.0f} MiB, {full:.0f} MiB after its cells")


def _points(points: float | None) -> str:
    return "not graded" if points is None else f"{points:g}"


def _print_attacks(rows: list[dict], plain: bool) -> None:
    table = Table(title="What attacks earn", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("attack")
    table.add_column("of", justify="right")
    table.add_column("here", justify="right")
    if plain:
        table.add_column("plain nbgrader", justify="right")
    family = None
    for row in rows:
        if row["family"] != family:
            family = row["family"]
            table.add_section()
            table.add_row(f"[bold]{family.replace('_', ' ')}[/]")
        points = row["points"]
        here = "0" if points == 0 else f"[bold red]{_points(points)}[/]"
        cells = [escape(row["what"]), f"{row['max_points']:g}", here]
        if plain:
            cells.append("not run" if row["harmful"] else _points(row["plain_points"]))
        table.add_row(*cells)
    Console().print(table)
    print(f"{sum(bool(row['points']) for row in rows)} of {len(rows)} attacks earned points here.")
    if plain:
        ran = [row for row in rows if not row["harmful"]]
        won = [row for row in ran if row["plain_points"]]
        print(f"{len(won)} of {len(ran)} that were run earned points from plain nbgrader.")


def _as_data(name: str, outcomes: list, without: list[str]) -> dict:
    """Return the result of one assignment as data for JSON."""
    return {
        "assignment": name,
        "answers": [
            {
                **{key: value for key, value in asdict(o.answer).items() if key != "code"},
                "points": o.points,
                "max_points": o.max_points,
                "failed_by": o.failed_by,
                "as_expected": o.as_expected,
            }
            for o in outcomes
        ],
        "tasks_without_answers": without,
    }


def _print_table(name: str, outcomes: list, without: list[str]) -> None:
    """Print the result of one assignment as a table."""
    table = Table(title=f"The bank of {name}", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("task and its answers")
    table.add_column("")
    table.add_column("points", justify="right")
    table.add_column("failed by")
    table.add_column("as expected")
    task = None
    for o in outcomes:
        if o.answer.task != task:
            task = o.answer.task
            table.add_section()
            table.add_row(f"[bold]{task}[/]", "", f"[bold]{o.max_points:g}[/]")
        table.add_row(
            escape(o.answer.name),
            "right" if o.answer.right else "wrong",
            f"{o.points:g}",
            o.failed_by,
            "yes" if o.as_expected else "[bold red]NO[/]",
        )
    console = Console()
    console.print(table)
    for task in without:
        console.print(f"[bold red]{task} has no answers[/]: write tests/solutions/{name}/{task}.py")
    if not outcomes and not without:
        console.print("There is nothing to grade: no task has tests.")
        return
    expected = sum(o.as_expected for o in outcomes)
    console.print(f"{expected} of {len(outcomes)} answers are as the bank says.")


teaching_cli.register(app)


def main() -> None:
    """Run the command; a mistake of the user's ends in one line and exit code 2."""
    for number in (signal.SIGTERM, signal.SIGHUP):  # ends as Ctrl-C does, with nothing left behind
        signal.signal(number, signal.default_int_handler)
    try:
        app()
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            print("autograder: interrupted; what was done is kept", file=sys.stderr)
        raise
    except UserError as error:
        print(f"autograder: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"autograder: {where}{error.strerror or error}", file=sys.stderr)
        sys.exit(2)
