"""Writing a domain's rows from what a source loaded (SQL), and their fingerprint."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import duckdb

from calrec.records import Item
from calrec.text.words import ruled
from catalog.attributes.categories import column_of, levels
from catalog.attributes.distinct import map_distinct
from catalog.database import one_row
from catalog.errors import CatalogueError
from catalog.ingest import Loaded
from catalog.attributes.prices import read_prices
from catalog.sequences import HELD_OUT

# Attribute values on one line, blank ones NULL. Of an item that is listed more than once, each
# attribute is the first one known. An item that is bought but not listed has no attributes. Ids
# order items and users, so that they are numbered the same in every build.
_ITEMS = """
CREATE TEMP TABLE listed AS
  SELECT item_id, {first_known},
    arg_min(path, rowid) FILTER (WHERE category IS NOT NULL) AS path
  FROM (SELECT rowid, item_id, path, {on_one_line} FROM raw_items WHERE problem IS NULL)
  GROUP BY item_id;

CREATE TEMP TABLE unlisted AS
  SELECT DISTINCT item_id FROM kept_events ANTI JOIN listed USING (item_id);

CREATE TEMP TABLE numbered AS
  SELECT (row_number() OVER (ORDER BY item_id) - 1)::INTEGER AS item_index, *
  FROM (FROM listed UNION ALL BY NAME FROM unlisted) ORDER BY item_id;
"""
_ATTRIBUTES = ("title", "category", "brand", "price")
# Most values are on one line already, and looking is three times as fast as replacing.
_ON_ONE_LINE = r"""
nullif(trim(CASE WHEN regexp_matches({0}, '[\t\n\f\r]|  ')
  THEN regexp_replace({0}, '\s+', ' ', 'g') ELSE {0} END), '') AS {0}"""
_FIRST_KNOWN = "arg_min({0}, rowid) AS {0}"


_USERS = """
INSERT INTO users
  SELECT $domain, row_number() OVER (ORDER BY user_id) - 1, user_id, count(*)
  FROM kept_events GROUP BY user_id ORDER BY user_id
"""
_EVENTS = """
INSERT INTO events
  SELECT $domain, user_index, position, item_index, timestamp, rating
  FROM kept_events JOIN users USING (user_id) JOIN numbered USING (item_id)
  WHERE domain = $domain ORDER BY user_index, position
"""
_ITEMS_WITH_POPULARITY = """
INSERT INTO items
  SELECT $domain, item_index, item_id, title, category, brand, price, count(bought.position),
    CASE WHEN len(path) > 0 THEN path ELSE levels END, price_low
  FROM numbered LEFT JOIN price_lows USING (price)
    LEFT JOIN category_levels ON category_levels.raw = category LEFT JOIN (
    SELECT item_index, position FROM events JOIN users USING (domain, user_index)
    WHERE domain = $domain AND position < users.events - $held_out
  ) AS bought USING (item_index)
  GROUP BY ALL ORDER BY item_index
"""
# 5-core is what the published subsets promise; it is reported here and not enforced.
_SIZES = """
SELECT
  (SELECT count(*) FROM items WHERE domain = $domain),
  (SELECT count(*) FROM users WHERE domain = $domain),
  (SELECT count(*) FROM events WHERE domain = $domain),
  (SELECT count(*) FROM users WHERE domain = $domain AND events < 5),
  (SELECT count(*) FROM (
     SELECT item_id FROM numbered LEFT JOIN kept_events USING (item_id)
     GROUP BY item_id HAVING count(user_id) < 5))
"""
# Row by row and then over the rows' sums, as one string of all events would not fit in memory.
_FINGERPRINT = """
SELECT sha256(concat_ws(' ',
  (SELECT sha256(string_agg(sha256(to_json([item_id, title, category, brand, price])::VARCHAR), ''
     ORDER BY item_index)) FROM items WHERE domain = $domain),
  (SELECT sha256(string_agg(history, '' ORDER BY user_index)) FROM (
     SELECT user_index, sha256(to_json([user_id, string_agg(
       concat_ws(' ', item_index, timestamp, coalesce(rating::VARCHAR, '-')), ';' ORDER BY position
     )])::VARCHAR) AS history
     FROM users JOIN events AS purchases USING (domain, user_index)
     WHERE domain = $domain GROUP BY user_index, user_id))))
