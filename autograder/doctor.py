"""Says what this machine offers for grading, by trying each wall and each limit for real."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from autograder import sandbox, seccomp
from autograder.sandbox import Limits
from autograder.steps import Kind, Outcome, Step
from autograder.worker import Worker, WorkError
from course.warm import WarmError

# For the trials: small, so that each takes seconds
SMALL = Limits(
    memory_mib=512,
    processes=30,
    scratch_mib=8,
    files=64,
    cpu_seconds=3,
    cell_seconds=10,
    test_seconds=2,
    submission_seconds=20,
)


@dataclass(frozen=True)
class Finding:
    """One thing that was tried.

    Attributes:
        what: it is.
        works: as it should.
        told: what happened, and the mend where it does not work.
    """

    what: str
    works: bool
    told: str


@dataclass(frozen=True)
class Trial:
    """A cell that tries to get over one of the walls.

    Attributes:
        what: the wall.
        source: of the cell; it must raise one of `errors`, or be ended where there is none.
        errors: names of exceptions.
    """

    what: str
    source: str
    errors: tuple[str, ...] = ()


REFUSED = ("PermissionError", "OSError", "FileNotFoundError")
TRIALS = (
    Trial("no network", "import socket\nsocket.create_connection(('127.0.0.1', {port}), 2)", REFUSED),
    Trial("no names of hosts", "import socket\nsocket.getaddrinfo('example.org', 80)", ("gaierror",)),
    Trial("no file of this account", "open({secret!r})", REFUSED),
    Trial("no file can be left behind", "open('/usr/left', 'w')", REFUSED),
    Trial("no other process", "import os\nos.kill({pid}, 0)", ("ProcessLookupError",)),
    Trial(
        "no namespace with privileges",
        "import ctypes\nif ctypes.CDLL(None).unshare(0x10000000): raise PermissionError",
        REFUSED,
    ),
    Trial("limit of files", "files = [open('/dev/null') for _ in range(1000)]", ("OSError",)),
    Trial(
        "limit of disk",
        "for n in range(50):\n    open(f'/tmp/{{n}}', 'wb').write(b'x' * 10**6)",
        ("OSError",),
    ),
    Trial(
        "limit of processes",
        "import os, time\nfor _ in range(100):\n    if not os.fork(): time.sleep(5); os._exit(0)",
        ("BlockingIOError",),
    ),
    Trial("limit of memory", "x = bytearray(2 * 10**9)", ("MemoryError",)),
    Trial(
        "limit of memory of several processes",
        "import os, time\nfor _ in range(9):\n    if not os.fork():\n        x = b'x' * (10**8)\n"
        "        time.sleep(30)\nos.wait()",
    ),
    Trial("limit of processor time", "while True: pass"),
    Trial("limit of wall time", "import time\ntime.sleep(60)"),
)  # fmt: skip


def examine() -> Iterator[Finding]:
    """Try what grading needs; yield each finding as it is made."""
    if reason := sandbox.why_not():
        yield Finding("sandbox", False, reason)
        return
    yield Finding("sandbox", True, "bubblewrap makes namespaces for users, processes and mounts")
    offered = seccomp.offered()
    machine = os.uname().machine
    told = (
        "system calls that no notebook needs are taken away"
        if offered
        else f"the system calls of {machine} are not known here; the sandbox stands without it"
    )
    yield Finding("seccomp", True, told)  # it comes on top
    try:
        with (
            tempfile.NamedTemporaryFile(dir=Path(__file__).parents[1], prefix=".doctor-") as secret,
            socket.create_server(("127.0.0.1", 0)) as server,
            Worker(limits=SMALL) as worker,
        ):
            port = server.getsockname()[1]
            for trial in TRIALS:
                source = trial.source.format(port=port, secret=secret.name, pid=os.getpid())
                yield _try(worker, trial, source)
    except (WarmError, WorkError) as error:
        yield Finding("warm process", False, str(error))


def _try(worker: Worker, trial: Trial, source: str) -> Finding:
    worker.limits = SMALL if "wall" not in trial.what else replace(SMALL, cell_seconds=2)
    [outcome] = worker.grade([Step(Kind.CELL, "trial", source)])
    works, told = _judge(trial, outcome)
    return Finding(trial.what, works, told)


def _judge(trial: Trial, outcome: Outcome) -> tuple[bool, str]:
    if outcome.ended:
        return not trial.errors, outcome.ended
    errors = [one["ename"] for one in outcome.outputs if one["output_type"] == "error"]
    if not errors:
        return False, "nothing has stopped it: don't grade on this machine"
    return errors[0] in trial.errors, f"stopped by {errors[0]}"
