"""Reading what students uploaded, archives within archives too, without trusting any of it.

Nothing here makes a link, follows one, or writes to a path that an archive names: each file is
read as a stream, counted while it is read, and written to a numbered file in a scratch folder.
What a header says about sizes is never believed.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import os
import re
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

MIB = 2**20
CHUNK = 2**18
RATIO_FROM = 4 * MIB  # a small file of zeros is no bomb
UTF8 = 0x800  # the bit of a zip entry that says how its name is written
ENCRYPTED = 0x1
NAMES_DEEP = 30  # folders in folders
LINK = "it is a link: hand in the file itself"
SPECIAL = "it is no ordinary file: hand in the file itself"
REPACK = "files of this kind aren't unpacked: unpack it, or ask for a .zip"

# What a broken or hostile archive makes Python's readers raise
BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    IndexError,
    OverflowError,
    MemoryError,
    RuntimeError,  # a wrong password, an unknown method, and endless recursion
)
TARS: dict[str, Callable[[Path], BinaryIO]] = {
    ".tar": partial(open, mode="rb"),
    ".tar.gz": partial(gzip.open, mode="rb"),
    ".tgz": partial(gzip.open, mode="rb"),
    ".tar.bz2": partial(bz2.open, mode="rb"),
    ".tbz2": partial(bz2.open, mode="rb"),
}
OTHERS = (".7z", ".rar", ".alz", ".egg", ".zipx", ".lzh", ".cab", ".tar.xz", ".txz", ".tar.zst")


@dataclass(frozen=True)
class Caps:
    """What one submission may hold at most; more is left out, and told.

    Attributes:
        file_mib: a file, unpacked.
        submission_mib: all of it, unpacked, archives within archives included.
        files: the number of files; fewer than `intake` looks at.
        levels: how deep archives may lie in archives.
        ratio: how many times larger than packed a file may be.
        directory_mib: the table of contents of an uploaded zip file.
        entries: the number of files that an uploaded archive may list.
    """

    file_mib: float = 100
    submission_mib: float = 400
    files: int = 800
    levels: int = 3
    ratio: float = 200
    directory_mib: float = 4
    entries: int = 50_000


CAPS = Caps()


@dataclass(frozen=True)
class Entry:
    """A file in an archive or a folder.

    Attributes:
        parts: its path, as far as it is safe; empty if it isn't.
        where: its path, to be told.
        open: opens it.
        problem: why it can't be taken; None if it can.
        packed: the bytes that it takes in the archive, if that is known.
    """

    parts: tuple[str, ...]
    where: str
    open: Callable[[], BinaryIO]
    problem: str | None = None
    packed: int | None = None


@dataclass(frozen=True)
class Piece:
    """A file that was read.

    Attributes:
        parts: its path in the submission.
        where: its path in the source, with ` > ` for each archive within an archive.
        blob: where its content lies now.
        digest: SHA-256 of the content.
    """

    parts: tuple[str, ...]
    where: str
    blob: Path
    digest: str


class Unreadable(Exception):
    """A file that can't be taken; the message says why."""


# --- Names


def repair(raw: bytes) -> str:
    """Return a name that was written in an unknown encoding: UTF-8, or that of Korean Windows.

    Raises:
        ValueError: it is neither.
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp949")


def printable(name: str) -> str:
    """Return a name that can be printed and written anywhere: no control characters."""
    name = unicodedata.normalize("NFC", name)
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in name)


def split(name: str) -> tuple[str, ...]:
    """Return the parts of a path in an archive.

    Raises:
        Unreadable: it leads out of the archive, or nowhere.
    """
    name = unicodedata.normalize("NFC", name).replace("\\", "/")
    if name.startswith("/") or re.match("[A-Za-z]:", name):
        raise Unreadable("its path doesn't stay in the archive: it begins at the root")
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        raise Unreadable("its path doesn't stay in the archive: it has `..` in it")
    if not parts:
        raise Unreadable("it has no name")
    if len(parts) > NAMES_DEEP:
        raise Unreadable(f"it lies more than {NAMES_DEEP} folders deep")
    return parts


def junk(parts: tuple[str, ...]) -> str | None:
    """Return why a file is nobody's work; None if it may be a student's."""
    name = parts[-1].casefold() if parts else ""
    if "__MACOSX" in parts or name == ".ds_store" or name.startswith("._"):
        return "macOS adds it; it is no part of the submission"
    if name in ("thumbs.db", "desktop.ini"):
        return "Windows adds it; it is no part of the submission"
    if ".ipynb_checkpoints" in parts:
        return "Jupyter's own copy of a notebook"
    return None


def suffix(name: str) -> str | None:
    """Return the ending of an archive's name, in lower case; None if it is no archive's."""
    endings = [".zip", *TARS, *OTHERS]
    return next((one for one in endings if name.lower().endswith(one)), None)


# --- What there is in a zip file, a tar file, a folder


def zip_entries(archive: zipfile.ZipFile) -> Iterator[Entry]:
    """Give the files of a zip file; nothing for its folders."""
    for info in archive.infolist():
        name = _zip_name(info)
        folder = name.replace("\\", "/").endswith("/")
        if folder and not info.file_size:
            continue
        problem = _zip_problem(info, folder)
        yield _entry(name, partial(archive.open, info), problem, info.compress_size)


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Return the name of an entry; without the flag for UTF-8, Python takes it for cp437."""
    name = info.orig_filename
    if not info.flag_bits & UTF8:
        try:
            return repair(name.encode("cp437"))
        except ValueError:
            pass
    return name


