"""Answers the judge in the student's process: gives it values, and calls what the student wrote.

What stands here protects nobody: it runs beside the student's code, which can change it at will.
All that it can do with that is to send other values, which the judge reads as data.
"""

from __future__ import annotations

import builtins
import contextlib
import random
import resource
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any

from autograder import models
from autograder.codec import CodecError, Handle, Model, Raised
from autograder.peer import Peer

MOST_ITEMS = 100_000  # of what is asked for one after the other


class Callback:
    """A function of the judge's, for the student's code to call."""

    def __init__(self, peer: Peer, number: int):
        self._peer = peer
        self._number = number

    def __call__(self, *values: Any, **named: Any) -> Any:
        """Call it; its exceptions arrive as those of the nearest builtin type."""
        return self._peer.ask("call", self._number, values, named)


class Agent:
    """Serves the judge with the names of one submission.

    Args:
        namespace: what the student's cells have defined.
        connection: the end of a stream socket.
        run: runs a cell and returns its outputs; without it cells can't be run.
    """

    def __init__(
        self,
        namespace: dict[str, Any],
        connection: socket.socket,
        run: Callable[[str], list[dict[str, Any]]] | None = None,
    ):
        self._namespace = namespace
        self._kept: dict[int, Any] = {}
        operations = {
            "has": lambda name: name in self._namespace,
            "name": lambda name: self._namespace[name],
            "call": lambda number, values, named: self._kept[number](*values, **named),
            "get": lambda number, name: getattr(self._kept[number], name),
            "set": lambda number, name, value: setattr(self._kept[number], name, value),
            "item": lambda number, key: self._kept[number][key],
            "length": lambda number: len(self._kept[number]),
            "items": self._items,
            "contains": lambda number, value: value in self._kept[number],
            "seed": seed,
            "forget": self._kept.clear,
            "memory": lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
        }
        if run:
            operations["run"] = run
        self._peer = Peer(connection, operations, self._keep, self._resolve, _error, _told)

    def serve(self) -> None:
        """Answer until the judge closes the connection."""
        self._peer.serve()

    def _keep(self, value: Any) -> Handle | Model:
        if isinstance(value, Callback):
            return Handle(value._number)
        if models.is_model(value) and models.is_plain(value):
            with contextlib.suppress(CodecError):
                described = models.pack(value)
                models.check(described)  # else the judge would refuse it: it can ask this one
                return described
        number = len(self._kept) + 1
        self._kept[number] = value
        return Handle(number, type(value).__name__)

    def _resolve(self, handle: Handle | Model) -> Any:
        if isinstance(handle, Model):
            return models.build_trusted(handle)
        if handle.number < 0:
            return Callback(self._peer, handle.number)
        return self._kept[handle.number]

    def _items(self, number: int) -> list[Any]:
        found = []
        for item in self._kept[number]:
            found.append(item)
            if len(found) > MOST_ITEMS:
                raise ValueError(f"more than {MOST_ITEMS:,} items")
        return found


def seed(number: int) -> None:
    """Begin the random numbers of Python, NumPy, and Keras if it is here, at a number."""
    random.seed(number)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(number % 2**32)
    if keras := sys.modules.get("keras"):
        keras.utils.set_random_seed(number % 2**32)


# Raised in a test these would end a loop of the test's, and not the test
ENDS_LOOPS = frozenset(["StopIteration", "StopAsyncIteration", "GeneratorExit"])


def builtin_error(what: Raised, other: type[Exception]) -> Exception:
    """Return an exception of the other process as one to raise here.

    It is of the nearest builtin type that it claims, so that it can be expected.

    Args:
        what: the exception.
        other: the type if it claims none.
    """
    for name in what.names:
        kind = None if name in ENDS_LOOPS else getattr(builtins, name, None)
        if isinstance(kind, type) and issubclass(kind, Exception) and kind is not Exception:
            try:
                return kind(what.text)
            except TypeError:  # as UnicodeDecodeError, which needs more
                continue
    return other(f"{what.names[0]}: {what.text}" if what.names else what.text)


def _error(what: Raised) -> Exception:
    return builtin_error(what, RuntimeError)


def _told(error: BaseException) -> Raised:
    names = tuple(kind.__name__ for kind in type(error).__mro__ if kind is not object)
    text = "".join(traceback.format_exception_only(error)).strip()
    return Raised(names, text.partition(": ")[2] or text)
