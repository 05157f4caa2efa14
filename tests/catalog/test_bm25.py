import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rank_bm25 import BM25Okapi

from calrec.text import Item, document_words, words
from catalog.bm25 import BM25Settings, Corpus
from catalog.search import Index, write_index

WORDS = ["guitar", "GUITAR", "İstanbul", "straße", "wi-fi", "a_b", "5", "x", "éé", "字", "a", "b"]
TEXT = st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join)
DOCUMENTS = st.lists(st.tuples(TEXT, st.none() | TEXT), min_size=1, max_size=12)
QUERIES = st.lists(
    st.lists(st.sampled_from([*WORDS, "unheard"]), max_size=8).map(lambda q: words(" ".join(q))),
    min_size=1,
    max_size=4,
)


def _items(documents: list[tuple[str, str | None]]) -> list[Item]:
    return [
        Item(item_id=f"i{n:02}", title=title, category=category)
        for n, (title, category) in enumerate(documents)
    ]


def _corpus(items: list[Item], settings: BM25Settings | None = None) -> Corpus:
    with tempfile.TemporaryDirectory() as folder:
        write_index(Path(folder) / "index", items)
        index = Index(Path(folder) / "index", tuple(item.item_id for item in items))
        return index.corpus(settings)


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS, QUERIES)
def test_scores_are_those_of_rank_bm25(documents, queries):
    items = _items(documents)
    documents = [document_words(item) for item in items]
    corpus = _corpus(items)
    scores = corpus.scores(queries)
    assert scores.shape == (len(items), len(queries))
    assert scores.dtype == np.float64
    if not any(documents):
        assert not scores.any()  # rank_bm25 divides by zero here
        return
    oracle = BM25Okapi(documents)
    for column, query in enumerate(queries):
        expected = oracle.get_scores(query)
        np.testing.assert_allclose(scores[:, column], expected, rtol=0, atol=1e-10)
        for target in range(len(items)):
            # Ties are those within 1e-9, as in the evaluation.
            better = int((scores[:, column] > scores[target, column] + 1e-9).sum())
            assert better == int((expected > expected[target] + 1e-9).sum())


@settings(max_examples=30, deadline=None)
@given(DOCUMENTS, QUERIES)
def test_contributions_add_up_to_the_score(documents, queries):
    items = _items(documents)
    corpus = _corpus(items)
    scores = corpus.scores(queries)
    for item in range(len(items)):
        held = set(document_words(items[item]))
        for column, query in enumerate(queries):
            parts = corpus.contributions(query, item)
            assert set(parts) == set(query) & held
            assert sum(parts.values()) == pytest.approx(scores[item, column], abs=1e-12)


@pytest.mark.parametrize(
    "bm25", [BM25Settings(k1=0.9, b=0.4), BM25Settings(epsilon=1.0), BM25Settings(b=0.0)]
)
def test_settings_reach_the_scores(bm25):
    items = _items([("a b c", None), ("a b b", None), ("a d", None), ("a e", None)])
    documents = [document_words(item) for item in items]
    oracle = BM25Okapi(documents, k1=bm25.k1, b=bm25.b, epsilon=bm25.epsilon)
    corpus = _corpus(items, bm25)
    np.testing.assert_allclose(
        corpus.scores([["a", "b", "b"]])[:, 0], oracle.get_scores(["a", "b", "b"]), atol=1e-12
    )
    assert corpus.settings == bm25
    assert not np.allclose(corpus.scores([["a", "b"]]), _corpus(items).scores([["a", "b"]]))


def test_many_queries_score_as_each_alone():
    rng = np.random.default_rng(0)
    titles = [" ".join(rng.choice(list("abcdefghij"), 6)) for _ in range(80)]
    items = _items([(title, None) for title in titles])
    corpus = _corpus(items)
    queries = [document_words(item) for item in items]
    together = corpus.scores(queries)
    alone = np.concatenate([corpus.scores([query]) for query in queries], axis=1)
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-12)


def test_items_of_equal_text_have_exactly_equal_scores():
    titles = ["drum sticks maple", "x", "y", "z", "w", "maple drum sticks"]
    corpus = _corpus(_items([(title, None) for title in titles]))
    scores = corpus.scores([["drum", "maple", "sticks", "drum"], []])
    assert scores[0, 0] == scores[5, 0] > 0
    assert not scores[:, 1].any()


def test_no_queries_give_no_columns():
    assert _corpus(_items([("a", None)])).scores([]).shape == (1, 0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=4))
def test_the_index_holds_exactly_the_document_words(titles):
    titles = [title.encode("utf-8", "ignore").decode() for title in titles]
    items = _items([(title, None) for title in titles])
    corpus = _corpus(items)
    by_column = sorted(corpus.vocabulary, key=corpus.vocabulary.get)
    for item, row in zip(items, corpus.counts.toarray(), strict=True):
        found = [word for word, count in zip(by_column, row, strict=True) for _ in range(count)]
        assert found == sorted(document_words(item), key=lambda word: corpus.vocabulary[word])
