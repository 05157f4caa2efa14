"""Reading files with DuckDB so that a bad one ends in one plain line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from catalog.errors import CatalogueError


def require_file(path: Path, expected: str) -> None:
    """Raises `CatalogueError` unless `path` is a file with something in it."""
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing"
        raise CatalogueError(f"expected {expected} at {path}, found {found}: check the path")
    if not path.stat().st_size:
        raise CatalogueError(f"expected {expected} at {path}, found an empty file: fetch it again")


@contextmanager
def reading(path: Path, expected: str) -> Iterator[None]:
    """Turns what DuckDB says of an unreadable file into a `CatalogueError` of one line."""
    try:
        yield
    except (duckdb.Error, UnicodeDecodeError) as error:
        first = str(error).strip().splitlines()[0]
        raise CatalogueError(
            f"expected {expected} at {path}, but it cannot be read ({first}): "
            "it is damaged or incomplete, fetch it again"
        ) from error
