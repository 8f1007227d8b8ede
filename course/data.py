"""MNIST and CIFAR-10 as `keras.datasets` returns them, with or without internet.

The arrays come from the first of these sources that has them:

1. the folder in the environment variable `COURSE_DATA` (`mnist.npz`, `cifar10.npz`);
2. Keras's own cache, filled by a download if need be (`COURSE_DOWNLOAD=never` forbids it);
3. a stand-in made of real pixels that installed packages ship (`course.stand_in`).

A source that can't be used is never an error, except a wrong `COURSE_DATA`: someone chose that.
`Source.reason` tells why the sources before it were passed over. Nothing is written to stderr,
because that would become a warning on the page of the chapter.

Neither Keras nor TensorFlow is imported: `find_source` must be quick.
"""

import hashlib
import http.client
import io
import os
import pickle
import queue
import socket
import ssl
import tarfile
import threading
import time
import urllib.error
import urllib.request
import uuid
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, TYPE_CHECKING

import numpy as np

from course import stand_in
from course.stand_in import Split

if TYPE_CHECKING:
    from IPython.display import Markdown

CONNECT_LIMIT = 5.0  # seconds until a server must have begun to answer
QUIET_LIMIT = 10.0  # seconds without a byte after which a download is given up
RETRY_AFTER = 60.0  # seconds in which a failed download is not tried again
DEAD_AFTER = 600.0  # seconds without a byte after which a temporary file is an orphan
CHUNK = 1 << 16

ARRAYS = ("x_train", "y_train", "x_test", "y_test")


class DataError(Exception):
    """The data that someone asked for is wrong; the message says how to mend it."""


class DownloadError(Exception):
    """A download failed; the message says why, without local paths."""


@dataclass(frozen=True)
class Dataset:
    """A dataset as Keras has it.

    Attributes:
        name: the name in this module and of its file in `COURSE_DATA`, without `.npz`.
        title: the name in prose.
        url: where Keras downloads it.
        cached_as: what Keras calls it in its cache.
        sha256: Keras's checksum of the file.
        shapes: the shape of each array.
    """

    name: str
    title: str
    url: str
    cached_as: str
    sha256: str
    shapes: MappingProxyType[str, tuple[int, ...]]


# URL, file name and checksum are those of `keras/src/datasets`, so that the cache is shared
# with plain `keras.datasets`. A test compares them with the installed Keras.
DATASETS = {
    "mnist": Dataset(
        name="mnist",
        title="MNIST",
        url="https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
        cached_as="mnist.npz",
        sha256="731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
        shapes=MappingProxyType(
            {
                "x_train": (60000, 28, 28),
                "y_train": (60000,),
                "x_test": (10000, 28, 28),
                "y_test": (10000,),
            }
        ),
    ),
    "cifar10": Dataset(
        name="cifar10",
        title="CIFAR-10",
        url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        cached_as="cifar-10-batches-py-target_archive",
        sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        shapes=MappingProxyType(
            {
                "x_train": (50000, 32, 32, 3),
                "y_train": (50000, 1),
                "x_test": (10000, 32, 32, 3),
                "y_test": (10000, 1),
            }
        ),
    ),
}


@dataclass(frozen=True)
class Source:
    """Where the arrays of a dataset come from.

    Attributes:
        dataset: "mnist" or "cifar10".
        kind: "COURSE_DATA", "keras" or "stand-in".
        real: whether this is the dataset itself, not a stand-in.
        path: the file; None for the stand-in.
        sha256: the digest of the file; for the stand-in, of its recipe.
        reason: why the sources before this one were not used, without local paths; or None.
    """

    dataset: str
    kind: str
    real: bool
    path: str | None
    sha256: str | None
    reason: str | None = None

    @property
    def description(self) -> str:
        """What the data is, for readers, without local paths."""
        title = DATASETS[self.dataset].title
        if self.kind == "COURSE_DATA":
            return f"{title} from the folder in COURSE_DATA"
        if self.kind == "keras":
            return f"{title}, the official file that Keras downloads"
        return f"stand-in for {title}: {stand_in.DESCRIPTIONS[self.dataset]}"


# --- What chapters and commands call


_used: list[Source] = []


