"""Starts the processes of submissions, each closed in, from one warm process in a sandbox."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any

from autograder import sandbox
from autograder.codec import CAPS, Raised
from autograder.peer import Peer, PeerError
from autograder.sandbox import LIMITS, Limits
from course.warm import Nest, Process

# What the process of a submission is made of, and what most exercises import
OURS = ("autograder.student", "IPython.core.interactiveshell", "matplotlib_inline.backend_inline")
IMPORTED = ("numpy", "matplotlib.pyplot", "tensorflow", "keras")


def warm_process(modules: Sequence[str] = IMPORTED) -> Nest:
    """Return a warm process in the outer sandbox. A context manager.

    Raises:
        SandboxError: there can be no sandbox.
        WarmError: it did not get ready.
    """
    return Nest((*OURS, *modules), sandbox.environment(), wrap=sandbox.wrap)


class Student:
    """The process of one submission. A context manager, at whose end it is gone.

    Args:
        nest: what it is forked from.
        limits: what it may use.
    """

    def __init__(self, nest: Nest, limits: Limits = LIMITS):
        self.connection, theirs = socket.socketpair()
        nothing = os.open(os.devnull, os.O_WRONLY)
        try:
            self._process = Process(
                nest.address,
                "autograder.student",
                [json.dumps(asdict(limits))],
                stdin=theirs.fileno(),
                stdout=nothing,
                stderr=nothing,
                cwd=sandbox.HOME,
                env=sandbox.environment(),
            )
        except BaseException:
            self.connection.close()
            raise
        finally:
            theirs.close()
            os.close(nothing)
        self._peer = Peer(self.connection, {}, raised=_raised, caps=CAPS)

    def run(self, source: str, seconds: float | None = None) -> list[dict[str, Any]]:
        """Run a cell; return its outputs.

        Args:
            source: of the cell.
            seconds: that it may take.

        Raises:
            OutOfTime: it took longer; the process can't be used any more.
            PeerError: the process ended.
        """
        outputs = self._peer.ask("run", source, seconds=seconds)
        if type(outputs) is not list or not all(type(one) is dict for one in outputs):
            raise PeerError("it sent what are no outputs")
        return outputs

    def close(self) -> None:
        """End the process, and all that it has started."""
        self.connection.close()
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Student:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _raised(what: Raised) -> Exception:
    return PeerError(f"it can't run cells: {what.text}")
