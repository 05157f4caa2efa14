"""Most popular: the same ranking for everybody."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from calrec.recommenders.baseline import Baseline
from calrec.recommenders.entry import Entry, Inputs


class MostPopular(Baseline):
    """Ranks items by how often they were bought."""

    name = "popular"
    reads = 0

    def __init__(self, item_ids: Sequence[str], popularity: Int[np.ndarray, " N"]) -> None:
        """Takes the purchases per item; what is to be predicted is left out of them."""
        super().__init__(item_ids)
        self._scores = popularity.astype(np.float64)
        self.settings = {"purchases": int(popularity.sum())}

    def scores(self, histories: Sequence[Int[np.ndarray, " _"]]) -> Float[np.ndarray, "Q N"]:
        """Purchases of each item; see `Baseline.scores`."""
        return np.tile(self._scores, (len(histories), 1))


def purchases(histories: Sequence[Int[np.ndarray, " _"]], n_items: int) -> Int[np.ndarray, " N"]:
    """How often each of N items was bought in the histories (item indices, one array a user)."""
    return np.bincount(
        np.concatenate([np.zeros(0, np.int64), *histories]), minlength=n_items
    ).astype(np.int64)


def _build(inputs: Inputs) -> MostPopular:
    item_ids = inputs.shop.item_ids
    return MostPopular(item_ids, purchases(inputs.purchases(), len(item_ids)))


ENTRY = Entry(
    id="popular",
    label="Most popular",
    sentence="What is bought most, the same for everybody.",
    needs=frozenset({"purchases"}),
    build=_build,
    decimals=0,
)
