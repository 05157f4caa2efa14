"""Transition-graph heuristic: rings of followers around the last two items, in order of texts.

After TGH-2 of Han and others, *An Embarrassingly Simple Graph Heuristic Reveals Shortcut-Solvable
Benchmarks for Sequential Recommendation* (arXiv 2605.07125), with words for texts in place of the
vectors of a language model.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from calrec.ranking.corpus import words_rule
from calrec.recommenders.baseline import Baseline
from calrec.recommenders.counts import from_end, transitions
from calrec.recommenders.entry import Entry, Inputs
from calrec.recommenders.tfidf import alike, tfidf
from calrec.text import item_text
from calrec.text.words import words

PLACES = ((5, 1), (3, 1))
"""Places for ring 1 and ring 2: around the last item, then around the one before it."""
COUNTED = 0.5
"""What the most frequent follower has over one that never was, as a cosine."""


class TransitionGraph(Baseline):
    """Ranks first what came next, and then next but one, in others' histories.

    Ring 1 of an item is what was bought right after it, ring 2 what was bought right after an item
    of ring 1. A ring is ordered by the cosine of its items' texts with that item's, in ring 1 plus
    0.5 * ln(1 + times it followed) / the largest such logarithm. Its best items take its places;
    items of the history take none, and none takes two. All other items follow, by the cosine with
    the last item. Equal ones stand in item order, so that no scores tie: a score is the number of
    items behind.
    """

    name = "tgh"
    reads = None  # items of the history take no place

    def __init__(
        self,
        item_ids: Sequence[str],
        histories: Sequence[Int[np.ndarray, " _"]],
        texts: sparse.csr_array,
    ) -> None:
        """Counts what followed what.

        Args:
          item_ids: id of each item, in item-index order.
          histories: item indices in the order bought, one array a user; what is to be predicted is
            left out.
          texts: of the items, as `calrec.recommenders.tfidf.tfidf` gives them.
        """
        super().__init__(item_ids)
        self.settings = {"places": [list(of_item) for of_item in PLACES], "counted": COUNTED}
        self._texts = texts
        self._followers = transitions(histories, len(self.item_ids))
        # Item N, of a history that lacks the place, is like none.
        self._alone = sparse.eye_array(len(self.item_ids) + 1, len(self.item_ids), format="csr")

    def scores(self, histories: Sequence[Int[np.ndarray, " _"]]) -> Float[np.ndarray, "Q N"]:
        """The number of items behind each; see `Baseline.scores`."""
        n = len(self.item_ids)
        centres = [from_end(histories, back, n) for back in range(1, len(PLACES) + 1)]
        near = [alike(self._texts, self._alone[centre]) for centre in centres]
        behind = np.argsort(-near[0], axis=1, kind="stable")
        scores = np.empty((len(histories), n))
        for q, history in enumerate(histories):
            first = self._first(history, [c[q] for c in centres], [c[q] for c in near])
            rest = np.ones(n, dtype=bool)
            rest[first] = False
            scores[q, first] = np.arange(n - len(first), n)[::-1]
            scores[q, behind[q][rest[behind[q]]]] = np.arange(n - len(first))[::-1]
        return scores

    def _first(
        self,
        history: Int[np.ndarray, " _"],
        centres: Sequence[np.integer],
        near: Sequence[Float[np.ndarray, " N"]],
    ) -> list[int]:
        """The items of the rings, best first.

        Args:
          history: its items take no place.
          centres: the items that the rings lie around.
          near: cosines with each of them.
        """
        free = np.ones(len(self.item_ids), dtype=bool)
        free[history] = False
        found: list[int] = []
        for (places1, places2), centre, cosines in zip(PLACES, centres, near, strict=True):
            ring1, times = self._followers_of(centre)
            value = cosines[ring1] + COUNTED * np.log1p(times) / np.log1p(times.max(initial=1.0))
            ring2 = np.unique(
                np.concatenate([ring1[:0], *(self._followers_of(i)[0] for i in ring1)])
            )
            for ring, values, places in ((ring1, value, places1), (ring2, cosines[ring2], places2)):
                found += _best(ring[free[ring]], values[free[ring]], places)
                free[found] = False
        return found

    def _followers_of(
        self, item: int | np.integer
    ) -> tuple[Int[np.ndarray, " F"], Float[np.ndarray, " F"]]:
        """What was bought right after an item, and how often."""
        start, end = self._followers.indptr[item : item + 2]
        return self._followers.indices[start:end], self._followers.data[start:end]


def _best(items: Int[np.ndarray, " F"], values: Float[np.ndarray, " F"], places: int) -> list[int]:
    """The items of the highest values, of equal ones the first in item order."""
    return items[np.lexsort((items, -values))[:places]].tolist()


def _build(inputs: Inputs) -> TransitionGraph:
    shop, rule = inputs.shop, words_rule(inputs.shop.corpus())
    texts = tfidf([words(item_text(item), rule) for item in shop.items])
    return TransitionGraph(shop.item_ids, inputs.purchases(), texts)


ENTRY = Entry(
    id="tgh",
    label="TGH",
    name="Transition-graph heuristic",
    sentence="What followed the last two purchases, those with like texts first.",
    needs=frozenset({"purchases", "texts"}),
    build=_build,
    decimals=0,
)
