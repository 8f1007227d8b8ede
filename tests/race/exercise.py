"""The source of the exercise that `autograder race` grades, in percent format.

Its cells take about a second of one core in a kernel that has TensorFlow already.
"""

# %% setup setup
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(0)
X = rng.normal(size=(256, 16)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("int32")


# %% task task_01_dense
def dense(inputs, kernel, bias):
    ### BEGIN SOLUTION
    return tf.nn.relu(inputs @ kernel + bias)
    ### END SOLUTION


# %% test test_01_dense 3
got = dense(tf.ones((2, 3)), tf.ones((3, 4)), tf.zeros(4))
np.testing.assert_allclose(got, np.full((2, 4), 3.0), err_msg="The sum of three ones is 3.")
### BEGIN HIDDEN TESTS
values = np.random.default_rng(1).normal(size=(5, 3)).astype("float32")
kernel = np.random.default_rng(2).normal(size=(3, 2)).astype("float32")
expected = np.maximum(values @ kernel - 0.5, 0)
got = dense(tf.constant(values), tf.constant(kernel), tf.constant([-0.5, -0.5]))
np.testing.assert_allclose(got, expected, atol=1e-5, err_msg="Hidden test: wrong values.")
### END HIDDEN TESTS


# %% task task_02_model
### BEGIN SOLUTION
keras.utils.set_random_seed(0)
model = keras.Sequential(
    [keras.Input((16,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(2)]
)
### END SOLUTION


# %% test test_02_model 3
assert model.count_params() == 17 * 32 + 33 * 2, "The model has 610 parameters."
### BEGIN HIDDEN TESTS
kernel, bias, kernel2, bias2 = model.get_weights()
expected = np.maximum(X[:8] @ kernel + bias, 0) @ kernel2 + bias2
np.testing.assert_allclose(model(X[:8]), expected, atol=1e-4, err_msg="Hidden test: other layers.")
### END HIDDEN TESTS


# %% task task_03_train
def train(model):
    ### BEGIN SOLUTION
    model.compile(
        optimizer=keras.optimizers.Adam(0.01),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model.fit(X, Y, epochs=8, batch_size=32, verbose=0).history["loss"]
    ### END SOLUTION


losses = train(model)


# %% test test_03_train 4
assert len(losses) == 8, f"Eight epochs have eight losses, got {len(losses)}"
assert losses[-1] < losses[0], "The loss should become smaller."
### BEGIN HIDDEN TESTS
accuracy = np.mean(np.argmax(model(X), axis=1) == Y)
assert accuracy > 0.8, "Hidden test: the model has not learned."
### END HIDDEN TESTS
