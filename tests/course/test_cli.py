"""The command `course` as a user calls it: messages, exit codes, what is left behind."""

import json
from pathlib import Path

import numpy as np
import pytest

from course import runs


def one_line(done):
    """Return what the command said, checked to be one line without a traceback."""
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_an_unknown_profile(project):
    project.add("1_a", "1")
    said = one_line(project.course("run", "--profile", "fast"))
    assert said == "course: unknown profile 'fast': choose one of smoke, quick, full"


def test_a_notebook_without_parameters(project):
    project.add("1_a", "1", parameters=None)
    assert "1_a.ipynb: 0 cells are tagged 'parameters'" in one_line(project.course("run"))


def test_a_folder_in_course_data_that_does_not_exist(project, monkeypatch):
    project.add("1_a", "data.load_mnist()")
    monkeypatch.setenv("COURSE_DATA", "nowhere")
    assert "COURSE_DATA is 'nowhere'" in one_line(project.course("book"))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"text"])
def test_a_corrupt_file_in_course_data(project, monkeypatch, content):
    project.add("1_a", "data.load_mnist()")
    Path("mnist.npz").write_bytes(content)
    monkeypatch.setenv("COURSE_DATA", ".")
    assert "mnist.npz: not a readable npz file" in one_line(project.course("run"))


def test_a_wrong_shape_in_course_data(project, monkeypatch):
    project.add("1_a", "data.load_mnist()")
    arrays = {name: np.zeros(3, "uint8") for name in ("x_train", "y_train", "x_test", "y_test")}
    np.savez("mnist.npz", **arrays)
    monkeypatch.setenv("COURSE_DATA", ".")
    said = one_line(project.course("run"))
    assert "array x_train has shape (3,), expected (60000, 28, 28)" in said


def test_a_notebook_that_does_not_exist(project):
    assert "no such notebook" in one_line(project.course("run", "notebooks/9.ipynb"))


def test_outside_a_project(project):
    (project.root / "notebooks").rmdir()
    assert "no such folder" in one_line(project.course("run"))


def test_full_refuses_the_stand_in(project):
    project.add("1_a", "data.load_mnist()")
    done = project.course("run", "--profile", "full")
    assert done.returncode == 2
    assert "'full' refuses stand-in data" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(runs.driver_sees_gpu(), reason="this machine has a GPU")
def test_require_gpu_fails_without_one(project):
    project.add("1_a", "open('ran', 'w')")
    done = project.course("run", "--require-gpu")
    assert done.returncode == 1
    assert "TensorFlow sees no GPU" in done.stderr
    assert not Path("ran").exists()


@pytest.mark.parametrize("command", ["run", "book", "ledger", "pins", "strip"])
def test_help_has_an_example(project, command):
    done = project.course(command, "--help")
    assert done.returncode == 0
    assert f"course {command}" in done.stdout


@pytest.mark.slow
def test_one_notebook_fails_and_the_others_run(project):
    project.add("1_a", "1 / 0")
    project.add("2_b", "print('here')")
    done = project.course("run", "--profile", "smoke", "--json")
    assert done.returncode == 1
    assert [row["status"] for row in json.loads(done.stdout)] == ["failed", "passed"]
    assert "FAILED 1_a.ipynb (smoke), cell 3:\n    1 / 0\nZeroDivisionError" in done.stderr
    assert "Traceback" not in done.stderr
    again = project.course("run", "--profile", "smoke")
    assert "1_a.ipynb (smoke): its last run failed" in again.stderr
    assert "2_b.ipynb (smoke): up to date" in again.stderr


@pytest.mark.slow
def test_a_record_is_published_where_the_results_page_looks(project):
    project.add("1_a", "1")
    done = project.course("run", "--profile", "smoke", "--publish")
    assert done.returncode == 0, done.stderr
    [path] = (project.root / "book/results").glob("*_1_a_smoke.json")
    assert json.loads(path.read_text())["status"] == "passed"
