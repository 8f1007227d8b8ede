"""Students' code in its sandbox: what it can't do, what it leaves, and that right answers work."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from autograding import needs_sandbox
from projects import ROOT

from autograder import sandbox
from autograder.sandbox import Limits, SandboxError
from autograder.steps import Kind, Step
from autograder.worker import CannotGrade, Worker

LIMITS = Limits(memory_mib=1024, processes=40, scratch_mib=8, cpu_seconds=20)


def test_without_bubblewrap_there_is_no_sandbox(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "bubblewrap is not installed" in sandbox.why_not()
    with pytest.raises(SandboxError, match="bubblewrap is not installed"):
        sandbox.wrap(tmp_path, ["python"])


def test_a_system_that_refuses_is_told(tmp_path, monkeypatch):
    program = tmp_path / "bwrap"
    program.write_text(
        "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert "No permissions to create new namespace" in sandbox.why_not()


@pytest.fixture(scope="module")
def worker():
    """A warm process that has imported nothing but what the process of a submission needs."""
    with Worker(limits=LIMITS) as made:
        yield made


def cells(*sources):
    return [Step(Kind.CELL, f"cell {number}", source) for number, source in enumerate(sources)]


def value(worker, *sources):
    """Return what the last of some cells shows as its value, or the name of its error."""
    outcome = worker.grade(cells(*sources))[-1]
    assert not outcome.ended, outcome.ended
    last = outcome.outputs[-1]
    return last["ename"] if last["output_type"] == "error" else last["data"]["text/plain"]


@needs_sandbox
def test_cells_run_and_share_their_names(worker):
    assert worker.grade(cells("x = 20"))[0].outputs == []
    assert value(worker, "x = 20", "x + 22") == "42"
    assert value(worker, "1 / 0") == "ZeroDivisionError"


@needs_sandbox
def test_temporary_files_may_be_where_others_cannot_look(tmp_path, monkeypatch):
    tmp_path.chmod(0o700)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Worker(limits=LIMITS) as worker:
        assert value(worker, "x = 20", "x + 1") == "21"


@needs_sandbox
def test_there_is_no_trace_of_the_course(worker):
    first = "import os, sys"
    seen = value(worker, first, "dict(os.environ), sys.path, sys.argv, os.getcwd()")
    seen += value(worker, "open('/proc/self/mounts').read() + open('/proc/self/cmdline').read()")
    for trace in (str(ROOT), "NBGRADER", "COURSE", "solutions", "gradebook"):
        assert trace not in seen, trace
    assert value(worker, first, f"os.path.exists({str(ROOT)!r})") == "False"
    found = "[p for d in ('/opt', '/home', '/root', '/tmp') for p, _, f in os.walk(d) if 'solutions' in p]"
    assert value(worker, first, found) == "[]"
    asked = "import importlib.metadata as m\nrepr(m.distribution('cnn-rnn-course').metadata.as_string())"
    assert str(ROOT) not in value(worker, asked)


@needs_sandbox
@pytest.mark.parametrize(
    "attack",
    [
        "import socket\nsocket.create_connection(('127.0.0.1', 22), 1)",
        "import socket\nsocket.getaddrinfo('example.org', 80)",
        "open('/usr/x', 'w')",
        "open('/opt/python/x', 'w')",
        "open('/opt/packages/autograder/codec.py', 'a')",
        "open('/etc/passwd')",
        "open('/opt/packages/pandas.py', 'w')",
        "open('/etc/ld.so.preload', 'w')",
        "open('/dev/x', 'w')",
        "open('/dev/shm/x', 'wb').write(b'x' * 10**7)",
        "import os\nos.rename('/sbin', '/x')",
        "open('/proc/sys/kernel/hostname', 'w').write('x')",
        "import ctypes, os\nif ctypes.CDLL(None).unshare(0x10000000): raise OSError",
        "import ctypes, os\nif ctypes.CDLL(None).mount(b'x', b'/tmp', b'tmpfs', 0, None): raise OSError",
        "import ctypes, os\nif ctypes.CDLL(None).ptrace(16, 1, 0, 0) < 0: raise OSError",
        "import os\nos.setuid(0)",
        "import resource as r\nr.setrlimit(r.RLIMIT_NPROC, (10**6, 10**6))",
        "open('big', 'wb').write(b'x' * 10**7)",
        "for n in range(20):\n    open(f'/tmp/{n}', 'wb').write(b'x' * 10**6)",
        "x = bytearray(2 * 10**9)",
        "import threading, time\nfor n in range(100): threading.Thread(target=time.sleep, args=(9,)).start()",
        "import os, time\nfor n in range(100):\n    if not os.fork(): time.sleep(9)",
        "files = [open('/dev/null') for n in range(1000)]",
    ],
)  # fmt: skip
def test_what_student_code_cannot_do(worker, attack):
    error = worker.grade(cells(attack))[0].outputs[-1]
    assert error["output_type"] == "error"
    assert error["ename"] in (
        *("OSError", "PermissionError", "FileNotFoundError", "gaierror", "MemoryError"),
        *("RuntimeError", "ValueError", "BlockingIOError"),
    )


@needs_sandbox
def test_what_right_solutions_may_need_works(worker):
    lock = "import multiprocessing as m\nwith m.Lock():\n    x = 5\nx"
    assert value(worker, lock) == "5"
    assert value(worker, "open('/dev/shm/x', 'w').write('y')") == "1"


@needs_sandbox
@pytest.mark.parametrize("modules", [(), ("matplotlib.pyplot",)])
def test_figures_are_outputs_as_in_a_kernel(modules):
    plot = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.ylabel('metres');"
    with Worker(modules, LIMITS) as worker:
        [outcome] = worker.grade(cells(plot))
    assert [list(one["data"])[-1] for one in outcome.outputs] == ["image/png"]
    assert not outcome.outputs[0]["data"].get("text/html")


@needs_sandbox
def test_no_other_process_is_seen_or_reached(worker):
    first = "import os"
    pids = value(worker, first, "sorted(int(p) for p in os.listdir('/proc') if p.isdigit())")
    assert pids == "[1, 2]"
    assert value(worker, first, f"os.kill({os.getpid()}, 9)") == "ProcessLookupError"


@needs_sandbox
@pytest.mark.parametrize(
    "call",
    [
        "memfd_create",
        "keyctl(0, 0, 0)",
        "vsock",
    ],
)
def test_system_calls_that_no_notebook_needs_are_refused(worker, call):
    source = {
        "memfd_create": "import os\nos.memfd_create('x')",
        "keyctl(0, 0, 0)": "import ctypes\nif ctypes.CDLL(None).syscall(250, 0, 0, 0) < 0: "
        "raise PermissionError",
        "vsock": "import socket\nsocket.socket(40, socket.SOCK_STREAM)",
    }[call]
    assert value(worker, source) in ("PermissionError", "OSError")


@needs_sandbox
def test_nothing_outlives_a_submission(worker):
    mark = f"mark{time.time_ns()}"
    left = cells(
        "import os, subprocess\n"
        f"subprocess.Popen(['/bin/sh', '-c', 'sleep 600; echo {mark}'], start_new_session=True)\n"
        "os.makedirs(os.path.expanduser('~/.ipython/profile_default/startup'))\n"
        "open(os.path.expanduser('~/.ipython/profile_default/startup/x.py'), 'w').write('x = 1')\n"
        "open('/tmp/left', 'w').write('x')\n"
        "[p for p in os.listdir('/proc') if p.isdigit()]"
    )
    shown = worker.grade(left)[0].outputs[-1]["data"]["text/plain"]
    assert shown.count("'") >= 6, "the detached process did not run"
    end = time.monotonic() + 10
    while any(mark in " ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])):
        assert time.monotonic() < end, "a process outlives its submission"
        time.sleep(0.1)
    first = "import os"
    assert value(worker, first, "os.listdir('/tmp'), os.listdir('.'), 'x' in globals()").endswith(
        "[], False)"
    )


@needs_sandbox
@pytest.mark.parametrize(
    "death",
    [
        "import os\nos._exit(0)",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        "import os\nos.closerange(0, 100)",
        "import ctypes\nctypes.string_at(0)",
    ],
)
def test_a_cell_that_ends_the_process_costs_no_other_step(worker, death):
    steps = [
        *cells("x = 1", death, "y = x + 1"),
        Step(Kind.TEST, "test y", "assert y == 2", 3),
        Step(Kind.TEST, "test z", "assert z == 2", 3),
    ]
    first, second, third, right, wrong = worker.grade(steps)
    assert not first.ended
    assert second.ended == "This cell ended the process that runs the notebook."
    assert not third.ended
    assert (right.points, wrong.points) == (3, 0)


@needs_sandbox
def test_a_set_up_cell_that_the_student_ends_is_still_the_judges_own(worker):
    """Else its names would come from the student, and with them what tests compare with."""
    hook = (
        "import os\nclass Lie:\n    def __eq__(self, other): return True\n"
        "def before(info):\n    if 'expected' in info.raw_cell: os._exit(0)\n"
        "get_ipython().events.register('pre_run_cell', before)\n"
        "def expected(x): return 'mine'\ndef f(x): return 'mine'"
    )
    steps = [
        *cells(hook),
        Step(Kind.SETUP, "set-up", "def expected(x): return 2 * x"),
        Step(Kind.TEST, "test", "assert f(3) == expected(3)", 3),
    ]
    outcomes = worker.grade(steps)
    assert outcomes[1].ended
    assert outcomes[2].points == 0


@needs_sandbox
def test_a_call_that_ends_the_process_costs_its_test_alone(worker):
    steps = [
        *cells("import os\ndef f(): os._exit(0)\ndef g(): return 1"),
        Step(Kind.TEST, "test f", "assert f() == 1", 3),
        Step(Kind.TEST, "test g", "assert g() == 1", 3),
    ]
    _, first, second = worker.grade(steps)
    assert (first.points, second.points) == (0, 3)
    assert first.public == "Your code ended the process that runs the notebook."


@needs_sandbox
def test_an_endless_cell_and_an_endless_call_end_in_time(worker):
    steps = [
        *cells("while True: pass", "def f():\n    while True: pass"),
        Step(Kind.TEST, "test f", "f()", 3),
        # The judge itself, at a list that its test makes of what came
        Step(Kind.TEST, "test g", "import time\ntime.sleep(60)", 3),
    ]
    began = time.monotonic()
    worker.limits = replace(LIMITS, cell_seconds=1, test_seconds=1)
    try:
        outcomes = worker.grade(steps[:3])
    finally:
        worker.limits = LIMITS
    assert time.monotonic() - began < 10
    assert outcomes[0].ended == "This cell took longer than 1 s."
    assert outcomes[2].public == "This took longer than 1 s."


@needs_sandbox
def test_what_takes_too_long_in_all_gives_the_other_tests_nothing(worker):
    steps = [
        *cells("import time\ntime.sleep(0.5)\nx = 1"),
        Step(Kind.TEST, "test x", "assert x == 1", 3),
        *cells("time.sleep(20)"),
        Step(Kind.TEST, "test late", "assert x == 1", 3),
    ]
    worker.limits = replace(LIMITS, submission_seconds=3)
    try:
        outcomes = worker.grade(steps)
    finally:
        worker.limits = LIMITS
    assert [outcome.points for outcome in outcomes] == [0, 3, 0, 0]
    assert "longer than 3 s in all" in outcomes[3].public


@needs_sandbox
@pytest.mark.parametrize("hide", ["", "import ctypes\nctypes.CDLL(None).prctl(4, 0)\n"])
def test_memory_of_all_processes_together_is_limited(worker, hide):
    hog = hide + (
        "import os, time\nfor n in range(6):\n    if not os.fork():\n"
        "        x = b'x' * (300 * 10**6)\n        time.sleep(30)\nos.wait()"
    )
    [outcome] = worker.grade(cells(hog))
    assert outcome.ended == "It used more memory than a notebook may."


@needs_sandbox
def test_time_of_computing_is_limited_and_told():
    with Worker(limits=replace(LIMITS, cpu_seconds=1)) as worker:
        outcome = worker.grade(cells("while True: pass"))[0]
    assert outcome.ended == "It computed for longer than a notebook may."


@needs_sandbox
def test_getting_ready_leaves_no_trace():
    code = (
        "model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])\n"
        "[model.name, model.layers[0].name]"
    )
    with Worker(["keras"], replace(LIMITS, memory_mib=4096, processes=100)) as worker:
        assert value(worker, "import keras", code) == "['sequential', 'dense']"


@needs_sandbox
def test_a_flood_of_output_is_cut_off_and_grows_nothing_here(worker):
    before = psutil.Process().memory_info().rss
    flood = "print('x' * 30_000_000)\nfor n in range(1_000_000): print(n)"
    [outcome] = worker.grade(cells(flood))
    assert len(outcome.outputs[0]["text"]) < 300_000
    assert psutil.Process().memory_info().rss - before < 50 << 20


@needs_sandbox
def test_what_cannot_be_judged_costs_its_test_alone(worker):
    nested = "deep = 1\nfor _ in range(45): deep = [deep]\ndef f(*x): return deep"
    steps = [
        *cells(nested),
        # What came from the student goes back to them, deeper than a message may be
        Step(Kind.TEST, "test f", "x = 1\nf([[[[[[[f()]]]]]]])", 3),
        Step(Kind.TEST, "test deep", "assert len(f()) == 1", 3),
    ]
    _, first, second = worker.grade(steps)
    assert (first.points, second.points) == (0, 3)
    assert first.cannot.startswith("test f: line 2: what the test passes")
    assert first.public == "Your answer could not be judged."


@needs_sandbox
def test_a_set_up_cell_that_fails_is_told(worker):
    steps = [Step(Kind.SETUP, "set-up", "x = 1\nimport nothing_of_that_name"), *cells("y = 1")]
    with pytest.raises(CannotGrade, match="set-up: line 2: ModuleNotFoundError"):
        worker.grade(steps)


@needs_sandbox
def test_a_warm_process_that_was_killed_is_no_fault_of_a_submission():
    steps = [
        *cells("x = 1", "import time\ntime.sleep(3)"),
        Step(Kind.TEST, "test x", "assert x == 1", 3),
    ]
    with Worker(limits=LIMITS) as worker:
        pid = worker._nest._process.pid
        os.kill(pid, signal.SIGKILL)
        assert worker.grade(steps)[-1].points == 3
        assert worker._nest._process.pid != pid


def test_without_a_sandbox_the_judge_still_works():
    steps = [
        Step(Kind.SETUP, "set-up", "FACTOR = 2"),
        *cells("def double(x):\n    return FACTOR * x", "import os\nos._exit(0)"),
        Step(Kind.TEST, "test", "assert double(FACTOR) == 4", 3),
        Step(
            Kind.TEST,
            "hidden",
            "### BEGIN HIDDEN TESTS\nassert double(3) == 7\n### END HIDDEN TESTS",
            3,
        ),
    ]
    with Worker(limits=LIMITS, sandboxed=False) as worker:
        outcomes = worker.grade(steps)
    assert [outcome.points for outcome in outcomes] == [0, 0, 0, 3, 0]
    assert outcomes[-1].public == "A hidden test of this task failed."


def test_the_script_that_installs_the_sandbox_is_there():
    assert os.access(Path(ROOT, "tools/install_sandbox.sh"), os.X_OK)