def _zip_problem(info: zipfile.ZipInfo, folder: bool) -> str | None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return LINK
    if folder or kind not in (0, stat.S_IFREG):
        return SPECIAL
    if info.flag_bits & ENCRYPTED:
        return "it is encrypted: ask for it without a password"
    # Only these are unpacked in small steps, whatever they hold
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "it is packed in an unusual way: pack it again as an ordinary .zip"
    return None


def tar_entries(archive: tarfile.TarFile) -> Iterator[Entry]:
    """Give the files of a tar file; nothing for its folders."""
    for member in archive:
        if member.isdir():
            continue
        name = _decoded(member.name)
        problem = LINK if member.issym() or member.islnk() else None
        if not problem and not member.isreg():
            problem = SPECIAL
        yield _entry(name, partial(archive.extractfile, member), problem)


def _entry(
    name: str, opened: Callable[[], BinaryIO], problem: str | None, packed: int | None = None
) -> Entry:
    try:
        parts = split(name)
    except Unreadable as reason:
        parts, problem = (), str(reason)
    return Entry(parts, printable(name), opened, problem, packed)


def folder_entries(folder: Path, above: tuple[str, ...] = ()) -> Iterator[Entry]:
    """Give the files in a folder, in the order of their names; no link is followed.

    Args:
        folder: to look into.
        above: the names of the folders that lead to it.
    """
    try:
        found = sorted(os.scandir(folder), key=lambda one: one.name)
    except OSError as error:
        problem = f"it can't be read ({error.strerror})"
        yield Entry(above, printable("/".join(above)) or ".", _never, problem)
        return
    for one in found:
        parts = (*above, unicodedata.normalize("NFC", _decoded(one.name)))
        where = printable("/".join(parts))
        if one.is_dir(follow_symlinks=False):
            if len(parts) > NAMES_DEEP:
                problem = f"it lies more than {NAMES_DEEP} folders deep"
                yield Entry(parts, where, _never, problem)
            else:
                yield from folder_entries(Path(one.path), parts)
            continue
        problem = LINK if one.is_symlink() else None
        if not problem and not one.is_file(follow_symlinks=False):
            problem = SPECIAL
        yield Entry(parts, where, partial(_open_plain, one.path), problem)


def _decoded(name: str) -> str:
    """Return a name that the system gave, with bytes that are not UTF-8 repaired if possible."""
    try:
        return repair(name.encode("utf-8", "surrogateescape"))
    except ValueError:
        return name


def _never() -> BinaryIO:
    raise Unreadable(SPECIAL)


