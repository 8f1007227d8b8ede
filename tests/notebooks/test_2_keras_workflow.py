"""What chapter 2 shows to be equal is equal: numbers that the run keeps and no claim judges."""

import pytest

pytestmark = pytest.mark.slow


def test_two_layers_without_activation_are_one(metrics):
    assert metrics["linear_collapse_difference"] <= 1e-5


def test_the_formulas_give_the_parameters_of_every_recurrent_layer(metrics):
    assert metrics["formulas_hold"] is True
    counts = [metrics[f"{name}_params"] for name in ("simple_rnn", "gru", "lstm")]
    assert counts == [24704, 74496, 98816]


def test_gru_in_numpy_equals_the_layer(metrics):
    assert metrics["gru_difference"] <= 1e-6


def test_the_gradient_of_labels_that_do_not_add_up_to_1(metrics):
    assert metrics["random_slope_is_p_minus_y"] is True
    assert metrics["random_slope_by_formula"] is True
    assert metrics["random_slope_sum"] < -1
    assert metrics["random_above_floor"] > 0.5
    assert abs(metrics["random_formula_above_floor"]) < 0.1
    assert metrics["random_same_vectors"] is True


def test_the_best_possible_accuracy_counts_the_texts_without_a_digit(metrics):
    assert metrics["task_best"] == pytest.approx(1 - 0.97**60 * 0.75)
    assert metrics["task_empty_seen"] == pytest.approx(metrics["task_empty"], abs=0.03)


def test_a_shuffle_buffer_does_what_the_page_says(metrics):
    assert metrics["buffer_one_keeps_order"] is True
    assert metrics["prefetch_keeps_order"] is True
    assert metrics["buffer_runs_ahead_at_most"] == 99
    assert metrics["shuffle_full_hits"] > metrics["shuffle_none_hits"] + 0.2


def test_initialisers_do_what_the_page_says(metrics):
    assert metrics["spread_zeros"] == 0
    assert metrics["spread_small"] < 1e-15
    assert metrics["spread_glorot"] > 0.1


def test_files_bring_back_what_was_saved(metrics):
    assert metrics["weights_before"] > 0
    assert metrics["keras_restored"] <= 1e-5
    assert metrics["keras_file_holds"] == ["config.json", "metadata.json", "model.weights.h5"]
    assert metrics["optimizer_steps_kept"] is True
    assert metrics["go_on_difference"] <= 1e-5


def test_two_replicas_take_the_step_of_one_device(metrics):
    assert metrics["replicas"] == 2
    assert metrics["first_step_moved"] > 1e-3
    assert metrics["first_step_difference"] <= 1e-6
    assert metrics["halves_difference"] <= 1e-6
    assert metrics["copies_equal"] is True
