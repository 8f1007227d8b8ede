"""The collapse guard on small real trainings: it stops the collapsed ones and no healthy one."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from sklearn.datasets import load_digits

from course.guard import CollapseGuard, GuardError, frequencies, probabilities

DIGITS = load_digits()
X, Y = (DIGITS.data[:1280] / 16).astype("float32"), DIGITS.target[:1280]
X_VALID, Y_VALID = (DIGITS.data[1280:] / 16).astype("float32"), DIGITS.target[1280:]
SPARSE = "sparse_categorical_crossentropy"
Adam, SGD = keras.optimizers.Adam, keras.optimizers.SGD

pytestmark = pytest.mark.slow  # they train real networks


def dense(depth=2, activation="relu", norm=False, out=10, end="softmax"):
    hidden = []
    for _ in range(depth):
        hidden.append(layers.Dense(64))
        hidden += [layers.BatchNormalization()] if norm else []
        hidden.append(layers.Activation(activation))
    return keras.Sequential([keras.Input((64,)), *hidden, layers.Dense(out, activation=end)])


def conv():
    pictures = inputs = keras.Input((64,))
    x = layers.Reshape((8, 8, 1))(pictures)
    for _ in range(2):
        x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dropout(0.5)(layers.Flatten()(x))
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.out = layers.Dense(32, activation="relu"), layers.Dense(10)

    def call(self, x):
        return self.out(self.hidden(x))


def fit(model, optimizer, guard=None, loss=SPARSE, data=(X, Y), epochs=2, more=(), **fit):
    """Train; return (history, guard). XLA is off, since compiling takes longer than these runs."""
    said = []
    guard = guard or CollapseGuard(data[0][:256], data[1], say=said.append)
    model.compile(optimizer, loss, jit_compile=False)
    run = model.fit(*data, epochs=epochs, verbose=0, callbacks=[*more, guard], **fit)
    assert said == ([guard.reason] if guard.reason else [])
    return run.history, guard


class Raise(keras.callbacks.Callback):
    """Raises the learning rate at the beginning of an epoch (counted from 1)."""

    def __init__(self, epoch, rate):
        super().__init__()
        self.epoch, self.rate = epoch, rate

    def on_epoch_begin(self, epoch, logs=None):
        if epoch + 1 == self.epoch:
            self.model.optimizer.learning_rate = self.rate


class Poison(keras.callbacks.Callback):
    """Makes a weight NaN after a batch of an epoch (both counted from 1)."""

    def __init__(self, epoch, batch):
        super().__init__()
        self.place, self.epoch = (epoch, batch), 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch + 1

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch + 1) == self.place:
            weight = self.model.trainable_variables[-1]
            weight.assign(weight * np.nan)


def imbalanced(share=0.1):
    """Zeros against all other digits, thinned out until they are a tenth."""
    return X, (Y == 0).astype("int64")


HEALTHY = {
    "dense": (dense, lambda: Adam(1e-3), {}),
    "far too slow": (dense, lambda: Adam(1e-6), {}),
    "at the edge": (conv, lambda: Adam(2e-2), {}),
    "dropout, slow": (conv, lambda: SGD(1e-3), {}),
    "ten sigmoid layers": (lambda: dense(10, "sigmoid"), lambda: Adam(1e-3), {}),
    "ten ReLU layers, slow": (lambda: dense(10), lambda: SGD(1e-2), {}),
    "batch normalisation": (lambda: dense(3, norm=True), lambda: Adam(3e-2), {}),
    "raw pixels": (conv, lambda: Adam(1e-3), {"data": (X * 255, Y)}),
    "rare class": (
        lambda: dense(out=1, end="sigmoid"),
        lambda: SGD(1e-3),
        {"data": imbalanced(), "loss": "binary_crossentropy"},
    ),
    "logits, one-hot, subclassed": (
        Subclassed,
        lambda: SGD(1e-3),
        {
            "data": (X, np.eye(10, dtype="float32")[Y]),
            "loss": keras.losses.CategoricalCrossentropy(from_logits=True),
        },
    ),
    "output weights of zero": (
        lambda: keras.Sequential(
            [
                keras.Input((64,)),
                layers.Dense(32, activation="relu"),
                layers.Dense(10, activation="softmax", kernel_initializer="zeros"),
            ]
        ),
        lambda: SGD(1e-4),
        {},
    ),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_no_alarm_on_a_healthy_run(name):
    make, optimizer, options = HEALTHY[name]
    keras.utils.set_random_seed(0)
    _, guard = fit(make(), optimizer(), **options)
    assert guard.reason is None, guard.reason
    assert guard.stopped_at is None
    assert len(guard.history) >= 20


COLLAPSING = {
    "dead ReLUs": (conv, lambda: Adam(0.3), {}),
    "saturated sigmoids": (lambda: dense(3, "sigmoid"), lambda: Adam(0.1), {}),
    "constant but far above the band": (lambda: dense(3, "tanh"), lambda: Adam(1.0), {}),
    "a rare class": (
        lambda: dense(10, "sigmoid", out=1, end="sigmoid"),
        lambda: Adam(0.1),
        {"data": imbalanced(), "loss": "binary_crossentropy"},
    ),
    "dead from the start": (
        lambda: keras.Sequential(
            [
                keras.Input((64,)),
                layers.Dense(
                    32, activation="relu", bias_initializer=lambda *a, **k: -50 + 0 * ops.ones(*a)
                ),
                layers.Dense(10, activation="softmax"),
            ]
        ),
        lambda: Adam(1e-3),
        {},
    ),
}


@pytest.mark.parametrize("name", COLLAPSING)
def test_a_collapse_is_recognised_within_an_epoch(name):
    make, optimizer, options = COLLAPSING[name]
    keras.utils.set_random_seed(0)
    model = make()
    before = model.get_weights()
    history, guard = fit(model, optimizer(), **options)
    epoch, batch = guard.stopped_at
    first = next(i for i, c in enumerate(guard.history) if c in guard._streak)
    assert len(guard.history) - first <= 11, "a check is a tenth of an epoch"
    assert epoch <= 2
    assert len(history["loss"]) == epoch
    assert guard.reason.startswith(f"epoch {epoch}, batch {batch}: the training collapsed: ")
    loss = np.mean([check.loss for check in guard.history[-5:]])
    assert f"the loss of 5 checks is {loss:.4f}" in guard.reason
    if epoch == 1:
        assert guard.reason.endswith("stopped, with the weights of the beginning of the training")
        for now, then in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(now, then)


def test_a_collapse_after_learning_restores_the_weights_of_the_best_validation():
    keras.utils.set_random_seed(0)
    model = conv()
    history, guard = fit(
        model, Adam(1e-2), more=[Raise(3, 1.0)], epochs=4, validation_data=(X_VALID, Y_VALID)
    )
    assert guard.stopped_at[0] == 3
    best = min(history["val_loss"][:2])
    assert best < 1.5
    assert model.evaluate(X_VALID, Y_VALID, verbose=0) == pytest.approx(best, rel=1e-5)
    assert f"the weights of the end of epoch 2 (val_loss {best:.4f})" in guard.reason
    assert history["val_loss"][2] == pytest.approx(best, rel=1e-5), "restored before validation"


@pytest.mark.parametrize("validated", [False, True])
def test_not_a_number_restores_the_last_finite_weights(validated):
    keras.utils.set_random_seed(0)
    model, kept = dense(), []
    copy = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: kept.append(model.get_weights())
    )
    valid = {"validation_data": (X_VALID, Y_VALID)} if validated else {}
    _, guard = fit(model, Adam(1e-3), more=[copy, Poison(2, 10)], **valid)
    assert guard.stopped_at == (2, 11)
    assert "epoch 2, batch 11: the training collapsed: the loss is nan" in guard.reason
    assert ("val_loss" if validated else "(loss") in guard.reason
    for now, then in zip(model.get_weights(), kept[0], strict=True):
        np.testing.assert_array_equal(now, then)


def test_weights_that_are_not_finite_at_the_end_of_an_epoch_are_not_kept():
    keras.utils.set_random_seed(0)
    model = dense()
    _, guard = fit(model, Adam(1e-3), more=[Poison(1, 40)])
    assert guard.stopped_at == (1, 40)
    assert "it predicts NaN" in guard.reason
    assert all(np.all(np.isfinite(w)) for w in model.get_weights())
    assert "the beginning of the training" in guard.reason


def test_an_explosion_of_the_learning_rate():
    keras.utils.set_random_seed(0)
    model = Subclassed()
    _, guard = fit(
        model, SGD(1e9), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    assert guard.stopped_at[0] == 1
    assert all(np.all(np.isfinite(w)) for w in model.get_weights())


def test_a_dataset_with_steps_per_epoch():
    keras.utils.set_random_seed(0)
    data = tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(64).repeat().batch(32)
    guard = CollapseGuard(X[:256], Y, say=lambda text: None)
    model = conv()
    model.compile(Adam(1.0), SPARSE, jit_compile=False)
    model.fit(data, steps_per_epoch=60, epochs=2, shuffle=False, verbose=0, callbacks=[guard])
    assert guard.stopped_at[0] == 1
    guard.reason = None
    model.compile(Adam(1e-4), SPARSE, jit_compile=False)
    model.fit(data, steps_per_epoch=20, epochs=2, shuffle=False, verbose=0, callbacks=[guard])
    assert guard.reason is None, "a guard serves a second run"
    assert guard.stopped_at is None


def test_the_guard_changes_nothing_in_a_healthy_run_and_looks_ten_times_an_epoch():
    results = []
    for watched in (True, False):
        keras.utils.set_random_seed(5)
        model = conv()
        guard = CollapseGuard(X[:256], Y)
        model.compile(Adam(1e-3), SPARSE, jit_compile=False)
        model.fit(X, Y, epochs=2, verbose=0, callbacks=[guard] if watched else [])
        results.append(model.get_weights())
        if watched:
            assert len(guard.history) == 1 + 2 * 10
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_loop_of_ones_own():
    keras.utils.set_random_seed(0)
    model, optimizer = conv(), Adam(0.3)
    guard = CollapseGuard(X[:256], Y)
    reason = guard.check(2.3, model(X[:256]))
    for step in range(40):
        rows = slice(step * 32 % 1280, step * 32 % 1280 + 32)
        with tf.GradientTape() as tape:
            chances = model(X[rows], training=True)
            loss = ops.mean(keras.losses.sparse_categorical_crossentropy(Y[rows], chances))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        if step % 3 == 2 and (reason := guard.check(float(loss), model(X[:256]))):
            break
    assert reason is not None
    assert reason == guard.reason
    assert reason.startswith(f"check {len(guard.history)}: the training collapsed")


def feed(guard, losses, spreads, classes=10, batches=1):
    """Feed the guard a run made of losses and spreads; return the number of the alarm's check."""
    for number, (loss, spread) in enumerate(zip(losses, spreads, strict=True), 1):
        output = np.full((8, classes), 1 / classes)
        output[::2, 0] += spread
        output[::2, 1] -= spread
        if guard.check(loss, output, batches=batches):
            return number
    return None


