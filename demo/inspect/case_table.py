"""The cases of two runs side by side, filtered and sorted by DuckDB.

A table is made once for a pair of runs and read by every visitor; nothing of a visitor is in it.
Every value from outside is bound to a query, never written into it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from functools import cached_property
from operator import attrgetter
from typing import Any

import numpy as np
import pyarrow as pa
from cachetools import LRUCache, cachedmethod
from jaxtyping import Int

from calrec.errors import CalrecError
from calrec.evaluation import metrics
from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.statistics import Bootstrap
from calrec.records import Item
from calrec.report.comparison import Comparison
from calrec.text.words import fold
from catalog.database import connect
from demo.inspect.case_filters import NO_CATEGORY, RANKS, SORTS, CaseFilters
from demo.inspect.first_items import first_items
from demo.inspect.local_paths import local

PAGE = 50
"""Cases a page."""
SELECTIONS = 64
"""Answers to filters that are kept."""

Figures = Mapping[str, Mapping[str, float]]
"""Of `calrec.evaluation.metrics.summarise`."""


class CaseTable:
    """The users that two runs have in common, one row each, in the first run's order.

    Columns: user_id, target (item id), title, category, history_length, in_history, is_last, cold,
    popularity, age, follows_last, like_last (null where the run does not tell), a_optimistic,
    a_pessimistic, b_optimistic, b_pessimistic, match_level, format_errors (both null without
    texts), spread_best and spread_worst (optimistic ranks over the seeds of the first run that
    holds several, else null), and place, the row's number.

    Args:
      first: the run A.
      second: the run B, of the same domain, split and data; A itself for no comparison.
      items: the catalogue's, by id; targets that it lacks have no title.

    Attributes:
      measurements: of `demo.inspect.measured`, kept as long as the table.

    Raises:
      CalrecError: if a run is damaged, or they have no user in common.
    """

    def __init__(
        self, first: EvaluationRun, second: EvaluationRun, items: Mapping[str, Item]
    ) -> None:
        try:
            comparison = Comparison.of([first, second], Bootstrap())
        except CalrecError as error:
            folders = (first.folder.parent, second.folder.parent)
            raise CalrecError(local(str(error), *folders)) from None
        if len(comparison.runs) < 2:
            raise CalrecError(
                f"expected runs with users in common, found none in {first.folder.name} and "
                f"{second.folder.name}; choose another run to compare with"
            )
        self.comparison = comparison
        self.first, self.second = first, second
        self.rows = _rows(comparison, items)
        self._turn = threading.Condition()
        self._selections: LRUCache[Any, Int[np.ndarray, " M"]] = LRUCache(SELECTIONS)
        self.measurements: LRUCache[Any, Any] = LRUCache(SELECTIONS)
        self._texts, self._searchable = threading.Lock(), False
        self._firsts, self._placed = threading.Lock(), False
        self._connection = connect(files=False, threads=2)
        facts = [fold(one) for one in _facts(self.rows, items)]
        rows = self.rows.append_column("facts", pa.array(facts, pa.string()))
        with self._connection.cursor() as cursor:
            cursor.register("arrow_rows", rows)
            cursor.execute("CREATE TABLE cases AS FROM arrow_rows")
            cursor.execute("CREATE TABLE texts (place INTEGER, text VARCHAR)")
            cursor.execute("CREATE TABLE firsts (place INTEGER, item VARCHAR, is_target BOOLEAN)")

    @property
    def generative(self) -> EvaluationRun | None:
        """The run whose texts are searched: A, else B, if they write any."""
        return next((run for run in (self.first, self.second) if run.generative), None)

    @cached_property
    def has_spread(self) -> bool:
        """Whether a run holds ranks by several seeds."""
        return any(one.by_seed is not None for one in self.comparison.cases)

    @cached_property
    def place_of(self) -> Mapping[str, int]:
        """User -> row."""
        return {user: place for place, user in enumerate(self.rows["user_id"].to_pylist())}

    @cached_property
    def categories(self) -> list[tuple[str, int]]:
        """The targets' categories with the number of cases, the most first."""
        counts = self.rows["category"].value_counts().to_pylist()
        found = [(one["values"] or NO_CATEGORY, one["counts"]) for one in counts]
        return sorted(found, key=lambda one: (-one[1], one[0]))

    def row(self, place: int) -> dict[str, Any]:
        """The values of one row."""
        return self.rows.slice(place, 1).to_pylist()[0]

    def select(
        self, filters: CaseFilters, sort: str = "", among: Set[str] | None = None
    ) -> Selection:
        """The cases that all filters let through.

        Args:
          filters: which.
          sort: a key of `SORTS`; any other is the run's order.
          among: users, for what the table does not know (stars, labels); `None` for all.
        """
        users = None if among is None else sorted(among & self.place_of.keys())
        if filters.text:
            with self._texts:  # they take seconds to read, so only once somebody searches
                if not self._searchable:
                    self._add_texts()
                    self._searchable = True
        if filters.first or filters.hit:
            with self._firsts:  # likewise
                if not self._placed:
                    self._add_firsts()
                    self._placed = True
        condition, bound = filters.where()
        if users is not None:
            condition += " AND user_id IN (SELECT unnest($users))"
            bound["users"] = tuple(users)
        sql = f"SELECT place FROM cases WHERE {condition} ORDER BY {SORTS.get(sort, SORTS[''])}"
        return Selection(table=self, places=self._places(sql, tuple(bound.items())))

    @cachedmethod(attrgetter("_selections"), condition=attrgetter("_turn"))
    def _places(self, sql: str, bound: tuple[tuple[str, Any], ...]) -> Int[np.ndarray, " M"]:
        values = {name: list(v) if isinstance(v, tuple) else v for name, v in bound}
        with self._connection.cursor() as cursor:
            return np.asarray(cursor.execute(sql, values).fetchnumpy()["place"])

    def agreement(
        self, filters: CaseFilters, among: Set[str] | None = None
    ) -> Int[np.ndarray, "4 4"]:
        """Cases by the rank bands of A (down) and B (across), whatever bands the filters name."""
        places = self.select(replace(filters, a="", b=""), among=among).places
        return agreement(self._bands[0][places], self._bands[1][places])

    @cached_property
    def _bands(self) -> tuple[np.ndarray, np.ndarray]:
        starts = [band.low for band in RANKS.values()]
        first, second = (
            np.searchsorted(starts, cases.optimistic, side="right") - 1
            for cases in self.comparison.cases
        )
        return first, second

    def _add_texts(self) -> None:
        known = pa.table({"user_id": pa.array([], pa.string()), "text": pa.array([], pa.string())})
        if (run := self.generative) is not None and run.has_texts:
            try:
                known = run.kept_texts()
            except CalrecError as error:
                raise CalrecError(local(str(error), run.folder.parent)) from None
        places = [self.place_of.get(user) for user in known["user_id"].to_pylist()]
        texts = [fold(text or "") for text in known["text"].to_pylist()]
        found = pa.table(
            {"place": pa.array(places, pa.int32()), "text": pa.array(texts, pa.string())}
        )
        with self._connection.cursor() as cursor:
            cursor.register("arrow_texts", found)
            cursor.execute(
                "CREATE OR REPLACE TABLE texts AS SELECT place, string_agg(text, '\n') AS"
                " text FROM arrow_texts WHERE place IS NOT NULL GROUP BY place"
            )

    def _add_firsts(self) -> None:
        """Which item the first run puts first in each case, as far as it kept that."""
        first = first_items(self.first)
        users, targets = (self.rows[name].to_pylist() for name in ("user_id", "target"))
        found = [first.get(user) for user in users]
        known = pa.table(
            {
                "place": pa.array(range(len(users)), pa.int32()),
                "item": pa.array(found, pa.string()),
                "is_target": pa.array([a == b for a, b in zip(found, targets, strict=True)]),
            }
        )
        with self._connection.cursor() as cursor:
            cursor.register("arrow_firsts", known)
            cursor.execute(
                "CREATE OR REPLACE TABLE firsts AS FROM arrow_firsts WHERE item IS NOT NULL"
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Selection:
    """M cases in the order shown.

    Attributes:
      table: of these.
      places: row numbers.
    """

    table: CaseTable
    places: Int[np.ndarray, " M"]

    def __len__(self) -> int:
        return len(self.places)

    def page(self, offset: int, limit: int = PAGE) -> list[dict[str, Any]]:
        """The values of some rows; `rows` of the table has all."""
        return self.table.rows.take(pa.array(self.places[offset : offset + limit])).to_pylist()

    def position(self, user_id: str) -> int | None:
        """Where a user stands in the order, from 0; `None` if not among them."""
        place = self.table.place_of.get(user_id)
        if place is None:
            return None
        found = np.flatnonzero(self.places == place)
        return int(found[0]) if len(found) else None

    def after(self, user_id: str) -> str:
        """The user behind one of these; empty behind the last, and of a user not among them."""
        position = self.position(user_id)
        if position is None or position + 1 >= len(self):
            return ""
        return self.page(position + 1, 1)[0]["user_id"]

    def users(self) -> list[str]:
        """The users in order."""
        return self.table.rows["user_id"].take(pa.array(self.places)).to_pylist()

    @cached_property
    def figures(self) -> tuple[Figures, Figures] | None:
        """Metrics of A and of B over these cases; `None` without any."""
        if not len(self):
            return None
        first, second = (
            metrics.summarise(cases.optimistic[self.places], cases.pessimistic[self.places])
            for cases in self.table.comparison.cases
        )
        return first, second

    def comparison(self) -> Comparison:
        """The two runs on these cases only; there must be one."""
        whole = self.table.comparison
        return replace(whole, cases=tuple(cases.take(self.places) for cases in whole.cases))


def agreement(
    first: Int[np.ndarray, " M"], second: Int[np.ndarray, " M"]
) -> Int[np.ndarray, "4 4"]:
    """How many cases stand in each pair of bands (numbered from 0)."""
    n = len(RANKS)
    return np.bincount(first * n + second, minlength=n * n).reshape(n, n)


def _rows(comparison: Comparison, items: Mapping[str, Item]) -> pa.Table:
    one, two = comparison.cases
    targets = one.target_item_ids.to_pylist()
    rows = {
        "place": np.arange(len(one), dtype=np.int32),
        "user_id": one.user_ids,
        "target": one.target_item_ids,
        "title": pa.array([items[t].title if t in items else None for t in targets], pa.string()),
        "category": pa.array(one.target_category, pa.string()),
        "history_length": one.history_length,
        "in_history": one.target_in_history,
        "is_last": one.target_is_last,
        "cold": one.target_cold,
        "popularity": one.target_popularity,
        "age": pa.nulls(len(one), pa.int64()) if one.target_age is None else one.target_age,
        "follows_last": one.shortcuts.get("target_follows_last", pa.nulls(len(one), pa.bool_())),
        "like_last": one.shortcuts.get("target_like_last", pa.nulls(len(one), pa.bool_())),
        "a_optimistic": one.optimistic,
        "a_pessimistic": one.pessimistic,
        "b_optimistic": two.optimistic,
        "b_pessimistic": two.pessimistic,
    }
    return pa.table({**rows, **_of_the_texts(comparison), **_spread(comparison)})


def _spread(comparison: Comparison) -> dict[str, pa.Array]:
    """The best and the worst rank over the seeds of the first run that holds several."""
    held = next((one.by_seed for one in comparison.cases if one.by_seed is not None), None)
    ends = (None, None) if held is None else held.span()
    return {
        name: pa.nulls(comparison.users, pa.int64()) if end is None else pa.array(end, pa.int64())
        for name, end in zip(("spread_best", "spread_worst"), ends, strict=True)
    }


def _of_the_texts(comparison: Comparison) -> dict[str, pa.Array]:
    """What the first run that writes texts says of those of each case."""
    wanted = {"match_level": "top_match_level", "format_errors": "format_errors"}
    found = {name: pa.nulls(comparison.users, pa.int64()) for name in wanted}
    sides = zip(comparison.runs, comparison.cases, strict=True)
    generated = next((cases.generated for run, cases in sides if run.generative), {})
    return found | {
        name: pa.array(generated[column], pa.int64())
        for name, column in wanted.items()
        if column in generated
    }


def _facts(rows: pa.Table, items: Mapping[str, Item]) -> list[str]:
    """What the text filter reads of each case, besides the generated texts."""
    found = []
    for user, target in zip(rows["user_id"].to_pylist(), rows["target"].to_pylist(), strict=True):
        item = items.get(target)
        values = (item.title, item.category, item.brand) if item else ()
        found.append("\n".join(filter(None, (user, target, *values))))
    return found
