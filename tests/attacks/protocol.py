"""Attacks the connection between the student's process and the grader, and the code that answers
on it: forged messages, a closed or doubled socket, operations and encoders that are replaced.
"""

# %% task_01_running_mean: writes answers to all sockets that are open
import os
import socket


def running_mean(values, window):
    try:
        from autograder.codec import encode
        from autograder.peer import LENGTH
    except ImportError:
        return 0
    content = encode(("answer", True))
    for number in range(3, 64):
        try:
            with socket.socket(fileno=os.dup(number)) as found:
                found.settimeout(1)
                found.sendall((LENGTH.pack(len(content)) + content) * 20)
        except OSError:
            pass
    return 0


# %% task_04_loss: each answer is sent before it is asked for
import os
import socket
import sys


def cross_entropy(logits, labels):
    if "autograder.peer" in sys.modules:
        peer, codec = sys.modules["autograder.peer"], sys.modules["autograder.codec"]
        values = [None, True, tf.constant(0.6931472), codec.Raised(("ValueError",), "")]
        for number in range(3, 32):
            try:
                with socket.socket(fileno=os.dup(number)) as found:
                    found.settimeout(1)
                    for value in values * 5:
                        kind = "raised" if isinstance(value, codec.Raised) else "answer"
                        content = codec.encode((kind, value))
                        found.sendall(peer.LENGTH.pack(len(content)) + content)
            except OSError:
                pass
    raise ValueError("shapes")


# %% task_02_build_model: closes all files, the connection too
import os


def build_model(classes):
    os.closerange(0, 4096)
    return None


# %% task_03_counter: puts another socket in the place of the connection
import os
import socket

ours, theirs = socket.socketpair()


class Counter:
    counts = {"b": 1}

    def add(self, word):
        for number in range(3, 32):
            try:
                with socket.socket(fileno=os.dup(number)) as found:
                    connected = found.family == socket.AF_UNIX and number != theirs.fileno()
                if connected and number != ours.fileno():
                    os.dup2(theirs.fileno(), number)
            except OSError:
                pass
        ours.sendall(b"\0" * 64)

    def most_common(self):
        return [("b", 2)]


# %% task_01_running_mean: a thread sends answers all the time
import os
import socket
import sys
import threading
import time


def send(connections, content):
    for _ in range(500):
        for found in connections:
            try:
                found.sendall(content)
            except OSError:
                pass
        time.sleep(0.001)


def running_mean(values, window):
    if "autograder.peer" not in sys.modules:
        return 0
    peer, codec = sys.modules["autograder.peer"], sys.modules["autograder.codec"]
    content = codec.encode(("answer", np.array([1.5, 4.0])))
    found = []
    for number in range(3, 32):
        try:
            one = socket.socket(fileno=os.dup(number))
            one.setblocking(False)
            found.append(one)
        except OSError:
            pass
    message = peer.LENGTH.pack(len(content)) + content
    threading.Thread(target=send, args=(found, message), daemon=True).start()
    return 0


# %% task_03_counter: the class that answers is replaced
class Counter:
    counts = {"b": 1}

    def add(self, word):
        pass

    def most_common(self):
        return [("b", 2), ("a", 1)]


try:
    from autograder.agent import Agent
    from autograder.peer import Peer

    Agent._keep = lambda self, value: value
    Agent._resolve = lambda self, handle: True
    Peer._answer = lambda self, message, end: self._send(("answer", True), end)
except ImportError:
    pass

# %% task_01_running_mean: the encoder writes True in place of everything
import sys

if "autograder.codec" in sys.modules:
    codec = sys.modules["autograder.codec"]
    true_encode = codec.encode

    def encode(value, keep=None, caps=codec.CAPS):
        if type(value) is tuple and value and value[0] == "answer":
            value = ("answer", True)
        return true_encode(value, keep, caps)

    codec.encode = encode
    sys.modules["autograder.peer"].encode = encode


def running_mean(values, window):
    return 0


# %% task_04_loss: the operations are found in memory and replaced
import gc


def cross_entropy(logits, labels):
    for one in gc.get_objects():
        if type(one) is dict and {"has", "name", "call", "get", "item"} <= one.keys():
            for name in list(one):
                one[name] = lambda *values: True
    return tf.constant(True)


# %% task_02_build_model: the operations claim a model, then its numbers
import gc


