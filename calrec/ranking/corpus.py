"""What the ranking needs of a catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float

from calrec.errors import CalrecError
from calrec.ranking.hierarchical import AttributeIndex
from calrec.records import Item
from calrec.text import TextSettings
from calrec.text.words import Rule


class Corpus(Protocol):
    """BM25 scores of every item of a catalogue."""

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The ids of its N items, in the order of the scores."""
        ...

    @property
    def settings(self) -> Any:
        """A dataclass of BM25's settings.

        Its `words` names the rule of `calrec.text.words` that the items were cut by, the paper's if
        it has none.
        """
        ...

    def scores(self, queries: Sequence[Sequence[str]]) -> Float[np.ndarray, "N Q"]:
        """Raw BM25 of every item against each of Q word lists; higher is better."""
        ...


def words_rule(corpus: Corpus) -> Rule:
    """The rule that a query's words must be cut by, to meet those of the corpus."""
    return getattr(corpus.settings, "words", "paper")


@dataclass(frozen=True, kw_only=True, eq=False)
class ItemCorpus:
    """The N items that are ranked: by their words, and by their attributes.

    Attributes:
      bm25: by their words.
      attributes: by their attributes.
      text: how they became text.
    """

    bm25: Corpus
    attributes: AttributeIndex
    text: TextSettings

    @classmethod
    def of(cls, bm25: Corpus, items: Sequence[Item], text: TextSettings) -> ItemCorpus:
        """That of the items that a BM25 corpus holds.

        Raises:
          CalrecError: if these are not as many.
        """
        if len(items) != len(bm25.item_ids):
            raise CalrecError(
                f"expected the corpus's {len(bm25.item_ids)} items, found {len(items)}; take both"
                " from one catalogue"
            )
        return cls(bm25=bm25, attributes=AttributeIndex(items, text), text=text)

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The ids of the items, in item-index order."""
        return self.bm25.item_ids
