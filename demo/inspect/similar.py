"""Items like an item: by the words they share, and by how near their vectors are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from calrec.ranking.corpus import words_rule
from calrec.records import Item
from calrec.text import DEFAULT_TEXT, TextSettings, document_words
from catalog.bm25 import Corpus


class Similar(NamedTuple):
    """An item by its index and how alike it is; higher is more alike."""

    item: int
    score: float


def by_words(
    corpus: Corpus, item: Item, index: int, *, text: TextSettings = DEFAULT_TEXT, limit: int = 8
) -> tuple[Similar, ...]:
    """Items by BM25 of the item's own words, best first; itself is left out.

    Args:
      corpus: of the shop.
      item: whose words are asked for.
      index: its item index.
      text: how items become text.
      limit: items at most. Those without a common word are never among them.
    """
    scores = corpus.scores([document_words(item, text, words_rule(corpus))])[:, 0]
    return tuple(found for found in _best(scores, index, limit) if found.score > 0)


def by_vector(
    vectors: Float[np.ndarray, "N D"], index: int, *, limit: int = 8
) -> tuple[Similar, ...]:
    """Items by the cosine of their vectors with the item's, from 1 down to -1; itself left out."""
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    products = vectors @ vectors[index]
    # A vector of zeros is like nothing.
    cosines = products / np.maximum(lengths * lengths[index], np.finfo(np.float32).tiny)
    return _best(np.clip(cosines, -1.0, 1.0), index, limit)


def _best(scores: Float[np.ndarray, " N"], but: int, limit: int) -> tuple[Similar, ...]:
    """The highest scores but one item's; equal ones in item-index order."""
    order = np.argsort(-scores, kind="stable")[: limit + 1]
    return tuple(Similar(int(i), float(scores[i])) for i in order if i != but)[:limit]
