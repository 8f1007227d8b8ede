"""What chapter 1 shows to be equal is equal: numbers that the run keeps and no claim judges."""

import pytest

pytestmark = pytest.mark.slow


def test_the_convolution_by_hand_is_that_of_keras(metrics):
    assert metrics["conv_equals_numpy"] is True


def test_the_formula_gives_the_size_of_every_real_layer(metrics):
    assert metrics["size_cases"] > 200
    assert metrics["size_cases_unequal"] == 0


def test_simple_rnn_in_numpy_equals_the_layer(metrics):
    assert metrics["rnn_difference"] <= 1e-6


def test_the_prose_on_lengths_and_embeddings_holds(metrics):
    assert metrics["longest_sentence"] == 20_000
    assert metrics["functional_refuses"] is True
    assert metrics["flatten_dense_refused"] is True
    assert metrics["lookup_rows_match"] is True
