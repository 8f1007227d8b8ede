"""Results of long experiments: written one by one, read back, and none lost."""

import os

import pytest

from course.experiments import ExperimentError, Outcome, append, file_of, files_of, load


def outcome(name, value=1.0):
    return Outcome(name, "2026-01-01T00:00:00+00:00", 1.5, "abc", "CPU", result={"loss": [value]})


def test_what_was_appended_is_loaded(tmp_path):
    append("5_a", outcome("survival/x/0"), tmp_path)
    append("5_a", outcome("best/x", float("nan")), tmp_path)
    assert [one.name for one in load("5_a", folder=tmp_path)] == ["survival/x/0", "best/x"]
    [one] = load("5_a", "survival/", tmp_path)
    assert one == outcome("survival/x/0")
    assert one.parts == ["survival", "x", "0"]
    assert load("5_a", "nothing", tmp_path) == load("4_b", folder=tmp_path) == []


def test_a_second_result_takes_the_place_of_the_first(tmp_path):
    for value in (1.0, 2.0):
        append("5_a", outcome("x", value), tmp_path)
    append("5_a", outcome("y"), tmp_path)
    assert [one.result["loss"] for one in load("5_a", folder=tmp_path)] == [[2.0], [1.0]]
    assert len(file_of("5_a", tmp_path).read_text().splitlines()) == 2


def test_a_file_that_can_not_be_written_stays_as_it_was(tmp_path, monkeypatch):
    append("5_a", outcome("x"), tmp_path)

    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        append("5_a", outcome("y"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["5_a.jsonl"]
    assert [one.name for one in load("5_a", folder=tmp_path)] == ["x"]


@pytest.mark.parametrize("line", ["{", '{"name": "y"}', "[]"])
def test_a_line_that_is_wrong_is_named(tmp_path, line):
    append("5_a", outcome("x"), tmp_path)
    path = file_of("5_a", tmp_path)
    path.write_text(f"{line}\n{path.read_text()}")
    with pytest.raises(ExperimentError, match=r"5_a\.jsonl, line 1: .*; remove the line"):
        load("5_a", folder=tmp_path)
    assert len(path.read_text().splitlines()) == 2


def test_all_that_is_kept_for_a_chapter_is_found(tmp_path):
    append("5_a", outcome("x"), tmp_path)
    for name in ("5_a.log.csv", "5_ab.csv", "4_b.jsonl"):
        (tmp_path / name).touch()
    assert [path.name for path in files_of("5_a", tmp_path)] == ["5_a.jsonl", "5_a.log.csv"]
