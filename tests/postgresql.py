"""A real PostgreSQL server for tests, of the package pgserver, which brings its programs."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


class Server:
    """A server that listens at a socket in a folder of its own."""

    def __init__(self, programs, folder):
        self._programs, self._data = programs, folder / "data"
        self.url = f"postgresql+psycopg2://teacher@/postgres?host={folder}"
        self._folder = folder
        self._run("initdb", "-D", self._data, "-U", "teacher", "-A", "trust", "--no-sync")

    def start(self):
        options = f"-c listen_addresses='' -c unix_socket_directories={self._folder} -c fsync=off"
        log = self._folder / "log"
        self._run("pg_ctl", "-D", self._data, "-w", "-l", log, "-o", options, "start")

    def stop(self, how="immediate"):
        self._run("pg_ctl", "-D", self._data, "-w", "-m", how, "stop")

    def _run(self, program, *arguments):
        # It refuses to run as root
        account = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        command = [*(account if os.getuid() == 0 else []), self._programs / program, *arguments]
        done = subprocess.run(command, cwd=self._folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr or done.stdout


@contextmanager
def server():
    """Give a server that runs; delete it in the end."""
    (package,) = importlib.util.find_spec("pgserver").submodule_search_locations
    # A socket's path may have 107 characters, fewer than a folder of pytest's
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    try:
        # A copy, since the account may not be allowed to look where the package is
        for one in (Path(package), Path(f"{package}.libs")):
            if one.is_dir():
                shutil.copytree(one, folder / "site" / one.name, symlinks=True)
        if os.getuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        made = Server(folder / "site" / "pgserver" / "pginstall" / "bin", folder)
        made.start()
        yield made
        made.stop()
    finally:
        shutil.rmtree(folder)
