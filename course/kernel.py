"""A fresh Jupyter kernel that runs pieces of code, each within a limit of time."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpec

from course.processes import kill_tree

START = 60  # seconds that a kernel may take to start
GRACE = 5  # seconds that a cell may take to end when it is interrupted
LAST_OUTPUTS = 5  # seconds that outputs may come after a cell has ended
LOOK = 0.1  # seconds from one look at a kernel that says nothing to the next
# Colours and what else a terminal obeys, but for tabs and line ends
CONTROLS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
FAILING_LINE = re.compile(r"^-+> *\d+ +(.+)$", re.MULTILINE)


class KernelError(Exception):
    """No kernel starts here; the message says why."""


@dataclass(frozen=True)
class Ran:
    """What came of a piece of code.

    Attributes:
        error: the name of the exception that ended it, such as `NameError`; None if it ended well.
        message: what the exception says, without the colours of a terminal.
        line: the line of code that the error came from, if it is known.
        value: the last expression as text; None if there is none.
        alive: whether the kernel can run more.
    """

    error: str | None = None
    message: str = ""
    line: str = ""
    value: str | None = None
    alive: bool = True

    def __str__(self) -> str:
        """Return the error in a line or more, as a reader of a test wants it."""
        if self.error == "AssertionError":
            return self.message or (f"this is not so: {self.line}" if self.line else "it failed")
        return f"{self.error}: {self.message}" if self.message else str(self.error)


class _Manager(KernelManager):
    """Starts the Python that runs this, whatever kernels the user has installed."""

    @property
    def kernel_spec(self) -> KernelSpec:
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=[*command, "--HistoryManager.enabled=False"], language="python")


class Kernel:
    """A kernel with nothing in it: it knows no start-up files of the user. `close` it in the end.

    Args:
        folder: the folder in which it runs.

    Raises:
        KernelError: it does not start.
    """

    def __init__(self, folder: Path):
        self._folder = tempfile.TemporaryDirectory(prefix="kernel")
        own = Path(self._folder.name)
        self._manager = _Manager(connection_file=str(own / "kernel.json"))
        self._log = own / "log"
        self._client: Any = None
        try:
            with self._log.open("wb") as log:
                self._manager.start_kernel(
                    cwd=str(folder),
                    env=os.environ | {"IPYTHONDIR": str(own)},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            self._client = self._manager.client()
            self._client.start_channels()
            self._client.wait_for_ready(timeout=START)
        except RuntimeError as error:
            told = self._log.read_text(errors="replace").strip().splitlines()
            self.close()
            raise KernelError(f"no kernel starts: {told[-1] if told else error}") from None
        except BaseException:
            self.close()
            raise

    def run(self, code: str, limit: float) -> Ran:
        """Run code and wait for its end; interrupt it at its limit, in seconds.

        What can't be interrupted, and what ends the kernel, is the last that it runs.
        """
        request = self._client.execute(code, allow_stdin=False, stop_on_error=False)
        until = time.monotonic() + limit
        reply = value = None
        idle = interrupted = False
        while not (reply and idle):
            for message in self._messages(request):
                content = message["content"]
                if message["msg_type"] == "execute_reply":
                    reply = content
                    until = time.monotonic() + LAST_OUTPUTS
                elif message["msg_type"] == "execute_result":
                    value = content["data"].get("text/plain")
                elif message["msg_type"] == "status":
                    idle = idle or content["execution_state"] == "idle"
            if time.monotonic() < until:
                if not reply and not self._manager.is_alive():
                    return Ran("the kernel died", alive=False)
            elif reply:
                break
            elif interrupted:
                told = f"stopped after {limit:g} s, and with it the kernel: it could not be interrupted"
                return Ran(told, alive=False)
            else:
                self._manager.interrupt_kernel()
                interrupted, until = True, time.monotonic() + GRACE
        if interrupted:  # even if it ended well: just then
            return Ran(f"stopped after {limit:g} s")
        if reply["status"] == "ok":
            return Ran(value=value)
        trace = clean("\n".join(reply.get("traceback", [])))
        lines = FAILING_LINE.findall(trace)
        return Ran(
            clean(str(reply.get("ename", "error"))),
            clean(str(reply.get("evalue", ""))).strip(),
            lines[-1].strip() if lines else "",
        )

    def _messages(self, request: str) -> list[dict[str, Any]]:
        """Return what the kernel has said about a request; wait a moment if that is nothing."""
        found = []
        for channel in (self._client.shell_channel, self._client.iopub_channel):
            while channel.msg_ready():
                found.append(channel.get_msg(timeout=1))
        if not found:
            try:
                found.append(self._client.iopub_channel.get_msg(timeout=LOOK))
            except queue.Empty:
                return []
        return [one for one in found if one["parent_header"].get("msg_id") == request]

    def close(self) -> None:
        """End the kernel and all that it started."""
        if self._client:
            self._client.stop_channels()
        process = getattr(self._manager.provisioner, "pid", None)
        if process and self._manager.has_kernel:
            kill_tree(process)
        if self._manager.has_kernel:
            self._manager.shutdown_kernel(now=True)
        self._manager.cleanup_resources()
        self._folder.cleanup()


def clean(text: str) -> str:
    """Return a text without what a terminal would obey."""
    return CONTROLS.sub("", text)
