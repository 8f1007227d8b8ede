"""Values cross as data: they come back equal and of plain types, and no message does harm."""

import collections
import enum
import json
import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder import codec
from autograder.codec import Caps, CodecError, Handle, Raised, decode, encode


def same(one, other):
    """Tell whether two values are equal in type and content, with NaN equal to NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray | np.generic):
        return (
            one.dtype == other.dtype
            and one.shape == other.shape
            and one.tobytes() == other.tobytes()
        )
    if isinstance(one, float):
        return (
            one == other and math.copysign(1, one) == math.copysign(1, other)
        ) or one != one != other
    if isinstance(one, complex):
        return same(one.real, other.real) and same(one.imag, other.imag)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    return one == other


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, False, 0, -1, 10**300, 0.1, -0.0, math.inf, -math.inf, math.nan),
        *(1 + 2j, complex(0.0, math.nan), "", "é\n\0", b"", b"\xff", bytearray(b"x")),
        *([], (), {}, set(), frozenset({1}), [1, (2, [3.0])], {"a": [1], (1, 2): None, 3: {}}),
        *(range(3), range(10, 0, -2), slice(None, 3), ..., {math.inf: 1}),
        *(np.float32(1.5), np.int64(-3), np.bool_(True), np.str_("é"), np.complex64(1j)),
        *(
            np.zeros((2, 0, 3)),
            np.arange(6).reshape(2, 3)[:, ::-1],
            np.array(5),
            np.array(["a", "bc"]),
        ),
        *(np.array([b"x"]), np.array(["2020-01-01"], "datetime64[D]"), np.ones(3, ">f4")),
        *(np.broadcast_to(np.float64(1), (4, 4)).copy(), np.dtype("float32"), np.dtype("<U3")),
        *(Handle(3, "Model"), Raised(("ValueError", "Exception"), "no")),
    ],
    ids=repr,
)
def test_values_come_back(value):
    assert same(decode(encode(value)), value)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_any_value_comes_back(value):
    try:
        message = encode(value)
    except CodecError:
        assert any(0xD800 <= ord(letter) < 0xE000 for letter in repr(value))
        return
    assert repr(decode(message)) == repr(value) or same(decode(message), value)


class Liar(float):
    """Claims to be everything."""

    def __eq__(self, other):
        return True

    __hash__ = float.__hash__

    def __float__(self):
        return 42.0

    def __add__(self, other):
        return 42.0

    def hex(self):
        return "0x42"


class Tricky(list):
    def __iter__(self):
        return iter([42])

    def __len__(self):
        return 1


class Point(collections.namedtuple("Point", "x y")):
    def __eq__(self, other):
        return True

    __hash__ = tuple.__hash__


class Colour(enum.IntEnum):
    RED = 7


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Liar(1.0), 1.0),
        (Tricky([1, 2]), [1, 2]),
        (Point(1, 2), (1, 2)),
        (Colour.RED, 7),
        (collections.OrderedDict(a=1), {"a": 1}),
        (collections.Counter("aa"), {"a": 2}),
        (type("Text", (str,), {"__eq__": lambda *_: True, "__hash__": str.__hash__})("x"), "x"),
        (type("Bytes", (bytes,), {"__iter__": lambda _: iter(())})(b"x"), b"x"),
    ],
)
def test_a_subclass_arrives_as_what_it_is_and_not_as_what_it_says(value, plain):
    assert same(decode(encode(value)), plain)


class EqualsAll:
    def __eq__(self, other):
        return True

    __hash__ = None

    def __array__(self, dtype=None, copy=None):
        return np.ones(3)

    def __float__(self):
        return 1.0


def test_an_object_stays_behind_a_handle():
    kept = []

    def keep(value):
        kept.append(value)
        return Handle(len(kept), type(value).__name__)

    arrived = decode(encode([EqualsAll(), 1], keep))
    assert same(arrived, [Handle(1, "EqualsAll"), 1])
    assert arrived[0] != 1
    assert arrived[0] != Handle(2, "EqualsAll")
    with pytest.raises(CodecError, match="EqualsAll can't cross"):
        encode(EqualsAll())
    with pytest.raises(CodecError, match="can't cross"):
        encode(np.array([EqualsAll()], dtype=object))
    with pytest.raises(CodecError, match="can't cross"):
        encode(np.zeros(2, dtype=[("a", "i4")]))


def test_what_holds_itself_is_refused():
    loop = []
    loop.append({"a": (loop,)})
    with pytest.raises(CodecError, match="holds itself"):
        encode(loop)
    twice = [1]
    assert decode(encode([twice, twice])) == [[1], [1]]


def test_a_half_of_a_surrogate_pair_is_replaced():
    assert decode(encode("a\ud800")) == "a?"


def test_caps_hold_on_both_sides():
    cases = {
        Caps(mib=0.001): np.zeros(1000),
        Caps(items=10): list(range(20)),
        Caps(depth=3): [[[[[]]]]],
        Caps(digits=5): 10**9,
        Caps(tree_mib=0.0001): "x" * 1000,
    }
    for caps, value in cases.items():
        with pytest.raises(CodecError):
            encode(value, caps=caps)
        with pytest.raises(CodecError):
            decode(encode(value), caps)
    with pytest.raises(CodecError, match="larger"):
        encode(np.broadcast_to(np.float64(1), (10**6, 10**6)))


def message(tree, *arrays):
    """Return a message as a forger would write it."""
    text = json.dumps(tree).encode()
    parts = [struct.pack(">II", len(text), len(arrays)), text]
    return b"".join(parts + [struct.pack(">Q", len(array)) + array for array in arrays])


FORGED = [
    b"",
    b"x",
    struct.pack(">II", 2**32 - 1, 0),
    struct.pack(">II", 0, 2**32 - 1),
    message(["array", "<f8", [2**39, 2**39], 0], b""),
    message(["array", "<f8", [-1], 0], b""),
    message(["array", "<f8", [True], 0], b"\0" * 8),
    message(["array", "<f8", [1], 0], b"short"),
    message(["array", "|O", [1], 0], b"\0" * 8),
    message(["array", "f8,f8", [1], 0], b"\0" * 16),
    message(["array", "object", [1], 0], b"\0" * 8),
    message(["array", "<f8", [1], 1], b"\0" * 8),
    message(["list", [["bytes", 0], ["bytes", 0]]], b"used twice"),
    message(["bytes", -1], b"x"),
    message(["bytes", 0], b"x") + b"more",
    message(["__class__"]),
    message(["value", []]),
    message(["content", 0], b"x"),
    message(["int", 3]),
    message(["int", "0x" + "f" * 10**5]),
    message(["float", "one"]),
    message(["complex", "a", 1]),
    message(["dict", [[1, 2, 3]]]),
    message(["dict", [[["list", []], 1]]]),
    message(["set", [["list", []]]]),
    message(["range", "a"]),
    message(["handle", "1", "x"]),
    message(["raised", "ValueError", "x"]),
    message({"list": []}),
    message([]),
    message([["list"], []]),
    message(1.5),
    message(["dtype", "O"]),
    message(["tf.Tensor", "<f8", [1], 0], b"x"),
    struct.pack(">II", 3, 0) + b"NaN",
    struct.pack(">II", 200_000, 0) + b"[" * 100_000 + b"]" * 100_000,
]


@pytest.mark.parametrize("forged", FORGED, ids=range(len(FORGED)))
def test_a_forged_message_is_refused(forged):
    with pytest.raises(CodecError):
        decode(forged)


@settings(max_examples=300)
@given(st.binary(max_size=100))
def test_any_bytes_are_a_value_or_refused(content):
    try:
        decode(content)
    except CodecError:
        return


TREES = st.recursive(
    st.sampled_from([*sorted(codec.KINDS - {k for k in codec.KINDS if k.startswith("tf")}), "<f8"])
    | st.integers(-2, 300)
    | st.none()
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=500)
@given(TREES, st.lists(st.binary(max_size=16), max_size=2))
def test_any_tree_is_a_value_or_refused(tree, arrays):
    try:
        decode(message(tree, *arrays))
    except CodecError:
        return


@pytest.mark.parametrize("cut", [1, 5, 9, 20, 60])
def test_a_message_that_is_cut_off_is_refused(cut):
    whole = encode([np.arange(10), "text"])
    with pytest.raises(CodecError):
        decode(whole[:-cut])


@pytest.mark.slow
def test_tensors_cross_as_tensors():
    import keras
    import tensorflow as tf

    values = [
        tf.constant([[1.0, 2.0]]),
        tf.constant(3, tf.int64),
        tf.constant([1.5], tf.bfloat16),
        tf.constant(["a", "é"]),
    ]
    for value in values:
        arrived = decode(encode(value))
        assert arrived.dtype == value.dtype
        assert arrived.shape == value.shape
        assert np.array_equal(arrived.numpy(), value.numpy())
    for variable in (tf.Variable([1.0]), keras.Variable([1.0])):
        arrived = decode(encode(variable))
        assert isinstance(arrived, tf.Variable)
        assert arrived.numpy() == [1.0]
    assert decode(encode(tf.float32)) is tf.float32
    assert decode(encode(tf.TensorShape([None, 3]))).as_list() == [None, 3]
    assert decode(encode(tf.TensorShape(None))).rank is None
    symbolic = keras.Input((3,))
    with pytest.raises(CodecError, match="can't cross"):
        encode(symbolic)
