"""Exact Okapi BM25 of every item, from a matrix of impacts.

A document is an item's words (`calrec.text.document_words`). The impact of word w on item i is

    idf(w) * tf(w, i) * (k1 + 1) / (tf(w, i) + k1 * (1 - b + b * length(i) / mean length))

with idf(w) = ln(N - df + 0.5) - ln(df + 0.5); a negative idf is replaced by epsilon times the mean
idf of all words. A query's score is the sum of its words' impacts, repeated words counting again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float

# Queries of one matrix product: with more, each pays for the words of all the others.
_AT_ONCE = 32


@dataclass(frozen=True, kw_only=True)
class BM25Settings:
    """Okapi's parameters.

    Attributes:
      k1: how soon repeats of a word in an item stop counting.
      b: how much an item's length counts, from 0 to 1.
      epsilon: what a negative idf becomes, as a share of the mean idf.
    """

    k1: float = 1.5
    b: float = 0.75
    epsilon: float = 0.25


class Corpus:
    """The items of a domain, ready to be scored.

    Attributes:
      item_ids: one a row, in item-index order.
      vocabulary: word -> column.
      counts: how often each word stands in each item, N items x V words.
      settings: what the impacts were made with.
    """

    def __init__(
        self,
        item_ids: tuple[str, ...],
        words: Sequence[str],
        counts: sp.csc_array,
        settings: BM25Settings | None = None,
    ):
        self.item_ids = item_ids
        self.vocabulary = {word: column for column, word in enumerate(words)}
        self.counts = counts
        self.settings = settings or BM25Settings()
        self.impacts = _impacts(counts, self.settings)

    def scores(self, queries: Sequence[Sequence[str]]) -> Float[np.ndarray, "N Q"]:
        """BM25 of every item for each query, higher is better.

        Args:
          queries: lists of words as `calrec.text.query_words` gives them. A word that no item has
            counts nothing.
        """
        rows, columns, values = [], [], []
        for row, query in enumerate(queries):
            for word, count in Counter(query).items():
                if (column := self.vocabulary.get(word)) is not None:
                    rows.append(row)
                    columns.append(column)
                    values.append(count)
        shape = (len(queries), len(self.vocabulary))
        return self._dense(sp.csr_array((values, (rows, columns)), shape=shape, dtype=np.float64))

    def contributions(self, query: Sequence[str], item: int) -> dict[str, float]:
        """What each of the query's words adds to the score of item index `item`."""
        impacts = self._impact_rows[[item]]
        held = dict(zip(impacts.indices.tolist(), impacts.data.tolist(), strict=True))
        return {
            word: count * held[column]
            for word, count in Counter(query).items()
            if (column := self.vocabulary.get(word)) in held
        }

    @cached_property
    def _impact_rows(self) -> sp.csr_array:
        return self.impacts.tocsr()

    def _dense(self, queries: sp.csr_array) -> Float[np.ndarray, "N Q"]:
        # By columns, as every reader takes one query at a time.
        scores = np.empty((len(self.item_ids), queries.shape[0]), order="F")
        for start in range(0, queries.shape[0], _AT_ONCE):
            some = queries[start : start + _AT_ONCE]
            # Only the columns that some query uses: a product over all costs the vocabulary.
            used = np.unique(some.indices)
            scores[:, start : start + _AT_ONCE] = self.impacts[:, used] @ some[:, used].toarray().T
        return scores


def _impacts(counts: sp.csc_array, settings: BM25Settings) -> sp.csc_array:
    n_items = counts.shape[0]
    if not counts.nnz:
        return counts.astype(np.float64)
    in_items = np.diff(counts.indptr)
    idf = np.log(n_items - in_items + 0.5) - np.log(in_items + 0.5)
    idf = np.where(idf < 0, settings.epsilon * idf.mean(), idf)
    lengths = counts.sum(axis=1)
    norms = settings.k1 * (1 - settings.b + settings.b * lengths / lengths.mean())
    tf = counts.data.astype(np.float64)
    data = np.repeat(idf, in_items) * (tf * (settings.k1 + 1) / (tf + norms[counts.indices]))
    return sp.csc_array((data, counts.indices, counts.indptr), shape=counts.shape)
