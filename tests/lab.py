"""A real JupyterLab for tests in a browser, in a folder and with a home of its own."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psutil

START = 120  # seconds for JupyterLab to start
JUPYTERS = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")


def own_environment(home):
    """Return an environment in which Jupyter's programs touch nothing of the user's."""
    folders = {name: home / name.lower() for name in JUPYTERS}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JUPYTER", "XDG_", "IPYTHON"))
    }
    programs = Path(sys.executable).parent
    return kept | {
        **{name: str(folder) for name, folder in folders.items()},
        "HOME": str(home),
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
    }


@contextmanager
def running_lab(root, home):
    """Start JupyterLab as `make lab` does; give its address; end it and all that it started.

    It touches nothing of the user's. A failure tells what it has logged.
    """
    environment = own_environment(home) | {"JUPYTER_TOKEN": secrets.token_hex(16)}
    # It asks nobody whether there is news
    asking = Path(environment["JUPYTER_CONFIG_DIR"])
    asking /= "lab/user-settings/@jupyterlab/apputils-extension"
    asking.mkdir(parents=True)
    settings = {"fetchNews": "false", "checkForUpdates": False}
    (asking / "notification.jupyterlab-settings").write_text(json.dumps(settings))
    # Another program may take the port meanwhile: the server then looks for the next
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--ServerApp.port={port}"]
    log = home / "lab.log"
    with log.open("wb") as out:
        server = psutil.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        about = _wait_for_server(server, Path(environment["JUPYTER_RUNTIME_DIR"]))
        yield f"http://127.0.0.1:{about['port']}{about['base_url']}lab?token={about['token']}"
    except BaseException as error:
        error.add_note(f"--- JupyterLab told:\n{log.read_text(errors='replace')[-6000:]}")
        raise
    finally:
        _end(server)


def _wait_for_server(server, folder):
    """Return what a server tells of itself as soon as it listens."""
    path = folder / f"jpserver-{server.pid}.json"
    until = time.monotonic() + START
    while time.monotonic() < until:
        assert server.poll() is None, f"JupyterLab has ended with {server.returncode}"
        try:
            return json.loads(path.read_text())
        except (OSError, ValueError):
            time.sleep(0.1)
    raise AssertionError(f"JupyterLab does not listen after {START} s")


def _end(server):
    """End a process and all that it has started."""
    if server.poll() is not None:
        return
    children = server.children(recursive=True)
    server.terminate()
    _, left = psutil.wait_procs([server], timeout=20)
    for process in [*left, *children]:
        if process.is_running():
            process.kill()
    psutil.wait_procs([server, *children], timeout=20)
