"""Two processes that call each other, and exchange nothing but values.

Each end is a `Peer`. It asks the other for something and waits for the answer; while it waits it
answers what the other asks, so that a function which one end has passed to the other can be called
back. What can't cross as data (`autograder.codec`) stays where it is, and crosses as a handle.

An end decides by its `operations` what the other may ask of it.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any

from autograder.codec import CAPS, Caps, CodecError, Handle, Model, Raised, decode, encode

LENGTH = struct.Struct(">Q")
ASK, ANSWER, RAISED = "ask", "answer", "raised"
DEEPEST = 20  # calls within calls
CHUNK = 1 << 20


class PeerError(Exception):
    """The other process is gone, or breaks the rules; nothing more can be asked of it."""


class OutOfTime(PeerError):
    """The other process has not answered in time."""


class Peer:
    """One end of a connection.

    Args:
        connection: a stream socket.
        operations: what the other end may ask, by name; the functions get the values that it sent.
        keep: is given each object that can't cross, and returns the handle or model that does.
        resolve: turns a handle or model that arrives into what stands for it here.
        raised: turns an exception of the other end into one to raise here.
        tell: turns an exception of an operation into what crosses.
        caps: what a message may be at most.
    """

    def __init__(
        self,
        connection: socket.socket,
        operations: Mapping[str, Callable[..., Any]],
        keep: Callable[[Any], Handle | Model] | None = None,
        resolve: Callable[[Handle | Model], Any] | None = None,
        raised: Callable[[Raised], Exception] | None = None,
        tell: Callable[[BaseException], Raised] | None = None,
        caps: Caps = CAPS,
    ):
        self._connection = connection
        self._operations = operations
        self._keep = keep
        self._resolve = resolve
        self._raised = raised or (lambda what: PeerError(f"{what.names[0]}: {what.text}"))
        self._tell = tell or (lambda error: Raised((type(error).__name__,), str(error)))
        self._caps = caps
        self._depth = 0
        self.broken: str | None = None  # why nothing can be asked any more

    def ask(self, operation: str, *values: Any, seconds: float | None = None) -> Any:
        """Ask the other end for something; return its answer.

        Args:
            operation: the name.
            values: what it needs.
            seconds: in which it must have answered, calls back included; None: any time.

        Raises:
            OutOfTime: it had not.
            PeerError: it is gone, or what it sends is no message. Nothing can be asked any more.
            CodecError: the values can't cross. Nothing was asked.
            Exception: what `raised` makes of an exception there.
        """
        end = None if seconds is None else time.monotonic() + seconds
        self._send((ASK, operation, values), end)
        return self._wait(end)

    def serve(self) -> None:
        """Answer until the other end closes the connection."""
        while True:
            message = self._receive(None)
            if message is None:
                return
            self._answer(message, None)

    def _wait(self, end: float | None) -> Any:
        while True:
            message = self._receive(end)
            if message is None:
                raise self._break("it ended")
            kind = message[0]
            if kind == ANSWER and len(message) == 2:
                return message[1]
            if kind == RAISED and len(message) == 2 and type(message[1]) is Raised:
                raise self._raised(message[1])
            self._answer(message, end)

    def _answer(self, message: tuple[Any, ...], end: float | None) -> None:
        """Do what the other end asks; send back what comes of it."""
        if message[0] != ASK or len(message) != 3 or type(message[2]) is not tuple:
            raise self._break("it sent what is no question")
        operation = self._operations.get(message[1]) if type(message[1]) is str else None
        if operation is None:
            raise self._break(f"it asked for {str(message[1])[:40]!r}")
        if self._depth >= DEEPEST:
            raise self._break("it called back too deeply")
        self._depth += 1
        try:
            reply = (ANSWER, operation(*message[2]))
        except PeerError:
            raise
        except BaseException as error:  # of code that is not ours: it may raise anything
            reply = (RAISED, self._tell(error))
        finally:
            self._depth -= 1
        try:
            self._send(reply, end)
        except CodecError as error:
            self._send((RAISED, Raised(("TypeError",), str(error))), end)

    # --- Messages

    def _send(self, message: tuple[Any, ...], end: float | None) -> None:
        content = encode(message, self._keep, self._caps)
        self._check()
        try:
            self._set_time(end)
            self._connection.sendall(LENGTH.pack(len(content)) + content)
        except TimeoutError:
            raise self._break("it did not answer in time", OutOfTime) from None
        except OSError:
            raise self._break("it ended") from None

    def _receive(self, end: float | None) -> tuple[Any, ...] | None:
        """Return a message; None if the other end has closed the connection between two."""
        self._check()
        head = self._read(LENGTH.size, end)
        if not head:
            return None
        (size,) = LENGTH.unpack(head)
        if size > self._caps.mib * 2**20:
            raise self._break("it sent too large a value")
        try:
            message = decode(self._read(size, end), self._caps, self._resolve)
        except CodecError as error:
            raise self._break(f"it sent what is no value: {error}") from None
        if type(message) is not tuple or len(message) < 2:
            raise self._break("it sent what is no message")
        return message

    def _read(self, size: int, end: float | None) -> bytes:
        """Read so many bytes; none if the connection ends before the first."""
        parts, missing = [], size
        while missing:
            try:
                self._set_time(end)
                part = self._connection.recv(min(missing, CHUNK))
            except TimeoutError:
                raise self._break("it did not answer in time", OutOfTime) from None
            except OSError:
                raise self._break("it ended") from None
            if not part:
                if missing == size == LENGTH.size:
                    return b""
                raise self._break("it ended in the middle of a message")
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _set_time(self, end: float | None) -> None:
        left = None if end is None else end - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)

    def _check(self) -> None:
        if self.broken:
            raise PeerError(self.broken)

    def _break(self, why: str, kind: type[PeerError] = PeerError) -> PeerError:
        """Give up the connection: after a broken rule no answer can be matched with a question."""
        self.broken = f"the other process can't be asked any more: {why}"
        self._connection.close()
        return kind(self.broken)
