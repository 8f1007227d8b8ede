"""A judge of what some cells have defined, in a thread or another process, for tests."""

import os
import signal
import socket
import textwrap
import threading
from contextlib import contextmanager

from autograder.agent import Agent
from autograder.judge import Judge, Verdict

SETUP = ["import numpy as np", "DATA = [1, 2, 3]"]


@contextmanager
def submission(answer, setup=SETUP, seconds=5.0, process=False):
    """Give a judge of what some cells have defined, run in a thread or in another process."""
    ours, theirs = socket.socketpair()
    namespace = {"__name__": "__main__"}

    def serve():
        exec(textwrap.dedent(answer), namespace)
        Agent(namespace, theirs).serve()

    if process:
        pid = os.fork()
        if pid == 0:
            ours.close()
            try:
                serve()
            finally:
                os._exit(0)
        theirs.close()
    else:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
    try:
        judge = Judge(ours, seconds)
        for number, source in enumerate(setup, start=1):
            judge.set_up(source, f"set-up cell {number}")
        yield judge
    finally:
        ours.close()
        if process:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        else:
            thread.join(timeout=5)
            theirs.close()


def verdict(answer, test, **options):
    with submission(answer, **options) as made:
        return made.run(textwrap.dedent(test), "test", 2)


RIGHT = Verdict(2)
