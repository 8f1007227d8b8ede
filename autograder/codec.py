"""Values as data: what may cross from the student's process to the judge, and back.

A value becomes a message: a JSON tree, and the arrays behind it as plain bytes. Nothing is
pickled, and a message names no code: what it can hold is the list of kinds below. Who reads one
gets values of Python's, NumPy's and TensorFlow's own types, never a subclass, whoever wrote it.
So an object that claims to be equal to everything, or that lies when it is asked for its value, is
either the plain value that it was written as, or a handle, which is equal to itself alone.

Sizes are checked before anything is built from them.
"""

from __future__ import annotations

import json
import math
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

HEAD = struct.Struct(">II")  # bytes of the tree, number of arrays
SIZE = struct.Struct(">Q")  # bytes of one array
# Kinds of NumPy's types that are plain numbers, truth values, dates or text of a fixed length
PLAIN_DTYPES = frozenset("biufcSUmM")
SCALARS = (type(None), bool, str)
# What a value of a subclass is written as; NumPy's numbers come before
BASES = (int, float, complex, str, bytes, bytearray, list, tuple, set, frozenset, dict)


class CodecError(Exception):
    """A value that can't cross, or a message that is none; the message says why."""


@dataclass(frozen=True)
class Caps:
    """What a message may be at most.

    Attributes:
        mib: all of it.
        tree_mib: what is not an array: text, numbers, containers.
        items: values in it, with those in containers.
        depth: containers within containers.
        digits: decimal digits of a whole number.
    """

    mib: float = 256
    tree_mib: float = 16
    items: int = 1_000_000
    depth: int = 50
    digits: int = 4000


CAPS = Caps()


@dataclass(frozen=True)
class Handle:
    """An object that stays in the other process.

    Attributes:
        number: under which the other process keeps it.
        kind: the name of its type, for messages to people; the other process chose it.
    """

    number: int
    kind: str = field(default="object", compare=False)


@dataclass(frozen=True)
class Model:
    """A Keras model, described (`autograder.models`).

    Attributes:
        kind: "Sequential" or "Functional".
        config: what Keras says of it, as JSON.
        weights: its arrays.
        code: of a class of its own; nobody but the student's process may run it.
    """

    kind: str
    config: str
    weights: tuple[np.ndarray, ...]
    code: bytes = b""


@dataclass(frozen=True)
class Raised:
    """An exception of the other process.

    Attributes:
        names: of its type and the bases of it, the nearest first; the other process chose them.
        text: what it says.
    """

    names: tuple[str, ...]
    text: str


def encode(
    value: Any, keep: Callable[[Any], Handle | Model] | None = None, caps: Caps = CAPS
) -> bytes:
    """Write a value as a message.

    Args:
        value: the value.
        keep: is given each object that can't cross, and returns the handle or the model that
            crosses in its place; without it such an object is an error.
        caps: what the message may be at most.

    Raises:
        CodecError: the value can't cross, or is too large.
    """
    writer = _Writer(keep, caps)
    try:
        tree = json.dumps(writer.tree(value, 0), ensure_ascii=True, allow_nan=False).encode()
    except (ValueError, UnicodeError) as error:
        raise CodecError(f"can't be written: {error}") from None
    parts = [HEAD.pack(len(tree), len(writer.arrays)), tree]
    for array in writer.arrays:
        parts += [SIZE.pack(len(array)), array]
    message = b"".join(parts)
    _check_size(message, len(tree), caps)
    return message


def _check_size(message: bytes, tree: int, caps: Caps) -> None:
    for size, mib in ((len(message), caps.mib), (tree, caps.tree_mib)):
        if size > mib * 2**20:
            raise CodecError(f"larger than {mib:g} MiB")


def decode(
    message: bytes, caps: Caps = CAPS, resolve: Callable[[Handle | Model], Any] | None = None
) -> Any:
    """Read a message.

    Args:
        message: what `encode` returned, or anything else that claims to be so.
        caps: what it may be at most.
        resolve: turns a handle or a model into what stands for it here; without it they stay as
            they are.

    Returns:
        The value; an exception as `Raised`.

    Raises:
        CodecError: it is no message, or too large.
    """
    try:
        size, count = HEAD.unpack_from(message)
        _check_size(message, size, caps)
        place = HEAD.size + size
        if place > len(message):
            raise CodecError("cut off")
        tree = json.loads(message[HEAD.size : place], parse_constant=_no_constant)
        arrays = []
        for _ in range(count):  # a count that is too large ends where the message ends
            (length,) = SIZE.unpack_from(message, place)
            place += SIZE.size
            if place + length > len(message):
                raise CodecError("cut off")
            arrays.append(message[place : place + length])
            place += length
        if place != len(message):
            raise CodecError("more bytes than it says")
        return _Reader(arrays, caps, resolve).value(tree, 0)
    except CodecError:
        raise
    except Exception as error:  # whatever a forged message trips over, it is no message
        raise CodecError(f"no message ({type(error).__name__})") from None


