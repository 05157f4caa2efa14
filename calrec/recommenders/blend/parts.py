"""The parts of the blend: what item-kNN, texts, transitions and popularity say of each item.

With s(i, j) the similarity of item-kNN, cos the cosine of two texts, P_g(i -> j) the chance that j
comes g places after i, and h_1, h_2, ... a history from its last item back, the score of an item is

    sum over k <= 5 of 0.8^(k-1) s(h_k, j)
    + a * sum over k <= n of 0.8^(k-1) cos(h_k, j)
    + b * P_1(h_1 -> j)
    + c * (P_1(h_2 -> j) + P_2(h_1 -> j))
    + 0.001 * share of j in all purchases

where P_g(i -> j) = times that j came g places after i / (10 + times that anything did).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from calrec.recommenders.counts import decayed, from_end, transitions
from calrec.recommenders.item_knn import ItemKNN
from calrec.recommenders.popularity import purchases
from calrec.recommenders.tfidf import alike

DECAY = 0.8
"""Weight of a text relative to that of the item bought after it."""
UNSEEN = 10.0
"""Transitions to nowhere that are added to those of each item: few of them prove little."""
POPULARITY = 1e-3
"""Weight of an item's share of the purchases: it orders what nothing else does."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Weights of the parts, that of item-kNN being 1.

    Attributes:
      a: of the texts.
      b: of what was bought right after the last item.
      c: of what was bought two places after the last item, or right after the one before it.
      n: how many last items' texts count.

    Raises:
      ValueError: if one is out of its range.
    """

    a: float = 0.4
    b: float = 1.0
    c: float = 0.3
    n: int = 3

    def __post_init__(self) -> None:
        for name in ("a", "b", "c"):
            value = getattr(self, name)
            if not 0 <= value < np.inf:
                raise ValueError(f"{name} must be a number of at least 0, found {value}")
        if self.n < 1:
            raise ValueError(f"n must be at least 1, found {self.n}")


class Parts:
    """The parts over N items, counted from some purchases.

    Attributes:
      knn: item-kNN of the same purchases.
      texts: of the items, as `calrec.recommenders.tfidf.tfidf` gives them.
    """

    def __init__(
        self,
        item_ids: Sequence[str],
        histories: Sequence[Int[np.ndarray, " _"]],
        texts: sparse.csr_array,
    ) -> None:
        """Counts the purchases.

        Args:
          item_ids: id of each item, in item-index order.
          histories: item indices in the order bought, one array a user; what is to be predicted is
            left out.
          texts: of the N items, as `calrec.recommenders.tfidf.tfidf` gives them.
        """
        self._n = len(item_ids)
        self.texts = texts
        popularity = purchases(histories, self._n)
        self.knn = ItemKNN(item_ids, histories, popularity)
        self._share = popularity / max(1, popularity.sum())
        self._after, self._second = (
            _chances(transitions(histories, self._n, gap=gap)) for gap in (1, 2)
        )

    def of(
        self, histories: Sequence[Int[np.ndarray, " _"]], lasts: Sequence[int]
    ) -> list[Float[np.ndarray, "Q N"]]:
        """Each part's scores after Q histories.

        Args:
          histories: item indices, oldest first; one may be empty.
          lasts: values of `Weights.n`, each of which makes a part of the texts.

        Returns:
          as many as `weights_of` has weights, in the same order; a row of each is the same whatever
          the other histories are.
        """
        last, before = (from_end(histories, back, self._n) for back in (1, 2))
        texts = (decayed(histories, self._n, last=n, decay=DECAY) for n in lasts)
        return [
            self.knn.near(histories).toarray(),
            *(alike(self.texts, weights) for weights in texts),
            self._after[last].toarray(),
            (self._after[before] + self._second[last]).toarray(),
            np.broadcast_to(self._share, (len(histories), self._n)),
        ]


def weights_of(weights: Weights, lasts: Sequence[int]) -> Float[np.ndarray, " K"]:
    """How much each of `Parts.of` weighs."""
    texts = [weights.a * (n == weights.n) for n in lasts]
    return np.array([1.0, *texts, weights.b, weights.c, POPULARITY])


def _chances(counts: sparse.csr_array) -> sparse.csr_array:
    """A row's entries over its sum, with the unseen ones."""
    return sparse.csr_array(sparse.diags_array(1 / (UNSEEN + counts.sum(axis=1))) @ counts)
