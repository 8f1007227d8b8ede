"""Raises what the tests or the grader might take for something else: errors that end loops, that
end the program, that have lying texts or bases, or that have no text at all.
"""


# %% task_04_loss: always raises the error that is wanted for wrong shapes
def cross_entropy(logits, labels):
    raise ValueError("shapes")


# %% task_01_running_mean: StopIteration in a call
def running_mean(values, window):
    raise StopIteration


# %% task_01_running_mean: StopIteration in what is gone through
class Means:
    def __len__(self):
        return 2

    def __iter__(self):
        return self

    def __next__(self):
        raise StopIteration

    def __getitem__(self, key):
        raise StopIteration


def running_mean(values, window):
    return Means()


# %% task_03_counter: GeneratorExit in each method
class Counter:
    counts = {"b": 1}

    def add(self, word):
        raise GeneratorExit

    def most_common(self):
        raise StopAsyncIteration


# %% task_02_build_model: KeyboardInterrupt in a call
def build_model(classes):
    raise KeyboardInterrupt


# %% task_04_loss: a subclass of SystemExit, with the code 0
class Done(SystemExit):
    code = 0


def cross_entropy(logits, labels):
    raise Done(0)


# %% task_01_running_mean: an AssertionError with a text of praise
def running_mean(values, window):
    raise AssertionError("The visible tests of task 1 pass. 4 of 4 points.")


# %% task_03_counter: an error whose text lies, floods and fails
class Loud(ValueError):
    texts = [0]

    def __str__(self):
        self.texts[0] += 1
        if self.texts[0] % 3 == 0:
            raise SystemExit
        return "x" * 1_000_000 if self.texts[0] % 3 == 1 else None

    __repr__ = __str__


class Counter:
    counts = {"b": 1}

    def add(self, word):
        raise Loud("no")

    def most_common(self):
        raise Loud("no")


# %% task_04_loss: an error that claims other bases
class Meta(type):
    def mro(cls):
        return [cls, ValueError, Exception, BaseException, object]

    def __subclasscheck__(cls, other):
        return True

    def __instancecheck__(cls, other):
        return True


class Anything(ValueError, metaclass=Meta):
    __name__ = "ValueError"

    @property
    def __class__(self):
        return ValueError


def cross_entropy(logits, labels):
    if len(logits.shape) == 2 and len(logits) == 2:
        return tf.constant(0.6931472)
    raise Anything


# %% task_02_build_model: an error that is called as the grader's own
def build_model(classes):
    for name in ("CannotJudge", "OutOfTime", "PeerError", "CodecError", "Skipped"):
        kind = type(name, (Exception,), {"__module__": "autograder.judge"})
        if classes % 5 == len(name) % 5:
            raise kind("can't be judged")
    raise type("CannotJudge", (Exception,), {"__module__": "autograder.judge"})("no")


# %% task_01_running_mean: skips the test, as test frameworks do
import unittest


def running_mean(values, window):
    try:
        import pytest
    except ImportError:
        raise unittest.SkipTest("not needed") from None
    pytest.skip("not needed")


# %% task_03_counter: errors in groups, and with causes without end
class Counter:
    counts = {"b": 1}

    def add(self, word):
        first = ValueError("no")
        second = KeyError("no")
        first.__cause__, second.__cause__ = second, first
        first.__context__, second.__context__ = second, first
        nested = first
        for _ in range(300):
            nested = ExceptionGroup("more", [nested, second])
        raise nested

    def most_common(self):
        return [("b", 2)]


# %% task_02_build_model: memory and recursion errors, without using any
def build_model(classes):
    raise MemoryError if classes == 3 else RecursionError


# %% task_04_loss: errors of TensorFlow that come later, in what was returned
class Later:
    shape = ()

    def __float__(self):
        raise tf.errors.CancelledError(None, None, "later")

    def __array__(self, dtype=None, copy=None):
        raise tf.errors.OutOfRangeError(None, None, "end of sequence")


def cross_entropy(logits, labels):
    if len(logits.shape) != 2:
        raise ValueError("shapes")
    return Later()


# %% task_01_running_mean: an error whose traceback is a hundred thousand lines
def running_mean(values, window):
    def deeper(depth):
        if depth:
            deeper(depth - 1)
        raise ValueError("\n".join(f"line {number}" for number in range(1000)))

    deeper(900)


# %% task_03_counter: attributes that raise, in all ways to read them
class Counter:
    def __getattribute__(self, name):
        if name in ("counts", "most_common"):
            raise AttributeError(name)
        return object.__getattribute__(self, name)

    def __setattr__(self, name, value):
        raise KeyboardInterrupt

    def add(self, word):
        return None

    def __len__(self):
        return -1

    def __iter__(self):
        return None

    def __contains__(self, word):
        raise SystemExit
