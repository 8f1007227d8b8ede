"""A real Dask cluster for tests: a scheduler and workers, each a process of its own."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

DASK = str(Path(sys.executable).parent / "dask")


def until(what, seconds=60):
    """Wait until something is true; return it."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
    return found


class Cluster:
    """A scheduler at a port of this machine, and workers."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.scheduler = self.start(
            *("scheduler", "--host", "127.0.0.1", "--port", self.port, "--no-dashboard")
        )

    def start(self, *arguments):
        # A worker finds neither this project nor its data
        environment = {k: v for k, v in os.environ.items() if not k.startswith("COURSE_")}
        log = (self.folder / f"{len(self.processes)}.log").open("wb")
        with log:
            process = subprocess.Popen(
                [DASK, *map(str, arguments)],
                cwd=self.folder,
                env=environment | {"TMPDIR": str(self.folder)},
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def worker(self, *options):
        return self.start(
            *("worker", self.address, "--no-nanny", "--nthreads", 1, "--no-dashboard"),
            *("--local-directory", self.folder, *options),
        )

    def runs(self):
        """Return the folders of the runs that its workers have begun and not left."""
        return list(self.folder.glob("course-run-*"))

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()
