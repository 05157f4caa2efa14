"""Cold items: those that were first sold latest, left to be asked for and never to be learnt from.

A case asks for a cold item where a user's last purchase is one. Nothing else of it is left: no
training part, no validation target and no history holds a cold item.
"""

from __future__ import annotations

from typing import Any

import duckdb

from catalog.database import one_row
from catalog.errors import CatalogueError

# Of items first sold at one time, the last by id.
_COLD = """
CREATE TEMP TABLE cold AS
  SELECT item_id, min(microseconds) AS first_sold FROM kept_events GROUP BY item_id
  ORDER BY first_sold DESC, item_id DESC LIMIT $items;
"""
# A cold purchase with nothing left before it has no history to be predicted from: it goes, too.
_LEFT = """
CREATE TEMP TABLE left_events AS
  SELECT user_id, item_id, timestamp, rating,
    row_number() OVER (PARTITION BY user_id ORDER BY position) - 1 AS position,
    repeats, microseconds, given_position
  FROM (
    SELECT *, item_id IN (SELECT item_id FROM cold) AS is_cold,
      position = max(position) OVER (PARTITION BY user_id) AS is_last
    FROM kept_events)
  WHERE NOT is_cold OR is_last
  QUALIFY NOT is_cold OR count(*) OVER (PARTITION BY user_id) > 1;
"""
_COUNTS = """
SELECT
  (SELECT count(*) FROM kept_events) - (SELECT count(*) FROM left_events),
  (SELECT count(*) FROM left_events SEMI JOIN cold USING (item_id)),
  (SELECT count(DISTINCT user_id) FROM kept_events)
    - (SELECT count(DISTINCT user_id) FROM left_events),
  (SELECT make_timestamp(min(first_sold))::DATE::VARCHAR FROM cold)
"""


def check(share: float, role: str) -> None:
    """Refuses a share out of range, or a role without test targets of its own.

    Raises:
      CatalogueError: if so.
    """
    if not 0 <= share < 1:
        raise CatalogueError(
            f"expected a share of cold items from 0 to below 1, found {share}: give such as 0.1"
        )
    if share and role != "evaluation":
        raise CatalogueError(
            f"expected the role evaluation beside cold items, which are test targets alone, found "
            f"{role}: leave one of the two out"
        )


def hold_out(connection: duckdb.DuckDBPyConnection, share: float) -> dict[str, Any]:
    """Leaves of the items first sold latest only what is some user's last purchase.

    Args:
      connection: has `kept_events`, which is replaced.
      share: of the items that were bought, to the nearest whole number of them.

    Returns:
      For the report: the `share`, how many `items` are cold, the day (UTC) `first_sold_from`, and
      of their purchases how many were dropped, `purchases_dropped`, and how many are left,
      `test_targets`; `users_dropped` are those with nothing left.

    Raises:
      CatalogueError: if the share is less than half an item.
    """
    count = "SELECT count(DISTINCT item_id) FROM kept_events"
    (bought,) = one_row(connection.execute(count))
    items = round(share * bought)
    if not items:
        raise CatalogueError(
            f"expected a share of cold items that makes at least one of {bought:,} bought, found "
            f"{share}: give a larger one"
        )
    connection.execute(_COLD, {"items": items})
    connection.execute(_LEFT)
    dropped, targets, users, day = one_row(connection.execute(_COUNTS))
    connection.execute("DROP TABLE kept_events; ALTER TABLE left_events RENAME TO kept_events")
    return {
        "share": share,
        "items": items,
        "first_sold_from": day,
        "purchases_dropped": dropped,
        "test_targets": targets,
        "users_dropped": users,
    }
