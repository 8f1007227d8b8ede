"""The source of the solution notebook of a small exercise called `attacked`, in percent format.

The other files of this folder hold wrong answers to it.
"""

# %% setup setup
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf

FEATURES = 12


# %% task task_01_running_mean
def running_mean(values, window):
    """Return the means of all `window` values that are next to each other."""
    ### BEGIN SOLUTION
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(values, dtype=float), window)
    return windows.mean(axis=-1)
    ### END SOLUTION


# %% setup reference
def reference_means(values, window):
    """Return what tests expect of running_mean: the judge runs this cell for itself."""
    return [sum(values[k : k + window]) / window for k in range(len(values) - window + 1)]


# %% test test_task_01_running_mean 4
got = running_mean(np.array([1.0, 2.0, 6.0]), 2)
assert len(got) == 2, f"Three values have two windows of 2, got {len(got)}"
np.testing.assert_allclose(got, [1.5, 4.0], err_msg="The means of 1, 2, 6 should be 1.5 and 4.")
got = running_mean([3, 5, 10], 3)
assert got[0] == 6.0, f"The mean of 3, 5, 10 should be 6, got {got[0]}"
print("The visible tests of task 1 pass.")
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(41)
for _ in range(20):
    window = int(rng.integers(1, 6))
    values = rng.normal(size=window + int(rng.integers(1, 30)))
    expected = reference_means(values, window)
    got = running_mean(np.array(values), window)
    assert len(got) == len(expected), "Hidden test: wrong number of means."
    np.testing.assert_allclose(got, expected, atol=1e-9, err_msg="Hidden test: wrong means.")
for window in (2, 4, 8):
    values = [int(number) for number in rng.integers(-50, 50, 12)]
    expected = reference_means(values, window)
    got = running_mean(np.array(values), window)
    for mean, wanted in zip(got, expected, strict=True):
        assert mean == wanted, "Hidden test: wrong means of whole numbers."
    assert abs(got[1] - expected[1]) < 1e-9, "Hidden test: wrong second mean."
### END HIDDEN TESTS


