"""The operations that `course.backend` checks: each for the device, with its reference in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from course import reference


@dataclass(frozen=True)
class Case:
    """One call: the inputs by name (float32, or int32 for labels), and the options."""

    inputs: dict[str, np.ndarray]
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        shapes = [f"{k} {'×'.join(map(str, v.shape))}" for k, v in self.inputs.items()]
        return ", ".join([*shapes, *(f"{k} {v}" for k, v in self.options.items())])


@dataclass(frozen=True)
class Operation:
    """An operation under test.

    `device` and `reference` take a case's inputs in order, `training=` and the case's options.
    The first gets tensors and returns a tensor; the second gets float64 arrays and returns one.
    """

    device: Callable[..., tf.Tensor]
    reference: Callable[..., np.ndarray]
    cases: tuple[Case, ...]
    gradients: tuple[str, ...] = ()  # inputs whose gradients are checked
    same: bool = True  # training and inference give the same output
    random: bool = False  # the reference also gets the device's `output`, to read the draw from it


# What runs on the device: the functions that Keras's layers call, or the layers themselves

_LAST = {"data_format": "channels_last"}


def _conv2d(x, kernel, bias, *, training, stride=1):
    return ops.conv(x, kernel, stride, "same", **_LAST) + bias


def _batch_norm_layer(x, scale, shift, mean, variance, training):
    layer = _layer("BatchNormalization", x.shape, axis=-1)
    return layer.stateless_call([scale, shift], [mean, variance], x, training=training)


def _batch_norm_statistics(x, mean, variance, *, training):
    one, zero = tf.ones_like(mean), tf.zeros_like(mean)
    return tf.stack(_batch_norm_layer(x, one, zero, mean, variance, training)[1])


def _recurrent(kind: str) -> Callable[..., tf.Tensor]:
    def device(x, kernel, recurrent, bias, *, training):
        zeros = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}
        layer = _layer(kind, x.shape, units=recurrent.shape[0], seed=0, **zeros)
        state = [variable.value for variable in layer.non_trainable_variables]
        return layer.stateless_call([kernel, recurrent, bias], state, x, training=training)[0]

    return device


def _optimizer(kind: str) -> Callable[..., tf.Tensor]:
    def device(weight, gradients, *, training):
        variable, optimizer = _optimizer_of(kind, weight.shape)
        variable.assign(weight)
        for slot in optimizer.variables[2:]:  # after the step count and the learning rate
            slot.assign(tf.zeros_like(slot))
        optimizer.iterations.assign(0)
        for gradient in tf.unstack(gradients):
            optimizer.apply([gradient], [variable])
        return tf.identity(variable.value)

    return device


# Made once, outside of any graph. With names and initial values of their own, so that neither
# Keras's numbering of layers nor the reader's random numbers change.


@cache
def _layer(kind: str, shape: tuple[int, ...], **options: Any) -> keras.Layer:
    with tf.init_scope():
        layer = getattr(keras.layers, kind)(name="checked", dtype="float32", **options)
        layer.build(shape)
    return layer


@cache
def _optimizer_of(kind: str, shape: tuple[int, ...]) -> tuple[Any, Any]:
    with tf.init_scope():
        variable = keras.Variable(np.zeros(shape, "float32"), name="checked")
        optimizer = getattr(keras.optimizers, kind)(learning_rate=0.1, name="checked")
        optimizer.build([variable])
    return variable, optimizer


@cache
def _seeds() -> keras.random.SeedGenerator:
    with tf.init_scope():
        return keras.random.SeedGenerator(0, name="checked")


def forget() -> None:
    """Drop what was made once, since it lies on the device where it was made."""
    for made in (_layer, _optimizer_of, _seeds):
        made.cache_clear()


# The table. Odd sizes, one example, more than 64 examples, many channels: kernels switch there.

_random = np.random.default_rng(4)


def _normal(*shape: int, scale: float = 1.0) -> np.ndarray:
    return (scale * _random.standard_normal(shape)).astype("float32")


def _spaced(*shape: int) -> np.ndarray:
    """Return distinct numbers away from 0, where ReLU and max have a derivative."""
    size = int(np.prod(shape))
    return (_random.permutation(size) / size - 0.5 + 0.25 / size).reshape(shape).astype("float32")


def _positive(*shape: int) -> np.ndarray:
    return _random.uniform(0.05, 1, shape).astype("float32")


def _labels(count: int, classes: int) -> np.ndarray:
    return _random.integers(0, classes, count).astype("int32")


def _convolution(batch, height, width, channels, filters, size=3, **options) -> Case:
    kernel = _normal(size, size, channels, filters, scale=1 / np.sqrt(size * size * channels))
    x = _normal(batch, height, width, channels)
    return Case({"input": x, "kernel": kernel, "bias": _normal(filters)}, options)


def _off_the_kink(*shape: int) -> Case:
    """Return a convolution with no result near 0, where ReLU has no derivative."""
    while True:
        case = _convolution(*shape)
        exact = [value.astype("float64") for value in case.inputs.values()]
        if np.abs(reference.conv2d(*exact, training=True)).min() > 1e-4:
            return case


def _sequences(batch: int, steps: int, features: int, units: int, gates: int, gru=False) -> Case:
    bias = _normal(2, gates * units) if gru else _normal(gates * units)
    weights = {
        "kernel": _normal(features, gates * units, scale=features**-0.5),
        "recurrent kernel": _normal(units, gates * units, scale=units**-0.5),
    }
    return Case({"input": _normal(batch, steps, features), **weights, "bias": bias})


def _one(*cases: dict[str, np.ndarray], **options: Any) -> tuple[Case, ...]:
    return tuple(Case(inputs, options) for inputs in cases)


_MAPS = ((65, 7, 5, 3), (1, 8, 9, 66))  # shapes of feature maps
_WEIGHTS = ("input", "kernel", "bias")
_RNN_WEIGHTS = ("input", "kernel", "recurrent kernel", "bias")

OPERATIONS: dict[str, Operation] = {
    "conv2d": Operation(
        _conv2d,
        reference.conv2d,
        (
            _convolution(1, 8, 8, 64, 65),
            _convolution(65, 5, 7, 2, 3),
            _convolution(3, 7, 6, 3, 4, stride=2),
        ),
        _WEIGHTS,
    ),
    "conv2d_relu": Operation(  # inference graphs run this as one kernel
        lambda x, kernel, bias, *, training: ops.relu(_conv2d(x, kernel, bias, training=training)),
        reference.conv2d_relu,
        (_off_the_kink(66, 3, 2, 3, 4), _off_the_kink(3, 5, 7, 16, 17)),
        _WEIGHTS,
    ),
    "relu": Operation(
        lambda x, *, training: ops.relu(x),
        lambda x, *, training: np.maximum(x, 0),
        _one(*({"input": _spaced(*shape)} for shape in _MAPS)),
        ("input",),
    ),
    "max_pool": Operation(
        lambda x, *, training, size=2, padding="valid": ops.max_pool(x, size, 2, padding, **_LAST),
        reference.max_pool,
        (
            *_one(*({"input": _spaced(*shape)} for shape in _MAPS)),
            *_one({"input": _spaced(3, 7, 6, 3)}, size=3, padding="same"),
        ),
        ("input",),
    ),
    "average_pool": Operation(
        lambda x, *, training: ops.average_pool(x, 2, 2, "valid", **_LAST),
        reference.average_pool,
        _one(*({"input": _normal(*shape)} for shape in _MAPS)),
        ("input",),
    ),
    "global_average_pool": Operation(
        lambda x, *, training: ops.mean(x, axis=(1, 2)),
        lambda x, *, training: x.mean((1, 2)),
        _one(*({"input": _normal(*shape)} for shape in _MAPS)),
        ("input",),
    ),
    "dense": Operation(
        lambda x, kernel, bias, *, training: ops.matmul(x, kernel) + bias,
        lambda x, kernel, bias, *, training: x @ kernel + bias,
        _one(
            *(
                {"input": _normal(n, i), "kernel": _normal(i, o, scale=i**-0.5), "bias": _normal(o)}
                for n, i, o in ((3, 7, 5), (1, 300, 10), (65, 33, 129))
            )
        ),
        _WEIGHTS,
    ),
    "softmax": Operation(
        lambda x, *, training: ops.softmax(x),
        reference.softmax,
        _one({"input": _normal(3, 10)}, {"input": _normal(65, 11, scale=100)}),
        ("input",),
    ),
    "loss_from_logits": Operation(
        lambda x, labels, *, training: ops.sparse_categorical_crossentropy(labels, x, True),
        reference.loss_from_logits,
        _one(
            {"input": _normal(3, 10), "labels": _labels(3, 10)},
            {"input": _normal(65, 11, scale=100), "labels": _labels(65, 11)},
        ),
        ("input",),
    ),
    "loss_from_probabilities": Operation(
        lambda p, labels, *, training: ops.sparse_categorical_crossentropy(labels, p, False),
        reference.loss_from_probabilities,
        _one(
            {"input": reference.softmax(_normal(3, 10), training=True), "labels": _labels(3, 10)},
            {"input": reference.softmax(_normal(65, 2), training=True), "labels": _labels(65, 2)},
        ),
        ("input",),
    ),
    "batch_norm": Operation(
        lambda *inputs, training: _batch_norm_layer(*inputs, training)[0],
        reference.batch_norm,
        _one(
            *(
                {
                    "input": _normal(*shape) + 1,
                    "scale": _positive(shape[-1]),
                    "shift": _normal(shape[-1]),
                    "moving mean": _normal(shape[-1]),
                    "moving variance": _positive(shape[-1]),
                }
                for shape in _MAPS
            )
        ),
        ("input", "scale", "shift"),
        same=False,
    ),
    "batch_norm_statistics": Operation(
        _batch_norm_statistics,
        reference.batch_norm_statistics,
        _one(
            *(
                {
                    "input": _normal(*shape) + 1,
                    "moving mean": _normal(shape[-1]),
                    "moving variance": _positive(shape[-1]),
                }
                for shape in _MAPS
            )
        ),
        same=False,
    ),
    "dropout": Operation(
        lambda x, *, training, rate: (
            keras.random.dropout(x, rate, seed=_seeds()) if training else x
        ),
        reference.dropout,
        _one({"input": _spaced(65, 63)}, {"input": _spaced(1, 16, 16, 3)}, rate=0.3),
        ("input",),
        same=False,
        random=True,
    ),
    "embedding": Operation(
        lambda table, indices, *, training: ops.take(table, indices, axis=0),
        lambda table, indices, *, training: table[indices],
        _one(*({"table": _normal(9, 5), "indices": _labels(n, 9)} for n in (1, 70))),
        ("table",),
    ),
    "simple_rnn": Operation(
        _recurrent("SimpleRNN"),
        reference.simple_rnn,
        (_sequences(1, 7, 4, 3, 1), _sequences(65, 5, 28, 16, 1)),
        _RNN_WEIGHTS,
    ),
    "lstm": Operation(
        _recurrent("LSTM"),
        reference.lstm,
        (_sequences(65, 4, 6, 5, 4),),
        _RNN_WEIGHTS,
    ),
    "gru": Operation(
        _recurrent("GRU"),
        reference.gru,
        (_sequences(65, 4, 6, 5, 3, gru=True),),
        _RNN_WEIGHTS,
    ),
    "sgd": Operation(
        _optimizer("SGD"),
        reference.sgd,
        _one({"weight": _normal(5, 7), "gradients": _normal(3, 5, 7)}),
    ),
    "adam": Operation(
        _optimizer("Adam"),
        reference.adam,
        _one({"weight": _normal(5, 7), "gradients": _normal(3, 5, 7)}),
    ),
}
