"""A table as a shop gives it (Parquet, CSV, JSON lines or Arrow), its columns cast to ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import duckdb

from catalog.database import quoted_name
from catalog.errors import CatalogueError
from catalog.ingest.columns import require_different
from catalog.ingest.files.csv_rows import CSVFile
from catalog.ingest.files.dialect import Quotes
from catalog.ingest.files.lines import CONTENT, fields, json_records, key_list, object_keys
from catalog.ingest.files.reading import one_file, reading
from catalog.ingest.values.cells import (
    Cell,
    described,
    json_cell,
    stage,
    text_cell,
    typed_cell,
)

if TYPE_CHECKING:
    import pyarrow as pa

_ENDINGS = {
    "a Parquet file": (".parquet",),
    "a CSV file": (".csv", ".tsv", ".csv.gz", ".tsv.gz"),
    "a file of JSON lines": tuple(
        f".{name}{gz}" for name in ("jsonl", "ndjson", "json") for gz in ("", ".gz")
    ),
}


class SourceTable(Protocol):
    """One opened table.

    Attributes:
      columns: the names it has.
      form: how it is read, for the report.
      remarks: what to look at, found in staging, a line each.
    """

    columns: tuple[str, ...]
    form: str
    remarks: tuple[str, ...]

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


def form_of(path: Path, *, besides: tuple[str, ...] = ()) -> str:
    """What kind of file it is by its name's ending; raises `CatalogueError` if none is known.

    Args:
      path: the file.
      besides: endings that the caller knows itself, for the message.
    """
    for form, endings in _ENDINGS.items():
        if path.name.lower().endswith(endings):
            return form
    known = ", ".join([*(ending for endings in _ENDINGS.values() for ending in endings), *besides])
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
        form = form_of(given)
        expected = f"{form} of {name}"
        with reading(given, expected):
            if form == "a CSV file":
                table = _CSV(connection, given, quotes)
            else:
                table = (_parquet if form == "a Parquet file" else _JSONLines)(connection, given)
        yield _Guarded(table, given, expected)
    else:
        require_different(given.schema.names, "the table in memory")
        view = f"given_{name}"
        connection.register(view, given)
        yield _Typed(connection, view, "a table in memory")
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


class _Typed:
    remarks = ()

    def __init__(self, connection: duckdb.DuckDBPyConnection, source: str, form: str):
        self._connection, self._source, self.form = connection, source, form
        self._cells = {
            column: typed_cell(quoted_name(column), kind)
            for column, kind in described(connection, source).items()
        }
        self.columns = tuple(self._cells)

    def stage(self, chosen: Mapping[str, str], *, numbered: bool) -> None:
        line = "row_number() OVER ()" if numbered else "NULL::BIGINT"
        head = f"{line} AS line, NULL::VARCHAR AS problem, NULL::VARCHAR AS content"
        cells = {ours: self._cells[theirs] for ours, theirs in chosen.items()}
        stage(self._connection, head, cells, self._source)


def _parquet(connection: duckdb.DuckDBPyConnection, path: Path) -> _Typed:
    from pyarrow.parquet import read_schema

    # A folder named `key=value` would become a column, and take the place of the file's own.
    source = f"read_parquet({one_file(path)}, hive_partitioning = false)"
    table = _Typed(connection, source, "Parquet")
    # DuckDB gives those of one name new names.
    require_different(read_schema(path).names, path)
    return table


class _CSV:
    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path, quotes: Quotes):
        self._connection, self._file = connection, CSVFile.opened(path, quotes)
        self.columns = tuple(name for name in self._file.header if name)
        self.form, self.remarks = str(self._file.dialect), ()

    def stage(self, chosen: Mapping[str, str], *, numbered: bool) -> None:
        cells = {
            ours: text_cell(f"c{self._file.header.index(theirs)}")
            for ours, theirs in chosen.items()
        }
        if numbered or not self._file.regular or not self._staged_fast(cells):
            with self._file.with_line_numbers(self._connection) as rows:
                stage(self._connection, "line, problem, content", cells, rows)
        self.remarks = self._file.remarks(self._connection, [*chosen])

    def _staged_fast(self, cells: Mapping[str, Cell]) -> bool:
        """Whether DuckDB found every row good."""
        head = "NULL::BIGINT AS line, NULL::VARCHAR AS problem, NULL::VARCHAR AS content"
        stage(self._connection, head, cells, self._file.sound_rows())
        rejects = self._connection.execute("SELECT count(*) FROM csv_rejects").fetchall()[0][0]
        self._connection.execute("DROP TABLE csv_rejects; DROP TABLE csv_scans")
        return not rejects and not self._file.swallows_rows(self._connection)


class _JSONLines:
    form, remarks = "JSON lines", ()

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path):
        self._connection, self._path = connection, path
        object_keys(path, "a file of JSON lines")
        # Of the whole file, as a key may be rare.
        with json_records(connection, path, key_list) as records:
            keys = connection.execute(
                "SELECT key FROM (SELECT line, unnest(record) AS key"
                f" FROM {records} WHERE problem IS NULL) GROUP BY key ORDER BY min(line), key"
            ).fetchall()
        self.columns = tuple(key for (key,) in keys)

    def stage(self, chosen: Mapping[str, str], *, numbered: bool) -> None:
        cells = {ours: json_cell(theirs) for ours, theirs in chosen.items()}
        record = fields(dict.fromkeys(chosen.values(), "VARCHAR"))
        head = f"line, problem, CASE WHEN problem IS NOT NULL THEN {CONTENT} END AS content"
        with json_records(self._connection, self._path, record) as records:
            stage(self._connection, head, cells, records)
