"""Item-kNN: items that were bought by the same people as the last few of the history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from calrec.recommenders.baseline import Baseline
from calrec.recommenders.counts import decayed
from calrec.recommenders.entry import Entry, Inputs
from calrec.recommenders.popularity import purchases


@dataclass(frozen=True, kw_only=True)
class ItemKNNSettings:
    """How neighbours become scores.

    Attributes:
      last: how many last items of a history count.
      decay: weight of an item relative to the one bought after it, from 0 to 1.

    Raises:
      ValueError: if a value is out of its range.
    """

    last: int = 5
    decay: float = 0.8

    def __post_init__(self) -> None:
        if self.last < 1:
            raise ValueError(f"last must be at least 1, found {self.last}")
        if not 0 < self.decay <= 1:
            raise ValueError(f"decay must be above 0 and at most 1, found {self.decay}")


class ItemKNN(Baseline):
    """Ranks items by their similarity to the last items bought, the newest weighing most.

    Similarity of two items is the cosine of their buyers: buyers of both / sqrt(buyers of one x
    buyers of the other); an item is no neighbour of itself. Score = sum over the last items of
    decay^(places before the last) x similarity. Items that are no neighbours follow in order of
    popularity, with scores below any neighbour's.
    """

    name = "item-knn"

    def __init__(
        self,
        item_ids: Sequence[str],
        histories: Sequence[Int[np.ndarray, " _"]],
        popularity: Int[np.ndarray, " N"],
        settings: ItemKNNSettings | None = None,
    ) -> None:
        """Counts who bought what.

        Args:
          item_ids: id of each item, in item-index order.
          histories: item indices, one array a user; what is to be predicted is left out.
          popularity: purchases per item.
          settings: how neighbours become scores.
        """
        super().__init__(item_ids)
        settings = settings or ItemKNNSettings()
        self.settings = asdict(settings)
        self.reads = settings.last
        self._last, self._decay = settings.last, settings.decay
        bought = _incidence(histories, len(self.item_ids))
        buyers = bought.sum(axis=0)
        together = bought.T @ bought
        together = sparse.csr_array(together - sparse.diags_array(together.diagonal()))
        together.eliminate_zeros()
        norm = sparse.diags_array(1 / np.sqrt(np.maximum(buyers, 1)))
        self._similarity = sparse.csr_array(norm @ together @ norm)
        least = self._similarity.data.min(initial=1.0) * settings.decay ** (settings.last - 1)
        self._fallback = least / 2 * popularity / (1 + popularity.max(initial=0))

    def scores(self, histories: Sequence[Int[np.ndarray, " _"]]) -> Float[np.ndarray, "Q N"]:
        """Decayed sums of similarities; see `Baseline.scores`."""
        near = self.near(histories)
        scores = np.tile(self._fallback, (len(histories), 1))
        scores[np.repeat(np.arange(len(histories)), np.diff(near.indptr)), near.indices] = near.data
        return scores

    def near(self, histories: Sequence[Int[np.ndarray, " _"]]) -> sparse.csr_array:
        """The decayed sums of similarities alone, Q x N: 0 where an item is no neighbour."""
        weights = decayed(histories, len(self.item_ids), last=self._last, decay=self._decay)
        return sparse.csr_array(weights @ self._similarity)


def _incidence(histories: Sequence[Int[np.ndarray, " _"]], n_items: int) -> sparse.csr_array:
    """U x N, 1 where the user bought the item, however often."""
    each = [np.unique(history) for history in histories]
    columns = np.concatenate([np.zeros(0, np.int64), *each])
    offsets = np.cumsum([0, *map(len, each)])
    return sparse.csr_array((np.ones(len(columns)), columns, offsets), shape=(len(each), n_items))


def _build(inputs: Inputs) -> ItemKNN:
    item_ids, histories = inputs.shop.item_ids, inputs.purchases()
    return ItemKNN(item_ids, histories, purchases(histories, len(item_ids)))


ENTRY = Entry(
    id="item-knn",
    label="Item KNN",
    sentence="What the buyers of the last five purchases also bought.",
    needs=frozenset({"purchases"}),
    build=_build,
    decimals=4,
)
