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
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner

ADDRESS = "WARM_NEST"  # the environment variable with the address of a nest
SETTINGS = {"JUPYTER_DEFAULT_PROVISIONER_NAME": "warm"}
# Libraries that would start threads when they are imported
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
PATIENCE = 60  # seconds that a nest may take to answer
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
        wrap: turns its command line into one that runs it elsewhere, such as in a sandbox; it is
            also given the folder of the socket, which both sides must see at the same path.

    Raises:
        WarmError: it can't fork safely here, or did not get ready; the message says why.
    """

    def __init__(
        self,
        modules: Sequence[str],
        environment: Mapping[str, str] | None = None,
        patience: float = 120,
        wrap: Callable[[Path, list[str]], list[str]] | None = None,
    ):
        if reason := unsafe():
            raise WarmError(reason)
        self._folder = tempfile.TemporaryDirectory(prefix="nest")
        self.address = str(Path(self._folder.name) / "socket")
        self._log = Path(self._folder.name) / "log"
        command = [sys.executable, "-m", "course.warm", self.address, *modules]
        if wrap:
            command = wrap(Path(self._folder.name), command)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
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
        end, told = time.monotonic() + patience, b""
        with selectors.DefaultSelector() as output:
            output.register(self._process.stdout, selectors.EVENT_READ)
            while b"ready" not in told.split(b"\n"):  # imports may print something before it
                if not output.select(max(0, end - time.monotonic())):
                    raise WarmError(f"the warm process was not ready after {patience:g} s")
                chunk = os.read(self._process.stdout.fileno(), 65536)
                if not chunk:
                    lines = self._log.read_text(errors="replace").strip().splitlines()
                    code = self._process.wait()
                    reason = lines[-1] if lines else f"exit code {code}"
                    raise WarmError(f"the warm process did not get ready: {reason}")
                told += chunk

    def forked_for(self, pid: int) -> list[int]:
        """Return the processes that another process has asked for and that still run.

        Raises:
            WarmError: the nest does not answer.
        """
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            try:
                connection.connect(self.address)
                connection.sendall(json.dumps({"forked for": pid}).encode() + b"\n")
                with connection.makefile("rb") as answer:
                    return json.loads(answer.readline())
            except (OSError, ValueError) as error:
                raise WarmError(f"no warm process answers at {self.address}: {error}") from None

    def alive(self) -> bool:
        """Tell whether the warm process still runs."""
        return self._process.poll() is None

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
        self._socket.settimeout(PATIENCE)
        told = b""
        try:
            self._socket.connect(address)
            with open(os.devnull, "r+b") as nothing:
                files = [nothing.fileno() if stdin is None else stdin]
                files += [1 if stdout is None else stdout, 2 if stderr is None else stderr]
                message = json.dumps(request).encode() + b"\n"
                socket.send_fds(self._socket, [message[:1]], files)
                self._socket.sendall(message[1:])
                self._answers = self._socket.makefile("rb")
                told = self._answers.readline()
                self.pid = int(told)
        except (OSError, ValueError) as error:
            self._socket.close()
            reason = told.decode().strip() or error
            raise WarmError(f"no warm process answers at {address}: {reason}") from None
        self._socket.settimeout(None)

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
            # After the code the nest closes the connection, so that what was read with the pid is
            # found here too
            line = b""
            with contextlib.suppress(ConnectionError):
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
        """End it, and its group.

        The nest does so: it may be in a process namespace of its own, where `pid` is the number
        of something else.
        """
        if self.poll() is None:
            with contextlib.suppress(OSError):  # the nest is gone, and it with the nest
                self._socket.sendall(b"kill\n")


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
    gc.disable()  # imports leave little behind, and looking for it takes a tenth of their time
    for module in modules:
        if importlib.util.find_spec(module.partition(".")[0]):
            importlib.import_module(module)
    gc.enable()
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        sys.exit(f"it has {threads} threads after its imports, so that forking is not safe")
    gc.collect()
    gc.freeze()  # what is there now stays in memory that all share
    server = _Server(address)
    print("ready", flush=True)
    _become(server.serve())


@dataclass
class _Client:
    """Someone at the other end of a connection."""

    connection: socket.socket
    message: bytes = b""
    files: list[int] = field(default_factory=list)
    pid: int | None = None  # of the process that was forked for it and still runs


class _Server:
    """Forks a process for each request, and tells who asked how it ended."""

    def __init__(self, address: str):
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(address)
        self._listener.listen(128)
        self._woken, self._wakes = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wakes, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # so that the pipe tells of it
        signal.set_wakeup_fd(self._wakes)
        self._clients: list[_Client] = []
        self._events = selectors.DefaultSelector()
        for watched in (self._listener, self._woken, sys.stdin.fileno()):
            self._events.register(watched, selectors.EVENT_READ)

    def serve(self) -> dict[str, Any]:
        """Serve until our parent ends; return a request, in the forked process only."""
        while True:
            for key, _ in self._events.select():
                if key.fileobj == sys.stdin.fileno():
                    sys.exit()  # our parent has ended; the children end with us
                elif key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj == self._woken:
                    os.read(self._woken, 4096)
                    self._report_ended()
                elif key.data in self._clients:  # and not left within this batch of events
                    request = self._hear(key.data)
                    if request:
                        return request

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        client = _Client(connection)
        self._clients.append(client)
        self._events.register(connection, selectors.EVENT_READ, client)

    def _hear(self, client: _Client) -> dict[str, Any] | None:
        """Take what a client sends; return its request, in the forked process only."""
        try:
            data, files, _, _ = socket.recv_fds(client.connection, LONGEST_REQUEST, 3)
        except OSError:
            data, files = b"", []
        client.message += data
        client.files += files
        if not data:
            self._leave(client)
        elif client.pid is not None:
            _end(client.pid)  # all that is said after the request
        elif client.message.endswith(b"\n"):
            return self._answer(client)
        return None

    def _answer(self, client: _Client) -> dict[str, Any] | None:
        try:
            request = json.loads(client.message)
        except ValueError:
            request = {}
        if "module" in request:
            try:
                pid = _fork()
            except OSError as error:
                self._tell(client, f"can't fork: {error.strerror}")
                self._leave(client)
                return None
            if pid == 0:
                self._let_go(client)
                return request
            client.pid = pid
            self._tell(client, str(pid))
            while client.files:
                os.close(client.files.pop())
        else:
            asked = request.get("forked for")
            found = [one.pid for one in self._clients if one.pid and _peer(one) == asked]
            self._tell(client, json.dumps(found))
            self._leave(client)
        return None

    @staticmethod
    def _tell(client: _Client, line: str) -> None:
        with contextlib.suppress(OSError):  # it has ended; the next event says so
            client.connection.sendall(line.encode() + b"\n")

    def _leave(self, client: _Client) -> None:
        """Forget a client, and end what was forked for it."""
        self._clients.remove(client)
        self._events.unregister(client.connection)
        client.connection.close()
        for file in client.files:
            os.close(file)
        if client.pid:
            _end(client.pid)

    def _report_ended(self) -> None:
        """Tell who asked for a process that has ended its exit code."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for client in [one for one in self._clients if one.pid == pid]:
                client.pid = None
                self._tell(client, str(os.waitstatus_to_exitcode(status)))
                self._leave(client)

    def _let_go(self, client: _Client) -> None:
        """In a forked process: close all that is the server's, and take the client's files."""
        signal.set_wakeup_fd(-1)
        self._events.close()
        self._listener.close()
        for file in (self._woken, self._wakes):
            os.close(file)
        for number, file in enumerate(client.files):
            os.dup2(file, number)
        for one in self._clients:
            one.connection.close()
            for file in one.files:
                os.close(file)


def _end(pid: int) -> None:
    """End a process and its group, or itself alone if it has not made one yet."""
    for end in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError):
            end(pid, signal.SIGKILL)


def _peer(client: _Client) -> int:
    """Return the process at the other end."""
    size = struct.calcsize("3i")
    told = client.connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    return struct.unpack("3i", told)[0]


def _fork() -> int:
    """Fork, and in the child leave the session of the nest."""
    nest = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != nest:  # it ended before we asked for the signal
            os._exit(1)
    return pid


def _become(request: dict[str, Any]) -> None:
    """Run what was asked for in a process that was just forked, nearly as `python -m` would.

    What Python and packages have read from the environment before, such as PYTHONPATH, is as in
    the nest; so is the number of threads of NumPy's products, which is 1.
    """
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
    sys.path[0] = request["folder"]
    sys.argv = [request["module"], *request["arguments"]]
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
