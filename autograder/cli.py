"""The command `autograder`."""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from autograder.errors import UserError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Make exercises from their solutions, and grade them.",
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
    """Make exercises from their solutions, and grade them."""


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
    """Generate notebooks/exercises/ from solutions/ by plain nbgrader."""
    from autograder import exercises
    from autograder.nbgrader_course import find_course

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
    "The bank of an assignment is tests/solutions/ASSIGNMENT/, one file per task:\n\n"
    "  # %% wrong: WHAT IS WRONG\n\n  ...code of the answer cell...\n\n"
    "  # %% right: HOW IT IS WRITTEN\n\n  ...code of the answer cell..."
)
def bank(
    assignments: Assignments = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Grade the bank of known right and wrong answers by plain nbgrader.

    Exits 1 if a wrong answer earns a point, a right one loses a point, or a task has no answers.
    """
    from autograder import exercises
    from autograder.bank import grade_bank
    from autograder.nbgrader_course import find_course

    course = find_course(Path.cwd())
    results = {}
    for name in exercises.select(course, assignments or []):
        print(f"$ nbgrader autograde {name}  (in a temporary course folder)", file=sys.stderr)
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        ) as progress:
            line = progress.add_task(f"grading the bank of {name}", total=None)
            results[name] = grade_bank(
                course,
                name,
                lambda done, total, bar=progress, task=line: bar.update(
                    task, completed=done, total=total
                ),
            )
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


def main() -> None:
    """Run the command; a mistake of the user's ends in one line and exit code 2."""
    try:
        app()
    except UserError as error:
        print(f"autograder: {error}", file=sys.stderr)
        sys.exit(2)
