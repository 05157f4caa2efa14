"""The weight of the model beside the blend, chosen on the purchase before the one asked for.

The targets are those that the blend's own weights are chosen on
(`calrec.recommenders.blend.choice`); the model reads what lies before them. At the validation split
they are the last items of training parts, from which the model has learned: the weight that is
chosen there is rather too high.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from calrec.ranking.rules import Rules
from calrec.recommenders.blend.choice import GAIN, drawn_users, earlier
from calrec.recommenders.blend.recommender import Blend
from calrec.recommenders.calrec import CALRec
from calrec.records import Recommendation
from calrec.records.ranks import ranks_of

GRID = (0.0, *(digit * 10.0**power for power in (-2, -1, 0, 1) for digit in (1, 2, 5)), 100.0)
"""Weights among which the choice is; of equally good ones the least is taken."""
MOST = 300
"""Users that the weight is chosen on, at most: the model reads each one's history."""
DEFAULT = 2.0
"""The weight where there is nobody to choose on."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A weight, and what speaks for it.

    Attributes:
      weight: of `GRID`, with the highest mean.
      users: how many it was chosen on; with none it is the default.
      ndcg: pessimistic NDCG@10 over these users.
      without: the same without the model.
    """

    weight: float
    users: int
    ndcg: float
    without: float


def probabilities(record: Recommendation) -> Float[np.ndarray, " N"]:
    """The probability of each item's text; 0 where it was not written.

    Args:
      record: of a decoder over the items' texts, ranked by exact match; at least one text.
    """
    scores = record.ranking.scores
    # Items whose text was not written stand below all others.
    written = scores >= min(sample.score for sample in record.samples)
    return np.where(written, np.exp(scores), 0.0)


def choose(
    calrec: CALRec,
    blend: Blend,
    histories: Sequence[Int[np.ndarray, " _"]],
    rules: Rules,
    **given: Any,
) -> Choice:
    """Chooses the weight by trying all.

    Args:
      calrec: with a decoder over the items' texts.
      blend: over the same items; its weights count, not its purchases.
      histories: of each user all that lies before the purchase that is asked for, oldest first.
      rules: where items bought before stand, as the hybrid is to be evaluated.
      given: how the texts are written, as of `CALRec.recommend_many`.
    """
    before, targets = earlier(histories)
    drawn = drawn_users(len(targets), MOST)
    if not len(drawn):
        return Choice(weight=DEFAULT, users=0, ndcg=0.0, without=0.0)
    counted, items = blend.recounted(before), calrec.texts.items
    asked = [[items[i] for i in before[user]] for user in drawn]
    gained = np.zeros(len(GRID))
    for place, record in calrec.recommend_many(asked, range(len(asked)), **given):
        user = drawn[place]
        rest = counted.scores([before[user]])[0]
        of_model, target = np.sqrt(probabilities(record)), int(targets[user])
        gained += _gains(rest, of_model, before[user], target, rules)
    best = int(np.argmax(gained))
    ndcg = (gained / len(drawn)).tolist()
    return Choice(weight=GRID[best], users=len(drawn), ndcg=ndcg[best], without=ndcg[0])


def _gains(
    rest: Float[np.ndarray, " N"],
    of_model: Float[np.ndarray, " N"],
    history: Int[np.ndarray, " _"],
    target: int,
    rules: Rules,
) -> Float[np.ndarray, " G"]:
    """NDCG@10 of one user by each weight of the grid."""
    rows = np.stack([rules.scores(rest + weight * of_model, history) for weight in GRID])
    _, pessimistic = ranks_of(rows, np.full(len(GRID), target))
    return GAIN[np.minimum(pessimistic, len(GAIN)) - 1]
