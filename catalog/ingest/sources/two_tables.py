"""The two-table form: a shop's items and its interactions, as files or in memory.

`items`: item_id, and title, category, brand, price where known. A category is text or a list of its
levels, top first. `interactions`: user_id, item_id and timestamp (ISO dates, or unix time in any
unit), position (order within the user; it breaks ties of the timestamp), and optionally rating and
review_text. Either of timestamp and position may be absent; position then stands in as the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from catalog.database import quoted_text
from catalog.errors import CatalogueError
from catalog.ingest import RAW_TABLES, Loaded
from catalog.ingest.columns import COLUMNS, check_columns, choose_columns
from catalog.ingest.events import COMPARED, CONTENT_CHARACTERS, insert_events, item_problem
from catalog.ingest.files import SourceTable, format_of, opened
from catalog.ingest.files.access import require_file
from catalog.ingest.files.dialect import Quotes
from catalog.ingest.times import POSITIONS, Reading, reading_of
from catalog.ingest.times.time_format import TimeFormat
from catalog.ingest.values.attributes import clean_items
from catalog.ingest.values.cells import marked_missing
from catalog.ingest.values.ids import given_id

if TYPE_CHECKING:
    import pyarrow as pa

_TABLES = ("items", "interactions")
_ATTRIBUTES = COLUMNS["items"][1:]

_INSERT_ITEMS = """
INSERT INTO raw_items
SELECT line, problem, CASE WHEN problem IS NOT NULL THEN left({content}, {characters}) END,
  item_id, title, category, path, brand, price
FROM (
  SELECT * REPLACE ({item_id} AS item_id, coalesce(problem, {problem}) AS problem)
  FROM {rows});
