"""A trie's texts by the attributes of their items.

Shapes: T distinct texts, G groups of a level, I items, K items of a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int

from calrec.records.exploration import Attribute
from calrec.text import truncated

if TYPE_CHECKING:
    from calrec.generation.trie.writing import ItemTexts


@dataclass(frozen=True, kw_only=True, eq=False)
class Level:
    """The texts by the values of an attribute, and of all attributes of the levels above.

    Attributes:
      attribute: of this level.
      of_text: number of each text's group.
      above: number, on the level above, of the group that each lies in.
      values: of each group.
    """

    attribute: Attribute
    of_text: Int[np.ndarray, " T"]
    above: Int[np.ndarray, " G"]
    values: Sequence[str | None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Grouping:
    """The distinct texts of a trie, level by level.

    Items whose texts were cut until they were equal stand where the first of them belongs.

    Attributes:
      leaves: the texts' last nodes, ascending.
      items: those of each text, ascending, text by text.
      starts: where those of a text begin, and, one further, where they end.
      levels: each finer than the one before.
    """

    leaves: Int[np.ndarray, " T"]
    items: Int[np.ndarray, " I"]
    starts: Int[np.ndarray, " T+1"]
    levels: Sequence[Level]

    @classmethod
    def of(cls, texts: ItemTexts, levels: Sequence[Attribute]) -> Grouping:
        """Those of a shop's items; takes a moment for a large one, and can be kept.

        Args:
          texts: of the items.
          levels: by what to group, the widest first.
        """
        leaves, counts = np.unique(texts.trie.leaves, return_counts=True)
        items = np.argsort(texts.trie.leaves, kind="stable")
        starts = np.append(0, np.cumsum(counts))
        shown = [truncated(texts.items[i], texts.model.text) for i in items[starts[:-1]].tolist()]
        above = np.zeros(len(leaves), np.int64)
        made: list[Level] = []
        for attribute in levels:
            values = (getattr(one, attribute) for one in shown)
            keys = list(zip(above.tolist(), values, strict=True))
            numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
            of_text = np.array([numbers[key] for key in keys])
            level = Level(
                attribute=attribute,
                of_text=of_text,
                above=np.array([key[0] for key in numbers]),
                values=[key[1] for key in numbers],
            )
            made.append(level)
            above = of_text
        return cls(leaves=leaves, items=items, starts=starts, levels=made)

    def items_at(self, text: int) -> Int[np.ndarray, " K"]:
        """The items of a text, ascending."""
        return self.items[self.starts[text] : self.starts[text + 1]]

    def below(self, node: int, behind: int) -> int:
        """How many items' texts end between a node and the end of its subtree."""
        first, last = np.searchsorted(self.leaves, [node, behind])
        return int(self.starts[last] - self.starts[first])
