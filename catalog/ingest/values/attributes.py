"""Cleaning the attributes of `raw_items` (see `catalog.attributes.clean`), each distinct text once.

SQL finds the few texts that cleaning may change; only those go through Python.
"""

from __future__ import annotations

import duckdb

from catalog.attributes.clean import PRICE, SUSPECT, clean_path, clean_price, clean_text
from catalog.attributes.distinct import map_distinct

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
    {category} AS category,
    {path} AS path, {brand} AS brand, {price} AS price
  FROM raw_items {joins}
  ORDER BY raw_items.rowid;
"""
_TABLES = {
    "title": "LEFT JOIN clean_texts AS titles ON titles.raw = title",
    "category": "LEFT JOIN clean_texts AS categories ON categories.raw = category"
    " LEFT JOIN clean_paths AS paths ON paths.raw = path",
    "brand": "LEFT JOIN clean_texts AS brands ON brands.raw = brand",
    "price": "LEFT JOIN clean_texts AS text_prices ON text_prices.raw = price"
    " LEFT JOIN clean_prices AS prices ON prices.raw = price",
}
# What was there and is gone.
_LOST = """
INSERT INTO raw_lost
SELECT line, '{0}', {0}, NULL FROM (
  SELECT raw_items.rowid AS place, line, {0}, {cleaned} AS cleaned FROM raw_items {join})
WHERE cleaned IS NULL AND trim({0}) <> '' ORDER BY place
"""


def clean_items(connection: duckdb.DuckDBPyConnection, *, dollars: bool) -> None:
    """Cleans title, category, path, brand and price of every row of `raw_items`.

    Values that had nothing usable in them are unknown then, and go to `raw_lost`.

    Args:
      connection: has `raw_items` and `raw_lost`; the paths have no `NULL` in them.
      dollars: whether prices are in dollars, so that what reads otherwise is none; if not, they are
        cleaned as texts.
    """
    texts = _TEXTS.format(dollars=dollars, suspect=_SUSPECT)
    prices = _PRICES.format(dollars=dollars, form=PRICE)
    paths = f"SELECT path AS raw FROM raw_items WHERE {_SUSPECT_PATH}"
    text = {"cleaned": "VARCHAR"}
    map_distinct(connection, "clean_texts", texts, lambda raw: (clean_text(raw),), columns=text)
    map_distinct(connection, "clean_prices", prices, lambda raw: (clean_price(raw),), columns=text)
    map_distinct(
        connection,
        "clean_paths",
        paths,
        lambda raw: (clean_path(raw) or None,),
        raw="VARCHAR[]",
        columns={"cleaned": "VARCHAR[]"},
    )
    values = {
        "title": _joined("titles", "title"),
        # The text of one path follows what became of that; of several, it has further names.
        "category": "CASE WHEN paths.raw IS NOT NULL AND category = array_to_string(path, ', ')"
        " THEN nullif(array_to_string(paths.cleaned, ', '), '')"
        f" ELSE {_joined('categories', 'category')} END",
        "brand": _joined("brands", "brand"),
        "price": _joined("prices", _joined("text_prices", "price")),
    }
    for name, cleaned in values.items():
        connection.execute(_LOST.format(name, cleaned=cleaned, join=_TABLES[name]))
    connection.execute(
        _CLEANED.format(path=_joined("paths", "path"), joins=" ".join(_TABLES.values()), **values)
    )
    connection.execute(
        "DROP TABLE raw_items; ALTER TABLE cleaned_items RENAME TO raw_items;"
        "DROP TABLE clean_texts; DROP TABLE clean_prices; DROP TABLE clean_paths"
    )


def _joined(table: str, column: str) -> str:
    return f"CASE WHEN {table}.raw IS NULL THEN {column} ELSE {table}.cleaned END"
