"""The convolution to step through: every sum is that of NumPy, wherever the kernel lies."""

import math
from collections import Counter

import numpy as np
import pytest
from pictures import number, texts, told
from scipy.signal import correlate2d

from course import picture_convolution

PICTURE = np.arange(25).reshape(5, 5) % 7
KERNELS = {"edge": np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]), "other": np.eye(3)}


@pytest.fixture(scope="module")
def window():
    return picture_convolution.window(
        PICTURE, KERNELS, lambda picture, kernel: correlate2d(picture, kernel, "valid")
    )


def output(kernel, stride, padding):
    """Return the output as TensorFlow pads: of an odd zero, the one more is at the end."""
    places = math.ceil(5 / stride) if padding == "same" else (5 - 3) // stride + 1
    zeros = max(0, (places - 1) * stride + 3 - 5) if padding == "same" else 0
    padded = np.pad(PICTURE, (zeros // 2, zeros - zeros // 2))
    return correlate2d(padded, KERNELS[kernel], "valid")[::stride, ::stride]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_each_place_has_the_sum_of_its_products(window, kernel, padding, stride):
    expected = output(kernel, stride, padding)
    settings = {"kernel": kernel, "border": padding, "stride": stride}
    assert number(window, "places", **settings) == len(expected)
    for place in {1, 2, expected.size // 2 + 1, expected.size} - {0}:
        if place <= expected.size:
            sentence = told(window, place=place, **settings)
            assert sentence.startswith(f"Place {place} of {expected.size}, ")
            total = f"{expected.flat[place - 1]:g}".replace("-", "−")
            assert sentence.endswith(f"add up to {total}.")


def test_beyond_the_last_place_it_stays_there(window):
    assert told(window, place=25) == told(window, place=9)


def test_the_output_fills_up_to_the_place(window):
    first, last = (
        Counter(
            text for text in texts(window.spec(), border="same", place=place) if "×" not in text
        )
        for place in (1, 25)
    )
    sums = [f"{value:g}".replace("-", "−") for value in output("edge", 1, "same").flat]
    assert last - first == Counter(sums[1:])


def test_the_zeros_of_the_padding_are_drawn_only_where_there_are_some(window):
    valid, same = (len(texts(window.spec(), border=padding)) for padding in ("valid", "same"))
    assert same - valid == 7 * 7 - 5 * 5
