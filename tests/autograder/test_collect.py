"""Submissions come in from every system, whatever students put into their archives."""

import io
import json
import os
import shutil
import stat
import struct
import tarfile
import tempfile
import unicodedata
import warnings
import zipfile
from pathlib import Path

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from projects import ROOT

from autograder import arrivals, intake
from autograder import collect as module
from autograder.archives import CAPS, Caps, directory_size
from autograder.collect import attempts, choose, collect, policy
from autograder.errors import UserError
from autograder.gradebook import read_timestamp
from autograder.grading import find_students
from autograder.nbgrader_course import Course

CONFIG = ROOT / "nbgrader_config.py"
MOODLE = "Kim Min_123456_assignsubmission_file_"
CANVAS = "kimmin_123456_7890123_tiny.ipynb"


@pytest.fixture
def course(tmp_path):
    return make_course(tmp_path / "course")


def make_course(root):
    """A course with the assignment `tiny`; collecting never opens the notebook."""
    (root / "solutions/tiny").mkdir(parents=True)
    shutil.copy(CONFIG, root)
    (root / "solutions/tiny/tiny.ipynb").write_text("{}")
    (root / "solutions/other").mkdir()
    (root / "solutions/other/other.ipynb").write_text("{}")
    return Course(root)


def make_zip(path, files):
    """Write a zip file; a value is text, bytes, or what another zip file holds."""
    path.write_bytes(packed(files))
    return path


def packed(files):
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names that come twice
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items() if isinstance(files, dict) else files:
                if isinstance(content, dict):
                    content = packed(content)
                archive.writestr(name, content)
    return stream.getvalue()


