"""Runs by the real papermill with real kernels, in small projects."""

import json
import time

import nbformat
import psutil
import pytest

from course import data, notebooks, runs
from course.data import DataError
from course.notebooks import NotebookError
from course.runs import Record, inputs, reason_to_run, run_chapter

KEEP = "from myst_nb import glue\nglue('answer', 6 * 7, display=False)"


def rerun_reason(project, chapter, profile="smoke"):
    facts = inputs(chapter, profile, project.root)
    return reason_to_run(chapter, profile, project.paths, facts)


@pytest.fixture
def ran(project):
    """A chapter whose record says that it has just run."""
    chapter = project.add("1_a", "from course import data\ndata.load_mnist()")
    facts = inputs(chapter, "smoke", project.root)
    record = Record("1_a", "smoke", "passed", "2026-01-01", 1.0, inputs=facts)
    record.save(project.paths.record(chapter, "smoke"))
    nbformat.write(notebooks.read(chapter), project.paths.executed(chapter, "smoke"))
    return chapter


def test_nothing_changed_nothing_runs(project, ran):
    assert rerun_reason(project, ran) is None


def test_prose_tags_and_other_chapters_need_no_run(project, ran):
    book = notebooks.read(ran)
    book.cells[0].source = "# New words"
    book.cells[-1].metadata["tags"] = ["remove-cell"]
    nbformat.write(book, ran)
    project.add("2_b", "1")
    assert rerun_reason(project, ran) is None


def test_code_lock_file_and_profile_need_a_run(project, ran):
    assert rerun_reason(project, ran, "full") == "it has not run yet"
    (project.root / "requirements.txt").write_text("numpy==3\n")
    assert rerun_reason(project, ran) == "changed: lock file"
    book = notebooks.read(ran)
    book.cells[-1].source += "\n1"
    nbformat.write(book, ran)
    assert rerun_reason(project, ran) == "changed: code, lock file"


def test_other_data_need_a_run(project, ran, monkeypatch):
    source = data.Source("mnist", "keras", True, "mnist.npz", "0" * 64)
    monkeypatch.setattr(data, "find_source", lambda name: source)
    assert rerun_reason(project, ran) == "changed: data"


def test_a_module_of_course_needs_a_run_of_what_imports_it(project, ran):
    used = inputs(ran, "smoke", project.root)["course"]
    assert {"__init__.py", "data.py", "stand_in.py"} <= set(used)
    assert not {"cli.py", "runs.py", "book.py", "figures.py"} & set(used)
    other = project.add("2_b", "1")
    assert inputs(other, "smoke", project.root)["course"] == {}
    used["data.py"] = "another digest"
    record = Record.load(project.paths.record(ran, "smoke"))
    record.inputs["course"] = used
    record.save(project.paths.record(ran, "smoke"))
    assert rerun_reason(project, ran) == "changed: course"


@pytest.mark.parametrize("content", ["", "{", '{"colour": 3}', "[]"])
def test_a_broken_record_means_a_new_run(project, ran, content):
    project.paths.record(ran, "smoke").write_text(content)
    assert rerun_reason(project, ran) == "it has not run yet"


def test_a_failed_run_is_run_again(project, ran):
    record = Record.load(project.paths.record(ran, "smoke"))
    record.status = "failed"
    record.save(project.paths.record(ran, "smoke"))
    assert rerun_reason(project, ran) == "its last run failed"


def test_wrong_input_is_found_before_the_run(project, monkeypatch):
    chapter = project.add("1_a", "data.load_mnist()", parameters=None)
    with pytest.raises(NotebookError, match="parameters"):
        run_chapter(chapter, "smoke", project.paths)
    monkeypatch.setenv("COURSE_DATA", "nowhere")
    with pytest.raises(DataError, match="nowhere"):
        run_chapter(project.add("1_a", "data.load_mnist()"), "smoke", project.paths)


@pytest.mark.slow
def test_a_run_leaves_the_executed_notebook_and_its_record(project):
    code = "from course import run_info\nrun_info.show(profile)"
    chapter = project.add("1_a", KEEP, code)
    said = []
    record = run_chapter(chapter, "smoke", project.paths, say=said.append)
    assert record.status == "passed"
    assert record.metrics == {"answer": 42}
    assert record.peak_memory_mib > 10
    assert record.device.startswith("CPU")
    assert set(record.packages) == {"tensorflow", "keras", "numpy", "matplotlib"}
    assert said[0].startswith("$ papermill -p profile smoke -k python3")
    assert Record.load(project.paths.record(chapter, "smoke")) == record
    assert json.loads(project.paths.record(chapter, "smoke").read_text())["seconds"] > 0
    assert rerun_reason(project, chapter) is None


@pytest.mark.slow
def test_a_failing_cell_is_shown_with_its_error(project):
    chapter = project.add("1_a", "a = 1", "b = 0\na / b", "print('never')")
    record = run_chapter(chapter, "smoke", project.paths)
    assert record.status == "failed"
    assert record.failure == "cell 4:\n    b = 0\n    a / b\nZeroDivisionError: division by zero"


@pytest.mark.slow
def test_the_time_limit_stops_the_notebook_and_its_kernel(project):
    code = "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(600)"
    chapter = project.add("1_a", code)
    record = run_chapter(chapter, "smoke", project.paths, time_limit=20)
    assert record.status == "failed"
    assert "time limit of 20 s" in record.failure
    assert "time.sleep(600)" in record.failure
    kernel = int((project.root / "pid").read_text())
    for _ in range(100):
        if not is_alive(kernel):
            break
        time.sleep(0.1)
    assert not is_alive(kernel)


def is_alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.slow
def test_a_dead_kernel_is_named(project):
    chapter = project.add("1_a", "import os\nos.kill(os.getpid(), 9)")
    record = run_chapter(chapter, "smoke", project.paths)
    assert record.status == "failed"
    assert "the kernel died" in record.failure
    assert "os.kill" in record.failure


def test_the_driver_is_asked_before_tensorflow(monkeypatch):
    monkeypatch.setattr(runs, "driver_sees_gpu", lambda: False)
    monkeypatch.setattr(runs.subprocess, "run", lambda *a, **k: pytest.fail("imported TensorFlow"))
    assert runs.sees_gpu() is False
