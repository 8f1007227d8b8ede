"""Runs by the real papermill with real kernels, in small projects."""

import io
import json
import re
import threading
import time

import nbformat
import psutil
import pytest
from tqdm import tqdm

from course import data, notebooks, runs, warm
from course.data import DataError
from course.notebooks import NotebookError
from course.processes import Progress, Stopped
from course.runs import Display, Record, inputs, reason_to_run, run_chapter, run_chapters

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


def test_a_gpu_of_a_cluster_is_no_reason_to_run_here(project, ran):
    record = Record.load(project.paths.record(ran, "smoke"))
    record.inputs["GPU"] = True
    record.save(project.paths.record(ran, "smoke"))
    assert rerun_reason(project, ran) == "changed: GPU"
    record.worker = "tcp://10.0.0.1:1"
    record.save(project.paths.record(ran, "smoke"))
    assert rerun_reason(project, ran) is None


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


@pytest.mark.slow
def test_the_memory_limit_stops_a_cell_that_eats_memory(project):
    chapter = project.add("1_a", "print('kept')", "import time\nx = b'x' * 10**9\ntime.sleep(600)")
    chapter.with_suffix(".checks.yml").write_text("limits: {smoke: {memory_mib: 700}}")
    record = run_chapter(chapter, "smoke", project.paths)
    assert record.status == "failed"
    assert re.search(r"stopped at its memory limit of 700 MiB, at \d+ MiB$", record.failure)
    assert record.failed_cell == "code-1"
    assert record.peak_memory_mib > 700


def is_alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("after", [(), ("print('never')", "2 + 2")])
def test_a_dead_kernel_is_named(project, after):
    chapter = project.add("1_a", "print('kept')", "import os\nos.kill(os.getpid(), 9)", *after)
    record = run_chapter(chapter, "smoke", project.paths)
    assert record.status == "failed"
    assert record.failure == (
        "cell 4:\n    import os\n    os.kill(os.getpid(), 9)\n"
        "the kernel died (out of memory, or a crash in native code)"
    )


@pytest.mark.slow
def test_a_full_run_keeps_what_it_had_made_when_the_kernel_dies(project):
    chapter = project.add("1_a", "print('kept')", "import os\nos.kill(os.getpid(), 9)")
    record = run_chapter(chapter, "full", project.paths)
    assert "the kernel died" in record.failure
    assert "os.kill" in record.failure
    left = notebooks.code_cells(notebooks.read(project.paths.executed(chapter, "full")))
    assert left[1].outputs[0].text == "kept\n"


# ---------------------------------------------------------------------------- several at a time


@pytest.mark.slow
def test_two_chapters_run_at_the_same_time(project):
    meet = (
        "import pathlib, time\npathlib.Path({mine!r}).touch()\n"
        "end = time.monotonic() + 60\n"
        "while not pathlib.Path({other!r}).exists():\n"
        "    assert time.monotonic() < end, 'the other did not run'\n"
        "    time.sleep(0.1)"
    )
    chapters = [
        project.add("1_a", meet.format(mine="a", other="b")),
        project.add("2_b", meet.format(mine="b", other="a")),
    ]
    said = []
    records = run_chapters(chapters, "smoke", project.paths, jobs=2, say=said.append)
    assert [(r.notebook, r.status) for r in records] == [("1_a", "passed"), ("2_b", "passed")]
    assert {record.kernel for record in records} == {"warm" if warm.unsafe() is None else "cold"}
    ended = [line for line in said if ": passed in" in line]
    assert sorted(line.partition(" in ")[0] for line in ended) == [
        "1_a (smoke): passed",
        "2_b (smoke): passed",
    ]


@pytest.fixture
def pretended(project, monkeypatch):
    """Three chapters, the second known to be slow; runs of them are noted and do nothing."""
    chapters = [project.add(name, "1") for name in ("1_a", "2_b", "3_c")]
    slow = Record("2_b", "smoke", "passed", "2026-01-01", 100.0)
    slow.save(project.paths.record(chapters[1], "smoke"))
    began = []

    def run(chapter, profile, *rest):
        began.append(chapter.stem)
        return Record(chapter.stem, profile, "passed", "2026-01-01", 1.0)

    monkeypatch.setattr(runs, "run_chapter", run)
    monkeypatch.setattr(runs, "warm_nest", lambda *_: None)
    return chapters, began


def test_one_at_a_time_they_run_in_order(project, pretended):
    chapters, began = pretended
    run_chapters(chapters, "smoke", project.paths, jobs=1)
    assert began == ["1_a", "2_b", "3_c"]


