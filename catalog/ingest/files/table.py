"""What every kind of table file is opened as."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import duckdb

from catalog.database import quoted_name
from catalog.ingest.files.dialect import Quotes
from catalog.ingest.values.cells import described, stage, typed_cell


class SourceTable(Protocol):
    """One opened table."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names it has."""
        ...

    @property
    def form(self) -> str:
        """How it is read, for the report."""
        ...

    @property
    def remarks(self) -> tuple[str, ...]:
        """What to look at, found in staging, a line each."""
        ...

    def stage(self, chosen: Mapping[str, str], *, numbered: bool) -> None:
        """Makes the table `staged(line, problem, content, ..., lost, missing)` of chosen columns.

        Attributes are plain text, or `NULL` where nothing could be made of an object, which then
        stands in `lost`, a list of `{attribute, value}`. `missing` has the bit of each chosen
        column, the first one 1, whose value was a marker such as `NaN` (see
        `catalog.ingest.values.missing`).

        Args:
          chosen: our name to theirs. Ours is the name in `staged`, but for `timestamp`, there
            `time`, and `review_text`, there `review`, a hash; `category` comes with `path`, and
            `price` with `price_typed`, whether the source has it as a number.
          numbered: whether every row has its `line`; without it there may be NULLs.
        """


@dataclass(frozen=True, kw_only=True)
class FileFormat:
    """A kind of table file.

    Attributes:
      name: for messages, with its article.
      endings: of the names of such files, in lower case.
      open: opens a file that exists; only CSV files heed what the user says of their quotes.
    """

    name: str
    endings: tuple[str, ...]
    open: Callable[[duckdb.DuckDBPyConnection, Path, Quotes], SourceTable]


class TypedTable:
    """A relation of DuckDB's, whose columns have types."""

    remarks = ()

    def __init__(self, connection: duckdb.DuckDBPyConnection, source: str, form: str):
        self._connection, self._source, self.form = connection, source, form
        self._cells = {
            column: typed_cell(quoted_name(column), kind)
            for column, kind in described(connection, source).items()
        }
        self.columns = tuple(self._cells)

    def stage(self, chosen: Mapping[str, str], *, numbered: bool) -> None:
        """See `SourceTable.stage`."""
        line = "row_number() OVER ()" if numbered else "NULL::BIGINT"
        head = f"{line} AS line, NULL::VARCHAR AS problem, NULL::VARCHAR AS content"
        cells = {ours: self._cells[theirs] for ours, theirs in chosen.items()}
        stage(self._connection, head, cells, self._source)