def guard_of(**options):
    return CollapseGuard(X[:8], np.arange(10), **options)


LN10 = math.log(10)


def test_the_alarm_comes_after_as_many_checks_as_were_asked_for():
    for checks in (2, 5, 7):
        flat = [LN10] * 20
        assert feed(guard_of(checks=checks), flat, [0.1] + [0.0] * 19) == 1 + checks


def test_what_is_no_collapse():
    flat = [LN10] * 12
    assert feed(guard_of(), flat, [0.01] * 12) is None, "the loss alone proves nothing"
    assert feed(guard_of(), flat, [1e-7] * 12) is None, "a spread that was never larger"
    assert feed(guard_of(), flat, [0.1] + [1e-5 * 1.3**k for k in range(11)]) is None, "it grows"
    assert feed(guard_of(), flat, [0.1] + [0, 0, 0, 0, 0.1] * 2 + [0]) is None, "no row of checks"
    falling = [50 * 0.8**k for k in range(12)]
    assert feed(guard_of(), falling, [0.1] + [0.0] * 11) is None, "saturated, but falling"
    learning = [2.0 * 0.99**k for k in range(12)]
    assert feed(guard_of(), learning, [0.1] + [0.0] * 11) is None, "only inference is constant"


def test_labels_tell_what_a_constant_prediction_can_reach():
    labels = np.array([0] * 95 + [1] * 5)
    entropy = -(0.95 * math.log(0.95) + 0.05 * math.log(0.05))
    losses, spreads = [entropy] * 8, [0.1] + [0.0] * 7
    aware = CollapseGuard(X[:8], labels)
    assert feed(aware, losses, spreads, classes=2) == 6
    assert f"a constant prediction can reach {entropy:.4f}" in aware.reason
    assert feed(CollapseGuard(X[:8]), losses, spreads, classes=2) is None, "far below ln 2"


