"""Where data comes from: COURSE_DATA, Keras's cache, a download from a real server, a stand-in."""

import ast
import errno
import hashlib
import importlib.util
import io
import os
import pickle
import socket
import struct
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from dataclasses import FrozenInstanceError, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from course import data

ROOT = Path(data.__file__).parents[1]
REAL_DATA = os.environ.get("COURSE_DATA")  # before the fixture hides it


@pytest.fixture(autouse=True)
def isolated(monkeypatch, tmp_path):
    """Hide the tester's own data, cache and network."""
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setenv("COURSE_DOWNLOAD", "never")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setattr(data, "_used", [])
    monkeypatch.setattr(data, "_failures", {})


def small(spec):
    """Return a dataset of 10 training and 4 test images."""
    shapes = {
        name: (10 if "train" in name else 4, *shape[1:]) for name, shape in spec.shapes.items()
    }
    return replace(spec, shapes=MappingProxyType(shapes))


@pytest.fixture
def tiny(monkeypatch):
    """Make MNIST and CIFAR-10 tiny, so that a test can write them."""
    for name, spec in data.DATASETS.items():
        monkeypatch.setitem(data.DATASETS, name, small(spec))
    return data.DATASETS


def arrays_for(spec):
    rng = np.random.default_rng(len(spec.name))
    high = {"x": 256, "y": 10}
    return {
        name: rng.integers(0, high[name[0]], shape, dtype="uint8")
        for name, shape in spec.shapes.items()
    }


def as_split(arrays):
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def assert_same_split(found, expected):
    for found_part, expected_part in zip(found, expected, strict=True):
        for one, other in zip(found_part, expected_part, strict=True):
            assert (one.shape, one.dtype) == (other.shape, other.dtype)
            assert np.array_equal(one, other)


# --- COURSE_DATA


@pytest.fixture
def folder(monkeypatch, tmp_path):
    path = tmp_path / "data"
    path.mkdir()
    monkeypatch.setenv("COURSE_DATA", str(path))
    return path


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_arrays_come_from_the_folder(name, save, tiny, folder):
    arrays = arrays_for(tiny[name])
    save(folder / f"{name}.npz", **arrays, something_else=np.zeros(3))
    source = data.find_source(name)
    assert (source.dataset, source.kind, source.real, source.reason) == (
        name,
        "COURSE_DATA",
        True,
        None,
    )
    assert source.path == str(folder / f"{name}.npz")
    assert source.sha256 == hashlib.sha256(Path(source.path).read_bytes()).hexdigest()
    assert source.description == f"{tiny[name].title} from the folder in COURSE_DATA"
    load = {"mnist": data.load_mnist, "cifar10": data.load_cifar10}[name]
    assert_same_split(load(), as_split(arrays))


def test_folder_may_be_given_relative_to_home(tiny, folder, monkeypatch):
    np.savez(folder / "mnist.npz", **arrays_for(tiny["mnist"]))
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("COURSE_DATA", "~/data")
    assert data.find_source("mnist").path == str(folder / "mnist.npz")


def test_empty_setting_counts_as_unset(monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "")
    assert data.find_source("mnist").kind == "stand-in"


@pytest.mark.parametrize("make", [lambda path: None, Path.touch])
def test_missing_folder_is_an_error(make, tmp_path, monkeypatch):
    make(tmp_path / "nowhere")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(data.DataError, match=r"COURSE_DATA is '.*nowhere', .* not a folder"):
        data.find_source("mnist")


def test_folder_without_the_file_is_passed_over(tiny, folder):
    np.savez(folder / "mnist.npz", **arrays_for(tiny["mnist"]))
    source = data.find_source("cifar10")
    assert source.kind == "stand-in"
    assert "the folder in COURSE_DATA has no cifar10.npz" in source.reason


def without(name):
    return lambda arrays: {key: array for key, array in arrays.items() if key != name}