def _no_constant(name: str) -> Any:
    raise CodecError(f"{name} is no JSON")


class _Writer:
    """Writes one value: the tree, and the arrays behind it."""

    def __init__(self, keep: Callable[[Any], Handle | Model] | None, caps: Caps):
        self._keep = keep
        self._caps = caps
        self._items = 0
        self._open: set[int] = set()  # containers that are being written
        self.arrays: list[bytes] = []

    def tree(self, value: Any, depth: int) -> Any:
        self._items += 1
        if self._items > self._caps.items:
            raise CodecError(f"more than {self._caps.items:,} values")
        if depth > self._caps.depth:
            raise CodecError(f"nested more than {self._caps.depth} deep")
        kind = type(value)
        if value is None or kind is bool:
            return value
        if isinstance(value, np.generic) and kind.__module__ == "numpy":
            return self._numpy("scalar", np.asarray(value))
        # Asked by the methods of the base, since those of a subclass may lie
        base = next((base for base in BASES if base in kind.__mro__), None)
        if base is str:
            return _text(value)
        if base is int:
            return self._whole(int.__index__(value))
        if base is float:
            number = float.__pos__(value)
            return ["float", number.hex() if math.isfinite(number) else repr(number)]
        if base is complex:
            number = complex.__pos__(value)
            return ["complex", *(self.tree(part, depth + 1) for part in (number.real, number.imag))]
        if base in (bytes, bytearray):
            return [base.__name__, self._array(b"".join([memoryview(value)]))]
        if base:
            return self._container(base, value, depth)
        if kind in (range, slice):
            parts = (value.start, value.stop, value.step)
            return [kind.__name__, *(self.tree(part, depth + 1) for part in parts)]
        if value is Ellipsis:
            return ["ellipsis"]
        if kind is Handle:
            return ["handle", value.number, _text(value.kind)]
        if kind is Model:
            parts = (value.config, list(value.weights), value.code)
            return ["model", value.kind, *(self.tree(part, depth + 1) for part in parts)]
        if kind is Raised:
            return ["raised", [_text(name) for name in value.names], _text(value.text)]
        if kind is np.ndarray:
            return self._numpy("array", value)
        if isinstance(value, np.dtype):
            return ["dtype", _dtype_name(value)]
        return self._tensorflow(kind, value) or self._other(value)

    def _whole(self, value: int) -> Any:
        if value.bit_length() > self._caps.digits * 3.32:
            raise CodecError(f"a whole number of more than {self._caps.digits} digits")
        return ["int", hex(value)]

    def _container(self, kind: type, value: Any, depth: int) -> Any:
        if id(value) in self._open:
            raise CodecError(f"a {kind.__name__} that holds itself")
        self._open.add(id(value))
        try:
            if kind is dict:
                items = [
                    [self.tree(k, depth + 1), self.tree(v, depth + 1)] for k, v in value.items()
                ]
            else:
                items = [self.tree(item, depth + 1) for item in kind.__iter__(value)]
        except RuntimeError:
            raise CodecError(f"a {kind.__name__} that changes while it is read") from None
        finally:
            self._open.discard(id(value))
        return [kind.__name__, items]

    def _array(self, content: bytes) -> int:
        self.arrays.append(content)
        if sum(map(len, self.arrays)) > self._caps.mib * 2**20:
            raise CodecError(f"larger than {self._caps.mib:g} MiB")
        return len(self.arrays) - 1

    def _numpy(self, name: str, array: np.ndarray) -> Any:
        dtype = _dtype_name(array.dtype)
        if array.nbytes > self._caps.mib * 2**20:  # a broadcast array may be larger than memory
            raise CodecError(f"larger than {self._caps.mib:g} MiB")
        content = np.ascontiguousarray(array).tobytes()
        return [name, dtype, list(array.shape), self._array(content)]

    def _tensorflow(self, kind: type, value: Any) -> Any:
        """Return the tree of a value of TensorFlow's or Keras's; None if it is none."""
        tf = sys.modules.get("tensorflow")
        if tf is None:
            return None
        if isinstance(value, tf.DType):
            return ["tf.DType", value.name]
        if isinstance(value, tf.TensorShape):
            dims = None if value.rank is None else value.as_list()
            return ["tf.TensorShape", dims]
        keras = sys.modules.get("keras")
        if isinstance(value, tf.Variable) or (keras and isinstance(value, keras.Variable)):
            return ["tf.Variable", *self._numpy("array", np.asarray(value.numpy()))[1:]]
        if isinstance(value, tf.Tensor) and hasattr(value, "numpy"):
            if value.dtype == tf.string:
                strings = value.numpy()
                flat = [bytes(item) for item in np.ravel(np.asarray(strings, dtype=object))]
                return ["tf.strings", list(value.shape), self.tree(flat, 1)]
            return ["tf.Tensor", *self._numpy("array", np.asarray(value.numpy()))[1:]]
        return None

    def _other(self, value: Any) -> Any:
        if self._keep is None:
            raise CodecError(f"an object of the type {_text(type(value).__name__)} can't cross")
        return self.tree(self._keep(value), 0)


