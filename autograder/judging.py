"""The judge's process for one submission: has its cells run, and runs the tests.

`python -m autograder.judging WALLS`, forked from a warm process, with the socket of the grader as
its input, and that of the student's process as its output. The grader sends one line of JSON, what
there is to do; each step is told in lines of JSON when it begins and when it has ended.
"""

from __future__ import annotations

import json
import math
import os
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from autograder.cells import CAPS, CUT
from autograder.judge import CannotJudge, Judge
from autograder.peer import OutOfTime, PeerError
from autograder.sandbox import enter
from autograder.steps import Kind
from autograder.student import READY

PATIENCE = 60  # seconds until the student's process must be ready
# What is shown to people, and can hold no program
SHOWN = ("text/plain", "text/latex", "image/png", "image/jpeg")
# The caps of `autograder.cells` hold only as long as a student leaves that module alone
MOST = 2 * CAPS.cell  # characters of a cell's outputs, as it counts bytes
MOST_OF_ALL = 2 * CAPS.notebook

Tell = Callable[[dict[str, Any]], None]


def main() -> None:
    """Take the steps that the grader sends, in their order."""
    enter(sys.argv[1])
    control, student = (socket.socket(fileno=os.dup(number)) for number in (0, 1))
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(nothing, number)
    os.close(nothing)
    sys.argv[:] = ["notebook"]
    with control.makefile("rw", encoding="utf-8") as lines:

        def tell(what: dict[str, Any]) -> None:
            lines.write(json.dumps(what, allow_nan=False) + "\n")
            lines.flush()

        work(json.loads(lines.readline()), student, tell)


def work(job: dict[str, Any], student: socket.socket, tell: Tell) -> None:
    """Take steps until they are done, or the student's process can't be used any more.

    Args:
        job: `steps`, each as the fields of `autograder.steps.Step`; `done`, the numbers of those
            to leave out; `outputs`, the characters of outputs that there are; `cell_seconds` and
            `test_seconds`, that one may take.
        student: the end of a stream socket to the student's process.
        tell: is given what begins and ends.
    """
    judge = Judge(student, seconds=job["test_seconds"])
    left = MOST_OF_ALL - job["outputs"]
    student.settimeout(PATIENCE)
    try:
        if student.recv(1) != READY:
            raise OSError("it ended")
    except OSError as error:
        tell({"failed": f"the student's process did not get ready: {error}"})
        return
    for number, step in enumerate(job["steps"]):
        if step["kind"] == Kind.SETUP:
            tell({"begin": number})
            # Also one that has ended the student's process before: the judge takes its names from
            # nobody else
            try:
                judge.set_up(step["source"], step["name"])
            except CannotJudge as error:
                tell({"cannot": str(error)})
                return
        if number in job["done"]:
            continue
        tell({"begin": number})  # the time of a cell begins, or begins again
        begun = time.monotonic()
        outcome = _take(judge, step, job["cell_seconds"])
        size = len(json.dumps(outcome))
        if size > min(left, MOST):
            outcome["outputs"] = [{"output_type": "stream", "name": "stderr", "text": CUT}]
        left -= min(size, left)
        tell({"end": number, "outcome": outcome | {"seconds": time.monotonic() - begun}})
        if outcome.get("ended"):
            return
    tell({"done": True})


def _take(judge: Judge, step: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Take one step; return the fields of its `autograder.steps.Outcome`."""
    if step["kind"] == Kind.TEST:
        try:
            verdict = judge.run(step["source"], step["name"], step["points"])
        except CannotJudge as error:
            # With the solution it is the author's fault; with what a student has sent, theirs
            public = "Your answer could not be judged."
            return {"message": str(error), "public": public, "cannot": str(error)}
        return {
            "points": verdict.points,
            "message": verdict.message,
            "public": verdict.public,
            "printed": verdict.printed,
            "ended": verdict.message if verdict.broken else None,
        }
    try:
        outputs = cleaned(judge.run_cell(step["source"], seconds))
        return {"outputs": outputs, "memory_mib": judge.memory_mib()}
    except OutOfTime:
        return {"ended": f"This cell took longer than {seconds:g} s."}
    except PeerError:
        return {"ended": "This cell ended the process that runs the notebook."}
    except Exception as error:  # what the student has made of the code that runs cells
        kind = type(error).__name__
        told = {"output_type": "error", "ename": kind, "evalue": str(error), "traceback": [kind]}
        return {"outputs": [told]}


def cleaned(outputs: list[Any]) -> list[dict[str, Any]]:
    """Return outputs as nbformat has them, whatever a student's process has sent.

    What can hold a program for the browser of a teacher (HTML, JavaScript, SVG) is left out.
    """
    found = []
    for output in outputs:
        if type(output) is not dict:
            continue
        kind = output.get("output_type")
        if kind == "stream" and output.get("name") in ("stdout", "stderr"):
            found.append(
                {"output_type": kind, "name": output["name"], "text": _text(output.get("text"))}
            )
        elif kind == "error":
            trace = output.get("traceback")
            found.append(
                {
                    "output_type": kind,
                    "ename": _text(output.get("ename")),
                    "evalue": _text(output.get("evalue")),
                    "traceback": [_text(line) for line in trace] if type(trace) is list else [],
                }
            )
        elif kind in ("display_data", "execute_result") and type(output.get("data")) is dict:
            data = {mime: _text(output["data"][mime]) for mime in SHOWN if mime in output["data"]}
            count = output.get("execution_count")
            more = {} if kind == "display_data" else {"execution_count": _count(count)}
            found.append({"output_type": kind, "data": data, "metadata": {}} | more)
    return found


def _text(value: Any) -> str:
    return value if type(value) is str else ""


def _count(value: Any) -> int | None:
    return value if type(value) is int and math.fabs(value) < 1e9 else None


if __name__ == "__main__":
    main()
    os._exit(0)