def with_array(name, change):
    return lambda arrays: arrays | {name: change(arrays[name])}


WRONG_ARRAYS = {
    "missing array": (without("y_test"), ["y_test is missing", "x_test, x_train, y_train"]),
    "other names": (
        lambda arrays: {"images": arrays["x_train"], "labels": arrays["y_train"]},
        ["x_train is missing", "found: images, labels"],
    ),
    "too few images": (
        with_array("x_train", lambda x: x[:-1]),
        ["x_train", "(9, 28, 28)", "(10, 28, 28)"],
    ),
    "fewer labels than images": (
        with_array("y_train", lambda y: y[:-1]),
        ["y_train", "(9,)", "(10,)"],
    ),
    "labels in a column": (
        with_array("y_test", lambda y: y[:, None]),
        ["y_test", "(4, 1)", "(4,)"],
    ),
    "images with channels": (
        with_array("x_test", lambda x: x[..., None]),
        ["x_test", "(4, 28, 28, 1)", "(4, 28, 28)"],
    ),
    "floats": (
        with_array("x_train", lambda x: (x / 255).astype("float32")),
        ["x_train", "float32", "uint8"],
    ),
    "wide labels": (with_array("y_test", lambda y: y.astype("int64")), ["y_test", "int64"]),
    "pickled objects": (with_array("y_train", lambda y: y.astype(object)), ["y_train", "object"]),
    "label out of range": (
        with_array("y_train", lambda y: y + np.uint8(10 - y.max())),
        ["y_train", "to 10", "expected 0 to 9"],
    ),
}


@pytest.mark.parametrize("case", WRONG_ARRAYS)
def test_wrong_arrays_are_named(case, tiny, folder):
    change, words = WRONG_ARRAYS[case]
    np.savez(folder / "mnist.npz", **change(arrays_for(tiny["mnist"])))
    with pytest.raises(data.DataError) as caught:
        data.load_mnist()
    message = str(caught.value)
    for word in [str(folder / "mnist.npz"), "unset COURSE_DATA", *words]:
        assert word in message
    assert "\n" not in message
    assert data.used() == []


@pytest.mark.parametrize("case", [case for case in WRONG_ARRAYS if "range" not in case])
def test_wrong_headers_are_found_before_anything_is_loaded(case, tiny, folder):
    change, _ = WRONG_ARRAYS[case]
    np.savez(folder / "mnist.npz", **change(arrays_for(tiny["mnist"])))
    with pytest.raises(data.DataError):
        data.find_source("mnist")


def test_the_official_counts_are_expected(folder):
    np.savez(folder / "mnist.npz", **arrays_for(small(data.DATASETS["mnist"])))
    with pytest.raises(data.DataError, match=r"x_train .*\(10, 28, 28\).*\(60000, 28, 28\)"):
        data.find_source("mnist")


