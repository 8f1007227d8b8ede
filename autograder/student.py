"""The process of one submission: runs its cells, and answers the judge.

`python -m autograder.student WALLS`, forked from a warm process, with the socket of the judge as its
input; WALLS is JSON, see `autograder.sandbox.enter`.
"""

from __future__ import annotations

import os
import socket
import sys

from autograder.agent import Agent
from autograder.cells import Cells
from autograder.sandbox import enter

READY = b"r"  # told before any of the student's code runs


def main() -> None:
    """Close this process in, and serve the judge until it closes the connection."""
    enter(sys.argv[1])
    connection = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    # What is left of where this process came from
    sys.argv[:] = ["notebook"]
    sys.path[:] = ["", *(path for path in sys.path[1:] if os.path.exists(path))]
    cells = Cells()
    connection.sendall(READY)
    Agent(cells.namespace, connection, cells.run).serve()


if __name__ == "__main__":
    main()
    os._exit(0)  # whatever threads and exit functions the student has left
