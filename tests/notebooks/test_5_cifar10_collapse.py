"""What chapter 5 shows: the same network, the faults that the check names, the guard, the records."""

import pytest
from projects import ROOT

from course import experimenter, experiments, ledger

NAME = "5_cifar10_collapse"
CHAPTER = ROOT / "notebooks" / f"{NAME}.ipynb"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def kept():
    """What the committed `quick` run on real pictures kept; `smoke` trains too little to die."""
    records = ledger.committed_records(ROOT / "book" / "results")
    record, *_ = [r for r in records if (r.notebook, r.profile) == (NAME, "quick")]
    assert record.real_data
    return record.metrics


def test_the_builder_makes_the_network_of_the_document(metrics):
    assert metrics["same_builder"] <= 1e-6
    assert metrics["parameters"] == metrics["parameters_by_hand"] == 904_718


def test_the_check_passes_and_names_each_fault(metrics):
    assert metrics["check_passed"]
    assert metrics["check_names_each"]
    assert metrics["check_faults"] >= 5


def test_the_guard_stops_a_dead_run_in_its_first_epoch_and_no_healthy_run(kept):
    assert kept["guard_stopped"]
    assert kept["guard_epoch"] == 1
    assert kept["guard_quiet"]
    assert kept["live_accuracy"] > 0.4


def test_a_large_rate_kills_and_a_small_one_does_not_revive(kept):
    assert kept["learns_here"]
    assert kept["pinned_near_guessing"]
    assert kept["pinned_spread"] < kept["healthy_spread"] / 1000
    assert kept["stays_dead"]
    assert kept["pinned_first_update"] > 10 * kept["healthy_first_update"]


def test_a_turned_gradient_climbs_far_above_guessing(kept):
    assert kept["turned_loss"] > 10


def test_only_faults_that_give_one_answer_to_most_pictures_stay_near_guessing(kept):
    assert kept["validation_fault_near_guessing"]
    assert kept["overfitted_far_above"]
    assert kept["wrong_order_above"]


def test_the_records_show_what_the_page_says(metrics):
    assert metrics["runs_of_the_same_code"] == 3
    assert metrics["runs_collapsed"] == 0
    assert metrics["mended_learns_at_all"]
    assert metrics["document_collapses_from"] <= 0.01
    assert metrics["mended_record"] >= 0.80
    assert metrics["mended_ahead"]


def test_every_experiment_is_recorded_on_real_data_by_the_code_of_today():
    assert set(experimenter.states(CHAPTER).values()) == {"done"}
    outcomes = experiments.load(NAME)
    assert all(source["real"] for outcome in outcomes for source in outcome.data)
    assert all(outcome.data for outcome in outcomes)
