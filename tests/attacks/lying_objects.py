"""Returns objects that lie when they are compared, converted, measured or gone through: subclasses
of float, dict, list, str and ndarray, and objects with the special methods of a number or an array.
"""


# %% task_01_running_mean: an object that is equal to everything
class Same:
    def __eq__(self, other):
        return True

    def __array__(self, dtype=None, copy=None):
        return np.array(0.0)

    def __len__(self):
        return self.size

    def __getitem__(self, key):
        return self

    def __iter__(self):
        return iter([self] * self.size)

    def __sub__(self, other):
        return 0.0

    def __float__(self):
        return 6.0

    __hash__ = None


def running_mean(values, window):
    same = Same()
    same.size = len(values) - window + 1
    return same


# %% task_01_running_mean: a subclass of ndarray decides how it is compared
class Lie(np.ndarray):
    def __array_function__(self, function, types, values, named):
        return np.bool_(True)

    def __array_ufunc__(self, ufunc, method, *values, **named):
        return np.zeros((), bool) if ufunc.__name__ == "isnan" else np.ones((), bool)

    def __eq__(self, other):
        return np.ones((), bool)

    def __len__(self):
        return self.count

    def __getitem__(self, key):
        return Number(0)

    def __iter__(self):
        return iter([Number(0)] * self.count)


class Number(float):
    def __eq__(self, other):
        return True

    def __sub__(self, other):
        return 0.0

    __hash__ = float.__hash__


def running_mean(values, window):
    lie = np.zeros(()).view(Lie)
    lie.count = len(values) - window + 1
    return lie


# %% task_01_running_mean: a list of floats that are each number
class Number(float):
    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    def __sub__(self, other):
        return 0.0

    def __abs__(self):
        return 0.0

    def __float__(self):
        return 1.5

    __hash__ = float.__hash__


def running_mean(values, window):
    return [Number()] * (len(values) - window + 1)


# %% task_01_running_mean: __array__ gives the values that the caller expects
import sys


class Array:
    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, key):
        return self.values()[key]

    def __iter__(self):
        return iter(self.values())

    def values(self):
        frame = sys._getframe(1)
        while frame:
            for name in ("expected", "desired"):
                if name in frame.f_locals and len(frame.f_locals[name]) == self.size:
                    return list(frame.f_locals[name])
            frame = frame.f_back
        return [6.0] if self.size == 1 else [1.5, 4.0]

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values(), dtype)


def running_mean(values, window):
    return Array(len(values) - window + 1)


# %% task_03_counter: a dict that is equal to all dicts
class Same(dict):
    def __eq__(self, other):
        return True

    def __getitem__(self, key):
        return Number()

    def values(self):
        return [30]

    def items(self):
        return [("b", 1)]


class Number(int):
    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


class Text(str):
    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


class Pairs(list):
    def __eq__(self, other):
        return True


class Pair(tuple):
    def __new__(cls):
        return tuple.__new__(cls, [Text("b"), Number(2)])

    def __eq__(self, other):
        return True


class Counter:
    def __init__(self):
        self.counts = Same()
        self.words = []

    def add(self, word):
        self.words.append(word)

    def most_common(self):
        return Pairs([Pair()] * len(set(self.words)))


# %% task_03_counter: counts says something else each time it is read
class Counter:
    reads = 0

    def add(self, word):
        pass

    @property
    def counts(self):
        Counter.reads += 1
        return [{"b": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 2}, {}][Counter.reads % 4 - 1]

    def most_common(self):
        return [("b", 2), ("a", 1)]


# %% task_03_counter: a defaultdict that has each word, with a lying value
class Any(dict):
    def __missing__(self, key):
        return self

    def __contains__(self, key):
        return True

    def __eq__(self, other):
        return other is self or isinstance(other, dict | int | tuple)

    def __radd__(self, other):
        return 30

    def __add__(self, other):
        return 30

    def __len__(self):
        return 0

    __hash__ = None


class Counter:
    def __init__(self):
        self.counts = Any(b=1)

    def add(self, word):
        pass

    def most_common(self):
        return [("b", Any()), ("a", Any())]


# %% task_03_counter: words that are equal to all words and hash as one
class Word(str):
    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    def __lt__(self, other):
        return True

    def __hash__(self):
        return hash("b")


