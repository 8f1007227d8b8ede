"""Pictures of runs that collapse: the numbers are those of the records, and those of the formula."""

import json

import numpy as np
import pytest
from pictures import number, texts, told

from course import experiments, picture_collapse
from course.experiments import Outcome

LOOK = 40


def outcome(name, loss, held, spread):
    result = {"loss": loss, "held": held, "spread": spread}
    return Outcome(f"survival/{name}", started="", seconds=1, code="", device="", result=result)


def fate(result):
    return 1 if result["held"][-1] >= 0.2 else -1


@pytest.fixture(scope="module")
def rates():
    runs = [
        outcome("plain/0.1/0", [1e6, 2.3], [0.1, 0.1], [1e-9, 1e-7]),
        outcome("plain/0.001/0", [2.2, 2.0, 1.9], [0.1, 0.2, 0.3], [0.1, 0.1, 0.1]),
        outcome("plain/0.001/1", [2.3, 2.3], [0.1, 0.104], [1e-4, 1e-6]),
        outcome("norm/0.001/0", [2.2, float("nan")], [0.1, 0.25], [0.1, float("nan")]),
    ]
    return picture_collapse.learning_rates(runs, fate, LOOK)


def test_the_sentence_counts_what_became_of_the_runs(rates):
    assert told(rates, network="plain", place=1) == (
        "Learning rate 0.001, plain: of 2 runs 1 learned and 1 collapsed. Last losses 1.900, 2.300 "
        "nats (ln 10 is 2.303), last accuracies 0.300, 0.104."
    )
    assert "Learning rate 0.1, plain: of 1 runs 1 collapsed." in told(
        rates, network="plain", place=2
    )
    assert told(rates, network="norm", place=2) == "Learning rate 0.1, norm: no run."


def test_each_look_is_a_point_at_its_step(rates):
    points = rates.spec()["datasets"][picture_collapse.RUNS]
    plain = [p for p in points if p["network"] == "plain" and p["rate"] == 0]
    assert [(p["seed"], p["step"], p["loss"]) for p in plain] == [
        ("seed 0", 40, 2.2), ("seed 0", 80, 2.0), ("seed 0", 120, 1.9),
        ("seed 1", 40, 2.3), ("seed 1", 80, 2.3),
    ]  # fmt: skip


def test_what_lies_outside_is_drawn_at_the_edge(rates):
    points = rates.spec()["datasets"][picture_collapse.RUNS]
    first = next(p for p in points if p["rate"] == 1)
    assert first["loss"] == picture_collapse.LOSSES[1]
    assert first["spread"] == picture_collapse.SPREADS[0]
    # A loss that is no number is as bad as one that is far too large
    assert points[-1]["loss"] == picture_collapse.LOSSES[1]
    assert points[-1]["spread"] == picture_collapse.SPREADS[0]


def test_the_records_of_the_chapter_are_light_enough_for_a_page():
    record = experiments.load("5_cifar10_collapse", "survival/")
    picture = picture_collapse.learning_rates(record, fate, LOOK)
    spec = picture.spec()
    assert len(json.dumps(spec)) < 60_000
    assert len(spec["datasets"][picture_collapse.RUNS]) == sum(
        len(one.result["loss"]) for one in record
    )
    assert "ln 10" in texts(spec)


@pytest.fixture(scope="module")
def sureness():
    return picture_collapse.sureness(0.11)


@pytest.mark.parametrize(("right", "sure"), [(0.11, 0.5), (0.48, 0.3), (0.11, 0.99), (0.9, 0.05)])
def test_the_loss_is_the_mean_cross_entropy(sureness, right, sure):
    said = np.full(10, (1 - sure) / 9)
    said[0] = sure
    truth = np.array([0] * round(right * 100) + [3] * round((1 - right) * 100))
    loss = -np.log(said[truth]).mean()
    assert number(sureness, "mean", right=right, sure=sure) == pytest.approx(loss)
    assert f"the loss is {loss:.3f}, " in told(sureness, right=right, sure=sure)
    assert f"{loss:.3f}" in texts(sureness.spec(), right=right, sure=sure)


@pytest.mark.parametrize("right", [0.05, 0.3, 0.95])
def test_who_knows_nothing_and_says_so_is_at_ln_10_however_often_it_is_right(sureness, right):
    assert number(sureness, "mean", right=right, sure=0.1) == pytest.approx(np.log(10))
    assert told(sureness, right=right, sure=0.1).endswith("the loss is 2.303, just ln 10.")


def test_the_sentence_says_how_far_from_ln_10(sureness):
    assert told(sureness, right=0.11, sure=0.5) == (
        "A right answer costs 0.693 nats, a wrong one 2.890. With 11% of right answers the loss is "
        "2.649, 0.346 above ln 10."
    )
    assert told(sureness, right=0.9, sure=0.9).endswith("below ln 10.")


def test_the_loss_is_smallest_where_the_answer_is_as_sure_as_it_is_right(sureness):
    losses = [number(sureness, "mean", right=0.3, sure=s) for s in (0.28, 0.29, 0.3, 0.31, 0.32)]
    assert int(np.argmin(losses)) == 2
