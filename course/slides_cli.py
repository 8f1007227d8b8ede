"""The command `course slides`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from course import notebooks, slides
from course.notebooks import NotebookError
from course.profiles import PROFILES, check_profile
from course.runs import Paths


def make_slides(
    chosen: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Chapters to take, as paths. Default: every notebook in notebooks/.",
        ),
    ] = None,
    profile: Annotated[
        str, typer.Option("--profile", "-p", help=f"Whose run is shown: {', '.join(PROFILES)}.")
    ] = "quick",
    root: Annotated[
        Path, typer.Option(help="The folder of the project.", show_default="here")
    ] = Path(),
) -> None:
    """Make slides of chapters from their last runs: _build/slides/NAME.slides.html.

    Nothing is run. Open the page in a browser: arrow keys go on, S opens a window with the prose
    of the chapter for the speaker, O shows all slides, and ?print-pdf at the end of the address
    makes a form to print. A page needs the two folders beside it, and no internet.

    Examples:

        course slides

        course slides notebooks/1_cnn_rnn_basics.ipynb

        course slides --profile full
    """
    check_profile(profile)
    folder = Paths(root).notebooks
    for path in chosen or []:
        if path.resolve().parent != folder.resolve():
            raise NotebookError(f"{path}: not in {folder}, so it is no chapter of this project")
    for chapter in chosen or notebooks.find_chapters(folder):
        print(os.path.relpath(slides.make(root, chapter, profile)))