class Bomb:
    """An object whose pickle writes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_pickles_are_never_loaded(tiny, folder, tmp_path):
    arrays = arrays_for(tiny["mnist"])
    bomb = np.empty(arrays["y_train"].shape, dtype=object)
    bomb[:] = Bomb(tmp_path / "exploded")
    np.savez(folder / "mnist.npz", **arrays | {"y_train": bomb})
    with pytest.raises(data.DataError):
        data.load_mnist()
    assert not (tmp_path / "exploded").exists()
    with np.load(folder / "mnist.npz", allow_pickle=True) as file:  # the bomb is a real one
        assert file["y_train"].dtype == object
    assert (tmp_path / "exploded").exists()


def test_the_arrays_that_are_checked_are_those_that_are_read(tiny, folder):
    # `numpy.load(...)["x_train"]` prefers a member of that name to `x_train.npy`.
    arrays = arrays_for(tiny["mnist"])
    np.savez(folder / "mnist.npz", **arrays)
    with zipfile.ZipFile(folder / "mnist.npz", "a") as archive:
        archive.writestr("x_train", b"something else")
    assert_same_split(data.load_mnist(), as_split(arrays))


WRONG_FILES = {
    "text": lambda whole: b"<html>Sign in to the Wi-Fi</html>",
    "empty": lambda whole: b"",
    "truncated": lambda whole: whole[: len(whole) // 2],
    "damaged": lambda whole: whole[:1000] + bytes([whole[1000] ^ 255]) + whole[1001:],
}


@pytest.mark.parametrize("case", WRONG_FILES)
def test_file_that_is_not_a_whole_npz(case, tiny, folder):
    path = folder / "mnist.npz"
    np.savez(path, **arrays_for(tiny["mnist"]))
    path.write_bytes(WRONG_FILES[case](path.read_bytes()))
    with pytest.raises(data.DataError, match="not a readable npz file") as caught:
        data.load_mnist()
    assert str(path) in str(caught.value)


def test_a_folder_in_place_of_the_file(folder):
    (folder / "mnist.npz").mkdir()
    with pytest.raises(data.DataError, match="not a readable npz file"):
        data.find_source("mnist")


@settings(max_examples=200, database=None, suppress_health_check=list(HealthCheck))
@given(at=st.integers(0), value=st.integers(1, 255), keep=st.none() | st.integers(0))
def test_a_damaged_file_is_refused_or_read_right(at, value, keep, tiny, folder):
    spec = tiny["mnist"]
    tiny["mnist"] = replace(
        spec, shapes={name: (2, *shape[1:]) for name, shape in spec.shapes.items()}
    )
    try:
        arrays = arrays_for(tiny["mnist"])
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        content = bytearray(buffer.getvalue())
        content[at % len(content)] ^= value
        if keep is not None:
            content = content[: keep % len(content)]
        (folder / "mnist.npz").write_bytes(content)
        try:
            found = data.load_mnist()
        except data.DataError:
            return
        assert_same_split(found, as_split(arrays))
    finally:
        tiny["mnist"] = spec


def test_file_that_changes_while_it_is_read(tiny, folder, monkeypatch):
    path = folder / "mnist.npz"
    np.savez(path, **arrays_for(tiny["mnist"]))
    source = data.find_source("mnist")
    np.savez(path, **arrays_for(tiny["mnist"]), more=np.zeros(1))
    monkeypatch.setattr(data, "find_source", lambda dataset: source)
    with pytest.raises(data.DataError, match="changed while it was read"):
        data.load_mnist()


# --- A server, and files to serve


class Server(ThreadingHTTPServer):
    """Serves `body` at every path, and misbehaves as it is told."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, body):
        super().__init__(("127.0.0.1", 0), Handler)
        self.body = body
        self.status = 200
        self.send = len(body)  # how much of it
        self.tell_length = True
        self.halfway = None  # called after the first half
        self.requests = 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}/file"

    def handle_error(self, request, client_address):
        pass  # clients that hang up are part of the tests


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.requests += 1
        self.send_response(server.status)
        if server.tell_length:
            self.send_header("Content-Length", str(len(server.body)))
        self.end_headers()
        half = server.send // 2
        self.wfile.write(server.body[:half])
        self.wfile.flush()
        if server.halfway:
            server.halfway()
        self.wfile.write(server.body[half : server.send])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = Server(np.random.default_rng(1).bytes(400_000))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def release():
    """An event for whom a server waits; set at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


def serve_mnist(server, tiny, monkeypatch):
    """Let a server serve a tiny MNIST; return its arrays."""
    arrays = arrays_for(tiny["mnist"])
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    server.body = buffer.getvalue()
    server.send = len(server.body)
    sha256 = hashlib.sha256(server.body).hexdigest()
    tiny["mnist"] = replace(tiny["mnist"], url=server.url, sha256=sha256)
    monkeypatch.delenv("COURSE_DOWNLOAD")
    return arrays


def sha256_of(server):
    return hashlib.sha256(server.body).hexdigest()


# --- Download


@pytest.mark.parametrize("tell_length", [True, False])
def test_download(tell_length, server, tmp_path):
    server.tell_length = tell_length
    target = tmp_path / "new" / "folder" / "file"
    data.download(server.url, target, sha256_of(server))
    assert target.read_bytes() == server.body
    assert os.listdir(target.parent) == ["file"]


def failed_download(server, tmp_path, sha256=None, **limits):
    """Return why a download fails, after checking that it left nothing."""
    target = tmp_path / "cache" / "file"
    url = server if isinstance(server, str) else server.url
    with pytest.raises(data.DownloadError) as caught:
        data.download(url, target, sha256 or "0" * 64, **limits)
    assert os.listdir(target.parent) == []
    assert str(tmp_path) not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("tell_length", [True, False])
def test_truncated_body(tell_length, server, tmp_path):
    server.send = 300_000
    server.tell_length = tell_length
    why = failed_download(server, tmp_path, sha256_of(server))
    assert why == (
        "the connection ended after 300,000 of 400,000 bytes"
        if tell_length
        else "the server sent another file (wrong checksum)"
    )


def test_wrong_checksum(server, tmp_path):
    assert failed_download(server, tmp_path) == "the server sent another file (wrong checksum)"


def test_error_of_the_server(server, tmp_path):
    server.status = 404
    assert failed_download(server, tmp_path) == "the server answered 404 Not Found"


def test_connection_refused(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    why = failed_download(f"http://127.0.0.1:{port}/file", tmp_path)
    assert why == os.strerror(errno.ECONNREFUSED)


def test_server_that_accepts_and_never_answers(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        start = time.monotonic()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/file"
        why = failed_download(url, tmp_path, connect_limit=0.2)
        assert time.monotonic() - start < 2
    assert why == "no answer within 0.2 s"


def test_server_that_falls_silent(server, tmp_path, release):
    server.halfway = release.wait
    start = time.monotonic()
    why = failed_download(server, tmp_path, quiet_limit=0.2)
    assert time.monotonic() - start < 2
    assert why == "no byte came for 0.2 s"


def test_server_that_does_not_speak_http(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/file"
        assert "SSH-2.0" in failed_download(url, tmp_path)
        thread.join()


def test_name_lookup_that_hangs(tmp_path, monkeypatch, release):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args: release.wait())
    start = time.monotonic()
    why = failed_download("http://course.invalid/file", tmp_path, connect_limit=0.2)
    assert time.monotonic() - start < 2
    assert why == "no answer within 0.2 s"


def test_name_lookup_that_fails(tmp_path, monkeypatch):
    def fail(*args):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    why = failed_download("http://course.invalid/file", tmp_path)
    assert why == "name lookup failed (Name or service not known)"


def test_interrupt_leaves_nothing(server, tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(data, "_fetch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        data.download(server.url, tmp_path / "cache" / "file", "")
    assert os.listdir(tmp_path / "cache") == []


DOWNLOAD = """
import sys
from pathlib import Path
from course import data

