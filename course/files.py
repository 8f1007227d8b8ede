"""Writing files; light, since chapters import it."""

from __future__ import annotations

import os
import zlib
from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old content or the new, never a part.

    The new content is there even if the machine stops right after.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own length: that of a file may be as long as a name can be
    temporary = path.with_name(f".{zlib.crc32(os.fsencode(path.name)):08x}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
