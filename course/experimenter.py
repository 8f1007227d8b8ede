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
import symtable
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from course import data
from course.cells import CellError, place, run_cells, sources
from course.experiments import RECORDS, ExperimentError, Outcome, append, load
from course.run_info import PACKAGES, device

TAG = "experiments"
DEFINES = "`experiments`"
Experiments = Mapping[str, functools.partial]
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
SCOPES = (
    FUNCTIONS
    | ast.ClassDef
    | ast.Lambda
    | ast.ListComp
    | ast.SetComp
    | ast.DictComp
    | ast.GeneratorExp
)


def declared(chapter: Path) -> tuple[Experiments, str]:
    """Run the tagged cells of a chapter; return the experiments that they define, and their code.

    Raises:
        ExperimentError: they define none, or one that can't be run or recognised again.
        CellError: a cell failed.
    """
    code = sources(chapter, TAG)
    names = run_cells(chapter, TAG, code)
    found = names.get("experiments")
    if not isinstance(found, dict) or not found:
        raise ExperimentError(
            f"{chapter}: its cells tagged '{TAG}' define no `experiments`; define a dictionary of "
            "that name"
        )
    for name, experiment in found.items():
        if fault := _fault(experiment, names):
            raise ExperimentError(f"{chapter}: experiment {name!r} {fault}")
    return found, "\n".join(code.values())


def _fault(experiment: Any, names: Mapping[str, Any]) -> str | None:
    """Return why something is no experiment; `names` is what the cells define."""
    if not isinstance(experiment, functools.partial):
        return "is no functools.partial"
    function = experiment.func
    own = names.get(getattr(function, "__name__", "")) is function
    if not own or function.__module__ != names["__name__"]:
        return f"calls a function that the cells tagged '{TAG}' don't define; define it there"
    try:
        json.dumps([experiment.args, experiment.keywords])
    except (TypeError, ValueError) as error:
        return f"has an argument that is no plain value: {error}; give numbers, texts, lists"
    return None


def digest(experiment: functools.partial, code: str) -> str:
    """Return a digest of all that an experiment depends on in its chapter.

    That is its settings and every definition that its function uses, directly or not. Comments,
    docstrings and the form of the code don't count. Every version of Python gives the same digest.

    Args:
        experiment: the function with its settings.
        code: the source of the tagged cells.
    """
    defined: dict[str, list[ast.stmt]] = {}
    for statement in ast.parse(code).body:
        for name in _defines(statement):
            defined.setdefault(name, []).append(statement)
    needed: dict[str, list[Any]] = {}
    waiting = [experiment.func.__name__]
    while waiting:
        name = waiting.pop()
        if name in needed or name not in defined:
            continue
        needed[name] = [_form(statement) for statement in defined[name]]
        for statement in defined[name]:
            waiting += _reads(statement)
    settings = [repr(experiment.args), repr(sorted(experiment.keywords.items()))]
    told = json.dumps([*settings, sorted(needed.items())])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _defines(node: ast.AST) -> set[str]:
    """Return the names that a statement gives a value at the top level, or changes in place."""
    if isinstance(node, FUNCTIONS | ast.ClassDef):
        return {node.name}
    if isinstance(node, SCOPES):
        return set()
    if isinstance(node, ast.alias):
        return {(node.asname or node.name).split(".")[0]}
    if isinstance(getattr(node, "ctx", None), ast.Store):
        while isinstance(node, ast.Subscript | ast.Attribute):
            node = node.value
        if isinstance(node, ast.Name):
            return {node.id}
    return set().union(*map(_defines, ast.iter_child_nodes(node)))


