"""Students' code in its sandbox: what it can't do, what it leaves, and that right answers work."""

import contextlib
import os
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from projects import ROOT

from autograder import sandbox
from autograder.judge import Judge
from autograder.peer import OutOfTime, PeerError
from autograder.sandbox import Limits, SandboxError
from autograder.worker import Student, warm_process

needs_sandbox = pytest.mark.skipif(
    sandbox.why_not() is not None, reason=f"no sandbox here: {sandbox.why_not()}"
)
LIMITS = Limits(memory_mib=1024, processes=40, scratch_mib=8, cpu_seconds=20)
EXERCISES = sorted(path.name for path in (ROOT / "solutions").iterdir() if path.is_dir())


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
def nest():
    """A warm process that has imported nothing but what the process of a submission needs."""
    with warm_process(()) as made:
        yield made


@pytest.fixture
def student(nest):
    with Student(nest, LIMITS) as made:
        yield made


def value(student, source, seconds=30):
    """Return what a cell shows as its value, or the name of its error."""
    last = student.run(source, seconds)[-1]
    return last["ename"] if last["output_type"] == "error" else last["data"]["text/plain"]


@needs_sandbox
def test_cells_run_and_share_their_names(student):
    assert student.run("x = 20") == []
    assert value(student, "x + 22") == "42"
    assert value(student, "1 / 0") == "ZeroDivisionError"


@needs_sandbox
def test_there_is_no_trace_of_the_course(student):
    student.run("import os, sys")
    seen = value(student, "dict(os.environ), sys.path, sys.argv, os.getcwd()")
    seen += value(student, "open('/proc/self/mounts').read() + open('/proc/self/cmdline').read()")
    for trace in (str(ROOT), "NBGRADER", "COURSE", "solutions", "gradebook"):
        assert trace not in seen, trace
    assert value(student, f"os.path.exists({str(ROOT)!r})") == "False"
    found = "[p for d in ('/opt', '/home', '/root', '/tmp') for p, _, f in os.walk(d) if 'solutions' in p]"
    assert value(student, found) == "[]"
    asked = "import importlib.metadata as m\nrepr(m.distribution('cnn-rnn-course').metadata.as_string())"
    assert str(ROOT) not in value(student, asked)


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
def test_what_student_code_cannot_do(student, attack):
    error = student.run(attack, 30)[-1]
    assert error["output_type"] == "error"
    assert error["ename"] in (
        *("OSError", "PermissionError", "FileNotFoundError", "gaierror", "MemoryError"),
        *("RuntimeError", "ValueError", "BlockingIOError"),
    )


@needs_sandbox
def test_what_right_solutions_may_need_works(student):
    lock = "import multiprocessing as m\nwith m.Lock():\n    x = 5\nx"
    assert value(student, lock) == "5"
    assert value(student, "open('/dev/shm/x', 'w').write('y')") == "1"


@needs_sandbox
def test_no_other_process_is_seen_or_reached(student):
    student.run("import os, signal")
    pids = value(student, "sorted(int(p) for p in os.listdir('/proc') if p.isdigit())")
    assert pids == "[1, 2]"
    assert value(student, f"os.kill({os.getpid()}, 9)") == "ProcessLookupError"


@needs_sandbox
def test_nothing_outlives_a_submission(nest):
    mark = f"mark{time.time_ns()}"
    with Student(nest, LIMITS) as first:
        first.run(
            "import os, subprocess\n"
            f"subprocess.Popen(['/bin/sh', '-c', 'sleep 600; echo {mark}'], start_new_session=True)\n"
            "os.makedirs(os.path.expanduser('~/.ipython/profile_default/startup'))\n"
            "open(os.path.expanduser('~/.ipython/profile_default/startup/x.py'), 'w').write('x = 1')\n"
            "open('/tmp/left', 'w').write('x')",
            30,
        )
        assert any(
            mark in " ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])
        )
    end = time.monotonic() + 10
    while any(mark in " ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])):
        assert time.monotonic() < end, "a process outlives its submission"
        time.sleep(0.1)
    with Student(nest, LIMITS) as second:
        assert value(
            second, "import os\nos.listdir('/tmp'), os.listdir('.'), 'x' in globals()"
        ).endswith("[], False)")
        assert value(second, "os.path.exists('/tmp/left')") == "False"


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
def test_a_process_that_ends_is_told_and_the_next_one_works(nest, death):
    with Student(nest, LIMITS) as first:
        with contextlib.suppress(PeerError):
            first.run(death, 30)
        with pytest.raises(PeerError):
            first.run("1", 30)
    with Student(nest, LIMITS) as second:
        assert value(second, "1") == "1"


@needs_sandbox
def test_an_endless_cell_ends_in_time(nest):
    began = time.monotonic()
    with Student(nest, LIMITS) as first, pytest.raises(OutOfTime):
        first.run("while True: pass", 1)
    assert time.monotonic() - began < 5


@needs_sandbox
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["solution", "released"])
def test_exercises_are_judged_as_they_should_be(kind):
    """The solution of each exercise earns all that tests give, and what is handed out nothing."""
    with warm_process() as nest:
        for name in EXERCISES:
            source = nbformat.read(ROOT / "solutions" / name / f"{name}.ipynb", 4)
            handed_out = ROOT / "notebooks/exercises" / name / f"{name}.ipynb"
            notebook = source if kind == "solution" else nbformat.read(handed_out, 4)
            earned, most = judged(nest, notebook, source)
            assert earned == (most if kind == "solution" else dict.fromkeys(most, 0)), name


def judged(nest, notebook, source):
    """Return what each test cell gives to a notebook, and what it could."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    tests = [
        cell
        for cell in source.cells
        if cell.cell_type == "code" and facts(cell).get("grade") and not facts(cell).get("solution")
    ]
    setup = [c.source for c in code if facts(c).get("locked") and not facts(c).get("grade")]
    with Student(nest) as student:
        for cell in code:
            if not facts(cell).get("grade") or facts(cell).get("solution"):
                student.run(cell.source, 120)
        judge = Judge(student.connection, setup, 120)
        most = {facts(cell)["grade_id"]: facts(cell)["points"] for cell in tests}
        return {
            facts(cell)["grade_id"]: judge.run(
                cell.source, facts(cell)["grade_id"], facts(cell)["points"]
            ).points
            for cell in tests
        }, most


def facts(cell):
    return cell.metadata.get("nbgrader", {})


def test_the_script_that_installs_the_sandbox_is_there():
    assert os.access(Path(ROOT, "tools/install_sandbox.sh"), os.X_OK)
