"""What the commands of `autograder` share."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Assignment = Annotated[str, typer.Argument(metavar="ASSIGNMENT", help="A folder under solutions/.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@contextmanager
def progress(title: str, total: int | None) -> Iterator[Callable[..., None]]:
    """Show progress on stderr, if that is a terminal.

    Yields:
        The function that is told how many are done, of how many, and perhaps what else to show.
    """
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[told]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as shown:
        line = shown.add_task(title, total=total, told="")

        def update(done: int, of: int | None, told: str = "") -> None:
            shown.update(line, completed=done, total=of, told=told)

        yield update
