"""A table as a shop gives it (Parquet, CSV, JSON lines or Arrow), its columns cast to ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import duckdb

from catalog.errors import CatalogueError
from catalog.ingest.columns import require_different
from catalog.ingest.csv_rows import CSVFile
from catalog.ingest.events import review_hash
from catalog.ingest.files import reading
from catalog.ingest.lines import CONTENT, fields, json_records, key_list, object_keys
from catalog.ingest.nested import listed
from catalog.ingest.typed_prices import is_number, printed_number

if TYPE_CHECKING:
    import pyarrow as pa

_ENDINGS = {
    "a Parquet file": (".parquet",),
    "a CSV file": (".csv", ".tsv", ".csv.gz", ".tsv.gz"),
    "a file of JSON lines": tuple(
        f".{name}{gz}" for name in ("jsonl", "ndjson", "json") for gz in ("", ".gz")
    ),
}
_UNTYPED = "VARCHAR"
_KEPT = ("TIMESTAMP", "DATE", "DECIMAL", "DOUBLE", "FLOAT", "TINYINT", "SMALLINT", "INTEGER")
_KEPT += ("BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")


class SourceTable(Protocol):
    """One opened table."""

    columns: tuple[str, ...]
    """The names it has."""

    def stage(self, chosen: Mapping[str, str], *, numbered: bool) -> None:
        """Makes the table `staged(line, problem, content, ...)` of the columns chosen.

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
    connection: duckdb.DuckDBPyConnection, given: Path | pa.Table, name: str
) -> Iterator[SourceTable]:
    """Opens a file or takes a table in memory; damage to the file is a `CatalogueError`."""
    if isinstance(given, Path):
        expected = f"{form_of(given)} of {name}"
        with reading(given, expected):
            table = _FORMS[form_of(given)](connection, given)
        yield _Guarded(table, given, expected)
    else:
        require_different(given.schema.names, "the table in memory")
        view = f"given_{name}"
        connection.register(view, given)
        yield _Typed(connection, view)
        connection.unregister(view)


class _Guarded:
    """Says of which file it is what goes wrong in reading it."""

    def __init__(self, table: SourceTable, path: Path, expected: str):
        self._table, self._path, self._expected = table, path, expected
        self.columns = table.columns

    def stage(self, chosen: Mapping[str, str], *, numbered: bool) -> None:
        with reading(self._path, self._expected):
            self._table.stage(chosen, numbered=numbered)


class _Typed:
    def __init__(self, connection: duckdb.DuckDBPyConnection, source: str):
        self._connection, self._source = connection, source
        described = connection.execute(f"DESCRIBE FROM {source}").fetchall()
        self._types = {column: kind for column, kind, *_ in described}
        self.columns = tuple(self._types)

    def stage(self, chosen: Mapping[str, str], *, numbered: bool) -> None:
        values = [
            value
            for ours, theirs in chosen.items()
            for value in _values(ours, _identifier(theirs), self._types[theirs])
        ]
        line = "row_number() OVER ()" if numbered else "NULL::BIGINT"
        head = f"{line} AS line, NULL::VARCHAR AS problem, NULL::VARCHAR AS content"
        _stage(self._connection, head, values, self._source)


def _parquet(connection: duckdb.DuckDBPyConnection, path: Path) -> _Typed:
    from pyarrow.parquet import read_schema

    quoted = str(path).replace("'", "''")
    table = _Typed(connection, f"read_parquet('{quoted}')")
    # DuckDB gives those of one name new names.
    require_different(read_schema(path).names, path)
    return table


class _CSV:
    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path):
        self._connection, self._file = connection, CSVFile.opened(path)
        self.columns = tuple(name for name in self._file.header if name)

    def stage(self, chosen: Mapping[str, str], *, numbered: bool) -> None:
        values = [
            value
            for ours, theirs in chosen.items()
            for value in _values(ours, f"c{self._file.header.index(theirs)}", _UNTYPED)
        ]
        if not numbered and self._file.regular:
            head = "NULL::BIGINT AS line, NULL::VARCHAR AS problem, NULL::VARCHAR AS content"
            _stage(self._connection, head, values, self._file.sound_rows())
            rejects = self._connection.execute("SELECT count(*) FROM csv_rejects").fetchall()[0][0]
            self._connection.execute("DROP TABLE csv_rejects; DROP TABLE csv_scans")
            if not rejects:
                return
        with self._file.with_line_numbers(self._connection) as rows:
            _stage(self._connection, "line, problem, content", values, rows)


class _JSONLines:
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
        kinds = dict.fromkeys(chosen.values(), _UNTYPED)
        if "price" in chosen:
            kinds[chosen["price"]] = "JSON"  # tells a number from a text
        values = [
            value
            for ours, theirs in chosen.items()
            for value in _values(ours, f"record.{_identifier(theirs)}", kinds[theirs])
        ]
        record = fields(kinds)
        head = f"line, problem, CASE WHEN problem IS NOT NULL THEN {CONTENT} END AS content"
        with json_records(self._connection, self._path, record) as records:
            _stage(self._connection, head, values, records)


_FORMS = {"a Parquet file": _parquet, "a CSV file": _CSV, "a file of JSON lines": _JSONLines}


def _stage(
    connection: duckdb.DuckDBPyConnection, head: str, values: list[str], source: str
) -> None:
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE staged AS SELECT {', '.join([head, *values])} FROM {source}"
    )


def _values(ours: str, value: str, kind: str) -> list[str]:
    """Expressions, with their names, of what `staged` holds of the column."""
    # Objects and lists as they are in JSON lines.
    nested = kind.startswith(("STRUCT", "MAP", "UNION")) or kind.endswith("]")
    text = f"CAST({f'to_json({value})' if nested else value} AS VARCHAR)"
    if kind == "JSON":
        text = f"({value} ->> '$')"
    if ours == "price":
        number = is_number(value, kind)
        shown = f"CASE WHEN {number} THEN {printed_number(text)} ELSE {text} END"
        return [f"{shown if number != 'false' else text} AS price", f"{number} AS price_typed"]
    if ours == "category":
        return [f"{listed(text)} AS path", f"{text} AS category"]
    if ours == "review_text":
        return [f"{review_hash(text)} AS review"]
    if ours in ("timestamp", "position", "rating"):
        kept = value if kind.startswith(_KEPT) and not nested else text
        return [f"{kept} AS {'time' if ours == 'timestamp' else ours}"]
    if kind in ("DOUBLE", "FLOAT") and ours.endswith("_id"):
        # What pandas makes of whole numbers where some are missing.
        whole = f"{value} = trunc({value}) AND abs({value}) < 1e15"
        text = (
            f"CASE WHEN {whole} THEN CAST(CAST({value} AS BIGINT) AS VARCHAR)"
            f" WHEN NOT isnan({value}) THEN {text} END"
        )
    return [f"{text} AS {ours}"]


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
