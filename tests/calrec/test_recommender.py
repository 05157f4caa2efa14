import dataclasses

import numpy as np
import pytest
from rank_bm25 import BM25Okapi
from tiny import ITEMS
from tiny_shop import PlainCorpus, tiny_recommender

from calrec.errors import CalrecError
from calrec.generation.model import Progress
from calrec.recommenders.calrec import CALRec
from calrec.recommenders.lir import LastItemRepeater
from calrec.records import Recommendation
from calrec.records.settings import RankingSettings
from calrec.text import TextSettings, document_words, item_text, prompt_text, query_words


@pytest.fixture(scope="module")
def calrec():
    return tiny_recommender()


def test_the_record_holds_together(calrec):
    """Every step redone from the record's own samples by the method's text."""
    record = calrec.recommend(ITEMS[:4], seed=3)
    assert record.recommender == "calrec"
    assert len(record.samples) == 6
    assert record.settings["seed"] == 3
    assert record.generation.prompt_tokens <= 60
    assert record.generation.items_cut > 0
    for sample in record.samples:
        assert sample.score == pytest.approx(sum(sample.log_probs))
        assert len(sample.token_ids) == len(sample.log_probs) == len(sample.tempered_log_probs)
    best = sorted(record.samples, key=lambda s: -s.score)
    distinct = list({" ".join(s.text.split()): s for s in reversed(best)}.values())
    columns = [s.text for s in sorted(distinct, key=lambda s: -s.score)[:3]]
    assert list(record.ranking.columns) == columns
    outcomes = enumerate(record.ranking.outcomes)
    by_column = sorted((o.column, i) for i, o in outcomes if o.column is not None)
    kept = [i for _, i in by_column]
    assert [record.samples[i].text for i in kept] == columns
    for column, text in enumerate(columns):
        raw = BM25Okapi([document_words(i) for i in ITEMS]).get_scores(query_words(text))
        np.testing.assert_allclose(record.ranking.raw[:, column], raw)
        spread = raw.max() - raw.min()
        scaled = (raw - raw.min()) / spread if spread else raw * 0
        factor = np.exp(record.ranking.column_scores[column] / 5000)
        np.testing.assert_allclose(record.ranking.modulated[:, column], scaled * factor)
    np.testing.assert_allclose(record.ranking.scores, record.ranking.modulated.max(axis=1))


def test_same_seed_same_record_other_seed_other_samples(calrec):
    one, two = (calrec.recommend(ITEMS[:2], seed=1) for _ in range(2))
    other = calrec.recommend(ITEMS[:2], seed=2)
    assert one.samples == two.samples
    assert one.samples != other.samples


def test_the_stream_shows_progress_then_the_record(calrec):
    *steps, record = calrec.stream(ITEMS[:2], samples=2, temperature=0.9)
    assert [type(s) for s in steps] == [Progress] * len(steps)
    assert [s.step for s in steps] == sorted({s.step for s in steps})
    assert isinstance(record, Recommendation)
    assert record.settings["sampling"]["temperature"] == 0.9
    assert [s.text for s in steps[-1].samples] == [s.text for s in record.samples]


@pytest.mark.parametrize(
    ("history", "settings", "message"),
    [
        ((), {}, "at least one item"),
        (ITEMS[:1], {"temperature": -1.0}, "temperature"),
        (ITEMS[:1], {"samples": 0}, "samples"),
    ],
)
def test_bad_input_is_one_line(calrec, history, settings, message):
    with pytest.raises(CalrecError, match=message):
        calrec.recommend(history, **settings)


def test_a_corpus_of_other_items_is_refused(calrec):
    with pytest.raises(CalrecError, match=f"expected the corpus's {len(ITEMS)} items, found 3"):
        CALRec.over(calrec.model, PlainCorpus(ITEMS), ITEMS[:3])
    record = calrec.recommend(ITEMS[:2])
    with pytest.raises(CalrecError, match="BM25 of the same"):
        calrec.rank(record.generation, corpus=PlainCorpus(ITEMS[:3]))


@pytest.mark.parametrize("way", ["bm25", "hierarchical", "rerank", "exact"])
def test_ranking_again_gives_what_sampling_with_the_settings_would(calrec, way):
    corpus = PlainCorpus(ITEMS)
    first = LastItemRepeater(corpus, ITEMS)
    model = CALRec.over(calrec.model, corpus, ITEMS, first_stage=first)
    ranking = RankingSettings(n_pred=2, retrieval=way, candidates=4, pooling="mean")
    record = model.recommend(ITEMS[:2], seed=1)
    assert record.settings["ranking"]["n_pred"] == 3
    again = model.rank(record.generation, ranking)
    direct = model.recommend(ITEMS[:2], seed=1, ranking=ranking)
    assert (again.samples, again.settings) == (direct.samples, direct.settings)
    assert again.settings["ranking"]["retrieval"] == way
    assert len(again.ranking.columns) == 2
    np.testing.assert_array_equal(again.ranking.modulated, direct.ranking.modulated)
    np.testing.assert_array_equal(again.ranking.scores, direct.ranking.scores)
    assert again.generation.prompt == record.generation.prompt
    assert again.timings["sample"] == record.timings["sample"]


def test_reranking_without_a_first_stage_is_refused_before_anything_is_sampled(calrec):
    stream = calrec.stream(ITEMS[:2], ranking=RankingSettings(retrieval="rerank"))
    with pytest.raises(CalrecError, match=r"expected a first stage .* give one as first_stage"):
        next(stream)


