"""Source formats. Each module reads one format into the same two staged tables.

A source is an object whose `load(connection)` fills two temporary tables of a DuckDB connection, in
the order of the source (their `rowid`):

- `raw_items(item_id, title, category, brand, price)`, all VARCHAR;
- `raw_events(user_id VARCHAR, item_id VARCHAR, timestamp BIGINT, position BIGINT, rating DOUBLE,
  review_text VARCHAR)`.

`None` stands for whatever is not known; nothing is left out and nothing is sorted here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import duckdb

RAW_TABLES = """
CREATE TEMP TABLE raw_items (
  item_id VARCHAR, title VARCHAR, category VARCHAR, brand VARCHAR, price VARCHAR);
CREATE TEMP TABLE raw_events (
  user_id VARCHAR, item_id VARCHAR, timestamp BIGINT, position BIGINT, rating DOUBLE,
  review_text VARCHAR);
"""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What a source had.

    Attributes:
      form: name of the source format.
      compared: the columns that decide whether an event repeats the one before it.
      notes: further counts for the report, by name.
    """

    form: str
    compared: tuple[str, ...]
    notes: dict[str, int]


class Source(Protocol):
    """Anything that a domain can be built from."""

    def check(self) -> None:
        """Raises `CatalogueError` when a file is missing, before anything is written."""

    def load(self, connection: duckdb.DuckDBPyConnection) -> Loaded:
        """Creates and fills `raw_items` and `raw_events`; raises `CatalogueError`."""
