"""Writing a domain's rows from what a source loaded (SQL), and their fingerprint."""

from __future__ import annotations

import hashlib
import json

import duckdb

from calrec.text import Item
from catalog.errors import CatalogueError
from catalog.prices import read_prices
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

# Levels of a category that came as text, by what separates them there. A comma with a space behind
# it also stands within names (`Tapes, Adhesives & Sealants`), so it separates only as the last
# resort, and one between digits (`1,000 Pieces`) never does.
PATH = r"""
CASE
  WHEN category IS NULL THEN NULL
  WHEN len(path) > 0 THEN path
  ELSE nullif(list_filter(list_transform(
    CASE
      WHEN contains(category, ' > ') THEN string_split(category, ' > ')
      WHEN contains(category, ';') THEN string_split(category, ';')
      WHEN contains(category, '|') THEN string_split(category, '|')
      WHEN regexp_matches(regexp_replace(category, '(\d),(\d{3})\b', '\1\2', 'g'), ',\S')
        THEN string_split(regexp_replace(regexp_replace(category, '(\d),(\d{3})\b',
          '\1' || chr(2) || '\2', 'g'), ',(\S)', chr(1) || '\1', 'g'), chr(1))
      ELSE string_split(category, ', ')
    END,
    lambda level: trim(regexp_replace(replace(level, chr(2), ','), '(^|\s)>$', ''))),
    lambda level: level <> ''), [])
END"""


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
_ITEMS_WITH_POPULARITY = f"""
INSERT INTO items
  SELECT $domain, item_index, item_id, title, category, brand, price, count(bought.position),
    {PATH}, price_low
  FROM numbered LEFT JOIN price_lows USING (price) LEFT JOIN (
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


def number_items(connection: duckdb.DuckDBPyConnection) -> dict[str, object]:
    """Makes `numbered(item_index, item_id, title, category, brand, price)` and `price_lows`.

    Needs `raw_items`, `typed_prices` and `kept_events`.

    Returns:
      For the report: good rows, rows of an id that came before, items that were bought but not
      listed, and what `catalog.prices.read_prices` says.

    Raises:
      CatalogueError: if there is no item at all.
    """
    first_known = ", ".join(map(_FIRST_KNOWN.format, _ATTRIBUTES))
    on_one_line = ", ".join(map(_ON_ONE_LINE.format, _ATTRIBUTES))
    connection.execute(_ITEMS.format(first_known=first_known, on_one_line=on_one_line))
    read, listed, unlisted = connection.execute(
        "SELECT (SELECT count(*) FROM raw_items WHERE problem IS NULL),"
        " (SELECT count(*) FROM listed), (SELECT count(*) FROM unlisted)"
    ).fetchone()
    if not listed + unlisted:
        raise CatalogueError("expected at least one item or purchase, found none: check the input")
    return {
        "items_read": read,
        "items_repeated": read - listed,
        "items_without_metadata": unlisted,
    } | read_prices(connection, "numbered", typed="typed_prices")


def write_domain(
    connection: duckdb.DuckDBPyConnection, domain: str, role: str, report: dict[str, object]
) -> str:
    """Replaces the domain's rows by `numbered` and `kept_events`.

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
    fingerprint = connection.execute(_FINGERPRINT, name).fetchone()[0]
    # All figures of a domain depend on the rule; those by the paper's had their names before.
    if (rule := report["words"]["rule"]) != "paper":
        fingerprint = hashlib.sha256(f"{fingerprint} {rule}".encode()).hexdigest()
    items, users, events, short, rare = connection.execute(_SIZES, name).fetchone()
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
