"""Runs on a real Dask cluster: a scheduler and workers, each a process of its own."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import nbformat
import numpy as np
import psutil
import pytest
from clusters import until

from course import cluster, data, parcel, runs
from course.runs import Record

KEEP = "from course.run_info import keep\n"
WHERE = KEEP + "import course, os\nkeep(package=course.__file__, pid=os.getppid())"
# Writes what tells its process, then waits as long as a file is there
WAITS = (
    "import os, pathlib, time\n"
    "folder = pathlib.Path({folder!r})\n"
    "(folder / '{name}.began').write_text(str(os.getpid()))\n"
    "while (folder / 'wait').exists():\n    time.sleep(0.1)"
)


@contextmanager
def started(project, *arguments):
    """Run the command `course` beside the test; its stderr goes to a file."""
    with (project.root / "stderr").open("wb") as stderr:
        process = subprocess.Popen(project.command(*arguments), cwd=project.root, stderr=stderr)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_what_a_run_needs_travels_and_what_it_leaves_comes_back(
    project, workers, tmp_path, monkeypatch
):
    folder = tmp_path / "datasets"
    folder.mkdir()
    shapes = data.DATASETS["mnist"].shapes
    arrays = {name: np.zeros(shape, "uint8") for name, shape in shapes.items()}
    np.savez_compressed(folder / "mnist.npz", **arrays)
    monkeypatch.setenv("COURSE_DATA", str(folder))
    project.add(
        "1_a", WHERE, "from course import data, run_info\ndata.load_mnist()", "run_info.show('s')"
    )
    project.add("2_b", WHERE, "1 / 0")
    (project.root / "notebooks/1_a.checks.yml").write_text("limits: {smoke: {seconds: 100}}")
    workers.worker()
    done = project.course("check", "--scheduler", workers.address)
    assert done.returncode == 1, done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("FAILED")]
    assert told == [
        "FAILED notebooks/2_b.ipynb (smoke), cell 4: ZeroDivisionError: division by zero"
    ]
    good = Record.load(project.root / "work/runs/smoke/1_a.json")
    assert "/course-run-" in good.metrics["package"]
    assert good.real_data
    assert good.worker.startswith("tcp://127.0.0.1:")
    assert nbformat.read(project.root / "work/runs/smoke/1_a.ipynb", 4).cells
    bad = Record.load(project.root / "work/runs/smoke/2_b.json")
    assert bad.status == "failed"
    assert "ZeroDivisionError" in (project.root / "work/runs/smoke/2_b.log").read_text()
    assert workers.runs() == []


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(project, workers):
    (project.root / "wait").touch()
    names = ["1_a", "2_b", "3_c"]
    for name in names:
        project.add(name, WAITS.format(folder=str(project.root), name=name))
    victim, other = workers.worker(), None
    with started(project, "run", "--profile", "smoke", "--scheduler", workers.address) as command:
        begun = until(lambda: list(project.root.glob("*.began")))
        until(lambda: begun[0].read_text())
        kernel = psutil.Process(int(begun[0].read_text()))
        other = workers.worker()
        victim.kill()
        until(lambda: not kernel.is_running())  # its kernel ends with it,
        until(lambda: len(workers.runs()) <= 1)  # and what it had unpacked is gone
        (project.root / "wait").unlink()
        assert command.wait(timeout=120) == 0, (project.root / "stderr").read_text()
    records = [Record.load(project.root / f"work/runs/smoke/{name}.json") for name in names]
    assert [record.status for record in records] == ["passed"] * 3
    assert len({record.worker for record in records}) == 1
    lines = (project.root / "stderr").read_text().splitlines()
    assert [sum(f"{name} (smoke): passed" in line for line in lines) for name in names] == [1, 1, 1]
    assert other.poll() is None


@pytest.mark.slow
def test_a_killed_command_goes_on_where_it_stopped(project, workers):
    (project.root / "wait").touch()
    project.add("1_a", WHERE)
    project.add("2_b", WAITS.format(folder=str(project.root), name="2_b"))
    workers.worker("--nthreads", 2)
    arguments = ("run", "--profile", "smoke", "--scheduler", workers.address)
    with started(project, *arguments) as command:
        began = project.root / "2_b.began"
        until(lambda: began.exists() and began.read_text())
        until(lambda: (project.root / "work/runs/smoke/1_a.json").exists())
        kernel = psutil.Process(int(began.read_text()))
        command.send_signal(signal.SIGKILL)
        command.wait()
    until(lambda: not kernel.is_running())  # nobody waits for this run any more
    until(lambda: not workers.runs())
    (project.root / "wait").unlink()
    done = project.course(*arguments)
    assert done.returncode == 0, done.stderr
    assert "1_a (smoke): up to date" in done.stderr
    assert "2_b (smoke): it has not run yet" in done.stderr


@pytest.mark.slow
def test_full_runs_wait_for_a_worker_with_a_gpu(project, workers):
    project.add("1_a", WHERE)
    plain = workers.worker()
    with started(project, "run", "--profile", "full", "--scheduler", workers.address) as command:
        stderr = project.root / "stderr"
        until(lambda: "waiting for one" in stderr.read_text())
        assert f"dask worker {workers.address} --nthreads 1 --resources GPU=1" in stderr.read_text()
        able = workers.worker("--resources", "GPU=1")
        assert command.wait(timeout=120) == 0
        assert plain.poll() is able.poll() is None
    record = Record.load(project.root / "work/runs/full/1_a.json")
    assert record.inputs["GPU"] is True
    # A worker that says so and has none is found out
    options = ("--profile", "full", "--require-gpu", "--force", "--scheduler", workers.address)
    done = project.course("run", *options)
    assert done.returncode == 2
    assert done.stderr.strip().endswith("it announces a GPU, and TensorFlow sees none there")


@pytest.mark.slow
def test_a_run_that_is_ended_from_outside_begins_again_and_the_others_go_on(project, workers):
    (project.root / "wait").touch()
    project.add("1_a", WAITS.format(folder=str(project.root), name="1_a"))
    project.add("2_b", WHERE)
    worker = workers.worker()
    with started(project, "run", "--profile", "smoke", "--scheduler", workers.address) as command:
        began = project.root / "1_a.began"
        until(lambda: began.exists() and began.read_text())
        kernel = psutil.Process(int(began.read_text()))
        [run] = psutil.Process(worker.pid).children()
        assert "course.parcel" in run.cmdline()
        run.terminate()
        until(lambda: not kernel.is_running())
        (project.root / "wait").unlink()
        assert command.wait(timeout=120) == 0, (project.root / "stderr").read_text()
    told = (project.root / "stderr").read_text()
    assert re.search(r"1_a \(smoke\): interrupted on tcp://127.0.0.1:\d+; again", told)
    assert "1_a (smoke): passed" in told
    assert "2_b (smoke): passed" in told


@pytest.mark.slow
def test_a_lost_scheduler_is_told_in_a_line(project, workers):
    (project.root / "wait").touch()
    project.add("1_a", WAITS.format(folder=str(project.root), name="1_a"))
    workers.worker()
    with started(project, "run", "--profile", "smoke", "--scheduler", workers.address) as command:
        until(lambda: (project.root / "1_a.began").exists())
        workers.scheduler.kill()
        assert command.wait(timeout=120) == 2
    last = (project.root / "stderr").read_text().strip().splitlines()[-1]
    assert last.startswith(f"course: {workers.address}: the scheduler is gone")


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("tcp://127.0.0.1:1", "tcp://127.0.0.1:1: no scheduler answers"),
        ("nonsense://", "'nonsense://' is no address such as tcp://"),
        ("", "'' is no address such as tcp://"),
        ("nowhere", "'nowhere' is no address such as tcp://"),
        ("tls://127.0.0.1:1", "tls://127.0.0.1:1: no scheduler answers"),
    ],
)
def test_no_scheduler_is_told_in_a_line(project, monkeypatch, address, told):
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    chapter = project.add("1_a", "1")
    facts = {chapter: runs.inputs(chapter, "smoke", project.root)}
    with pytest.raises(cluster.ClusterError, match=re.escape(told)):
        cluster.run_chapters(facts, "smoke", project.paths, address)


def test_what_is_no_scheduler_does_not_keep_us_waiting(project, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    chapter = project.add("1_a", "1")
    facts = {chapter: runs.inputs(chapter, "smoke", project.root)}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(cluster.ClusterError, match="no scheduler answers"):
            cluster.run_chapters(facts, "smoke", project.paths, address)


def test_a_wrong_address_is_no_traceback(project):
    project.add("1_a", "1")
    both = project.course("run", "--scheduler", "tcp://127.0.0.1:1", "--jobs", "2")
    assert both.returncode == 2
    assert "a cluster runs as many" in both.stderr
    done = project.course("run", "--scheduler", "nonsense://")
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("course: 'nonsense://' is no address")


@pytest.mark.slow
def test_a_worker_with_other_packages_is_refused(project, tmp_path):
    facts = runs.inputs(project.add("1_a", "1"), "smoke", project.root)
    facts["versions"]["keras"] = "2.0"
    chapter = project.root / "notebooks/1_a.ipynb"
    order = {"time_limit": None, "require_gpu": False, "gpu": False, "jobs": 1}
    files = parcel.pack(chapter, "smoke", project.root, facts, **order)
    folder = tmp_path / "there"
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    with subprocess.Popen(
        [sys.executable, "-m", "course.parcel"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        told = json.loads(process.stdout.read())
    assert process.returncode == parcel.WRONG
    assert told["wrong"].startswith("it has keras 3.")
    assert told["wrong"].endswith("and 2.0 is needed: install requirements.txt there")


def test_a_parcel_has_the_notebook_the_package_and_what_is_expected(project):
    chapter = project.add("1_a", "1")
    chapter.with_suffix(".checks.yml").write_text("expect: []")
    project.add("2_b", "1")
    facts = runs.inputs(chapter, "smoke", project.root)
    files = parcel.pack(chapter, "smoke", project.root, facts, time_limit=9)
    assert {"notebooks/1_a.ipynb", "notebooks/1_a.checks.yml", "course/runs.py"} <= files.keys()
    assert not any("2_b" in name or "__pycache__" in name for name in files)
    order = json.loads(files[parcel.ORDER])
    assert order["notebook"] == "notebooks/1_a.ipynb"
    assert order["time_limit"] == 9