@pytest.mark.parametrize("share", [0.05, 0.02])
def test_a_tiny_training_loss_is_no_collapse_where_a_class_is_rare(share):
    labels = (np.arange(1000) < 1000 * share).astype("int64")
    entropy = -(share * math.log(share) + (1 - share) * math.log(1 - share))
    spreads = [0.1] + [0.0] * 9
    for factor, alarm in ((0.02, None), (1, 6)):
        losses = [entropy] + [factor * entropy] * 9
        assert feed(CollapseGuard(X[:8], labels), losses, spreads, 2, batches=50) == alarm


def test_a_check_spans_the_batches_since_the_last():
    model, guard = dense(), CollapseGuard(X[:256], Y, every=15)
    fit(model, Adam(1e-3), guard, epochs=1)
    assert [check.batches for check in guard.history[1:]] == [15, 15, 10]


class WithoutLoss(Subclassed):
    def train_step(self, data):
        x, y = data
        return {"error": ops.mean(self(x, training=True)) + 0 * ops.cast(ops.mean(y), "float32")}


def test_a_training_that_logs_no_loss():
    with pytest.raises(GuardError, match="logs no 'loss'; return one from train_step"):
        fit(WithoutLoss(), Adam(1e-3))


def test_after_a_validation_only_validations_are_compared():
    model, guard = dense(), CollapseGuard(X[:256], Y)
    guard.set_model(model)
    guard.on_train_begin()
    told = []
    for logs in ({"loss": 0.1}, {"loss": 3, "val_loss": 9}, {"loss": 0.01}, {"val_loss": 8}):
        guard.on_epoch_begin(len(told))
        guard.on_epoch_end(len(told), logs)
        told.append(guard._best[1].removeprefix("the end of "))
    assert told == [
        "epoch 1 (loss 0.1000)",
        *["epoch 2 (val_loss 9.0000)"] * 2,
        "epoch 4 (val_loss 8.0000)",
    ]


