"""The hybrid against plain sums of brute-force likelihoods, its choice against all weights."""

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pytest
from tiny import ITEMS
from tiny_shop import PlainCorpus, tiny_recommender

from calrec.errors import CalrecError
from calrec.ranking.rules import Rules
from calrec.recommenders import register
from calrec.recommenders.blend import recommender as blending
from calrec.recommenders.calrec import CALRec
from calrec.recommenders.entry import Inputs
from calrec.recommenders.hybrid import choice, recommender
from calrec.recommenders.hybrid.recommender import over
from calrec.records import Recommendation
from calrec.text import item_text
from catalog.sequences import Sequences

TWIN = dataclasses.replace(ITEMS[4], item_id="twin")
SHOP = (*ITEMS, TWIN)
N = len(SHOP)
PARTS = ["model", "bought together", "words", "order", "popularity"]
GIVEN = {"a": 0.4, "b": 3.0, "c": 1.0, "n": 3}
LENGTH, USERS = 6, 7
SURER = 0.03


def shop(last=0):
    """Seven users whose test targets are all the same item."""
    generator = np.random.default_rng(1)
    bought = [[*generator.integers(0, N, LENGTH - 1).tolist(), last] for _ in range(USERS)]
    sequences = Sequences(
        user_ids=tuple(f"u{u}" for u in range(USERS)),
        offsets=np.arange(USERS + 1) * LENGTH,
        items=np.array(bought, dtype=np.int32).ravel(),
        role="evaluation",
    )
    corpus = PlainCorpus(SHOP)
    return SimpleNamespace(
        items=SHOP,
        item_ids=tuple(item.item_id for item in SHOP),
        sequences=lambda: sequences,
        corpus=lambda: corpus,
    )


class Surer(CALRec):
    """One whose texts are far more probable: a random model's have next to no weight in a sum."""

    def _decoded(self, history, seed, ranking, given):
        record = yield from super()._decoded(history, seed, ranking, given)
        assert record.generation is not None
        samples = [dataclasses.replace(s, score=SURER * s.score) for s in record.samples]
        generation = dataclasses.replace(record.generation, samples=tuple(samples))
        return dataclasses.replace(self.rank(generation, ranking), parts=record.parts)


@pytest.fixture(scope="module")
def calrec():
    made = tiny_recommender(SHOP, max_new_tokens=40, samples=5)
    fields = {field.name: getattr(made, field.name) for field in dataclasses.fields(made)}
    return Surer(**fields).with_decoder("trie-beam")


@pytest.fixture(scope="module")
def hybrid(calrec):
    return over(calrec, Inputs(shop=shop(), options={**GIVEN, "model": 2.5}))


def plain_probabilities(calrec, history, written):
    """Of the texts that so many best ones are, by the likelihood of every item's text."""
    totals = calrec.model.likelihoods(history, SHOP).totals
    distinct = {item_text(item): p for item, p in zip(SHOP, np.exp(SURER * totals), strict=True)}
    best = sorted(distinct, key=distinct.__getitem__, reverse=True)[:written]
    return np.array([distinct[item_text(i)] if item_text(i) in best else 0.0 for i in SHOP])


@pytest.mark.parametrize("written", [1, 5, N])
def test_scores_are_the_blend_and_the_weighted_root_of_the_probability(calrec, hybrid, written):
    blend = blending.build(Inputs(shop=shop(), options=GIVEN))
    for history in ((0, 4), (7, 3, 12)):
        items = [SHOP[i] for i in history]
        record = hybrid.recommend(items, samples=written)
        ps = plain_probabilities(calrec, items, written)
        expected = blend.scores([np.array(history)])[0] + 2.5 * np.sqrt(ps)
        np.testing.assert_allclose(record.ranking.scores, expected, atol=1e-5)
        np.testing.assert_allclose(record.ranking.addends["model"], 2.5 * np.sqrt(ps), rtol=1e-4)
        assert record.recommender == "hybrid"
        assert [s.score for s in record.samples] == sorted(
            (s.score for s in record.samples), reverse=True
        )


def test_items_of_equal_text_have_it_all_alike(hybrid):
    of_model = hybrid.recommend(SHOP[:2], samples=N).ranking.addends["model"]
    assert of_model[4] == of_model[-1] > 0


@pytest.mark.parametrize("bought", ["ranked", "last"])
def test_the_parts_add_up_under_any_rule_and_in_a_case_file(hybrid, bought):
    record = Rules(bought=bought).applied(hybrid.recommend(SHOP[3:6]))
    ranking = record.ranking
    assert list(ranking.addends) == PARTS + ["bought before"] * (bought == "last")
    np.testing.assert_allclose(sum(ranking.addends.values()), ranking.scores, atol=1e-12)
    assert all(ranking.addends[name].any() for name in ranking.addends)
    read = Recommendation.from_json(record.to_json(top=3, target=SHOP[4].item_id))
    assert 3 <= len(read.ranking.scores) <= 4
    assert read.ranking.addends.keys() == ranking.addends.keys()
    for name, values in ranking.addends.items():
        np.testing.assert_array_equal(read.ranking.addends[name], values[read.ranking.rows])
    assert read.parts == record.parts
    assert Recommendation.from_json(read.to_json()).to_json() == read.to_json()


