"""How probability flows from purchases to texts, from texts to items, and on to places.

A text's probability flows to the items that it fits best; back from the text it is parted among the
purchases by how much less probable the text is without each. Pure functions, for a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from calrec.records import Recommendation

TEXTS = 10
"""Most probable texts that are shown."""
ALIKE = 3
"""Items that a text flows to, where it fits more of them equally well."""


@dataclass(frozen=True, kw_only=True)
class Stream:
    """What flows from one thing to another.

    Attributes:
      origin: number of a purchase (its place in the history), or of a text (its column).
      end: column of a text, or row of an item.
      share: of the probability of all shown texts, 0 to 1.
    """

    origin: int
    end: int
    share: float


@dataclass(frozen=True, kw_only=True)
class Flow:
    """The streams of a recommendation.

    Attributes:
      texts: columns that are shown, best first.
      shares: of each, of the probability of all of them.
      to_texts: from purchases; none where it is not known which ones caused the texts.
      to_items: from texts.
    """

    texts: tuple[int, ...]
    shares: tuple[float, ...]
    to_texts: tuple[Stream, ...]
    to_items: tuple[Stream, ...]

    def rows(self) -> list[int]:
        """The items that something flows to, the one that most does first."""
        total: dict[int, float] = {}
        for one in self.to_items:
            total[one.end] = total.get(one.end, 0.0) + one.share
        return sorted(total, key=lambda row: -total[row])

    def purchases(self) -> list[int]:
        """The places in the history that something flows from, oldest first."""
        return sorted({one.origin for one in self.to_texts})


def flow(
    record: Recommendation, changes: Float[np.ndarray, "R K"] | None = None, first: int = 0
) -> Flow:
    """The streams of a recommendation's kept texts.

    Args:
      record: with columns.
      changes: of each text, a column each, when a purchase is left out, in nats; `None` where that
        was not computed.
      first: place in the history of the first of these purchases.
    """
    ranking = record.ranking
    texts = range(min(len(ranking.columns), TEXTS))
    scores = np.array([ranking.column_scores[k] for k in texts])
    shares = np.exp(scores - scores.max(initial=-np.inf))
    shares = (shares / shares.sum()).tolist()
    to_items = [
        Stream(origin=k, end=row, share=share / len(rows))
        for k, share in zip(texts, shares, strict=True)
        for rows in [_best(record, k)]
        for row in rows
    ]
    to_texts = [] if changes is None else _causes(changes, shares, first)
    return Flow(
        texts=tuple(texts), shares=tuple(shares), to_texts=tuple(to_texts), to_items=tuple(to_items)
    )


def _best(record: Recommendation, column: int) -> list[int]:
    """The rows that a text fits best, the better place first; none where it fits nothing."""
    values = record.ranking.raw[:, column]
    if not len(values) or values.max() <= 0:
        return []
    alike = np.flatnonzero(values == values.max())
    places = [record.ranking.ranks(record.ranking.item_ids[row])[0] for row in alike[:200]]
    return alike[np.argsort(places, kind="stable")[:ALIKE]].tolist()


def _causes(changes: Float[np.ndarray, "R K"], shares: Sequence[float], first: int) -> list[Stream]:
    """Each text's share, parted by the falls of its log-probability."""
    falls = np.maximum(-changes, 0.0)
    return [
        Stream(origin=first + row, end=k, share=share * falls[row, k] / falls[:, k].sum())
        for k, share in enumerate(shares)
        for row in np.flatnonzero(falls[:, k] > 0).tolist()
    ]
