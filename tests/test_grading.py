"""The process that grades while other tests run: it neither hangs nor outlives them."""

import subprocess
import sys
from pathlib import Path

import grading
import psutil
import pytest

SLEEP = "import time; time.sleep(600)"


def test_waiting_for_a_grade_has_a_limit(tmp_path, monkeypatch):
    script = tmp_path / "script.py"
    script.write_text(SLEEP)
    monkeypatch.setattr(grading, "__file__", str(script))
    monkeypatch.setattr(grading, "LIMIT", 0.5)
    process = grading.Grading(tmp_path, ["1_a"])
    try:
        with pytest.raises(AssertionError, match=r"1_a was not graded in 0\.5 s"):
            process("1_a")
    finally:
        process.end()
    assert process.process.returncode is not None
    process.end()  # once more does no harm


def test_it_ends_with_the_tests_and_takes_all_along(tmp_path):
    child = (
        "import subprocess, sys, grading\n"
        f"inner = subprocess.Popen([sys.executable, '-c', {SLEEP!r}])\n"
        "grading.end_with_parent()\n"
        "print(inner.pid, flush=True)\n"
        "inner.wait()\n"
    )
    # It stands for pytest, and dies as soon as the process that grades is at work
    parent = (
        "import os, subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE)\n"
        "print(child.pid, int(child.stdout.readline()), flush=True)\n"
        "os._exit(0)\n"
    )
    folder = Path(grading.__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", parent], cwd=folder, stdout=subprocess.PIPE, timeout=120
    )
    family = [
        psutil.Process(int(pid)) for pid in done.stdout.split() if psutil.pid_exists(int(pid))
    ]
    _, alive = psutil.wait_procs(family, timeout=20)
    for process in alive:
        process.kill()
    assert len(done.stdout.split()) == 2
    assert alive == []