try:
    data.download(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
except data.DownloadError as error:
    sys.exit(str(error))
"""


def start_download(server, target, before=""):
    """Start another process that downloads."""
    return subprocess.Popen(
        [sys.executable, "-c", before + DOWNLOAD, server.url, target, sha256_of(server)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_at_once(server, tmp_path):
    server.halfway = threading.Barrier(2, timeout=20).wait  # neither ends before both have begun
    target = tmp_path / "file"
    processes = [start_download(server, target) for _ in range(2)]
    for process in processes:
        _, errors = process.communicate(timeout=30)
        assert (process.returncode, errors) == (0, "")
    assert server.requests == 2
    assert target.read_bytes() == server.body
    assert os.listdir(tmp_path) == ["file"]


def test_killed_process(server, tmp_path, release):
    server.halfway = release.wait
    target = tmp_path / "file"
    process = start_download(server, target)
    deadline = time.monotonic() + 20
    while not any(part.stat().st_size for part in tmp_path.iterdir()):
        assert time.monotonic() < deadline, "the download did not begin"
        time.sleep(0.02)
    process.kill()
    process.communicate()
    [orphan] = tmp_path.iterdir()
    assert orphan != target

    release.set()
    data.download(server.url, target, sha256_of(server))
    assert target.read_bytes() == server.body
    assert orphan.exists()  # for all we know, its owner lives
    os.utime(orphan, (0, time.time() - 2 * data.DEAD_AFTER))
    data.download(server.url, target, sha256_of(server))
    assert os.listdir(tmp_path) == ["file"]


def test_full_disk(server, tmp_path):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    process = start_download(server, tmp_path / "file", before=limit)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors.strip()) == (1, "File too large")
    assert os.listdir(tmp_path) == []


# --- Keras's cache


def test_arrays_come_from_a_download_and_then_from_the_cache(server, tiny, monkeypatch):
    arrays = serve_mnist(server, tiny, monkeypatch)
    for _ in range(2):
        assert_same_split(data.load_mnist(), as_split(arrays))
    assert server.requests == 1
    [source] = data.used()
    assert (source.kind, source.real, source.reason) == ("keras", True, None)
    assert source.path == str(data.keras_cache() / "mnist.npz")
    assert source.sha256 == tiny["mnist"].sha256
    monkeypatch.setenv("COURSE_DOWNLOAD", "never")
    assert data.find_source("mnist") == source


def test_folder_without_the_file_is_mentioned_beside_the_download(
    server, tiny, folder, monkeypatch
):
    serve_mnist(server, tiny, monkeypatch)
    source = data.find_source("mnist")
    assert source.kind == "keras"
    assert source.reason == "the folder in COURSE_DATA has no mnist.npz"


def test_folder_comes_before_the_cache(server, tiny, folder, monkeypatch):
    serve_mnist(server, tiny, monkeypatch)
    np.savez(folder / "mnist.npz", **arrays_for(tiny["mnist"]))
    assert data.find_source("mnist").kind == "COURSE_DATA"
    assert server.requests == 0


@pytest.mark.parametrize("fails", [False, True])
def test_wrong_file_in_the_cache_goes_only_when_replaced(fails, server, tiny, monkeypatch):
    serve_mnist(server, tiny, monkeypatch)
    path = data.keras_cache() / "mnist.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(server.body[:100])
    if fails:
        server.status = 503
    source = data.find_source("mnist")
    assert os.listdir(path.parent) == ["mnist.npz"]
    if fails:
        assert source.kind == "stand-in"
        assert source.reason == (
            "mnist.npz in Keras's cache is not the official file (wrong checksum); "
            "download failed: the server answered 503 Service Unavailable"
        )
        assert path.read_bytes() == server.body[:100]
    else:
        assert (source.kind, source.reason) == ("keras", None)
        assert path.read_bytes() == server.body


def test_failed_download_is_not_tried_again_at_once(server, tiny, monkeypatch):
    serve_mnist(server, tiny, monkeypatch)
    server.status = 503
    reasons = {data.find_source("mnist").reason for _ in range(3)}
    assert len(reasons) == 1
    assert server.requests == 1
    server.status = 200
    monkeypatch.setattr(data, "RETRY_AFTER", 0)
    assert data.find_source("mnist").kind == "keras"
    assert server.requests == 2


def test_file_that_another_process_brought_while_the_download_failed(server, tiny, monkeypatch):
    serve_mnist(server, tiny, monkeypatch)
    path = data.keras_cache() / "mnist.npz"
    server.send = 10
    server.halfway = lambda: path.write_bytes(server.body)
    source = data.find_source("mnist")
    assert (source.kind, source.reason) == ("keras", None)


def test_cache_folder_that_cannot_be_written(server, tiny, monkeypatch, tmp_path):
    # Permissions don't bind root, so a file stands where the folder would be.
    serve_mnist(server, tiny, monkeypatch)
    (tmp_path / "keras").mkdir()
    data.keras_cache().touch()
    source = data.find_source("mnist")
    assert source.kind == "stand-in"
    assert source.reason == (
        "MNIST is not in Keras's cache; download failed: "
        "Keras's cache folder can't be written (File exists)"
    )
    assert server.requests == 0


@pytest.mark.parametrize("value", ["Never", "0", "no"])
def test_misspelt_switch_is_an_error(value, monkeypatch):
    monkeypatch.setenv("COURSE_DOWNLOAD", value)
    with pytest.raises(data.DataError, match=f"COURSE_DOWNLOAD is '{value}'"):
        data.find_source("mnist")


class Python2Pickler(pickle._Pickler):
    """Writes what Python 2 and the NumPy of 2009 wrote: byte strings, and 0 and 1 as flags."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_bytes(self, value):
        self.write(pickle.BINSTRING + struct.pack("<i", len(value)) + value)

    def save_flag(self, value):
        self.write(pickle.BININT1 + bytes([value]))

    def save_str(self, value):
        self.save_bytes(value.encode())

    dispatch[bytes] = save_bytes
    dispatch[str] = save_str
    dispatch[bool] = save_flag


def cifar10_archive(arrays):
    """Return an archive like the one that Keras downloads."""
    images = np.concatenate([arrays["x_train"], arrays["x_test"]])
    labels = np.concatenate([arrays["y_train"], arrays["y_test"]])[:, 0].tolist()
    size = len(arrays["x_train"]) // 5
    starts = [size * number for number in range(6)]
    names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=1) as tar:
        for name, start, end in zip(names, starts, [*starts[1:], len(images)], strict=True):
            rows = images[start:end].transpose(0, 3, 1, 2).reshape(end - start, -1)
            batch = io.BytesIO()
            Python2Pickler(batch, protocol=2).dump({b"data": rows, b"labels": labels[start:end]})
            content = batch.getvalue().replace(b"numpy._core.", b"numpy.core.")
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def put_archive(specs, archive):
    """Put an archive into Keras's cache and take it for the official one."""
    sha256 = hashlib.sha256(archive).hexdigest()
    specs["cifar10"] = replace(specs["cifar10"], sha256=sha256)
    path = data.keras_cache() / specs["cifar10"].cached_as
    path.parent.mkdir(parents=True)
    path.write_bytes(archive)
    return path


