"""A learnt layer to look at: the maps in the page are those of TensorFlow."""

import itertools
import json
import re

import numpy as np
import pytest
import tensorflow as tf
import vl_convert
from pictures import told

from course import picture_filters
from course.interactive import VEGA_LITE
from course.picture_filters import POOLING, RELU, STAGES, SUM

N, MAPS = 6, 4
LABELS = np.array([7, 2, 7, 1])
NAMES = ["0, a 7", "1, a 2", "3, a 1"]  # the second seven can't be chosen


@pytest.fixture(scope="module")
def layer():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (4, N, N)) * rng.integers(0, 2, (4, N, N)) / 255
    kernels, biases = rng.normal(size=(3, 3, MAPS)).round(3), rng.normal(size=MAPS).round(3)
    kernels[..., 2], biases[2] = -np.abs(kernels[..., 2]), -0.5  # this one finds nothing
    return pictures, kernels, biases


@pytest.fixture(scope="module")
def picture(layer):
    pictures, kernels, biases = layer
    return picture_filters.first_layer(pictures, LABELS, kernels.astype("float32"), biases)


@pytest.fixture(scope="module")
def maps(layer):
    """By stage, (pictures, rows, columns, maps), as TensorFlow computes them."""
    pictures, kernels, biases = layer
    sums = tf.nn.conv2d(pictures[..., None], kernels[:, :, None], 1, "SAME") + biases
    relu = tf.nn.relu(sums)
    return {SUM: sums.numpy(), RELU: relu.numpy(), POOLING: tf.nn.max_pool2d(relu, 2, 2, "VALID").numpy()}  # fmt: skip


def squares(picture, **settings):
    """Return the numbers that the drawn squares of the map have, by row and column."""
    spec = picture.spec()
    layers = spec["concat"][2]["layer"]
    ground, drawn = (layers[place] for place in (0, 1))
    field = {"text": {"field": "all", "type": "nominal"}}
    parts = []
    for one, number in ((ground, "ground"), (drawn, "number")):
        text = f"'[' + datum.x + ',' + datum.y + ',' + datum.{number} + ']'"
        parts.append({
            "data": one["data"], "mark": "text", "encoding": field,
            "transform": [*one["transform"], {"calculate": text, "as": "all"}],
        })  # fmt: skip
    params = [given | ({"value": settings[given["name"]]} if given["name"] in settings else {})
              for given in spec["params"]]  # fmt: skip
    svg = vl_convert.vegalite_to_svg(
        {"layer": parts, "params": params, "datasets": spec.get("datasets", {})}, VEGA_LITE
    )
    (_, _, under), *rest = map(json.loads, re.findall(r"<text[^>]*>(\[[^<]*)</text>", svg))
    size = N // 2 if settings["stage"] == POOLING else N
    numbers = np.full((size, size), float(under))
    for x, y, value in rest:
        numbers[y * size // N, x * size // N] = value
    return numbers


@pytest.mark.parametrize("stage", STAGES)
def test_the_map_in_the_page_is_that_of_tensorflow(picture, maps, stage):
    for (name, index), kernel in itertools.product(zip(NAMES, (0, 1, 3), strict=True), (0, 2, 3)):
        shown = squares(picture, digit=name, kernel=kernel + 1, stage=stage)
        assert shown == pytest.approx(maps[stage][index, ..., kernel], abs=6e-4)


@pytest.mark.parametrize("stage", STAGES)
def test_the_sentence_has_the_numbers_of_the_map(picture, maps, stage):
    for (name, index), kernel in itertools.product(zip(NAMES, (0, 1, 3), strict=True), range(MAPS)):
        given = maps[stage][index, ..., kernel]
        numbers = f"{len(given)} × {len(given)} numbers"
        found = (
            f"{(given <= 0).mean():.1%} of them not above zero. The largest, {given.max():.3f}, is "
            "that of the nine framed pixels."
        )
        # Of a kernel that finds nothing ReLU leaves nothing
        expected = found if given.any() else "all zero."
        assert told(picture, digit=name, kernel=kernel + 1, stage=stage) == (
            f"Kernel {kernel + 1} on test picture {name}, after {stage}: {numbers}, {expected}"
        ).replace("-", "−")


def test_the_frame_is_at_the_largest_number(picture, maps):
    for name, index in zip(NAMES, (0, 1, 3), strict=True):
        for kernel in range(MAPS):
            given = maps[SUM][index, ..., kernel]
            place = told(picture, "row + ' ' + column", digit=name, kernel=kernel + 1)
            assert tuple(map(int, place.split())) == np.unravel_index(given.argmax(), given.shape)


def test_at_first_stands_the_kernel_that_finds_most_in_the_first_picture(picture, maps):
    best = maps[SUM][0].max((0, 1)).argmax() + 1
    assert told(picture).startswith(f"Kernel {best} on test picture 0, a 7, after sum and bias: ")


def test_no_step_gives_a_field_a_new_value(picture):
    """Else the page would draw something else after a move than at first."""
    for part in picture.spec()["concat"]:
        for layer in part["layer"]:
            given = [step["as"] for step in layer["transform"] if "calculate" in step]
            assert len(given) == len(set(given))


def test_a_page_of_real_size_stays_light():
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 256, (10, 28, 28)) * (rng.random((10, 28, 28)) < 0.2) / 255
    shown = picture_filters.first_layer(
        pictures, np.arange(10), rng.normal(size=(3, 3, 10)), rng.normal(size=10)
    )
    assert len(json.dumps(shown.spec())) < 60_000
