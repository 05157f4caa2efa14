"""Rankings without a model: what holds for each way from samples to items."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rank_bm25 import BM25Okapi

from calrec.errors import CalrecError
from calrec.ranking.algorithm import match
from calrec.ranking.corpus import ItemCorpus
from calrec.ranking.rank import rank
from calrec.ranking.rerank import rerank
from calrec.recommenders.lir import LastItemRepeater
from calrec.recommenders.markov import Markov
from calrec.records import Generation, Item, Recommendation, Sample
from calrec.records.ranks import ranks_of
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
LIR = LastItemRepeater(CORPUS, ITEMS)
ITEM_CORPUS = ItemCorpus.of(CORPUS, ITEMS, DEFAULT_TEXT)
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


def written(drawn, history=ITEMS[:2]):
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
    return Generation(
        history=history,
        prompt="",
        prompt_tokens=0,
        items_cut=0,
        samples=samples,
        settings={"seed": 7},
        seconds=1.0,
    )


def ranked(drawn, way, corpus=ITEM_CORPUS):
    generation = written(drawn)
    first = LIR.recommend(generation.history).ranking
    return rank(generation, corpus, WAYS.get(way, way), first_stage=first)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@given(drawn=SAMPLES, data=st.data())
def test_neither_the_order_drawn_nor_repeats_change_a_score(way, drawn, data):
    repeats = data.draw(st.lists(st.sampled_from(drawn), max_size=6))
    more = data.draw(st.permutations(drawn + [(text, score - 1) for text, score in repeats]))
    one, two = (ranked(samples, way) for samples in (drawn, more))
    assert one.columns == two.columns
    np.testing.assert_array_equal(one.scores, two.scores)
    np.testing.assert_array_equal(one.modulated, two.modulated)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@given(drawn=SAMPLES)
def test_the_ranking_holds_together(way, drawn):
    found = ranked(drawn, way)
    assert found.item_ids == CORPUS.item_ids
    assert found.corpus_size == len(ITEMS) == len(found.rows) == len(found.scores)
    assert found.raw.shape == found.scaled.shape == found.modulated.shape
    assert found.raw.shape == (len(ITEMS), len(found.columns))
    assert len(found.outcomes) == len(drawn)
    of_columns = {}
    for outcome, (text, score) in zip(found.outcomes, drawn, strict=True):
        assert (outcome.column is None) == bool(outcome.why_not)
        if outcome.column is not None:
            of_columns[outcome.column] = (text, score)
    columns = zip(found.columns, found.column_scores, strict=True)
    assert of_columns == dict(enumerate(columns))
    generation = written(drawn)
    whole = Recommendation(history=generation.history, generation=generation, ranking=found)
    read = Recommendation.from_json(whole.to_json())
    assert read.generation == generation
    assert read.ranking.outcomes == found.outcomes


@pytest.mark.slow
@given(drawn=SAMPLES)
def test_each_way_is_its_function_over_the_kept_texts(drawn):
    by = {way: ranked(drawn, way) for way in WAYS}
    columns, scores = by["bm25"].columns, by["bm25"].column_scores
    raw = CORPUS.scores([query_words(text) for text in columns])
    np.testing.assert_array_equal(by["bm25"].scores, match(raw, scores, WAYS["bm25"]).scores)
    first = LIR.scores([np.array([1])])[0]
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
    found = ranked([(TEXTS[0], -1.0)], "bm25", ItemCorpus.of(CORPUS, ITEMS, cut))
    np.testing.assert_array_equal(found.raw, CORPUS.scores([query_words(TEXTS[0], cut)]))
    assert (found.raw != CORPUS.scores([query_words(TEXTS[0])])).any()


@pytest.mark.parametrize("way", WAYS)
def test_settings_and_timings_say_how(way):
    generation = written([(TEXTS[0], -1.0)])
    found = Recommendation(
        history=generation.history, generation=generation, ranking=ranked([(TEXTS[0], -1.0)], way)
    )
    assert RankingSettings(**found.settings["ranking"]) == WAYS[way]
    assert found.settings["seed"] == 7
    assert found.settings["bm25"] == {"k1": 1.5}
    assert found.timings["sample"] == 1.0
    assert set(found.timings) == {"sample", "match"}
    first = {"recommender": "lir", "settings": LIR.settings} if way == "rerank" else None
    assert found.settings["first_stage"] == first


def test_a_case_file_ranked_again_is_whole():
    generation = written([(TEXTS[0], -1.0), (TEXTS[1], -2.0)])
    whole = rank(generation, ITEM_CORPUS, WAYS["bm25"])
    record = Recommendation(history=generation.history, generation=generation, ranking=whole)
    case = Recommendation.from_json(record.to_json(top=3, target=ITEMS[9].item_id))
    assert len(case.ranking.rows) == 4
    again = rank(case.generation, ITEM_CORPUS, WAYS["bm25"])
    np.testing.assert_array_equal(again.scores, whole.scores)
    assert again.ranks(ITEMS[8].item_id) == ranks_of(whole.scores, 8)


def test_without_a_first_stage_there_is_no_reranking():
    generation = written([(TEXTS[0], -1.0)])
    rank(generation, ITEM_CORPUS, WAYS["hierarchical"])
    with pytest.raises(CalrecError, match=r"expected a first stage .* found none") as caught:
        rank(generation, ITEM_CORPUS, WAYS["rerank"])
    assert "\n" not in str(caught.value)


def test_a_first_stage_over_other_items_is_refused():
    ids = list(reversed(CORPUS.item_ids))
    other = Markov(ids, [], np.zeros(len(ids), dtype=int)).recommend(ITEMS[:2]).ranking
    with pytest.raises(CalrecError, match=r"expected a first stage over .* 'markov'") as caught:
        rank(written([(TEXTS[0], -1.0)]), ITEM_CORPUS, WAYS["rerank"], first_stage=other)
    assert "\n" not in str(caught.value)
