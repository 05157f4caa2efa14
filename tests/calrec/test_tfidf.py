"""Vectors of words against plain sums, and what is counted of histories."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from calrec.recommenders.counts import decayed, from_end, transitions
from calrec.recommenders.tfidf import alike, tfidf

DOCUMENTS = st.lists(st.lists(st.sampled_from("abcde"), max_size=6), min_size=1, max_size=6)


def plain(documents):
    """A weight a word and document, by loops."""
    found = []
    for words in documents:
        weights = {}
        for word in set(words):
            df = sum(word in other for other in documents)
            idf = math.log((1 + len(documents)) / (1 + df)) + 1
            weights[word] = (1 + math.log(words.count(word))) * idf
        length = math.sqrt(sum(weight**2 for weight in weights.values()))
        found.append({word: weight / length for word, weight in weights.items()})
    return found


@given(DOCUMENTS)
def test_cosines_are_those_of_plain_sums(documents):
    vectors = plain(documents)
    expected = [[sum(a.get(w, 0) * b[w] for w in b) for b in vectors] for a in vectors]
    texts = tfidf(documents)
    found = alike(texts, sparse.eye_array(len(documents), format="csr"))
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_items_of_equal_words_are_equally_like_any_other_to_the_bit():
    generator = np.random.default_rng(0)
    documents = [list(generator.choice(list("abcdefgh"), 5)) for _ in range(20)]
    documents[7] = documents[3]
    found = alike(tfidf(documents), sparse.eye_array(20, format="csr"))
    np.testing.assert_array_equal(found[:, 7], found[:, 3])


HISTORIES = st.lists(st.lists(st.integers(0, 3), max_size=6), max_size=5)


@given(HISTORIES, st.integers(1, 3))
def test_counts_are_those_of_loops(histories, gap):
    expected = np.zeros((5, 4))
    for history in histories:
        for before, after in zip(history, history[gap:], strict=False):
            expected[before, after] += 1
    arrays = [np.array(history, dtype=np.int32) for history in histories]
    found = transitions(arrays, 4, gap=gap)
    np.testing.assert_array_equal(found.toarray(), expected)
    last = [history[-gap] if len(history) >= gap else 4 for history in histories]
    assert from_end(arrays, gap, 4).tolist() == last
    weights = np.zeros((len(histories), 4))
    for row, history in zip(weights, histories, strict=True):
        for place, item in enumerate(history[::-1][:gap]):
            row[item] += 0.5**place
    found = decayed(arrays, 4, last=gap, decay=0.5)
    np.testing.assert_allclose(found.toarray(), weights)
