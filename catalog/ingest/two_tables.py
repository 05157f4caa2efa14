"""The two-table form: one table of items, one of interactions, as Parquet or in memory.

`items`: item_id, title, category, brand, price; all text, NULL where unknown. `interactions`:
user_id, item_id and timestamp (whole seconds, or a date-time), position (order within the user; it
breaks ties of the timestamp), and optionally rating and review_text. Either of timestamp and
position may be absent; position then stands in as the timestamp.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from catalog.errors import CatalogueError
from catalog.ingest import RAW_TABLES, Loaded
from catalog.ingest.files import reading, require_file

if TYPE_CHECKING:
    import pyarrow as pa

ITEM_COLUMNS = ("item_id", "title", "category", "brand", "price")


@dataclass(frozen=True, kw_only=True)
class TwoTables:
    """Items and interactions, each a Parquet file or a `pyarrow.Table`."""

    items: Path | pa.Table
    interactions: Path | pa.Table

    def check(self) -> None:
        """Raises `CatalogueError` when a file is missing."""
        for table, name in ((self.items, "items"), (self.interactions, "interactions")):
            if isinstance(table, Path):
                require_file(table, f"a Parquet file of {name}")

    def load(self, connection: duckdb.DuckDBPyConnection) -> Loaded:
        """Fills the two raw tables; raises `CatalogueError` on a damaged file or wrong columns."""
        connection.execute(RAW_TABLES)
        with _opened(connection, self.items, "items") as types:
            _require(types, ITEM_COLUMNS, "items", self.items)
            chosen = ", ".join(_text(name, types[name]) for name in ITEM_COLUMNS)
            connection.execute(f"INSERT INTO raw_items SELECT {chosen} FROM source")
        with _opened(connection, self.interactions, "interactions") as types:
            _require(types, ("user_id", "item_id"), "interactions", self.interactions)
            if not {"timestamp", "position"} & set(types):
                _require(types, ("timestamp",), "interactions", self.interactions)
            connection.execute(f"INSERT INTO raw_events SELECT {_event_columns(types)} FROM source")
        compared = [name for name in ("rating", "review_text") if name in types]
        time = "timestamp" if "timestamp" in types else "position"
        return Loaded(form="two tables", compared=("item_id", *compared, time), notes={})


@contextmanager
def _opened(
    connection: duckdb.DuckDBPyConnection, table: Path | pa.Table, name: str
) -> Iterator[dict[str, str]]:
    """The table as the view `source`; yields its column types by lower-case name."""
    if isinstance(table, Path):
        expected = f"a Parquet file of {name}"
        with reading(table, expected):
            path = str(table).replace("'", "''")
            connection.execute(f"CREATE TEMP VIEW source AS FROM read_parquet('{path}')")
            described = connection.execute("DESCRIBE source").fetchall()
            yield {column.lower(): kind for column, kind, *_ in described}
            connection.execute("DROP VIEW source")
    else:
        connection.register("source", table)
        described = connection.execute("DESCRIBE source").fetchall()
        yield {column.lower(): kind for column, kind, *_ in described}
        connection.unregister("source")


def _require(
    types: dict[str, str], expected: tuple[str, ...], name: str, table: Path | pa.Table
) -> None:
    missing = [column for column in expected if column not in types]
    if missing:
        where = table if isinstance(table, Path) else "the table in memory"
        raise CatalogueError(
            f"expected the columns {', '.join(expected)} in the {name} ({where}), "
            f"found {', '.join(types)}: add {', '.join(missing)}, as NULL where unknown"
        )


def _text(name: str, kind: str) -> str:
    if kind.endswith("[]"):
        return f"array_to_string({name}, ', ')"
    return f"CAST({name} AS VARCHAR)"


def _event_columns(types: dict[str, str]) -> str:
    time = "timestamp" if "timestamp" in types else "position"
    dated = types[time].startswith(("TIMESTAMP", "DATE"))
    seconds = f'epoch("{time}")' if dated else f'"{time}"'
    return ", ".join(
        (
            "CAST(user_id AS VARCHAR)",
            "CAST(item_id AS VARCHAR)",
            f"TRY_CAST({seconds} AS BIGINT)",
            'TRY_CAST("position" AS BIGINT)' if "position" in types else "NULL",
            "TRY_CAST(rating AS DOUBLE)" if "rating" in types else "NULL",
            "CAST(review_text AS VARCHAR)" if "review_text" in types else "NULL",
        )
    )
