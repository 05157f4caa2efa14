"""Order lines as one table, whatever export they came from.

Each part, a file or a sheet of one, is brought to the columns of `order_lines` (`values`). Then its
lines are told apart (`kinds`, `returns`), timed (`times`), reported (`report`), and the items that
they name collected (`items`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import duckdb

from catalog.database import quoted_text
from catalog.ingest.order_lines.part import SourcePart
from catalog.ingest.order_lines.values import column_values, no_units
from catalog.ingest.times import Reading
from catalog.ingest.values.missing import is_missing
from catalog.ingest.values.typed_prices import printed_number

# A comma in quantities is a decimal one if some show it, or if three digits stand behind every one.
_DECIMAL_COMMA = r"""
SELECT coalesce(bool_or(regexp_matches(text, '^\D*0,\d{3}\D*$|,(\d{1,2}|\d{4,})\D*$'))
  OR (count(*) > 1 AND bool_and(regexp_matches(text, '^\D*\d+,\d{3}\D*$'))), false)
FROM (SELECT CAST(quantity AS VARCHAR) AS text FROM staged WHERE quantity IS NOT NULL)
"""
# From what was staged of one table to the columns of `order_lines`.
_PART = """
CREATE TEMP TABLE order_part_{number} AS
WITH named AS (
  SELECT row_number() OVER () AS n, line + {above} AS line, problem, content,
    {order_id} AS order_id, {user_id} AS user_id, {item_id} AS item_id, {by_title} AS by_title,
    {title} AS title, {category} AS category, {path} AS path, {brand} AS brand, {price} AS price,
    {quantity} AS quantity, {units} AS units, {gone} AS gone, {time} AS time, {status} AS status,
    {cancelled_at} AS cancelled_at, {parent_id} AS parent_id
  FROM staged),
present AS (
  FROM named WHERE problem IS NOT NULL OR coalesce(order_id, user_id, item_id, title, price,
    quantity, status, CAST(time AS VARCHAR)) IS NOT NULL),
whole AS ({whole})
SELECT {number} AS part, * EXCLUDE (cancelled_at, parent_id),
  cancelled_at IS NOT NULL OR coalesce(status IN ({cancelled}), false) AS cancelled,
  {credit} AS credit, parent_id IS NOT NULL AS component,
  CASE WHEN units IS NULL THEN {no_units} END AS unreadable
