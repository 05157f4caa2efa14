"""Exact BM25 of every item, from a matrix of impacts.

A document is an item's words (`calrec.text.document_words`). The impact of word w on item i is

    idf(w) * tf(w, i) * (k1 + 1) / (tf(w, i) + k1 * (1 - b + b * length(i) / mean length))

where Okapi's formula has idf(w) = ln(N - df + 0.5) - ln(df + 0.5), a negative idf being replaced by
epsilon times the mean idf of all words. A query's score is the sum of its words' impacts, repeated
words counting again.

Whoosh's formula has idf(w) = ln(N / (df + 1)) + 1, which is never negative, and in the place of
length(i) the length as Whoosh keeps it, in one byte: exact up to 10, above it rounded up to the
next of some 250 lengths. Over the counts of one field, with k1 = 1.2 and b = 0.75, the scores are
those of Whoosh's searcher; over several fields its searcher adds the scores of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

# Not public, hence the upper bound of scipy's version in pyproject.toml. The public product copies
# the columns of the query's words before it adds them: side by side over 5,000, 20,000 and 100,000
# items a query took 10, 4.8 and 4.0 times as long with `impacts[:, columns] @ ones`, and more than
# twice as long with numpy's `scores[indices] += data` for each word.
from scipy.sparse._sparsetools import csc_matvec

from calrec.text.words import RULES, Rule

Formula = Literal["okapi", "whoosh"]


@dataclass(frozen=True, kw_only=True)
class BM25Settings:
    """The formula and its parameters.

    Attributes:
      formula: `okapi` or `whoosh`.
      k1: how soon repeats of a word in an item stop counting.
      b: how much an item's length counts, from 0 to 1.
      epsilon: what a negative idf becomes, as a share of the mean idf. Without meaning in Whoosh's
        formula, where no idf is negative.
      words: the rule of `calrec.text.words` that cuts items and queries.

    Raises:
      ValueError: if there is no such formula or rule.
    """

    formula: Formula = "okapi"
    k1: float = 1.5
    b: float = 0.75
    epsilon: float = 0.25
    words: Rule = "paper"

    def __post_init__(self) -> None:
        if self.words not in RULES:
            raise ValueError(f"words must be one of {list(RULES)}, found {self.words!r}")
        if self.formula not in get_args(Formula):
            raise ValueError(
                f"formula must be one of {list(get_args(Formula))}, found {self.formula!r}"
            )


class Corpus:
    """The items of a domain, ready to be scored.

    Attributes:
      item_ids: one a row, in item-index order.
      vocabulary: word -> column.
      counts: how often each word stands in each item, N items x V words, indices sorted.
      impacts: what each word adds to the score of each item that has it, N items x V words.
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
        # Where each word's column starts and ends, V x 2.
        self._bounds = np.stack([self.impacts.indptr[:-1], self.impacts.indptr[1:]], axis=1)

    def scores(self, queries: Sequence[Sequence[str]]) -> Float[np.ndarray, "N Q"]:
        """BM25 of every item for each query, higher is better.

        To the bit, a column is the same whatever the other queries are, and so are the scores of
        items of equal words.

        Args:
          queries: lists of words as `calrec.text.query_words` gives them by the settings' rule. A
            word that no item has counts nothing.
        """
        # By columns, as every reader takes one query at a time.
        scores = np.empty((len(self.item_ids), len(queries)), order="F")
        for column, query in zip(scores.T, queries, strict=True):
            # Right before it is filled: a column that was just zeroed is still in the cache.
            column.fill(0)
            self._add_impacts(query, column)
        return scores

    def contributions(self, query: Sequence[str], item: int) -> dict[str, float]:
        """What each of the query's words that the item of index `item` has adds to its score."""
        found = {}
        for word, count in Counter(query).items():
            if (column := self.vocabulary.get(word)) is None:
                continue
            start, stop = self.impacts.indptr[column : column + 2]
            place = start + np.searchsorted(self.impacts.indices[start:stop], item)
            if place < stop and self.impacts.indices[place] == item:
                found[word] = count * float(self.impacts.data[place])
        return found

    def _add_impacts(self, query: Sequence[str], scores: Float[np.ndarray, " N"]) -> None:
        """Adds the impact columns of the query's words to `scores`, without copying them.

        scipy's kernel adds columns that lie one behind the other: column k is what lies between
        pointers k and k + 1. With the words in descending order the pointers [start of the first,
        its end, start of the second, its end, ...] describe every word's column, and between two
        of them a column whose end is not behind its start (of the same word: far before it), which
        the kernel takes as empty.
        """
        get = self.vocabulary.get
        columns = sorted(
            [column for word in query if (column := get(word)) is not None], reverse=True
        )
        if not columns:
            return
        pointers = self._bounds.take(columns, axis=0).ravel()
        ranges = len(pointers) - 1
        csc_matvec(
            len(scores),
            ranges,
            pointers,
            self.impacts.indices,
            self.impacts.data,
            np.ones(ranges),
            scores,
        )


def _impacts(counts: sp.csc_array, settings: BM25Settings) -> sp.csc_array:
    n_items = counts.shape[0]
    if not counts.nnz:
        return counts.astype(np.float64)
    in_items = np.diff(counts.indptr)
    lengths = counts.sum(axis=1)
    mean_length = lengths.mean()
    if settings.formula == "whoosh":
        idf = np.log(n_items / (in_items + 1)) + 1
        lengths = _kept_in_a_byte(lengths)
    else:
        idf = np.log(n_items - in_items + 0.5) - np.log(in_items + 0.5)
        idf = np.where(idf < 0, settings.epsilon * idf.mean(), idf)
    norms = settings.k1 * (1 - settings.b + settings.b * lengths / mean_length)
    tf = counts.data.astype(np.float64)
    data = np.repeat(idf, in_items) * (tf * (settings.k1 + 1) / (tf + norms[counts.indices]))
    return sp.csc_array((data, counts.indices, counts.indptr), shape=counts.shape)


def _kept_in_a_byte(lengths: Int[np.ndarray, " N"]) -> Int[np.ndarray, " N"]:
    """The lengths that Whoosh reads where it wrote these."""
    from whoosh.util.numeric import byte_to_length, length_to_byte  # of no use to Okapi

    return np.array([byte_to_length(length_to_byte(length)) for length in lengths.tolist()])