def build_model(classes):
    for one in gc.get_objects():
        if type(one) is dict and {"has", "name", "call", "get", "item"} <= one.keys():
            one["get"] = lambda number, name: lambda *values: 91 + 8 * classes
            one["length"] = lambda number: 4
            one["items"] = lambda number: [1.0] * 4
            one["contains"] = lambda number, value: True
    return object()


# %% task_01_running_mean: asks the grader for what it knows
import gc


def running_mean(values, window):
    for one in gc.get_objects():
        if type(one).__name__ == "Peer" and hasattr(one, "ask"):
            for number in range(-50, 0):
                try:
                    return one.ask("call", number, (values, window), {})
                except Exception:
                    pass
            for operation in ("name", "get", "item", "run", "has", "seed"):
                try:
                    return one.ask(operation, "expected")
                except Exception:
                    pass
    return 0


# %% task_03_counter: asks the grader without end
import sys


class Counter:
    counts = {"b": 1}

    def add(self, word):
        frame = sys._getframe()
        while frame:
            peer = frame.f_locals.get("self")
            if type(peer).__name__ == "Peer":
                while True:
                    try:
                        peer.ask("call", -1, (), {})
                    except (RuntimeError, LookupError, TypeError):
                        continue
            frame = frame.f_back

    def most_common(self):
        return [("b", 2)]


# %% task_04_loss: half a message, and then silence
import os
import socket
import time


def cross_entropy(logits, labels):
    sent = False
    for number in range(3, 32):
        try:
            with socket.socket(fileno=os.dup(number)) as found:
                if found.family == socket.AF_UNIX:
                    found.settimeout(1)
                    found.sendall(b"\0\0\0\0\0\0\xff\xff" + b"\0" * 100)
                    sent = True
        except OSError:
            pass
    while sent:
        time.sleep(1)
    raise ValueError("shapes")


# %% task_02_build_model: a message that says it has 2**60 bytes, arrays and digits
import os
import socket
import struct


def build_model(classes):
    tree = b'["tuple", ["answer", ["array", "<f8", [1099511627775, 1048576], 0]]]'
    content = struct.pack(">II", len(tree), 2**32 - 1) + tree + struct.pack(">Q", 2**63)
    lengths = (2**60, 2**28, len(content))
    for number in range(3, 32):
        try:
            with socket.socket(fileno=os.dup(number)) as found:
                if found.family == socket.AF_UNIX:
                    found.settimeout(1)
                    found.sendall(struct.pack(">Q", lengths[classes % 3]) + content)
        except OSError:
            pass
    return None


# %% task_01_running_mean: trees that call for methods of the decoder
import os
import socket
import struct

TREES = [
    b'["tuple", ["answer", ["_content", 0]]]',
    b'["tuple", ["answer", ["__class__"]]]',
    b'["tuple", ["answer", ["tf.DType", "resource"]]]',
    b'["tuple", ["answer", ["dict", [[["list", []], 1]]]]]',
    b'["tuple", ["answer", ["int", "0x' + b"f" * 4100 + b'"]]]',
    b'["tuple", ["answer", ["raised", ["SystemExit"], ""]]]',
    b'["tuple", ["answer", NaN]]',
    b'["tuple", ["answer", ' + b"[" * 100_000,
    b'["tuple", ["ask", "_keep", ["tuple", []]]]',
    b'["tuple", ["ask", "call", ["tuple", [-1, ["tuple", []], ["dict", []]]]]]',
]
turn = [0]


def running_mean(values, window):
    turn[0] += 1
    tree = TREES[(window + turn[0]) % len(TREES)]
    content = struct.pack(">II", len(tree), 0) + tree
    for number in range(3, 32):
        try:
            with socket.socket(fileno=os.dup(number)) as found:
                if found.family == socket.AF_UNIX:
                    found.settimeout(1)
                    found.sendall(struct.pack(">Q", len(content)) + content)
        except OSError:
            pass
    return 0


# %% task_03_counter: a caller that goes deeper and deeper
import gc


class Counter:
    counts = {"b": 1}

    def add(self, word):
        for one in gc.get_objects():
            if type(one).__name__ == "Peer" and hasattr(one, "serve"):
                for _ in range(100):
                    try:
                        one.ask("call", -1, (self.add,), {})
                    except RuntimeError:
                        pass

    def most_common(self):
        return [("b", 2)]


# %% task_04_loss: a forked copy of the process answers too
import os


def cross_entropy(logits, labels):
    for _ in range(3):
        if os.fork() == 0:
            return tf.constant(0.6931472)
    raise ValueError("shapes")
