"""The backend check: it passes here, and names each operation that was made wrong."""

import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from course import backend
from course.backend import OPERATIONS, BackendError, check


def right(name):
    return OPERATIONS[name].device


def with_gradients(name, change):
    """Return the right operation, but for its gradients: `change` gets them as a list."""

    def faulty(*inputs, training, **options):
        def run(tensors):
            return right(name)(*tensors, training=training, **options)

        @tf.custom_gradient
        def outer(*tensors):
            def backward(upstream):
                with tf.GradientTape() as tape:
                    tape.watch(tensors)
                    output = run(tensors)
                return change(list(tape.gradient(output, tensors, upstream)), upstream)

            return run(tensors), backward

        return outer(*inputs)

    return faulty


def scaled(index, factor):
    def change(gradients, upstream):
        gradients[index] = factor * gradients[index]
        return gradients

    return change


def routed_evenly(x, *, training, size=2, padding="valid"):
    """Max-pool whose gradient goes to each place of the window alike, as average-pool's does."""

    @tf.custom_gradient
    def pool(x):
        def backward(upstream):
            with tf.GradientTape() as tape:
                tape.watch(x)
                mean = tf.nn.avg_pool2d(x, size, 2, padding.upper())
            return tape.gradient(mean, x, upstream)

        return tf.nn.max_pool2d(x, size, 2, padding.upper()), backward

    return pool(x)


def without_shift(x, *, training):
    powers = tf.exp(x)
    return powers / tf.reduce_sum(powers, -1, keepdims=True)


def zeros_in_inference(name):
    def faulty(*inputs, training, **options):
        output = right(name)(*inputs, training=training, **options)
        return output if training else tf.zeros_like(output)

    return faulty


def in_the_other_mode(name, training_always):
    def faulty(*inputs, training, **options):
        return right(name)(*inputs, training=training_always, **options)

    return faulty


def conv_flipped_in_inference(x, kernel, bias, *, training, stride=1):
    kernel = kernel if training else kernel[::-1]
    return right("conv2d")(x, kernel, bias, training=training, stride=stride)


def gates_swapped(x, kernel, recurrent, bias, *, training):
    i, f, c, o = tf.split(kernel, 4, -1)
    return right("lstm")(x, tf.concat([f, i, c, o], -1), recurrent, bias, training=training)


def dropout_unscaled(x, *, training, rate):
    return (1 - rate) * right("dropout")(x, training=training, rate=rate) if training else x


def dropout_of_all(x, *, training, rate):
    return 0 * x if training else x


def last_index_wins(table, indices, *, training):
    """An embedding whose gradient overwrites where an index comes twice, and should add."""

    @tf.custom_gradient
    def take(table):
        def backward(upstream):
            return tf.tensor_scatter_nd_update(tf.zeros_like(table), indices[:, None], upstream)

        return tf.gather(table, indices), backward

    return take(table)


def wrong_in_graphs(x, kernel, bias, *, training):
    output = right("dense")(x, kernel, bias, training=training)
    return output + 0.01 if tf.inside_function() else output


def adam_without_correction(weight, gradients, *, training):
    m = v = tf.zeros_like(weight)
    for gradient in tf.unstack(gradients):
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        weight -= 0.1 * m / (tf.sqrt(v) + 1e-7)
    return weight


