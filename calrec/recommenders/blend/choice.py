"""The weights of the blend, chosen on the purchase before the one that is asked for.

That purchase is the target: at the test split a user's validation item, at the validation split the
last item of the training part. What lies before it is the history, and all that is counted. No
purchase that is asked for is ever looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from calrec.ranking.rules import Bought
from calrec.recommenders.blend.parts import Parts, Weights, weights_of
from calrec.records.ranks import TIE

LASTS = (1, 3, 10)
OF_TEXTS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
OF_TRANSITIONS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
MOST = 10_000
"""Users that the weights are chosen on, at most; where there are more, these are drawn."""
FEWEST = 500
"""Users after whom half of the weights may be given up."""
BLOCK = 32
"""Histories scored at once."""

GAIN = np.append(1 / np.log2(1 + np.arange(1, 11)), 0.0)
"""NDCG@10 of a target by its rank, from 1 on; all beyond the tenth at the end."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Weights, and what speaks for them.

    Attributes:
      weights: with the highest mean.
      users: how many they were chosen on; with none they are the default.
      ndcg: pessimistic NDCG@10 over these users.
    """

    weights: Weights
    users: int
    ndcg: float


def grid() -> tuple[Weights, ...]:
    """All weights among which the choice is; of equal ones the first is taken."""
    texts = [(0.0, LASTS[0]), *((a, n) for a in OF_TEXTS for n in LASTS)]
    return tuple(
        Weights(a=a, b=b, c=c, n=n)
        for a, n in texts
        for b in OF_TRANSITIONS
        for c in OF_TRANSITIONS
    )


def choose(
    item_ids: Sequence[str],
    histories: Sequence[Int[np.ndarray, " _"]],
    texts: sparse.csr_array,
    bought: Bought,
) -> Choice:
    """Chooses by successive halving: the better half of the weights goes on to more users.

    Args:
      item_ids: id of each of N items.
      histories: of each user all that lies before the purchase that is asked for, oldest first.
      texts: of the items.
      bought: rule for items bought before, as the blend is to be evaluated by.
    """
    before, target = earlier(histories)
    drawn = drawn_users(len(target), MOST)
    if not len(drawn):
        return Choice(weights=Weights(), users=0, ndcg=0.0)
    parts, weights = Parts(item_ids, before, texts), grid()
    rows = sparse.csr_array(np.stack([weights_of(one, LASTS) for one in weights]))
    left, gained = np.arange(len(weights)), np.zeros(len(weights))
    for start, end in pairwise([0, *_rounds(len(drawn))]):
        if start:
            better = np.argsort(-gained[left], kind="stable")[: -(-len(left) // 2)]
            left = np.sort(left[better])
        for first in range(start, end, BLOCK):
            users = drawn[first : min(first + BLOCK, end)]
            asked = [before[user] for user in users]
            gained[left] += _gains(parts, asked, target[users], rows[left], bought)
    best = left[np.argmax(gained[left])]
    return Choice(weights=weights[best], users=len(drawn), ndcg=float(gained[best] / len(drawn)))


def earlier(
    histories: Sequence[Int[np.ndarray, " _"]],
) -> tuple[list[Int[np.ndarray, " _"]], Int[np.ndarray, " U"]]:
    """What the choice asks for: of each history of two items or more the last one.

    Returns:
      what lies before it, which is also all that may be counted; and the items asked for.
    """
    whole = [history for history in histories if len(history) > 1]
    return [history[:-1] for history in whole], np.array([h[-1] for h in whole], np.int64)


def drawn_users(users: int, most: int) -> Int[np.ndarray, " D"]:
    """The places of the users that a choice is made on: always the same ones, in this order."""
    return np.random.default_rng(0).permutation(users)[:most]


def _rounds(users: int) -> list[int]:
    """How many users each round has seen: twice as many each time, in the end all of them."""
    return [
        users >> halved for halved in (4, 3, 2, 1, 0) if users >> halved >= FEWEST or not halved
    ]


def _gains(
    parts: Parts,
    histories: Sequence[Int[np.ndarray, " _"]],
    targets: Int[np.ndarray, " Q"],
    weights: sparse.csr_array,
    bought: Bought,
) -> Float[np.ndarray, " G"]:
    """NDCG@10 by each of G weights, a row each of the K parts', summed over Q users."""
    scores = np.stack(parts.of(histories, LASTS), axis=1)
    least = weights.min(axis=0).toarray().ravel()
    total = np.zeros(weights.shape[0])
    for of_user, history, target in zip(scores, histories, targets, strict=True):
        lead = of_user - of_user[:, target, None]
        ahead = 0
        if bought == "last":
            aside, ahead = _aside(history, target, len(lead[0]))
            lead[:, aside] = -1.0  # counted in `ahead`, or behind the target by all weights
        total += GAIN[np.minimum(ahead + _at_least(lead, weights, least), len(GAIN)) - 1]
    return total


def _aside(
    history: Int[np.ndarray, " _"], target: int | np.integer, n_items: int
) -> tuple[Int[np.ndarray, " _"], int]:
    """Which items no score decides on, as only one of them and the target was bought before.

    Returns:
      their indices, and how many of them stand before the target: all or none.
    """
    if target not in history:
        return history, 0
    new = np.setdiff1d(np.arange(n_items), history)
    return new, len(new)


def _at_least(
    lead: Float[np.ndarray, "K N"], weights: sparse.csr_array, least: Float[np.ndarray, " K"]
) -> Int[np.ndarray, " G"]:
    """How many of N items score as the target or higher, by each of G weights.

    Only the open ones are reckoned: an item that no part puts behind the target, or that no part
    puts before it, stands on the same side by all weights, as none is negative.

    Args:
      lead: of each item's parts over those of the target, which is among them.
      weights: of the parts, G x K.
      least: of each part, the least of them.
    """
    never_behind = lead.min(axis=0) >= -TIE
    always = np.count_nonzero(never_behind)
    if always >= len(GAIN):  # beyond the tenth rank already
        return np.full(weights.shape[0], always)
    # Parts that weigh nothing leave ties, so even the least weights must put it behind.
    never_ahead = (lead.max(axis=0) <= TIE) & (least @ lead < -TIE)
    open_ = ~(never_behind | never_ahead)
    # As a sparse matrix: NumPy would wake all CPUs for each of these small products.
    return always + np.count_nonzero(weights @ lead[:, open_] >= -TIE, axis=1)
