"""Hierarchical match: from generated texts to items by equal attributes (paper, Table 8).

A text matches the items that equal it in all four attributes; where there is none, in the first
three (title, category, brand); else in the first two; else in the title. The m items that a text of
score s (nats) matches share its probability, exp(s) / m each, and the probability p of an item is
the sum over the kept texts. Items that no text matches have p = 0 and stand behind all others: one
of them has rank N on both sides, optimistic and pessimistic.

As a score, p stands on the scale

    1 / (1 + ln(p_max / p))

where p_max is the best item's: 1 for the best item, 0 for p = 0, in the order of p, and the same
whatever is added to all s. Plain p would not do: exp(-800) is 0 in floating point, and from
s = -21 on p is within `calrec.records.ranks.TIE` of 0, so that a matched item would tie with all
others.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from calrec.ranking.algorithm import Match, fold
from calrec.records import Attributes
from calrec.text import DEFAULT_TEXT, TextSettings, item_text, parse


class Matched(NamedTuple):
    """The items that a text matches.

    Attributes:
      level: on how many attributes: 4 for all four, 3 for the first three (title, category, brand),
        2 for the first two, 1 for the title, 0 for none of these or for a format error.
      items: indices of the items that it matches on as many; empty at level 0.
    """

    level: int
    items: Int[np.ndarray, " M"]


class AttributeIndex:
    """Which items of a catalogue have which attributes.

    An item stands in it as its own text parses back, so that a generated text equal to an item's
    text always matches it on all four attributes. An absent attribute equals an absent one; white
    space is folded.

    Attributes:
      settings: how items became text, and texts are parsed.
    """

    def __init__(self, items: Iterable[Attributes], settings: TextSettings = DEFAULT_TEXT) -> None:
        self.settings = settings
        keys = ["".join(_lines(_as_parsed(item, settings))) for item in items]
        order = sorted(range(len(keys)), key=keys.__getitem__)
        # The items with equal first attributes have keys with one beginning, side by side.
        self._keys = [keys[i] for i in order]
        self._items = np.array(order, dtype=np.int64)

    def level(self, attributes: Attributes | None) -> int:
        """On how many attributes some item matches, as in `Matched`; `None` is a format error."""
        return self._look_up(attributes)[0]

    def find(self, attributes: Attributes | None) -> Matched:
        """The items that match on the most attributes; `None` is a format error."""
        level, start, prefix = self._look_up(attributes)
        if not level:
            return Matched(0, self._items[:0])
        stop = bisect_right(self._keys, prefix, lo=start, key=lambda key: key[: len(prefix)])
        return Matched(level, self._items[start:stop])

    def _look_up(self, attributes: Attributes | None) -> tuple[int, int, str]:
        """Level, place of the first key that matches, and how the keys that match begin."""
        lines = [] if attributes is None else _lines(attributes)
        for level in range(len(lines), 0, -1):
            prefix = "".join(lines[:level])
            start = bisect_left(self._keys, prefix)
            if start < len(self._keys) and self._keys[start].startswith(prefix):
                return level, start, prefix
        return 0, 0, ""


def hierarchical(matches: Sequence[Matched], scores: Sequence[float], n_items: int) -> Match:
    """Item scores from the items that each of K kept texts matches.

    Distinct texts only, each with its best sample's score: how often a text was drawn has no say,
    as in Algorithm 1.

    Args:
      matches: what `AttributeIndex.find` says of each text.
      scores: the texts' scores in nats, one per text; finite.
      n_items: N.

    Returns:
      raw: on how many attributes the text matches the item, 0 where it does not.
      scaled: the item's share of the text, 1 / m for each of the m items that it matches.
      modulated: exp(s) / m, on the scale of the scores.
      scores: p, the sum of exp(s) / m over the texts, on the scale above.
      unranked: the items that no text matches.
    """
    raw, scaled, modulated = (np.zeros((n_items, len(matches)), order="F") for _ in range(3))
    log_p = np.full(n_items, -np.inf)
    hits = [
        (column, found.level, found.items, score - math.log(len(found.items)))
        for column, (found, score) in enumerate(zip(matches, scores, strict=True))
        if found.level
    ]
    for column, level, items, log_share in hits:
        raw[items, column] = level
        scaled[items, column] = 1 / len(items)
        log_p[items] = np.logaddexp(log_p[items], log_share)
    pooled = np.zeros(n_items)
    matched = log_p > -np.inf
    best = log_p.max(initial=-np.inf)
    pooled[matched] = 1 / (1 + (best - log_p[matched]))
    for column, _, items, log_share in hits:
        modulated[items, column] = 1 / (1 + (best - log_share))
    return Match(raw=raw, scaled=scaled, modulated=modulated, scores=pooled, unranked=~matched)


def _as_parsed(item: Attributes, settings: TextSettings) -> Attributes:
    parsed = parse(item_text(item, settings), settings)
    assert parsed is not None, "an item's own text always parses"
    return parsed


def _lines(attributes: Attributes) -> list[str]:
    """The four values, a line each, which no value goes beyond."""
    return [f"{fold(value or '')}\n" for value in attributes.values()]