def make_folder(root, files):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def submitted(course, student, assignment="tiny"):
    """Return the files of a student, with their text."""
    folder = course.work / "submitted" / student / assignment
    return {
        path.relative_to(folder).as_posix(): path.read_text(errors="replace")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def snapshot(course):
    """Return all that collecting has left, with the lists."""
    return {
        path.relative_to(course.work).as_posix(): path.read_bytes()
        for path in sorted(course.work.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def reasons(collected):
    return dict(collected.ignored)


def only(collected):
    [arrival] = collected.taken
    return arrival


# --- Moodle


@pytest.mark.parametrize(
    "name",
    [
        "Kim Min_123456_assignsubmission_file_/tiny.ipynb",
        "Kim Min_123456_assignsubmission_file/tiny.ipynb",
        "Kim Min_123456_assignsubmission_file_tiny.ipynb",
        "unpacked/Kim Min_123456_assignsubmission_file/tiny.ipynb",
        "Kim Min_123456_assignsubmission_file/deep/er/tiny.ipynb",
    ],
)
@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_each_form_of_moodles_names_is_known(course, tmp_path, name, kind):
    files = {name: "mine"}
    source = (
        make_zip(tmp_path / "a.zip", files) if kind == "zip" else make_folder(tmp_path / "a", files)
    )
    found = collect(course, "tiny", [source])
    assert found.system == "moodle"
    arrival = only(found)
    assert (arrival.student, arrival.key, arrival.name) == ("kim-min-123456", "123456", "Kim Min")
    assert arrival.files == {"tiny.ipynb": name}
    assert arrival.handed_in is None
    assert arrival.chosen
    assert submitted(course, "kim-min-123456") == {"tiny.ipynb": "mine"}
    assert find_students(course, "tiny") == ["kim-min-123456"]
    assert arrivals.read(course, "tiny") == [arrival]
    assert not found.ignored


@pytest.mark.parametrize(
    ("folder", "student", "key", "name"),
    [
        ("김민준_7_assignsubmission_file_", "7", "7", "김민준"),
        ("A_b_5_c_12_assignsubmission_file", "a-b-5-c-12", "12", "A_b_5_c"),
        ("Zoë Müller_9_assignsubmission_file_", "zoe-muller-9", "9", "Zoë Müller"),
        ("Teilnehmer_in_31_assignsubmission_file_", "teilnehmer-in-31", "31", "Teilnehmer_in"),
        ("😀_4_assignsubmission_file_", "4", "4", "😀"),
    ],
)
def test_moodles_names_in_any_script(course, tmp_path, folder, student, key, name):
    source = make_zip(tmp_path / "a.zip", {f"{folder}/tiny.ipynb": "x"})
    arrival = only(collect(course, "tiny", [source]))
    assert (arrival.student, arrival.key, arrival.name) == (student, key, name)


def test_moodles_default_group_has_no_number(course, tmp_path):
    source = make_zip(tmp_path / "a.zip", {"Default group_assignsubmission_file_/tiny.ipynb": "x"})
    arrival = only(collect(course, "tiny", [source]))
    assert arrival.key == "Default group"
    assert arrival.student.startswith("default-group-")


def test_text_typed_into_moodle_is_told(course, tmp_path):
    name = "Kim Min_123456_assignsubmission_onlinetext_/onlinetext.html"
    source = make_zip(tmp_path / "a.zip", {name: "x", f"{MOODLE}/tiny.ipynb": "y"})
    found = collect(course, "tiny", [source])
    assert "onlinetext" in reasons(found)[name]
    assert submitted(course, "kim-min-123456") == {"tiny.ipynb": "y"}


def test_two_students_of_one_name_are_two(course, tmp_path):
    files = {
        f"Kim Min_{number}_assignsubmission_file_/tiny.ipynb": str(number) for number in (1, 2)
    }
    collect(course, "tiny", [make_zip(tmp_path / "a.zip", files)])
    assert submitted(course, "kim-min-1") == {"tiny.ipynb": "1"}
    assert submitted(course, "kim-min-2") == {"tiny.ipynb": "2"}


def test_a_student_keeps_the_name_of_the_folder(course, tmp_path):
    collect(course, "tiny", [make_zip(tmp_path / "a.zip", {CANVAS: "x"})])
    renamed = {"othername_123456_99999999_other.ipynb": "y"}
    arrival = only(collect(course, "other", [make_zip(tmp_path / "b.zip", renamed)]))
    assert arrival.student == "kimmin-123456"


# --- Canvas


@pytest.mark.parametrize(
    ("name", "student", "key", "late", "file"),
    [
        (CANVAS, "kimmin-123456", "123456", False, "tiny.ipynb"),
        ("kimmin_LATE_12_34_tiny.ipynb", "kimmin-12", "12", True, "tiny.ipynb"),
        ("kimmin_late_12_34_tiny.ipynb", "kimmin-12", "12", True, "tiny.ipynb"),
        ("kim_min_12_34_tiny-2.ipynb", "kim-min-12", "12", False, "tiny.ipynb"),
        ("anon_AbC12_34_tiny.ipynb", "anon_AbC12", "anon_AbC12", False, "tiny.ipynb"),
        ("LATE_anon_AbC12_34_tiny.ipynb", "anon_AbC12", "anon_AbC12", True, "tiny.ipynb"),
        ("12_34_tiny.ipynb", "12", "12", False, "tiny.ipynb"),
        ("LATE_12_34_tiny.ipynb", "12", "12", True, "tiny.ipynb"),
        ("김민준_12_34_my_5_6_work.ipynb", "12", "12", False, "my_5_6_work.ipynb"),
    ],
)
def test_each_form_of_canvas_names_is_known(course, tmp_path, name, student, key, late, file):
    found = collect(course, "tiny", [make_zip(tmp_path / "a.zip", {name: "x"})])
    arrival = only(found)
    assert found.system == "canvas"
    assert (arrival.student, arrival.key, arrival.late) == (student, key, late)
    assert arrival.files == {file: name}
    assert arrival.handed_in is None


def test_what_was_typed_into_canvas_is_told(course, tmp_path):
    files = {CANVAS: "x", "lee_5_text.html": "x", "lee_LATE_6_link.html": "x"}
    found = collect(course, "tiny", [make_zip(tmp_path / "a.zip", files)])
    assert len(found.taken) == 1
    assert set(reasons(found)) == {"lee_5_text.html", "lee_LATE_6_link.html"}


def test_canvas_resubmissions_are_attempts(course, tmp_path):
    files = {
        "kim_1_103_tiny-2.ipynb": "third",
        "kim_1_99_tiny.ipynb": "first",
        "kim_1_100_data.csv": "data of the first",
        "kim_1_102_tiny-1.ipynb": "second",
    }
    found = collect(course, "tiny", [make_zip(tmp_path / "a.zip", files)])
    assert [(one.attempt, one.chosen) for one in found.taken] == [(1, False), (2, False), (3, True)]
    assert submitted(course, "kim-1") == {"tiny.ipynb": "third"}
    [listed] = attempts(course, "tiny").values()
    assert [(path / "tiny.ipynb").read_text() for _, path in listed] == ["first", "second", "third"]
    assert set(listed[0][0].files) == {"tiny.ipynb", "data.csv"}


def test_numbered_files_beside_a_notebook_are_no_attempts(course, tmp_path):
    files = {f"kim_1_10{n}_plot-{n}.png": str(n) for n in range(3)} | {"kim_1_110_tiny.ipynb": "x"}
    arrival = only(collect(course, "tiny", [make_zip(tmp_path / "a.zip", files)]))
    assert set(arrival.files) == {"plot-0.png", "plot-1.png", "plot-2.png", "tiny.ipynb"}


def test_names_that_only_look_like_canvas_are_refused(course, tmp_path):
    files = {"kim_2024_11_tiny.ipynb": "x", "lee_2024_11_tiny.ipynb": "y"}
    source = make_zip(tmp_path / "a.zip", files)
    with pytest.raises(UserError, match=r"2024 stands with two names.*--from folder"):
        collect(course, "tiny", [source])
    found = collect(course, "tiny", [source], "folder")
    assert {one.student for one in found.taken} == {"kim_2024_11_tiny", "lee_2024_11_tiny"}


# --- Folders


def test_each_layout_of_a_folder(course, tmp_path):
    source = make_folder(
        tmp_path / "in",
        {
            "ann/tiny/tiny.ipynb": "a",
            "ann/tiny/timestamp.txt": "2026-11-22 18:00:00 UTC",
            "ann/other/other.ipynb": "not now",
            "bob/tiny.ipynb": "b",
            "bob/data/x.csv": "1",
            "cem.ipynb": "c",
            "readme.txt": "?",
            "tiny.ipynb": "whose?",
        },
    )
    found = collect(course, "tiny", [source])
    assert found.system == "folder"
    assert [one.student for one in found.taken] == ["ann", "bob", "cem"]
    assert [one.key for one in found.taken] == ["ann", "bob", "cem"]
    assert found.taken[0].handed_in == "2026-11-22T18:00:00+00:00"
    assert submitted(course, "ann") == {
        "tiny.ipynb": "a",
        "timestamp.txt": "2026-11-22 18:00:00 UTC",
    }
    assert str(read_timestamp(course.work / "submitted/ann/tiny")) == "2026-11-22 18:00:00"
    assert submitted(course, "bob") == {"tiny.ipynb": "b", "data/x.csv": "1"}
    assert submitted(course, "cem") == {"cem.ipynb": "c"}
    assert set(reasons(found)) == {"ann/other/other.ipynb", "readme.txt", "tiny.ipynb"}
    assert "another assignment" in reasons(found)["ann/other/other.ipynb"]
    assert "named as the assignment" in reasons(found)["tiny.ipynb"]


def test_students_of_a_folder_with_odd_names(course, tmp_path):
    names = ["김민준", "Kim Min", "Kim-Min", "kim-min", "CON", "..x", "a" * 90, "e\u0301"]
    source = make_folder(tmp_path / "in", {f"{name}/tiny.ipynb": name for name in names})
    found = collect(course, "tiny", [source])
    students = [one.student for one in found.taken]
    assert len({one.casefold() for one in students}) == len(names)
    assert "Kim-Min" in students
    assert all(one.isascii() and len(one) < 100 and one[0] not in ".-" for one in students)
    assert all(module._is_student(one) for one in students)
    again = collect(course, "tiny", [source])
    assert [one.student for one in again.unchanged] == students
    assert unicodedata.normalize("NFC", "e\u0301") in {one.key for one in found.taken}


def test_links_and_devices_in_a_folder_are_never_followed(course, tmp_path):
    secret = make_folder(tmp_path / "secret", {"tiny.ipynb": "secret"})
    source = make_folder(tmp_path / "in", {"ann/tiny.ipynb": "a", "bob/x.csv": "1"})
    (source / "ann/data").symlink_to(secret)
    (source / "bob/tiny.ipynb").symlink_to(secret / "tiny.ipynb")
    (source / "eve").symlink_to(secret)
    os.mkfifo(source / "ann/pipe")
    found = collect(course, "tiny", [source])
    assert set(reasons(found)) == {"ann/data", "bob/tiny.ipynb", "eve", "ann/pipe"}
    assert submitted(course, "ann") == {"tiny.ipynb": "a"}
    assert submitted(course, "bob") == {"x.csv": "1"}
    assert all("link" in reasons(found)[one] for one in ("ann/data", "bob/tiny.ipynb", "eve"))
    assert not any(path.is_symlink() for path in course.work.rglob("*"))


def test_file_names_that_are_not_utf8(course, tmp_path):
    source = make_folder(tmp_path / "in", {"ann/tiny.ipynb": "a"})
    for raw in ("과제.txt".encode("cp949"), b"\xff\xfe.txt"):
        with open(os.fsencode(source / "ann") + b"/" + raw, "w") as file:
            file.write("x")
    found = collect(course, "tiny", [source])
    assert set(only(found).files) == {"tiny.ipynb", "과제.txt", "__.txt"}
    assert json.loads(arrivals.path(course, "tiny").read_text())


# --- nbgrader's exchange


@pytest.fixture
def exchange(tmp_path):
    root = tmp_path / "exchange/cnn_rnn/inbound"
    names = {
        "ann+tiny+2026-11-22 18:00:00.000000 UTC+AbC_-": "last",
        "ann+tiny+2026-11-21 18:00:00.500000 UTC+xyz": "first",
        "b+c+tiny+2026-11-20 10:00:00.000000 UTC+xyz": "plus",
        "dan+tiny+2026-11-20 10:00:00.000000 UTC": "no random part",
        "ann+other+2026-11-20 10:00:00.000000 UTC+xyz": "of another assignment",
        "nonsense": "x",
    }
    for name, text in names.items():
        stamp = name.split("+")[-2] if name.count("+") > 2 else "x"
        make_folder(root / name, {"tiny.ipynb": text, "timestamp.txt": stamp})
    return tmp_path / "exchange"


@pytest.mark.parametrize("below", ["", "cnn_rnn", "cnn_rnn/inbound"])
def test_the_exchange(course, exchange, below):
    found = collect(course, "tiny", [exchange / below])
    assert found.system == "exchange"
    assert {(one.key, one.attempt, one.chosen) for one in found.taken} == {
        ("ann", 1, False),
        ("ann", 2, True),
        ("b+c", 1, True),
        ("dan", 1, True),
    }
    assert submitted(course, "ann") == {
        "tiny.ipynb": "last",
        "timestamp.txt": "2026-11-22 18:00:00 UTC",
    }
    first, _ = attempts(course, "tiny")["ann"]
    assert first[0].handed_in == "2026-11-21T18:00:00.500000+00:00"
    assert (first[1] / "timestamp.txt").read_text() == "2026-11-21 18:00:00.500000 UTC"
    assert read_timestamp(first[1]).microsecond == 500_000
    assert reasons(found) == {
        "nonsense": "no name of a submission",
        "other": "another assignment: 1 submissions",
    }


def test_the_exchange_that_the_course_knows(course, exchange):
    with pytest.raises(UserError, match=r"c.Exchange.root in nbgrader_config.py"):
        collect(course, "tiny", [], "exchange")
    config = course.root / "nbgrader_config.py"
    config.write_text(config.read_text() + f"\nc.Exchange.root = {str(exchange)!r}\n")
    found = collect(Course(course.root), "tiny", [], "exchange")
    assert len(found.taken) == 4
    with pytest.raises(UserError, match="name a folder or a zip file"):
        collect(course, "tiny", [])


def test_the_same_work_handed_in_again_is_an_attempt_if_its_time_is_known(course, tmp_path):
    root = tmp_path / "exchange/cnn_rnn/inbound"
    for day, text in (("20", "a"), ("21", "b"), ("22", "a")):
        make_folder(root / f"ann+tiny+2026-11-{day} 18:00:00.0 UTC+x", {"tiny.ipynb": text})
    collect(course, "tiny", [tmp_path / "exchange"])
    assert submitted(course, "ann")["tiny.ipynb"] == "a"
    assert len(attempts(course, "tiny")["ann"]) == 3
    make_folder(root / "ann+tiny+2026-11-19 18:00:00.0 UTC+x", {"tiny.ipynb": "found late"})
    (root / "eve+tiny+2026-11-19 18:00:00.0 UTC+x").mkdir()
    found = collect(course, "tiny", [tmp_path / "exchange"])
    assert [one.attempt for one in found.taken] == [4]
    assert len(found.unchanged) == 3
    assert submitted(course, "ann")["timestamp.txt"] == "2026-11-22 18:00:00 UTC"
    assert reasons(found) == {"eve": "there is no file in it"}


# --- Attempts


def newer(tmp_path, text, number=1):
    return make_zip(tmp_path / f"{text}.zip", {f"kim_{number}_{100}_tiny.ipynb": text})


def test_collecting_twice_changes_nothing(course, tmp_path):
    source = newer(tmp_path, "a")
    collect(course, "tiny", [source])
    before = snapshot(course)
    times = [path.stat().st_mtime_ns for path in course.work.rglob("*.json")]
    again = collect(course, "tiny", [source, source])
    assert (len(again.taken), len(again.unchanged)) == (0, 1)
    assert snapshot(course) == before
    assert [path.stat().st_mtime_ns for path in course.work.rglob("*.json")] == times


def test_a_newer_archive_brings_another_attempt_and_an_older_none(course, tmp_path):
    first, second = newer(tmp_path, "a"), newer(tmp_path, "b")
    collect(course, "tiny", [first])
    assert only(collect(course, "tiny", [second])).attempt == 2
    assert submitted(course, "kim-1") == {"tiny.ipynb": "b"}
    assert collect(course, "tiny", [first]).taken == []
    assert submitted(course, "kim-1") == {"tiny.ipynb": "b"}
    other = make_course(tmp_path / "other")
    collect(other, "tiny", [first, second])
    assert snapshot(other) == snapshot(course)


def test_the_same_content_twice_in_one_archive(course, tmp_path):
    files = {f"kim_1_10{n}_tiny-{n}.ipynb": text for n, text in enumerate("abaa", 1)}
    source = make_zip(tmp_path / "a.zip", files)
    found = collect(course, "tiny", [source])
    assert [one.attempt for one in found.taken] == [1, 2, 3]
    assert reasons(found) == {"kim_1_104_tiny-4.ipynb": "the same as attempt 3"}
    again = collect(course, "tiny", [source])
    assert [one.attempt for one in again.unchanged] == [1, 2, 3]
    assert again.ignored == found.ignored


def test_another_attempt_can_be_chosen(course, tmp_path):
    collect(course, "tiny", [newer(tmp_path, text) for text in "abc"])
    for number, text in ((1, "a"), (2, "b"), (2, "b"), (3, "c"), (1, "a")):
        choose(course, "tiny", "kim-1", number)
        assert submitted(course, "kim-1") == {"tiny.ipynb": text}
        listed = attempts(course, "tiny")["kim-1"]
        assert [one.chosen for one, _ in listed] == [n == number for n in (1, 2, 3)]
        assert [(path / "tiny.ipynb").read_text() for _, path in listed] == ["a", "b", "c"]
        assert arrivals.read(course, "tiny") == [one for one, _ in listed]
    assert collect(course, "tiny", [newer(tmp_path, "c")]).taken == []
    assert submitted(course, "kim-1") == {"tiny.ipynb": "a"}
    for student, number in (("kim-1", 4), ("nobody", 1)):
        with pytest.raises(UserError, match=f"{student} has no attempt {number}"):
            choose(course, "tiny", student, number)


def test_the_rule_of_attempts(course):
    assert policy(course) == "last"
    assert policy(Course(course.root, ("--Rules.attempts=best",))) == "best"
    with pytest.raises(UserError, match=r"nbgrader_config.py.*'first'.*'last' or 'best'"):
        collect(Course(course.root, ("--Rules.attempts=first",)), "tiny", [])


def test_what_was_put_there_by_hand_is_kept(course, tmp_path):
    make_folder(course.work / "submitted/kim-1/tiny", {"tiny.ipynb": "by hand", "d/x": "1"})
    found = collect(course, "tiny", [newer(tmp_path, "a")])
    assert only(found).attempt == 2
    first, second = attempts(course, "tiny")["kim-1"]
    assert (first[0].system, first[0].key) == ("folder", "kim-1")
    assert (first[1] / "tiny.ipynb").read_text() == "by hand"
    assert (second[1] / "tiny.ipynb").read_text() == "a"


def test_a_lost_list_is_found_again(course, tmp_path):
    sources = [newer(tmp_path, text) for text in "ab"]
    collect(course, "tiny", sources)
    before = submitted(course, "kim-1")
    arrivals.path(course, "tiny").write_text("{")
    with pytest.raises(UserError, match="Move it away"):
        collect(course, "tiny", sources)
    arrivals.path(course, "tiny").unlink()
    collect(course, "tiny", [sources[1]])
    assert submitted(course, "kim-1") == before
    [(one, _)] = attempts(course, "tiny")["kim-1"]
    assert (one.system, one.key, one.chosen) == ("canvas", "1", True)
    assert (course.work / "attempts/tiny/kim-1/1/tiny.ipynb").read_text() == "a"


def test_what_was_deleted_comes_again(course, tmp_path):
    source = newer(tmp_path, "a")
    collect(course, "tiny", [source])
    shutil.rmtree(course.work / "submitted")
    assert attempts(course, "tiny") == {}
    assert only(collect(course, "tiny", [source])).attempt == 1
    assert submitted(course, "kim-1") == {"tiny.ipynb": "a"}


def test_source_may_be_the_folder_of_submissions_itself(course):
    folder = make_folder(course.work / "submitted", {"ann/tiny/tiny.ipynb": "a"})
    before = submitted(course, "ann")
    collect(course, "tiny", [folder])
    assert submitted(course, "ann") == before
    assert arrivals.read(course, "tiny")[0].student == "ann"


# --- Killed


class Killed(BaseException):
    """The process ends here."""


def killed_at(monkeypatch, number):
    """Let the process die at the n-th move of a file or folder; nothing is tidied up."""
    moves, real = [], os.replace

    def replace(*arguments, **options):
        moves.append(arguments)
        if len(moves) == number:
            raise Killed
        return real(*arguments, **options)

    monkeypatch.setattr(os, "replace", replace)
    tidy = shutil.rmtree

    def rmtree(*arguments, **options):
        if len(moves) < number:
            tidy(*arguments, **options)

    monkeypatch.setattr(shutil, "rmtree", rmtree)


def test_killed_anywhere_the_same_command_leads_to_the_same(tmp_path, monkeypatch):
    first = make_zip(tmp_path / "1.zip", {"kim_1_1_tiny.ipynb": "a", "lee_2_2_tiny.ipynb": "b"})
    second = make_zip(
        tmp_path / "2.zip",
        {
            "kim_1_3_tiny-1.ipynb": "c",
            "kim_1_4_tiny-2.ipynb": "d",
            "lee_2_2_tiny.ipynb": "b",
            "new_3_5_tiny.ipynb": "e",
        },
    )
    whole = make_course(tmp_path / "whole")
    for sources in ([first], [second]):
        collect(whole, "tiny", sources)
    expected = snapshot(whole)
    assert any(name.startswith("attempts/tiny/kim-1/2/") for name in expected)
    for number in range(1, 100):
        course = make_course(tmp_path / f"killed{number}")
        collect(course, "tiny", [first])
        with monkeypatch.context() as patched:
            killed_at(patched, number)
            try:
                collect(course, "tiny", [second])
                break
            except Killed:
                pass
        texts = [(path / "tiny.ipynb").read_text() for _, path in attempts(course, "tiny")["kim-1"]]
        assert texts[0] == "a"  # nothing is lost in between
        collect(course, "tiny", [second])
        assert snapshot(course) == expected, number
    assert number > 8


def test_choosing_loses_nothing_when_it_is_killed(course, tmp_path, monkeypatch):
    collect(course, "tiny", [newer(tmp_path, text) for text in "abc"])
    for number in (1, 2, 3):
        choose(course, "tiny", "kim-1", 3)
        with monkeypatch.context() as patched:
            killed_at(patched, number)
            with pytest.raises(Killed):
                choose(course, "tiny", "kim-1", 1)
        listed = attempts(course, "tiny")["kim-1"]
        assert [(path / "tiny.ipynb").read_text() for _, path in listed] == ["a", "b", "c"]
        choose(course, "tiny", "kim-1", 1)
        assert submitted(course, "kim-1") == {"tiny.ipynb": "a"}
        assert [one.attempt for one, _ in attempts(course, "tiny")["kim-1"] if one.chosen] == [1]


def test_two_at_a_time_are_refused(course, tmp_path):
    source = newer(tmp_path, "a")
    with (
        module._locked(course, wait=False),
        pytest.raises(UserError, match="another `autograder collect`"),
    ):
        collect(course, "tiny", [source])


# --- Archives within archives


def moodle(course, tmp_path, files, caps=CAPS):
    """Collect one student's files from an archive of Moodle."""
    listed = files.items() if isinstance(files, dict) else files
    named = [
        (f"{MOODLE}/{one}" if isinstance(one, str) else one, content) for one, content in listed
    ]
    source = make_zip(tmp_path / "moodle.zip", named)
    return collect(course, "tiny", [source], caps=caps)


def test_a_notebook_in_archives_within_archives_is_found(course, tmp_path):
    nested = {"work.zip": {"deep/more.zip": {"in/last.zip": {"a/tiny.ipynb": "found"}}}}
    found = moodle(course, tmp_path, nested)
    assert only(found).files == {
        "tiny.ipynb": f"{MOODLE}/work.zip > deep/more.zip > in/last.zip > a/tiny.ipynb"
    }
    assert submitted(course, "kim-min-123456") == {"tiny.ipynb": "found"}
    too_deep = {"1.zip": {"2.zip": {"3.zip": {"4.zip": {"tiny.ipynb": "x"}}, "x.csv": "1"}}}
    found = moodle(course, tmp_path, too_deep)
    assert set(only(found).files) == {"x.csv"}
    assert "more than 3 archives" in reasons(found)[f"{MOODLE}/1.zip > 2.zip > 3.zip > 4.zip"]


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tgz", "TAR.BZ2"])
def test_tar_files_are_unpacked(course, tmp_path, ending):
    stream = io.BytesIO()
    mode = {"tar": "w", "TAR.BZ2": "w:bz2"}.get(ending, "w:gz")
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, kind in [
            ("a/tiny.ipynb", tarfile.REGTYPE),
            ("a", tarfile.DIRTYPE),
            ("link", tarfile.SYMTYPE),
            ("hard", tarfile.LNKTYPE),
            ("device", tarfile.CHRTYPE),
            ("../out.txt", tarfile.REGTYPE),
            ("/abs.txt", tarfile.REGTYPE),
        ]:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            member.size = 4 if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(b"tar!"))
    found = moodle(course, tmp_path, {f"work.{ending}": stream.getvalue()})
    assert submitted(course, "kim-min-123456") == {"tiny.ipynb": "tar!"}
    assert {one.rpartition(" > ")[2] for one in reasons(found)} == {
        "link",
        "hard",
        "device",
        "../out.txt",
        "/abs.txt",
    }


def test_archives_of_other_kinds_are_told(course, tmp_path):
    names = ["a.7z", "b.RAR", "c.egg", "d.alz", "e.tar.xz"]
    found = moodle(course, tmp_path, dict.fromkeys(names, "x"))
    assert found.taken == []
    assert all("ask for a .zip" in reason for reason in reasons(found).values())
    assert len(found.ignored) == 5
    assert not (course.work / "submitted").exists()


def test_broken_archives_and_entries_are_told(course, tmp_path):
    damaged = bytearray(packed({"tiny.ipynb": os.urandom(500)}))
    damaged[60] ^= 0xFF
    found = moodle(
        course,
        tmp_path,
        {
            "no.zip": "this is none",
            "crc.zip": bytes(damaged),
            "cut.tar.gz": b"\x1f\x8b\x08\x00",
            "no.tar": "x" * 2000,
            "empty.zip": {},
            "tiny.ipynb": "x",
        },
    )
    assert submitted(course, "kim-min-123456") == {"tiny.ipynb": "x"}
    told = {name.partition("_/")[2]: reason for name, reason in found.ignored}
    assert set(told) == {
        "no.zip",
        "crc.zip > tiny.ipynb",
        "cut.tar.gz",
        "no.tar",
        "empty.zip",
    }
    assert "empty" in told.pop("empty.zip")
    assert all("damaged" in reason for reason in told.values())


def test_an_entry_that_is_damaged_or_encrypted_is_told(course, tmp_path):
    content = packed({f"{MOODLE}/tiny.ipynb": "x", f"{MOODLE}/secret.csv": "y"})
    raw = bytearray(content)
    for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        raw[raw.rfind(signature) + flags] |= 1  # of the second file: says that it is encrypted
    source = tmp_path / "a.zip"
    source.write_bytes(raw)
    found = collect(course, "tiny", [source])
    assert "encrypted" in reasons(found)[f"{MOODLE}/secret.csv"]
    assert submitted(course, "kim-min-123456") == {"tiny.ipynb": "x"}


def test_unusual_packing_is_told(course, tmp_path):
    source = tmp_path / "a.zip"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr(f"{MOODLE}/tiny.ipynb", "x")
        archive.writestr(f"{MOODLE}/bomb.csv", "0" * 10_000, zipfile.ZIP_BZIP2)
    found = collect(course, "tiny", [source])
    assert "unusual way" in reasons(found)[f"{MOODLE}/bomb.csv"]


def test_links_in_zip_files_are_no_files(course, tmp_path):
    link = zipfile.ZipInfo(f"{MOODLE}/tiny.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    pipe = zipfile.ZipInfo(f"{MOODLE}/pipe")
    pipe.external_attr = (stat.S_IFIFO | 0o777) << 16
    found = moodle(course, tmp_path, [(link, "/etc/passwd"), (pipe, ""), ("x.csv", "1")])
    assert set(only(found).files) == {"x.csv"}
    assert "link" in reasons(found)[link.filename]
    assert "ordinary" in reasons(found)[pipe.filename]


@pytest.mark.parametrize(
    "name",
    ["../x.ipynb", "a/../../x.ipynb", "..\\..\\x.ipynb", "/etc/x.ipynb", "\\x", "C:\\x.ipynb"],
)
@pytest.mark.parametrize("inner", [False, True])
def test_no_name_leads_out(course, tmp_path, name, inner):
    files = {f"{MOODLE}/tiny.ipynb": "x"}
    files |= {f"{MOODLE}/a.zip": {name: "evil"}} if inner else {name: "evil"}
    found = collect(course, "tiny", [make_zip(tmp_path / "a.zip", files)])
    assert submitted(course, "kim-min-123456") == {"tiny.ipynb": "x"}
    [(_, reason)] = found.ignored
    assert "doesn't stay in the archive" in reason


def test_bombs_are_met_while_they_are_unpacked(course, tmp_path):
    files = {"tiny.ipynb": "x", "ratio.csv": bytes(5 * 2**20)}
    found = moodle(course, tmp_path, files)
    assert reasons(found) == {f"{MOODLE}/ratio.csv": "it unpacks to more than 200 times its size"}
    assert set(only(found).files) == {"tiny.ipynb"}


def test_large_files_are_met_while_they_are_unpacked(course, tmp_path):
    caps = Caps(file_mib=2, submission_mib=5)
    halves = {"a.csv": 5, "b.csv": 2, "c.csv": 3, "d.csv": 4}  # of a MiB
    files = {name: bytes(size * 2**19) for name, size in halves.items()} | {"z.ipynb": "y"}
    found = moodle(course, tmp_path, files, caps)
    assert "larger than 2 MiB" in reasons(found)[f"{MOODLE}/a.csv"]
    assert "larger than 5 MiB" in reasons(found)[f"{MOODLE}/d.csv"]
    assert set(only(found).files) == {"b.csv", "c.csv", "z.ipynb"}


def test_sizes_in_headers_are_not_believed(course, tmp_path):
    content = bytearray(packed({"zeros.csv": bytes(8 * 2**20), "tiny.ipynb": "x"}))
    at = content.find(b"PK\1\2")
    content[at + 24 : at + 28] = struct.pack("<L", 10)  # says it is 10 bytes long
    found = moodle(course, tmp_path, {"a.zip": bytes(content)}, Caps(file_mib=6))
    assert submitted(course, "kim-min-123456") == {"tiny.ipynb": "x"}
    [(name, _)] = found.ignored
    assert name.endswith("zeros.csv")


def test_a_tar_bomb_is_met(course, tmp_path):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        member = tarfile.TarInfo("zeros")
        member.size = 8 * 2**20
        archive.addfile(member, io.BytesIO(bytes(member.size)))
    found = moodle(course, tmp_path, {"a.tgz": stream.getvalue(), "tiny.ipynb": "x"})
    assert set(only(found).files) == {"tiny.ipynb"}
    assert "200 times" in reasons(found)[f"{MOODLE}/a.tgz"]


def test_too_many_files(course, tmp_path):
    caps = Caps(files=5, entries=50)
    many = {f"{n}.csv": "1" for n in range(8)} | {"z/tiny.ipynb": "x"}
    found = moodle(course, tmp_path, {"a.zip": many}, caps)
    assert len(only(found).files) == 5
    assert "tiny.ipynb" in only(found).files
    assert sum("more than 5 files" in reason for _, reason in found.ignored) == 4
    far_more = {f"{n}.csv": "1" for n in range(60)}
    found = moodle(course, tmp_path, {"a.zip": far_more, "b.csv": "1"}, caps)
    assert reasons(found) == {f"{MOODLE}/a.zip": "the archive lists too many files"}
    caps = Caps(directory_mib=0.001)
    found = moodle(course, tmp_path, {"a.zip": far_more, "c.csv": "1"}, caps)
    assert "too many" in reasons(found)[f"{MOODLE}/a.zip"]


def test_the_length_of_a_table_of_contents(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"a": "1"})
    assert directory_size(archive) == 47
    with archive.open("ab") as file:
        file.write(b"rest")
    assert directory_size(archive) == 47
    archive.write_text("none")
    assert directory_size(archive) == 0


def test_what_systems_add_is_told(course, tmp_path):
    names = [
        "__MACOSX/._tiny.ipynb",
        ".DS_Store",
        "a/._x",
        "Thumbs.db",
        ".ipynb_checkpoints/tiny-checkpoint.ipynb",
    ]
    found = moodle(course, tmp_path, {"a.zip": dict.fromkeys(names, "x") | {"tiny.ipynb": "y"}})
    assert submitted(course, "kim-min-123456") == {"tiny.ipynb": "y"}
    assert len(found.ignored) == len(names)


# --- File names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tiny (1).ipynb", "tiny.ipynb"),
        ("tiny(12).ipynb", "tiny.ipynb"),
        ("tiny-1.ipynb", "tiny.ipynb"),
        ("tiny-1 (2).ipynb", "tiny.ipynb"),
        ("tiny.ipynb.txt", "tiny.ipynb"),
        ("tiny.IPYNB", "tiny.ipynb"),
        ("my tiny.ipynb", "my tiny.ipynb"),
        ("과제_김민준.ipynb", "과제_김민준.ipynb"),
        ("😀👩‍💻.ipynb", "😀👩‍💻.ipynb"),
        (unicodedata.normalize("NFD", "과제.ipynb"), "과제.ipynb"),
        ("a:b?.ipynb", "a_b_.ipynb"),
        ("CON.ipynb", "_CON.ipynb"),
        ("a\x01\u202eb.ipynb", "a__b.ipynb"),
        ("dots.csv. .", "dots.csv"),
        ("folder /nul/x.csv", "folder/_nul/x.csv"),
        ("timestamp.txt/x.csv", "timestamp.txt_x.csv"),
    ],
)
def test_names_of_files(course, tmp_path, name, expected):
    arrival = only(moodle(course, tmp_path, {name: "x"}))
    assert list(arrival.files) == [expected]
    assert submitted(course, "kim-min-123456") == {expected: "x"}


