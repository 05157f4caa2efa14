"""Matches ids that two tables write differently, by removing what an export added to them.

Without asking: white space and invisible characters at the ends, the two ways to write an accent,
Excel's `="0001"` and `'0001`, and the `.0` that pandas puts behind whole numbers. Never: leading
zeros, capitals, or what a spreadsheet has lost of a long number; such ids are named.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from catalog.database import one_row

_INVISIBLE = r"[\s\p{Z}\p{Cc}\p{Cf}]"
_SCIENTIFIC = r"[0-9]([.,][0-9]+)?[eE][+][0-9]+"
_FLOAT = r"-?[0-9]+[.]0+"
_WHOLE = r"-?[0-9]+([.]0+)?"

# Where ids stand: the name of the place for people, the table and the column.
_PLACES = {
    "item ids of the items": ("raw_items", "item_id"),
    "item ids of the events": ("raw_events", "item_id"),
    "user ids": ("raw_events", "user_id"),
}
_ORDER_PLACES = {
    "order ids": ("order_lines", "order_id"),
    "item ids": ("order_lines", "item_id"),
    "user ids": ("order_lines", "user_id"),
}
_IDS = """
CREATE OR REPLACE TEMP TABLE ids AS
  SELECT place, raw, {clean} AS id, n FROM ({each})
"""
_EACH = """
SELECT '{place}' AS place, {column} AS raw, count(*) AS n FROM {table}
WHERE problem IS NULL AND {column} IS NOT NULL GROUP BY {column}"""
# In a column of whole numbers every `.0` goes. Else one goes if what is left is an id, of the other
# table while the whole is not, or where there is no other table, of the same place.
_FLOATS = f"""
UPDATE ids SET id = met.rest FROM (
  WITH floats AS (
      SELECT place, raw, id, regexp_replace(id, '[.]0+$', '') AS rest FROM ids
      WHERE contains(id, '.') AND regexp_full_match(id, '{_FLOAT}')),
    places AS (
      SELECT place, bool_and(regexp_full_match(id, '{_WHOLE}')) AS whole FROM ids
      WHERE place IN (SELECT DISTINCT place FROM floats) GROUP BY place)
  SELECT place, raw, rest FROM floats JOIN places USING (place)
  WHERE whole OR CASE place
    WHEN 'item ids of the events'
      THEN rest IN (SELECT id FROM ids WHERE place = 'item ids of the items')
        AND id NOT IN (SELECT id FROM ids WHERE place = 'item ids of the items')
    WHEN 'item ids of the items'
      THEN rest IN (SELECT id FROM ids WHERE place = 'item ids of the events')
        AND rest NOT IN (SELECT id FROM ids WHERE place = 'item ids of the items')
        AND id NOT IN (SELECT id FROM ids WHERE place = 'item ids of the events')
    ELSE row(place, rest) IN (SELECT row(place, id) FROM ids) END) AS met
WHERE ids.place = met.place AND ids.raw = met.raw
"""
_UNLISTED = """
CREATE OR REPLACE TEMP TABLE unlisted_ids AS
  SELECT DISTINCT id FROM ids WHERE place = 'item ids of the events'
    AND id NOT IN (SELECT id FROM ids WHERE place = 'item ids of the items')
"""
# Case, leading zeros and what is no letter or digit aside.
_FOLDED = r"regexp_replace(regexp_replace(lower(id), '[^\p{L}\p{N}]', '', 'g'), '^0+', '')"
_ALIKE = f"""
SELECT count(DISTINCT unlisted.id), min(unlisted.id), arg_min(listed.id, unlisted.id)
FROM (SELECT id, {_FOLDED} AS folded FROM unlisted_ids) AS unlisted
  JOIN (SELECT id, {_FOLDED} AS folded FROM ids WHERE place = 'item ids of the items') AS listed
  USING (folded)
WHERE folded <> ''
"""
_USERS_ALIKE = """
SELECT count(*), min(one), arg_min(other, one) FROM (
  SELECT min(id) AS one, max(id) AS other FROM ids WHERE place = 'user ids'
  GROUP BY ltrim(lower(id), '0') HAVING one <> other)
