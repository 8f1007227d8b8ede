# %% wrong: the logarithm to base 2
def uniform_loss(classes):
    return np.log2(classes)


def constant_loss(labels):
    shares = np.bincount(labels) / len(labels)
    shares = shares[shares > 0]
    return -np.sum(shares * np.log2(shares))


# %% wrong: takes all classes for equally frequent
def uniform_loss(classes):
    return np.log(classes)


def constant_loss(labels):
    return np.log(len(np.unique(labels)))


# %% wrong: a class that is missing makes nan
def uniform_loss(classes):
    return -np.log(1 / classes)


def constant_loss(labels):
    shares = np.bincount(labels) / len(labels)
    return -np.sum(shares * np.log(shares))


# %% wrong: always guesses the most frequent class, with its share as probability
def uniform_loss(classes):
    return np.log(classes)


def constant_loss(labels):
    _, counts = np.unique(labels, return_counts=True)
    return -np.log(counts.max() / len(labels))


# %% wrong: knows ten classes only
def uniform_loss(classes):
    return 2.302585


def constant_loss(labels):
    _, counts = np.unique(labels, return_counts=True)
    return -np.sum(counts / len(labels) * np.log(counts / len(labels)))


# %% right: loops in plain Python
import math
from collections import Counter


def uniform_loss(classes):
    return math.log(classes)


def constant_loss(labels):
    counts = Counter(labels.tolist())
    loss = 0.0
    for count in counts.values():
        loss += count / len(labels) * math.log(len(labels) / count)
    return loss


# %% right: the mean over the pictures, with TensorFlow
def uniform_loss(classes):
    return tf.math.log(tf.cast(classes, tf.float32))


def constant_loss(labels):
    _, index, counts = tf.unique_with_counts(labels)
    counts = tf.cast(counts, tf.float32)
    shares = counts / tf.reduce_sum(counts)
    return tf.reduce_mean(-tf.math.log(tf.gather(shares, index)))