def find_source(dataset: str) -> Source:
    """Decide where a dataset comes from; download it if need be, but load no array.

    Args:
        dataset: "mnist" or "cifar10".

    Returns:
        The source that `load_mnist` or `load_cifar10` would use now.

    Raises:
        DataError: the name is unknown, or an environment variable or a file in the folder in
            `COURSE_DATA` is wrong.
    """
    spec = _spec(dataset)
    reasons: list[str] = []
    source = _find_in_folder(spec, reasons) or _find_in_cache(spec, reasons)
    return source or Source(
        dataset, "stand-in", False, None, stand_in.digest(dataset), "; ".join(reasons)
    )


def load_mnist() -> Split:
    """Load MNIST like `keras.datasets.mnist.load_data`.

    Returns:
        ((x_train, y_train), (x_test, y_test)), all uint8: images of 28×28 and labels 0 to 9.

    Raises:
        DataError: what is in `COURSE_DATA` is wrong.
    """
    return _load("mnist")


def load_cifar10() -> Split:
    """Load CIFAR-10 like `keras.datasets.cifar10.load_data`.

    Returns:
        ((x_train, y_train), (x_test, y_test)), all uint8: images of 32×32×3 and labels 0 to 9
        of shape (n, 1).

    Raises:
        DataError: what is in `COURSE_DATA` is wrong.
    """
    return _load("cifar10")


def used() -> list[Source]:
    """Return the sources loaded so far in this process, in order, each once."""
    return list(_used)


def note(*datasets: str) -> "Markdown":
    """Tell readers what data a notebook runs on; for the last line of a cell.

    Args:
        *datasets: names of datasets; without any, all that were loaded so far.

    Returns:
        A plain sentence for real data; a marked paragraph that says what follows from it for a
        stand-in. Both JupyterLab and Jupyter Book render it: Jupyter Book reads Markdown
        outputs as CommonMark, which has quotations but no admonitions.
    """
    from IPython.display import Markdown

    latest = {source.dataset: source for source in _used}
    sources = [latest.get(name) or find_source(name) for name in datasets or latest]
    return Markdown("\n\n".join(_told(source) for source in sources))


def _told(source: Source) -> str:
    if source.real:
        return f"Data: {source.description}."
    spec = _spec(source.dataset)
    return (
        f"> **This is not {spec.title}.** {spec.title} could not be had here. In its "
        f"place stands a {source.description}. Everything runs, but the numbers on this page are "
        f"**not** {spec.title}'s. For the real data, run this again with a connection to the "
        f"internet, or put `{spec.name}.npz` into a folder and name that folder in the "
        "environment variable `COURSE_DATA`."
    )


def _spec(dataset: str) -> Dataset:
    if dataset not in DATASETS:
        raise DataError(f"unknown dataset {dataset!r}: expected one of {', '.join(DATASETS)}")
    return DATASETS[dataset]


def _load(dataset: str) -> Split:
    source = find_source(dataset)
    if source.kind == "stand-in":
        split = stand_in.make(dataset)
    elif source.kind == "keras" and dataset == "cifar10":
        split = _read_cifar10_archive(source)
    else:
        split = _read_npz(source)
    if source not in _used:
        _used.append(source)
    return split


# --- The folder in COURSE_DATA


def _find_in_folder(spec: Dataset, reasons: list[str]) -> Source | None:
    """Return the source in the folder in `COURSE_DATA`, or None and one more reason."""
    setting = os.environ.get("COURSE_DATA")
    if not setting:
        return None
    folder = Path(setting).expanduser()
    if not os.path.isdir(folder):
        raise DataError(
            f"COURSE_DATA is {setting!r}, which is not a folder. "
            "Mend: set it to an existing folder, or unset it"
        )
    path = folder / f"{spec.name}.npz"
    if not os.path.exists(path):
        reasons.append(f"the folder in COURSE_DATA has no {path.name}")
        return None
    _check_headers(path, spec)
    return Source(spec.name, "COURSE_DATA", True, str(path), _sha256(path))


def _wrong(path: str | Path, spec: Dataset, what: str) -> DataError:
    return DataError(
        f"{path}: {what}. Mend: write the four arrays that keras.datasets.{spec.name}.load_data() "
        f"returns into it with numpy.savez, as {', '.join(ARRAYS)}; or unset COURSE_DATA"
    )


