import importlib.util
import math
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from rank_bm25 import BM25Okapi
from whoosh.query import Or, Term

from calrec.records import Item
from calrec.text import document_words
from calrec.text.words import words
from catalog.bm25 import BM25Settings, Corpus
from catalog.index import FIELDS, Index, write_index
from catalog.index.segments import open_index

WORDS = ["guitar", "GUITAR", "İstanbul", "straße", "wi-fi", "a_b", "5", "x", "éé", "字", "a", "b"]
TEXT = st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join)
DOCUMENTS = st.lists(st.tuples(TEXT, st.none() | TEXT), min_size=1, max_size=12)
QUERIES = st.lists(
    st.lists(st.sampled_from([*WORDS, "unheard"]), max_size=8).map(lambda q: words(" ".join(q))),
    min_size=1,
    max_size=4,
)
BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "bm25.py"


def _items(documents: list[tuple[str, str | None]]) -> list[Item]:
    return [
        Item(item_id=f"i{n:02}", title=title, category=category)
        for n, (title, category) in enumerate(documents)
    ]


def _corpus(items: list[Item], settings: BM25Settings | None = None) -> Corpus:
    """A corpus made without an index."""
    documents = [Counter(document_words(item)) for item in items]
    vocabulary = sorted(set().union(*documents))
    dense = [[document[word] for word in vocabulary] for document in documents]
    counts = sp.csc_array(np.array(dense, np.int32).reshape(len(items), len(vocabulary)))
    return Corpus(tuple(item.item_id for item in items), vocabulary, counts, settings)


def _okapi(documents: list[list[str]], query: list[str], k1=1.5, b=0.75, epsilon=0.25) -> list:
    """Okapi BM25 as the paper's formula reads, one document and one word at a time."""
    held = Counter(word for document in documents for word in set(document))
    mean = sum(len(document) for document in documents) / len(documents)

    def plain_idf(word: str) -> float:
        return math.log((len(documents) - held[word] + 0.5) / (held[word] + 0.5))

    floor = epsilon * sum(map(plain_idf, held)) / max(len(held), 1)
    scores = []
    for document in documents:
        score = 0.0
        for word in query:
            if (tf := document.count(word)) == 0:
                continue
            idf = plain_idf(word) if plain_idf(word) >= 0 else floor
            score += idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * len(document) / mean))
        scores.append(score)
    return scores


@pytest.mark.slow
@settings(max_examples=150)
@given(DOCUMENTS, QUERIES, st.sampled_from([{}, {"k1": 0.9, "b": 0.4}, {"epsilon": 1.0}]))
def test_scores_are_those_of_an_independent_okapi(documents, queries, parameters):
    items = _items(documents)
    scores = _corpus(items, BM25Settings(**parameters)).scores(queries)
    documents = [document_words(item) for item in items]
    for column, query in enumerate(queries):
        expected = _okapi(documents, query, **parameters)
        np.testing.assert_allclose(scores[:, column], expected, rtol=0, atol=1e-10)


WHOOSH = BM25Settings(formula="whoosh", k1=1.2, b=0.75)


