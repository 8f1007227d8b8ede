"""Processes and kernels forked from a warm one: what they have, and when they end."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest
from jupyter_client.manager import start_new_kernel
from jupyter_client.provisioning import KernelProvisionerFactory

from course import warm


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """A folder of modules that the tests run, for PYTHONPATH."""
    folder = tmp_path_factory.mktemp("library")
    modules = {
        "tell": "import sys\nimport os, json, random, numpy, tempfile\n"
        "print(json.dumps([sys.argv[1:], os.getcwd(), os.environ.get('COLOUR'), 'numpy' in sys."
        "modules, random.random(), numpy.random.rand(), sys.stdin.read(), tempfile.gettempdir()]))",
        "fails": "import sys\nsys.exit(7)",
        "raises": "raise ValueError('no')",
        "sleeps": "import time\nprint('asleep', flush=True)\ntime.sleep(600)",
        "bar": "import sys\nfrom tqdm.auto import tqdm\n"
        "list(tqdm([1], file=sys.stdout, ascii=True))",
        "at_end": "import atexit\natexit.register(print, 'goodbye')",
        "threads": "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
    }
    for name, code in modules.items():
        (folder / f"{name}.py").write_text(code + "\n")
    return folder


@pytest.fixture(scope="module")
def nest(library):
    environment = os.environ | {"PYTHONPATH": str(library)}
    modules = ["numpy", "matplotlib.pyplot", "ipykernel.kernelapp", "no_such_module.at_all"]
    with warm.Nest(modules, environment) as nest:
        yield nest


def run(nest, module, *arguments, **options):
    """Return the exit code and the output of a process."""
    reads, writes = os.pipe()
    process = warm.Process(nest.address, module, arguments, stdout=writes, **options)
    os.close(writes)
    with os.fdopen(reads) as stream:
        return process.wait(60), stream.read()


def test_a_process_has_its_own_arguments_folder_environment_and_numbers(nest, tmp_path):
    import json

    environment = os.environ | {"COLOUR": "blue", "TMPDIR": str(tmp_path)}
    code, text = run(nest, "tell", "--here", "ä", cwd=tmp_path, env=environment)
    first = json.loads(text)
    assert code == 0
    assert first[:4] == [["--here", "ä"], str(tmp_path), "blue", True]
    assert first[6:] == ["", str(tmp_path)]
    second = json.loads(run(nest, "tell")[1])
    assert second[0] == []
    assert second[4:6] != first[4:6]


def test_exit_codes_and_exceptions(nest, capfd):
    assert run(nest, "fails")[0] == 7
    assert run(nest, "raises")[0] == 1
    assert "ValueError: no" in capfd.readouterr().err
    assert run(nest, "at_end") == (0, "goodbye\n")


def test_a_process_that_is_no_kernel_does_not_look_like_one(nest):
    assert "100%|##########| 1/1" in run(nest, "bar")[1]


def test_it_can_be_waited_for_and_ended(nest):
    reads, writes = os.pipe()
    process = warm.Process(nest.address, "sleeps", [], stdout=writes)
    os.close(writes)
    with os.fdopen(reads) as stream:
        assert stream.readline().strip() == "asleep"
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.1)
    process.terminate()
    assert process.wait(10) == -signal.SIGTERM
    assert process.poll() == -signal.SIGTERM
    process.kill()  # does nothing


def test_a_nest_knows_whom_it_forked_for(nest):
    processes = [warm.Process(nest.address, "sleeps", []) for _ in range(2)]
    assert nest.forked_for(os.getpid()) == [process.pid for process in processes]
    assert nest.forked_for(1) == []
    for process in processes:
        process.kill()
        process.wait(10)
    assert nest.forked_for(os.getpid()) == []


def test_many_at_once(nest):
    processes = [warm.Process(nest.address, "fails", []) for _ in range(20)]
    assert [process.wait(30) for process in processes] == [7] * 20


def gone(pid):
    """Wait until a process is gone."""
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.1)
    return False


ASKS = """
    import os, sys, time
    from course import warm
    nest = {nest}
    process = warm.Process({address}, "sleeps", [])
    print("pid", process.pid, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize(
    "who",
    [
        {"nest": "None", "address": "sys.argv[1]"},
        {"nest": "warm.Nest([])", "address": "nest.address"},
    ],
    ids=["who asked for it", "who made the nest"],
)
def test_nothing_survives_whoever_is_killed(nest, library, who):
    asks = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(ASKS).format(**who), nest.address],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": f"{library}:{Path(warm.__file__).parents[1]}"},
    )
    lines = iter(asks.stdout.readline, b"")
    pid = next(int(line.split()[1]) for line in lines if line.startswith(b"pid"))
    assert psutil.pid_exists(pid)
    asks.kill()
    asks.wait()
    asks.stdout.close()
    assert gone(pid)