def _open_plain(path: str) -> BinaryIO:
    """Open an ordinary file; it may have become another since it was listed."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    number = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise Unreadable(SPECIAL)
    return os.fdopen(number, "rb")


# --- Unpacking


class Unpacker:
    """Reads the files of one submission into a scratch folder.

    Attributes:
        ignored: what was left out: the path in the source, and why.
    """

    def __init__(self, scratch: Path, caps: Caps = CAPS):
        self.ignored: list[tuple[str, str]] = []
        self._scratch = scratch
        self._caps = caps
        self._bytes = int(caps.submission_mib * MIB)  # that may still be read
        self._files = 0
        self._number = 0

    def unpack(self, entries: Iterable[Entry]) -> list[Piece]:
        """Read the files of a submission, and those in its archives."""
        return list(self._all(entries, (), "", 0))

    def _all(
        self, entries: Iterable[Entry], above: tuple[str, ...], outer: str, level: int
    ) -> Iterator[Piece]:
        # If there is more than fits, notebooks are what is wanted
        for entry in sorted(entries, key=lambda one: (_rank(one), one.where)):
            where = outer + entry.where
            try:
                yield from self._one(entry, above, where, level)
            except Unreadable as reason:
                self.ignored.append((where, str(reason)))

    def _one(self, entry: Entry, above: tuple[str, ...], where: str, level: int) -> Iterator[Piece]:
        if reason := entry.problem or junk(entry.parts):
            raise Unreadable(reason)
        kind = suffix(entry.parts[-1])
        if kind in OTHERS:
            raise Unreadable(REPACK)
        if kind and level >= self._caps.levels:
            raise Unreadable(f"it lies in more than {self._caps.levels} archives: unpack it")
        if self._files >= self._caps.files:
            raise Unreadable(f"the submission has more than {self._caps.files} files")
        blob, digest = self._spill(entry.open, entry.packed)
        if not kind:
            self._files += 1
            yield Piece((*above, *entry.parts), where, blob, digest)
            return
        try:
            yield from self._enter(blob, kind, (*above, *entry.parts[:-1]), where, level + 1)
        finally:
            blob.unlink(missing_ok=True)

    def _enter(
        self, blob: Path, kind: str, above: tuple[str, ...], where: str, level: int
    ) -> Iterator[Piece]:
        """Give the files of an archive."""
        with self._opened(blob, kind) as found:
            entries = self._listed(found)
            if not entries:
                raise Unreadable("the archive is empty")
            yield from self._all(entries, above, f"{where} > ", level)

    @contextmanager
    def _opened(self, blob: Path, kind: str) -> Iterator[Iterator[Entry]]:
        if kind == ".zip":
            with _broken_is_told():
                most = self._caps.directory_mib * MIB
                if directory_size(blob) > most:
                    raise Unreadable("the archive lists too many files")
                archive = zipfile.ZipFile(blob)
            with archive:
                yield zip_entries(archive)
            return
        # Unpacked as a whole first, so that a bomb is met while its bytes are counted
        plain, _ = self._spill(partial(TARS[kind], blob), blob.stat().st_size)
        try:
            with _broken_is_told():
                archive = tarfile.TarFile(plain)
            with archive:
                yield tar_entries(archive)
        finally:
            plain.unlink(missing_ok=True)

    def _listed(self, found: Iterator[Entry]) -> list[Entry]:
        entries = []
        with _broken_is_told():
            for entry in found:
                entries.append(entry)
                if len(entries) > self._caps.entries:
                    raise Unreadable("the archive lists too many files")
        return entries

    def _spill(self, opened: Callable[[], BinaryIO], packed: int | None) -> tuple[Path, str]:
        """Write a file's content to the scratch folder; return where, and its digest."""
        self._number += 1
        blob, digest = self._scratch / f"{self._number}", hashlib.sha256()
        try:
            with blob.open("xb") as file:
                for chunk in self._counted(_chunks(opened), packed):
                    digest.update(chunk)
                    file.write(chunk)
        except Unreadable:
            blob.unlink(missing_ok=True)
            raise
        return blob, digest.hexdigest()

    def _counted(self, chunks: Iterator[bytes], packed: int | None) -> Iterator[bytes]:
        caps, size = self._caps, 0
        for chunk in chunks:
            size += len(chunk)
            # What is left out has cost its time too: many bombs are no way around the cap
            self._bytes -= len(chunk)
            if size > caps.file_mib * MIB:
                raise Unreadable(f"it is larger than {caps.file_mib:g} MiB")
            if packed is not None and size > max(RATIO_FROM, packed * caps.ratio):
                raise Unreadable(f"it unpacks to more than {caps.ratio:g} times its size")
            if self._bytes < 0:
                raise Unreadable(f"the submission is larger than {caps.submission_mib:g} MiB")
            yield chunk


def _rank(entry: Entry) -> int:
    name = entry.parts[-1] if entry.parts else ""
    if name.lower().endswith(".ipynb"):
        return 0
    return 1 if suffix(name) else 2


def _chunks(opened: Callable[[], BinaryIO]) -> Iterator[bytes]:
    """Give the content of a file in pieces; what goes wrong on the way is told as one error."""
    with _broken_is_told():
        file = opened()
    with file:
        while True:
            with _broken_is_told():
                chunk = file.read(CHUNK)
            if not chunk:
                return
            yield chunk


@contextmanager
def _broken_is_told() -> Iterator[None]:
    try:
        yield
    except BROKEN as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Unreadable(f"it is damaged or can't be read ({printable(reason)})") from None


def directory_size(file: Path) -> int:
    """Return how long the table of contents of a zip file is said to be; 0 if it has none.

    Python reads the whole table when it opens the file, and no more than this.
    """
    with file.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - 2**16 - 22))
        tail = stream.read()
    at = len(tail) - 22  # where Python looks first
    if tail[-22:-18] != b"PK\5\6":
        at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) < at + 22:
        return 0
    # A file in the format for large ones has all bits set here: too large in any case
    return struct.unpack_from("<L", tail, at + 12)[0]