"""


def number_items(connection: duckdb.DuckDBPyConnection, loaded: Loaded) -> dict[str, object]:
    """Makes `numbered(item_index, item_id, title, category, brand, price)`, and what goes with it.

    Needs `raw_items`, `typed_prices` and `kept_events`, of that source. Makes `price_lows` and
    `category_levels`, too.

    Returns:
      For the report: good rows, rows of an id that came before, items that were bought but not
      listed, and what was found of categories that are text and of prices.

    Raises:
      CatalogueError: if there is no item at all, or none of those bought is listed.
    """
    first_known = ", ".join(map(_FIRST_KNOWN.format, _ATTRIBUTES))
    on_one_line = ", ".join(map(_ON_ONE_LINE.format, _ATTRIBUTES))
    connection.execute(_ITEMS.format(first_known=first_known, on_one_line=on_one_line))
    counts = connection.execute(
        "SELECT (SELECT count(*) FROM raw_items WHERE problem IS NULL),"
        " (SELECT count(*) FROM listed), (SELECT count(*) FROM unlisted)"
    )
    read, listed, unlisted = one_row(counts)
    if not listed + unlisted:
        raise CatalogueError("expected at least one item or purchase, found none: check the input")
    if unlisted and loaded.lists_items:
        _stop_if_none_is_listed(connection, loaded, unlisted)
    found = category_levels(connection, "SELECT category FROM numbered WHERE len(path) IS NULL")
    return (
        {
            "items_read": read,
            "items_repeated": read - listed,
            "items_without_metadata": unlisted,
        }
        | found
        | read_prices(connection, "numbered", typed="typed_prices")
    )


def category_levels(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, object]:
    """Makes `category_levels(raw, levels, several)` of a domain's categories that are text.

    Args:
      connection: where the query can be run.
      query: SQL of one column `category`.

    Returns:
      For the report, what was decided about them.
    """
    texts = connection.execute(
        f"SELECT DISTINCT category FROM ({query}) WHERE category IS NOT NULL"
    ).fetchall()
    column = column_of(text for (text,) in texts)

    def split(text: str) -> tuple[list[str] | None, bool]:
        names, several = levels(text, column)
        return names or None, several

    map_distinct(
        connection,
        "category_levels",
        f"SELECT category AS raw FROM ({query})",
        split,
        columns={"levels": "VARCHAR[]", "several": "BOOLEAN"},
    )
    count = "SELECT count(*) FROM category_levels WHERE several"
    decided: dict[str, object] = {"categories_of_several_paths": one_row(connection.execute(count))[0]}
    if any("/" in text for (text,) in texts):
        slashes = "separate levels" if column.slashes else "are part of names"
        decided["category_slashes"] = slashes
    return decided


def _stop_if_none_is_listed(
    connection: duckdb.DuckDBPyConnection, loaded: Loaded, unlisted: int
) -> None:
    count = "SELECT count(DISTINCT item_id) FROM kept_events"
    (bought,) = one_row(connection.execute(count))
    if unlisted < bought:
        return
    examples = {
        table: [
            item
            for (item,) in connection.execute(
                f"SELECT DISTINCT item_id FROM {table} ORDER BY item_id LIMIT 2"
            ).fetchall()
        ]
        for table in ("listed", "unlisted")
    }
    listed = examples["listed"] or loaded.ids_unused
    raise CatalogueError(
        f"expected purchases of the items in {loaded.items_from}, found that none of the "
        f"{bought:,} items bought in {loaded.events_from} is listed there (listed: "
        f"{_shown(listed)}; bought: {_shown(examples['unlisted'])}): give the two tables of one "
        "shop, or the columns that hold the same ids (--column)"
    )


def _shown(ids: Sequence[str]) -> str:
    return ", ".join(repr(item_id[:40]) for item_id in ids) or "no item at all"


def write_domain(
    connection: duckdb.DuckDBPyConnection, domain: str, role: str, report: dict[str, Any]
) -> str:
    """Replaces the domain's rows by `numbered` and `kept_events`.

    Needs `price_lows` and `category_levels`, too.

    Args:
      connection: of the staged database.
      domain: its name.
      role: its role.
      report: for its row; the rule of words in it counts to the fingerprint.

    Returns:
      The fingerprint.
    """
    name = {"domain": domain}
    for table in ("domains", "items", "users", "events"):
        connection.execute(f"DELETE FROM {table} WHERE domain = $domain", name)
    connection.execute(_USERS, name)
    connection.execute(_EVENTS, name)
    connection.execute(_ITEMS_WITH_POPULARITY, {**name, "held_out": HELD_OUT[role]})
    fingerprint = one_row(connection.execute(_FINGERPRINT, name))[0]
    # All figures of a domain depend on the rule; those by the paper's had their names before.
    fingerprint = ruled(fingerprint, report["words"]["rule"])
    items, users, events, short, rare = one_row(connection.execute(_SIZES, name))
    report = report | {"users_under_5_purchases": short, "items_under_5_purchases": rare}
    row = [domain, role, fingerprint, items, users, events, json.dumps(report)]
    connection.execute("INSERT INTO domains VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    return fingerprint


def titles(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The titles of `numbered`, where there are any."""
    return [
        title
        for (title,) in connection.execute(
            "SELECT title FROM numbered WHERE title IS NOT NULL ORDER BY item_index"
        ).fetchall()
    ]


def domain_items(connection: duckdb.DuckDBPyConnection, domain: str) -> list[Item]:
    """The items of a written domain, in item-index order."""
    rows = connection.execute(
        "SELECT item_id, title, category, brand, price FROM items WHERE domain = $domain"
        " ORDER BY item_index",
        {"domain": domain},
    )
    return [
        Item(item_id=item_id, title=title, category=category, brand=brand, price=price)
        for item_id, title, category, brand, price in rows.fetchall()
    ]
