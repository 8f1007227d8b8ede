"""Uses up what there is: processes, memory that is counted and memory that is not, disk, time, and
the room for outputs. All but the waiting ones end by themselves.
"""

# %% task_01_running_mean: a fork bomb
# harmful
import os
import time

made = 0
for _ in range(500):
    try:
        if os.fork() == 0:
            time.sleep(30)
            os._exit(0)
        made += 1
    except OSError:
        break


def running_mean(values, window):
    return np.full(len(values) - window + 1, float(made))


# %% task_02_build_model: a fork bomb whose children fork, in a call
# harmful
import os
import time


def build_model(classes):
    for _ in range(9):
        try:
            os.fork()
        except OSError:
            pass
    time.sleep(20)
    return None


# %% task_03_counter: hundreds of threads
# harmful
import threading
import time


class Counter:
    counts = {"b": 1}

    def add(self, word):
        for _ in range(500):
            threading.Thread(target=time.sleep, args=(30,), daemon=True).start()

    def most_common(self):
        return [("b", 2)]


# %% task_01_running_mean: more memory than there is for it
# harmful
taken = []


def running_mean(values, window):
    for _ in range(32):
        taken.append(b"x" * (256 << 20))
    return 0


# %% task_02_build_model: memory in the cell, by many children
# harmful
import os
import time

for _ in range(16):
    try:
        if os.fork() == 0:
            taken = bytearray(b"x") * (512 << 20)
            time.sleep(20)
            os._exit(0)
    except (OSError, MemoryError):
        os._exit(1)
time.sleep(10)


def build_model(classes):
    return None


# %% task_03_counter: shared memory that many children hold, none of them much
# harmful
import mmap
import os
import time

for _ in range(32):
    if os.fork() == 0:
        shared = mmap.mmap(-1, 256 << 20)
        for place in range(0, 256 << 20, 4096):
            shared[place] = 1
        time.sleep(20)
        os._exit(0)
time.sleep(15)


class Counter:
    counts = {"b": 1}

    def add(self, word):
        pass

    def most_common(self):
        return [("b", 2)]


# %% task_04_loss: shared memory that is written, and then not mapped any more
# harmful
import mmap
import time

shared = mmap.mmap(-1, 8 << 30)
CHUNK = 64 << 20


def cross_entropy(logits, labels):
    for start in range(0, 8 << 30, CHUNK):
        shared[start : start + CHUNK] = b"x" * CHUNK
        shared.madvise(mmap.MADV_DONTNEED, start, CHUNK)
    time.sleep(5)
    return tf.constant(0.0)


# %% task_01_running_mean: memory in the buffers of sockets
# harmful
import os
import socket
import time


def fill():
    held, total = [], 0
    while total < 200 << 20 and len(held) < 480:
        for one in socket.socketpair():
            one.setblocking(False)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            held.append(one)
            try:
                while True:
                    total += one.send(b"x" * 65536)
            except OSError:
                pass
    time.sleep(20)


for _ in range(40):
    try:
        if os.fork() == 0:
            try:
                fill()
            finally:
                os._exit(0)
    except OSError:
        break
time.sleep(15)


def running_mean(values, window):
    return 0


# %% task_02_build_model: memory in page tables
# harmful
import mmap
import time


def build_model(classes):
    empty = mmap.mmap(-1, 2 << 40, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ)
    total = 0
    for place in range(0, 2 << 40, 2 << 20):
        total += empty[place]
    time.sleep(5)
    return total


# %% task_03_counter: files in memory that have no name
# harmful
import os

held = []
for _ in range(16):
    try:
        number = os.memfd_create("held")
        held.append(number)
        for _ in range(8):
            os.write(number, b"x" * (64 << 20))
    except OSError:
        break


class Counter:
    counts = {"b": len(held)}

    def add(self, word):
        pass

    def most_common(self):
        return held