def test_a_nest_survives_clients_that_end_at_any_moment(nest):
    import socket

    request = b'{"module": "sleeps", "arguments": [], "environment": {}, "folder": "/"}'
    for message in (b"", b"{", b"nonsense\n", request + b"\n"):
        client = socket.socket(socket.AF_UNIX)
        client.connect(nest.address)
        client.sendall(message)
        client.close()
    gone_at_once = warm.Process(nest.address, "fails", [])
    gone_at_once._answers.close()
    gone_at_once._socket.close()
    assert run(nest, "fails")[0] == 7
    time.sleep(0.3)
    assert run(nest, "fails")[0] == 7


def test_a_nest_ends_what_it_forked(library):
    with warm.Nest([], os.environ | {"PYTHONPATH": str(library)}) as nest:
        process = warm.Process(nest.address, "sleeps", [])
    assert gone(process.pid)
    assert process.wait(10) == -signal.SIGKILL
    with pytest.raises(warm.WarmError, match="no warm process answers"):
        warm.Process(nest.address, "sleeps", [])


def test_a_nest_with_threads_does_not_serve(library):
    with pytest.raises(warm.WarmError, match="2 threads"):
        warm.Nest(["threads"], os.environ | {"PYTHONPATH": str(library)})


def test_a_nest_whose_import_fails_says_so(library):
    with pytest.raises(warm.WarmError, match="ValueError: no"):
        warm.Nest(["raises"], os.environ | {"PYTHONPATH": str(library)})


def test_no_warm_processes_without_linux(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(warm.WarmError, match="need Linux"):
        warm.Nest([])


# --- Kernels


def ask(client, code):
    """Return what a kernel prints."""
    printed = []

    def hook(message):
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    client.execute_interactive(code, timeout=60, output_hook=hook)
    return "".join(printed)


@pytest.fixture
def kernel(nest, monkeypatch):
    for name, value in nest.environment.items():
        monkeypatch.setenv(name, value)
    # It reads the environment once; a kernel of another test may have come before
    KernelProvisionerFactory.clear_instance()
    manager, client = start_new_kernel()
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    KernelProvisionerFactory.clear_instance()


def test_a_kernel_comes_from_the_nest(kernel, nest):
    manager, client = kernel
    assert ask(client, "import os; print(os.getppid())") == f"{nest._process.pid}\n"
    assert manager.is_alive()
    assert ask(client, "import sys; print('numpy' in sys.modules)") == "True\n"


def test_a_kernel_can_be_interrupted_restarted_and_shut_down(kernel):
    manager, client = kernel
    pid = manager.provisioner.pid
    # Without stop_on_error: else the kernel drops what comes right after the interrupt
    code = "import time; print('begun', flush=True); time.sleep(600)"
    client.execute(code, stop_on_error=False)
    while client.get_iopub_msg(timeout=30)["content"].get("text") != "begun\n":
        pass
    manager.interrupt_kernel()
    assert client.get_shell_msg(timeout=30)["content"]["ename"] == "KeyboardInterrupt"
    assert ask(client, "print('still here')") == "still here\n"
    manager.restart_kernel(now=True)
    client.wait_for_ready(60)
    assert gone(pid)
    assert ask(client, "print('again')") == "again\n"
    last = manager.provisioner.pid
    manager.shutdown_kernel()
    assert gone(last)


def test_a_kernel_draws_inline(kernel):
    _, client = kernel
    shown = []
    client.execute_interactive(
        "import matplotlib.pyplot as plt; plt.plot([1, 2]); print(plt.get_backend())",
        timeout=60,
        output_hook=lambda message: shown.append(message["content"]),
    )
    assert any("image/png" in content.get("data", {}) for content in shown)


def test_without_a_nest_the_kernel_is_cold(monkeypatch, tmp_path):
    monkeypatch.setenv("JUPYTER_DEFAULT_PROVISIONER_NAME", "warm")
    monkeypatch.setenv(warm.ADDRESS, str(tmp_path / "none"))
    manager, client = start_new_kernel()
    try:
        assert ask(client, "import os; print(os.getppid())") == f"{os.getpid()}\n"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
