"""The hybrid as a recommender: what the model writes and what the purchases tell, in one sum.

The score of an item is the blend's plus w * sqrt(p), with p the exact probability of the item's
text after the history, 0 where the decoder did not write it. Items of equal text have it all alike.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from calrec.errors import CalrecError
from calrec.recommenders.blend import recommender as blending
from calrec.recommenders.blend.recommender import Blend
from calrec.recommenders.calrec import ENTRY as OF_MODEL
from calrec.recommenders.calrec import CALRec
from calrec.recommenders.entry import Entry, Inputs
from calrec.recommenders.hybrid.choice import choose, probabilities
from calrec.records import Item, Recommendation
from calrec.records.settings import Decoder, RankingSettings

DECODER: Decoder = "trie-beam"
"""How the model writes where nothing else is asked for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Hybrid:
    """The model and the blend over the same N items.

    Attributes:
      calrec: the model, with a decoder over the items' texts.
      blend: the rules.
      weight: of the square root of a text's probability, at least 0.
      chosen: how it was chosen, JSON-able; `None` where it was given.

    Raises:
      CalrecError: for a weight out of its range, another decoder, or other items.
    """

    calrec: CALRec
    blend: Blend
    weight: float
    chosen: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.weight < math.inf:
            raise CalrecError(
                f"expected as weight of the model a number from 0 up, found {self.weight}; choose"
                " another"
            )
        _check(self.calrec, self.calrec.ranking)
        if self.blend.item_ids != self.calrec.corpus.item_ids:
            raise CalrecError(
                f"expected a blend over the model's {len(self.calrec.corpus.item_ids)} items, found"
                f" one over {len(self.blend.item_ids)} other ones; make both from one catalogue"
            )

    @property
    def name(self) -> str:
        """Its id among the recommenders."""
        return "hybrid"

    @property
    def settings(self) -> Mapping[str, Any]:
        """Every setting that shapes a recommendation, seed aside; JSON-able."""
        return self.settings_with()

    def settings_with(
        self, *, ranking: RankingSettings | None = None, **given: Any
    ) -> dict[str, Any]:
        """The settings with these in place of the checkpoint's; see `CALRec.settings_with`."""
        return {**self.calrec.settings_with(ranking=ranking, **given), "hybrid": self._own()}

    def recommend(self, history: Sequence[Item], **given: Any) -> Recommendation:
        """The recommendation for a history, oldest item first.

        Args:
          history: at least one item.
          given: as of `CALRec.stream`.

        Raises:
          CalrecError: as `CALRec.stream`, and for another retrieval than exact match.
        """
        _check(self.calrec, given.get("ranking") or self.calrec.ranking)
        return self.mixed(self.calrec.recommend(history, **given))

    def recommend_many(
        self, histories: Sequence[Sequence[Item]], seeds: Sequence[int], **given: Any
    ) -> Generator[tuple[int, Recommendation], None, None]:
        """Recommends for many users, each as `recommend` would; see `CALRec.recommend_many`."""
        _check(self.calrec, given.get("ranking") or self.calrec.ranking)
        for user, record in self.calrec.recommend_many(histories, seeds, **given):
            yield user, self.mixed(record)

    def mixed(self, record: Recommendation) -> Recommendation:
        """What the model recommends, with the scores of the sum; `addends` are its parts.

        The columns and their matrices stay those of the model's texts.

        Args:
          record: of this model and decoder, by exact match.
        """
        start = time.perf_counter()
        rules = self.blend.addends([self.blend.known(record.history)])
        addends = {
            "model": self.weight * np.sqrt(probabilities(record)),
            **{name: rows[0] for name, rows in rules.items()},
        }
        ranking = dataclasses.replace(
            record.ranking,
            recommender=self.name,
            settings={**record.ranking.settings, "hybrid": self._own()},
            scores=np.sum(list(addends.values()), axis=0),
            addends=addends,
            seconds=record.ranking.seconds + time.perf_counter() - start,
        )
        return dataclasses.replace(record, ranking=ranking)

    def _own(self) -> dict[str, Any]:
        blend = dict(self.blend.settings)
        return {"weight": self.weight, "chosen": self.chosen, "blend": blend}


def over(calrec: CALRec, inputs: Inputs, **given: Any) -> Hybrid:
    """A hybrid over a shop; chooses the weights unless the options give them.

    Args:
      calrec: the model over this shop, with a decoder over the items' texts.
      inputs: the shop, the split and the rules. Of the options `model` is the model's weight, the
        others are the blend's.
      given: how texts are written, as of `CALRec.recommend_many`; the choice is made with the same.

    Raises:
      CalrecError: for a weight out of its range, or another decoder.
    """
    options = dict(inputs.options)
    weight = options.pop("model", None)
    _check(calrec, calrec.ranking)
    blend = blending.build(dataclasses.replace(inputs, options=options))
    if weight is not None:
        return Hybrid(calrec=calrec, blend=blend, weight=weight)
    before = inputs.shop.sequences().counted(inputs.split, "all")
    choice = choose(calrec, blend, before, inputs.rules, **given)
    chosen = {
        "on": "the purchase before the one asked for",
        "bought": inputs.rules.bought,
        "users": choice.users,
        "ndcg@10": choice.ndcg,
        "ndcg@10 of the blend": choice.without,
    }
    return Hybrid(calrec=calrec, blend=blend, weight=choice.weight, chosen=chosen)


def _check(calrec: CALRec, ranking: RankingSettings) -> None:
    """Refuses what gives no exact probabilities."""
    if calrec.decoder == "sample" or ranking.retrieval != "exact":
        raise CalrecError(
            "expected a decoder over the items' texts and the retrieval exact for hybrid, found"
            f" {calrec.decoder} and {ranking.retrieval}; choose trie-beam, and leave the retrieval"
            " out"
        )


def _build(inputs: Inputs) -> Hybrid:
    checkpoint, shop = inputs.required_checkpoint(ENTRY), inputs.shop
    calrec = CALRec.from_checkpoint(
        checkpoint, shop.corpus(), shop.items, first_stage=inputs.first_stage
    )
    return over(calrec.with_decoder(DECODER), inputs)


ENTRY = Entry(
    id="hybrid",
    label="Hybrid",
    name="Hybrid of model and rules",
    sentence="Adds the model's probability of an item's text to the blend of rules.",
    needs=frozenset({"checkpoint", "purchases", "texts"}),
    build=_build,
    fits=OF_MODEL.fits,
    generative=True,
    reads_model=True,
    chooses=True,
    decimals=4,
)