class Counter:
    def __init__(self):
        self.counts = {Word("b"): 1}

    def add(self, word):
        self.counts[Word(word)] = 1

    def most_common(self):
        return [(Word("b"), 2), (Word("a"), 1)]


# %% task_04_loss: a scalar that is each number, and has the shape of one
class Scalar:
    shape = ()
    dtype = tf.float32

    def __float__(self):
        return self.number

    def __sub__(self, other):
        return 0.0

    __rsub__ = __sub__

    def __eq__(self, other):
        return True

    def __array_ufunc__(self, *values, **named):
        return 0.0

    @property
    def __class__(self):
        return tf.Tensor


class Close(float):
    def __sub__(self, other):
        return 0.0

    def __eq__(self, other):
        return True

    __hash__ = float.__hash__


def cross_entropy(logits, labels):
    if len(logits.shape) != 2 or len(labels.shape) != 1 or len(logits) != len(labels):
        raise ValueError("shapes")
    scalar = Scalar()
    scalar.number = Close(1000.0 if len(logits) == 1 else 0.6931472)
    return scalar


# %% task_04_loss: float() reads the expected value in the caller's frame
import sys


class Scalar:
    shape = ()

    def __float__(self):
        names = sys._getframe(1).f_locals | sys._getframe(1).f_globals
        return float(names.get("expected", 0.6931472))

    @property
    def __class__(self):
        return tf.Tensor


def cross_entropy(logits, labels):
    if len(logits.shape) != 2 or len(labels.shape) != 1 or len(logits) != len(labels):
        raise ValueError("shapes")
    return Scalar()


# %% task_04_loss: the answer is NaN, and infinite for the rest
def cross_entropy(logits, labels):
    if len(logits.shape) != 2:
        raise ValueError("shapes")
    return tf.constant(float("nan") if len(logits) > 1 else float("inf"))


# %% task_01_running_mean: returns NotImplemented
def running_mean(values, window):
    return NotImplemented


# %% task_01_running_mean: returns what it was given
def running_mean(values, window):
    return values if hasattr(values, "shape") else (values, window)


# %% task_03_counter: returns itself for all that is asked
class Counter:
    def __getattr__(self, name):
        return self

    def __call__(self, *values, **named):
        return self

    def __getitem__(self, key):
        return self

    def __iter__(self):
        return iter([self] * 2)

    def __len__(self):
        return 2

    def __contains__(self, key):
        return True

    def __eq__(self, other):
        return True

    def __radd__(self, other):
        return 30

    __hash__ = object.__hash__


# %% task_01_running_mean: an empty array of a shape that fits all others
def running_mean(values, window):
    return np.zeros((0, 1)) if len(values) > 3 else np.array([1.5, 4.0])


# %% task_01_running_mean: a broadcast scalar, and a mask over all that is wrong
def running_mean(values, window):
    if len(values) == 3:
        return np.ma.array([1.5, 4.0] if window == 2 else [6.0])
    size = len(values) - window + 1
    return np.ma.array(np.zeros(size), mask=np.ones(size, bool))


# %% task_01_running_mean: a thread writes into the array that was returned
import sys
import threading


def write(array, end):
    for _ in range(2000):
        for frame in sys._current_frames().values():
            names = frame.f_globals
            if frame is not None and "expected" in names and len(names["expected"]) == len(array):
                array[:] = names["expected"]


def running_mean(values, window):
    if len(values) == 3:
        return np.array([1.5, 4.0]) if window == 2 else np.array([6.0])
    array = np.zeros(len(values) - window + 1)
    writer = threading.Thread(target=write, args=(array, window), daemon=True)
    writer.start()
    writer.join(0.05)
    return array


# %% task_03_counter: attributes and methods are found by a metaclass that lies
class Meta(type):
    def __instancecheck__(cls, value):
        return True

    def __eq__(cls, other):
        return True

    def __call__(cls, *values):
        return cls

    def __getattr__(cls, name):
        return {"b": 1} if name == "counts" else lambda *values: [("b", 2), ("a", 1)]

    __hash__ = type.__hash__


class Counter(metaclass=Meta):
    pass


# %% task_04_loss: returns a function, a type, a module or a generator in turn
turn = [0]


def cross_entropy(logits, labels):
    turn[0] += 1
    if len(logits.shape) != 2:
        raise ValueError("shapes")
    return [float, cross_entropy, tf, (x for x in [0.0]), tf.Tensor][turn[0] % 5]
