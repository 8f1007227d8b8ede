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
import socket
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder import models
from autograder.agent import seed
from autograder.codec import CodecError, Handle, Model, Raised
from autograder.peer import OutOfTime, Peer, PeerError

SECONDS = 60.0  # of one test cell
# Raised in a test these would end a loop of the test's, and not the test
ENDS_LOOPS = frozenset(["StopIteration", "StopAsyncIteration", "GeneratorExit"])


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
        broken: whether the student's process can't be asked any more.
    """

    points: float
    message: str | None = None
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

    def __bool__(self) -> bool:
        raise TypeError(f"{self!r} is neither true nor false")

    def __repr__(self) -> str:
        return f"an object of the type {self._handle.kind}"


class Judge:
    """Runs the test cells of one submission.

    Args:
        connection: the end of a stream socket; `autograder.agent.Agent` is at the other.
        setup: the source of the locked set-up cells, which the judge runs for itself.
        seconds: that a test cell may wait for the student's process.
    """

    def __init__(
        self, connection: socket.socket, setup: Sequence[str] = (), seconds: float = SECONDS
    ):
        self._seconds = seconds
        self._kept: list[Callable[..., Any]] = []
        self._cannot: str | None = None  # why the test in hand can't be run
        self._refused: str | None = None  # what the last answer held that can't be taken
        operations = {"call": self._call_back}
        self._peer = Peer(connection, operations, self._keep, self._resolve, _local)
        self._setup: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
        for number, source in enumerate(setup, start=1):
            exec(compile(source, f"<set-up cell {number}>", "exec"), self._setup)

    def ask(self, operation: str, *values: Any) -> Any:
        """Ask the student's process for something.

        Raises:
            CannotJudge: the values can't cross.
            PeerError: it can't be asked any more.
            Exception: what the student's code has raised.
        """
        self._refused = None
        try:
            answer = self._peer.ask(operation, *values, seconds=self._seconds)
        except CodecError as error:
            self._cannot = f"what the test passes to the student's code can't cross: {error}"
            raise CannotJudge(self._cannot) from None
        if self._refused:
            raise RemoteError(
                f"Your code returned {self._refused}. Only models of Keras's own layers can be graded."
            )
        return answer

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
        self._cannot = None
        try:
            number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
            self._peer.ask("seed", number, seconds=self._seconds)
            seed(number)
            earned = _earned(self._evaluate(tree, name), points)
        except OutOfTime:
            return Verdict(0, f"This took longer than {self._seconds:g} s.", broken=True)
        except PeerError as error:
            return Verdict(0, f"Your code ended the process ({error}).", broken=True)
        except BaseException as error:  # the test fails by whatever it raises
            if self._cannot:
                raise CannotJudge(f"{name}: {self._cannot}") from None
            return Verdict(0, _message(error))
        finally:
            self._kept.clear()
        # A test may have caught these
        if self._cannot:
            raise CannotJudge(f"{name}: {self._cannot}")
        if self._peer.broken:
            return Verdict(0, f"Your code ended the process ({self._peer.broken}).", broken=True)
        return Verdict(earned)

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
        return self._function(number)(*values, **named)


def _earned(value: Any, points: float) -> float:
    """Return the points for the last value of a test: partial credit, if it is a number."""
    if isinstance(value, bool | np.bool_ | str | Remote) or np.ndim(value):
        return points
    try:
        number = float(value)
    except (OverflowError, TypeError, ValueError):  # too large, or no number
        return points
    return min(number, points) if number >= 0 else 0.0  # nothing for NaN


def needed(code: types.CodeType) -> set[str]:
    """Return the global names that code reads and does not define itself at its top level."""
    loaded, stored = set(), set()
    waiting = [code]
    while waiting:
        one = waiting.pop()
        for step in dis.get_instructions(one):
            if step.opname in ("LOAD_NAME", "LOAD_GLOBAL"):
                loaded.add(step.argval)
            elif step.opname == "STORE_GLOBAL" or (step.opname == "STORE_NAME" and one is code):
                stored.add(step.argval)
        waiting += [part for part in one.co_consts if isinstance(part, types.CodeType)]
    return loaded - stored


def _local(what: Raised) -> Exception:
    """Return an exception of the student's code as one to raise here.

    It is of the nearest builtin type that it claims, so that a test can expect it.
    """
    for name in what.names:
        kind = None if name in ENDS_LOOPS else getattr(builtins, name, None)
        if isinstance(kind, type) and issubclass(kind, Exception) and kind is not Exception:
            try:
                return kind(what.text)
            except TypeError:  # as UnicodeDecodeError, which needs more
                continue
    return RemoteError(f"{what.names[0]}: {what.text}" if what.names else what.text)


def _message(error: BaseException) -> str:
    text = str(error)
    if isinstance(error, AssertionError | RemoteError):
        return text or "The test failed."
    return f"{type(error).__name__}: {text}"
