"""Recognises damaged downloads that have the right size: error pages, files cut on the server."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_BLOCK = 1 << 20  # bytes
_LARGEST = 2 << 30  # bytes that a zip file may hold; what is in it is read to be checked


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of file that can tell by itself whether it is whole.

    Attributes:
      name: for messages.
      damage: why a file is not a whole one, in one line; "" if it is.
      ends: whether a file that was cut anywhere is damaged, so that its size need not be known.
    """

    name: str
    damage: Callable[[Path], str]
    ends: bool


def _gzip_damage(path: Path) -> str:
    empty = True
    try:
        with gzip.open(path) as stream:
            while stream.read(_BLOCK):
                empty = False
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        return " ".join(str(error).split())
    return "nothing in it" if empty else ""


def _zip_damage(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            if not archive.namelist():
                return "nothing in it"
            if sum(member.file_size for member in archive.infolist()) > _LARGEST:
                return f"more than {_LARGEST >> 30} GiB in it"
            bad = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        return " ".join(str(error).split())
    return f"{bad} in it is damaged" if bad else ""


# Of several gzip files one behind the other, as some are, a part is whole as well.
GZIP = Kind(name="gzip", damage=_gzip_damage, ends=False)
ZIP = Kind(name="zip", damage=_zip_damage, ends=True)