def test_long_names_keep_their_endings(course, tmp_path):
    names = [f"{'가' * 100}{n}.ipynb" for n in range(2)] + ["/".join(["x" * 100] * 9) + "/y.csv"]
    arrival = only(moodle(course, tmp_path, dict.fromkeys(names, "x")))
    assert len(arrival.files) == 3
    for name in arrival.files:
        assert len(name.encode()) <= 120
        assert name.endswith((".ipynb", ".csv"))


def test_a_students_time_is_not_believed(course, tmp_path):
    files = {"Timestamp.TXT": "2020-01-01 00:00:00 UTC", "tiny.ipynb": "x"}
    found = moodle(course, tmp_path, files)
    assert only(found).handed_in is None
    assert submitted(course, "kim-min-123456") == {"tiny.ipynb": "x"}
    assert "time of a submission" in reasons(found)[f"{MOODLE}/Timestamp.TXT"]


def test_notebooks_of_one_name_get_different_ones(course, tmp_path):
    both = {"a.zip": {"v1/tiny.ipynb": "1", "v2/tiny.ipynb": "2"}}
    assert set(only(moodle(course, tmp_path, both)).files) == {"v1_tiny.ipynb", "v2_tiny.ipynb"}
    one = {"a.zip": {"tiny.ipynb": "1", "old/tiny.ipynb": "2", "old/x.csv": "3"}}
    expected = {"tiny.ipynb": "1", "old_tiny.ipynb": "2", "old/x.csv": "3"}
    moodle(course, tmp_path, one)
    assert submitted(course, "kim-min-123456") == expected


