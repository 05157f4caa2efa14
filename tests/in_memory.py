"""Sources read and cleaned in memory: what a build finds in them, without a workspace."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from catalog.build import read
from catalog.ingest import Source
from catalog.workspace import SCHEMA

_BAD_LINES = re.search(r"CREATE TABLE bad_lines [^;]*;", SCHEMA)[0]


@cache
def _instance() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 2})


@contextmanager
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with temporary tables of its own; to open DuckDB anew takes 30 ms."""
    with _instance().cursor() as opened:
        opened.execute("BEGIN")
        yield opened


@dataclass(frozen=True, kw_only=True)
class Shop:
    """What a build would write.

    Attributes:
      items: title, category, brand and price of each item by its id, sorted.
      prices: the price of each item as written, and its lowest number.
      bought: user and item of each purchase, by user and in order.
      bad: file, line, reason and content of each line or value that was left out.
      report: what was found and left out.
    """

    items: dict[str, tuple]
    prices: list[tuple[str | None, float | None]]
    bought: list[tuple[str, str]]
    bad: list[tuple[str, int, str, str]]
    report: dict[str, Any]


def shop_of(source: Source, *, folder: Path = Path("nowhere"), **how: bool) -> Shop:
    """The shop of a source; `how` and errors are those of `catalog.build.build`.

    Bad lines are listed in the folder if there are too many.
    """
    source.check()
    with connection() as opened:
        opened.execute(_BAD_LINES.replace("TABLE", "TEMP TABLE"))
        report = read(opened, folder, "x", source, **how)

        def rows(query: str) -> list[tuple]:
            return opened.execute(query).fetchall()

        items = rows("SELECT item_id, title, category, brand, price FROM numbered ORDER BY 1")
        return Shop(
            items={item_id: tuple(values) for item_id, *values in items},
            prices=rows(
                "SELECT price, price_low FROM numbered LEFT JOIN price_lows USING (price)"
                " ORDER BY item_id"
            ),
            bought=rows("SELECT user_id, item_id FROM kept_events ORDER BY user_id, position"),
            bad=rows("SELECT file, line, reason, content FROM bad_lines ORDER BY file, line"),
            report=report,
        )
