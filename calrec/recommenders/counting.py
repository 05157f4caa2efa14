"""The recommenders that count purchases, made of the purchases that they may count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from calrec.recommenders.baseline import Baseline
from calrec.recommenders.item_knn import ItemKNN
from calrec.recommenders.markov import Markov
from calrec.recommenders.popularity import MostPopular

COUNTING = ("popular", "markov", "item-knn")


def counting(
    name: str, item_ids: Sequence[str], histories: Sequence[Int[np.ndarray, " L"]]
) -> Baseline:
    """One of `COUNTING` over some purchases; popularity, as an order of ties too, counts the same.

    Args:
      name: which.
      item_ids: id of each item, in item-index order.
      histories: item indices in the order bought, one array a user; see
        `calrec.ranking.rules.Rules.count`.
    """
    popularity = purchases(histories, len(item_ids))
    if name == "popular":
        return MostPopular(item_ids, popularity)
    return {"markov": Markov, "item-knn": ItemKNN}[name](item_ids, histories, popularity)


def purchases(histories: Sequence[Int[np.ndarray, " L"]], n_items: int) -> Int[np.ndarray, " N"]:
    """How often each item was bought in the histories."""
    return np.bincount(
        np.concatenate([np.zeros(0, np.int64), *histories]), minlength=n_items
    ).astype(np.int64)
