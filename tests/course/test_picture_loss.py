"""Three logits to move: probabilities, loss and gradient are those of NumPy and of TensorFlow."""

import itertools
import json

import numpy as np
import pytest
from pictures import number, texts, told

from course import picture_loss

START = [2.0, 0.5, -1.0]
SETTINGS = [
    (START, 0, 1),
    ([5.0, -5.0, 5.0], 120, 1),
    ([-5.0, -5.0, -5.0], -80, 2),
    ([3.5, 0.0, -2.5], 40, 0),
]


@pytest.fixture(scope="module")
def picture():
    return picture_loss.logits(np.array(START, "float32"), true=1)


def settings(logits, added, true):
    return dict(
        zip(picture_loss.CLASSES, logits, strict=True),
        added=added,
        truth=picture_loss.CLASSES[true],
    )


def softmax(logits):
    powers = np.exp(logits)
    return powers / powers.sum()


@pytest.mark.parametrize(("logits", "added", "true"), SETTINGS)
def test_loss_and_gradient_are_those_of_the_logits_alone(picture, logits, added, true):
    p = softmax(np.array(logits))
    given = settings(logits, added, true)
    assert json.loads(told(picture, "'[' + p + ']'", **given)) == pytest.approx(p, abs=1e-9)
    assert number(picture, "loss", **given) == pytest.approx(-np.log(p[true]), abs=1e-9)
    gradient = json.loads(told(picture, "'[' + gradient + ']'", **given))
    assert gradient == pytest.approx(p - np.eye(3)[true], abs=1e-9)


@pytest.mark.parametrize("true", range(3))
def test_the_gradient_is_the_slope_of_the_loss(picture, true):
    given = settings(START, 0, true)
    for place, name in enumerate(picture_loss.CLASSES):
        higher, lower = (
            number(picture, "loss", **given | {name: START[place] + step}) for step in (1e-4, -1e-4)
        )
        slope = number(picture, f"gradient[{place}]", **given)
        assert (higher - lower) / 2e-4 == pytest.approx(slope, abs=1e-6)


def loss_in_two_steps(logits, true):
    with np.errstate(all="ignore"):
        return -np.log(softmax(np.array(logits, "float32"))[true])


@pytest.mark.parametrize("added", range(-picture_loss.ADDED, picture_loss.ADDED + 1, 40))
def test_whether_two_steps_of_32_bits_are_enough_is_as_numpy_finds(picture, added):
    ends = [-picture_loss.FURTHEST, picture_loss.FURTHEST]
    for logits in itertools.product(ends, repeat=3):
        apart = loss_in_two_steps(np.add(logits, added), 1)
        said = told(picture, "two_steps", **settings(logits, added, 1))
        assert said == ("not a number" if np.isnan(apart) else "the same")
        if said == "the same":
            assert apart == pytest.approx(-np.log(softmax(np.array(logits, float))[1]), abs=5e-5)


def test_the_sentence_says_what_is_shown(picture):
    assert told(picture) == (
        "The second class is the true one, and has the probability 0.175: the loss is 1.741 nats; "
        "in two steps of 32 bits it is the same. The gradient is 0.786, −0.825 and 0.039, together 0."
    )
    dear = told(picture, **settings([5, -5, 5], 120, 1))
    assert (
        "the probability 2.3e-5: the loss is 10.693 nats; in two steps of 32 bits it is not" in dear
    )


def test_adding_to_all_changes_nothing_but_the_logits(picture):
    before, after = (texts(picture.spec(), added=added) for added in (0, 80))
    assert before == after
    assert {"0.786", "0.175", "0.039", "−0.825", "1.741"} <= set(before)
    assert told(picture, "z[0] + ' ' + z[1] + ' ' + z[2]", added=80) == "82 80.5 79"
