"""Python processes forked from a warm one, which has imported slow packages before.

Importing TensorFlow takes seconds. A `Nest` is a process that imports modules once; each process
that it forks has them at once, with memory that is shared until it is written. `Process` is such
a process, run as `python -m MODULE ARGUMENTS` would be, and is used like `subprocess.Popen`.
`WarmProvisioner` makes Jupyter kernels so: where the environment variable `WARM_NEST` names a
nest, and `JUPYTER_DEFAULT_PROVISIONER_NAME` is `warm`, every kernel of this Python comes from it,
whatever program starts it.

A fork is safe only while the nest has one thread, and while no TensorFlow operation has run in it:
the random numbers of all children would be the same, and their first matrix product would hang. A
nest with threads refuses to serve. It needs Linux, which can show the threads.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import importlib.util
import json
import os
import random
import runpy
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner

ADDRESS = "WARM_NEST"  # the environment variable with the address of a nest
SETTINGS = {"JUPYTER_DEFAULT_PROVISIONER_NAME": "warm"}
# Libraries that would start threads when they are imported
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
LONGEST_REQUEST = 1 << 20  # bytes; an environment is a few thousand
PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
KERNEL = "ipykernel_launcher"


class WarmError(Exception):
    """A nest that can't serve; the message says why."""


class Nest:
    """A process that has imported modules, and forks others. A context manager.

    Args:
        modules: what it imports, by their full names; those that are not installed are left out.
        environment: of the nest while it imports; by default that of this process.
        patience: seconds that the imports may take.

    Raises:
        WarmError: it can't fork safely here, or did not get ready; the message says why.
    """

    def __init__(
        self,
        modules: Sequence[str],
        environment: Mapping[str, str] | None = None,
        patience: float = 120,
    ):
        if reason := unsafe():
            raise WarmError(reason)
        self._folder = tempfile.TemporaryDirectory(prefix="nest")
        self.address = str(Path(self._folder.name) / "socket")
        self._log = Path(self._folder.name) / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "course.warm", self.address, *modules],
                stdin=subprocess.PIPE,  # which ends when this process does
                stdout=subprocess.PIPE,
                stderr=log,
                env=dict(os.environ if environment is None else environment) | ONE_THREAD,
                start_new_session=True,
            )
        try:
            self._wait(patience)
        except BaseException:
            self.close()
            raise

    def _wait(self, patience: float) -> None:
        assert self._process.stdout
        with selectors.DefaultSelector() as ready:
            ready.register(self._process.stdout, selectors.EVENT_READ)
            told = self._process.stdout.readline() if ready.select(patience) else b""
        if told.strip() != b"ready":
            lines = self._log.read_text(errors="replace").strip().splitlines()
            reason = lines[-1] if lines else f"no answer in {patience:g} s"
            raise WarmError(f"the warm process did not get ready: {reason}")

    def forked_for(self, pid: int) -> list[int]:
        """Return the processes that another process has asked for and that still run."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.address)
            connection.sendall(json.dumps({"forked for": pid}).encode() + b"\n")
            with connection.makefile("rb") as answer:
                return json.loads(answer.readline())

    @property
    def environment(self) -> dict[str, str]:
        """What the environment of a program needs, so that its kernels come from here."""
        return SETTINGS | {ADDRESS: self.address}

    def close(self) -> None:
        """End the nest, and with it every process that it forked."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        self._folder.cleanup()

    def __enter__(self) -> Nest:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def unsafe() -> str | None:
    """Return why forking a warm process is not safe on this machine, or None if it is."""
    if not sys.platform.startswith("linux"):
        return f"warm processes need Linux, and this is {sys.platform}"
    return None


class Process:
    """A process forked from a nest, used like `subprocess.Popen`.

    It runs in a session of its own, and ends when this process does.

    Args:
        address: of the nest.
        module: what it runs, as `python -m` does.
        arguments: its command line.
        stdin, stdout, stderr: file descriptors; by default those of this process, and no input.
        cwd: the folder in which it runs; by default that of this process.
        env: its environment; by default that of this process.

    Raises:
        WarmError: there is no nest at the address.
    """

    stdin = stdout = stderr = None

    def __init__(
        self,
        address: str,
        module: str,
        arguments: Sequence[str],
        *,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
    ):
        self.args = [module, *arguments]
        self.returncode: int | None = None
        request = {
            "module": module,
            "arguments": list(arguments),
            "folder": os.fspath(cwd) if cwd else os.getcwd(),
            "environment": dict(os.environ if env is None else env),
        }
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(address)
            with open(os.devnull, "r+b") as nothing:
                files = [nothing.fileno() if stdin is None else stdin]
                files += [1 if stdout is None else stdout, 2 if stderr is None else stderr]
                message = json.dumps(request).encode() + b"\n"
                socket.send_fds(self._socket, [message[:1]], files)
                self._socket.sendall(message[1:])
                self._answers = self._socket.makefile("rb")
                self.pid = int(self._answers.readline())
        except (OSError, ValueError) as error:
            self._socket.close()
            raise WarmError(f"no warm process answers at {address}: {error}") from None

    def poll(self) -> int | None:
        """Return its exit code, or None while it runs; minus the signal that ended it."""
        if self.returncode is None:
            with selectors.DefaultSelector() as answered:
                answered.register(self._socket, selectors.EVENT_READ)
                if answered.select(0):
                    return self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended; return its exit code.

        Raises:
            subprocess.TimeoutExpired: it had not, after `timeout` seconds.
        """
        if self.returncode is None:
            with selectors.DefaultSelector() as answered:
                answered.register(self._socket, selectors.EVENT_READ)
                if not answered.select(timeout):
                    raise subprocess.TimeoutExpired(self.args, timeout or 0)
            line = self._answers.readline()
            self.returncode = int(line) if line else -signal.SIGKILL  # the nest is gone
            self._answers.close()
            self._socket.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class WarmProvisioner(LocalProvisioner):
    """Starts kernels from the nest that `WARM_NEST` names, and cold ones where it names none."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start a kernel; a warm one only if it is a Python kernel of this Python."""
        address = os.environ.get(ADDRESS)
        if not address or cmd[:3] != [sys.executable, "-m", KERNEL]:
            return await super().launch_kernel(cmd, **kwargs)
        try:
            self.process = Process(
                address, KERNEL, cmd[3:], cwd=kwargs.get("cwd"), env=kwargs.get("env")
            )
        except WarmError as error:
            self.log.warning("%s; the kernel is started cold", error)
            return await super().launch_kernel(cmd, **kwargs)
        self.pid = self.pgid = self.process.pid
        self.cwd = kwargs.get("cwd", Path.cwd())
        return self.connection_info