@pytest.mark.filterwarnings("error::numpy.exceptions.VisibleDeprecationWarning")
def test_cifar10_comes_from_the_archive_of_keras(tiny):
    arrays = arrays_for(tiny["cifar10"])
    put_archive(tiny, cifar10_archive(arrays))
    assert_same_split(data.load_cifar10(), as_split(arrays))
    assert data.used()[0].description == "CIFAR-10, the official file that Keras downloads"


def test_archive_with_another_checksum_is_never_unpickled(tiny, tmp_path):
    path = put_archive(tiny, cifar10_archive(arrays_for(tiny["cifar10"])))
    bomb = io.BytesIO()
    with tarfile.open(fileobj=bomb, mode="w:gz") as tar:
        content = pickle.dumps(Bomb(tmp_path / "exploded"))
        member = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    path.write_bytes(bomb.getvalue())
    data.load_cifar10()
    assert data.used()[0].kind == "stand-in"
    assert not (tmp_path / "exploded").exists()


# --- Keras as it is installed


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_addresses_and_checksums_are_those_of_the_installed_keras(name):
    # Runs the body of Keras's `load_data` without importing Keras, which takes seconds.
    keras = Path(importlib.util.find_spec("keras").origin).parent
    tree = ast.parse((keras / "src" / "datasets" / f"{name}.py").read_text())
    [function] = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    function.decorator_list = []
    calls = []

    def get_file(**arguments):
        calls.append(arguments)
        raise StopIteration

    namespace = {"get_file": get_file}
    exec(compile(ast.Module([function], []), name, "exec"), namespace)
    with pytest.raises(StopIteration):
        namespace["load_data"]()
    [call] = calls
    spec = data.DATASETS[name]
    assert (call["origin"], call["file_hash"]) == (spec.url, spec.sha256)
    # `get_file` adds the ending to archives that it extracts; the test below runs it.
    assert call["fname"] + ("_archive" if call.get("extract") else "") == spec.cached_as


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_keras_reads_the_same_arrays_from_the_same_file(name, monkeypatch, tmp_path):
    import keras
    from keras.src.backend import config
    from keras.src.utils import file_utils

    spec = data.DATASETS[name]
    rng = np.random.default_rng(0)
    arrays = {
        array: rng.integers(0, 10, shape[:1] + (1,) * len(shape[1:]), dtype="uint8")
        * np.ones(shape, dtype="uint8")
        for array, shape in spec.shapes.items()
    }
    arrays["x_train"].reshape(-1)[::7] = 200  # so that the order of axes matters
    file = io.BytesIO()
    np.savez(file, **arrays)
    content = file.getvalue() if name == "mnist" else cifar10_archive(arrays)
    (tmp_path / "keras" / "datasets").mkdir(parents=True)
    (tmp_path / "keras" / "datasets" / spec.cached_as).write_bytes(content)
    monkeypatch.setitem(
        data.DATASETS, name, replace(spec, sha256=hashlib.sha256(content).hexdigest())
    )
    monkeypatch.setattr(config, "_KERAS_DIR", str(tmp_path / "keras"))
    monkeypatch.setattr(file_utils, "validate_file", lambda *args, **kwargs: True)
    monkeypatch.setattr(file_utils, "urlretrieve", None)  # it must not be called

    ours = {"mnist": data.load_mnist, "cifar10": data.load_cifar10}[name]()
    assert data.used()[0].kind == "keras"
    assert_same_split(ours, getattr(keras.datasets, name).load_data())
    assert_same_split(ours, as_split(arrays))


