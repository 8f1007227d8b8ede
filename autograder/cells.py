"""Runs the cells of a notebook in this process, and returns their outputs as a notebook has them.

It is IPython's own shell, as in a kernel, without the kernel's sockets and threads: a process that
was just forked is ready at once, and ends at once. What the cells print is cut off at a cap, so
that a flood of output stays small here and wherever it is sent.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

CUT = "\n[The rest of the output was cut off.]\n"


@dataclass(frozen=True)
class Caps:
    """What a submission may leave as outputs.

    Attributes:
        text: bytes that one cell prints.
        cell: bytes of one cell's outputs, pictures and text together.
        notebook: bytes of all outputs together.
    """

    text: int = 200_000
    cell: int = 2_000_000
    notebook: int = 20_000_000


CAPS = Caps()


class _Outputs:
    """The outputs of the cell that runs, no more than it may have."""

    def __init__(self, caps: Caps):
        self._caps = caps
        self._left = self._left_for_text = 0
        self._left_for_all = caps.notebook
        self.items: list[dict[str, Any]] = []

    def begin(self) -> None:
        self.items = []
        self._left = min(self._caps.cell, self._left_for_all)
        self._left_for_text = self._caps.text

    def _take(self, size: int) -> bool:
        """Tell whether there is room for so many bytes more, and take it."""
        if size > self._left:
            self._left_for_all -= self._left
            self._left = -1  # nothing more of this cell
            return False
        self._left -= size
        self._left_for_all -= size
        return True

    def text(self, name: str, text: str) -> None:
        room = min(self._left, self._left_for_text)
        if room < 0:
            return
        size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        self._left_for_text -= size
        if size > room:
            text, size = text[:room] + CUT, room
            self._left_for_text = -1  # nothing more is printed
        self._take(size)
        last = self.items[-1] if self.items else {}
        if last.get("output_type") == "stream" and last["name"] == name:
            last["parts"].append(text)
        else:
            self.items.append({"output_type": "stream", "name": name, "parts": [text]})

    def data(self, kind: str, data: Any, metadata: Any, **more: Any) -> None:
        if self._left < 0:
            return
        try:
            # As JSON it is data for certain, whatever objects stood in it
            written = json.dumps([data, metadata or {}])
        except (TypeError, ValueError, RecursionError):
            self.text("stderr", "[An output that is no data was left out.]\n")
            return
        if not self._take(len(written)):
            self.items.append({"output_type": "stream", "name": "stderr", "parts": [CUT]})
            return
        plain, about = json.loads(written)
        self.items.append({"output_type": kind, "data": plain, "metadata": about} | more)

    def error(self, name: str, text: str, trace: list[str]) -> None:
        # Always told: it says why a cell has no other outputs
        told = [line[:2000] for line in trace[-50:]]
        self.items.append(
            {"output_type": "error", "ename": name, "evalue": text[:2000], "traceback": told}
        )

    def clear(self) -> None:
        self.items = []

    def end(self) -> list[dict[str, Any]]:
        """Return the outputs, as nbformat has them."""
        for item in self.items:
            if "parts" in item:
                item["text"] = "".join(item.pop("parts"))
        return self.items


class _Stream(io.TextIOBase):
    """What stands for stdout or stderr while a cell runs."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, name: str, outputs: _Outputs):
        self._name = name
        self._outputs = outputs

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() needs a text, not {type(text).__name__}")
        self._outputs.text(self._name, text)
        return len(text)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return {"stdout": 1, "stderr": 2}[self._name]  # for programs that a cell starts


class _Publisher(DisplayPublisher):
    """Takes what `display` shows."""

    def publish(
        self, data: Any, metadata: Any = None, *, update: bool = False, **more: Any
    ) -> None:
        if not update:
            self.shell.outputs.data("display_data", data, metadata)

    def clear_output(self, wait: bool = False) -> None:
        self.shell.outputs.clear()


class _Hook(DisplayHook):
    """Takes the value of a cell's last expression."""

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        count = self.shell.execution_count
        self.shell.outputs.data("execute_result", format_dict, md_dict, execution_count=count)

    def finish_displayhook(self) -> None:
        pass


class _Shell(InteractiveShell):
    """IPython's shell, with outputs that are kept instead of shown."""

    outputs: _Outputs

    def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
        trace = stb if isinstance(stb, list) else [str(stb)]
        self.outputs.error(
            getattr(etype, "__name__", "Error"), _said(evalue), list(map(str, trace))
        )

    def init_io(self) -> None:
        pass

    def ask_exit(self) -> None:
        pass

    def enable_gui(self, gui: Any = None) -> None:
        pass  # there is no window to show


def _said(error: Any) -> str:
    try:
        return str(error)
    except BaseException as other:  # an error of the student's own may have no text
        return f"<{type(other).__name__} while it was shown>"


class Cells:
    """Runs cells one after the other in one namespace, as a kernel does.

    Args:
        caps: of the outputs.
    """

    def __init__(self, caps: Caps = Caps()):
        self._folder = tempfile.mkdtemp(prefix="ipython-")
        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "nocolor"
        os.environ["IPYTHONDIR"] = self._folder  # no start-up files, and none is left
        _Shell.outputs = _Outputs(caps)
        _Shell.clear_instance()
        self._shell = _Shell.instance(
            config=config,
            display_pub_class=_Publisher,
            displayhook_class=_Hook,
            ipython_dir=self._folder,
        )
        os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
        if "matplotlib_inline.backend_inline" in sys.modules:
            # It was loaded in the warm process, where it found no shell to show figures in
            self._shell.enable_matplotlib("inline")

    @property
    def namespace(self) -> dict[str, Any]:
        """What the cells have defined."""
        return self._shell.user_ns

    def run(self, source: str) -> list[dict[str, Any]]:
        """Run a cell; return its outputs, an error among them if it raised one."""
        outputs = self._shell.outputs
        outputs.begin()
        streams = (_Stream("stdout", outputs), _Stream("stderr", outputs))
        with redirect_stdout(streams[0]), redirect_stderr(streams[1]), _no_input():
            try:
                self._shell.run_cell(source, store_history=True)
            except SystemExit as error:  # raised by a hook of the student's
                outputs.error("SystemExit", _said(error), [])
        return outputs.end()


@contextmanager
def _no_input() -> Iterator[None]:
    def refuse(prompt: object = "") -> str:
        raise EOFError("input() has nobody to ask while a notebook is graded")

    before: Callable[..., str] = builtins.input
    builtins.input = refuse
    try:
        yield
    finally:
        builtins.input = before
        with contextlib.suppress(Exception):  # a cell may have put something else there
            sys.stdout.flush()
