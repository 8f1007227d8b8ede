"""The picture of a layer: its shapes and its counts are those of real layers of Keras."""

import itertools
import math

import pytest
from keras import layers
from pictures import number, texts, told

from course import picture_layer

SETTINGS = [
    {"n": 28, "channels": 1, "kernel": 3, "step": 1, "frame": "valid", "filters": 32},
    {"n": 28, "channels": 3, "kernel": 5, "step": 2, "frame": "same", "filters": 16},
    {"n": 8, "channels": 64, "kernel": 7, "step": 3, "frame": "valid", "filters": 8},
    {"n": 12, "channels": 32, "kernel": 1, "step": 3, "frame": "same", "filters": 8},
    {"n": 20, "channels": 3, "kernel": 7, "step": 2, "frame": "valid", "filters": 64},
]


@pytest.fixture(scope="module")
def picture():
    return picture_layer.layer(size=28, channels=1, kernel=3, filters=32)


def conv(given):
    return layers.Conv2D(
        given["filters"], given["kernel"], strides=given["step"], padding=given["frame"]
    )


def shape_in(given):
    return given["n"], given["n"], given["channels"]


def written(shape):
    return " × ".join(map(str, shape))


def count_of(layer, shape):
    layer.build((None, *shape))
    return layer.count_params()


@pytest.mark.parametrize("given", SETTINGS, ids=str)
def test_shapes_and_counts_are_those_of_real_layers(picture, given):
    layer = conv(given)
    _, *shape_out = layer.compute_output_shape((None, *shape_in(given)))
    sentence = told(picture, **given)
    assert sentence.startswith(f"{written(shape_in(given))} become {written(shape_out)}: ")
    assert f" + 1 = {shape_out[0]}. " in sentence
    assert f" = {count_of(layer, shape_in(given)):,} parameters;" in sentence
    weights, biases = layer.get_weights()
    assert number(picture, "weights", **given) == weights.size
    assert number(picture, "filters", **given) == biases.size


SMALL = {"n": 16, "channels": 3, "kernel": 5, "step": 2, "frame": "same", "filters": 8}


@pytest.mark.parametrize("given", [SMALL, SMALL | {"n": 8, "kernel": 7, "frame": "valid"}], ids=str)
def test_the_dense_layer_is_a_real_one_between_the_same_shapes(picture, given):
    _, *shape_out = conv(given).compute_output_shape((None, *shape_in(given)))
    dense = layers.Dense(math.prod(shape_out))
    parameters = count_of(dense, [math.prod(shape_in(given))])
    assert told(picture, **given).endswith(f" = {parameters:,}.")


def test_the_sizes_are_right_wherever_the_controls_stand(picture):
    controls = itertools.product((8, 28, 64), (3, 7), (1, 2, 3), ("valid", "same"))
    for n, kernel, stride, border in controls:
        given = {"n": n, "channels": 1, "kernel": kernel, "step": stride, "frame": border}
        layer = conv(given | {"filters": 8})
        assert number(picture, "m", **given) == layer.compute_output_shape((None, n, n, 1))[1]


def test_the_drawing_says_what_the_sentence_says(picture):
    shown = texts(picture.spec(), n=20, channels=3, kernel=5, step=2, frame="same", filters=8)
    assert {
        "input 20 × 20 × 3",
        "output 10 × 10 × 8",
        "(20 + 3 − 5) / 2, rounded down, + 1 = 10",
        "convolution, weights: 5 · 5 · 3 · 8 = 600",
        "convolution, biases: 8",
        "dense: (1,200 + 1) · 800 = 960,800",
    } <= set(shown)


def test_no_control_takes_a_name_of_vega(picture):
    # A signal of Vega's own that is overwritten moves the whole chart
    names = {parameter["name"] for parameter in picture.spec()["params"]}
    assert not names & {"padding", "width", "height", "background", "autosize"}
