"""What the page reads: pairs of runs, their tables, cases rebuilt; shared by all visitors."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from cachetools import LRUCache, cachedmethod

from calrec.errors import CalrecError
from calrec.evaluation.runs import EvaluationRun, user_words
from calrec.report.comparison import groups
from calrec.report.variants import main_first, names
from catalog.sequences import Case
from demo.html.case_study.view import Side, Study
from demo.inspect import annotations
from demo.inspect.annotations import NOTHING, Annotation, Annotations, Place
from demo.inspect.application import Application
from demo.inspect.case_filters import CaseFilters
from demo.inspect.case_table import CaseTable, Selection
from demo.inspect.local_paths import local
from demo.inspect.shop import Shop
from demo.inspect.stored import Stored, Tables, corpus, rebuild

TABLES = 6
"""Pairs of runs whose tables are kept; one of 50,000 users takes some 30 MB, 90 MB with texts."""
CASES = 24
"""Rebuilt sides of cases that are kept; one over 17,000 items takes 5 MB."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pair:
    """The runs A and B, and what else there is to choose.

    Attributes:
      shop: theirs.
      first: A.
      second: B; A itself where there is no other.
      called: what every run of the shop is called, by folder name.
      users: how many users each evaluated.
      offered: folder names that may be A.
      rivals: folder names that may be B beside this A.
      problems: lines about runs asked for and not found, or not readable.
    """

    shop: Shop
    first: EvaluationRun
    second: EvaluationRun
    called: Mapping[str, str]
    users: Mapping[str, int]
    offered: tuple[str, ...]
    rivals: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def names(self) -> tuple[str, str]:
        """What A and B are called."""
        return self.called[self.first.folder.name], self.called[self.second.folder.name]

    def choices(self, offered: Sequence[str]) -> list[tuple[str, str]]:
        """Runs as choices of a list."""
        return [(f"{self.called[n]}, {user_words(self.users[n])}", n) for n in offered]

    @property
    def alone(self) -> bool:
        """Whether there is nothing to compare with."""
        return self.first is self.second

    @property
    def place(self) -> Place:
        """Where annotations of these cases belong."""
        return Place(self.first.domain, self.first.fingerprint, self.first.split)


class Desk:
    """Everything behind the page that is no visitor's own."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.annotations = Annotations(app.workspace / annotations.FILE)
        self._turn = threading.Condition()
        self._tables: LRUCache[Any, CaseTable] = LRUCache(TABLES)
        self._stored: LRUCache[Any, Stored] = LRUCache(CASES)
        self._runs = Tables()

    def pair(self, domain: str, run: str, against: str) -> Pair | tuple[str, ...]:
        """The two runs that an address asks for, or the defaults.

        Returns:
          the pair, or, where the shop has no run at all, lines about those not readable.
        """
        runs, problems = self.app.evaluations.of(domain)
        if not runs:
            return problems
        first = runs.get(run) or _default(list(runs.values()))
        said = [*problems, *_not_found(domain, run, runs, first)]
        group = next(g for g in groups(list(runs.values())) if first in g.runs)
        rivals = {r.folder.name: r for r in group.runs if r is not first}
        second = rivals.get(against) or _rival(first, list(rivals.values()))
        if against != first.folder.name:
            said += _not_found(domain, against, rivals, second)
        return Pair(
            shop=self.app.shop(domain),
            first=first,
            second=second,
            called=dict(zip(runs, names(list(runs.values())), strict=True)),
            users={name: run.users for name, run in runs.items()},
            offered=tuple(runs),
            rivals=tuple(rivals),
            problems=tuple(said),
        )

    @cachedmethod(
        attrgetter("_tables"),
        condition=attrgetter("_turn"),
        key=lambda desk, pair: (pair.first, pair.second, pair.shop.identity),
    )
    def table(self, pair: Pair) -> CaseTable:
        """The joined cases.

        Raises:
          CalrecError: see `CaseTable`.
        """
        return CaseTable(pair.first, pair.second, pair.shop.by_id)

    def select(
        self, pair: Pair, filters: CaseFilters, sort: str, noted: Mapping[str, Annotation]
    ) -> Selection:
        """The cases that the filters let through, those on annotations included."""
        return self.table(pair).select(filters, sort, among(filters, noted))

    def study(self, pair: Pair, user_id: str, noted: Mapping[str, Annotation]) -> Study:
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
            self._side(pair.shop, run, letter, pair.called[run.folder.name], row, key)
            for run, letter, key in runs
        )
        return Study(
            row=row,
            case=_case(pair, user_id),
            sides=sides,
            items=pair.shop.by_id,
            noted=noted.get(user_id, NOTHING),
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
        key=lambda desk, shop, run, user_id: (run, user_id, shop.identity),
    )
    def _rebuilt(self, shop: Shop, run: EvaluationRun, user_id: str) -> Stored:
        return rebuild(shop, run, user_id, self._runs)


def _case(pair: Pair, user_id: str) -> Case | None:
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


def _default(runs: list[EvaluationRun]) -> EvaluationRun:
    """CALRec's run of the most users; of equal ones the paper's way first."""
    generative = [run for run in runs if run.generative]
    ordered = main_first(generative or runs)
    tested = [run for run in ordered if run.split == "test"]
    return max(tested or ordered, key=lambda run: run.users)


def _rival(first: EvaluationRun, rivals: list[EvaluationRun]) -> EvaluationRun:
    """LIR's run, else the first other one; the run itself where there is none."""
    lir = [run for run in rivals if run.recommender == "lir"]
    return max(lir or rivals[:1] or [first], key=lambda run: run.users)


def _not_found(
    domain: str, asked: str, runs: Mapping[str, EvaluationRun], shown: EvaluationRun
) -> list[str]:
    if not asked or asked in runs:
        return []
    return [
        f"expected an evaluation of {domain} on the same purchases and by the same rules, found no "
        f"{asked[:80]!r}; shown is {shown.folder.name}"
    ]