FROM whole
"""
# What holds for an order may stand in its first line only, its number included. Lines of one order
# stand together; lines that are apart are not of one order, as some tills count anew each day.
_WHOLE = """
  SELECT * EXCLUDE (run) REPLACE (
    coalesce(user_id, first_value(user_id IGNORE NULLS) OVER lines) AS user_id,
    coalesce(time, first_value(time IGNORE NULLS) OVER lines) AS time,
    coalesce(status, first_value(status IGNORE NULLS) OVER lines) AS status,
    coalesce(cancelled_at, first_value(cancelled_at IGNORE NULLS) OVER lines) AS cancelled_at)
  FROM (
    SELECT * EXCLUDE (before),
      sum(CASE WHEN order_id = before THEN 0 ELSE 1 END) OVER (ORDER BY n) AS run
    FROM (
      SELECT *, lag(order_id) OVER (ORDER BY n) AS before FROM (
        SELECT * REPLACE (CASE
            WHEN order_id IS NULL AND user_id IS NULL AND time IS NULL
              THEN last_value(order_id IGNORE NULLS) OVER (
                ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
            ELSE order_id END AS order_id)
        FROM present)))
  WINDOW lines AS (PARTITION BY run ORDER BY n
    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
"""


def take_part(
    connection: duckdb.DuckDBPyConnection, part: SourcePart, cancelled: Sequence[str]
) -> SourcePart:
    """Makes `order_part_N` of `staged`, which goes; fills `typed_prices` and `raw_lost`.

    Args:
      connection: has `staged`, of the columns that the part has chosen.
      part: the table's.
      cancelled: further states of an order that was no purchase.

    Returns:
      The part, with what stood for missing values in lists of lines as well.
    """
    if part.export.lines is not None:
        part = replace(part, missing={**part.missing, **_explode(connection, part)})
    kinds = {name: kind for name, kind, *_ in connection.execute("DESCRIBE staged").fetchall()}
    if part.sheet and kinds["time"] == "DOUBLE":
        _date_day_numbers(connection)
    states = [state_name(state) for state in (*part.export.cancelled, *cancelled)]
    decimal_comma = "quantity" in kinds and connection.execute(_DECIMAL_COMMA).fetchall()[0][0]
    values = column_values(part, kinds, decimal_comma=decimal_comma)
    connection.execute(
        _PART.format(
            number=part.number,
            above=part.above,
            whole=_WHOLE if "order_id" in kinds else "FROM present",
            cancelled=", ".join(map(quoted_text, states)),
            credit=_credit(part.export.credit),
            no_units=no_units(part.called("quantity")),
            **values,
        )
    )
    if "price_typed" in kinds:
        connection.execute(
            "INSERT INTO typed_prices SELECT DISTINCT price FROM staged"
            " WHERE price_typed AND price IS NOT NULL"
        )
    connection.execute(
        f"INSERT INTO raw_lost SELECT line + {part.above}, one.attribute, one.value,"
        f" {quoted_text(part.file)} FROM (SELECT line, unnest(lost) AS one FROM staged)"
    )
    connection.execute("DROP TABLE staged")
    return part


def _credit(pattern: str | None) -> str:
    if pattern is None:
        return "false"
    return f"coalesce(regexp_full_match(order_id, {quoted_text(pattern)}), false)"


def join_parts(
    connection: duckdb.DuckDBPyConnection, parts: Sequence[SourcePart], readings: Sequence[Reading]
) -> None:
    """Makes `order_lines` of all parts, which go, in their order, with `microseconds` as read."""
    types = [
        connection.execute(f"SELECT typeof(min(time)) FROM {part.table}").fetchall()
        for part in parts
    ]
    time = "time" if all(kind == types[0] for kind in types) else "CAST(time AS VARCHAR)"
    rows = " UNION ALL ".join(
        f"SELECT * REPLACE ({time} AS time), {reading.microseconds('time')} AS microseconds"
        f" FROM {part.table}"
        for part, reading in zip(parts, readings, strict=True)
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE order_lines AS {rows}")
    for part in parts:
        connection.execute(f"DROP TABLE {part.table}")


def state_name(state: str) -> str:
    """A state of an order as states are compared."""
    return "_".join(state.strip().lower().replace("-", " ").split()).removeprefix("wc_")


def _explode(connection: duckdb.DuckDBPyConnection, part: SourcePart) -> dict[str, int]:
    """A row a line, of rows that are orders with a list of lines; an order without one stays.

    Returns:
      How many values of each column of the lines stood for missing ones.
    """
    fields, missing = [], []
    for ours, theirs in part.export.line_names.items():
        if ours in part.chosen:
            continue
        text = f"json_extract_string(one, '$.{theirs}')"
        if ours == "price":
            number = f"coalesce(regexp_matches(json_type(one, '$.{theirs}'), 'INT|DOUBLE'), false)"
            fields.append(f"{number} AS price_typed")
            text = f"CASE WHEN {number} THEN {printed_number(text)} ELSE {text} END"
        fields.append(f"{text} AS {ours}")
        missing.append(ours)
    counts = ", ".join(f"count(*) FILTER ({is_missing(ours)})" for ours in missing)
    kept = ", ".join(
        f"CASE WHEN NOT {is_missing(ours)} THEN {ours} END AS {ours}" for ours in missing
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE staged AS"
        f" SELECT * EXCLUDE (lines, one), {', '.join(fields)} FROM ("
        """ SELECT *, unnest(coalesce(nullif(TRY(from_json(lines, '["JSON"]')), []),"""
        " [NULL::JSON])) AS one FROM staged)"
    )
    found = connection.execute(f"SELECT {counts} FROM staged").fetchall()[0]
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE staged AS SELECT * REPLACE ({kept}) FROM staged"
    )
    return {ours: count for ours, count in zip(missing, found, strict=True) if count}


def _date_day_numbers(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes times of days since 1900: what Excel keeps in a cell that is not shown as a date."""
    median = connection.execute("SELECT median(time) FROM staged").fetchall()[0][0]
    if median is not None and 20_000 <= median < 80_000:  # of the years 1954 to 2119
        seconds = "to_seconds(CAST(round(time * 86400) AS BIGINT))"
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE staged AS SELECT * REPLACE"
            f" (TIMESTAMP '1899-12-30' + {seconds} AS time) FROM staged"
        )