def _text(text: str) -> str:
    """Return a text without halves of surrogate pairs, which UTF-8 can't hold."""
    return str.encode(text, "utf-8", "replace").decode("utf-8")


def _dtype_name(dtype: np.dtype) -> str:
    if dtype.kind in PLAIN_DTYPES and dtype.names is None and dtype.subdtype is None:
        return dtype.str
    if dtype.name in _extended():  # bfloat16 and its like, of the package ml_dtypes
        return dtype.name
    raise CodecError(f"an array of the type {dtype} can't cross")


def _extended() -> dict[str, np.dtype]:
    import ml_dtypes

    names = ("bfloat16", "float8_e4m3fn", "float8_e5m2", "int4", "uint4")
    return {name: np.dtype(getattr(ml_dtypes, name)) for name in names}


class _Reader:
    """Reads one tree, that anyone may have written."""

    def __init__(
        self,
        arrays: list[bytes],
        caps: Caps,
        resolve: Callable[[Handle | Model], Any] | None = None,
    ):
        self._arrays = arrays
        self._caps = caps
        self._resolve = resolve or (lambda handle: handle)
        self._items = 0
        self._used: set[int] = set()

    def value(self, tree: Any, depth: int) -> Any:
        self._items += 1
        if self._items > self._caps.items or depth > self._caps.depth:
            raise CodecError("too many values, or nested too deeply")
        if type(tree) is str:
            return _text(tree)
        if type(tree) in SCALARS:
            return tree
        if type(tree) is not list or not tree or type(tree[0]) is not str:
            raise CodecError("no value")
        name, *rest = tree
        read = getattr(self, "_" + name.replace(".", "_"), None) if name in KINDS else None
        if read is None:
            raise CodecError(f"an unknown kind of value: {name[:20]!r}")
        return read(depth, *rest)

    def _values(self, trees: Any, depth: int) -> list[Any]:
        if type(trees) is not list:
            raise CodecError("no values")
        return [self.value(tree, depth + 1) for tree in trees]

    def _int(self, depth: int, text: str) -> int:
        if len(text) > self._caps.digits + 3:
            raise CodecError("too many digits")
        return int(text, 16)

    def _float(self, depth: int, text: str) -> float:
        return float(text) if text in ("nan", "inf", "-inf") else float.fromhex(text)

    def _complex(self, depth: int, real: Any, imaginary: Any) -> complex:
        parts = self._values([real, imaginary], depth)
        if not all(type(part) is float for part in parts):
            raise CodecError("no complex number")
        return complex(*parts)

    def _content(self, number: Any) -> bytes:
        """Return an array's bytes; each is used once, or a small message could be a large value."""
        if type(number) is not int or number in self._used or not 0 <= number < len(self._arrays):
            raise CodecError("no such array")
        self._used.add(number)
        return self._arrays[number]

    def _bytes(self, depth: int, number: int) -> bytes:
        return self._content(number)

    def _bytearray(self, depth: int, number: int) -> bytearray:
        return bytearray(self._content(number))

    def _list(self, depth: int, items: list[Any]) -> list[Any]:
        return self._values(items, depth)

    def _tuple(self, depth: int, items: list[Any]) -> tuple[Any, ...]:
        return tuple(self._values(items, depth))

    def _set(self, depth: int, items: list[Any]) -> set[Any]:
        return set(self._values(items, depth))

    def _frozenset(self, depth: int, items: list[Any]) -> frozenset[Any]:
        return frozenset(self._values(items, depth))

    def _dict(self, depth: int, items: list[Any]) -> dict[Any, Any]:
        return dict(self._values(pair, depth) for pair in items)

    def _range(self, depth: int, *parts: Any) -> range:
        return range(*self._values(list(parts), depth))

    def _slice(self, depth: int, *parts: Any) -> slice:
        return slice(*self._values(list(parts), depth))

    def _ellipsis(self, depth: int) -> Any:
        return Ellipsis

    def _handle(self, depth: int, number: Any, kind: Any) -> Handle:
        if type(number) is not int or type(kind) is not str:
            raise CodecError("no handle")
        return self._resolve(Handle(number, kind[:100]))

    def _model(self, depth: int, kind: Any, *parts: Any) -> Any:
        config, weights, code = self._values(list(parts), depth)
        if kind not in ("Sequential", "Functional") or type(config) is not str:
            raise CodecError("no model")
        if type(weights) is not list or type(code) is not bytes:
            raise CodecError("no model")
        if not all(type(weight) is np.ndarray for weight in weights):
            raise CodecError("no model")
        return self._resolve(Model(kind, config, tuple(weights), code))

    def _raised(self, depth: int, names: Any, text: Any) -> Raised:
        if type(names) is not list or not all(type(name) is str for name in names):
            raise CodecError("no exception")
        if type(text) is not str:
            raise CodecError("no exception")
        return Raised(tuple(name[:100] for name in names[:20]), text[:10_000])

    def _shape(self, shape: Any) -> tuple[int, ...]:
        if type(shape) is not list or len(shape) > 32:
            raise CodecError("no shape")
        if not all(type(size) is int and 0 <= size < 2**40 for size in shape):
            raise CodecError("no shape")
        return tuple(shape)

    def _array(self, depth: int, dtype: Any, shape: Any, number: Any) -> np.ndarray:
        kind, sizes = self._dtype(depth, dtype), self._shape(shape)
        content = self._content(number)
        if math.prod(sizes) * kind.itemsize != len(content):
            raise CodecError("an array of another size than it says")
        return np.frombuffer(content, dtype=kind).reshape(sizes).copy()

    def _scalar(self, depth: int, dtype: Any, shape: Any, number: Any) -> np.generic:
        return self._array(depth, dtype, shape, number)[()]

    def _dtype(self, depth: int, name: Any) -> np.dtype:
        if type(name) is not str or len(name) > 30:
            raise CodecError("no type of an array")
        if name in (extended := _extended()):
            return extended[name]
        dtype = np.dtype(name)
        if dtype.str != name or dtype.kind not in PLAIN_DTYPES or not dtype.itemsize:
            raise CodecError("no type of an array")
        return dtype

    def _tf_DType(self, depth: int, name: str) -> Any:
        import tensorflow as tf

        return tf.dtypes.as_dtype(name)

    def _tf_TensorShape(self, depth: int, dims: Any) -> Any:
        import tensorflow as tf

        return tf.TensorShape(dims)

    def _tf_Tensor(self, depth: int, *parts: Any) -> Any:
        import tensorflow as tf

        return tf.constant(self._array(depth, *parts))

    def _tf_Variable(self, depth: int, *parts: Any) -> Any:
        import tensorflow as tf

        return tf.Variable(self._array(depth, *parts))

    def _tf_strings(self, depth: int, shape: Any, items: Any) -> Any:
        import tensorflow as tf

        strings = self.value(items, depth)
        if type(strings) is not list or not all(type(item) is bytes for item in strings):
            raise CodecError("no strings")
        return tf.reshape(tf.constant(strings, dtype=tf.string), self._shape(shape))


# What a message may hold; nothing else of the reader can be named by one
KINDS = frozenset(
    [
        *("int", "float", "complex", "bytes", "bytearray", "range", "slice", "ellipsis"),
        *("list", "tuple", "set", "frozenset", "dict", "handle", "model", "raised"),
        *("array", "scalar", "dtype"),
        *("tf.DType", "tf.TensorShape", "tf.Tensor", "tf.Variable", "tf.strings"),
    ]
)
