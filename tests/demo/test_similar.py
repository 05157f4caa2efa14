"""Items like an item, against plain sums."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calrec.text import document_words
from demo.inspect.similar import by_vector, by_words

whole_vectors = st.integers(2, 8).flatmap(
    lambda n: st.lists(st.lists(st.integers(-3, 3), min_size=3, max_size=3), min_size=n, max_size=n)
)


def cosine(a, b) -> float:
    length = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / length if length else 0.0


@pytest.mark.slow
@given(rows=whole_vectors, limit=st.integers(1, 10))
def test_by_vector_orders_by_cosine_and_leaves_the_item_out(rows, limit):
    found = by_vector(np.array(rows, np.float32), 0, limit=limit)
    assert len(found) == min(limit, len(rows) - 1)
    assert 0 not in {one.item for one in found}
    expected = sorted((cosine(rows[0], row) for row in rows[1:]), reverse=True)
    assert [one.score for one in found] == pytest.approx(expected[: len(found)], abs=1e-5)
    for one in found:
        assert one.score == pytest.approx(cosine(rows[0], rows[one.item]), abs=1e-5)


def test_a_copy_of_the_item_is_the_most_alike():
    vectors = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    vectors[7] = 3 * vectors[2]
    best = by_vector(vectors, 2, limit=1)
    assert best[0].item == 7
    assert best[0].score == pytest.approx(1, abs=1e-6)


def test_by_words_are_the_scores_of_the_items_own_words(application):
    catalogue = application.shop("lamps").catalogue
    corpus = catalogue.corpus()
    for index in (0, 3, 17):
        item = catalogue.items[index]
        scores = corpus.scores([document_words(item)])[:, 0]
        found = by_words(corpus, item, index, limit=5)
        assert index not in {one.item for one in found}
        others = sorted((s for i, s in enumerate(scores) if i != index and s > 0), reverse=True)
        assert [one.score for one in found] == others[:5]
        assert all(one.score == scores[one.item] for one in found)


def test_items_without_a_common_word_are_not_similar(application):
    catalogue = application.shop("tools").catalogue
    corpus = catalogue.corpus()
    item = application.shop("lamps").catalogue.items[5].__class__(item_id="x", title="zzz qqq")
    assert by_words(corpus, item, 0) == ()
