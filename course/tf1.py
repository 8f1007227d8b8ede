"""TensorFlow 1 in a process of its own, for the code of documents that were written for it.

`tf.compat.v1` with `tf-keras` runs TensorFlow 1 programs on today's TensorFlow, but it changes the
process that imports it: `disable_v2_behavior` and `TF_USE_LEGACY_KERAS` hold for all that follows.
So it runs in another process. Code goes there as text, arrays as `.npz` files without pickle.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import tempfile
import traceback
import weakref
from pathlib import Path
from typing import IO, Any

import numpy as np

QUIET = {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}


class TF1Error(Exception):
    """Code failed in the other process; the message is the error's type and text."""


class Process:
    """A Python process that runs the code it is given, one piece after the other, like a kernel.

    It ends when `close` is called, when this object is gone, or when the process that made it ends.
    What it writes to stderr, such as TensorFlow's warnings, goes into `stderr`.

    Raises:
        TF1Error: the package `tf-keras` is missing.
    """

    def __init__(self) -> None:
        if importlib.util.find_spec("tf_keras") is None:
            raise TF1Error(
                "the recurrent cells of TensorFlow 1 need the package tf-keras; "
                "install it: pip install tf-keras"
            )
        paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        folder = tempfile.TemporaryDirectory(prefix="tf1-")
        self._folder, self._log = Path(folder.name), Path(folder.name) / "stderr"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "course.tf1", folder.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self._folder,
                env=os.environ | QUIET | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
                start_new_session=True,  # interrupting a cell must not end it
            )
        self._requests = 0
        self._end = weakref.finalize(self, _end, self._process, folder)

    @property
    def stderr(self) -> str:
        """All that the process wrote to stderr so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def run(self, code: str) -> None:
        """Run code there, in the one namespace that all pieces share, and print what it printed.

        Raises:
            TF1Error: the code raised an exception; what it defined before stays.
        """
        answer = self._ask({"run": code})
        print(answer["printed"], end="")
        if "error" in answer:
            raise TF1Error(answer["error"])

    def put(self, **arrays: Any) -> None:
        """Define arrays there, each under its name."""
        path = self._folder / "put.npz"
        np.savez(path, **{name: np.asarray(value) for name, value in arrays.items()})
        self._answer({"put": str(path)})

    def get(self, expression: str) -> Any:
        """Return the value of an expression there: an array, a number, a text, or a list of these.

        Raises:
            TF1Error: it can't be computed, or its value is something else.
        """
        return self._receive(self._answer({"get": expression}))

    def call(self, function: str, *arguments: int | float | str | bool | None) -> Any:
        """Call a function there by its name; return what it returns, as `get` does."""
        return self._receive(self._answer({"call": function, "arguments": arguments}))

    def close(self) -> None:
        """End the process."""
        self._end()

    def _receive(self, answer: dict[str, Any]) -> Any:
        def filled(value: Any) -> Any:
            if isinstance(value, list):
                return [filled(item) for item in value]
            return arrays[value["array"]] if isinstance(value, dict) else value

        arrays: dict[str, np.ndarray] = {}
        if answer.get("arrays"):
            with np.load(answer["arrays"], allow_pickle=False) as stored:
                arrays = dict(stored)
        return filled(answer["value"])

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        answer = self._ask(request)
        if "error" in answer:
            raise TF1Error(answer["error"])
        return answer

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        self._requests += 1
        try:
            told = json.dumps(request | {"number": self._requests})
            self._process.stdin.write(told.encode() + b"\n")
            self._process.stdin.flush()
            while line := self._process.stdout.readline():
                answer = json.loads(line)
                if answer["number"] == self._requests:  # not one that an interrupt left behind
                    return answer
        except (OSError, ValueError):
            pass
        raise TF1Error(f"the process has ended: {self._tail()}")

    def _tail(self) -> str:
        try:
            return self.stderr.strip().splitlines()[-1]
        except (OSError, IndexError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=2)  # its pipes close a little before it ends
            return f"it left no message, and the return code {self._process.returncode}"


def _end(process: subprocess.Popen, folder: tempfile.TemporaryDirectory) -> None:
    """End a process by closing its pipe; kill it if it does not listen."""
    with contextlib.suppress(OSError):
        process.stdin.close()
    try:
        process.wait(timeout=2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
    folder.cleanup()


def _packed(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Return a value as JSON can say it; arrays are put aside, with a reference in their place."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_packed(item, arrays) for item in value]
    array = np.asarray(value)
    if array.dtype.kind not in "biufcU":
        raise TypeError(f"can't send a {type(value).__name__}")
    if array.ndim == 0:
        return array.item()
    name = f"a{len(arrays)}"
    arrays[name] = array
    return {"array": name}


def _answer_to(request: dict[str, Any], names: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Do what a request asks for, and return the answer."""
    if "put" in request:
        with np.load(request["put"], allow_pickle=False) as stored:
            names.update(stored)
        return {}
    if "run" in request:
        exec(compile(request["run"], "<tf1>", "exec"), names)
        return {}
    if "get" in request:
        value = eval(request["get"], names)
    else:
        value = names[request["call"]](*request["arguments"])
    arrays: dict[str, np.ndarray] = {}
    answer = {"value": _packed(value, arrays)}
    if arrays:
        np.savez(folder / "get.npz", **arrays)
        answer["arrays"] = str(folder / "get.npz")
    return answer


def serve(requests: IO[bytes], answers: IO[bytes], folder: Path) -> None:
    """Answer requests, one JSON line each, until there are no more."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for line in requests:
        printed = io.StringIO()
        request = json.loads(line)
        with contextlib.redirect_stdout(printed):
            try:
                answer = _answer_to(request, names, folder)
            except Exception as error:
                traceback.print_exc()
                answer = {"error": f"{type(error).__name__}: {error}"}
        answer |= {"number": request["number"], "printed": printed.getvalue()}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _main() -> None:
    # The pipes belong to the requests: whatever else reads stdin finds nothing, and whatever
    # native code prints goes to stderr.
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    with contextlib.suppress(BrokenPipeError):
        serve(requests, answers, Path(sys.argv[1]))


if __name__ == "__main__":
    _main()
