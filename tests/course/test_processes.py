"""Processes that run notebooks: what they leave behind does not hold them up."""

import threading
import time

import psutil
import pytest

from course import processes, warm
from course.checks import Limits


@pytest.mark.slow
def test_a_process_that_a_cell_left_behind_does_not_hold_up_the_run(tmp_path, monkeypatch):
    code = (
        "import subprocess, sys\n"
        "left = subprocess.Popen(['sleep', '60'], start_new_session=True)\n"
        "print('pid', left.pid)"
    )
    log, begin = tmp_path / "log", time.monotonic()
    (tmp_path / "leaves.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    ended = processes.run(["leaves"], Limits(30, 4096), log, print, threading.Event())
    spent = time.monotonic() - begin
    psutil.Process(int(log.read_text().split()[1])).kill()
    assert ended.code == 0
    assert spent < 30


@pytest.mark.slow
def test_where_the_nest_is_gone_the_process_starts_cold(tmp_path):
    with warm.Nest([]) as nest:
        pass
    ended = processes.run(
        ["platform"], Limits(60, 4096), tmp_path / "log", print, threading.Event(), nest
    )
    assert (ended.code, ended.warm) == (0, False)


def test_what_a_process_and_its_children_use_is_counted_together():
    own = psutil.Process().memory_info().rss / 2**20
    assert processes.memory(psutil.Process().pid) >= own * 0.9


def test_a_process_that_has_ended_uses_nothing():
    child = psutil.Popen(["true"])
    child.wait()
    assert processes.memory(child.pid) == 0


def test_each_of_several_notebooks_gets_its_share_of_the_cores(monkeypatch):
    monkeypatch.setattr(processes, "cores", lambda: 8)
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    assert processes.kernel_environment(2)["TF_NUM_INTRAOP_THREADS"] == "4"
    assert "TF_NUM_INTRAOP_THREADS" not in processes.kernel_environment(1)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    assert processes.kernel_environment(2)["TF_NUM_INTRAOP_THREADS"] == "3"