def test_names_that_differ_in_capitals_or_not_at_all(course, tmp_path):
    names = ["a.csv", "A.csv", "a.csv", "a.csv/b.csv", "D/x", "d/X", "tiny.ipynb", "TINY.ipynb"]
    arrival = only(moodle(course, tmp_path, [(name, str(n)) for n, name in enumerate(names)]))
    assert len({name.casefold() for name in arrival.files}) == len(names)
    assert sorted(submitted(course, "kim-min-123456").values()) == sorted(map(str, range(8)))


@pytest.mark.parametrize("encoding", ["utf-8", "cp949", "cp437"])
def test_zip_names_without_the_flag_are_repaired(course, tmp_path, encoding):
    name = "é.csv" if encoding == "cp437" else "과제.csv"
    raw = name.encode(encoding)
    placeholder = "x" * len(raw)
    student = MOODLE.encode() + b"/"
    content = packed({f"{MOODLE}/{placeholder}": "1"})
    content = content.replace(student + placeholder.encode(), student + raw)
    source = tmp_path / "a.zip"
    source.write_bytes(content)
    assert list(only(collect(course, "tiny", [source])).files) == [name]


def test_intake_takes_what_was_collected(tiny, tmp_path):
    solution = tiny.solutions / "tiny/tiny.ipynb"
    released, text = nbformat.read(solution, as_version=4), solution.read_text()
    many = {f"{n}.csv": "1" for n in range(1200)}
    for files in ({"a.zip": {"b.zip": {"mine/tiny (1).ipynb": text}}}, {"my.ipynb": text, **many}):
        moodle(tiny, tmp_path, files)
        taken = intake.take(tiny.work / "submitted/kim-min-123456/tiny", released, "tiny")
        assert taken.refused is None
    moodle(tiny, tmp_path, {"a.zip": {"v1/tiny.ipynb": text, "v2/tiny.ipynb": text}})
    refused = intake.take(tiny.work / "submitted/kim-min-123456/tiny", released, "tiny").refused
    assert "several notebooks (v1_tiny.ipynb, v2_tiny.ipynb)" in refused


