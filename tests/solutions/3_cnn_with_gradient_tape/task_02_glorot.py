# %% wrong: the channels only, without the window of a convolution
def glorot_limit(shape):
    return np.sqrt(6 / (shape[-2] + shape[-1]))


# %% wrong: forgets the square root
def glorot_limit(shape):
    window = np.prod(shape[:-2])
    return 6 / (window * shape[-2] + window * shape[-1])


# %% wrong: the window counts for the fan in only
def glorot_limit(shape):
    window = np.prod(shape[:-2])
    return np.sqrt(6 / (window * shape[-2] + shape[-1]))


# %% wrong: takes every window for square
def glorot_limit(shape):
    if len(shape) == 2:
        return np.sqrt(6 / (shape[0] + shape[1]))
    return np.sqrt(6 / (shape[0] ** 2 * (shape[-2] + shape[-1])))


# %% wrong: knows dense layers and Conv2D, and takes Conv1D for a dense layer
def glorot_limit(shape):
    fan_in, fan_out = shape[-2], shape[-1]
    if len(shape) == 4:
        fan_in *= shape[0] * shape[1]
        fan_out *= shape[0] * shape[1]
    return (6 / (fan_in + fan_out)) ** 0.5


# %% right: plain Python, fan in and fan out one after the other
import math


def glorot_limit(shape):
    window = math.prod(shape[:-2])
    fan_in = window * shape[-2]
    fan_out = window * shape[-1]
    return math.sqrt(6 / (fan_in + fan_out))


# %% right: a tensor
def glorot_limit(shape):
    shape = tf.cast(shape, tf.float32)
    return tf.sqrt(6.0 / (tf.reduce_prod(shape) / shape[-1] + tf.reduce_prod(shape) / shape[-2]))
