"""One item of a shop as its page shows it: who bought it, when, and what else they bought."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from calrec.errors import CalrecError
from calrec.records import Item
from calrec.text import TextSettings
from catalog.sequences.neighbours import Neighbours
from catalog.store import Catalogue


@dataclass(frozen=True, kw_only=True)
class OpenedItem:
    """All that an item's page shows, but for similar items.

    Attributes:
      item: the item.
      popularity: training purchases of every item of the shop.
      index: the item's index.
      text: how the model reads items.
      around: who bought it, and what stands around it.
      times: when it was bought, in seconds since 1970.
      span: the shop's first and last purchase.
      loadable: which of its shoppers have a held-out purchase.
    """

    item: Item
    popularity: Int[np.ndarray, " N"]
    index: int
    text: TextSettings
    around: Neighbours
    times: Int[np.ndarray, " P"]
    span: tuple[int, int] | None
    loadable: frozenset[str]

    @classmethod
    def of(
        cls,
        catalogue: Catalogue,
        index: int,
        text: TextSettings,
        *,
        limit: int,
        shoppers: slice | None = None,
    ) -> OpenedItem:
        """The item of an index, with at most `limit` entries in each list around it.

        `shoppers` are which of its buyers, as for `Catalogue.neighbours`.
        """
        around = catalogue.neighbours(index, limit=limit, shoppers=shoppers)
        users = {buyer.user_id for buyer in around.shoppers}
        return cls(
            item=catalogue.items[index],
            index=index,
            popularity=catalogue.popularity,
            text=text,
            around=around,
            times=catalogue.purchase_times(index),
            span=catalogue.time_span,
            loadable=frozenset(user for user in users if _has_case(catalogue, user)),
        )


def _has_case(catalogue: Catalogue, user_id: str) -> bool:
    try:
        catalogue.case(user_id)
    except CalrecError:
        return False
    return True
