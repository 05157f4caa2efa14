"""First-order Markov chain over items: an ID baseline that reads no text."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from calrec.recommendation import Recommendation, check_history
from calrec.text import Item


class Markov:
    """Ranks items by how often they were bought right after the last item, then by popularity.

    Score = transitions from the last item + popularity / (1 + highest popularity): popularity is
    below one transition, so it orders what the transitions leave tied, all else included.
    """

    name = "markov"

    def __init__(
        self,
        item_ids: Sequence[str],
        histories: Iterable[Int[np.ndarray, " L"]],
        popularity: Int[np.ndarray, " N"],
    ) -> None:
        """Counts the transitions.

        Args:
          item_ids: id of each item, in item-index order.
          histories: item indices in the order bought; what is to be predicted is left out.
          popularity: purchases per item.
        """
        n = len(item_ids)
        none = np.zeros(0, dtype=np.int64)
        sequences = [none, *histories]
        before = np.concatenate([sequence[:-1] for sequence in sequences])
        after = np.concatenate([sequence[1:] for sequence in sequences])
        # csr_array adds up the entries of equal place.
        self._counts = sparse.csr_array((np.ones(len(before)), (before, after)), shape=(n, n))
        self._fallback = popularity / (1 + popularity.max(initial=0))
        self._item_ids = tuple(item_ids)
        self._index = {item_id: i for i, item_id in enumerate(self._item_ids)}
        self.settings: Mapping[str, Any] = {"transitions": len(before)}

    def scores(self, last_items: Int[np.ndarray, " Q"]) -> Float[np.ndarray, "N Q"]:
        """Scores of all N items after each of Q last items, given by item index."""
        return self._counts[last_items].toarray().T + self._fallback[:, None]

    def recommend(self, history: Sequence[Item]) -> Recommendation:
        """Ranks every item for one history, oldest item first; an unknown last item by popularity.

        Raises:
          CalrecError: if the history is empty.
        """
        check_history(history)
        start = time.perf_counter()
        last = self._index.get(history[-1].item_id)
        scores = self._fallback if last is None else self.scores(np.array([last]))[:, 0]
        none = np.zeros((len(scores), 0))
        return Recommendation(
            recommender=self.name,
            settings=self.settings,
            history=tuple(history),
            rows=np.arange(len(scores)),
            item_ids=self._item_ids,
            raw=none,
            scaled=none,
            modulated=none,
            scores=scores,
            corpus_size=len(scores),
            timings={"match": time.perf_counter() - start},
        )