# --- The nest itself: `python -m course.warm ADDRESS MODULE...`


def main(arguments: Sequence[str]) -> None:
    """Import, serve, and in each forked process run what was asked for."""
    address, *modules = arguments
    for module in modules:
        if importlib.util.find_spec(module.partition(".")[0]):
            importlib.import_module(module)
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        sys.exit(f"it has {threads} threads after its imports, so that forking is not safe")
    gc.collect()
    gc.freeze()  # what is there now stays in memory that all share
    request = serve(address)
    _become(request)


def serve(address: str) -> dict[str, Any]:
    """Fork a process for each request; return the request, in the forked process only."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(128)
    woken, wakes = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wakes, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # so that the pipe tells of it
    signal.set_wakeup_fd(wakes)
    events = selectors.DefaultSelector()
    for watched in (listener, woken, 0):
        events.register(watched, selectors.EVENT_READ)
    waiting: dict[socket.socket, tuple[bytes, list[int]]] = {}  # requests that have begun
    running: dict[int, socket.socket] = {}
    print("ready", flush=True)
    while True:
        for key, _ in events.select():
            source = key.fileobj
            if source == 0:
                sys.exit()  # our parent has ended; the children end with us
            elif source is listener:
                client, _ = listener.accept()
                waiting[client] = b"", []
                events.register(client, selectors.EVENT_READ)
            elif source == woken:
                os.read(woken, 4096)
                _report_ended(running, events)
            elif source in waiting:
                data, files, _, _ = socket.recv_fds(source, LONGEST_REQUEST, 3)
                waiting[source] = waiting[source][0] + data, waiting[source][1] + files
                message, files = waiting[source]
                if data and not message.endswith(b"\n"):
                    continue
                del waiting[source]
                request = json.loads(message) if data else {}
                if "forked for" in request:
                    found = [
                        pid for pid, one in running.items() if _peer(one) == request["forked for"]
                    ]
                    source.sendall(json.dumps(found).encode() + b"\n")
                pid = _fork() if "module" in request else None
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    for end in (listener, source, *running.values(), *waiting, events):
                        end.close()
                    for end in (woken, wakes):
                        os.close(end)
                    for number, file in enumerate(files):
                        os.dup2(file, number)
                        os.close(file)
                    return request
                for file in files:
                    os.close(file)
                if pid:
                    running[pid] = source
                    source.sendall(b"%d\n" % pid)
                else:
                    events.unregister(source)
                    source.close()
            elif not source.recv(1):  # who asked for this process has ended
                events.unregister(source)
                source.close()
                for pid in [pid for pid, client in running.items() if client is source]:
                    del running[pid]
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(pid, signal.SIGKILL)


def _peer(connection: socket.socket) -> int:
    """Return the process at the other end."""
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return struct.unpack("3i", told)[0]


def _fork() -> int | None:
    """Fork, and in the child leave the nest's session; None if the system can't."""
    nest = os.getpid()
    try:
        pid = os.fork()
    except OSError as error:
        print(f"can't fork: {error}", file=sys.stderr)
        return None
    if pid == 0:
        os.setsid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != nest:  # it ended before we asked for the signal
            os._exit(1)
    return pid


def _report_ended(running: dict[int, socket.socket], events: selectors.BaseSelector) -> None:
    """Tell who asked for a process that has ended its exit code."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        client = running.pop(pid, None)
        if client:
            events.unregister(client)
            with contextlib.suppress(OSError):
                client.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
            client.close()


def _become(request: dict[str, Any]) -> None:
    """Run what was asked for, as `python -m` would, in a process that was just forked."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    tempfile.tempdir = None
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    if request["module"] == KERNEL:
        # The kernel ends with its parent; it has read the variable for that when it was imported
        request["arguments"].append(f"--IPKernelApp.parent_handle={os.getppid()}")
        if "matplotlib" in sys.modules:
            # Matplotlib reads this variable, which the kernel sets, when it is imported
            inline = "module://matplotlib_inline.backend_inline"
            backend = os.environ.setdefault("MPLBACKEND", inline)
            sys.modules["matplotlib"].rcParams["backend"] = backend
    else:
        # tqdm takes a process that has loaded this for a kernel, and shows no bar on a terminal
        sys.modules.pop("ipykernel.zmqshell", None)
    sys.argv = [request["module"], *request["arguments"]]
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
