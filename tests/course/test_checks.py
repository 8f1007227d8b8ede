"""What a run must reach, read from files and judged."""

import numpy as np
import pytest

from course import checks


@pytest.fixture
def notebook(tmp_path):
    return tmp_path / "1_a.ipynb"


def write(notebook, text):
    notebook.with_suffix(".checks.yml").write_text(text)
    return checks.load(notebook)


def test_without_a_file_the_limits_of_the_profiles_hold(notebook):
    assert checks.load(notebook) == checks.Expectations(checks.DEFAULT, ())


def test_limits_that_are_given_replace_the_others_one_by_one(notebook):
    limits = write(notebook, "limits: {quick: {seconds: 7}}").limits
    assert limits["quick"] == checks.Limits(7, checks.DEFAULT["quick"].memory_mib)
    assert limits["smoke"] == checks.DEFAULT["smoke"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("limits: [", "line 1: not YAML"),
        ("speed: 3", "'speed' is none of `limits`, `expect` and `times`"),
        ("- 1", "give `limits`, `expect` and `times`"),
        ("limits: {fast: {seconds: 1}}", "'fast' is none of smoke, quick, full"),
        ("limits: {quick: {seconds: 0}}", "limits of quick are"),
        ("limits: {quick: 5}", "limits of quick are"),
        ("expect: [{exact: 1}]", "begin with metric"),
        ("expect: [{metric: [a], exact: 1}]", "begin with metric"),
        ("expect: 3", "`expect` and `times` are lists"),
        ("limits: [1]", "`limits` is a mapping"),
        ("expect: [{metric: a, exact: 1, profiles: []}]", "profiles is a list"),
        ("expect: [{metric: a}]", "a: give one of exact"),
        ("expect: [{metric: a, band: 3}]", "a: give one of exact"),
        ("expect: [{metric: a, exact: 1, at_least: 1}]", "a: give one of exact"),
        ("expect: [{metric: a, exact: 1, profiles: [fast]}]", "'fast' is none of"),
        ("times: [{what: it, metric: a}]", "is no time; give what, document, metric"),
        ("times: [{what: it, metric: a, document: 1, then: 2}]", "is no time"),
        ("times: [{what: it, metric: a, document: fast}]", "a: document is a number of seconds"),
        ("times: [{what: it, metric: a, document: 1, profiles: [x]}]", "'x' is none of"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_mend(notebook, text, message):
    with pytest.raises(checks.CheckError) as caught:
        write(notebook, text)
    assert message in str(caught.value)
    assert "1_a.checks.yml" in str(caught.value)


def judged(notebook, text, metrics, profile="quick", real_data=False):
    results = checks.judge(
        write(notebook, text), checks.load_spreads(notebook), profile, real_data, metrics
    )
    return [one.fault for one in results if one.fault]


@pytest.mark.parametrize(
    ("check", "value", "told"),
    [
        ("exact: 3", 4, "a = 4, expected 3"),
        ("at_least: 0.5", 0.25, "a = 0.25, expected at least 0.5"),
        ("at_least: 0.5", float("nan"), "a = nan, expected at least 0.5"),
        ("within: [1, 0.1]", 1.2, "a = 1.2, expected 1 ± 0.1"),
    ],
)
def test_a_value_that_is_not_reached_is_told(notebook, check, value, told):
    text = f"expect: [{{metric: a, {check}}}]"
    assert judged(notebook, text, {"a": value}) == [told]
    assert judged(notebook, text, {}) == ["a is missing: the notebook did not keep it"]


def test_values_that_are_reached_are_not_told(notebook):
    text = "expect: [{metric: a, exact: [2, 3]}, {metric: b, at_least: 1}]"
    assert judged(notebook, text, {"a": (2, 3), "b": 1.0}) == []


def test_other_profiles_and_stand_in_data_are_not_judged(notebook):
    text = "expect: [{metric: a, exact: 1, profiles: [full]}]"
    assert judged(notebook, text, {"a": 2}) == []
    assert len(judged(notebook, text, {"a": 2}, "full")) == 1
    text = "expect: [{metric: a, exact: 1, real_data: true}]"
    assert judged(notebook, text, {"a": 2}) == []
    assert len(judged(notebook, text, {"a": 2}, real_data=True)) == 1


# --- Bands


def test_a_band_comes_from_the_runs_with_several_seeds(notebook):
    runs = [{"a": a, "same": 1, "text": "x", "some": a} for a in (0.5, 0.52, 0.48, 0.51, 0.49)]
    del runs[1]["some"]
    spread = checks.spread_of("2026-01-01", range(5), runs)
    assert dict(spread.metrics) == {"a": (0.5, 0.52, 0.48, 0.51, 0.49)}
    checks.keep_spread(notebook, checks.kind("quick", False), spread)
    assert checks.load_spreads(notebook) == {"quick, stand-in data": spread}
    text = "expect: [{metric: a, band: seeds}]"
    assert judged(notebook, text, {"a": 0.53}) == []
    (told,) = judged(notebook, text, {"a": 0.1})
    assert told.startswith("a = 0.1, band of 5 seeds 0.")
    assert judged(notebook, text, {"a": float("nan")}) != []
    assert judged(notebook, text, {"a": 0.1}, "smoke") == []  # not measured
    (told,) = judged(notebook, "expect: [{metric: same, band: seeds}]", {"same": 0})
    assert told.startswith("same has no band")


def test_a_spread_replaces_only_the_older_one_of_its_kind(notebook):
    one = checks.Spread("2026-01-01", (0,), {"a": (1.0,)})
    two = checks.Spread("2026-01-02", (0, 1), {"a": (1.0, 2.0)})
    checks.keep_spread(notebook, "quick, real data", one)
    checks.keep_spread(notebook, "smoke, real data", one)
    checks.keep_spread(notebook, "smoke, real data", two)
    assert checks.load_spreads(notebook) == {"quick, real data": one, "smoke, real data": two}


def test_a_spread_that_cannot_be_read_is_named(notebook):
    checks.spread_file(notebook).write_text('{"quick": 3}')
    with pytest.raises(checks.CheckError, match=r"1_a.spread.json: can't be read"):
        checks.load_spreads(notebook)


def test_a_band_needs_five_values():
    with pytest.raises(ValueError, match="at least 5"):
        checks.band([1.0, 2.0])


def test_of_healthy_runs_one_in_a_thousand_lies_outside():
    rng = np.random.default_rng(0)
    outside = 0
    for _ in range(4000):
        *values, one_more = rng.normal(3, 2, 6)
        low, high = checks.band(values)
        outside += not low <= one_more <= high
    assert 0 < outside <= 14  # 4 are expected; more than 14 come once in 50,000 such tests
