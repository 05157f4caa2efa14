"""Purchase histories: exact repeats removed, ordered, numbered, and split.

Paper section 4. Order: timestamp, then position, then the order of the source. An exact repeat has
the item, review text, rating and timestamp of the event just before it in its user's order; only
those go. Two purchases of one item at different times stay. On request the repeats stay too, for
comparison (paper, Table 7); all that follows (numbers, splits, popularity) then counts them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import duckdb
import numpy as np
from jaxtyping import Bool, Int

from catalog.database import one_row
from catalog.errors import CatalogueError

if TYPE_CHECKING:
    from calrec.records import Item

ROLES = ("evaluation", "training", "selection")
SPLITS = ("test", "validation")

# How many of a user's last events each role keeps out of training.
HELD_OUT = {"evaluation": 2, "training": 0, "selection": 1}

# A column that a source lacks is NULL throughout, so comparing all of them compares what there is.
_CLEAN = """
CREATE TEMP TABLE kept_events AS
  SELECT user_id, item_id, floor_seconds AS timestamp, rating,
    row_number() OVER (PARTITION BY user_id ORDER BY microseconds, position, source_order) - 1
      AS position, repeats, microseconds, position AS given_position
  FROM (
    SELECT *, microseconds // 1000000 - (microseconds % 1000000 < 0)::BIGINT AS floor_seconds,
      row_number() OVER history > 1
      AND lag(item_id) OVER history IS NOT DISTINCT FROM item_id
      AND lag(review) OVER history IS NOT DISTINCT FROM review
      AND lag(rating) OVER history IS NOT DISTINCT FROM rating
      AND lag(microseconds) OVER history IS NOT DISTINCT FROM microseconds AS repeats
    FROM (SELECT *, rowid AS source_order FROM raw_events WHERE problem IS NULL)
    WINDOW history AS (PARTITION BY user_id ORDER BY microseconds, position, source_order)
  )
  WHERE $keep_repeats OR NOT repeats;
"""
# Of purchases at one time: only different items are told apart by their order.
_AT_ONCE = """
SELECT coalesce(sum(purchases), 0)::BIGINT FROM (
  SELECT count(*) AS purchases FROM kept_events
  GROUP BY {at_once} HAVING min(item_id) <> max(item_id))
"""
# What the paper's appendix A sets apart from exact repeats.
_AGAIN = """
SELECT count(*) FILTER (microseconds = earlier), count(*) FILTER (microseconds <> earlier) FROM (
  SELECT item_id, microseconds, repeats, lag(item_id) OVER history AS before,
    lag(microseconds) OVER history AS earlier
  FROM kept_events WINDOW history AS (PARTITION BY user_id ORDER BY position))
WHERE NOT repeats AND item_id = before
"""
_SPAN = """
SELECT make_timestamp(min(timestamp) * 1000000)::DATE::VARCHAR,
  make_timestamp(max(timestamp) * 1000000)::DATE::VARCHAR
FROM kept_events
"""


def clean_events(
    connection: duckdb.DuckDBPyConnection, *, keep_repeats: bool = False
) -> dict[str, object]:
    """Makes `kept_events(user_id, item_id, timestamp, rating, position, repeats)` of `raw_events`.

    `timestamp` is in whole seconds, rounded down; repeats and the order heed the fractions, which
    `microseconds` has, and the source's own positions, which `given_position` has.

    Args:
      connection: has `raw_events`.
      keep_repeats: leave exact repeats in, where `repeats` is true.

    Returns:
      For the report: events read that have no problem, and of the repeats among them those
      removed and those kept, one of which is 0. Reports of earlier builds lack `repeats_kept`,
      which was 0: read it with `.get("repeats_kept", 0)`. Then the purchases of the item bought
      just before that are no exact repeats, at the same time, `bought_again_at_once`, and at
      another, `bought_again_later`, neither of which earlier builds report. Then the purchases
      that share their time with another item of their user, `purchases_at_equal_times`, those of
      them that share the position, too, so that the order of the source decides,
      `purchases_in_file_order`, and the first and the last day (UTC), `purchases_from` and
      `purchases_to`.

    Raises:
      CatalogueError: if every event has a problem.
    """
    connection.execute(_CLEAN, {"keep_repeats": keep_repeats})
    counts = connection.execute(
        "SELECT (SELECT count(*) FROM raw_events),"
        " (SELECT count(*) FROM raw_events WHERE problem IS NULL),"
        " (SELECT count(*) FROM kept_events),"
        " (SELECT count(*) FROM kept_events WHERE repeats)"
    )
    lines, read, kept, repeats = one_row(counts)
    if lines and not read:
        most = (
            "SELECT problem, count(*) FROM raw_events GROUP BY problem ORDER BY 2 DESC, 1 LIMIT 1"
        )
        problem, times = one_row(connection.execute(most))
        raise CatalogueError(
            f"expected events with a user, an item and a time, found {lines:,} and each with a "
            f"problem, most often ({times:,} times) {problem}: check that column"
        )
    at_equal_times, in_file_order = (
        one_row(connection.execute(_AT_ONCE.format(at_once=at_once)))[0]
        for at_once in (
            "user_id, microseconds",
            "user_id, microseconds, given_position",
        )
    )
    at_once, later = one_row(connection.execute(_AGAIN))
    first, last = one_row(connection.execute(_SPAN))
    return {
        "events_read": read,
        "repeats_removed": read - kept,
        "repeats_kept": repeats,
        "bought_again_at_once": at_once,
        "bought_again_later": later,
        "purchases_at_equal_times": at_equal_times,
        "purchases_in_file_order": in_file_order,
        "purchases_from": first,
        "purchases_to": last,
    }


@dataclass(frozen=True, kw_only=True)
class Case:
    """One user's held-out purchase and what came before it, oldest first."""

    user_id: str
    split: str
    history: tuple[Item, ...]
    target: Item


