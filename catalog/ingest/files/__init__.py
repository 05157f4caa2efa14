"""Table files as a shop gives them: each kind is opened as a `SourceTable`, by its name's ending.

To add a kind, add a module here that makes a `FileFormat` (`parquet` is the shortest example), and
name it in `FORMATS`. Nothing else knows which kinds there are. Workbooks, which hold several
tables, are read by `workbook`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from catalog.errors import CatalogueError
from catalog.ingest.columns import require_different
from catalog.ingest.files.access import reading
from catalog.ingest.files.csv_table import CSV
from catalog.ingest.files.dialect import Quotes
from catalog.ingest.files.json_lines import JSON_LINES
from catalog.ingest.files.parquet import PARQUET
from catalog.ingest.files.table import FileFormat, SourceTable, TypedTable

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FORMATS", "SourceTable", "format_of", "opened"]

FORMATS = (PARQUET, CSV, JSON_LINES)


def format_of(path: Path, *, besides: tuple[str, ...] = ()) -> FileFormat:
    """What kind of file it is by its name's ending; raises `CatalogueError` if none is known.

    Args:
      path: the file.
      besides: endings that the caller knows itself, for the message.
    """
    for kind in FORMATS:
        if path.name.lower().endswith(kind.endings):
            return kind
    known = ", ".join([*(ending for kind in FORMATS for ending in kind.endings), *besides])
    raise CatalogueError(
        f"expected a table in a file that ends in {known}, found {path}: convert or rename it"
    )


@contextmanager
def opened(
    connection: duckdb.DuckDBPyConnection,
    given: Path | pa.Table,
    name: str,
    quotes: Quotes = "auto",
) -> Iterator[SourceTable]:
    """Opens a file or takes a table in memory; damage to the file is a `CatalogueError`.

    Args:
      connection: where it is staged.
      given: a file that exists, or a table.
      name: of the table, for messages.
      quotes: what encloses fields in a CSV file (see `catalog.ingest.files.dialect`).
    """
    if isinstance(given, Path):
        kind = format_of(given)
        expected = f"{kind.name} of {name}"
        with reading(given, expected):
            table = kind.open(connection, given, quotes)
        yield _Guarded(table, given, expected)
    else:
        require_different(given.schema.names, "the table in memory")
        view = f"given_{name}"
        connection.register(view, given)
        yield TypedTable(connection, view, "a table in memory")
        connection.unregister(view)


class _Guarded:
    """Says of which file it is what goes wrong in reading it."""

    def __init__(self, table: SourceTable, path: Path, expected: str):
        self._table, self._path, self._expected = table, path, expected
        self.columns, self.form = table.columns, table.form

    @property
    def remarks(self) -> tuple[str, ...]:
        return self._table.remarks

    def stage(self, chosen: Mapping[str, str], *, numbered: bool) -> None:
        with reading(self._path, self._expected):
            self._table.stage(chosen, numbered=numbered)