@pytest.mark.parametrize(
    "labels",
    [
        np.array([0, 0, 2, 2]),
        np.array([[0, 2], [2, 0]]),
        np.array([[0, 2, 0], [2, 2, 0]]),
        np.eye(3)[[[0, 2], [2, 0]]],
        np.array([[0], [0], [2], [2]], "float32"),
        np.eye(3)[[0, 0, 2, 2]],
    ],
)
def test_frequencies_of_sparse_and_one_hot_labels(labels):
    np.testing.assert_array_equal(frequencies(labels), [0.5, 0.5])


def test_probabilities_of_softmax_logits_and_one_output():
    chances = np.array([[0.2, 0.8], [0.6, 0.4]])
    np.testing.assert_allclose(probabilities(chances), chances)
    np.testing.assert_allclose(probabilities(np.log(chances) + 3), chances)
    np.testing.assert_allclose(probabilities(chances[:, 1:]), chances)
    np.testing.assert_allclose(probabilities(chances[:, 1]), chances)
    logits = np.log(chances[:, 1] / chances[:, 0])
    np.testing.assert_allclose(probabilities(logits), chances)
    np.testing.assert_allclose(probabilities(np.array([[1000.0, 0.0]])), [[1, 0]])


@pytest.mark.parametrize("options", [{"checks": 1}, {"band": 0}, {"band": 1}, {"every": 0}])
def test_arguments_that_make_no_sense(options):
    with pytest.raises(GuardError, match="at least 2 checks"):
        CollapseGuard(X[:8], **options)


@pytest.mark.parametrize("probe", [X[:1], np.zeros((5, 64))])
def test_a_probe_that_tells_nothing(probe):
    with pytest.raises(GuardError, match="inputs that differ"):
        CollapseGuard(probe)
