"""The cases of a workspace's evaluations: tables of two runs, cases rebuilt, what is noted."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any

import numpy as np
from cachetools import LRUCache, cachedmethod
from jaxtyping import Int

from calrec.errors import CalrecError
from calrec.evaluation.cases import Cases as EvaluatedCases
from calrec.evaluation.runs import EvaluationRun
from catalog.sequences import Case
from demo.inspect import annotations, url
from demo.inspect.annotations import NOTHING, REASONS, Annotation, Annotations
from demo.inspect.application import Application
from demo.inspect.case_filters import CaseFilters
from demo.inspect.case_reasons import Count, Suggestions, suggestions
from demo.inspect.case_study import Side, Study
from demo.inspect.case_table import CaseTable, Selection
from demo.inspect.columns import Columns, column
from demo.inspect.local_paths import local
from demo.inspect.rank_spread import RankSpread, stored
from demo.inspect.run_pair import RunPair
from demo.inspect.shop import Shop
from demo.inspect.stored import Stored, corpus, rebuild
from demo.inspect.stored_tables import Tables

TABLES = 6
"""Pairs of runs whose tables are kept; one of 50,000 users takes some 30 MB, 90 MB with texts."""
CASES = 24
"""Rebuilt sides of cases that are kept; one over 17,000 items takes 5 MB."""


class Cases:
    """The cases of all shops, read by every visitor; nothing of a visitor.

    Args:
      app: the shops and their evaluations.

    Attributes:
      app: as given.
      annotations: what is noted about cases.
    """

    def __init__(self, app: Application) -> None:
        self.app = app
        self.annotations = Annotations(app.workspace / annotations.FILE)
        self._turn = threading.Condition()
        self._tables: LRUCache[Any, CaseTable] = LRUCache(TABLES)
        self._suggested: LRUCache[Any, Suggestions] = LRUCache(TABLES)
        self._stored: LRUCache[Any, Stored] = LRUCache(CASES)
        self._runs = Tables()

    def pair(self, domain: str, run: str, against: str) -> RunPair | tuple[str, ...]:
        """The two runs that an address asks for, or the defaults.

        Returns:
          the pair, or, where the shop has no run at all, lines about those not readable.
        """
        return RunPair.of(self.app, domain, run, against)

    @cachedmethod(
        attrgetter("_tables"),
        condition=attrgetter("_turn"),
        key=lambda cases, pair: (pair.first, pair.second, pair.shop.identity),
    )
    def table(self, pair: RunPair) -> CaseTable:
        """The joined cases.

        Raises:
          CalrecError: see `CaseTable`.
        """
        return CaseTable(pair.first, pair.second, pair.shop.by_id)

    @cachedmethod(
        attrgetter("_suggested"),
        condition=attrgetter("_turn"),
        key=lambda cases, pair: (pair.first, pair.second, pair.shop.identity),
    )
    def suggested(self, pair: RunPair) -> Suggestions:
        """The reasons of the joined cases, for the ranks by A; raises as `table` does."""
        return suggestions(pair.shop, pair.first, self.table(pair).comparison.cases[0])

    def noted(self, pair: RunPair) -> tuple[Mapping[str, Annotation], list[str]]:
        """What is noted about the cases; without it, and with why, where that cannot be read."""
        try:
            return self.annotations.of(pair.place), []
        except CalrecError as error:
            return {}, [str(error)]

    def reasons(self) -> tuple[str, ...]:
        """The labels on offer; the usual ones where the file cannot be read."""
        try:
            return self.annotations.reasons()
        except CalrecError:
            return REASONS

    def slices(
        self, pair: RunPair, noted: Mapping[str, Annotation]
    ) -> list[tuple[str, str, Selection]]:
        """Name, query and cases of each saved slice; none where the file cannot be read."""
        try:
            saved = self.annotations.slices(pair.shop.domain)
        except CalrecError:
            return []
        return [
            (name, query, self.select(pair, CaseFilters.read(url.read(query)), "", noted))
            for name, query in saved.items()
        ]

    def select(
        self, pair: RunPair, filters: CaseFilters, sort: str, noted: Mapping[str, Annotation]
    ) -> Selection:
        """The cases that all filters let through, in this order."""
        return self.table(pair).select(filters, sort, self._among(pair, filters, noted))

    def agreement(
        self, pair: RunPair, filters: CaseFilters, noted: Mapping[str, Annotation]
    ) -> Int[np.ndarray, "4 4"]:
        """The same cases by the rank bands of both, whatever bands the filters name."""
        return self.table(pair).agreement(filters, self._among(pair, filters, noted))

    def reason_counts(
        self, pair: RunPair, filters: CaseFilters, noted: Mapping[str, Annotation]
    ) -> list[Count]:
        """How many of the cases have each reason, whatever reason the filters name."""
        selection = self.select(pair, replace(filters, reason=""), "", noted)
        ranks = (side.optimistic for side in selection.table.comparison.cases)
        return self.suggested(pair).counts(selection.places, *ranks)

    def _among(
        self, pair: RunPair, filters: CaseFilters, noted: Mapping[str, Annotation]
    ) -> frozenset[str] | None:
        """Users whom the filters on annotations and reasons leave; `None` for all."""
        left = among(filters, noted)
        if not filters.reason:
            return left
        reasoned = self.suggested(pair).users(filters.reason)
        return reasoned if left is None else left & reasoned

    def study(self, pair: RunPair, user_id: str, noted: Mapping[str, Annotation]) -> Study:
        """A case with both runs' parts; a part that cannot be made is a line instead.

        Raises:
          CalrecError: if the runs have no such case.
        """
        table = self.table(pair)
        place = table.place_of.get(user_id)
        if place is None:
            raise CalrecError(
                f"expected a user whom both runs evaluated, found {user_id!r}; choose one of the "
                "list"
            )
        row = table.row(place)
        runs = [(pair.first, "A", "a")] + ([] if pair.alone else [(pair.second, "B", "b")])
        sides = tuple(
            replace(
                self._side(pair.shop, run, letter, pair.called[run.folder.name], row, key),
                spread=_spread(run, one, place),
            )
            for (run, letter, key), one in zip(runs, table.comparison.cases, strict=False)
        )
        return Study(
            row=row,
            case=_case(pair, user_id),
            sides=sides,
            items=pair.shop.by_id,
            noted=noted.get(user_id, NOTHING),
            reasons=self.suggested(pair).of(place),
        )

    def columns(self, pair: RunPair, asked: Sequence[str], study: Study) -> Columns:
        """A case's first ten by A, by B and by the runs asked for (`RunPair.beside`)."""
        names = [pair.first.folder.name, *([] if pair.alone else [pair.second.folder.name])]
        history = study.case.history if study.case else ()
        return Columns(
            columns=[
                column(pair.called[name], pair.runs[name], study.user_id, self._runs)
                for name in (*names, *pair.beside(asked))
            ],
            target=study.row["target"],
            bought=frozenset(item.item_id for item in history),
            items=study.items,
        )

    def _side(
        self,
        shop: Shop,
        run: EvaluationRun,
        letter: str,
        name: str,
        row: Mapping[str, Any],
        key: str,
    ) -> Side:
        stored: Stored | str
        words = None
        try:
            stored = self._rebuilt(shop, run, row["user_id"])
            ranking = run.settings.get("ranking") or {}
            if run.recommender in ("calrec", "lir") and ranking.get("retrieval", "bm25") == "bm25":
                words = corpus(shop, run)
        except CalrecError as error:
            stored = local(str(error), self.app.workspace)
        return Side(
            letter=letter,
            name=name,
            ranks=(row[f"{key}_optimistic"], row[f"{key}_pessimistic"]),
            total=run.data.items,
            stored=stored,
            corpus=words,
        )

    @cachedmethod(
        attrgetter("_stored"),
        condition=attrgetter("_turn"),
        key=lambda cases, shop, run, user_id: (run, user_id, shop.identity),
    )
    def _rebuilt(self, shop: Shop, run: EvaluationRun, user_id: str) -> Stored:
        return rebuild(shop, run, user_id, self._runs)


def _spread(run: EvaluationRun, cases: EvaluatedCases, place: int) -> RankSpread | None:
    if cases.by_seed is None:
        return None
    return stored(cases.by_seed, place, seed=run.meta.seed, total=run.data.items)


def _case(pair: RunPair, user_id: str) -> Case | None:
    try:
        return pair.shop.catalogue.case(user_id, pair.first.split)
    except CalrecError:
        return None


def among(filters: CaseFilters, noted: Mapping[str, Annotation]) -> frozenset[str] | None:
    """Users whose annotations the filters ask for; `None` where they ask for none."""
    if not filters.star and not filters.label:
        return None
    tests = {
        "": lambda note: True,
        "yes": lambda note: note.star,
        "note": lambda note: bool(note.note),
        "label": lambda note: bool(note.labels),
    }
    return frozenset(
        user
        for user, note in noted.items()
        if tests[filters.star](note) and (not filters.label or filters.label in note.labels)
    )