def _check_headers(path: Path, spec: Dataset) -> None:
    """Check that an npz file has the arrays of a dataset, reading only their headers."""
    try:
        headers = _read_headers(path)
    except Exception as error:  # whatever a reader trips over, the file is wrong
        raise _wrong(path, spec, f"not a readable npz file ({_why(error)})") from error
    for name, shape in spec.shapes.items():
        if name not in headers:
            with zipfile.ZipFile(path) as archive:
                members = sorted(member.removesuffix(".npy") for member in archive.namelist())
            found = ", ".join(members) or "none"
            raise _wrong(path, spec, f"array {name} is missing; found: {found}")
        found_shape, dtype = headers[name]
        if dtype != np.uint8:
            raise _wrong(path, spec, f"array {name} has dtype {dtype}, expected uint8")
        if found_shape != shape:
            raise _wrong(path, spec, f"array {name} has shape {found_shape}, expected {shape}")


def _read_headers(path: Path) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Return shape and dtype of the arrays in an npz file that a dataset has."""
    headers = {}
    with zipfile.ZipFile(path) as archive:
        for name in ARRAYS:
            if f"{name}.npy" not in archive.namelist():
                continue
            with archive.open(f"{name}.npy") as stream:
                if np.lib.format.read_magic(stream) == (1, 0):
                    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
                else:  # 2.0, which NumPy writes only for headers of more than 64 KiB
                    shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
                headers[name] = (shape, dtype)
    return headers


def _read_npz(source: Source) -> Split:
    """Read the arrays from an npz file; labels are checked here, shapes were by the header."""
    spec = _spec(source.dataset)
    content = _read_file(source)
    try:
        with np.load(content, allow_pickle=False) as file:
            arrays = {name: file[f"{name}.npy"] for name in ARRAYS}
    except Exception as error:  # as in `_check_headers`
        raise _wrong(source.path, spec, f"not a readable npz file ({_why(error)})") from error
    for name in ("y_train", "y_test"):
        low, high = arrays[name].min(), arrays[name].max()
        if high > 9:
            what = f"array {name} has labels from {low} to {high}, expected 0 to 9"
            raise _wrong(source.path, spec, what)
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


# --- Keras's cache


def keras_cache() -> Path:
    """Return the folder in which Keras keeps datasets (`keras.src.backend.config`)."""
    home = os.path.expanduser("~")
    default = os.path.join(home if os.access(home, os.W_OK) else "/tmp", ".keras")
    return Path(os.environ.get("KERAS_HOME", default)).expanduser() / "datasets"


_failures: dict[Path, tuple[float, str]] = {}  # file: when its download failed, and why


def _find_in_cache(spec: Dataset, reasons: list[str]) -> Source | None:
    """Return the source in Keras's cache, downloaded if need be, or None and more reasons."""
    path = keras_cache() / spec.cached_as
    problem = _problem(path, spec)
    if problem:
        failure = _try_download(spec, path)
        # After a failure, look again: another process may have put the file there meanwhile.
        if failure and _problem(path, spec):
            reasons += [problem, failure]
            return None
    return Source(spec.name, "keras", True, str(path), spec.sha256, "; ".join(reasons) or None)


def _problem(path: Path, spec: Dataset) -> str | None:
    """Say what is wrong with a file in Keras's cache; None if it is the official one."""
    try:
        if _sha256(path) == spec.sha256:
            return None
    except (FileNotFoundError, NotADirectoryError):
        return f"{spec.title} is not in Keras's cache"
    except OSError as error:
        return f"{path.name} in Keras's cache could not be read ({_why(error)})"
    return f"{path.name} in Keras's cache is not the official file (wrong checksum)"


def _downloads_allowed() -> bool:
    setting = os.environ.get("COURSE_DOWNLOAD", "")
    if setting not in ("", "never"):
        raise DataError(f"COURSE_DOWNLOAD is {setting!r}. Mend: set it to 'never', or unset it")
    return not setting


def _try_download(spec: Dataset, path: Path) -> str | None:
    """Download a dataset; return None, or why it failed, now or a moment ago."""
    if not _downloads_allowed():
        return "COURSE_DOWNLOAD=never forbids a download"
    when, failure = _failures.get(path, (-RETRY_AFTER, ""))
    if time.monotonic() - when < RETRY_AFTER:
        return failure
    try:
        download(spec.url, path, spec.sha256)
    except DownloadError as error:
        failure = f"download failed: {error}"
        _failures[path] = (time.monotonic(), failure)
        return failure
    return None


