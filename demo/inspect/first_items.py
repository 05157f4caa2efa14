"""The item that an evaluation puts first in each case, and how often that was right."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter

import duckdb
from cachetools import LRUCache, cachedmethod

from calrec.errors import CalrecError
from calrec.evaluation.run_folder.schema import TOP
from calrec.evaluation.runs import EvaluationRun
from catalog.database import connect, one_file
from demo.inspect.evaluations import file_of

RUNS = 32
"""Evaluations whose counts are kept; one of 50,000 users takes some 10 MB."""


def first_items(run: EvaluationRun) -> dict[str, str]:
    """Each user's best item; empty where the run kept none that can be read."""
    if not (run.folder / TOP).exists():
        return {}
    try:
        path = one_file(file_of(run, TOP))
        with connect(threads=2) as connection:
            found = connection.execute(
                f"SELECT user_id, item_ids[1]::VARCHAR FROM read_parquet({path})"
                " WHERE len(item_ids) > 0"
            ).fetchall()
    except (CalrecError, duckdb.Error):
        return {}  # the case says what is wrong with the file
    return dict(found)


@dataclass(frozen=True, kw_only=True)
class ItemCounts:
    """In how many cases of a run an item is what; each by item id.

    Attributes:
      bought: it is the item really bought.
      right: it stands first, and was bought.
      wrong: it stands first, and another one was bought.
      has_lists: whether the run kept which item stands first.
    """

    bought: Mapping[str, int]
    right: Mapping[str, int]
    wrong: Mapping[str, int]
    has_lists: bool

    @classmethod
    def of(cls, run: EvaluationRun) -> ItemCounts:
        """Those of a run.

        Raises:
          CalrecError: if its cases are damaged.
        """
        cases, first = run.cases, first_items(run)
        targets = cases.target_item_ids.to_pylist()
        pairs = [
            (first[user], target)
            for user, target in zip(cases.user_ids.to_pylist(), targets, strict=True)
            if user in first
        ]
        return cls(
            bought=Counter(targets),
            right=Counter(item for item, target in pairs if item == target),
            wrong=Counter(item for item, target in pairs if item != target),
            has_lists=bool(first),
        )


class KeptCounts:
    """The counts of runs, made when first asked for; safe for several threads."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._kept: LRUCache[EvaluationRun, ItemCounts] = LRUCache(RUNS)

    @cachedmethod(attrgetter("_kept"), condition=attrgetter("_turn"), key=lambda counts, run: run)
    def of(self, run: EvaluationRun) -> ItemCounts:
        """As `ItemCounts.of`."""
        return ItemCounts.of(run)