def _reads(statement: ast.stmt) -> set[str]:
    """Return the names of the top level that a statement reads, in its functions too."""
    own = _defines(statement)  # such as the name in `a = a + 1`

    def inner(table: symtable.SymbolTable) -> set[str]:
        found = {
            symbol.get_name()
            for symbol in table.get_symbols()
            if symbol.is_global() or (symbol.is_referenced() and symbol.get_name() in own)
        }
        return found.union(*map(inner, table.get_children()))

    # In a function, where the variable of a comprehension is local in every version
    wrapped = ast.parse("def statement(): pass")
    wrapped.body[0].body = [statement]
    return inner(symtable.symtable(ast.unparse(wrapped), "statement", "exec"))


def _form(node: Any) -> Any:
    """Return a statement without docstrings, places and comments, alike in every Python."""
    if isinstance(node, list):
        return [_form(one) for one in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = dict(ast.iter_fields(node))
    documented = isinstance(node, FUNCTIONS | ast.ClassDef)
    if documented and ast.get_docstring(node, clean=False) is not None:
        fields["body"] = node.body[1:]
    # Newer versions have more fields; they are empty in code for older ones
    told = [[name, _form(value)] for name, value in fields.items() if value not in (None, [])]
    return [type(node).__name__, *told]


def states(chapter: Path, prefix: str = "", folder: Path = RECORDS) -> dict[str, str]:
    """Return for each experiment whose name begins with `prefix` its state.

    The state is "done", "missing", or "older code": done, but its code or settings have changed.

    Raises:
        ExperimentError: the chapter declares none.
        CellError: a cell failed.
    """
    return _states(chapter, *declared(chapter), prefix, folder)


def _states(
    chapter: Path, experiments: Experiments, code: str, prefix: str, folder: Path
) -> dict[str, str]:
    done = {outcome.name: outcome.code for outcome in load(chapter.stem, folder=folder)}
    found = {}
    for name, experiment in experiments.items():
        if name.startswith(prefix):
            same = done.get(name) == digest(experiment, code)
            found[name] = "done" if same else "older code" if name in done else "missing"
    return found


def run(
    chapter: Path, prefix: str, say: Callable[[str], None], folder: Path = RECORDS
) -> dict[str, str]:
    """Run the experiments of a chapter that are missing or of older code.

    One that fails doesn't keep the others from running.

    Args:
        chapter: the notebook.
        prefix: only those whose names begin with it.
        say: is told the progress, and what failed.
        folder: where the results go.

    Returns:
        Their states after it, as `states` does.

    Raises:
        ExperimentError: nothing is declared, or the data is a stand-in.
        CellError: a cell failed.
    """
    experiments, code = declared(chapter)
    found = _states(chapter, experiments, code, prefix, folder)
    if not found:
        return found
    _refuse_stand_in()
    todo = [name for name, state in found.items() if state != "done"]
    say(f"{chapter.name}: {len(found)} experiments, {len(found) - len(todo)} done")
    begin = time.monotonic()
    for number, name in enumerate(todo, start=1):
        started, before = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
        try:
            result = _result(chapter, name, experiments[name])
        except CellError as error:
            say(f"\nFAILED {error}")
            continue
        seconds = time.monotonic() - before
        _refuse_stand_in()  # it may have loaded its data only now
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
        found[name] = "done"
        left = (time.monotonic() - begin) / number * (len(todo) - number)
        say(f"[{number}/{len(todo)}] {name}: {seconds:.0f} s; about {left / 60:.0f} min left")
    return found


def _result(chapter: Path, name: str, experiment: functools.partial) -> dict[str, Any]:
    """Run one experiment; return what its function returned, which JSON can hold.

    Raises:
        CellError: it failed.
    """
    try:
        result = experiment()
        json.dumps(result)
    except Exception as error:
        told = f"{type(error).__name__}: {error}{place(chapter, error)}"
        raise CellError(f"{chapter.name}, {name}: {told}") from error
    return result


def _refuse_stand_in() -> None:
    """Raise `ExperimentError` if this process has read stand-in data."""
    if stand_in := [source for source in data.used() if not source.real]:
        raise ExperimentError(
            f"experiments refuse stand-in data: set COURSE_DATA to a folder with "
            f"{stand_in[0].dataset}.npz, or connect to the internet"
        )
