"""A process for TensorFlow 1: code and arrays go there and back, and it ends with its owner."""

import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from projects import ROOT

from course.tf1 import Process, TF1Error


@pytest.fixture
def process():
    """A process without TensorFlow, so that these tests are quick."""
    process = Process()
    yield process
    process.close()


def wait_for_end(pid, seconds=10):
    """Wait until no process of this number runs; return whether it ended in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_pieces_share_a_namespace_and_what_they_print_comes_back(process, capsys):
    process.run("a = 2")
    process.run("print(a + 3)")
    assert capsys.readouterr() == ("5\n", "")


def test_arrays_go_there_and_back_unchanged(process):
    sent = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    process.put(x=sent, y=np.arange(3))
    back = process.get("[x, [y, 1.5, 'text', None], x[0, 0]]")
    np.testing.assert_array_equal(back[0], sent)
    assert back[0].dtype == np.float32
    np.testing.assert_array_equal(back[1][0], [0, 1, 2])
    assert back[1][1:] == [1.5, "text", None]
    assert back[2] == sent[0, 0]


def test_a_function_is_called_with_plain_arguments(process):
    process.run("def add(a, b):\n    return a + b")
    assert process.call("add", 2, 3) == 5


def test_an_error_is_told_by_its_type_and_the_process_goes_on(process, capsys):
    with pytest.raises(TF1Error, match=r"^NameError: name 'missing' is not defined"):
        process.run("a = 1\nprint('before')\nmissing")
    assert capsys.readouterr().out == "before\n"
    assert process.get("a") == 1
    assert "Traceback" in process.stderr


def test_what_is_no_data_is_refused(process):
    with pytest.raises(TF1Error, match="TypeError: can't send a object"):
        process.get("object()")
    with pytest.raises(TF1Error, match="KeyError"):
        process.call("missing")


def test_noise_goes_into_stderr(process, capfd):
    process.run("import os, sys\nos.write(1, b'native')\nprint('warned', file=sys.stderr)")
    assert "native" in process.stderr
    assert "warned" in process.stderr
    assert capfd.readouterr() == ("", "")


def test_it_uses_the_old_keras_in_its_own_process_only(process, monkeypatch):
    monkeypatch.delenv("TF_USE_LEGACY_KERAS", raising=False)
    assert process.get("__import__('os').environ['TF_USE_LEGACY_KERAS']") == "1"
    import os

    assert "TF_USE_LEGACY_KERAS" not in os.environ


def test_a_missing_package_is_named_with_its_mend(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(TF1Error, match="pip install tf-keras"):
        Process()


def test_the_users_own_paths_are_kept(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("value = 7")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    process = Process()
    try:
        process.run("import mine, course.tf1")
        assert process.get("mine.value") == 7
    finally:
        process.close()


def test_it_ends_when_it_is_closed(process):
    pid = process.pid
    process.close()
    assert wait_for_end(pid)
    with pytest.raises(TF1Error, match="the process has ended"):
        process.get("1")


def test_it_ends_when_nothing_refers_to_it():
    process = Process()
    process.get("1")
    pid = process.pid
    del process
    assert wait_for_end(pid)


def test_a_process_that_dies_is_told_with_its_return_code(process):
    with pytest.raises(TF1Error, match=r"has ended: it left no message.* code 3"):
        process.run("import os\nos._exit(3)")


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_the_process_that_made_it(end):
    code = (
        "from course.tf1 import Process\nimport time\n"
        "p = Process()\np.get('1')\nprint(p.pid, flush=True)\ntime.sleep(60)"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    pid = int(owner.stdout.readline())
    owner.send_signal(end)
    owner.wait()
    owner.stdout.close()
    assert wait_for_end(pid)


def test_an_answer_that_an_interrupt_left_behind_is_not_taken_for_the_next(process):
    process._process.stdin.write(b'{"get": "\'stale\'", "number": 0}\n')
    assert process.get("'mine'") == "mine"
