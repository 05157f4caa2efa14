"""The items of order lines: of each attribute the value that most purchases of the item had (SQL).

Among equals the one bought last. An item that no purchase is left of is none.
"""

from __future__ import annotations

import duckdb

_ATTRIBUTES = ("title", "category", "brand", "price")

_FREQUENT = """
CREATE OR REPLACE TEMP TABLE frequent_{attribute} AS
SELECT item_id, {attribute}, path, several FROM (
  SELECT item_id, {attribute}, any_value(path) AS path, max(microseconds) AS latest,
    count(*) FILTER (kind = 'purchase') AS bought, count(*) AS lines,
    count(*) OVER (PARTITION BY item_id) > 1 AS several
  FROM order_kinds SEMI JOIN items_bought USING (item_id)
  WHERE kind NOT IN ('bad', 'twice') AND {attribute} IS NOT NULL
  GROUP BY item_id, {attribute})
QUALIFY row_number() OVER (
  PARTITION BY item_id ORDER BY bought DESC, lines DESC, latest DESC, {attribute}) = 1
"""
_INSERT = """
INSERT INTO raw_items (item_id, title, category, path, brand, price)
SELECT item_id, title, category, path, brand, price
FROM items_bought
  LEFT JOIN (SELECT item_id, title FROM frequent_title) USING (item_id)
  LEFT JOIN (SELECT item_id, category, path FROM frequent_category) USING (item_id)
  LEFT JOIN (SELECT item_id, brand FROM frequent_brand) USING (item_id)
  LEFT JOIN (SELECT item_id, price FROM frequent_price) USING (item_id)
ORDER BY item_id
"""


def insert_items(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Fills `raw_items`.

    Args:
      connection: has `order_kinds`, and `raw_events` with the purchases that are left.

    Returns:
      For the report: how many items had several titles, and several prices.
    """
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE items_bought AS"
        " SELECT DISTINCT item_id FROM raw_events WHERE problem IS NULL"
    )
    for attribute in _ATTRIBUTES:
        connection.execute(_FREQUENT.format(attribute=attribute))
    connection.execute(_INSERT)
    several = {
        f"items_of_several_{name}s": connection.execute(
            f"SELECT count(*) FROM frequent_{name} WHERE several"
        ).fetchall()[0][0]
        for name in ("title", "price")
    }
    for attribute in _ATTRIBUTES:
        connection.execute(f"DROP TABLE frequent_{attribute}")
    return several
