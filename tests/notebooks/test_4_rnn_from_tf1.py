"""The ports of chapter 4 are equal to the original, and wrong ports are not: numbers of its run."""

import pytest

pytestmark = pytest.mark.slow

PORTS = ("hand", "loop", "unrolled", "keras")


@pytest.mark.parametrize("port", PORTS)
def test_a_port_makes_the_hundred_steps_of_tensorflow_1(metrics, port):
    assert metrics["proof_steps"] == 100
    assert metrics[f"proof_{port}"] <= 1e-5
    assert metrics[f"proof_{port}_weights"] <= 1e-5
    assert metrics[f"proof_{port}_m"] <= 5e-6
    assert metrics[f"proof_{port}_v"] <= 5e-5  # of the largest
    assert metrics["proof_moved"] > 0.01  # the steps did change the weights


def test_the_compiled_port_gives_the_outputs_of_all_steps(metrics):
    assert metrics["outputs_away"] <= 1e-5


def test_in_64_bits_rounding_is_gone_and_a_mistake_stays(metrics):
    for port in ("exact_hand", "exact_loop", "exact_keras", "exact_weights"):
        assert metrics[port] <= 1e-11, port
    assert 1e-7 < metrics["exact_unrounded"] <= 1e-5


@pytest.mark.parametrize(
    ("mistake", "step"),
    [
        ("transposed", 1),  # the forward pass is wrong
        ("order", 1),
        ("bias", 2),  # it is zero at first
        ("state", 2),
    ],
)
def test_a_wrong_port_fails_the_proof(metrics, mistake, step):
    assert metrics[f"wrong_{mistake}"] > 1e-5
    assert metrics[f"wrong_{mistake}_step"] == step


def test_a_wrong_epsilon_fails_the_proof_after_the_first_step(metrics):
    assert metrics["wrong_epsilon"] > 1e-5
    assert metrics["wrong_epsilon_step"] >= 2
    assert metrics["wrong_epsilon_weights"] > 1e-4
    assert metrics["wrong_epsilon_exact"] > 1e-9


def test_the_right_port_passes_beside_the_wrong_ones(metrics):
    assert metrics["wrong_none"] <= 1e-5
    assert metrics["wrong_none_step"] == 0
    assert metrics["wrong_none_weights"] <= 1e-5


def test_an_lstm_is_ported_and_its_wrong_ports_fail(metrics):
    assert metrics["lstm_right"] <= 1e-5
    assert metrics["lstm_right_weights"] <= 1e-5
    for mistake in ("lstm_order", "lstm_no_forget_bias", "lstm_forget_bias_twice"):
        assert metrics[mistake] > 1e-3, mistake


def test_the_two_adams_differ_in_epsilon_and_in_a_rounded_number(metrics):
    assert metrics["keras_epsilon"] == 1e-7
    assert metrics["adam_default_away"] > 0.5
    assert 1e-6 < metrics["adam_epsilon_away"] < 1e-4
    assert metrics["adam_rounded_away"] < 1e-6
    assert metrics["adam_share_away"] == pytest.approx(1.29e-5, abs=1e-7)


def test_the_product_of_jacobians_is_the_gradient(metrics):
    assert metrics["jacobian_away"] <= 1e-4
    assert metrics["gradient_per_step"] < 1
    assert 0.8 < metrics["spectral_radius"] < 1.2 < metrics["spectral_norm"]


def test_the_logits_are_as_wide_as_the_formula_says(metrics):
    assert metrics["logits_spread_ratio"] == pytest.approx(1, abs=0.25)


def test_asking_after_the_last_row_is_asking_the_network(metrics):
    assert metrics["after_end_matches"] is True


def test_the_recall_task_compares_networks_of_one_size(metrics):
    assert max(metrics["recall_weights"]) < 1.1 * min(metrics["recall_weights"])


def test_tensorflow_1_stays_in_its_own_process(metrics):
    assert metrics["kernel_runs_at_once"] is True
    assert metrics["kernel_has_old_keras"] is False
    assert metrics["kernel_keras"] == "3"
