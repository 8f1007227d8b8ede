"""The commands of `autograder` with which a teacher takes a class from hand-in to marks."""

import json
import os
from collections import Counter
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from autograder.cli_support import AsJson, Assignment, progress
from autograder.errors import UserError
from course.files import write_atomically


class System(StrEnum):
    """Where submissions come from."""

    AUTO = "auto"
    FOLDER = "folder"
    EXCHANGE = "exchange"
    MOODLE = "moodle"
    CANVAS = "canvas"


class Kind(StrEnum):
    """A form of marks."""

    CSV = "csv"
    JSON = "json"
    MOODLE = "moodle"
    CANVAS = "canvas"


class Back(StrEnum):
    """A course system that takes feedback in."""

    MOODLE = "moodle"
    CANVAS = "canvas"


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the new exercise.")],
) -> None:
    """Write an exercise to begin with: a solution notebook and a bank of answers."""
    from autograder.authoring import new as write_new
    from autograder.nbgrader_course import find_course

    for path in write_new(find_course(Path.cwd()), name):
        print(f"{os.path.relpath(path)}: written")
    print(f"Next: edit them in JupyterLab (`make lab`), then `autograder release {name}`.")


def collect(
    assignment: Assignment,
    sources: Annotated[
        list[Path] | None,
        typer.Argument(metavar="SOURCE", help="Zip files or folders.", show_default=False),
    ] = None,
    system: Annotated[
        System, typer.Option("--from", help="What the sources are; auto looks at their names.")
    ] = System.AUTO,
    as_json: AsJson = False,
) -> None:
    """Take submissions in: from zip files of Moodle or Canvas, nbgrader's exchange, or a folder.

    Exits 1 if something in the sources was not understood.
    """
    from autograder import collect as collecting
    from autograder.lock import alone
    from autograder.nbgrader_course import find_course

    course = find_course(Path.cwd())
    with alone(course), progress(f"collecting {assignment}", None) as update:
        found = collecting.collect(course, assignment, sources or [], system.value, update)
    if as_json:
        print(json.dumps(asdict(found), indent=2))
    else:
        students = {one.student for one in found.taken}
        print(f"{found.system}: {len(found.taken)} new submissions of {len(students)} students")
        if found.unchanged:
            print(f"{len(found.unchanged)} had been collected before")
        if late := sum(one.late for one in found.taken):
            print(f"{late} are marked as late")
        _list("left out", [f"{path}: {reason}" for path, reason in found.ignored])
        print(f"Next: `autograder grade {assignment}`.")
    if found.ignored:
        raise typer.Exit(1)


