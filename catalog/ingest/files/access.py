"""Files, plain or gzipped, as streams of Arrow batches that DuckDB reads."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import duckdb
import pyarrow as pa
from isal import igzip, isal_zlib

from catalog.errors import CatalogueError

_GZIP = b"\x1f\x8b"
# Its stub takes the class for an instance.
_DAMAGED_GZIP = cast(type[Exception], isal_zlib.error)
_DAMAGE = (OSError, EOFError, _DAMAGED_GZIP, UnicodeError, pa.ArrowException)


def require_file(path: Path, expected: str) -> None:
    """Raises `CatalogueError` unless `path` is a file with something in it."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise CatalogueError(
            f"expected {expected} at a path in UTF-8, found {path}: rename the file or its folder"
        ) from None
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing"
        raise CatalogueError(f"expected {expected} at {path}, found {found}: check the path")
    if not path.stat().st_size:
        raise CatalogueError(f"expected {expected} at {path}, found an empty file: fetch it again")
    if not os.access(path, os.R_OK):
        raise CatalogueError(
            f"expected {expected} at {path}, found a file that may not be read: change its rights"
        )


def is_gzip(path: Path) -> bool:
    """Whether the file is gzipped, by its first bytes and not its name."""
    with path.open("rb") as file:
        return file.read(len(_GZIP)) == _GZIP


def open_bytes(path: Path) -> BinaryIO:
    """The file's bytes, decompressed if it is gzipped (three times as fast as by `gzip`)."""
    # A `GzipFile` is no `BinaryIO` by its type alone.
    return cast(BinaryIO, igzip.open(path)) if is_gzip(path) else path.open("rb")


def require_utf8(path: Path, expected: str) -> None:
    """Raises `CatalogueError` if the text is UTF-16 or UTF-32, by its first characters."""
    with open_bytes(path) as file:
        start = file.read(4)
    # Of any of our texts the first characters are ASCII.
    if b"\0" in start or start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise CatalogueError(
            f"expected {expected} in UTF-8 at {path}, found another encoding, such as UTF-16: "
            "save it as UTF-8"
        )


def read_ahead(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The file in chunks of that many bytes, the next being read while one is worked on."""
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(file.read, size)
        while chunk := following.result():
            following = thread.submit(file.read, size)
            yield chunk


@contextmanager
def reading(path: Path, expected: str) -> Iterator[None]:
    """Turns what is said of an unreadable file into a `CatalogueError` of one line."""
    try:
        yield
    except (duckdb.Error, *_DAMAGE) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        if "No space left" in first or isinstance(error, duckdb.OutOfMemoryException):
            raise  # from writing what was read
        raise CatalogueError(
            f"expected {expected} at {path}, but it cannot be read ({first}): "
            "it is damaged or incomplete, fetch it again"
        ) from error


@contextmanager
def streamed(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    schema: pa.Schema,
    batches: Iterator[pa.RecordBatch],
) -> Iterator[None]:
    """The batches as a view that can be read once; what making them raises is raised here."""
    raised: list[BaseException] = []

    def noted() -> Iterator[pa.RecordBatch]:
        try:
            yield from batches
        except BaseException as error:
            raised.append(error)
            raise

    connection.register(name, pa.RecordBatchReader.from_batches(schema, noted()))
    try:
        yield
    except duckdb.Error:
        # DuckDB has made a text of it, traceback and all.
        if raised:
            raise raised[0] from None
        raise
    connection.unregister(name)
