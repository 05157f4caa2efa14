"""The extent of a workbook's sheets, found before their cells are read.

The reader holds a sheet as a whole rectangle. Two cells in opposite corners of a sheet, in a file
of a kilobyte, would take more memory than there is, and end the process.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from catalog.errors import CatalogueError

MOST_CELLS = 1 << 26
"""Of a sheet, blank ones between others as well: 2 GB."""

_CHUNK = 4 << 20  # bytes
_TAG = 1 << 12  # bytes; no cell's is longer
# Of a cell with something in it: one that has its end in itself is blank.
_CELL = re.compile(rb""" r=["']([A-Z]+)(\d+)["'][^<>]*(?<!/)>""")
# Few sheets have one: they are told ten times as fast by that.
_FAR = re.compile(rb""" r=["'](?:[A-Z]{2,}\d|[A-Z]\d{7})[^<>]*(?<!/)>""")


def check_extent(path: Path) -> None:
    """Raises `CatalogueError` if a sheet's cells stand too far apart to be read.

    Nothing is said of a file that is no archive, or a damaged one: its reader does.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.lower().endswith(".xml") and not name.endswith("sharedStrings.xml"):
                    _check(archive, name, path)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        return


def _check(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    with archive.open(name) as part:
        if not any(map(_FAR.search, _tags(part))):
            return
    columns = rows = 0
    with archive.open(name) as part:
        for tags in _tags(part):
            for letters, row in _CELL.findall(tags):
                columns, rows = max(columns, _number(letters)), max(rows, int(row[:12]))
    if columns * rows > MOST_CELLS:
        raise CatalogueError(
            f"expected a table of order lines in {path}, found cells as far apart as in a table of "
            f"{rows:,} rows and {columns:,} columns: delete what stands far from the table and "
            "save it again"
        )


def _tags(part: IO[bytes]) -> Iterator[bytes]:
    """A part in chunks, none of which ends within a tag."""
    left = b""
    while chunk := part.read(_CHUNK):
        chunk = left + chunk
        cut = chunk.rfind(b"<")
        left = chunk[cut:] if cut >= 0 and len(chunk) - cut < _TAG else b""
        yield chunk
    yield left


def _number(letters: bytes) -> int:
    """A column's number, A being 1."""
    number = 0
    for letter in letters[:5]:
        number = 26 * number + letter - ord("A") + 1
    return number