@pytest.mark.parametrize(
    "environment",
    [{"KERAS_HOME": "~/elsewhere"}, {"HOME": "home"}, {"HOME": "nowhere"}],
    ids=["KERAS_HOME", "home", "no home"],
)
def test_cache_folder_is_that_of_the_installed_keras(environment, tmp_path, monkeypatch):
    # Runs Keras's own lines without importing Keras, which would write its settings there.
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KERAS_HOME")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    keras = Path(importlib.util.find_spec("keras").origin).parent
    tree = ast.parse((keras / "src" / "backend" / "config.py").read_text())
    [decision] = [
        node
        for node in tree.body
        if isinstance(node, ast.If) and "KERAS_HOME" in ast.dump(node.test)
    ]
    namespace = {"os": os}
    exec(compile(ast.Module([decision], []), "config", "exec"), namespace)
    keras_dir = os.path.expanduser(namespace["_KERAS_DIR"])  # as `get_file` does
    assert data.keras_cache() == Path(keras_dir) / "datasets"


# --- The stand-in, and what readers are told


@pytest.mark.parametrize(
    ("name", "load", "described"),
    [
        (
            "mnist",
            data.load_mnist,
            "stand-in for MNIST: scikit-learn's 1,797 handwritten digits, enlarged to 28×28",
        ),
        (
            "cifar10",
            data.load_cifar10,
            "stand-in for CIFAR-10: 32×32 patches of ten colour photographs that come with "
            "scikit-image and scikit-learn",
        ),
    ],
)
def test_stand_in_without_a_word_on_stderr(name, load, described, capfd):
    split = load()
    [source] = data.used()
    assert (source.kind, source.real, source.path) == ("stand-in", False, None)
    assert source.reason == (
        f"{data.DATASETS[name].title} is not in Keras's cache; "
        "COURSE_DOWNLOAD=never forbids a download"
    )
    assert source.sha256 == data.stand_in.digest(name)
    assert source.description == described
    assert_same_split(split, data.stand_in.make(name))
    assert capfd.readouterr() == ("", "")


