"""Words next to each other in an attribute, which counts of words cannot tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from jaxtyping import Int

from calrec.records import Attributes
from calrec.text import truncated
from calrec.text.words import words
from catalog.index import FIELDS

# Up to so many items are read on the spot, in a few milliseconds. For more, the words of all items
# are read once, which takes about a second for 100,000 items, and kept.
_FEW = 500
_END = "\n"  # in no word

# Field -> the numbers of all items' words in one row, -1 behind each item; whose each one is.
_Rows = Mapping[str, tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]]


class Phrases:
    """Looks for phrases in items.

    Args:
      items: in item-index order.
      words: all words of the items, sorted.
    """

    def __init__(self, items: Sequence[Attributes], words: Sequence[str]):
        self._items = items
        self._words = words

    def holding(
        self, phrase: Sequence[str], field: str, among: Int[np.ndarray, " n"]
    ) -> Int[np.ndarray, " m"]:
        """Items with these words, in this order and with nothing between, in the field.

        Args:
          phrase: words by the rule `unicode`.
          field: one of `catalog.index.FIELDS`.
          among: the item indices to look at.
        """
        if len(among) <= _FEW:
            numbers = {word: i for i, word in enumerate(dict.fromkeys(phrase))}
            row, owners = _rows([self._items[i] for i in among], numbers)[field]
            owners = among[owners]
        else:
            numbers = self._numbers
            row, owners = self._all[field]
        starts = max(0, len(row) - len(phrase) + 1)
        at = np.ones(starts, bool)
        for k, word in enumerate(phrase):
            at &= row[k : k + starts] == numbers.get(word, -3)
        return np.unique(owners[:starts][at])

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self._words)}

    @cached_property
    def _all(self) -> _Rows:
        return _rows(self._items, self._numbers)


def _rows(items: Sequence[Attributes], numbers: Mapping[str, int]) -> _Rows:
    numbers = {**numbers, _END: -1}
    cut = [truncated(item).values() for item in items]
    rows = {}
    for field, values in zip(FIELDS, zip(*cut, strict=True), strict=True):
        found = [word for value in values for word in (*words(value or "", "unicode"), _END)]
        row = np.fromiter((numbers.get(word, -2) for word in found), np.int32, len(found))
        ends = row == -1
        rows[field] = row, (np.cumsum(ends) - ends).astype(np.int32)
    return rows
