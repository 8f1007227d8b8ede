"""The process of one submission: runs its cells, then answers the judge.

`python -m autograder.student LIMITS`, forked from a warm process in the sandbox, with the socket of
the grader as its input; LIMITS is JSON.
"""

from __future__ import annotations

import json
import os
import socket
import sys

from autograder.agent import Agent
from autograder.cells import Cells
from autograder.sandbox import Limits, close_in


def main() -> None:
    """Close this process in, and serve the grader until it closes the connection."""
    close_in(Limits(**json.loads(sys.argv[1])))
    connection = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    # What is left of where this process came from
    sys.argv[:] = ["notebook"]
    sys.path[:] = ["", *(path for path in sys.path[1:] if os.path.exists(path))]
    cells = Cells()
    Agent(cells.namespace, connection, cells.run).serve()


if __name__ == "__main__":
    main()
    os._exit(0)  # whatever threads and exit functions the student has left
