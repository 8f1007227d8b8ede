"""Runs test cells against a student's process, and decides what they earn.

The judge is a process that holds the tests, the expected values and its own copy of the set-up
cells. A name that only the student has defined is fetched from there: data as data, and anything
else as a `Remote`, whose calls go over and whose answers come back as data. So a test compares
values of Python's, NumPy's and TensorFlow's own types, whatever the student's objects claim.
"""

from __future__ import annotations

import ast
import builtins
import dis
import hashlib
import inspect
import io
import re
import socket
import time
import types
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograder import models
from autograder.agent import builtin_error, seed
from autograder.codec import CodecError, Handle, Model, Raised
from autograder.peer import OutOfTime, Peer, PeerError

SECONDS = 60.0  # of one test cell
MOMENT = 5  # seconds for what takes no time
MOST_PRINTED, LONGEST_MESSAGE = 20_000, 2_000  # characters
BEGIN, END = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"
HIDDEN = "A hidden test of this task failed."


class CannotJudge(Exception):
    """A test that can't be run here; its author has to change it. The message says what."""


class RemoteError(Exception):
    """An exception that the student's code has raised, if it is of no builtin type."""


@dataclass(frozen=True)
class Verdict:
    """What a test cell has earned.

    Attributes:
        points: earned.
        message: of the test that failed, or None.
        printed: by the test.
        public: the message without what a hidden test knows.
        broken: whether the student's process can't be asked any more.
    """

    points: float
    message: str | None = None
    printed: str = field(default="", compare=False)
    public: str | None = field(default=None, compare=False)
    broken: bool = False