# fault: operation, what runs in its place, the only parts that are to be blamed, one that must be
TRAINING, INFERENCE, AGREEMENT = backend.TRAINING, backend.INFERENCE, backend.AGREEMENT
FAULTS = {
    "kernel gradient of wrong sign": (
        "conv2d",
        with_gradients("conv2d", scaled(1, -1.0)),
        {"gradient of the kernel"},
    ),
    "kernel gradient of wrong scale": (
        "conv2d_relu",
        with_gradients("conv2d_relu", scaled(1, 1.05)),
        {"gradient of the kernel"},
    ),
    "bias gradient of wrong sign": (
        "dense",
        with_gradients("dense", scaled(2, -1.0)),
        {"gradient of the bias"},
    ),
    "max-pool gradient routed evenly": ("max_pool", routed_evenly, {"gradient of the input"}),
    "ReLU that lets every gradient through": (
        "relu",
        with_gradients("relu", lambda gradients, upstream: [upstream]),
        {"gradient of the input"},
    ),
    "zeros in inference": (
        "average_pool",
        zeros_in_inference("average_pool"),
        {INFERENCE, AGREEMENT},
    ),
    "softmax that overflows": (
        "softmax",
        without_shift,
        {TRAINING, INFERENCE, AGREEMENT, "gradient of the input"},
    ),
    "batch statistics in inference": (
        "batch_norm",
        in_the_other_mode("batch_norm", True),
        {INFERENCE},
    ),
    "moving statistics that never move": (
        "batch_norm_statistics",
        in_the_other_mode("batch_norm_statistics", False),
        {TRAINING},
    ),
    "dropout in inference": ("dropout", in_the_other_mode("dropout", True), {INFERENCE}),
    "repeated indices overwrite": ("embedding", last_index_wins, {"gradient of the table"}),
    "gates swapped": (
        "lstm",
        gates_swapped,
        {TRAINING, INFERENCE, *(f"gradient of the {n}" for n in OPERATIONS["lstm"].gradients)},
    ),
    "Adam without its correction": ("adam", adam_without_correction, {TRAINING, INFERENCE}),
    "no gradient": (
        "gru",
        lambda *inputs, training: right("gru")(*map(tf.stop_gradient, inputs), training=training),
        {f"gradient of the {name}" for name in OPERATIONS["gru"].gradients},
    ),
    "not a number": (
        "loss_from_logits",
        lambda x, labels, *, training: right("loss_from_logits")(x / 0, labels, training=training),
        {TRAINING, INFERENCE, AGREEMENT, "gradient of the input"},
    ),
    # A second fault of an operation
    "convolution flipped in inference": (
        "conv2d",
        conv_flipped_in_inference,
        {INFERENCE, AGREEMENT},
    ),
    "dropout that does not scale": (
        "dropout",
        dropout_unscaled,
        {TRAINING, "gradient of the input"},
    ),
    "dropout of everything": ("dropout", dropout_of_all, {TRAINING}),
    "an average of another axis": (
        "global_average_pool",
        lambda x, *, training: tf.reduce_mean(x, (0, 1)),
        {TRAINING, INFERENCE},
    ),
}


@pytest.fixture(scope="module")
def clean():
    """Return the check of this machine, and Keras's random number after the same seed, twice."""
    keras.utils.set_random_seed(3)
    before = float(keras.random.normal(()))
    keras.utils.set_random_seed(3)
    report = check("CPU:0")
    return report, before, float(keras.random.normal(()))


def test_this_machine_passes(clean):
    report = clean[0]
    assert report.passed, str(report)
    assert {row.operation for row in report.rows} == set(OPERATIONS)
    assert {row.mode for row in report.rows} == {"eager", "graph"}
    assert all(row.error < row.limit / 4 and not row.message for row in report.rows), str(report)


def test_every_operation_is_checked_in_both_modes_and_where_it_can_be_by_its_gradients(clean):
    for name, operation in OPERATIONS.items():
        parts = {TRAINING, INFERENCE, *(f"gradient of the {g}" for g in operation.gradients)}
        parts |= {AGREEMENT} if operation.same else set()
        for mode in backend.MODES:
            rows = [r for r in clean[0].rows if (r.operation, r.mode) == (name, mode)]
            assert {row.part for row in rows} == parts


def test_the_check_does_not_change_the_readers_random_numbers(clean):
    assert clean[1] == clean[2]


