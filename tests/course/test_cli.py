"""The command `course` as a user calls it: messages, exit codes, what is left behind."""

import json
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from course import cli, runs


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


def test_a_notebook_of_another_folder_is_no_chapter(project, tmp_path_factory):
    other = tmp_path_factory.mktemp("else") / "1_a.ipynb"
    other.write_text(project.add("1_a", "1").read_text())
    assert "no chapter of this project" in one_line(project.course("run", other))


def test_a_file_in_place_of_the_work_folder(project):
    project.add("1_a", "1")
    (project.root / "work").write_text("")
    assert "work" in one_line(project.course("run"))


@pytest.mark.parametrize("jobs", ["0", "-1", "all"])
def test_a_number_of_jobs_that_is_none(project, jobs):
    project.add("1_a", "1")
    assert project.course("run", "--jobs", jobs).returncode == 2


@pytest.mark.parametrize("limit", ["0", "-3", "soon"])
def test_a_time_limit_that_is_none(project, limit):
    project.add("1_a", "1")
    assert project.course("run", "--time-limit", limit).returncode == 2


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


@pytest.mark.skipif(runs.driver_sees_gpu(), reason="this machine has a GPU")
def test_device_tells_what_there_is(project):
    done = project.course("device", "--require-gpu", "--json")
    assert done.returncode == 1
    assert "must both see a GPU" in done.stderr
    assert json.loads(done.stdout)["tensorflow"] == []
    plain = project.course("device")
    assert plain.returncode == 0
    assert "GPUs that nvidia-smi sees: none" in plain.stdout


def test_the_notebooks_of_the_course_are_listed(project):
    chapter = project.add("1_a", "1")
    exercise = project.root / "notebooks/exercises/1_a/1_a.ipynb"
    exercise.parent.mkdir(parents=True)
    exercise.write_text(chapter.read_text())
    all_of_them = "notebooks/1_a.ipynb\nnotebooks/exercises/1_a/1_a.ipynb\n"
    assert project.course("list").stdout == all_of_them
    listed = project.course("list", "--kind", "chapter", "--json").stdout
    assert json.loads(listed) == ["notebooks/1_a.ipynb"]
    wrong = project.course("list", "--kind", "lecture")
    assert wrong.returncode == 2
    assert "'lecture' is no kind of notebook" in wrong.stderr


@pytest.mark.parametrize("ignored", [True, False])
def test_a_hangup_that_nohup_ignores_stays_ignored(monkeypatch, ignored):
    before = signal.getsignal(signal.SIGHUP), signal.getsignal(signal.SIGTERM)
    seen = []
    monkeypatch.setattr(cli, "app", lambda: seen.append(signal.getsignal(signal.SIGHUP)))
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
        cli.main()
    finally:
        signal.signal(signal.SIGHUP, before[0])
        signal.signal(signal.SIGTERM, before[1])
    assert seen == [signal.SIG_IGN if ignored else cli._stop]


@pytest.mark.parametrize(
    "command", ["run", "book", "ledger", "pins", "speed", "strip", "check", "race", "device"]
)
def test_help_has_an_example(project, command):
    done = project.course(command, "--help")
    assert done.returncode == 0
    assert f"course {command}" in done.stdout


@pytest.mark.slow
def test_one_notebook_fails_and_the_others_run(project):
    project.add("1_a", "1 / 0")
    project.add("2_b", "print('here')")
    done = project.course("run", "--profile", "smoke", "--jobs", "2", "--json")
    assert done.returncode == 1
    assert [row["status"] for row in json.loads(done.stdout)] == ["failed", "passed"]
    assert "Executing" not in done.stderr  # bars are for terminals
    assert "FAILED 1_a.ipynb (smoke), cell 3:\n    1 / 0\nZeroDivisionError" in done.stderr
    assert "Traceback" not in done.stderr
    again = project.course("run", "--profile", "smoke")
    assert "1_a (smoke): its last run failed" in again.stderr
    assert "2_b (smoke): up to date" in again.stderr


@pytest.mark.slow
def test_a_stopped_command_ends_its_kernel_and_keeps_the_last_good_run(project):
    chapter = project.add("1_a", "print('good')")
    assert project.course("run", "--profile", "smoke").returncode == 0
    executed = project.paths.executed(chapter, "smoke")
    good = executed.read_bytes()
    for name in ("1_a", "2_b"):
        project.add(name, f"import time\nopen('started_{name}', 'w')\ntime.sleep(600)")
    arguments = ("run", "--profile", "smoke", "--jobs", "2")
    command = subprocess.Popen(project.command(*arguments), cwd=project.root)
    for _ in range(600):
        if len(list(project.root.glob("started_*"))) == 2:
            break
        time.sleep(0.1)
    family = psutil.Process(command.pid).children(recursive=True)
    assert len(family) >= 4  # papermill and its kernel, twice
    command.terminate()
    assert command.wait(timeout=30) == 130
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    assert executed.read_bytes() == good
    assert list(executed.parent.glob(".*.ipynb")) == []
    assert not project.paths.record(Path("2_b.ipynb"), "smoke").exists()
    assert "changed: code" in runs.reason_to_run(
        chapter, "smoke", project.paths, runs.inputs(chapter, "smoke", project.root)
    )


@pytest.mark.slow
def test_what_a_cell_starts_does_not_disturb_json(project):
    project.add("1_a", "import os\nos.system('echo noise; echo noise >&2')")
    done = project.course("run", "--profile", "smoke", "--json")
    assert json.loads(done.stdout)[0]["status"] == "passed"


@pytest.mark.slow
def test_a_failed_run_gives_no_verdict_although_an_older_one_is_kept(project):
    ledger = project.root / "book/ledger"
    ledger.mkdir()
    (ledger / "1_a.yml").write_text(
        "title: A\nabout: B\nclaims:\n"
        "- {id: a, says: it is 42, seed: 42, metric: answer, verdict: reproduced, section: a}\n"
    )
    project.add("1_a", "from course.run_info import keep\nkeep(answer=42)")
    assert project.course("run", "--profile", "smoke", "--publish").returncode == 0
    done = project.course("ledger", "--profile", "smoke", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["1_a"][0]["verdict"] == "reproduced"
    project.add("1_a", "1 / 0")
    assert project.course("run", "--profile", "smoke").returncode == 1
    done = project.course("ledger", "--profile", "smoke")
    assert done.returncode == 1
    assert "not judged: the run failed" in done.stdout


@pytest.mark.slow
def test_a_record_is_published_where_the_results_page_looks(project):
    project.add("1_a", "1")
    done = project.course("run", "--profile", "smoke", "--publish")
    assert done.returncode == 0, done.stderr
    [path] = (project.root / "book/results").glob("*_1_a_smoke.json")
    assert json.loads(path.read_text())["status"] == "passed"