@dataclass(frozen=True, eq=False, kw_only=True)
class Sequences:
    """All histories of a domain: U users, E events.

    Attributes:
      user_ids: sorted.
      offsets: user `u` has the events `offsets[u]` up to `offsets[u + 1]`.
      items: item index of each event, oldest first within a user.
      role: `evaluation` (last two held out), `selection` (last one) or `training` (none).
    """

    user_ids: tuple[str, ...]
    offsets: Int[np.ndarray, " U+1"] = field(repr=False)
    items: Int[np.ndarray, " E"] = field(repr=False)
    role: str

    def whole(self, u: int) -> Int[np.ndarray, " n"]:
        """All items of user `u`."""
        return self.items[self.offsets[u] : self.offsets[u + 1]]

    def training(self, u: int) -> Int[np.ndarray, " m"]:
        """The items of user `u` that training may see; empty for a user with too few."""
        whole = self.whole(u)
        return whole[: max(0, len(whole) - HELD_OUT[self.role])]

    def in_training(self) -> Bool[np.ndarray, " E"]:
        """Of each event whether it lies in its user's training part."""
        ends = self.offsets[1:] - HELD_OUT[self.role]
        return np.arange(len(self.items)) < np.repeat(ends, np.diff(self.offsets))

    def counted(self, split: str, count: str) -> list[Int[np.ndarray, " m"]]:
        """The purchases that may be counted for a split's targets, user by user; none is empty.

        Args:
          split: whose targets.
          count: `training`, the training parts alone, or `all`, whatever lies before the targets.
            Before those of the validation split there is nothing else than training parts, nor
            where the role has no targets.

        Raises:
          CatalogueError: as `cases`.
        """
        if count == "all" and self.role != "training":
            return [self.history(u, split) for u in self.cases(split)]
        self._from_end(split)
        parts = (self.training(u) for u in range(len(self.user_ids)))
        return [part for part in parts if len(part)]

    def history(self, u: int, split: str) -> Int[np.ndarray, " h"]:
        """The items before user `u`'s target of that split; raises as `cases` does."""
        whole = self.whole(u)
        return whole[: max(0, len(whole) - self._from_end(split))]

    def target(self, u: int, split: str) -> int:
        """Item index of user `u`'s target of that split; raises as `target_event` does."""
        return int(self.items[self.target_event(u, split)])

    def target_event(self, u: int, split: str) -> int:
        """Place among the events of user `u`'s target of that split.

        Raises:
          CatalogueError: as `cases`, or if the user has no such case.
        """
        whole, back = self.whole(u), self._from_end(split)
        if len(whole) <= back:
            raise CatalogueError(
                f"expected user {self.user_ids[u]} to have a history before the {split} item, "
                f"found {len(whole)} purchases: choose a user of `cases`"
            )
        return int(self.offsets[u + 1]) - back

    def cases(self, split: str) -> Int[np.ndarray, " C"]:
        """Positions of the users with a target of that split and at least one item before it.

        In the selection role the one item held out serves both splits; the training role has none.

        Raises:
          CatalogueError: if the split is unknown.
        """
        back = self._from_end(split)
        if self.role == "training":
            return np.empty(0, np.int64)
        return np.flatnonzero(np.diff(self.offsets) > back)

    def _from_end(self, split: str) -> int:
        if split not in SPLITS:
            raise CatalogueError(f"expected a split of {', '.join(SPLITS)}, found {split!r}")
        return 2 if split == "validation" and self.role == "evaluation" else 1
