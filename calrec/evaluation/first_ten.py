"""What the first ten items of rankings hold, besides the one that was bought: beyond accuracy.

Of items that score alike the first in the catalogue's order stands first, so that every list is
one. N: items of the catalogue; C: cases; K: items of a list, ten, or N where there are fewer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

FIRST = 10
"""Items of a ranking that people look at."""


@dataclass(frozen=True, kw_only=True)
class Variety:
    """Figures of the first tens of a run; `None` where the run does not tell.

    Attributes:
      coverage: share of the catalogue that stands in anybody's first ten.
      gini: how unequally the items are shown, from 0, all as often, to near 1, one alone.
      categories: distinct ones in a first ten, with all their levels, mean.
      brands: likewise.
      novelty: mean over the items of a first ten, then over the lists, in bits (`information`).
      bought: share of a first ten that its user bought before, mean.
    """

    coverage: float | None = None
    gini: float | None = None
    categories: float | None = None
    brands: float | None = None
    novelty: float | None = None
    bought: float | None = None


def variety(
    exposure: Int[np.ndarray, " M"] | None, items: int, lists: Mapping[str, Float[np.ndarray, " C"]]
) -> Variety:
    """The figures of a run.

    Args:
      exposure: of each item shown, in how many first tens it stands; `None` where not known.
      items: N; those that are not among the M shown are in none.
      lists: as `of_lists` gives it; empty where not known.
    """
    shown = {}
    if exposure is not None:
        shown = {"coverage": len(exposure) / items, "gini": gini(exposure, items)}
    return Variety(**shown, **{name: float(values.mean()) for name, values in lists.items()})


def gini(exposure: Int[np.ndarray, " M"], items: int) -> float:
    """Gini coefficient of how often items are shown: half the mean difference over the mean.

    Args:
      exposure: of each item shown, how often; at least one, each above 0.
      items: N, at least M; the rest is never shown.
    """
    ordered = np.sort(exposure).astype(np.float64)
    rank = np.arange(items - len(ordered) + 1, items + 1)  # the items never shown come first
    return float(((2 * rank - items - 1) * ordered).sum() / (items * ordered.sum()))


def information(popularity: Int[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    """-log2 of each item's share of the purchases, in bits: how little known an item is.

    An item that was never bought counts as bought once: its share is not 0, nor its figure endless.

    Args:
      popularity: purchases of each item in training parts.
    """
    return np.log2(max(popularity.sum(), 1)) - np.log2(np.maximum(popularity, 1))


def of_lists(
    items: Int[np.ndarray, "C K"],
    histories: Sequence[Int[np.ndarray, " _"]],
    *,
    popularity: Int[np.ndarray, " N"],
    categories: Sequence[str | None],
    brands: Sequence[str | None],
) -> dict[str, Float[np.ndarray, " C"]]:
    """What each first ten holds: `categories`, `brands`, `novelty` and `bought` of `Variety`.

    Args:
      items: indices of the first items of each case.
      histories: indices of what its user bought before.
      popularity: purchases of each item in training parts.
      categories: each item's; one that is not known counts for none.
      brands: likewise.
    """
    bought = [np.isin(row, own).mean() for row, own in zip(items, histories, strict=True)]
    return {
        "categories": _distinct(_codes(categories)[items]),
        "brands": _distinct(_codes(brands)[items]),
        "novelty": information(popularity)[items].mean(axis=1),
        "bought": np.array(bought),
    }


def _codes(names: Sequence[str | None]) -> Int[np.ndarray, " N"]:
    """A number from 0 for each name, -1 for none."""
    known = {name: code for code, name in enumerate(dict.fromkeys(filter(None, names)))}
    return np.array([known.get(name, -1) if name else -1 for name in names])


def _distinct(codes: Int[np.ndarray, "C K"]) -> Float[np.ndarray, " C"]:
    """How many different ones a row holds, without -1."""
    steps = np.diff(np.sort(codes, axis=1), axis=1, prepend=-1)
    return (steps > 0).sum(axis=1).astype(np.float64)
