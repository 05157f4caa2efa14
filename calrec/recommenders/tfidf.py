"""Texts of items as vectors of words, and how alike they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy import sparse


def tfidf(documents: Sequence[Sequence[str]]) -> sparse.csr_array:
    """Each of N documents as a vector of length 1 over the V words that there are.

    A word weighs (1 + ln tf) * (1 + ln((1 + N) / (1 + df))), as with scikit-learn's sublinear tf
    and smooth idf: tf is how often it stands in the document, df in how many documents.

    Args:
      documents: their words, repeats kept.

    Returns:
      N x V, float64; a document without words is a row of zeros.
    """
    counted = [Counter(words) for words in documents]
    place: dict[str, int] = {}
    columns = [place.setdefault(word, len(place)) for words in counted for word in words]
    tf = np.array([count for words in counted for count in words.values()], dtype=np.float64)
    df = np.bincount(np.array(columns, dtype=np.int64), minlength=len(place))
    weights = (1 + np.log(tf)) * (1 + np.log((1 + len(documents)) / (1 + df)))[columns]
    offsets = np.cumsum([0, *map(len, counted)])
    found = sparse.csr_array((weights, columns, offsets), shape=(len(documents), len(place)))
    length = np.sqrt(found.multiply(found).sum(axis=1))
    # No row adds up words in an order of its own: equal words in equal order have equal bits.
    found.data /= np.repeat(length, np.diff(offsets))
    return found


def alike(texts: sparse.csr_array, queries: sparse.csr_array) -> Float[np.ndarray, "Q N"]:
    """Sums of cosines of each of N texts with those that each of Q queries weighs.

    Args:
      texts: N x V, as `tfidf` gives them.
      queries: Q x N, how much each text weighs in each query.

    Returns:
      a row a query, the same whatever the other queries are.
    """
    wanted = np.ascontiguousarray((queries @ texts).toarray().T)
    return np.ascontiguousarray((texts @ wanted).T)
