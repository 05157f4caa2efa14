"""Who bought an item, and what they bought right before it, right after it, and at all.

Over the training part only: what is held out for tests shows nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from catalog.sequences import HELD_OUT, Sequences


class ItemCount(NamedTuple):
    """An item by its index, and how often."""

    item: int
    count: int


class Buyer(NamedTuple):
    """A shopper who bought the item.

    Attributes:
      user_id: who.
      position: which purchase it was, the first one being 1; the latest if there are several.
      purchases: how many the shopper has in the training part.
    """

    user_id: str
    position: int
    purchases: int


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """What stands around an item in the histories.

    Attributes:
      purchases: how often it was bought.
      buyers: how many shoppers bought it.
      shoppers: some of them, those with the longest histories first.
      before: items bought right before it, most often first; it can be among them itself.
      first: how many of its purchases were a shopper's first one.
      after: items bought right after it, likewise.
      last: how many of its purchases have nothing behind them in the training part.
      together: other items that its buyers bought at any time, by the number of these buyers.
    """

    purchases: int
    buyers: int
    shoppers: tuple[Buyer, ...]
    before: tuple[ItemCount, ...]
    first: int
    after: tuple[ItemCount, ...]
    last: int
    together: tuple[ItemCount, ...]


def neighbours(
    sequences: Sequences, item: int, *, limit: int = 10, shoppers: slice | None = None
) -> Neighbours:
    """What stands around the item of that index; each list has `limit` entries at most.

    Equal counts are in item-index order, equally long histories in the order of the users.

    Args:
      sequences: of the domain.
      item: its index.
      limit: entries of a list.
      shoppers: which of the buyers, those with the longest histories first; the first `limit`
        where it is `None`.
    """
    places, users, ends = _purchases(sequences, item)
    starts = sequences.offsets[users]
    behind_one, before_one = places > starts, places + 1 < ends
    buyers, latest = _last_of_each(users)
    return Neighbours(
        purchases=len(places),
        buyers=len(buyers),
        shoppers=_shoppers(
            sequences, places[latest], buyers, ends[latest], shoppers or slice(limit)
        ),
        before=_most(sequences.items[places[behind_one] - 1], limit),
        first=int((~behind_one).sum()),
        after=_most(sequences.items[places[before_one] + 1], limit),
        last=int((~before_one).sum()),
        together=_together(sequences, item, buyers, ends[latest], limit),
    )


def _purchases(sequences: Sequences, item: int) -> tuple[Int[np.ndarray, " P"], ...]:
    """Positions of the item's purchases among all events, their users, and where those end."""
    places = np.flatnonzero(sequences.items == item)
    users = np.searchsorted(sequences.offsets, places, side="right") - 1
    ends = sequences.offsets[users + 1] - HELD_OUT[sequences.role]
    seen = places < ends
    return places[seen], users[seen], ends[seen]


def _last_of_each(users: Int[np.ndarray, " P"]) -> tuple[Int[np.ndarray, " B"], ...]:
    """The distinct users, which are in order, and the position of each one's last purchase."""
    last = np.flatnonzero(np.diff(users, append=-1))
    return users[last], last


def _shoppers(
    sequences: Sequences,
    places: Int[np.ndarray, " B"],
    buyers: Int[np.ndarray, " B"],
    ends: Int[np.ndarray, " B"],
    wanted: slice,
) -> tuple[Buyer, ...]:
    starts = sequences.offsets[buyers]
    longest = np.argsort(starts - ends, kind="stable")[wanted]
    return tuple(
        Buyer(
            sequences.user_ids[buyers[k]],
            int(places[k] - starts[k]) + 1,
            int(ends[k] - starts[k]),
        )
        for k in longest
    )


def _together(
    sequences: Sequences,
    item: int,
    buyers: Int[np.ndarray, " B"],
    ends: Int[np.ndarray, " B"],
    limit: int,
) -> tuple[ItemCount, ...]:
    starts = sequences.offsets[buyers]
    # Each buyer counts once for an item, however often it was bought again.
    bought = [
        np.unique(sequences.items[start:end]) for start, end in zip(starts, ends, strict=True)
    ]
    others = np.concatenate(bought) if bought else np.empty(0, np.int32)
    return _most(others[others != item], limit)


def _most(items: Sequence[int] | Int[np.ndarray, " n"], limit: int) -> tuple[ItemCount, ...]:
    distinct, counts = np.unique(np.asarray(items), return_counts=True)
    best = np.argsort(-counts, kind="stable")[:limit]
    return tuple(ItemCount(int(distinct[k]), int(counts[k])) for k in best)
