"""What the baselines share that know items by their index alone and read no text."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from calrec.records import Item, Ranking, Recommendation, check_history


class Baseline(ABC):
    """A recommender over N items that scores histories of item indices, many at once.

    Attributes:
      name: what it is called (`markov`, `item-knn`, ...).
      item_ids: id of each item, in item-index order.
      reads: how many last items of a history it looks at; histories that end in the same ones get
        the same scores. `None`: all.
      settings: every setting that shapes its scores, JSON-able.
    """

    name: str
    reads: int | None = None
    settings: Mapping[str, Any]

    def __init__(self, item_ids: Sequence[str]) -> None:
        self.item_ids = tuple(item_ids)
        self._index = {item_id: i for i, item_id in enumerate(self.item_ids)}

    @abstractmethod
    def scores(self, histories: Sequence[Int[np.ndarray, " _"]]) -> Float[np.ndarray, "Q N"]:
        """Scores of all N items after each of Q histories, higher is better.

        Args:
          histories: item indices, oldest first; one may be empty.

        Returns:
          float64, a row a history, each the same whatever the other histories are.
        """

    def known(self, history: Sequence[Item]) -> Int[np.ndarray, " _"]:
        """The item indices of a history, oldest first, without items that it lacks."""
        known = [self._index[item.item_id] for item in history if item.item_id in self._index]
        return np.array(known, dtype=np.int64)

    def recommend(self, history: Sequence[Item]) -> Recommendation:
        """Ranks every item for one history, oldest item first; items that it lacks count nothing.

        Raises:
          CalrecError: if the history is empty.
        """
        check_history(history)
        start = time.perf_counter()
        scores = self.scores([self.known(history)])[0]
        seconds = time.perf_counter() - start
        return Recommendation(
            history=tuple(history),
            ranking=Ranking.of_scores(self.name, self.item_ids, scores, self.settings, seconds),
        )
