"""First-order Markov chain over items: an ID baseline that reads no text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float, Int

from calrec.recommenders.baseline import Baseline
from calrec.recommenders.counts import from_end, transitions
from calrec.recommenders.entry import Entry, Inputs
from calrec.recommenders.popularity import purchases


class Markov(Baseline):
    """Ranks items by how often they were bought right after the last item, then by popularity.

    Score = transitions from the last item + popularity / (1 + highest popularity): popularity is
    below one transition, so it orders what the transitions leave tied, all else included.
    """

    name = "markov"
    reads = 1

    def __init__(
        self,
        item_ids: Sequence[str],
        histories: Iterable[Int[np.ndarray, " _"]],
        popularity: Int[np.ndarray, " N"],
    ) -> None:
        """Counts the transitions.

        Args:
          item_ids: id of each item, in item-index order.
          histories: item indices in the order bought; what is to be predicted is left out.
          popularity: purchases per item.
        """
        super().__init__(item_ids)
        self._counts = transitions(histories, len(self.item_ids))
        self._fallback = popularity / (1 + popularity.max(initial=0))
        self.settings = {"transitions": int(self._counts.sum())}

    def scores(self, histories: Sequence[Int[np.ndarray, " _"]]) -> Float[np.ndarray, "Q N"]:
        """Scores after each history's last item; see `Baseline.scores`."""
        last = from_end(histories, 1, len(self.item_ids))
        scores = self._counts[last].toarray()
        scores += self._fallback
        return scores


def _build(inputs: Inputs) -> Markov:
    item_ids, histories = inputs.shop.item_ids, inputs.purchases()
    return Markov(item_ids, histories, purchases(histories, len(item_ids)))


ENTRY = Entry(
    id="markov",
    label="Markov",
    sentence="What others bought right after the same last purchase.",
    needs=frozenset({"purchases"}),
    build=_build,
    decimals=2,
)