# --- What can't be used


def test_bad_sources_are_told(course, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.zip").write_text("no zip")
    broken = make_zip(tmp_path / "cut.zip", {CANVAS: "x" * 1000})
    broken.write_bytes(broken.read_bytes()[:-30])
    for source, message in [
        (tmp_path / "missing.zip", "there is no such file"),
        (tmp_path / "empty", "is empty"),
        (make_zip(tmp_path / "none.zip", {}), "is empty"),
        (tmp_path / "text.zip", "is no zip file"),
        (broken, "is no zip file"),
        (Path(os.devnull), "neither a folder nor a zip"),
    ]:
        with pytest.raises(UserError, match=message) as told:
            collect(course, "tiny", [source])
        assert str(source) in str(told.value)
        assert "\n" not in str(told.value)
    with pytest.raises(UserError, match="no assignment called"):
        collect(course, "../tiny", [tmp_path])
    with pytest.raises(UserError, match="no such system"):
        collect(course, "tiny", [tmp_path], "blackboard")
    with pytest.raises(UserError, match="no exchange of the course cnn_rnn"):
        collect(course, "tiny", [tmp_path], "exchange")
    assert not (course.work / "submitted").exists()
    assert not arrivals.path(course, "tiny").exists()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({CANVAS: "x", "notes.txt": "x"}, "'notes.txt' looks like a file of none.*--from canvas"),
        ({CANVAS: "x", f"{MOODLE}/tiny.ipynb": "x"}, "--from canvas"),
        ({"paper.pdf": "x"}, "'paper.pdf'.*--from"),
        ({"tiny.ipynb": "x"}, "'tiny.ipynb'.*--from"),
        ({"__MACOSX/x": "x"}, "--from"),
    ],
)
def test_what_can_not_be_recognised_is_told(course, tmp_path, files, message):
    source = make_zip(tmp_path / "a.zip", files)
    with pytest.raises(UserError, match=message):
        collect(course, "tiny", [source])