# %% task task_02_build_model
def build_model(classes):
    """Return a model with one hidden layer of 7 units (ReLU) and a softmax over classes."""
    ### BEGIN SOLUTION
    return keras.Sequential(
        [
            keras.Input(shape=(FEATURES,)),
            keras.layers.Dense(7, activation="relu"),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )
    ### END SOLUTION


# %% test test_task_02_build_model 5
model = build_model(3)
assert isinstance(model, keras.Model), "build_model should return a Keras model."
assert model.count_params() == 115, f"It should have 115 parameters, got {model.count_params()}"
outputs = np.asarray(model(np.ones((4, FEATURES), "float32")))
assert outputs.shape == (4, 3), f"The shape of the outputs should be (4, 3), got {outputs.shape}"
np.testing.assert_allclose(outputs.sum(axis=1), np.ones(4), rtol=1e-5)
print("The visible tests of task 2 pass.")
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(42)
for classes in (2, 5, 11):
    model = build_model(classes)
    assert model.count_params() == 91 + 8 * classes, "Hidden test: wrong number of parameters."
    inputs = rng.normal(size=(6, FEATURES)).astype("float32")
    first = np.asarray(model.get_weights()[0])
    assert np.abs(first).max() > 0.01, "Hidden test: the first weights should not all be 0."
    shapes = [(FEATURES, 7), (7,), (7, classes), (classes,)]
    weights = [rng.normal(size=shape).astype("float32") for shape in shapes]
    model.set_weights(weights)
    for wanted, weight in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_allclose(weight, wanted, err_msg="Hidden test: wrong weights.")
    hidden = np.maximum(inputs @ weights[0] + weights[1], 0)
    powers = np.exp(hidden @ weights[2] + weights[3])
    expected = powers / powers.sum(axis=1, keepdims=True)
    outputs = np.asarray(model(inputs))
    assert outputs.shape == expected.shape, "Hidden test: wrong shape of the outputs."
    assert np.allclose(outputs, expected, atol=1e-4), "Hidden test: wrong outputs."
    np.testing.assert_allclose(outputs.sum(axis=1), np.ones(6), rtol=1e-4)
### END HIDDEN TESTS


# %% task task_03_counter
class Counter:
    """Counts words."""

    def __init__(self):
        ### BEGIN SOLUTION
        self.counts = {}
        ### END SOLUTION

    def add(self, word):
        """Count a word."""
        ### BEGIN SOLUTION
        self.counts[word] = self.counts.get(word, 0) + 1
        ### END SOLUTION

    def most_common(self):
        """Return pairs of a word and its count: the most frequent first, equals by alphabet."""
        ### BEGIN SOLUTION
        return sorted(self.counts.items(), key=lambda pair: (-pair[1], pair[0]))
        ### END SOLUTION


# %% test test_task_03_counter 6
counter = Counter()
for word in ["b", "a", "b"]:
    counter.add(word)
again = Counter()
again.add(counter.most_common()[0][0])
assert again.counts == {"b": 1}, "The most common word was not 'b', or can't be counted again."
assert counter.counts == {"a": 1, "b": 2}, f"counts should be a: 1, b: 2, got {counter.counts}"
assert counter.most_common() == [("b", 2), ("a", 1)], "most_common() should be b: 2, a: 1."
print("The visible tests of task 3 pass.")
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(43)
for _ in range(5):
    words = ["".join(rng.choice(list("xyz"), 2)) for _ in range(30)]
    expected = {}
    for word in words:
        expected[word] = expected.get(word, 0) + 1
    counter = Counter()
    for word in words:
        counter.add(word)
    assert counter.counts == expected, "Hidden test: wrong counts."
    for word in expected:
        assert counter.counts[word] == expected[word], "Hidden test: wrong count of a word."
    assert sum(counter.counts.values()) == 30, "Hidden test: the counts should add up to 30."
    ranked = sorted(expected.items(), key=lambda pair: (-pair[1], pair[0]))
    got = counter.most_common()
    assert [tuple(pair) for pair in got] == ranked, "Hidden test: wrong order of words."
    for k, (word, count) in enumerate(got):
        assert (word, count) == ranked[k], "Hidden test: wrong pair."
### END HIDDEN TESTS


# %% task task_04_loss
def cross_entropy(logits, labels):
    """Return the mean cross-entropy of logits (batch, classes) for labels (batch,).

    Raises:
        ValueError: the shapes are others, or don't fit.
    """
    ### BEGIN SOLUTION
    if len(logits.shape) != 2 or len(labels.shape) != 1 or len(logits) != len(labels):
        raise ValueError("logits should have the shape (batch, classes), labels (batch,)")
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    return tf.reduce_mean(losses)
    ### END SOLUTION


# %% test test_task_04_loss 5
loss = cross_entropy(tf.constant([[0.0, 0.0], [0.0, 0.0]]), tf.constant([1, 0]))
assert loss.shape == (), f"The loss should be a scalar, got the shape {loss.shape}"
assert abs(float(loss) - np.log(2)) < 1e-5, f"The loss should be log(2), got {float(loss)}"
try:
    cross_entropy(tf.zeros([3]), tf.constant([1, 0, 2]))
except ValueError:
    pass
else:
    raise AssertionError("Logits without a batch should raise a ValueError.")
print("The visible tests of task 4 pass.")
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(44)
for _ in range(10):
    batch, classes = int(rng.integers(2, 9)), int(rng.integers(2, 7))
    numbers = rng.normal(size=(batch, classes)) * 3
    chosen = rng.integers(0, classes, batch)
    sums = np.log(np.exp(numbers).sum(axis=1))
    expected = np.mean([sums[k] - numbers[k, chosen[k]] for k in range(batch)])
    loss = cross_entropy(tf.constant(numbers, tf.float32), tf.constant(chosen, tf.int32))
    assert isinstance(loss, tf.Tensor), "Hidden test: the loss should be a tensor."
    assert abs(float(loss) - expected) < 1e-4, "Hidden test: wrong loss."
expected = 1000.0
loss = cross_entropy(tf.constant([[1000.0, 0.0]]), tf.constant([1]))
assert float(loss) == 1000.0, "Hidden test: wrong for large logits."
for shape, count in [((2, 3), 4), ((2, 3, 1), 2), ((4,), 4)]:
    try:
        cross_entropy(tf.zeros(shape), tf.zeros([count], tf.int32))
    except ValueError as error:
        assert str(error) is not None, "Hidden test: an error without text."
    else:
        raise AssertionError("Hidden test: wrong shapes should raise a ValueError.")
### END HIDDEN TESTS