def test_unknown_name():
    with pytest.raises(data.DataError, match="unknown dataset 'imagenet': expected one of mnist"):
        data.find_source("imagenet")


def test_used_keeps_order_and_has_no_duplicates(tiny, folder):
    for name in ("mnist", "cifar10"):
        np.savez(folder / f"{name}.npz", **arrays_for(tiny[name]))
    data.load_cifar10()
    data.load_mnist()
    data.load_cifar10()
    assert [source.dataset for source in data.used()] == ["cifar10", "mnist"]
    data.used().clear()
    assert len(data.used()) == 2
    with pytest.raises(FrozenInstanceError):
        data.used()[0].real = False


def rendered(*datasets):
    """Render a note as Jupyter Book does by default, as CommonMark."""
    return MarkdownIt("commonmark").render(data.note(*datasets).data)


def test_note_on_real_data_is_a_plain_sentence(tiny, folder):
    np.savez(folder / "mnist.npz", **arrays_for(tiny["mnist"]))
    data.load_mnist()
    assert rendered() == rendered("mnist")
    assert rendered() == "<p>Data: MNIST from the folder in COURSE_DATA.</p>\n"


def test_note_on_a_stand_in_is_a_marked_paragraph(tmp_path):
    html = rendered("mnist")
    assert html.startswith("<blockquote>\n<p><strong>This is not MNIST.</strong>")
    assert html.count("<blockquote>") == html.count("<p>") == 1
    for words in (
        "handwritten digits, enlarged to 28×28",
        "<strong>not</strong> MNIST's",
        "<code>mnist.npz</code>",
        "<code>COURSE_DATA</code>",
    ):
        assert words in html
    assert str(tmp_path) not in html