@pytest.mark.slow
@pytest.mark.parametrize("segment_items", [25_000, 9])
@pytest.mark.parametrize("fields", [*[(field,) for field in FIELDS], FIELDS])
def test_whooshs_formula_gives_the_scores_of_whooshs_searcher(tmp_path, fields, segment_items):
    rng = np.random.default_rng(0)
    # One word in all items, and rare ones.
    vocabulary, odds = [f"w{number}" for number in range(40)], np.arange(1, 41) ** -0.5
    texts = [
        # Long ones too: Whoosh squeezes lengths above 10 into one byte.
        {
            name: " ".join(["w0", *rng.choice(vocabulary, rng.integers(0, 16), p=odds / sum(odds))])
            for name in FIELDS
        }
        for _ in range(40)
    ]
    items = [Item(item_id=str(number), **text) for number, text in enumerate(texts)]
    write_index(tmp_path / "index", items, "it", workers=1, segment_items=segment_items)
    index = Index(tmp_path / "index", len(items), "it")
    ids = tuple(item.item_id for item in items)
    corpora = [Corpus(ids, index.words, index.counts[field], WHOOSH) for field in fields]
    queries = [["w0"], *(list(rng.choice(vocabulary, 8, replace=False)) for _ in range(20))]
    ours = sum(corpus.scores(queries) for corpus in corpora)

    with open_index(tmp_path / "index").searcher() as searcher:
        for column, query in enumerate(queries):
            terms = [Term(field, word) for field in fields for word in query]
            scores = np.zeros(len(items))
            for hit in searcher.search(Or(terms), limit=None):
                scores[hit.docnum] = hit.score
            assert np.count_nonzero(scores)
            np.testing.assert_allclose(ours[:, column], scores, rtol=0, atol=1e-9)


def test_whooshs_formula_follows_its_settings():
    items = _items([("a b c", None), ("a b b", None), ("a d", None), ("a e", None)])
    made = BM25Settings(formula="whoosh", k1=0.9, b=0.4)
    score = _corpus(items, made).scores([["b"]])[1, 0]
    idf = math.log(4 / 3) + 1
    assert score == pytest.approx(idf * 2 * 1.9 / (2 + 0.9 * (0.6 + 0.4 * 3 / 2.5)), abs=1e-12)


def test_whooshs_formula_takes_no_epsilon():
    items = _items([("a b", None), ("a c", None), ("a d", None)])
    one, other = (BM25Settings(formula="whoosh", epsilon=epsilon) for epsilon in (0.25, 9.0))
    scores = _corpus(items, one).scores([["a"]])
    assert (scores > 0).all()
    np.testing.assert_array_equal(scores, _corpus(items, other).scores([["a"]]))


def test_another_formula_is_refused():
    with pytest.raises(ValueError, match=r"one of \['okapi', 'whoosh'\], found 'Okapi'"):
        BM25Settings(formula="Okapi")


@settings(max_examples=60)
@given(st.data())
def test_a_score_is_a_sum_of_impact_columns_in_any_order_and_number(data):
    # First and last column, neighbours, empty columns and repeats: what the kernel's pointers
    # must describe.
    size = st.integers(1, 6)
    n_items, n_words = data.draw(size), data.draw(size)
    filled = st.lists(st.integers(0, 3), min_size=n_items * n_words, max_size=n_items * n_words)
    counts = np.array(data.draw(filled), np.int32).reshape(n_items, n_words)
    vocabulary = [f"w{number}" for number in range(n_words)]
    corpus = Corpus(tuple("abcdef"[:n_items]), vocabulary, sp.csc_array(counts))
    query = data.draw(st.lists(st.integers(0, n_words - 1), max_size=60))
    scores = corpus.scores([[vocabulary[column] for column in query]])
    expected = corpus.impacts.toarray()[:, query].sum(axis=1)
    np.testing.assert_allclose(scores[:, 0], expected, rtol=0, atol=1e-12)


@pytest.mark.slow
@settings(max_examples=60)
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


@settings(max_examples=30)
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


def test_many_queries_score_as_each_alone_to_the_bit():
    rng = np.random.default_rng(0)
    titles = [" ".join(rng.choice(list("abcdefghij"), rng.integers(0, 7))) for _ in range(80)]
    items = _items([(title, None) for title in titles])
    corpus = _corpus(items)
    queries = [document_words(item) for item in items]
    together = corpus.scores(queries)
    for column, query in enumerate(queries):
        np.testing.assert_array_equal(together[:, [column]], corpus.scores([query]))
    np.testing.assert_array_equal(together[:, ::-1], corpus.scores(queries[::-1]))
    assert together.flags.f_contiguous