def status(assignment: Assignment, as_json: AsJson = False) -> None:
    """Show where each submission stands."""
    from autograder import exercises
    from autograder import status as standing
    from autograder.nbgrader_course import find_course

    course = find_course(Path.cwd())
    exercises.select(course, [assignment])
    found = standing.status(course, assignment)
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=2))
        return
    table = Table(title=f"Submissions of {assignment}", title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("student", "name", "state"):
        table.add_column(name, overflow="fold")
    for name in ("points", "of", "attempts"):
        table.add_column(name, justify="right")
    table.add_column("")
    for one in found:
        told = [one.told] if one.told else []
        table.add_row(
            escape(one.student),
            escape(one.name),
            one.state,
            "" if one.points is None else f"{one.points:g}",
            "" if one.max_points is None else f"{one.max_points:g}",
            str(one.attempts),
            escape("; ".join(["late"] * one.late + told)),
        )
    Console().print(table)
    counts = Counter(one.state for one in found)
    print(", ".join(f"{counts[state]} {state}" for state in standing.State if counts[state]))
    print(f"Next: `{standing.next_step(assignment, found)}`.")


def feedback(
    assignment: Assignment,
    student: Annotated[
        list[str] | None,
        typer.Option(metavar="STUDENT", help="Write that of this one; of all if none is named."),
    ] = None,
    back: Annotated[
        Back | None,
        typer.Option("--zip", help="Also make the zip file that this course system takes in."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a page for each student: points, what was expected, messages of tests, comments.

    It shows no hidden test. Exits 1 if a page can't be sent back.
    """
    from autograder import exercises, feedback_pages, marks
    from autograder.nbgrader_course import find_course

    course = find_course(Path.cwd())
    exercises.select(course, [assignment])
    stale = _stale(course, assignment)
    if student is None:
        student = sorted(marks.read(course, assignment).keys() - set(stale))
    with progress(f"writing the feedback of {assignment}", None):
        pages = feedback_pages.write(course, assignment, student)
        zipped = None
        if back:
            zipped = feedback_pages.zip_for(course, assignment, back.value, student)
    path = course.work / "feedback" / f"{assignment}-{back}.zip"
    if zipped:
        path.write_bytes(zipped.data)
    unmatched = list(zipped.unmatched) if zipped else []
    release = feedback_pages.release_command(course, assignment)
    if as_json:
        found = {
            "pages": [os.path.relpath(page) for page in pages],
            "zip": os.path.relpath(path) if zipped else None,
            "unmatched": unmatched,
            "stale": stale,
            "release": release,
        }
        print(json.dumps(found, indent=2))
    else:
        print(f"{len(pages)} pages in {os.path.relpath(course.work / 'feedback')}/")
        if zipped:
            print(f"{os.path.relpath(path)}: written, with {len(zipped.names)} of them")
        _list("not in the zip", unmatched)
        _list(f"left out, run `autograder grade {assignment}`", stale)
        print(f"Next: {f'`{release}`, then ' if release else ''}`autograder export {assignment}`.")
    if unmatched or stale:
        raise typer.Exit(1)


def export(
    assignments: Annotated[
        list[str] | None,
        typer.Argument(metavar="ASSIGNMENT", help="All if none is named.", show_default=False),
    ] = None,
    kind: Annotated[Kind, typer.Option("--to", help="The form.")] = Kind.CSV,
    template: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What the course system has exported: Moodle's grading worksheet, or Canvas's "
            "gradebook. It is filled in, and stays as it is.",
        ),
    ] = None,
    column: Annotated[
        str | None, typer.Option(metavar="NAME", help="The assignment in Canvas's gradebook.")
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="By default in work/export/.", show_default=False),
    ] = None,
) -> None:
    """Write the marks as a file: for Moodle, for Canvas, as plain CSV, or as JSON.

    Exits 1 if a student has no mark yet, or something doesn't fit together.
    """
    from autograder import exercises, exporting
    from autograder.nbgrader_course import find_course

    course = find_course(Path.cwd())
    names = exercises.select(course, assignments or [])
    done = exporting.export(course, names, kind.value, template=template, column=column)
    label = names[0] if len(names) == 1 else "all"
    path = into or course.work / "export" / f"{label}-{kind}{done.suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(done.data)
    print(f"{os.path.relpath(path)}: written")
    for name, students in done.needs_human.items():
        _list(f"{name}: a human has still to grade a part of", students)
    for name, students in done.missing.items():
        _list(f"{name}: not graded yet", students)
    stale = {name: _stale(course, name) for name in names}
    for name, students in stale.items():
        _list(f"{name}: an old mark, run `autograder grade {name}`", students)
    _list("not filled in", done.unmatched)
    _list("handed in nothing", done.absent)
    _list("note", done.notes)
    if any(done.missing.values()) or any(stale.values()) or done.unmatched:
        raise typer.Exit(1)


def report(assignment: Assignment, as_json: AsJson = False) -> None:
    """Write a page on how the class did: marks, tasks, frequent mistakes, who needs a human."""
    from autograder import exercises
    from autograder import report as reporting
    from autograder.nbgrader_course import find_course

    course = find_course(Path.cwd())
    exercises.select(course, [assignment])
    with progress(f"looking at {assignment}", None):
        summary = reporting.summarise(course, assignment)
        text = "" if as_json else reporting.page(summary)
    if as_json:
        print(json.dumps(asdict(summary), indent=2))
        return
    _written(course.work / "reports" / f"{assignment}.html", text)


def similar(assignment: Assignment, as_json: AsJson = False) -> None:
    """Write a page with pairs of submissions that have much in common.

    Similar code is a place to look, and no proof of anything.
    """
    from autograder import exercises
    from autograder import similar as similarity
    from autograder.nbgrader_course import find_course

    course = find_course(Path.cwd())
    exercises.select(course, [assignment])
    with progress(f"comparing {assignment}", None) as update:
        pairs = similarity.compare(course, assignment, update)
    if as_json:
        print(json.dumps([asdict(pair) for pair in pairs], indent=2))
        return
    text = similarity.page(course, assignment, pairs)
    _written(course.work / "reports" / f"{assignment}-similar.html", text)


def rehearse(
    assignment: Assignment,
    into: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Make a class in this new folder.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare the marks of a made class, in its folder.")
    ] = False,
    students: Annotated[int, typer.Option(min=1, help="How many.")] = 300,
    seed: Annotated[int, typer.Option(help="Of all that is drawn.")] = 0,
    system: Annotated[
        Back | None,
        typer.Option("--zip", help="As a zip file of Moodle; else as an nbgrader exchange."),
    ] = None,
) -> None:
    """Make a class from the bank of an exercise, to rehearse its grading; or check its marks.

    Right, wrong, late, second, changed, damaged and hostile submissions: what each must earn is
    known. Exits 1 if one has earned something else.
    """
    from autograder import exercises, rehearsal
    from autograder.nbgrader_course import find_course

    course = find_course(Path.cwd())
    exercises.select(course, [assignment])
    if check == (into is not None) or system == Back.CANVAS:
        raise UserError(
            "name a new folder by --into, or the folder of a made class and --check; --zip is for "
            "moodle"
        )
    if check:
        count, differences = rehearsal.check(course, assignment)
        _list("differs", [f"{one.student} ({one.kind}): {one.told}" for one in differences])
        print(f"{count - len(differences)} of {count} earned what they were made for")
        if differences:
            raise typer.Exit(1)
        return
    kind = system.value if system else "exchange"
    with progress(f"making {students} submissions", None):
        source = rehearsal.make(course, assignment, students, seed, into, kind)
    print(f"{into}: written, with {students} submissions")
    print(
        f"Next, in that folder: `autograder collect {assignment} {source.name}`, "
        f"`autograder grade {assignment}`, `autograder rehearse {assignment} --check`."
    )


def _stale(course: Any, assignment: str) -> list[str]:
    """Return the students whose marks are not those of what they have handed in."""
    from autograder.status import State, status

    found = status(course, assignment)
    return [one.student for one in found if one.state == State.COLLECTED and one.told]


def _written(path: Path, text: str) -> None:
    write_atomically(path, text)
    print(f"{os.path.relpath(path)}: written")


def _list(title: str, lines: Any) -> None:
    for line in lines:
        print(f"{title}: {line}")


EXAMPLES = {
    new: ("autograder new 6_my_exercise",),
    collect: (
        "autograder collect 1_cnn_rnn_basics ~/Downloads/submissions.zip",
        "autograder collect 1_cnn_rnn_basics /srv/nbgrader/exchange --from exchange",
    ),
    status: ("autograder status 1_cnn_rnn_basics", "autograder status 1_cnn_rnn_basics --json"),
    feedback: (
        "autograder feedback 1_cnn_rnn_basics",
        "autograder feedback 1_cnn_rnn_basics --zip moodle",
    ),
    export: (
        "autograder export",
        "autograder export 1_cnn_rnn_basics --to moodle --template worksheet.csv",
        "autograder export 1_cnn_rnn_basics --to canvas --template gradebook.csv --column Basics",
    ),
    report: ("autograder report 1_cnn_rnn_basics",),
    similar: ("autograder similar 1_cnn_rnn_basics",),
    rehearse: (
        "autograder rehearse 1_cnn_rnn_basics --into ../rehearsal --students 40",
        "autograder rehearse 1_cnn_rnn_basics --check",
    ),
}


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command, examples in EXAMPLES.items():
        app.command(epilog="Examples:\n\n  " + "\n\n  ".join(examples))(command)
