"""The items of a shop on a map, with one shopper among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from calrec.evaluation.alignment import cosine
from demo.inspect.projection import PCA, SpectralMap
from demo.inspect.towers import Models, Visitor

if TYPE_CHECKING:
    from calrec.records import Item
    from demo.inspect.shop import Shop

DRAWN = 5_000
"""Items drawn at most; a browser stays quick with so many."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Special:
    """What is marked on a map, by item index and place.

    Attributes:
      history: items bought, oldest first.
      target: the item bought next; `None` where it is not known.
      user: where the user vector lies; `None` without a history.
    """

    history: Sequence[int] = ()
    target: int | None = None
    user: Float[np.ndarray, " 2"] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class ItemMap:
    """N items, of which n are drawn.

    Attributes:
      shop: name of theirs.
      items: all.
      categories: of each.
      projected: where they lie.
      drawn: indices of those that are drawn.
      special: the shopper among them.
      cosines: of the user vector with each item; `None` without a history.
    """

    shop: str
    items: Sequence[Item]
    categories: Sequence[str | None]
    projected: PCA | SpectralMap
    drawn: Int[np.ndarray, " n"]
    special: Special
    cosines: Float[np.ndarray, " N"] | None


def item_map(
    shop: Shop,
    vectors: Float[np.ndarray, "N D"],
    models: Models,
    *,
    history: Sequence[str],
    target: str | None,
    method: str,
    seed: int,
) -> ItemMap:
    """The map of a shop.

    Args:
      shop: whose items.
      vectors: of all items, as `ItemVectors` gives them.
      models: of these the served one embeds the history.
      history: item ids; those that the shop lacks are left out.
      target: id of the item bought next, where it is known.
      method: a key of `demo.inspect.projection.METHODS`.
      seed: draws the items of a large shop.

    Raises:
      CalrecError: if the checkpoint cannot be loaded.
    """
    items, index = shop.catalogue.items, shop.catalogue.index
    bought = [index[item_id] for item_id in history if item_id in index]
    goal = index.get(target) if target else None
    projected = shop.projection(vectors, method)
    user = cosines = None
    if bought:
        v_u = Visitor.of(models.embedder(), [items[i] for i in bought], None).v_u
        user = projected.place(v_u[None])[0]
        cosines = cosine(v_u[None], vectors)[0]
    always = [*bought, *([goal] if goal is not None else [])]
    return ItemMap(
        shop=shop.domain,
        items=items,
        categories=shop.catalogue.categories,
        projected=projected,
        drawn=drawn_items(len(items), seed, always),
        special=Special(history=bought, target=goal, user=user),
        cosines=cosines,
    )


def drawn_items(
    count: int, seed: int, always: Sequence[int], limit: int = DRAWN
) -> Int[np.ndarray, " n"]:
    """Which of `count` items are drawn: all, or a sample by seed and those that must be there."""
    if count <= limit:
        return np.arange(count)
    sample = np.random.default_rng(seed).choice(count, size=limit, replace=False)
    return np.union1d(sample, np.asarray(always, int))