def test_the_longest_starts_first_and_the_records_are_in_order(project, pretended):
    chapters, began = pretended
    records = run_chapters(chapters, "smoke", project.paths, jobs=2)
    assert began[0] == "2_b"
    assert [record.notebook for record in records] == ["1_a", "2_b", "3_c"]


def test_where_one_can_not_be_recorded_the_others_are_stopped(project, monkeypatch):
    chapters = [project.add(name, "1") for name in ("1_a", "2_b", "3_c")]
    ended = []

    def run(chapter, profile, paths, limit, say, display, stop, *rest):
        if chapter.stem == "1_a":
            raise OSError(28, "No space left on device")
        ended.append((chapter.stem, stop.wait(timeout=30)))
        raise Stopped

    monkeypatch.setattr(runs, "run_chapter", run)
    monkeypatch.setattr(runs, "warm_nest", lambda *_: None)
    with pytest.raises(OSError, match="No space left"):
        run_chapters(chapters, "smoke", project.paths, jobs=2)
    assert all(stopped for _, stopped in ended)


@pytest.mark.slow
def test_a_stopped_run_leaves_no_record_and_no_process(project):
    chapter = project.add("1_a", "open('started', 'w')\nimport time\ntime.sleep(600)")
    before = psutil.Process().children()
    stop = threading.Event()

    def watch():
        while not (project.root / "started").exists():
            time.sleep(0.1)
        stop.set()

    threading.Thread(target=watch, daemon=True).start()
    with pytest.raises(Stopped):
        run_chapter(chapter, "smoke", project.paths, stop=stop)
    left = {path.name for path in project.paths.executed(chapter, "smoke").parent.iterdir()}
    assert left == {"1_a.log"}
    assert psutil.Process().children() == before


@pytest.mark.parametrize(
    ("profile", "gpu", "jobs"),
    [("smoke", False, 3), ("smoke", True, 1), ("quick", False, 1), ("full", False, 1)],
)
def test_how_many_run_at_a_time(monkeypatch, profile, gpu, jobs):
    monkeypatch.setattr(runs, "driver_sees_gpu", lambda: gpu)
    monkeypatch.setattr(runs, "cores", lambda: 3)
    assert runs.default_jobs(profile) == jobs


def test_only_as_many_run_at_a_time_as_fit_in_memory(project, monkeypatch):
    chapters = [project.add(name, "1") for name in ("1_a", "2_b", "3_c")]
    chapters[0].with_suffix(".checks.yml").write_text("limits: {smoke: {memory_mib: 1000}}")
    for chapter, status in ((chapters[1], "passed"), (chapters[2], "failed")):
        record = Record(chapter.stem, "smoke", status, "2026-01-01", 1.0, peak_memory_mib=500)
        record.save(project.paths.record(chapter, "smoke"))
    # May use its limit, did use 500, may use the default of 4096
    for free, jobs in ((4000, 0), (4096, 1), (5095, 1), (5096, 2), (5600, 3)):
        monkeypatch.setattr(runs, "free_memory", lambda free=free: free)
        assert runs._fit_in_memory(chapters, "smoke", project.paths) == jobs


class Terminal(io.StringIO):
    def isatty(self):
        return True


def bar(done, total):
    """Papermill's bar, as tqdm draws it today."""
    text = tqdm.format_meter(done, total, 12.5, prefix="Executing", unit="cell")
    assert runs.BAR.fullmatch(text)
    return Progress(done, total, text)


def test_one_line_tells_how_far_all_have_come(monkeypatch):
    monkeypatch.setattr(runs.sys, "stderr", Terminal())
    said = []
    display = Display(said.append)
    display.show("2_b", bar(7, 80))
    assert display.line().startswith("Executing:   9%|")
    display.show("1_a", bar(0, 5))
    assert display.line() == "1_a 0/5  2_b 7/80"
    display.say("a line")
    assert said == ["a line"]
    display.show("2_b", None)
    display.show("1_a", None)
    screen = runs.sys.stderr.getvalue()
    assert screen.endswith("\r\x1b[K")  # nothing is left in the line
    assert "\n" not in screen


def test_without_a_terminal_there_are_only_lines(monkeypatch):
    monkeypatch.setattr(runs.sys, "stderr", io.StringIO())
    said = []
    display = Display(said.append)
    display.show("1_a", bar(1, 5))
    display.say("a line")
    assert said == ["a line"]
    assert runs.sys.stderr.getvalue() == ""
