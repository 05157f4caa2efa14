"""Records without a model: what holds for each way from samples to items."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rank_bm25 import BM25Okapi

from calrec.errors import CalrecError
from calrec.ranking.algorithm import match
from calrec.ranking.hierarchical import AttributeIndex
from calrec.ranking.rerank import rerank
from calrec.ranking.retrieval import Retrieval
from calrec.recommenders.lir import LastItemRepeater
from calrec.recommenders.markov import Markov
from calrec.records import Item
from calrec.records.ranks import ranks_of
from calrec.records.recommendation import Recommendation, Sample
from calrec.records.settings import RankingSettings
from calrec.text import DEFAULT_TEXT, TextSettings, document_words, item_text, parse, query_words


@dataclass(frozen=True)
class Okapi:
    k1: float = 1.5


class PlainCorpus:
    """The corpus protocol over rank_bm25."""

    settings = Okapi()

    def __init__(self, items):
        self.item_ids = tuple(item.item_id for item in items)
        self._okapi = BM25Okapi([document_words(item) for item in items])

    def scores(self, queries):
        columns = [self._okapi.get_scores(query) for query in queries]
        return np.array(columns).reshape(len(queries), len(self.item_ids)).T


ITEMS = tuple(
    Item(
        item_id=f"I{i}", title=f"{brand} {thing}", category=f"{thing}s", brand=brand, price=f"${i}"
    )
    for i, (brand, thing) in enumerate(
        (brand, thing)
        for brand in ("Aroma", "Bellano", "Crest")
        for thing in ("Kettle", "Grinder", "Filter", "Scale")
    )
)
CORPUS = PlainCorpus(ITEMS)
LIR = LastItemRepeater(CORPUS)
RETRIEVAL = Retrieval(
    corpus=CORPUS, attributes=AttributeIndex(ITEMS), text=DEFAULT_TEXT, first_stage=LIR
)
WAYS = {
    way: RankingSettings(n_pred=4, retrieval=way, candidates=5)
    for way in ("bm25", "hierarchical", "rerank")
}

TEXTS = [item_text(item) for item in ITEMS[:4]]
TEXTS += [
    item_text(replace(ITEMS[4], price="$77")),
    item_text(replace(ITEMS[5], brand="Other")),
    item_text(replace(ITEMS[6], category="Other")),
    item_text(replace(ITEMS[7], title="Other")),
    "Kettle, as plain words",
]
SAMPLES = st.lists(st.tuples(st.sampled_from(TEXTS), st.floats(-900, 0)), min_size=1, max_size=12)


def record(drawn, history=ITEMS[:2]):
    samples = tuple(
        Sample(
            text=text,
            token_ids=(),
            log_probs=(),
            tempered_log_probs=(),
            score=score,
            order=order,
            finished=True,
            attributes=parse(text),
        )
        for order, (text, score) in enumerate(drawn)
    )
    none = np.zeros((0, 0))
    return Recommendation(
        recommender="calrec",
        settings={"seed": 7},
        history=history,
        samples=samples,
        rows=np.arange(0),
        item_ids=(),
        raw=none,
        scaled=none,
        modulated=none,
        scores=np.zeros(0),
        corpus_size=0,
        timings={"sample": 1.0},
    )


@pytest.mark.parametrize("way", WAYS)
@given(drawn=SAMPLES, data=st.data())
def test_neither_the_order_drawn_nor_repeats_change_a_score(way, drawn, data):
    repeats = data.draw(st.lists(st.sampled_from(drawn), max_size=6))
    more = data.draw(st.permutations(drawn + [(text, score - 1) for text, score in repeats]))
    one, two = (RETRIEVAL.rank(record(samples), WAYS[way]) for samples in (drawn, more))
    assert one.columns == two.columns
    np.testing.assert_array_equal(one.scores, two.scores)
    np.testing.assert_array_equal(one.modulated, two.modulated)


@pytest.mark.parametrize("way", WAYS)
@given(drawn=SAMPLES)
def test_the_ranked_record_holds_together(way, drawn):
    ranked = RETRIEVAL.rank(record(drawn), WAYS[way])
    assert ranked.item_ids == CORPUS.item_ids
    assert ranked.corpus_size == len(ITEMS) == len(ranked.rows) == len(ranked.scores)
    assert ranked.raw.shape == ranked.scaled.shape == ranked.modulated.shape
    assert ranked.raw.shape == (len(ITEMS), len(ranked.columns))
    assert [s.text for s in ranked.samples] == [text for text, _ in drawn]
    assert {s.text for s in ranked.samples if s.kept} == set(ranked.columns)
    assert Recommendation.from_json(ranked.to_json()).samples == ranked.samples


@given(drawn=SAMPLES)
def test_each_way_is_its_function_over_the_kept_texts(drawn):
    by = {way: RETRIEVAL.rank(record(drawn), WAYS[way]) for way in WAYS}
    columns, scores = by["bm25"].columns, by["bm25"].column_scores
    raw = CORPUS.scores([query_words(text) for text in columns])
    np.testing.assert_array_equal(by["bm25"].scores, match(raw, scores, WAYS["bm25"]).scores)
    first = LIR.scores(ITEMS[1:2])[:, 0]
    expected = rerank(first, raw, scores, WAYS["rerank"]).scores
    np.testing.assert_array_equal(by["rerank"].scores, expected)
    # Of the texts above the first four are items, the next three match on 3, 2 and 1 attributes.
    levels = [4, 4, 4, 4, 3, 2, 1]
    matched = {TEXTS[i]: (i, level) for i, level in enumerate(levels)}
    for column, text in enumerate(columns):
        level = np.zeros(len(ITEMS))
        if text in matched:
            level[matched[text][0]] = matched[text][1]
        np.testing.assert_array_equal(by["hierarchical"].raw[:, column], level)


def test_texts_are_cut_as_items_are_before_they_are_matched():
    cut = TextSettings(title_words=1)
    retrieval = replace(RETRIEVAL, attributes=AttributeIndex(ITEMS, cut), text=cut)
    ranked = retrieval.rank(record([(TEXTS[0], -1.0)]), WAYS["bm25"])
    np.testing.assert_array_equal(ranked.raw, CORPUS.scores([query_words(TEXTS[0], cut)]))
    assert (ranked.raw != CORPUS.scores([query_words(TEXTS[0])])).any()


@pytest.mark.parametrize("way", WAYS)
def test_settings_and_timings_say_how(way):
    ranked = RETRIEVAL.rank(record([(TEXTS[0], -1.0)]), WAYS[way])
    assert RankingSettings(**ranked.settings["ranking"]) == WAYS[way]
    assert ranked.settings["seed"] == 7
    assert ranked.settings["bm25"] == {"k1": 1.5}
    assert set(ranked.timings) == {"sample", "match"}
    first = {"recommender": "lir", "settings": LIR.settings} if way == "rerank" else None
    assert ranked.settings["first_stage"] == first


def test_ranking_again_takes_everything_anew():
    drawn = [(text, -float(i)) for i, text in enumerate(TEXTS)]
    for one in WAYS.values():
        for two in WAYS.values():
            again = RETRIEVAL.rank(RETRIEVAL.rank(record(drawn), replace(one, n_pred=2)), two)
            direct = RETRIEVAL.rank(record(drawn), two)
            np.testing.assert_array_equal(again.modulated, direct.modulated)
            assert (again.samples, again.settings) == (direct.samples, direct.settings)


def test_a_case_file_ranked_again_is_whole():
    whole = RETRIEVAL.rank(record([(TEXTS[0], -1.0), (TEXTS[1], -2.0)]), WAYS["bm25"])
    case = Recommendation.from_json(whole.to_json(top=3, target=ITEMS[9].item_id))
    assert len(case.rows) == 4
    again = RETRIEVAL.rank(case, WAYS["bm25"])
    np.testing.assert_array_equal(again.scores, whole.scores)
    assert again.ranks(ITEMS[8].item_id) == ranks_of(whole.scores, 8)
    assert again.target == ITEMS[9].item_id


def test_without_a_first_stage_there_is_no_reranking():
    bare = replace(RETRIEVAL, first_stage=None)
    bare.rank(record([(TEXTS[0], -1.0)]), WAYS["hierarchical"])
    with pytest.raises(CalrecError, match=r"expected a first stage .* found none") as caught:
        bare.rank(record([(TEXTS[0], -1.0)]), WAYS["rerank"])
    assert "\n" not in str(caught.value)


def test_a_first_stage_over_other_items_is_refused():
    ids = list(reversed(CORPUS.item_ids))
    other = replace(RETRIEVAL, first_stage=Markov(ids, [], np.zeros(len(ids))))
    with pytest.raises(CalrecError, match=r"expected a first stage over .* 'markov'") as caught:
        other.rank(record([(TEXTS[0], -1.0)]), WAYS["rerank"])
    assert "\n" not in str(caught.value)