"""


def given_id(text: str) -> str:
    """The id that a source has; `NULL` if there is nothing to be seen in it (SQL)."""
    return rf"CASE WHEN regexp_matches({text}, '[^\s\p{{Z}}\p{{Cc}}\p{{Cf}}]') THEN {text} END"


def clean_id(text: str) -> str:
    """The id without what was added to it, but for a `.0` (SQL)."""
    bare = f"regexp_replace({text}, '^{_INVISIBLE}+|{_INVISIBLE}+$', '', 'g')"
    formula = f"""regexp_replace({bare}, '^="(.*)"$|^''([0-9][^'']*)$', '\\1\\2')"""
    stripped = f"regexp_replace({formula}, '^{_INVISIBLE}+|{_INVISIBLE}+$', '', 'g')"
    # Most ids are plain, which is seen ten times as fast.
    return (
        f"CASE WHEN regexp_matches({text}, '[^!-~]|^[='']')"
        f" THEN coalesce(nullif(nfc_normalize({stripped}), ''), {text}) ELSE {text} END"
    )


def meet_ids(connection: duckdb.DuckDBPyConnection) -> dict[str, object]:
    """Puts the ids of `raw_items` and `raw_events` right.

    Returns:
      For the report, each with a count and an example, nothing of what there is not:
      `ids_put_right`; `items_alike`, bought items that are not listed but for other zeros, capitals
      or signs; `users_alike`, the same among users; `ids_in_scientific_notation`.
    """
    notes = _meet(connection, _PLACES)
    notes |= _alike(connection)
    count, example = connection.execute(
        f"SELECT count(DISTINCT id), min(id) FROM ids WHERE regexp_full_match(id, '{_SCIENTIFIC}')"
    ).fetchall()[0]
    if count:
        notes["ids_in_scientific_notation"] = f"{count:,}, as {example}"
    connection.execute("DROP TABLE ids; DROP TABLE unlisted_ids")
    return notes


def meet_order_ids(connection: duckdb.DuckDBPyConnection) -> dict[str, object]:
    """Puts the ids of `order_lines` right, so that a return finds its purchase.

    Returns:
      `ids_put_right` as above, if there are any.
    """
    notes = _meet(connection, _ORDER_PLACES)
    connection.execute("DROP TABLE ids")
    return notes


def _meet(
    connection: duckdb.DuckDBPyConnection, places: Mapping[str, tuple[str, str]]
) -> dict[str, object]:
    """Makes `ids` of those places and puts them right; says which."""
    each = " UNION ALL ".join(
        _EACH.format(place=place, table=table, column=column)
        for place, (table, column) in places.items()
    )
    connection.execute(_IDS.format(clean=clean_id("raw"), each=each))
    if one_row(connection.execute("SELECT count(*) FROM ids WHERE contains(id, '.')"))[0]:
        connection.execute(_FLOATS)
    changed = _put_right(connection, places)
    return {"ids_put_right": changed} if changed else {}


def _put_right(
    connection: duckdb.DuckDBPyConnection, places: Mapping[str, tuple[str, str]]
) -> list[str]:
    """Changes the ids; says how many of each place and gives an example."""
    said = []
    for place, (table, column) in places.items():
        rows, ids, raw, changed = connection.execute(
            "SELECT coalesce(sum(n), 0)::BIGINT, count(*), min(raw), arg_min(id, raw)"
            " FROM ids WHERE place = $place AND raw <> id",
            {"place": place},
        ).fetchall()[0]
        if not ids:
            continue
        connection.execute(
            f"UPDATE {table} SET {column} = ids.id FROM ids WHERE place = '{place}'"
            f" AND raw <> id AND problem IS NULL AND {table}.{column} = ids.raw"
        )
        said.append(f"{ids:,} {place} ({rows:,} rows), as {raw!a} to {changed!a}")
    return said


def _alike(connection: duckdb.DuckDBPyConnection) -> dict[str, object]:
    notes: dict[str, object] = {}
    connection.execute(_UNLISTED)
    unlisted = one_row(connection.execute("SELECT count(*) FROM unlisted_ids"))[0]
    items, bought, listed = one_row(connection.execute(_ALIKE)) if unlisted else (0, None, None)
    if items:
        notes["items_alike"] = f"{items:,}, as {bought} (bought) and {listed} (listed)"
    users, one, other = connection.execute(_USERS_ALIKE).fetchall()[0]
    if users:
        notes["users_alike"] = f"{users:,}, as {one} and {other}"
    return notes