INSERT INTO raw_lost
SELECT line, one.attribute, one.value, NULL
FROM (SELECT line, unnest(lost) AS one FROM staged);
"""


@dataclass(frozen=True, kw_only=True)
class TwoTables:
    """Items and interactions.

    Attributes:
      items: a Parquet, CSV or JSON-lines file, plain or gzipped, by its name's ending; or a table.
      interactions: the same.
      columns: our names to theirs, where they differ in more than case (`user_id` to `customer`);
        `items.item_id` and `interactions.item_id` hold for one table only.
      quotes: what encloses fields in CSV files (see `catalog.ingest.files.dialect`).
      clean: takes entities, tags and style sheets out of the attributes (see
        `catalog.attributes.clean`).
      time_format: how the timestamps are written, where they do not say it (`dmy`, `mdy`, `ymd`,
        `%d.%m.%Y %H:%M`, `BST=+01:00`; see `catalog.ingest.times.time_format`).
    """

    items: Path | pa.Table
    interactions: Path | pa.Table
    columns: Mapping[str, str] = field(default_factory=dict)
    quotes: Quotes = "auto"
    clean: bool = False
    time_format: str | None = None

    def check(self) -> None:
        """Raises `CatalogueError` when a file is missing, or a mapping or time format is wrong."""
        check_columns(self.columns)
        TimeFormat.parse(self.time_format)
        for name in _TABLES:
            if isinstance(table := getattr(self, name), Path):
                require_file(table, f"{format_of(table).name} of {name}")

    def load(self, connection: duckdb.DuckDBPyConnection) -> Loaded:
        """Fills the two raw tables; raises `CatalogueError` on a damaged file or wrong columns."""
        connection.execute(RAW_TABLES)
        where = {name: self._where(name) for name in _TABLES}
        with ExitStack() as stack:
            tables = {
                name: stack.enter_context(
                    opened(connection, getattr(self, name), name, self.quotes)
                )
                for name in _TABLES
            }
            chosen = choose_columns(
                self.columns, {name: table.columns for name, table in tables.items()}, where
            )
            markers = {
                "items": _load_items(connection, tables["items"], chosen["items"], clean=self.clean)
            }
            times, markers["interactions"] = _load_events(
                connection, tables["interactions"], chosen["interactions"], self.time_format
            )
        remarks = [line for table in tables.values() for line in table.remarks]
        absent = [name for name in _ATTRIBUTES if name not in chosen["items"]]
        timed = "timestamp" if "timestamp" in chosen["interactions"] else "position"
        missing = [name for name in COMPARED if name not in chosen["interactions"]]
        return Loaded(
            form="two tables",
            compared=tuple(name for name in (*COMPARED, timed) if name not in missing),
            missing=tuple(missing + ["timestamp"] * (timed == "position")),
            items_from=where["items"],
            events_from=where["interactions"],
            notes=times.notes()
            | ({"attributes_absent": ", ".join(absent)} if absent else {})
            | {
                "read_as": {name: table.form for name, table in tables.items()},
                "taken_as_missing": {table: found for table, found in markers.items() if found},
            }
            | ({"remarks": remarks} if remarks else {}),
        )

    def _where(self, name: str) -> str:
        table = getattr(self, name)
        return str(table) if isinstance(table, Path) else "the table in memory"


def _load_items(
    connection: duckdb.DuckDBPyConnection,
    table: SourceTable,
    chosen: Mapping[str, str],
    *,
    clean: bool,
) -> dict[str, int]:
    """Returns how many values of each column stood for missing ones."""
    absent = [f"NULL::VARCHAR AS {name}" for name in _ATTRIBUTES if name not in chosen]
    absent += ["NULL::VARCHAR[] AS path"] * ("category" not in chosen)
    insert = _INSERT_ITEMS.format(
        rows=f"(SELECT {', '.join(['*', *absent])} FROM staged)",
        content=_content(chosen),
        characters=CONTENT_CHARACTERS,
        item_id=given_id("item_id"),
        problem=item_problem(chosen["item_id"]),
    )
    for numbered in (False, True):
        table.stage(chosen, numbered=numbered)
        connection.execute(insert)
        if clean:
            clean_items(connection, dollars=False)
        if not _emptied_for_numbers(connection, "raw_items", "raw_lost"):
            break
    if "price" in chosen:
        connection.execute(
            "INSERT INTO typed_prices SELECT DISTINCT price FROM staged"
            " WHERE price_typed AND price IS NOT NULL"
        )
    markers = marked_missing(connection, [*chosen])
    connection.execute("DROP TABLE staged")
    return markers


def _load_events(
    connection: duckdb.DuckDBPyConnection,
    table: SourceTable,
    chosen: Mapping[str, str],
    time_format: str | None,
) -> tuple[Reading, dict[str, int]]:
    """Returns how the times were read, and how many values stood for missing ones."""
    timed = "timestamp" in chosen
    if time_format and not timed:
        raise CatalogueError(
            f"expected a timestamp for the time format {time_format}, found only positions: "
            "name the column, as in --column timestamp=NAME, or leave the format out"
        )
    absent = [f"NULL::VARCHAR AS {ours}" for ours in ("position", "rating") if ours not in chosen]
    absent += ["NULL::UBIGINT AS review"] * ("review_text" not in chosen)
    absent += ["position AS time"] * (not timed)
    names = {"position": "position", "rating": "rating", **chosen}
    names["time"] = names["timestamp" if timed else "position"]
    for numbered in (False, True):
        table.stage(chosen, numbered=numbered)
        reading = (
            reading_of(connection, "staged", "time", time_format=time_format, name=names["time"])
            if timed
            else POSITIONS
        )
        insert_events(
            connection,
            f"(SELECT {', '.join(['*', *absent])} FROM staged)",
            reading=reading,
            names=names,
            content=_content(chosen),
        )
        if not _emptied_for_numbers(connection, "raw_events"):
            break
    markers = marked_missing(connection, [*chosen])
    connection.execute("DROP TABLE staged")
    return reading, markers


def _emptied_for_numbers(connection: duckdb.DuckDBPyConnection, *tables: str) -> bool:
    """Whether a problem or a lost value has no line number; if so, the tables are empty again."""
    conditions = {"raw_lost": "line IS NULL"}
    without = any(
        connection.execute(
            f"SELECT count(*) FROM {table}"
            f" WHERE {conditions.get(table, 'problem IS NOT NULL AND line IS NULL')}"
        ).fetchall()[0][0]
        for table in tables
    )
    if without:
        for table in tables:
            connection.execute(f"DELETE FROM {table}")
    return without


def _content(chosen: Mapping[str, str]) -> str:
    """The line where it was kept, else the row as JSON under the source's names (SQL)."""
    # A review's text is not among what was staged.
    pairs = [
        f"{quoted_text(theirs)}, {'time' if ours == 'timestamp' else ours}"
        for ours, theirs in chosen.items()
        if ours != "review_text"
    ]
    return f"coalesce(content, json_object({', '.join(pairs)})::VARCHAR)"
