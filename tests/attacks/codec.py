"""Returns values that are hard to carry from one process to another: huge, endless, nested or
self-containing ones, objects that run code when they are pickled, and names that mean something to
a decoder.
"""

# %% task_01_running_mean: an array of objects that run code when they are unpickled
import os


class Evil:
    def __reduce__(self):
        return os.system, ("echo attacked > /tmp/attacked",)


def running_mean(values, window):
    return np.array([Evil()] * max(1, len(values) - window + 1), dtype=object)


# %% task_01_running_mean: an array that says it has a million million numbers
def running_mean(values, window):
    return np.lib.stride_tricks.as_strided(np.zeros(1), (10**12,), (0,))


# %% task_01_running_mean: many arrays, each as large as may be
def running_mean(values, window):
    one = np.broadcast_to(np.zeros(1, "int8"), (200 * 2**20,))
    return [one] * 1000


# %% task_01_running_mean: an array of no size with a huge side
def running_mean(values, window):
    return np.zeros((2**39, 0))


# %% task_01_running_mean: lists in lists, a thousand deep
def running_mean(values, window):
    nested = 0.0
    for _ in range(1000):
        nested = [nested]
    return nested


# %% task_01_running_mean: a list and a dict that hold themselves
def running_mean(values, window):
    first = [1.5, 4.0]
    second = {"first": first}
    first.append(second)
    first.append(first)
    return first


# %% task_03_counter: keys that are not equal to themselves
class Counter:
    def __init__(self):
        self.counts = {}

    def add(self, word):
        self.counts[float("nan")] = 1
        self.counts[(float("nan"), word)] = 1

    def most_common(self):
        return list(self.counts.items())


# %% task_03_counter: a dict that says it has a hundred thousand keys with one hash
class Colliding(dict):
    def items(self):
        for number in range(100_000):
            yield number * (2**61 - 1), 1


class Counter:
    def __init__(self):
        self.counts = Colliding(b=1)

    def add(self, word):
        pass

    def most_common(self):
        return [("b", 2)]


# %% task_03_counter: a dict that gives one key twice, with two values
class Twice(dict):
    def items(self):
        return [("b", 1), ("a", 1), ("b", 2), ("a", 1)]

    def __eq__(self, other):
        return True


class Counter:
    def __init__(self):
        self.counts = Twice()

    def add(self, word):
        pass

    def most_common(self):
        return Twice()


# %% task_03_counter: a dict whose items have no end
import itertools


class Endless(dict):
    def items(self):
        return ((number, number) for number in itertools.count())


class Counter:
    def __init__(self):
        self.counts = Endless(b=1)

    def add(self, word):
        pass

    def most_common(self):
        return [("b", 2), ("a", 1)]


# %% task_01_running_mean: a range without an end to speak of
def running_mean(values, window):
    return range(10**15) if window == 2 else range(10**3000)


# %% task_03_counter: halves of surrogate pairs, which no file can hold
import sys

if "autograder.codec" in sys.modules:
    sys.modules["autograder.codec"]._text = lambda text: text


class Counter:
    def __init__(self):
        self.counts = {"\ud800": 1}

    def add(self, word):
        self.counts[word + "\udfff"] = 1

    def most_common(self):
        return [("\ud83d", 1)]


# %% task_01_running_mean: half of a surrogate pair, in a message of the test
import sys

if "autograder.codec" in sys.modules:
    sys.modules["autograder.codec"]._text = lambda text: text


def running_mean(values, window):
    return np.array([1.5, 4.0]) if window == 2 else ["\ud800"]


# %% task_04_loss: an error whose text no file can hold
import sys

if "autograder.codec" in sys.modules:
    sys.modules["autograder.codec"]._text = lambda text: text


def cross_entropy(logits, labels):
    raise ValueError("\ud800\x00\x1b[2J</script><script>alert(1)</script>")


# %% task_03_counter: a value that can come over and can't go back, since it is nested too deeply
class At:
    def __init__(self, value):
        self.value = value

    def __getitem__(self, key):
        return self.value


class Counter:
    def __init__(self):
        self.counts = {}

    def add(self, word):
        self.counts["b"] = 1

    def most_common(self):
        nested = "b"
        for _ in range(49):
            nested = [nested]
        return At(At(nested))


# %% task_03_counter: a value that can come over and can't go back, since it is too large
class At:
    def __init__(self, value):
        self.value = value

    def __getitem__(self, key):
        return self.value


class Counter:
    def __init__(self):
        self.counts = {}

    def add(self, word):
        self.counts["b"] = 1

    def most_common(self):
        return At(At("b" * (16 * 2**20 - 60)))


# %% task_03_counter: a number that can come over and can't go back
import sys

if "autograder.codec" in sys.modules:
    sys.modules["autograder.codec"]._Writer._whole = lambda self, value: ["int", hex(value)]


class Counter:
    def __init__(self):
        self.counts = {}

    def add(self, word):
        self.counts["b"] = 1

    def most_common(self):
        return [(2**15_000, 1)]


# %% task_04_loss: types whose names mean something to a decoder
def cross_entropy(logits, labels):
    if len(logits.shape) != 2:
        raise ValueError("shapes")
    kind = type("tf.Tensor", (), {"shape": (), "__module__": "numpy"})
    fake = type("ndarray", (np.generic,), {}) if len(logits) > 5 else kind
    try:
        return fake()
    except TypeError:
        return ["tf.Tensor", "<f4", [], 0]


# %% task_01_running_mean: a list that looks like an encoded array
def running_mean(values, window):
    return ["array", "<f8", [len(values) - window + 1], 0]


# %% task_01_running_mean: objects that stand for functions of the other process
import sys


def running_mean(values, window):
    if "autograder.codec" in sys.modules:
        codec = sys.modules["autograder.codec"]
        if window % 3 == 0:
            return codec.Handle(-1, "function")
        if window % 3 == 1:
            return codec.Raised(("AssertionError",), "")
        return codec.Model("Sequential", '{"layers": []}', (), b"cos\nsystem\n(S'id'\ntR.")
    return 0


# %% task_01_running_mean: a generator without an end
def running_mean(values, window):
    def means():
        number = 0.0
        while True:
            yield number

    return means()


# %% task_01_running_mean: bytes, memory views, dates and texts for numbers
def running_mean(values, window):
    size = len(values) - window + 1
    kinds = [
        np.zeros(size, "M8[s]"),
        np.array(["1.5"] * size),
        memoryview(b"\0" * 8 * size),
        bytearray(size),
        np.zeros(size, [("a", "f8")]),
        np.zeros(size, "V8"),
    ]
    return kinds[window % len(kinds)]


# %% task_04_loss: tensors of odd kinds
def cross_entropy(logits, labels):
    if len(logits.shape) != 2 or len(labels.shape) != 1 or len(logits) != len(labels):
        raise ValueError("shapes")
    kinds = [
        tf.constant("0.6931472"),
        tf.constant(1 + 2j),
        tf.ragged.constant([[1.0], []]),
        tf.sparse.from_dense(tf.eye(2)),
        tf.TensorArray(tf.float32, 3),
        tf.Variable(0.6931472),
        tf.constant(0.6931472, tf.bfloat16),
    ]
    return kinds[len(logits) % len(kinds)]


# %% task_01_running_mean: numbers of four thousand digits and more
def running_mean(values, window):
    return [10**3999, -(10**4000), 2**100_000][: len(values) - window + 1]