def test_what_does_not_fit_the_system_is_left_out(course, tmp_path):
    source = make_zip(tmp_path / "a.zip", {CANVAS: "x", f"{MOODLE}/tiny.ipynb": "y"})
    found = collect(course, "tiny", [source], "canvas")
    assert only(found).key == "123456"
    assert reasons(found) == {f"{MOODLE}/tiny.ipynb": "this is no name that Canvas gives"}
    found = collect(course, "tiny", [source], "moodle")
    assert reasons(found) == {CANVAS: "this is no name that Moodle gives"}
    assert {one.student for one in arrivals.read(course, "tiny")} == {
        "kimmin-123456",
        "kim-min-123456",
    }


def test_sources_of_two_systems_are_refused(course, tmp_path):
    first = make_zip(tmp_path / "a.zip", {CANVAS: "x"})
    second = make_zip(tmp_path / "b.zip", {f"{MOODLE}/tiny.ipynb": "y"})
    with pytest.raises(UserError, match=r"b\.zip comes from moodle, and .*a\.zip from canvas"):
        collect(course, "tiny", [first, second])


def test_a_disk_that_can_not_be_written_is_told(course, tmp_path):
    source = newer(tmp_path, "a")
    course.work.mkdir(exist_ok=True)
    (course.work / "attempts").write_text("in the way")
    with pytest.raises(UserError, match="run the same command again"):
        collect(course, "tiny", [source])


