"""The evidence of all cases of an evaluation, and the reasons suggested for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from calrec.evaluation.cases import Cases
from calrec.evaluation.runs import EvaluationRun
from demo.inspect.first_items import first_items
from demo.inspect.reasons import CHOICES, Evidence, suggested
from demo.inspect.shop import Shop

KEYS = tuple(key for _, key in CHOICES)
"""Of the taxonomy, and last the one of cases without a reason."""


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many cases have a reason: all of them, and by who ranks the item better."""

    key: str
    cases: int
    a: int
    b: int
    equal: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Suggestions:
    """The reasons of C cases.

    Attributes:
      user_ids: whose cases.
      has: whether a case has the reason of a place in `KEYS`.
    """

    user_ids: Sequence[str]
    has: Bool[np.ndarray, "C R"]

    def of(self, place: int) -> tuple[str, ...]:
        """The keys of a case's reasons."""
        return tuple(key for key, holds in zip(KEYS, self.has[place], strict=True) if holds)

    def users(self, key: str) -> frozenset[str]:
        """Whose cases have a reason."""
        chosen = np.flatnonzero(self.has[:, KEYS.index(key)]).tolist()
        return frozenset(self.user_ids[place] for place in chosen)

    def counts(
        self,
        places: Int[np.ndarray, " M"],
        first: Int[np.ndarray, " C"],
        second: Int[np.ndarray, " C"],
    ) -> list[Count]:
        """How many of some cases have each reason, those that none has left out.

        Args:
          places: of the cases counted.
          first: optimistic ranks by A of all cases.
          second: by B.
        """
        has, way = self.has[places], np.sign(second - first)[places]
        each = {side: has[way == sign].sum(axis=0) for side, sign in (("a", 1), ("b", -1))}
        whole = has.sum(axis=0)
        return [
            Count(
                key=key,
                cases=int(whole[k]),
                a=int(each["a"][k]),
                b=int(each["b"][k]),
                equal=int(whole[k] - each["a"][k] - each["b"][k]),
            )
            for k, key in enumerate(KEYS)
            if whole[k]
        ]


def suggestions(shop: Shop, run: EvaluationRun, cases: Cases) -> Suggestions:
    """The reasons of a run's cases.

    Args:
      shop: as it is now.
      run: whose ranks they are.
      cases: some of the run's.
    """
    has = np.zeros((len(cases), len(KEYS)), dtype=bool)
    for row, evidence in zip(has, _evidence(shop, run, cases), strict=True):
        row[[KEYS.index(key) for key in suggested(evidence)]] = True
    return Suggestions(user_ids=cases.user_ids.to_pylist(), has=has)


def _evidence(shop: Shop, run: EvaluationRun, cases: Cases) -> Iterator[Evidence]:
    catalogue, items = shop.catalogue, shop.by_id
    sales = np.empty(len(catalogue.items), dtype=np.int64)
    sales[np.argsort(-catalogue.popularity, kind="stable")] = np.arange(1, len(sales) + 1)
    histories = _Histories(shop, run.split)
    first_of = first_items(run)
    generated = {name: values.tolist() for name, values in cases.generated.items()}
    nothing = [None] * len(cases)
    levels = generated.get("top_match_level", nothing)
    written = generated.get("target_generated", nothing)
    cut = generated.get("items_cut", nothing)
    targets = zip(cases.user_ids.to_pylist(), cases.target_item_ids.to_pylist(), strict=True)
    for k, (user, target) in enumerate(targets):
        first = items.get(first_of.get(user, ""))
        place = catalogue.index[first.item_id] if first else -1
        yield Evidence(
            optimistic=int(cases.optimistic[k]),
            pessimistic=int(cases.pessimistic[k]),
            items=run.data.items,
            target=items.get(target),
            buyers=int(cases.target_popularity[k]),
            bought_before=bool(cases.target_in_history[k]),
            purchases=int(cases.history_length[k]),
            first=first,
            first_bought=first is not None and histories.has(user, place),
            first_sales=int(sales[place]) if first else None,
            named=levels[k],
            written=written[k],
            items_cut=int(cut[k] or 0),
        )


class _Histories:
    """Whether a shopper had bought an item, as the shop knows it now."""

    def __init__(self, shop: Shop, split: str) -> None:
        self._sequences, self._split = shop.catalogue.sequences(), split
        self._place = {user: u for u, user in enumerate(self._sequences.user_ids)}

    def has(self, user_id: str, item: int) -> bool:
        u = self._place.get(user_id)
        return u is not None and bool((self._sequences.history(u, self._split) == item).any())
