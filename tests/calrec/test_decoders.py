"""The decoders over a shop's item texts, as the recommender uses them."""

import dataclasses
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from tiny import ITEMS
from tiny_shop import tiny_recommender

from calrec.errors import CalrecError
from calrec.generation.trie import likelihood
from calrec.recommenders.lir import LastItemRepeater
from calrec.records import Recommendation
from calrec.records.decoders import DECODERS, described
from calrec.records.settings import Decoder, RankingSettings
from calrec.text import item_text

TWIN = dataclasses.replace(ITEMS[4], item_id="twin")
SHOP = (*ITEMS, TWIN)
HISTORY = ITEMS[:2]


@pytest.fixture(scope="module")
def calrec():
    return tiny_recommender(SHOP, max_new_tokens=40)


@pytest.fixture(scope="module")
def exact(calrec):
    """The log-probability of each item's text; `test_likelihood` has the brute force."""
    return calrec.model.likelihoods(HISTORY, SHOP).totals


def texts_of(record):
    return [sample.text for sample in record.samples]


@pytest.mark.parametrize("decoder", ["trie-beam", "likelihood"])
def test_the_most_probable_items_first_ties_where_texts_are_equal(calrec, exact, decoder):
    record = calrec.with_decoder(decoder).recommend(HISTORY, samples=5)
    distinct = sorted(
        {item_text(i): t for i, t in zip(SHOP, exact, strict=True)}.items(), key=lambda e: -e[1]
    )
    assert texts_of(record) == [text for text, _ in distinct[:5]]
    np.testing.assert_allclose(
        [s.score for s in record.samples], [t for _, t in distinct[:5]], atol=1e-4
    )
    for sample in record.samples:
        assert sample.score == pytest.approx(sum(sample.log_probs))
        assert len(sample.log_probs) == len(sample.token_ids) == len(sample.token_texts)
        assert sample.token_ids[-1] == calrec.model.tokenizer.end_id
        assert "".join(sample.token_texts[:-1]) == sample.text
    found = {text for text, _ in distinct[:5]}
    for row, item in enumerate(SHOP):
        above = sum(t > exact[row] + 1e-6 for t in exact)
        ties = sum(item_text(other) == item_text(item) for other in SHOP)
        ranked = sum(item_text(other) in found for other in SHOP)
        ranks = (above + 1, above + ties) if item_text(item) in found else (ranked + 1, len(SHOP))
        assert record.ranking.ranks(item.item_id) == ranks


def test_all_likelihoods_rank_all_items(calrec, exact):
    record = calrec.with_decoder("likelihood").recommend(HISTORY)
    np.testing.assert_allclose(record.ranking.scores, exact, atol=1e-4)
    assert record.parts["decoding"]["exact"]
    least, most = record.parts["decoding"]["outside"]
    distinct = {item_text(i): t for i, t in zip(SHOP, exact, strict=True)}
    assert least == pytest.approx(1 - np.exp(list(distinct.values())).sum(), abs=1e-5)
    assert most == pytest.approx(least, abs=1e-9)


def test_it_tells_how_far_it_is_and_can_be_left(calrec, exact, monkeypatch):
    monkeypatch.setattr(likelihood, "TOKENS", 16)
    *steps, record = calrec.with_decoder("likelihood").stream(HISTORY)
    assert len(steps) > 2
    assert [step.tokens_read for step in steps] == sorted({step.tokens_read for step in steps})
    assert steps[-1].found == steps[-1].wanted == len({item_text(item) for item in SHOP})
    np.testing.assert_allclose(record.ranking.scores, exact, atol=1e-4)
    for decoder in ("trie-beam", "trie-sample"):
        left = calrec.with_decoder(decoder).stream(HISTORY, samples=5)
        assert next(left).wanted == 5
        left.close()


def test_another_template_has_the_same_trie(calrec):
    assert calrec.with_template("gpt4rec").texts.trie is calrec.texts.trie


def test_help_and_document_say_the_same_of_each():
    assert set(DECODERS) == set(get_args(Decoder))
    document = (Path(__file__).parents[2] / "docs/method.md").read_text(encoding="utf-8")
    for one in DECODERS.values():
        assert f"| `{one.id}` | {one.label} | {one.sentence} |" in document
        assert f"{one.id}: {one.sentence}" in described()


def test_the_record_can_be_kept_shown_and_ranked_otherwise(calrec):
    record = calrec.with_decoder("trie-beam").recommend(HISTORY, samples=4)
    ranking = record.ranking
    assert len(ranking.columns) == 3  # n_pred of the checkpoint
    for column, text in enumerate(ranking.columns):
        own = np.array([item_text(item) == text for item in SHOP])
        np.testing.assert_array_equal(ranking.raw[:, column], own)
        np.testing.assert_allclose(
            ranking.scaled[:, column], own * np.exp(ranking.column_scores[column])
        )
        assert all(ranking.winner(row) == column for row in np.flatnonzero(own))
    back = Recommendation.from_json(record.to_json())
    assert (back.samples, back.settings, back.parts) == (
        record.samples,
        record.settings,
        record.parts,
    )
    words = calrec.rank(record.generation, RankingSettings())
    assert words.settings["decoder"] == "trie-beam"
    assert words.ranking.raw.max() > 1, "BM25 of the same texts"


