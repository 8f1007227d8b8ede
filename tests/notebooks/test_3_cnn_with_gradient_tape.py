"""What chapter 3 shows to be equal is equal: numbers that the run keeps, most judged by no claim."""

import pytest

pytestmark = pytest.mark.slow


def test_tensorflow_computes_cross_correlation(metrics):
    assert metrics["tf_is_cross_correlation"] is True
    assert metrics["tf_is_convolution"] is False
    assert metrics["turned_is_convolution"] is True


def test_every_gradient_agrees_with_differences(metrics):
    assert metrics["check_arrays"] == 6
    assert metrics["check_weights"] > 80
    assert metrics["check_error"] <= 1e-8
    assert metrics["check_error_at_largest_step"] > 1e3 * metrics["check_error"]
    assert metrics["check_error_at_smallest_step"] > 1e3 * metrics["check_error"]
    assert 0 < metrics["check_over_a_kink"] <= 5
    assert metrics["check_beside_kinks"] < 1e-6


def test_class_keras_and_numpy_make_the_same_steps(metrics):
    assert metrics["same_steps"] == 10
    for name in ("same_keras", "same_numpy", "same_end_keras", "same_end_numpy"):
        assert metrics[name] <= 1e-5, name
    assert metrics["same_moves"] > 1e-3  # the steps did change the weights


def test_the_fast_versions_make_the_steps_of_the_slow_ones(metrics):
    for name in ("fast_same_written", "fast_same_compiled", "fast_same_epoch"):
        assert metrics[name] <= 1e-5, name


def test_the_mended_class_loses_nothing(metrics):
    assert metrics["mended_pictures_used_of_100"] == 100
    assert metrics["mended_keeps_weights"] is True
    assert metrics["mended_predict_shape"] == [20]
    assert metrics["mended_learns"] is True
    assert metrics["stream_correlation_mended"] < 0.5


def test_glorots_limits_hold_for_every_array(metrics):
    assert all(0.85 < share <= 1 for share in metrics["glorot_largest_of_limit"])
    assert len(metrics["glorot_largest_of_limit"]) == 3


def test_twice_glorots_limits_drive_values_to_the_ends_of_tanh(metrics):
    assert metrics["glorot_at_the_ends"] > 0.2


def test_today_one_initialiser_repeats_itself_and_of_old_it_did_not(metrics):
    assert metrics["twice_the_same"] is True
    assert metrics["own_initialiser_draws_anew"] is True


def test_dtype_float_makes_32_bits(metrics):
    assert metrics["bias_dtype"] == "float32"


def test_the_loss_takes_logits(metrics):
    assert metrics["together"] == pytest.approx([0, 110])
    assert metrics["stable_difference"] <= 1e-4
    assert metrics["logit_gradient"] == pytest.approx([1, -1])
    assert metrics["softmax_bare"] == pytest.approx(16.118, abs=1e-3)
    for name in ("softmax_layer", "softmax_evaluate", "softmax_logits"):
        assert metrics[name] == pytest.approx(200), name


def test_the_prose_on_the_tape_holds(metrics):
    assert metrics["tape_gradients"] == [10, None, None]
    assert metrics["tape_answers_twice"] is False
    assert metrics["tensors_refuse"] == ["AttributeError", "TypeError"]


def test_adam_moves_by_its_learning_rate(metrics):
    assert metrics["adam_moves"][:3] == pytest.approx([0.001] * 3, rel=1e-3)
    assert metrics["adam_moves"][4] == 0
    assert metrics["adam_defaults"] == [0.001, 0.9, 0.999, 1e-7]
    assert metrics["adam_paper_differs"] is True


def test_dropout_scales_in_training_only(metrics):
    assert metrics["dropout_survivor"] == pytest.approx(1 / 0.7)
    assert metrics["dropout_zero_share"] == pytest.approx(0.3, abs=0.005)
    assert metrics["dropout_in_use_unchanged"] is True
    assert metrics["dropout_plain_ratio"] == pytest.approx(1 / 0.7, rel=0.01)
    assert metrics["dropout_default_repeats"] is True
    assert metrics["dropout_training_varies"] is True


def test_the_count_by_hand_is_that_of_keras(metrics):
    assert metrics["class_params"] == 19_820
    assert metrics["keras_params_by_hand"] == metrics["keras_params"] == 197_210