def test_note_tells_each_dataset_apart(tiny, folder):
    np.savez(folder / "cifar10.npz", **arrays_for(tiny["cifar10"]))
    data.load_mnist()
    data.load_cifar10()
    html = rendered()
    assert html.index("not MNIST.") < html.index("</blockquote>") < html.index("<p>Data: CIFAR-10")
    assert rendered("cifar10") == "<p>Data: CIFAR-10 from the folder in COURSE_DATA.</p>\n"


def test_finding_a_source_imports_nothing_heavy():
    code = (
        "import sys; from course import data; data.find_source('mnist');"
        "print(sorted({'keras', 'tensorflow', 'sklearn', 'skimage', 'IPython'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


@pytest.mark.skipif(not REAL_DATA, reason="COURSE_DATA is not set")
@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_real_data(name, monkeypatch):
    if not os.path.exists(os.path.join(REAL_DATA, f"{name}.npz")):
        pytest.skip(f"COURSE_DATA has no {name}.npz")
    monkeypatch.setenv("COURSE_DATA", REAL_DATA)
    split = {"mnist": data.load_mnist, "cifar10": data.load_cifar10}[name]()
    [source] = data.used()
    assert (source.kind, source.real) == ("COURSE_DATA", True)
    shapes = data.DATASETS[name].shapes
    (x_train, y_train), (x_test, y_test) = split
    for array, key in zip((x_train, y_train, x_test, y_test), data.ARRAYS, strict=True):
        assert (array.shape, array.dtype) == (shapes[key], np.uint8)
    for labels in (y_train, y_test):
        assert np.bincount(labels.ravel()).size == 10
    assert 0.1 < x_train.mean() / 255 < 0.6