def test_many_faults_at_once_are_all_named_and_nothing_else_is():
    one_each = {}
    for name, function, _ in FAULTS.values():
        one_each.setdefault(name, function)
    assert len(one_each) >= 15
    report = check("CPU:0", replace=one_each)
    assert set(report.blamed) == set(one_each)
    assert not report.passed
    text = str(report)
    for row in report.faults:
        assert row.message.startswith(f"{row.operation}, {row.part}, {row.mode} mode on CPU:0: ")
        assert row.message in text
    assert f": {len(report.faults)} FAULTS" in text
    loaded = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert not loaded["passed"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_blamed_on_its_part_and_mode(fault):
    name, function, parts = FAULTS[fault]
    report = check("cpu", [name], {name: function})
    for mode in backend.MODES:
        assert {row.part for row in report.faults if row.mode == mode} == parts


def test_a_fault_in_graph_mode_only():
    report = check("CPU:0", ["dense"], {"dense": wrong_in_graphs})
    assert {row.mode for row in report.faults} == {"graph"}
    assert "off by 0.01 " in report.faults[0].message


def test_a_message_says_how_far_off_and_what_to_do():
    report = check("/CPU:0", ["max_pool"], {"max_pool": routed_evenly}, modes=["eager"])
    (fault,) = report.faults
    assert fault.error > 100 * fault.limit
    assert f": off by {fault.error:.2g} (limit {fault.limit:.1g}), for input " in fault.message
    assert "Every network that uses it trains wrongly here." in fault.message
    assert fault.message.endswith("Install another version of TensorFlow.")


def test_an_exception_is_a_fault():
    def broken(x, *, training):
        raise tf.errors.UnimplementedError(None, None, "no kernel for this device\nand more")

    report = check("CPU:0", ["relu"], {"relu": broken})
    assert {row.part for row in report.faults} == {TRAINING, INFERENCE}
    assert "ended with UnimplementedError: no kernel for this device, for" in (
        report.faults[0].message
    )


def test_an_exception_of_the_gradient_leaves_inference_right():
    def change(gradients, upstream):
        raise NotImplementedError("no gradient here")

    report = check("CPU:0", ["softmax"], {"softmax": with_gradients("softmax", change)})
    assert {row.part for row in report.faults} == {TRAINING}
    assert "NotImplementedError" in report.faults[0].message


def test_the_share_that_dropout_drops_is_named():
    report = check("CPU:0", ["dropout"], {"dropout": dropout_of_all}, modes=["eager"])
    assert "100.0% of the entries were dropped, where the rate is 30%" in report.faults[0].message


def test_compiled_operations_can_be_checked_too():
    report = check("CPU:0", ["dense", "global_average_pool"], modes=["xla"])
    assert report.passed
    assert {row.mode for row in report.rows} == {"xla"}


@pytest.mark.parametrize("name", ["cpu", "CPU:0", "/cpu:0", "/device:CPU:0"])
def test_names_of_a_device(name):
    assert backend.find_device(name) == "CPU:0"


@pytest.mark.parametrize("name", ["/GPU:7", "", "TPU"])
def test_an_unknown_device(name):
    with pytest.raises(BackendError, match=r"TensorFlow sees .*CPU:0"):
        check(name)


def test_an_unknown_operation_or_mode():
    with pytest.raises(BackendError, match="unknown operation 'conv': choose from conv2d, "):
        check(operations=["conv"])
    with pytest.raises(BackendError, match="unknown operation 'conv'"):
        check(replace={"conv": without_shift})
    with pytest.raises(BackendError, match="unknown mode 'fast': choose from eager, graph, xla"):
        check(modes=["fast"])


def test_a_check_of_nothing_is_refused():
    with pytest.raises(BackendError, match="at least one operation and one mode"):
        check("CPU:0", operations=[])
    with pytest.raises(BackendError, match="at least one operation and one mode"):
        check("CPU:0", ["relu"], modes=[])
    with pytest.raises(BackendError, match="'dense' is replaced but not checked"):
        check("CPU:0", ["relu"], {"dense": right("dense")})


def test_rounded_products_are_off_while_it_runs_and_as_they_were_after():
    seen = []

    def spy(x, *, training):
        seen.append(tf.config.experimental.tensor_float_32_execution_enabled())
        return right("relu")(x, training=training)

    before = tf.config.experimental.tensor_float_32_execution_enabled()
    check("CPU:0", ["relu"], {"relu": spy}, modes=["eager"])
    assert set(seen) == {False}
    assert tf.config.experimental.tensor_float_32_execution_enabled() == before


def test_the_gradients_that_it_expects_are_those_of_the_formula():
    """Central differences of softmax against its Jacobian, in float64."""
    from course.backend import _Expected

    operation = OPERATIONS["softmax"]
    expected = _Expected(operation, operation.cases[0])
    x = expected.exact[0]
    expected.upstream = np.random.default_rng(1).standard_normal(x.shape)
    p = operation.reference(x, training=True)
    gradient = p * (expected.upstream - (p * expected.upstream).sum(-1, keepdims=True))
    slopes = expected._slopes(0, p)
    np.testing.assert_allclose(slopes, expected.directions[0] @ gradient.reshape(-1), atol=1e-8)


@pytest.mark.slow
def test_the_command(project):
    done = project.course("backend", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["passed"]
    told = rf"starting TensorFlow\n(.*\n)*checking {len(OPERATIONS)} operations on [CG]PU:0\n"
    assert re.fullmatch(told, done.stderr)


@pytest.mark.slow
def test_the_command_names_the_devices_that_there_are(project):
    done = project.course("backend", "--device", "/GPU:9")
    assert done.returncode == 2
    told = r"course: unknown device '/GPU:9': TensorFlow sees CPU:0(, GPU:\d)* here"
    assert re.fullmatch(told, done.stderr.splitlines()[-1])


def test_the_help_has_examples(project):
    done = project.course("backend", "--help")
    assert done.returncode == 0
    assert "course backend --device /GPU:0 --json" in done.stdout