class Remote:
    """Something that the student has defined, and that stays in their process.

    It is equal to itself alone, and has no value as a truth, a number or an array: a test has to
    ask for something that is data.
    """

    __slots__ = ("_handle", "_judge")

    def __init__(self, judge: Judge, handle: Handle):
        object.__setattr__(self, "_judge", judge)
        object.__setattr__(self, "_handle", handle)

    def _ask(self, operation: str, *values: Any) -> Any:
        return self._judge.ask(operation, self._handle.number, *values)

    def __call__(self, *values: Any, **named: Any) -> Any:
        """Call it there; return what it returns, or raise what it raises."""
        return self._ask("call", values, named)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            # What NumPy and others look for, to take an object for something else
            raise AttributeError(f"{name} can't be asked of what the student has defined")
        return self._ask("get", name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("set", name, value)

    def __getitem__(self, key: Any) -> Any:
        return self._ask("item", key)

    def __len__(self) -> int:
        length = self._ask("length")
        if type(length) is not int:
            raise TypeError("its length is no number")
        return length

    def __iter__(self) -> Iterator[Any]:
        items = self._ask("items")
        if type(items) is not list:
            raise TypeError("its items can't be had")
        return iter(items)

    def __contains__(self, value: Any) -> bool:
        return self._ask("contains", value) is True

    def __array__(self, *values: Any, **named: Any) -> Any:
        # Else NumPy would ask for items, and for the items of those
        raise TypeError(f"{self!r} is no array")

    def __bool__(self) -> bool:
        raise TypeError(f"{self!r} is neither true nor false")

    def __repr__(self) -> str:
        return f"an object of the type {self._handle.kind}"


class Judge:
    """Runs the test cells of one submission.

    Args:
        connection: the end of a stream socket; `autograder.agent.Agent` is at the other.
        seconds: that a test cell may take.
    """

    def __init__(self, connection: socket.socket, seconds: float = SECONDS):
        self._seconds = seconds
        self._end: float | None = None  # of the time that the test in hand may take
        self._kept: list[Callable[..., Any]] = []
        self._cannot: str | None = None  # why the test in hand can't be run
        self._refused: str | None = None  # what the last answer held that can't be taken
        self._failed: AssertionError | None = None  # of a function that the student's code called
        operations = {"call": self._call_back}
        self._peer = Peer(connection, operations, self._keep, self._resolve, _local)
        self._setup: dict[str, Any] = {
            "__name__": "__main__",
            "__builtins__": builtins,
            "display": lambda *values, **named: None,
            "get_ipython": _Shell,
        }

    def set_up(self, source: str, name: str) -> None:
        """Run a set-up cell, statement by statement.

        A statement that reads what only the student has defined is left to their process, with the
        names that it defines; what functions read is looked up when a test calls them. Lines for
        IPython alone (`%matplotlib inline`) are left out.

        Raises:
            CannotJudge: it fails.
        """
        try:
            for statement in _statements(source, name):
                code = compile(ast.Module([statement], []), f"<{name}>", "exec")
                if needed(code, called=False) - self._setup.keys() - vars(builtins).keys():
                    for theirs in stored(code):
                        self._setup.pop(theirs, None)
                    continue
                with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                    exec(code, self._setup)
        except Exception as error:
            line = next(iter(_lines(error, name)), None) or getattr(error, "lineno", None) or 1
            raise CannotJudge(f"{name}: line {line}: {type(error).__name__}: {error}") from None

    def ask(self, operation: str, *values: Any) -> Any:
        """Ask the student's process for something.

        Raises:
            CannotJudge: the values can't cross.
            PeerError: it can't be asked any more.
            Exception: what the student's code has raised.
        """
        self._refused = None
        seconds = None if self._end is None else self._end - time.monotonic()
        try:
            answer = self._peer.ask(operation, *values, seconds=seconds)
        except CodecError as error:
            self._cannot = f"what the test passes to the student's code can't cross: {error}"
            raise CannotJudge(self._cannot) from None
        if self._refused:
            raise RemoteError(
                f"Your code returned {self._refused}. Only models of Keras's own layers can be graded."
            )
        return answer

    def run_cell(self, source: str, seconds: float) -> list[Any]:
        """Have the student's process run a cell; return what it says are the outputs.

        Raises:
            OutOfTime: it took longer; the process can't be used any more.
            PeerError: the process ended.
        """
        outputs = self._peer.ask("run", source, seconds=seconds)
        return outputs if type(outputs) is list else []

    def memory_mib(self) -> float | None:
        """Return the most memory that the student's process has used, as it says; None if it can't.

        Raises:
            PeerError: the process ended.
        """
        try:
            told = self._peer.ask("memory", seconds=MOMENT)
        except PeerError:
            raise
        except Exception:  # what the student has made of the code that answers
            return None
        return float(told) if type(told) is int and 0 < told < 1 << 40 else None

    def run(self, source: str, name: str, points: float) -> Verdict:
        """Run a test cell.

        Args:
            source: of the cell; a number as its last expression gives so many of the points.
            name: its grade id; the random numbers of both processes begin at it.
            points: what it is worth.

        Raises:
            CannotJudge: the test can't be run here, whatever the student has written.
        """
        try:
            tree = ast.parse(source, f"<{name}>")
        except SyntaxError as error:
            raise CannotJudge(f"{name}: line {error.lineno}: {error.msg}") from None
        self._cannot = self._failed = None
        self._end = end = time.monotonic() + self._seconds
        printed = _Printed()
        error: BaseException | None = None
        earned = 0.0
        try:
            with redirect_stdout(printed), redirect_stderr(_Printed()):
                self._begin(name)
                earned = _earned(self._evaluate(tree, name), points)
        except BaseException as raised:  # the test fails by whatever it raises
            error = raised
        finally:
            self._kept.clear()
            self._end = None
        # A test may have caught these
        if self._cannot:
            line = next(iter(_lines(error, name)), None)
            where = f"{name}: line {line}" if line else name
            raise CannotJudge(f"{where}: {self._cannot}")
        text = printed.getvalue()
        if isinstance(error, OutOfTime) or time.monotonic() >= end:
            return _failed(f"This took longer than {self._seconds:g} s.", text, broken=True)
        if self._peer.broken:
            return _failed("Your code ended the process that runs the notebook.", text, broken=True)
        if error or self._failed:
            error = error or self._failed
            lines = _lines(error, name)
            hidden = not hidden_lines(source).isdisjoint(lines)
            hidden = hidden and not _is_constant(tree, lines, str(error))
            return Verdict(0, _message(error), text, HIDDEN if hidden else _message(error))
        return Verdict(earned, printed=text)

    def _begin(self, name: str) -> None:
        """Begin the random numbers of both processes at what the name of a test says."""
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
        self.ask("seed", number)
        seed(number)

    def _evaluate(self, tree: ast.Module, name: str) -> Any:
        """Run a cell; return the value of its last expression, or None."""
        last = tree.body[-1] if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        body = ast.Module(tree.body[:-1] if last else tree.body, [])
        parts = [compile(body, f"<{name}>", "exec")]
        if last:
            parts.append(compile(ast.Expression(last.value), f"<{name}>", "eval"))
        namespace = dict(self._setup)
        for wanted in sorted(set().union(*map(needed, parts)) - namespace.keys()):
            if not hasattr(builtins, wanted) and self.ask("has", wanted) is True:
                namespace[wanted] = self.ask("name", wanted)
        exec(parts[0], namespace)
        return eval(parts[1], namespace) if last else None

    def _keep(self, value: Any) -> Handle | Model:
        """Return what stands for an object that goes to the student's process."""
        if type(value) is Remote:
            return value._handle
        if models.is_model(value):
            return models.pack(value, with_class=True)
        if not callable(value) or isinstance(value, type | types.ModuleType):
            raise CodecError(f"{type(value).__name__} is no data, and no function")
        self._kept.append(value)
        return Handle(-len(self._kept))

    def _resolve(self, handle: Handle | Model) -> Any:
        if isinstance(handle, Model):
            try:
                return models.build(handle)
            except CodecError as error:
                self._refused = str(error)
                return None
        if handle.number < 0:
            return self._function(handle.number)
        return Remote(self, handle)

    def _function(self, number: Any) -> Callable[..., Any]:
        if type(number) is not int or not 1 <= -number <= len(self._kept):
            raise CodecError("no such function")
        return self._kept[-number - 1]

    def _call_back(self, number: Any, values: Any, named: Any) -> Any:
        """Call a function of a test, for the student's code that it was passed to."""
        if type(values) is not tuple or type(named) is not dict:
            raise TypeError("no arguments")
        try:
            return self._function(number)(*values, **named)
        except AssertionError as error:
            # It counts, even if the student's code catches it; what it says is not for them
            self._failed = self._failed or error
            raise RuntimeError("a check of the test failed") from None


class _Printed(io.StringIO):
    """What a test prints, up to a cap."""

    def write(self, text: str) -> int:
        room = MOST_PRINTED - self.tell()
        super().write(text[: max(0, room)])
        return len(text)


def _earned(value: Any, points: float) -> float:
    """Return the points for the last value of a test: partial credit, if it is a number."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number | np.ndarray):
        return points
    if np.ndim(value):
        return points
    try:
        number = float(value)
    except (OverflowError, TypeError, ValueError):  # too large, or no number
        return points
    return min(number, points) if number >= 0 else 0.0  # nothing for NaN


def _statements(source: str, name: str) -> list[ast.stmt]:
    """Parse a set-up cell, without its lines for IPython if it is no Python with them."""
    try:
        return ast.parse(source, f"<{name}>").body
    except SyntaxError:
        lines = ["" if re.match(r"\s*[%!]", line) else line for line in source.splitlines()]
        return ast.parse("\n".join(lines), f"<{name}>").body


class _Shell:
    """What `get_ipython()` returns in a set-up cell that the judge runs: it does nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *values, **named: None


def needed(code: types.CodeType, called: bool = True) -> set[str]:
    """Return the global names that code reads and does not define itself at its top level.

    Args:
        code: of a cell or a statement.
        called: whether what is read within functions counts.
    """
    loaded: set[str] = set()
    waiting = [code]
    while waiting:
        one = waiting.pop()
        for step in dis.get_instructions(one):
            if step.opname in ("LOAD_NAME", "LOAD_GLOBAL"):
                loaded.add(step.argval)
        waiting += [
            part
            for part in one.co_consts
            if isinstance(part, types.CodeType) and (called or _runs_at_once(part))
        ]
    return loaded - stored(code)


def stored(code: types.CodeType) -> set[str]:
    """Return the global names that code defines, at its top level or as `global` in a function."""
    found: set[str] = set()
    waiting = [code]
    while waiting:
        one = waiting.pop()
        for step in dis.get_instructions(one):
            if step.opname == "STORE_GLOBAL" or (step.opname == "STORE_NAME" and one is code):
                found.add(step.argval)
        waiting += [part for part in one.co_consts if isinstance(part, types.CodeType)]
    return found


def _runs_at_once(code: types.CodeType) -> bool:
    """Tell whether code within other code runs with it: a class or a comprehension."""
    is_class = not code.co_flags & inspect.CO_OPTIMIZED
    return is_class or code.co_name in ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")


def hidden_lines(source: str) -> set[int]:
    """Return the numbers of the lines of a test cell that students don't get."""
    found, hidden = set(), False
    for number, line in enumerate(source.splitlines(), start=1):
        hidden = hidden or BEGIN in line
        if hidden:
            found.add(number)
        hidden = hidden and END not in line
    return found


def _lines(error: BaseException | None, name: str) -> list[int]:
    """Return the lines of a cell that an exception came through, that of its top level first."""
    found = []
    trace = error.__traceback__ if error else None
    while trace:
        if trace.tb_frame.f_code.co_filename == f"<{name}>":
            found.append(trace.tb_lineno)
        trace = trace.tb_next
    return found


def _is_constant(tree: ast.Module, lines: list[int], message: str) -> bool:
    """Tell whether a message stands as such in an assertion at a line, so that it tells no value."""
    return any(
        isinstance(node, ast.Assert)
        and isinstance(node.msg, ast.Constant)
        and node.msg.value == message
        and any(node.lineno <= line <= (node.end_lineno or 0) for line in lines)
        for node in ast.walk(tree)
    )


def _failed(message: str, printed: str, broken: bool) -> Verdict:
    return Verdict(0, message, printed, message, broken)


def _local(what: Raised) -> Exception:
    return builtin_error(what, RemoteError)


def _message(error: BaseException) -> str:
    text = "".join(letter for letter in str(error) if letter.isprintable() or letter in "\n\t")
    if not isinstance(error, AssertionError | RemoteError):
        text = f"{type(error).__name__}: {text}"
    return text[:LONGEST_MESSAGE] or "The test failed."