def _read_cifar10_archive(source: Source) -> Split:
    """Read CIFAR-10 from the archive that Keras downloads."""
    # The batches are pickles, which may run code. `_read_file` has checked that they are the
    # official ones, and they are read from memory, so that nobody can swap them in between.
    batches = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    with (
        tarfile.open(fileobj=_read_file(source), mode="r:gz") as archive,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # NumPy 2.4.0 to 2.4.4 warn of pickles as old as these
        read = [
            pickle.load(archive.extractfile(f"cifar-10-batches-py/{batch}"), encoding="bytes")
            for batch in batches
        ]
    images = [batch[b"data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1) for batch in read]
    labels = [np.array(batch[b"labels"], dtype="uint8").reshape(-1, 1) for batch in read]
    return (
        (np.concatenate(images[:5]), np.concatenate(labels[:5])),
        (np.ascontiguousarray(images[5]), labels[5]),
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read_file(source: Source) -> IO[bytes]:
    """Read the file of a source into memory and check that it is still the same."""
    content = Path(source.path).read_bytes()
    if hashlib.sha256(content).hexdigest() != source.sha256:
        raise DataError(f"{source.path} changed while it was read. Mend: run this again")
    return io.BytesIO(content)


# --- Download


def download(
    url: str,
    target: Path,
    sha256: str,
    *,
    connect_limit: float = CONNECT_LIMIT,
    quiet_limit: float = QUIET_LIMIT,
) -> None:
    """Download a file; it appears under its name only when it is whole and right.

    Several processes may do this at once: each writes a file of its own, and the last one
    to finish replaces the same bytes by the same bytes.

    Args:
        url: where it is.
        target: where it goes.
        sha256: the checksum that it must have.
        connect_limit: seconds until the server must have begun to answer.
        quiet_limit: seconds without a byte after which to give up.

    Raises:
        DownloadError: it failed; then nothing has changed.
    """
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_orphans(target)
        stream = part.open("xb")  # before connecting: can we write at all?
    except OSError as error:
        raise DownloadError(f"Keras's cache folder can't be written ({_why(error)})") from error
    try:
        with stream:
            found = _fetch(url, stream, target.name, connect_limit, quiet_limit)
        if found != sha256:
            raise DownloadError("the server sent another file (wrong checksum)")
        os.replace(part, target)
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it holds the connection
        raise DownloadError(_why(error)) from error
    finally:
        part.unlink(missing_ok=True)


def _remove_orphans(target: Path) -> None:
    """Remove what killed downloads left behind; a live one writes every few seconds."""
    for part in target.parent.glob(f".{target.name}.*.part"):
        try:
            if time.time() - part.stat().st_mtime > DEAD_AFTER:
                part.unlink()
        except OSError:
            pass  # it is gone already, or it is somebody else's


def _fetch(url: str, stream: IO[bytes], name: str, connect_limit: float, quiet_limit: float) -> str:
    """Copy what is at a URL into a stream, show progress if it takes long; return its SHA-256."""
    from tqdm import tqdm

    opened = _within(connect_limit, lambda: urllib.request.urlopen(url, timeout=quiet_limit))
    digest, received = hashlib.sha256(), 0
    with opened as response:
        length = response.length  # None if the server does not tell
        with tqdm(
            desc=name, total=length, unit="B", unit_scale=True, delay=2, leave=False
        ) as progress:
            try:
                while chunk := response.read1(CHUNK):
                    stream.write(chunk)
                    digest.update(chunk)
                    received += len(chunk)
                    progress.update(len(chunk))
            except TimeoutError:
                raise DownloadError(f"no byte came for {quiet_limit:g} s") from None
    if length and received < length:
        raise DownloadError(f"the connection ended after {received:,} of {length:,} bytes")
    return digest.hexdigest()


def _within(
    limit: float, connect: Callable[[], http.client.HTTPResponse]
) -> http.client.HTTPResponse:
    """Call a function, but wait no longer than `limit` seconds for it.

    A thread, because a name lookup can't be interrupted: it may hang for half a minute.
    """
    results: queue.SimpleQueue = queue.SimpleQueue()

    def work() -> None:
        try:
            results.put((connect(), None))
        except Exception as error:
            results.put((None, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        response, error = results.get(timeout=limit)
    except queue.Empty:
        raise DownloadError(f"no answer within {limit:g} s") from None
    if error is not None:
        raise error
    return response


def _why(error: BaseException) -> str:
    """Say in a few words what went wrong, without local paths."""
    if isinstance(error, urllib.error.HTTPError):
        status = http.client.responses.get(error.code, "")
        return f"the server answered {error.code} {status}".rstrip()
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, OSError):
        return _why(error.reason)
    if isinstance(error, socket.gaierror):
        return f"name lookup failed ({error.strerror})"
    if isinstance(error, ssl.SSLError):
        return f"no secure connection ({error.reason})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
