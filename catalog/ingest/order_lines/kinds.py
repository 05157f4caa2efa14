"""What each order line is: a purchase, a guest's, cancelled, a return and so on (SQL)."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from catalog.ingest.order_lines.returns import OrderLine, Returns, match_returns

KINDS = {
    "purchase": "purchases",
    "twice": "exported twice",
    "guest": "without a customer (guests)",
    "part": "parts of another line",
    "cancelled": "of cancelled or refunded orders",
    "refunded": "refunded or of no units",
    "return": "returns",
    "bad": "bad",
}
"""What a line can be, the first that holds from the top but for `purchase`, with words for it."""

_NEGATIVE_PRICE = r"regexp_matches(coalesce(price, ''), '^\s*(\p{Sc}?\s*[-−]|\()\s*\p{Sc}?\s*\d')"

# Exports of two months overlap, and so do the sheets of UCI's workbook. Of a line that stands in
# several, the copy counts that knows of a cancellation, else the last. It goes line by line, so
# that an order that goes over from one file into the next keeps all of its lines. Numbers and times
# are compared as such: a workbook has 12.0 where a CSV file has 12.
_TWICE = """
CREATE TEMP TABLE lines_twice AS
SELECT part, n FROM (
  SELECT part, n, row_number() OVER (
      PARTITION BY order_id, item_id, units, cost, moment, copy
      ORDER BY cancelled DESC, gone DESC, part DESC) AS place
  FROM (
    SELECT *, row_number() OVER (
        PARTITION BY part, order_id, item_id, units, cost, moment ORDER BY n) AS copy
    FROM (
      SELECT part, n, order_id, item_id, cancelled, gone,
        coalesce(CAST(units AS VARCHAR), quantity) AS units,
        coalesce(CAST(TRY_CAST(price AS DOUBLE) AS VARCHAR), price) AS cost,
        coalesce(CAST(microseconds AS VARCHAR), CAST(time AS VARCHAR)) AS moment
      FROM order_lines
      WHERE order_id IN (
        SELECT order_id FROM order_lines GROUP BY order_id HAVING min(part) < max(part)))))
WHERE place > 1
"""
_KINDS = """
CREATE TEMP TABLE order_kinds AS
SELECT *, CASE
    WHEN problem IS NOT NULL THEN 'bad'
    WHEN twice THEN 'twice'
    WHEN user_id IS NULL THEN 'guest'
    WHEN component THEN 'part'
    WHEN cancelled THEN 'cancelled'
    WHEN item_id IS NULL OR microseconds IS NULL OR unreadable IS NOT NULL THEN 'bad'
    WHEN credit OR units < 0 OR {negative} THEN 'return'
    WHEN units <= gone + 1e-9 THEN 'refunded'
    ELSE 'purchase'
  END AS kind
FROM (
  SELECT order_lines.*, lines_twice.n IS NOT NULL AS twice
  FROM order_lines LEFT JOIN lines_twice USING (part, n))
"""
_RETURNED = """
SELECT user_id, item_id, part, n, abs(units) - gone, kind = 'return'
FROM order_kinds SEMI JOIN (
  SELECT user_id, item_id FROM order_kinds WHERE kind = 'return') USING (user_id, item_id)
WHERE kind IN ('purchase', 'return')
ORDER BY user_id, item_id, microseconds, kind, part, n
"""


def tell_kinds(connection: duckdb.DuckDBPyConnection) -> Returns:
    """Makes `order_kinds` (`order_lines` with `kind`) and `taken_back`.

    `taken_back(part, n)` are the purchases that a return left nothing of.
    """
    for table in ("lines_twice", "order_kinds", "taken_back"):
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    connection.execute(_TWICE)
    connection.execute(_KINDS.format(negative=_NEGATIVE_PRICE))
    rows = connection.execute(_RETURNED).fetchall()
    returns = match_returns(
        OrderLine(of=(user, item), key=(part, n), units=units, returned=returned)
        for user, item, part, n, units, returned in rows
    )
    parts, numbers = zip(*returns.taken_back, strict=True) if returns.taken_back else ((), ())
    rows = pa.table({"part": pa.array(parts, pa.int32()), "n": pa.array(numbers, pa.int64())})
    connection.register("returned", rows)
    connection.execute("CREATE TEMP TABLE taken_back AS FROM returned")
    connection.unregister("returned")
    return returns
