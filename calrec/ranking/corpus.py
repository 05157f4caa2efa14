"""What the ranking needs of a catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float

from calrec.text.words import Rule


class Corpus(Protocol):
    """What a recommender needs of a catalogue: BM25 scores of every item.

    Attributes:
      item_ids: the ids of its N items, in the order of the scores.
      settings: a dataclass of BM25's settings; its `words` names the rule of `calrec.text.words`
        that the items were cut by, the paper's if it has none.
    """

    item_ids: tuple[str, ...]
    settings: Any

    def scores(self, queries: Sequence[Sequence[str]]) -> Float[np.ndarray, "N Q"]:
        """Raw BM25 of every item against each of Q word lists; higher is better."""
        ...


def words_rule(corpus: Corpus) -> Rule:
    """The rule that a query's words must be cut by, to meet those of the corpus."""
    return getattr(corpus.settings, "words", "paper")
