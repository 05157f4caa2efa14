"""Cleaning the attributes of `raw_items` (see `catalog.clean`), each distinct text once.

SQL finds the few texts that cleaning may change; only those go through Python.
"""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import pyarrow as pa

from catalog.clean import PRICE, SUSPECT, clean_path, clean_price, clean_text

_BATCH = 10_000  # distinct texts

_SUSPECT = f"regexp_matches(raw, '{SUSPECT}')"
# A list is also put right where its names repeat or have white space to fold.
_SUSPECT_PATH = (
    f"len(list_filter(path, lambda raw: {_SUSPECT}"
    r" OR regexp_matches(raw, '^\s|\s\s|[\t\n\r\f]|\s$|^$'))) > 0"
    " OR len(list_distinct(path)) < len(path)"
)
_TEXTS = """
SELECT raw FROM (
  SELECT title AS raw FROM raw_items
  UNION ALL SELECT brand FROM raw_items
  UNION ALL SELECT category FROM raw_items
  UNION ALL SELECT price FROM raw_items WHERE NOT {dollars})
WHERE {suspect}
"""
_PRICES = """
SELECT price AS raw FROM raw_items WHERE {dollars} AND NOT regexp_full_match(price, '{form}')
"""

# In the order of the source. A category that was text has no path.
_CLEANED = """
CREATE TEMP TABLE cleaned_items AS
  SELECT line, problem, content, item_id, {title} AS title,
    CASE WHEN path IS NULL THEN {category} ELSE nullif(array_to_string({path}, ', '), '') END
      AS category,
    {path} AS path, {brand} AS brand, {price} AS price
  FROM raw_items
    LEFT JOIN clean_texts AS titles ON titles.raw = title
    LEFT JOIN clean_texts AS categories ON categories.raw = category
    LEFT JOIN clean_texts AS brands ON brands.raw = brand
    LEFT JOIN clean_texts AS text_prices ON text_prices.raw = price
    LEFT JOIN clean_prices AS prices ON prices.raw = price
    LEFT JOIN clean_paths AS paths ON paths.raw = path
  ORDER BY raw_items.rowid;
"""
_PRESENT = (
    "count(nullif(trim(title), '')) + count(nullif(trim(coalesce(category, path[1])), ''))"
    " + count(nullif(trim(brand), '')) + count(nullif(trim(price), ''))"
)


def clean_items(connection: duckdb.DuckDBPyConnection, *, dollars: bool) -> int:
    """Cleans title, category, path, brand and price of every row of `raw_items`.

    Args:
      connection: has `raw_items`; its paths have no `NULL` in them.
      dollars: whether prices are in dollars, so that what reads otherwise is none; if not, they are
        cleaned as texts.

    Returns:
      How many values had nothing usable in them and are now unknown.
    """
    texts = _TEXTS.format(dollars=dollars, suspect=_SUSPECT)
    prices = _PRICES.format(dollars=dollars, form=PRICE)
    paths = f"SELECT path AS raw FROM raw_items WHERE {_SUSPECT_PATH}"
    _clean_distinct(connection, "clean_texts", "VARCHAR", texts, clean_text)
    _clean_distinct(connection, "clean_prices", "VARCHAR", prices, clean_price)
    _clean_distinct(
        connection, "clean_paths", "VARCHAR[]", paths, lambda raw: clean_path(raw) or None
    )
    cleaned = _CLEANED.format(
        title=_joined("titles", "title"),
        category=_joined("categories", "category"),
        path=_joined("paths", "path"),
        brand=_joined("brands", "brand"),
        price=_joined("prices", _joined("text_prices", "price")),
    )
    connection.execute(cleaned)
    before, after = (
        connection.execute(f"SELECT {_PRESENT} FROM {table}").fetchall()[0][0]
        for table in ("raw_items", "cleaned_items")
    )
    connection.execute(
        "DROP TABLE raw_items; ALTER TABLE cleaned_items RENAME TO raw_items;"
        "DROP TABLE clean_texts; DROP TABLE clean_prices; DROP TABLE clean_paths"
    )
    return before - after


def _joined(table: str, column: str) -> str:
    return f"CASE WHEN {table}.raw IS NULL THEN {column} ELSE {table}.cleaned END"


def _clean_distinct(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    kind: str,
    query: str,
    clean: Callable,
) -> None:
    """Makes the table `name(raw, cleaned)` of the distinct values of a query."""
    connection.execute(f"CREATE TEMP TABLE {name} (raw {kind}, cleaned {kind})")
    # Numbered by a column: in an open transaction row ids do not begin at 0.
    connection.execute(
        "CREATE TEMP TABLE suspects AS SELECT row_number() OVER () - 1 AS n, raw"
        f" FROM (SELECT DISTINCT raw FROM ({query}))"
    )
    count = connection.execute("SELECT count(*) FROM suspects").fetchall()[0][0]
    arrow = pa.string() if kind == "VARCHAR" else pa.list_(pa.string())
    for start in range(0, count, _BATCH):
        rows = connection.execute(
            "SELECT raw FROM suspects WHERE n BETWEEN ? AND ?", [start, start + _BATCH - 1]
        ).fetchall()
        raw = [value for (value,) in rows]
        cleaned = [clean(value) for value in raw]
        batch = pa.table({"raw": pa.array(raw, arrow), "cleaned": pa.array(cleaned, arrow)})
        connection.register("cleaned_batch", batch)
        connection.execute(f"INSERT INTO {name} FROM cleaned_batch")
        connection.unregister("cleaned_batch")
    connection.execute("DROP TABLE suspects")
