"""Source formats. Each module reads one format into the same staged tables.

A source is an object whose `load(connection)` fills three temporary tables of a DuckDB
connection, in the order of the source (their `rowid`):

- `raw_items`: item_id, title, category, path, brand, price. `category` is the text that enters the
  item's text; `path` holds its levels, top first, where the source has a list.
- `raw_events`: user_id, item_id, microseconds (time since 1970), position, rating, review (a hash
  of the review's text, only ever compared), file (where there are several, the one of the row).
- `raw_lost`: line, attribute and value of what no text could be made of, and file (as above). Its
  item stays, without that attribute.

A third, `typed_prices`, has the prices of `raw_items` that are numbers in the source, and no texts
whose points and commas might mean one thing or another.

`NULL` stands for whatever is not known. Every line or row of the source gives a row, blank ones and
order lines that are no purchases aside, which are counted; nothing is sorted here. `problem` is
NULL for a good row, else a short reason why it cannot be used; then `line` is its number in the
file (in Parquet and in memory, the number of the row), from 1, and `content` the beginning of what
it holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import duckdb

RAW_TABLES = """
CREATE TEMP TABLE raw_items (
  line BIGINT, problem VARCHAR, content VARCHAR,
  item_id VARCHAR, title VARCHAR, category VARCHAR, path VARCHAR[], brand VARCHAR, price VARCHAR);
CREATE TEMP TABLE raw_events (
  line BIGINT, problem VARCHAR, content VARCHAR,
  user_id VARCHAR, item_id VARCHAR, microseconds BIGINT, position BIGINT, rating DOUBLE,
  review HUGEINT, file VARCHAR);
CREATE TEMP TABLE typed_prices (price VARCHAR);
CREATE TEMP TABLE raw_lost (line BIGINT, attribute VARCHAR, value VARCHAR, file VARCHAR);
"""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What a source had.

    Attributes:
      form: name of the source format.
      compared: the columns that decide whether an event repeats the one before it.
      missing: those that would, but that the source lacks.
      items_from: where the items came from, for messages: a file or "the table in memory".
      events_from: the same for the events.
      notes: further findings for the report, by name.
      items_unused: good rows of items that are not staged, as nothing asks for them.
      events_unused: lines of each file that are no events and not bad, as those of guests.
      ids_unused: some ids of those items.
      lists_items: whether it has items apart from what was bought.
    """

    form: str
    compared: tuple[str, ...]
    missing: tuple[str, ...]
    items_from: str
    events_from: str
    notes: Mapping[str, Any]
    items_unused: int = 0
    events_unused: Mapping[str, int] = field(default_factory=dict)
    ids_unused: tuple[str, ...] = ()
    lists_items: bool = True


class Source(Protocol):
    """Anything that a domain can be built from."""

    def check(self) -> None:
        """Raises `CatalogueError` when a file is missing, before anything is written."""

    def load(self, connection: duckdb.DuckDBPyConnection) -> Loaded:
        """Creates and fills those of `RAW_TABLES`; raises `CatalogueError`."""
        ...
