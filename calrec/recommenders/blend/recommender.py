"""The blend as a recommender: no training, and as strong as simple rules get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from calrec.errors import CalrecError
from calrec.ranking.corpus import words_rule
from calrec.recommenders.baseline import Baseline
from calrec.recommenders.blend.choice import choose
from calrec.recommenders.blend.parts import (
    DECAY,
    POPULARITY,
    UNSEEN,
    Parts,
    Weights,
    weights_of,
)
from calrec.recommenders.entry import Entry, Inputs
from calrec.recommenders.tfidf import tfidf
from calrec.text import document_words

ADDENDS = ("bought together", "words", "order", "popularity")
"""What a score is the sum of: item-kNN, texts, both kinds of transitions, share of purchases."""


class Blend(Baseline):
    """Ranks items by a weighted sum of `Parts`.

    Attributes:
      weights: theirs.
    """

    name = "blend"

    def __init__(
        self,
        item_ids: Sequence[str],
        parts: Parts,
        weights: Weights,
        chosen: Mapping[str, Any] | None = None,
    ) -> None:
        """Takes the parts over these items.

        Args:
          item_ids: id of each item, in item-index order.
          parts: over these.
          weights: theirs.
          chosen: how the weights were chosen, JSON-able; `None` where they were given.
        """
        super().__init__(item_ids)
        self.settings = {
            **asdict(weights),
            "decay": DECAY,
            "unseen": UNSEEN,
            "popularity": POPULARITY,
            "item_knn": parts.knn.settings,
            "chosen": chosen,
        }
        self.reads = max(weights.n, parts.knn.reads or 0, 2)
        self.weights = weights
        self._parts = parts
        # A part that weighs nothing is not reckoned.
        self._lasts = (weights.n,) if weights.a else ()
        self._weights = weights_of(weights, self._lasts)

    def recounted(self, histories: Sequence[Int[np.ndarray, " _"]]) -> Blend:
        """The same weights of parts that are counted from other purchases."""
        return Blend(
            self.item_ids, Parts(self.item_ids, histories, self._parts.texts), self.weights
        )

    def addends(
        self, histories: Sequence[Int[np.ndarray, " _"]]
    ) -> dict[str, Float[np.ndarray, "Q N"]]:
        """What the scores are the sum of, by name: as people call the weighted parts."""
        names = ("bought together", *("words" for _ in self._lasts), "order", "order", "popularity")
        nothing = np.zeros((len(histories), len(self.item_ids)))
        found: dict[str, Float[np.ndarray, "Q N"]] = {name: nothing for name in ADDENDS}
        parts = self._parts.of(histories, self._lasts)
        for name, weight, part in zip(names, self._weights, parts, strict=True):
            found[name] = found[name] + weight * part
        return found

    def scores(self, histories: Sequence[Int[np.ndarray, " _"]]) -> Float[np.ndarray, "Q N"]:
        """Weighted sums of the parts; see `Baseline.scores`."""
        scores = np.zeros((len(histories), len(self.item_ids)))
        parts = self._parts.of(histories, self._lasts)
        for weight, part in zip(self._weights, parts, strict=True):
            scores += weight * part
        return scores


def build(inputs: Inputs) -> Blend:
    """A blend over a shop; chooses the weights unless the options give them.

    Raises:
      CalrecError: for a weight out of its range.
    """
    shop, item_ids = inputs.shop, inputs.shop.item_ids
    rule = words_rule(shop.corpus())
    texts = tfidf([document_words(item, rule=rule) for item in shop.items])
    if inputs.options:
        try:
            weights, chosen = Weights(**inputs.options), None
        except ValueError as error:
            raise CalrecError(f"{error}; choose another") from None
    else:
        before = shop.sequences().counted(inputs.split, "all")
        choice = choose(item_ids, before, texts, inputs.rules.bought)
        weights = choice.weights
        chosen = {
            "on": "the purchase before the one asked for",
            "bought": inputs.rules.bought,
            "users": choice.users,
            "ndcg@10": choice.ndcg,
        }
    return Blend(item_ids, Parts(item_ids, inputs.purchases(), texts), weights, chosen)


ENTRY = Entry(
    id="blend",
    label="Blend",
    name="Blend of rules",
    sentence="Adds up item-kNN, words like the last purchases' and what followed them.",
    needs=frozenset({"purchases", "texts"}),
    build=build,
    chooses=True,
    decimals=4,
)
