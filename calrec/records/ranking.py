"""How a recommender ranks the items of a shop: the score matrix, the scores and the ranks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from calrec.errors import CalrecError
from calrec.records.ranks import ranks_of


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a ranking made of one sample.

    Attributes:
      column: its column of the score matrix; `None` where it is none.
      why_not: why it is none, in one phrase; empty for a column.
      match_level: on how many attributes (4, 3, 2, 1 or 0) some item matches it exactly.
    """

    column: int | None
    why_not: str = ""
    match_level: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranking:
    """Scores of N items, and the K columns that they were pooled of.

    Whole in memory; a case file keeps some rows (see `rows`).

    Attributes:
      recommender: id of the recommender (`calrec`, `lir`, ...).
      settings: every setting that shaped the scores, JSON-able; by `Rules.applied` also `bought`
        and `count`.
      columns: the query text of each column, best first: the kept samples, or LIR's last item.
      column_scores: each column's score in nats (0 where a recommender has none).
      outcomes: of each sample of the generation, in the order drawn; empty without one.
      rows: item index of each row of the matrices; `arange(N)` in memory.
      item_ids: item id of each row.
      raw: BM25 scores. With `hierarchical` or `rerank` as the settings' retrieval this and the next
        three are what `calrec.ranking.hierarchical` and `calrec.ranking.rerank` return.
      scaled: each column scaled linearly to [0, 1].
      modulated: scaled x exp(epsilon x column score).
      scores: pooled score per row; higher is better.
      corpus_size: N.
      seconds: how long the ranking took.
      unranked: rows that the recommender says nothing of, where those stand behind all others (see
        `calrec.ranking.hierarchical`); a case file has their ranks instead.
      addends: of a recommender whose scores are sums, what each row's is the sum of, by name; else
        empty.
      row_ranks: optimistic and pessimistic rank of each row among all N items, in a case file;
        `None` in memory, where the scores tell.
    """

    recommender: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    column_scores: tuple[float, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    rows: Int[np.ndarray, " N"]
    item_ids: tuple[str, ...]
    raw: Float[np.ndarray, "N K"]
    scaled: Float[np.ndarray, "N K"]
    modulated: Float[np.ndarray, "N K"]
    scores: Float[np.ndarray, " N"]
    corpus_size: int
    seconds: float = 0.0
    unranked: Bool[np.ndarray, " N"] | None = None
    addends: Mapping[str, Float[np.ndarray, " N"]] = field(default_factory=dict)
    row_ranks: Int[np.ndarray, "N 2"] | None = None

    @classmethod
    def of_scores(
        cls,
        recommender: str,
        item_ids: tuple[str, ...],
        scores: Float[np.ndarray, " N"],
        settings: Mapping[str, Any],
        seconds: float,
    ) -> Ranking:
        """The ranking of a recommender that scores items without any columns."""
        none = np.zeros((len(scores), 0))
        return cls(
            recommender=recommender,
            settings=settings,
            rows=np.arange(len(scores)),
            item_ids=item_ids,
            raw=none,
            scaled=none,
            modulated=none,
            scores=scores,
            corpus_size=len(scores),
            seconds=seconds,
        )

    def order(self) -> Int[np.ndarray, " N"]:
        """Places of the rows by score, best first; equal scores stay in row order."""
        return np.argsort(-self.scores, kind="stable")

    def row(self, item_id: str) -> int:
        """The row of an item.

        Raises:
          CalrecError: if it has none.
        """
        try:
            return self.item_ids.index(item_id)
        except ValueError:
            raise CalrecError(
                f"expected the id of one of the {len(self.item_ids)} items that this "
                f"recommendation holds, found {item_id!r}; choose one of its items"
            ) from None

    def is_ranked(self, item_id: str) -> bool:
        """Whether the recommender says anything of an item; raises as `row` does."""
        return self.unranked is None or not self.unranked[self.row(item_id)]

    def ranks(self, item_id: str) -> tuple[int, int]:
        """Optimistic and pessimistic rank of an item among all N, from 1 (paper, section 4).

        Raises:
          CalrecError: if the item has no row.
        """
        row = self.row(item_id)
        if self.row_ranks is not None:
            optimistic, pessimistic = self.row_ranks[row]
        else:
            optimistic, pessimistic = ranks_of(self.scores, row, self.unranked)
        return int(optimistic), int(pessimistic)

    def winner(self, row: int) -> int | None:
        """The column that scored highest in a row, the better text where two tie.

        `None` where there is no column or none matched the item at all.
        """
        modulated = self.modulated[row]
        return int(modulated.argmax()) if modulated.any() else None
