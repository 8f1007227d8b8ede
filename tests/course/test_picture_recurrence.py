"""Pictures of recurrent networks: which digits they show, and that the numbers are those given."""

import json

import numpy as np
import pytest
from pictures import texts, told

from course import picture_recurrence

ROWS = 6


@pytest.fixture(scope="module")
def probabilities():
    """Of twelve pictures by two networks; the labels are those of `labels`."""
    rng = np.random.default_rng(3)
    given = {name: rng.dirichlet(np.ones(10), size=(12, ROWS)) for name in ("plain", "LSTM")}
    for name, one in given.items():
        one[:, -1] = np.eye(10)[labels()]  # right in the end ...
        one[:, :-1] = one[:, -1:]  # ... and all the way
        one[9 if name == "plain" else 10, -1] = np.eye(10)[0]  # but for one picture each
    given["LSTM"][11, 1:4] = np.eye(10)[[5, 6, 5]]  # and one changes its answer four times
    given["LSTM"][2, 3] = np.linspace(0.01, 0.19, 10)
    return given


def labels():
    return np.arange(1, 13) % 9 + 1


@pytest.fixture(scope="module")
def rows(probabilities):
    pictures = np.linspace(0, 1, 12 * ROWS * 5).reshape(12, ROWS, 5)
    return picture_recurrence.row_by_row(pictures, labels(), probabilities)


def test_pictures_that_go_wrong_or_change_are_chosen_and_the_first_fill_up(probabilities):
    assert picture_recurrence.choose(labels(), probabilities, count=6) == {
        0: "",
        1: "",
        2: "",
        9: " (plain wrong, plain changes once)",
        10: " (LSTM wrong)",
        11: " (LSTM changes 4 times)",
    }


def test_without_a_wrong_answer_there_are_as_many_pictures(probabilities):
    right = {"one": np.repeat(np.eye(10)[labels()][:, None], ROWS, axis=1)}
    assert list(picture_recurrence.choose(labels(), right)) == list(range(8))
    assert len(picture_recurrence.choose(labels()[:3], {"one": right["one"][:3]})) == 3


def test_the_answer_after_a_row_is_that_of_the_network(rows, probabilities):
    values = {given["name"]: given.get("value") for given in rows.spec()["params"]}
    for network in probabilities:
        for name, picture in zip(values["names"], values["numbers"], strict=True):
            row = picture % ROWS + 1
            settings = {"digit": name, "network": network, "row": row}
            *said, answer, right = json.loads(
                told(rows, "'[' + now + ',' + answer + ',' + right + ']'", **settings)
            )
            given = probabilities[network][picture, row - 1]
            assert said == pytest.approx(given, abs=6e-4)
            assert (answer, right) == (given.argmax(), labels()[picture])


def test_the_sentence_names_both_numbers_where_the_answer_is_wrong(rows):
    names = {
        name.split(",")[0]: name
        for given in rows.spec()["params"]
        if given["name"] == "names"
        for name in given["value"]
    }
    wrong = told(rows, digit=names["2"], network="LSTM", row=4)
    assert wrong == (
        "After 4 of 6 rows of test picture 2, a 4, LSTM answers 9, with a probability of 0.190: "
        "wrong. To 4 it gives 0.090."
    )
    right = told(rows, digit=names["2"], network="plain", row=1)
    assert right.endswith("plain answers 4, with a probability of 1.000: right.")


def test_the_pixels_are_those_of_the_picture(rows):
    pixel = np.linspace(0, 1, 12 * ROWS * 5).reshape(12, -1)
    values = {given["name"]: given.get("value") for given in rows.spec()["params"]}
    for shades, picture in zip(values["shades"], values["numbers"], strict=True):
        assert [int(shade) for shade in shades] == np.round(pixel[picture] * 9).tolist()


def test_the_bars_carry_their_numbers(rows):
    drawn = texts(rows.spec(), network="plain", row=1)
    assert drawn.count("1.00 ✓") == 1
    assert drawn.count("0.00") == 9


@pytest.fixture(scope="module")
def arrives():
    return {
        ("plain", "before"): 3 * 0.5 ** np.arange(10)[::-1],
        ("plain", "after"): 2 * 0.01 ** np.arange(10)[::-1],
        ("LSTM", "before"): np.linspace(1, 2, 10),
        ("LSTM", "after"): np.zeros(10),
    }


def test_the_share_is_that_of_the_gradient_at_the_last_step(arrives):
    picture = picture_recurrence.fading(arrives, marked=4)
    for network in ("plain", "LSTM"):
        for index, time in enumerate(("before", "after")):
            sizes = arrives[network, time]
            shares = json.loads(told(picture, f"'[' + of_network[{index}] + ']'", network=network))
            assert shares == pytest.approx(sizes[::-1] / (sizes[-1] or 1), rel=1e-3)


def test_the_sentence_says_what_arrives_before_training_and_after(arrives):
    picture = picture_recurrence.fading(arrives, marked=4)
    assert told(picture) == (
        "plain, 4 steps before the last (the marked symbol): of the gradient at the last step, "
        "0.063 before training and 1.0e-8 after training arrives here."
    )
    assert told(picture, back=1).startswith("plain, 1 step before the last: ")


def test_the_bars_reach_from_the_smallest_share_to_the_largest(arrives):
    spec = picture_recurrence.fading(arrives, marked=4).spec()
    [low, _] = spec["concat"][0]["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert low == picture_recurrence.SMALLEST - 1
    assert "★" in texts(spec)


@pytest.mark.parametrize("picture", ["rows", "fading"])
def test_the_page_stays_light(picture, rows, arrives):
    shown = rows if picture == "rows" else picture_recurrence.fading(arrives, marked=4)
    assert len(json.dumps(shown.spec())) < 30_000
    assert len(shown.alt) > 60