def test_progress_is_told(course, tmp_path):
    files = {f"kim_{n}_{n}_tiny.ipynb": str(n) for n in range(1, 4)}
    told = []
    collect(
        course, "tiny", [make_zip(tmp_path / "a.zip", files)], on_done=lambda *one: told.append(one)
    )
    assert told == [(0, None), (0, 3), (1, 3), (2, 3), (3, 3)]


# --- Anything

pieces = st.sampled_from(
    [
        "..",
        ".",
        "/",
        "\\",
        "C:",
        "_1_",
        "_assignsubmission_file_",
        "timestamp.txt",
        ".ipynb",
        "tiny",
    ]
)
letters = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=5)
names = st.lists(st.one_of(pieces, letters), min_size=1, max_size=6).map("".join)
names = names.filter(lambda name: name[0] != "\0")  # Python can't write a zip file with such


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.booleans(), names), min_size=1, max_size=5),
    st.sampled_from(["folder", "moodle", "canvas"]),
)
def test_any_names_stay_inside_and_are_told(entries, system):
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        course = make_course(root / "course")
        before = {path for path in root.rglob("*") if course.work not in path.parents}
        files = [(f"{MOODLE}/{one}" if inside else one, "x") for inside, one in entries]
        source = make_zip(root / "a.zip", files)
        found = collect(course, "tiny", [source], system)
        with zipfile.ZipFile(source) as archive:
            count = len(archive.infolist())
        assert sum(len(one.files) for one in found.taken) + len(found.ignored) == count
        after = {path for path in root.rglob("*") if course.work not in path.parents}
        assert after - before <= {source, course.work}
        folders = set(course.work.iterdir()) - {course.work / "attempts"}
        assert folders <= {course.work / "submitted", course.work / "collected"}
        for one in found.taken:
            listed = {item[1] for item in attempts(course, "tiny")[one.student]}
            assert all((folder / file).is_file() for folder in listed for file in one.files)
