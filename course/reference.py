"""The operations of networks in NumPy, from their definitions: nothing of TensorFlow is used.

Each takes its inputs and `training`: whether the network is in training mode. Shapes: pictures and
feature maps (batch, height, width, channels); convolution kernels (height, width, channels,
filters); sequences (batch, steps, features); rows (batch, classes); labels (batch,). Arrays are
float64 and labels integer, whatever the shapes; the result is float64.
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray


class Wrong(Exception):
    """Raised by a reference that sees a fault that no difference of numbers can tell."""


def _windows(x: Array, size: int, stride: int, same: bool, fill: float) -> list[Array]:
    """Return the shifted views of (batch, height, width, channels), one per place in a window.

    Padding "same" as TensorFlow defines it: ceil(n / stride) outputs, the odd row at the end.
    """
    counts = [-(-n // stride) if same else (n - size) // stride + 1 for n in x.shape[1:3]]
    total = [max((c - 1) * stride + size - n, 0) for c, n in zip(counts, x.shape[1:3], strict=True)]
    edges = [(0, 0), *((t // 2, t - t // 2) for t in total), (0, 0)]
    x = np.pad(x, edges, constant_values=fill)
    rows, columns = ((c - 1) * stride + 1 for c in counts)
    return [
        x[:, i : i + rows : stride, j : j + columns : stride]
        for i in range(size)
        for j in range(size)
    ]


def conv2d(x: Array, kernel: Array, bias: Array, *, training: bool, stride: int = 1) -> Array:
    """Slide the kernel over x (padding "same"): a sum over its places, each a matrix product."""
    taps = kernel.reshape(-1, *kernel.shape[2:])
    views = _windows(x, kernel.shape[0], stride, True, 0.0)
    return sum(view @ tap for view, tap in zip(views, taps, strict=True)) + bias


def conv2d_relu(x: Array, kernel: Array, bias: Array, *, training: bool) -> Array:
    """Convolve and cut off at 0."""
    return np.maximum(conv2d(x, kernel, bias, training=training), 0)


def max_pool(x: Array, *, training: bool, size: int = 2, padding: str = "valid") -> Array:
    """Take the largest of each window, two steps apart, channel by channel."""
    return np.max(_windows(x, size, 2, padding == "same", -np.inf), axis=0)


def average_pool(x: Array, *, training: bool) -> Array:
    """Take the mean of each window of 2×2, two steps apart, channel by channel."""
    return np.mean(_windows(x, 2, 2, False, 0.0), axis=0)


def softmax(x: Array, *, training: bool) -> Array:
    """Return exp(x) over its sum in each row; the largest is taken off first, so none overflows."""
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def loss_from_logits(x: Array, labels: Array, *, training: bool) -> Array:
    """Return the cross-entropy of each row: log(sum(exp(x))) - x[label]."""
    shifted = x - x.max(-1, keepdims=True)
    return np.log(np.exp(shifted).sum(-1)) - shifted[np.arange(len(labels)), labels]


def loss_from_probabilities(p: Array, labels: Array, *, training: bool) -> Array:
    """Keras clips to [1e-7, 1 - 1e-7], divides by the sum, and takes minus the logarithm."""
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return np.log(p.sum(-1)) - np.log(p[np.arange(len(labels)), labels])


def batch_norm(
    x: Array, scale: Array, shift: Array, mean: Array, variance: Array, *, training: bool
) -> Array:
    """Normalise each channel: in training by its own statistics, else by the moving ones."""
    if training:
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return scale * (x - mean) / np.sqrt(variance + 1e-3) + shift


def batch_norm_statistics(x: Array, mean: Array, variance: Array, *, training: bool) -> Array:
    """Return the moving mean and variance (2, channels) after a call."""
    if not training:
        return np.stack([mean, variance])
    seen = np.stack([x.mean((0, 1, 2)), x.var((0, 1, 2))])
    return 0.99 * np.stack([mean, variance]) + 0.01 * seen


def dropout(x: Array, *, training: bool, rate: float, output: Array) -> Array:
    """Scale by 1 / (1 - rate) what the device's `output` shows as kept; identity in inference.

    Raises:
        Wrong: the share of dropped entries is further from the rate than chance takes it.
    """
    if not training:
        return x
    share = np.mean(output == 0)
    if abs(share - rate) > 5 * np.sqrt(rate * (1 - rate) / x.size):
        raise Wrong(f"{share:.1%} of the entries were dropped, where the rate is {rate:.0%}")
    return np.where(output == 0, 0, x / (1 - rate))


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def simple_rnn(x: Array, kernel: Array, recurrent: Array, bias: Array, *, training: bool) -> Array:
    """Return the last state of h = tanh(x W + h U + b), from h = 0; shape (batch, units)."""
    state = np.zeros((len(x), len(recurrent)))
    for step in np.moveaxis(x, 1, 0):
        state = np.tanh(step @ kernel + state @ recurrent + bias)
    return state


def lstm(x: Array, kernel: Array, recurrent: Array, bias: Array, *, training: bool) -> Array:
    """Gates in Keras's order: input, forget, candidate, output."""
    state = cell = np.zeros((len(x), len(recurrent)))
    for step in np.moveaxis(x, 1, 0):
        i, f, c, o = np.split(step @ kernel + state @ recurrent + bias, 4, axis=-1)
        cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(c)
        state = _sigmoid(o) * np.tanh(cell)
    return state


def gru(x: Array, kernel: Array, recurrent: Array, bias: Array, *, training: bool) -> Array:
    """Gates in Keras's order: update, reset, candidate; reset after the product."""
    state = np.zeros((len(x), len(recurrent)))
    for step in np.moveaxis(x, 1, 0):
        from_input = np.split(step @ kernel + bias[0], 3, axis=-1)
        from_state = np.split(state @ recurrent + bias[1], 3, axis=-1)
        update, reset = (_sigmoid(from_input[k] + from_state[k]) for k in (0, 1))
        candidate = np.tanh(from_input[2] + reset * from_state[2])
        state = update * state + (1 - update) * candidate
    return state


def sgd(weight: Array, gradients: Array, *, training: bool) -> Array:
    """Take a step of 0.1 against each gradient (steps, *weight.shape); return the weight."""
    return weight - 0.1 * gradients.sum(0)


def adam(weight: Array, gradients: Array, *, training: bool) -> Array:
    """Kingma and Ba (2015), in the form that Keras has: epsilon beside the uncorrected root."""
    m = v = np.zeros_like(weight)
    for t, gradient in enumerate(gradients, 1):
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        rate = 0.1 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        weight = weight - rate * m / (np.sqrt(v) + 1e-7)
    return weight