def test_a_generation_without_samples_cannot_be_ranked(calrec):
    generation = dataclasses.replace(calrec.recommend(ITEMS[:2]).generation, samples=())
    with pytest.raises(CalrecError, match="generation with samples"):
        calrec.rank(generation)


@pytest.mark.slow
def test_many_users_are_recommended_to_as_each_alone(calrec):
    histories = [ITEMS[:3], ITEMS[4:5], ITEMS[2:9], ITEMS[6:8]]
    found = dict(calrec.recommend_many(histories, [4, 5, 6, 7], width=3))
    assert sorted(found) == [0, 1, 2, 3]
    for user, (history, seed) in enumerate(zip(histories, [4, 5, 6, 7], strict=True)):
        alone = calrec.recommend(history, seed=seed)
        assert [s.token_ids for s in found[user].samples] == [s.token_ids for s in alone.samples]
        np.testing.assert_array_equal(found[user].ranking.raw, alone.ranking.raw)
        np.testing.assert_allclose(found[user].ranking.scores, alone.ranking.scores, rtol=1e-9)
        assert found[user].settings == alone.settings
        assert found[user].history == alone.history
        assert set(found[user].timings) == {"sample", "match"}


@pytest.mark.slow
def test_the_record_tells_what_else_might_have_been_written(calrec):
    record = calrec.recommend(ITEMS[:2], alternatives=3)
    for sample in record.samples:
        assert len(sample.token_texts) == len(sample.token_ids) == len(sample.alternatives)
        assert sample.text == "".join(sample.token_texts).removesuffix("<eos>") or (
            "\ufffd" in "".join(sample.token_texts)
        )
        for log_prob, token, among in zip(
            sample.log_probs, sample.token_ids, sample.alternatives, strict=True
        ):
            values = [one.log_prob for one in among]
            assert len(among) == 3
            assert values == sorted(values, reverse=True)
            assert values[0] >= log_prob - 1e-5
            assert all(
                one.log_prob == pytest.approx(log_prob, abs=1e-5)
                for one in among
                if one.token_id == token
            )
    assert Recommendation.from_json(record.to_json()).samples == record.samples
    assert all(sample.alternatives == () for sample in calrec.recommend(ITEMS[:2]).samples)


def test_it_embeds_as_it_reads(calrec):
    vectors = calrec.model.embedder().items(ITEMS)
    assert vectors.shape == (len(ITEMS), 24)
    assert np.isfinite(vectors).all()


@pytest.fixture(scope="module")
def roomy(calrec):
    """A model with room for a template that its tokenizer does not know."""
    described = dataclasses.replace(calrec.model.description, max_prompt_tokens=200)
    return dataclasses.replace(calrec.model, description=described)


@pytest.mark.slow
def test_another_template_changes_the_prompt_and_nothing_else(roomy):
    calrec = CALRec.over(roomy, PlainCorpus(ITEMS), ITEMS)
    other = calrec.with_template("gpt4rec")
    record, usual = (model.recommend(ITEMS[:1], seed=3) for model in (other, calrec))
    assert record.generation.prompt == prompt_text(ITEMS[:1], TextSettings(template="gpt4rec"))
    assert record.generation.prompt.startswith("Previously, the customer has bought: Title: ")
    assert usual.generation.prompt == prompt_text(ITEMS[:1])
    assert record.settings["text"] == {**usual.settings["text"], "template": "gpt4rec"}
    assert {**record.settings, "text": None} == {**usual.settings, "text": None}
    assert other.model.description == calrec.model.description
    assert record.samples != usual.samples
    assert calrec.settings["text"]["template"] == "calrec"

    back = other.with_template("calrec").recommend(ITEMS[:1], seed=3)
    assert (back.generation.prompt, back.samples) == (usual.generation.prompt, usual.samples)
    vectors = [one.model.embedder().histories([ITEMS[:2]]) for one in (calrec, other)]
    assert not np.allclose(*vectors)


def test_template_and_corpus_in_either_order(roomy):
    corpus = PlainCorpus(ITEMS)
    given = {"first_stage": LastItemRepeater(corpus, ITEMS)}
    models = (
        CALRec.over(roomy.with_template("gpt4rec"), corpus, ITEMS, **given),
        CALRec.over(roomy, corpus, ITEMS, **given).with_template("gpt4rec"),
    )
    ranking = RankingSettings(n_pred=3, retrieval="rerank", candidates=4)
    one, two = (model.recommend(ITEMS[:1], seed=3, ranking=ranking) for model in models)
    assert one.generation.prompt == two.generation.prompt
    assert one.settings == two.settings
    assert one.settings["text"]["template"] == "gpt4rec"
    assert one.samples == two.samples
    np.testing.assert_array_equal(one.ranking.scores, two.ranking.scores)


def test_an_unknown_template_is_one_line(calrec):
    with pytest.raises(CalrecError, match=r"^expected a template of calrec, gpt4rec, found 'gpt5'"):
        calrec.with_template("gpt5")


def test_likelihoods_of_items_after_a_history(calrec):
    """Each item's tokens as a target's in training; alone an item has the same as among others."""
    model, history = calrec.model, ITEMS[:3]
    found = model.likelihoods(history, ITEMS)
    for item, text in enumerate(map(item_text, ITEMS)):
        ids = model.tokenizer.encode([text])[0][:11]
        assert found.tokens(item).tolist() == [*ids, model.tokenizer.end_id]
    again = model.likelihoods(history, model.trie([ITEMS[5]]))
    assert again.totals[0] == pytest.approx(found.totals[5], abs=1e-4)
    with pytest.raises(CalrecError, match="at least one item"):
        model.likelihoods(history, [])