@pytest.mark.parametrize("decoder", ["trie-sample", "trie-unique"])
def test_draws_are_items_and_a_seed_gives_them_again(calrec, exact, decoder):
    one, again, other = (
        calrec.with_decoder(decoder).recommend(HISTORY, seed=seed, samples=8, temperature=1.5)
        for seed in (1, 1, 2)
    )
    assert one.samples == again.samples != other.samples
    totals = {item_text(i): t for i, t in zip(SHOP, exact, strict=True)}
    drawn = texts_of(one)
    assert len(drawn) == 8
    assert (len(set(drawn)) == 8) or decoder == "trie-sample"
    for sample in one.samples:
        assert sample.score == pytest.approx(totals[sample.text], abs=1e-4)
        assert len(sample.tempered_log_probs) == len(sample.log_probs)
        assert max(sample.tempered_log_probs) <= 1e-9
    first = one.ranking.item_ids[one.ranking.order()[0]]
    best = max(set(drawn), key=totals.get)
    assert item_text(next(i for i in SHOP if i.item_id == first)) == best
    least, most = one.parts["decoding"]["outside"]
    assert least - 1e-5 <= 1 - np.exp(list(totals.values())).sum() <= most + 1e-5


def test_candidates_alone_are_scored(calrec, exact):
    first = LastItemRepeater(calrec.corpus.bm25, SHOP)
    limited = dataclasses.replace(calrec.with_decoder("likelihood", 4), first_stage=first)
    record = limited.recommend(HISTORY)
    best = np.argsort(-first.recommend(HISTORY).ranking.scores, kind="stable")[:4]
    np.testing.assert_allclose(record.ranking.scores[best], exact[best], atol=1e-4)
    others = np.setdiff1d(
        np.arange(len(SHOP)), [*best, *np.flatnonzero(np.isin(exact, exact[best]))]
    )
    assert len(set(record.ranking.scores[others])) == 1
    assert record.ranking.scores[others[0]] < record.ranking.scores[best].min()
    assert record.settings["candidates"]["count"] == 4
    assert limited.settings == {n: v for n, v in record.settings.items() if n != "seed"}


def test_the_search_itself_tells_where_an_item_was_lost(calrec, exact):
    found = calrec.beam(HISTORY, 3)
    record = calrec.with_decoder("trie-beam").recommend(HISTORY, samples=3)
    np.testing.assert_allclose(found.totals, [sample.score for sample in record.samples])
    worst = int(np.argmin(exact))
    lost = found.lost(worst)
    tokens = calrec.texts.trie.tokens[calrec.texts.trie.path(lost.node)].tolist()
    start = calrec.model.tokenizer.decode(tokens)
    assert len(tokens) == lost.place + 1
    assert item_text(SHOP[worst]).startswith(start)
    assert exact[worst] <= lost.total + 1e-4
    assert lost.total < lost.needed


def test_many_users_as_each_alone(calrec):
    decoding = calrec.with_decoder("trie-beam")
    histories = [ITEMS[:3], ITEMS[4:5]]
    found = dict(decoding.recommend_many(histories, [4, 5]))
    for user, history in enumerate(histories):
        alone = decoding.recommend(history, seed=4 + user)
        assert found[user].samples == alone.samples
        np.testing.assert_array_equal(found[user].ranking.scores, alone.ranking.scores)


def test_cut_to_the_tokens_of_a_target_several_items_may_share_them():
    """Seven tokens do not reach to the price: both items are found, and tie."""
    shop = (*SHOP, dataclasses.replace(ITEMS[4], item_id="dear", price="$999"))
    calrec = tiny_recommender(shop, max_new_tokens=8)
    record = calrec.with_decoder("likelihood").recommend(HISTORY)
    found = calrec.model.likelihoods(HISTORY, shop)
    assert found.trie.leaves[-1] == found.trie.leaves[4]
    assert sorted(texts_of(record)) == sorted({item_text(item) for item in shop})
    np.testing.assert_allclose(record.ranking.scores, found.totals, atol=1e-4)


def test_the_paper_s_decoder_is_what_it_was(calrec):
    plain, same = (
        calrec.recommend(HISTORY, seed=1),
        calrec.with_decoder("sample").recommend(HISTORY, seed=1),
    )
    assert plain.samples == same.samples
    assert plain.settings == same.settings
    assert "decoder" not in plain.settings
    assert plain.parts == {}


@pytest.mark.parametrize(
    ("decoder", "candidates", "first_stage", "message"),
    [
        ("trie-beam", 3, True, "with the decoder likelihood, found 3 with trie-beam"),
        ("likelihood", 0, True, "from 1 up"),
        ("likelihood", 3, False, "expected a first stage"),
    ],
)
def test_candidates_that_cannot_be(calrec, decoder, candidates, first_stage, message):
    first = LastItemRepeater(calrec.corpus.bm25, SHOP) if first_stage else None
    one = dataclasses.replace(calrec.with_decoder(decoder, candidates), first_stage=first)
    with pytest.raises(CalrecError, match=message):
        one.recommend(HISTORY)


def test_a_large_shop_needs_candidates(calrec, monkeypatch):
    from calrec.recommenders import calrec as module

    monkeypatch.setattr(module, "MOST", 5)
    with pytest.raises(CalrecError, match="more than 5 items, found 13 items"):
        calrec.with_decoder("likelihood").recommend(HISTORY)