def test_a_history_gives_the_same_again_alone_or_among_others(hybrid):
    histories = [SHOP[:2], SHOP[3:6], SHOP[:2]]
    alone = hybrid.recommend(histories[0])
    many = dict(hybrid.recommend_many(histories, [0, 1, 2]))
    for record in (many[0], many[2], hybrid.recommend(histories[0], seed=9)):
        np.testing.assert_array_equal(record.ranking.scores, alone.ranking.scores)
    assert {**alone.settings, "seed": 0} == {**hybrid.settings, "seed": 0}


def plain_gain(scores, target, before, bought):
    """NDCG@10 of the pessimistic rank, by counting."""
    if bought == "last" and target in before:
        rank = sum(j not in before or scores[j] >= scores[target] - 1e-9 for j in range(N))
    else:
        rivals = [j for j in range(N) if bought == "ranked" or j not in before]
        rank = sum(scores[j] >= scores[target] - 1e-9 for j in rivals)
    return 1 / math.log2(1 + rank) if rank <= 10 else 0.0


@pytest.mark.parametrize("bought", ["ranked", "last"])
def test_the_weight_is_the_best_of_the_grid(calrec, bought):
    """By ranking the purchase before the last one of every user by every weight."""
    rules = Rules(bought=bought)
    found = over(calrec, Inputs(shop=shop(), rules=rules, options=GIVEN))
    asked = [h[: LENGTH - 1].tolist() for h in shop().sequences().counted("test", "all")]
    counts = SimpleNamespace(counted=lambda *_: [np.array(h[:-1]) for h in asked])
    earlier = SimpleNamespace(**{**vars(shop()), "sequences": lambda: counts})
    blend = blending.build(Inputs(shop=earlier, options=GIVEN))
    gains = np.zeros(len(choice.GRID))
    for *before, target in asked:
        roots = np.sqrt(plain_probabilities(calrec, [SHOP[i] for i in before], 5))
        rest = blend.scores([np.array(before)])[0]
        for place, weight in enumerate(choice.GRID):
            gains[place] += plain_gain(rest + weight * roots, target, before, bought) / USERS
    assert max(gains) > min(gains)
    assert found.weight == choice.GRID[int(np.argmax(gains))]
    assert found.chosen == {
        "on": "the purchase before the one asked for",
        "bought": bought,
        "users": USERS,
        "ndcg@10": pytest.approx(max(gains)),
        "ndcg@10 of the blend": pytest.approx(gains[0]),
    }
    assert found.settings["hybrid"]["weight"] == found.weight
    assert found.settings["hybrid"]["chosen"] == found.chosen
    assert found.settings["decoder"] == "trie-beam"


def test_what_is_asked_for_has_no_say(calrec):
    first, other = (over(calrec, Inputs(shop=shop(i), options=GIVEN)) for i in (0, 5))
    assert first.settings == other.settings


def test_of_many_users_some_are_read_and_with_nobody_the_weight_is_the_default(calrec, monkeypatch):
    monkeypatch.setattr(choice, "MOST", 3)
    found = over(calrec, Inputs(shop=shop(), options=GIVEN)).chosen
    assert found is not None
    assert found["users"] == 3
    alone = SimpleNamespace(counted=lambda *_: [np.array([1])])
    nobody = SimpleNamespace(**{**vars(shop()), "sequences": lambda: alone})
    assert over(calrec, Inputs(shop=nobody, options=GIVEN)).weight == choice.DEFAULT


def test_the_grid_is_wide_and_has_the_default():
    assert list(choice.GRID) == sorted(set(choice.GRID))
    assert choice.GRID[0] == 0
    assert choice.GRID[-1] / choice.GRID[1] == pytest.approx(1e4)
    assert choice.DEFAULT in choice.GRID


@pytest.mark.parametrize("weight", [-1.0, math.inf, math.nan])
def test_a_weight_out_of_range_is_one_line(calrec, weight):
    with pytest.raises(CalrecError, match=r"^expected as weight of the model a number from 0 up"):
        over(calrec, Inputs(shop=shop(), options={**GIVEN, "model": weight}))


def test_what_gives_no_exact_probabilities_is_refused(calrec, hybrid):
    free = calrec.with_decoder("sample")
    with pytest.raises(CalrecError, match=r"found sample and exact; choose trie-beam"):
        over(free, Inputs(shop=shop(), options=GIVEN))
    ranking = dataclasses.replace(calrec.ranking, retrieval="bm25")
    with pytest.raises(CalrecError, match=r"found trie-beam and bm25"):
        hybrid.recommend(SHOP[:2], ranking=ranking)
    other = blending.build(Inputs(shop=shop(), options=GIVEN))
    other.item_ids = other.item_ids[::-1]
    with pytest.raises(CalrecError, match="make both from one catalogue"):
        recommender.Hybrid(calrec=calrec, blend=other, weight=1.0)


def test_the_register_builds_it_from_a_checkpoint(calrec, monkeypatch):
    monkeypatch.setattr(recommender.CALRec, "from_checkpoint", lambda *_, **__: calrec)
    inputs = Inputs(shop=shop(), checkpoint="here", options={**GIVEN, "model": 1.0})
    made = register.build("hybrid", inputs)
    assert made.name == "hybrid"
    assert made.settings["hybrid"]["chosen"] is None
