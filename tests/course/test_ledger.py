import pytest
import yaml

from course import ledger
from course.ledger import LedgerError
from course.runs import Record

CLAIM = {
    "id": "params",
    "says": "The network has 10 parameters",
    "seed": 10,
    "metric": "net_params",
    "verdict": "reproduced",
    "section": "the-network",
}


def write(tmp_path, *claims):
    path = tmp_path / "1_a.yml"
    path.write_text(yaml.safe_dump({"title": "A", "about": "B", "claims": list(claims)}))
    return path


def record(profile="quick", real=True, **metrics):
    data = [{"real": real, "description": "d"}]
    return Record("1_a", profile, "passed", "2026-01-01", 1.0, data=data, metrics=metrics)


def judged(tmp_path, *records, **changes):
    [judgement] = ledger.judge_all(ledger.load(write(tmp_path, CLAIM | changes)), records)
    return judgement


def test_a_claim_whose_check_holds_earns_its_verdict(tmp_path):
    judgement = judged(tmp_path, record(net_params=10))
    assert (judgement.verdict, judgement.ours) == ("reproduced", 10)


def test_a_claim_whose_check_fails_is_not_reproduced(tmp_path):
    assert judged(tmp_path, record(net_params=11)).verdict == "not reproduced"


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([], "no run yet"),
        ([record(other=10), record(net_params=10)], "the run has no value net_params"),
        ([record(net_params=10)], "needs a full run"),
        ([record("full", real=False, net_params=10)], "needs real data"),
    ],
)
def test_without_a_run_that_may_decide_there_is_no_verdict(tmp_path, records, reason):
    changes = {} if "full" not in reason and "real" not in reason else {"profile": "full"}
    judgement = judged(tmp_path, *records, real_data="real" in reason, **changes)
    assert (judgement.verdict, judgement.reason) == (None, reason)


def test_the_first_run_that_may_decide_decides(tmp_path):
    runs = [record(net_params=9), record("full", net_params=10), record("full", net_params=11)]
    assert judged(tmp_path, *runs, profile="full").ours == 10


def test_a_failed_run_and_the_run_of_another_chapter_decide_nothing(tmp_path):
    failed, other, kept = (record(net_params=10) for _ in range(3))
    failed.status, other.notebook = "failed", "2_b"
    judgement = judged(tmp_path, other, failed, kept)
    assert (judgement.verdict, judgement.reason) == (None, "the run failed")


def test_a_run_without_data_is_no_run_on_real_data(tmp_path):
    empty = record(net_params=10)
    empty.data = []
    assert judged(tmp_path, empty, real_data=True).reason == "needs real data"


@pytest.mark.parametrize(
    ("check", "ours", "good"),
    [
        ({"exact": [None, 32]}, (None, 32), True),
        ({"exact": [None, 32]}, (None, 31), False),
        ({"exact": True}, 1, False),
        ({"exact": 1}, True, False),
        ({"within": [0.5, 0.1]}, 0.59, True),
        ({"within": [0.5, 0.1]}, 0.61, False),
        ({"at_least": 0.9866}, 0.9866, True),
        ({"at_least": 0.9866}, 0.9865, False),
        ({"at_least": 0.9866}, float("nan"), False),
        ({"at_least": 1}, True, False),
        ({"within": [1, 1]}, "1", False),
    ],
)
def test_checks(check, ours, good):
    assert ledger.holds(check, ours) is good


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"verdict": "right"}, "verdict 'right' is none of"),
        ({"verdict": "wrong in the document"}, "needs why and mend"),
        ({"check": {"about": 3}}, "check must be one of"),
        ({"check": {"exact": 3, "at_least": 2}}, "check must be one of"),
        ({"colour": "red"}, "colour"),
        ({"check": 3}, "check must be one of"),
        ({"check": {"within": 3}}, "check must be one of"),
        ({"check": {"at_least": "0.98"}}, "check must be one of"),
        ({"profile": "ful"}, "profile 'ful' is none of"),
        ({"ours": "{} of {}"}, "ours needs one"),
        ({"ours": "some"}, "ours needs one"),
    ],
)
def test_a_wrong_claim_is_named(tmp_path, changes, message):
    with pytest.raises(LedgerError, match=rf"1_a.yml: claim 'params': .*{message}"):
        ledger.load(write(tmp_path, CLAIM | changes))


def test_a_missing_field_and_a_second_claim_of_one_name_are_named(tmp_path):
    with pytest.raises(LedgerError, match="metric"):
        ledger.load(write(tmp_path, {k: v for k, v in CLAIM.items() if k != "metric"}))
    with pytest.raises(LedgerError, match="'params' stands there twice"):
        ledger.load(write(tmp_path, CLAIM, CLAIM))


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "1_a.yml").write_text("title: A\nclaims: `a`\n")
    with pytest.raises(LedgerError, match=r"1_a.yml, line 2: not YAML"):
        ledger.load(tmp_path / "1_a.yml")
    (tmp_path / "1_a.yml").write_text("title: A\nabout: B\nclaims: []")
    with pytest.raises(LedgerError, match=r"1_a.yml: claims must be a list"):
        ledger.load(tmp_path / "1_a.yml")
    (tmp_path / "1_a.yml").write_text("claims: []")
    with pytest.raises(LedgerError, match=r"1_a.yml: needs title"):
        ledger.load(tmp_path / "1_a.yml")


def test_the_page_shows_both_values_and_the_verdict(tmp_path):
    claims = ledger.load(write(tmp_path, CLAIM | {"ours": "{} in all"}))
    page = ledger.ledger_page([claims], [record(net_params=10_000)])
    assert "1 claims: 1 not reproduced" in page
    assert "| 10 | 10,000 in all | **not reproduced** |" in page
    assert "../notebooks/1_a.ipynb#the-network" in page
    assert "not judged yet: no run yet" in ledger.ledger_page([claims], [])


def test_a_verdict_by_a_run_of_older_code_says_so(tmp_path):
    claims = ledger.load(write(tmp_path, CLAIM | {"profile": "full", "real_data": True}))
    full = record("full", net_params=10)
    full.inputs = {"code": "abc"}
    assert "(full run of 2026-01-01)" in ledger.ledger_page([claims], [full], {"1_a": "abc"})
    assert "older state of the code" in ledger.ledger_page([claims], [full], {"1_a": "def"})


def test_the_errata_have_what_is_not_simply_reproduced(tmp_path):
    wrong = CLAIM | {
        "id": "lengths",
        "verdict": "wrong in the document",
        "why": "it runs",
        "mend": "Leave it",
        "quote": "문장 길이",
    }
    page = ledger.errata_page([ledger.load(write(tmp_path, CLAIM, wrong))], [record(net_params=10)])
    assert page.count("###") == 1
    for words in ("### Lengths", "“문장 길이”", "10. It runs.", "Leave it."):
        assert words in page


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (93322, "93,322"),
        (0.98959, "0.9896"),
        (9.1e-8, "9.1e-08"),
        (44.0, "44"),
        (7.38461, "7.385"),
        (True, "yes"),
        ([None, 26], "(None, 26)"),
        ([[None, 20], [60000, 20]], "((None, 20), (60000, 20))"),
        (None, "–"),
        ("sequential_5", "sequential_5"),
    ],
)
def test_values_are_shown_as_people_write_them(value, text):
    assert ledger.shown(value) == text