# %% task_04_loss: fills /dev/shm
# harmful
def cross_entropy(logits, labels):
    try:
        with open("/dev/shm/full", "wb") as file:
            for _ in range(32):
                file.write(b"x" * (64 << 20))
    except OSError:
        pass
    raise ValueError("shapes")


# %% task_01_running_mean: fills the disk, in each folder that it may write to
# harmful
import os
import tempfile

for folder in (".", os.path.expanduser("~"), tempfile.gettempdir(), "/var/tmp", "/tmp"):
    try:
        with open(f"{folder}/full", "wb") as file:
            for _ in range(6):
                file.write(b"x" * (64 << 20))
    except OSError:
        pass


def running_mean(values, window):
    return 0


# %% task_03_counter: as many files and folders as there may be
# harmful
import os

try:
    for number in range(100_000):
        os.mkdir(f"folder{number}")
except OSError:
    pass


class Counter:
    counts = {"b": 1}

    def add(self, word):
        pass

    def most_common(self):
        return os.listdir(".")


# %% task_02_build_model: one line of thirty million letters
# harmful
print("x" * 30_000_000)


def build_model(classes):
    print("y" * 30_000_000)
    return None


# %% task_01_running_mean: a million lines
# harmful
for number in range(1_000_000):
    print("line", number)


def running_mean(values, window):
    for number in range(100_000):
        print("line", number)
    return 0


# %% task_04_loss: a flood past Python, to the files 1 and 2 themselves
# harmful
import os

for number in (1, 2):
    try:
        for _ in range(100):
            os.write(number, b"x" * 1_000_000 + b"\n")
    except OSError:
        pass
os.system("yes | head -c 100000000")


def cross_entropy(logits, labels):
    os.write(2, b"x" * 1_000_000)
    return tf.constant(0.0)


# %% task_03_counter: ten thousand pictures, one after the other
# harmful
from IPython.display import display

for number in range(10_000):
    display({"image/png": "A" * 1000, "text/plain": "picture"}, raw=True)


class Counter:
    counts = {"b": 1}

    def add(self, word):
        pass

    def most_common(self):
        return [("b", 2)]


# %% task_02_build_model: outputs without a cap, since the cap is in this process
# harmful
import sys

if "autograder.cells" in sys.modules:
    sys.modules["autograder.cells"]._Outputs._take = lambda self, size: True
print("x" * 15_000_000)


def build_model(classes):
    return None


# %% task_01_running_mean: an error with a text of twenty million letters
# harmful
def running_mean(values, window):
    raise ValueError("x" * 20_000_000)


# %% task_04_loss: a cell that never ends
def cross_entropy(logits, labels):
    return tf.constant(0.0)


while True:
    pass


# %% task_03_counter: a call that never ends
class Counter:
    counts = {"b": 1}

    def add(self, word):
        while True:
            pass

    def most_common(self):
        return [("b", 2)]


# %% task_02_build_model: a call that sleeps
import time


def build_model(classes):
    while True:
        time.sleep(3600)


# %% task_01_running_mean: a call that catches all that could end it
import signal
import time


def running_mean(values, window):
    for number in range(1, 32):
        try:
            signal.signal(number, signal.SIG_IGN)
        except OSError:
            pass
    while True:
        try:
            time.sleep(1)
        except BaseException:
            pass


# %% task_04_loss: a call into C that no signal ends
def cross_entropy(logits, labels):
    if len(logits.shape) != 2:
        raise ValueError("shapes")
    return tf.constant(float(len(str(9 ** (10**8))) % 2))


# %% task_03_counter: an import that waits for an input
import sys


class Counter:
    counts = {"b": 1}

    def add(self, word):
        input("word?")
        sys.stdin.read()

    def most_common(self):
        return [("b", 2)]


# %% task_01_running_mean: all files that a process may have open
import socket

held = []


def running_mean(values, window):
    try:
        while len(held) < 5000:
            held.extend(socket.socketpair())
    except OSError:
        pass
    return 0


# %% task_02_build_model: recursion in Python and in C
import sys


def build_model(classes):
    sys.setrecursionlimit(10**9)
    return build_model(classes)
