"""The page of results, from records of small runs."""

import pytest
from projects import ROOT

from course import checks, ledger, notebooks, results, trend
from course.runs import Record


@pytest.fixture
def chapter(project):
    path = project.add("1_a", "1")
    path.with_suffix(".checks.yml").write_text(
        "limits: {full: {seconds: 100, memory_mib: 500}}\n"
        "expect:\n"
        "  - {metric: accuracy, band: seeds}\n"
        "  - {metric: parameters, exact: 12}\n"
        "times:\n"
        "  - {what: an epoch, document: 8, metric: epoch_seconds, profiles: [full]}\n"
    )
    values = {"accuracy": (0.5, 0.52, 0.48, 0.51, 0.49)}
    spread = checks.Spread("2026-01-01", tuple(range(5)), values)
    checks.keep_spread(path, "full, real data", spread)
    return path


def record(started="2026-01-02T03:04:05+00:00", profile="full", real=True, **metrics):
    metrics = {"accuracy": 0.5, "parameters": 12, "epoch_seconds": 16.0} | metrics
    source = {"dataset": "mnist", "real": real, "description": "MNIST"}
    facts = {"peak_memory_mib": 400, "device": "CPU, 2 cores", "python": "3.11"}
    return Record("1_a", profile, "passed", started, 60.0, **facts, data=[source], metrics=metrics)


def page(chapter, *records, committed=()):
    return results.results_page(records, [chapter], committed)


def test_values_stand_against_what_is_expected(chapter):
    text = page(chapter, record())
    assert "| [1](../notebooks/1_a.ipynb) | full | 2026‑01‑02 | real | 60 s | 400 MiB |" in text
    assert "4 of 4 hold" in text
    assert "| `accuracy` | 0.5000 | band of 5 seeds 0." in text
    assert "| `parameters` | 12 | 12 | yes |" in text
    assert "| `memory` | 400 | at most 500 MiB | yes |" in text
    text = page(chapter, record(parameters=13))
    assert "3 of 4 hold" in text
    assert "| `parameters` | 13 | 12 | **no** |" in text


def test_the_documents_times_stand_beside_ours_only_where_they_can_be_compared(chapter):
    assert "| an epoch | 8 s | 16 s | 2 times | CPU, 2 cores |" in page(chapter, record())
    for other in (record(profile="quick"), record(real=False)):
        assert "The documents' times" not in page(chapter, other)


def test_the_newest_run_is_shown_and_the_trend_has_all(chapter):
    older = record("2025-01-02T03:04:05+00:00", accuracy=0.4321)
    text = page(chapter, record(), older, committed=[record(), older])
    assert text.count("### 1_a, full, real data") == 1
    assert "0.4321" not in text.partition("## Over time")[0]
    assert "accuracy 0.4321" in text
    assert ":alt: Time and main value by date, a row for each notebook: 1_a, 2 runs" in text
    picture = trend.draw([record(), older], {"1_a": "accuracy"})
    assert picture == trend.draw([record(), older], {"1_a": "accuracy"})
    assert picture.startswith(b"<?xml")
    assert b"Date" not in picture.partition(b"<defs>")[0]


def test_a_kept_run_on_real_data_stands_beside_one_on_the_stand_in(chapter):
    text = page(chapter, record(real=False), record("2025-01-02T03:04:05+00:00", epoch_seconds=8.0))
    assert "### 1_a, full, stand-in data" in text
    assert "### 1_a, full, real data" in text
    assert "| 8 s | 8 s | 1 times |" in text


def test_a_failed_run_is_told(chapter):
    bad = Record("1_a", "smoke", "failed", "2026-01-02T03:04:05+00:00", 3.0, failure="cell 1: x")
    text = page(chapter, bad)
    assert "| 3 s | – MiB | failed |" in text
    assert "| `memory` |" not in text  # nobody has measured it


def test_records_of_chapters_that_are_gone_are_not_shown(chapter):
    gone = Record("9_z", "full", "passed", "2026-01-02T03:04:05+00:00", 3.0)
    text = page(chapter, record(), gone, committed=[record(), gone])
    assert "9_z" not in text


def test_a_value_that_is_no_number_leaves_a_gap_in_the_plot():
    records = [record(accuracy=None), record(accuracy="none")]
    assert trend.draw(records, {"1_a": "accuracy"})


def test_the_documents_times_are_those_that_the_chapters_keep():
    committed = ledger.committed_records(ROOT / "book/results")
    for chapter in notebooks.find_chapters(ROOT / "notebooks"):
        for timing in checks.load(chapter).times:
            kept = [
                r for r in committed if r.notebook == chapter.stem and r.profile in timing.profiles
            ]
            assert timing.metric in kept[0].metrics, chapter