def test_items_of_equal_text_have_exactly_equal_scores():
    rng = np.random.default_rng(0)
    spread = [["drum", "maple", "sticks", "drum", "a", "b", "c"] for _ in range(9)]
    titles = [" ".join(rng.permutation(title)) for title in spread]
    others = [" ".join(rng.choice(list("abcdefgh"), 5)) for _ in range(30)]
    corpus = _corpus(_items([(title, None) for title in [*titles, *others]]))
    scores = corpus.scores([["drum", "maple", "c", "sticks", "drum", "a", "b"], []])
    assert len(set(scores[:9, 0])) == 1
    assert scores[0, 0] > 0
    assert not scores[:, 1].any()


def test_a_repeated_word_counts_again():
    corpus = _corpus(_items([("a b", None), ("b c", None), ("c d", None), ("d e", None)]))
    once, thrice = corpus.scores([["a"], ["a", "a", "a"]]).T
    assert once[0] > 0
    np.testing.assert_allclose(thrice, 3 * once, rtol=1e-15)


def test_a_word_of_all_documents_counts_a_share_of_the_mean_idf():
    items = _items([("a b", None), ("a c", None), ("a d", None)])
    rare, common = math.log(2.5 / 1.5), math.log(0.5 / 3.5)
    expected = 0.25 * (3 * rare + common) / 4
    assert common < 0
    np.testing.assert_allclose(_corpus(items).scores([["a"]])[:, 0], [expected] * 3, rtol=1e-12)


def test_no_queries_no_words_and_unknown_words_score_nothing():
    corpus = _corpus(_items([("a", None), ("b", None), ("c", None)]))
    assert corpus.scores([]).shape == (3, 0)
    assert not corpus.scores([[], ["unheard"], ["unheard", "of"]]).any()
    np.testing.assert_array_equal(*corpus.scores([["a"], ["unheard", "a"]]).T)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_items_without_words_score_nothing(tmp_path, count):
    write_index(tmp_path / "index", _items([("...", None)] * count), "it")
    corpus = Index(tmp_path / "index", count, "it").corpus([str(n) for n in range(count)])
    scores = corpus.scores([["a"], []])
    assert scores.shape == (count, 2)
    assert not scores.any()


def test_one_item():
    corpus = _corpus(_items([("a b", None)]))
    expected = _okapi([["a", "b"]], ["a", "a"])
    np.testing.assert_allclose(corpus.scores([["a", "a"]])[:, 0], expected, rtol=0, atol=1e-12)


def test_an_index_gives_the_corpus_of_its_items(tmp_path):
    rng = np.random.default_rng(1)
    titles = [" ".join(rng.choice(WORDS, rng.integers(0, 30))) for _ in range(20)]
    items = _items([(title, title[:9]) for title in titles])
    write_index(tmp_path / "index", items, "it", workers=1, segment_items=6)
    index = Index(tmp_path / "index", len(items), "it")
    made = BM25Settings(k1=2.0)
    ids = [item.item_id for item in items]
    queries = [document_words(item) for item in items]
    np.testing.assert_array_equal(index.corpus(ids).scores(queries), _corpus(items).scores(queries))
    other = index.corpus(ids, made)
    assert (other.settings, other.item_ids) == (made, tuple(ids))
    np.testing.assert_array_equal(other.scores(queries), _corpus(items, made).scores(queries))


@pytest.mark.slow
def test_the_benchmark_runs():
    ran = subprocess.run(
        [sys.executable, BENCHMARK, "--documents", "60", "--queries", "12", "--repeats", "1"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert "identical ranks to rank_bm25: yes" in ran.stdout
    assert "ours, one by one" in ran.stdout
    missing = [tool for tool in ("bm25s", "numba") if importlib.util.find_spec(tool) is None]
    assert (f"left out, not installed: {', '.join(missing)}\n" in ran.stdout) == bool(missing)
    assert ("bm25s numba float32, batches of 32" in ran.stdout) == (not missing)
