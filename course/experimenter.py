"""The command behind `course experiments`: runs what chapters declare, and keeps what is done.

A chapter tags with `experiments` the cells that define `experiments` (a name to a
`functools.partial` whose call returns a dictionary of plain values), and the cells that these
need. An experiment that is done is not done again, unless its code or its settings changed.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from course import data
from course.cells import CellError, has_cells, run_cells, sources
from course.experiments import RECORDS, ExperimentError, Outcome, append, load
from course.run_info import PACKAGES, device

TAG = "experiments"
Experiments = Mapping[str, functools.partial]


def declared(chapter: Path) -> Experiments:
    """Run the tagged cells of a chapter and return the experiments that they define.

    Raises:
        ExperimentError: they define none, or one that is no `functools.partial`.
        CellError: a cell failed.
    """
    found = run_cells(chapter, TAG).get("experiments")
    if not isinstance(found, dict) or not found:
        raise ExperimentError(
            f"{chapter}: its cells tagged '{TAG}' define no `experiments`; define a dictionary of "
            "that name"
        )
    for name, experiment in found.items():
        if not isinstance(experiment, functools.partial):
            raise ExperimentError(f"{chapter}: experiment {name!r} is no functools.partial")
    return found


def digest(experiment: functools.partial, code: str) -> str:
    """Return a digest of all that an experiment depends on in its chapter.

    That is its settings and every definition that its function uses, directly or not. Comments,
    docstrings and the form of the code don't count.

    Args:
        experiment: the function with its settings.
        code: the source of the tagged cells.
    """
    defined: dict[str, list[ast.stmt]] = {}
    for statement in ast.parse(code).body:
        for name in _defines(statement):
            defined.setdefault(name, []).append(statement)
    needed: dict[str, list[str]] = {}
    waiting = [experiment.func.__name__]
    while waiting:
        name = waiting.pop()
        if name in needed or name not in defined:
            continue
        needed[name] = [_form(statement) for statement in defined[name]]
        for statement in defined[name]:
            waiting += [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]
    told = json.dumps([repr(experiment.args), repr(sorted(experiment.keywords.items())), needed])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _defines(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    return [
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]


def _form(statement: ast.stmt) -> str:
    """Return a statement without docstrings, places and comments."""
    for node in ast.walk(statement):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(statement)


def choose(chapters: Sequence[Path], named: bool) -> list[Path]:
    """Return the chapters that declare experiments.

    Args:
        chapters: where to look.
        named: whether the user named them, so that one without is a mistake.

    Raises:
        ExperimentError: none has a cell tagged `experiments`, or one that the user named has none.
    """
    found = [chapter for chapter in chapters if has_cells(chapter, TAG)]
    without = [chapter for chapter in chapters if chapter not in found]
    if without and (named or not found):
        raise ExperimentError(
            f"{without[0]}: no cell is tagged '{TAG}'; tag the one that defines `experiments`, "
            "and those that it needs"
        )
    return found


def states(chapter: Path, prefix: str = "", folder: Path = RECORDS) -> dict[str, str]:
    """Return for each experiment whose name begins with `prefix` its state.

    The state is "done", "missing", or "older code": done, but its code or settings have changed.

    Raises:
        ExperimentError: the chapter declares none, or none with this prefix.
        CellError: a cell failed.
    """
    return _states(chapter, declared(chapter), prefix, folder)


def _states(chapter: Path, experiments: Experiments, prefix: str, folder: Path) -> dict[str, str]:
    done = {outcome.name: outcome.code for outcome in load(chapter.stem, folder=folder)}
    code = "\n".join(sources(chapter, TAG).values())
    found = {}
    for name, experiment in experiments.items():
        if name.startswith(prefix):
            same = done.get(name) == digest(experiment, code)
            found[name] = "done" if same else "older code" if name in done else "missing"
    if not found:
        raise ExperimentError(f"{chapter}: no experiment has a name that begins with {prefix!r}")
    return found


def run(
    chapter: Path,
    prefix: str,
    say: Callable[[str], None],
    folder: Path = RECORDS,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Run the experiments of a chapter that are missing or of older code; return how many ran.

    Args:
        chapter: the notebook.
        prefix: only those whose names begin with it.
        say: is told the progress.
        folder: where the results go.
        clock: the time in seconds.

    Raises:
        ExperimentError: nothing is declared, the prefix fits none, or the data is a stand-in.
        CellError: a cell or an experiment failed; what was done before is kept.
    """
    experiments = declared(chapter)
    if stand_in := [source for source in data.used() if not source.real]:
        raise ExperimentError(
            f"experiments refuse stand-in data: set COURSE_DATA to a folder with "
            f"{stand_in[0].dataset}.npz, or connect to the internet"
        )
    chosen = _states(chapter, experiments, prefix, folder)
    todo = [name for name, state in chosen.items() if state != "done"]
    say(f"{chapter.name}: {len(chosen)} experiments, {len(chosen) - len(todo)} done")
    code = "\n".join(sources(chapter, TAG).values())
    spent = 0.0
    for number, name in enumerate(todo, start=1):
        started, begin = datetime.now(UTC).isoformat(timespec="seconds"), clock()
        try:
            result = experiments[name]()
        except Exception as error:
            raise CellError(f"{chapter.name}, {name}: {type(error).__name__}: {error}") from error
        seconds = clock() - begin
        outcome = Outcome(
            name=name,
            started=started,
            seconds=round(seconds, 1),
            code=digest(experiments[name], code),
            device=device(),
            packages={package: version(package) for package in PACKAGES},
            data=[
                {"dataset": source.dataset, "description": source.description, "real": source.real}
                for source in data.used()
            ],
            result=result,
        )
        append(chapter.stem, outcome, folder)
        spent += seconds
        left = spent / number * (len(todo) - number)
        say(f"[{number}/{len(todo)}] {name}: {seconds:.0f} s; about {left / 60:.0f} min left")
    return len(todo)
