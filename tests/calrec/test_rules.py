"""The rules that are the same for all recommenders of a table, against plain NumPy."""

import math
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calrec.errors import CalrecError
from calrec.ranking.rules import Rules, behind
from calrec.recommenders import register
from calrec.recommenders.entry import Inputs
from calrec.recommenders.popularity import purchases
from calrec.recommenders.ruled import Ruled
from calrec.records import Item, Ranking, Recommendation
from calrec.records.ranks import ranks_of

# A few values, so that many tie; one within a tie's width of another, and both signs.
SCORE = st.sampled_from([-3.5, -1.0, -1.0 + 5e-10, 0.0, 0.25, 2.0, 1e5])


@st.composite
def ranked(draw):
    scores = np.array(draw(st.lists(SCORE, min_size=1, max_size=9)))
    places = st.integers(0, len(scores) - 1)
    return scores, draw(st.lists(places, max_size=6)), draw(places)


@given(ranked())
def test_items_of_the_history_stand_behind_all_others(case):
    scores, history, target = case
    before = scores.copy()
    found = ranks_of(behind(scores, np.array(history, dtype=np.int64)), target)
    # Who stands before whom: what was not bought, then by score; ties among equals alone.
    mine = target not in history
    above = sum(
        (i not in history) > mine or ((i not in history) == mine and s > scores[target] + 1e-9)
        for i, s in enumerate(scores)
    )
    tied = sum(
        (i not in history) == mine and abs(s - scores[target]) <= 1e-9 for i, s in enumerate(scores)
    )
    assert found == (above + 1, above + tied)
    np.testing.assert_array_equal(scores, before)  # a new array, or the same untouched


def test_the_rule_ranked_changes_nothing():
    scores = np.array([3.0, 1.0, 2.0])
    assert Rules().scores(scores, np.array([0])) is scores
    np.testing.assert_array_equal(
        Rules(bought="last").scores(scores, np.array([0, 0])), [0.0, 1.0, 2.0]
    )


def record(scores, history, unranked=None):
    ids = tuple(f"i{i}" for i in range(len(scores)))
    scores = np.asarray(scores, dtype=float)
    ranking = Ranking.of_scores("x", ids, scores, {"own": 1}, seconds=0.0)
    return Recommendation(
        history=tuple(Item(item_id=f"i{i}") for i in history),
        ranking=replace(ranking, unranked=unranked),
    )


def test_a_record_under_the_rules_names_them_and_keeps_them_in_a_case_file():
    rules = Rules(bought="last", count="all")
    found = rules.applied(record([5, 4, 3, 2], [0, 2, "elsewhere"]))
    assert found.settings == {"own": 1, "bought": "last", "count": "all"}
    assert [found.ranking.ranks(f"i{i}") for i in range(4)] == [(3, 3), (1, 1), (4, 4), (2, 2)]
    read = Recommendation.from_json(found.to_json())
    assert read.settings == found.settings
    assert [read.ranking.ranks(f"i{i}") for i in range(4)] == [(3, 3), (1, 1), (4, 4), (2, 2)]
    with pytest.raises(ValueError, match="its own rules"):
        Rules().applied(read)


@pytest.mark.slow
@given(ranked(), st.booleans())
def test_an_item_that_is_not_ranked_has_the_last_rank_on_both_sides(case, last):
    scores, history, target = case
    scores = np.abs(scores)
    unranked = scores == 0
    rules = Rules(bought="last" if last else "ranked")
    found = rules.applied(record(scores, history, unranked))
    assert found.ranking.is_ranked(f"i{target}") == (not unranked[target])
    if unranked[target]:
        assert found.ranking.ranks(f"i{target}") == (len(scores), len(scores))
    else:
        expected = rules.applied(record(scores, history))
        assert found.ranking.ranks(f"i{target}") == expected.ranking.ranks(f"i{target}")
    read = Recommendation.from_json(found.to_json(target=f"i{target}"))
    assert read.ranking.ranks(f"i{target}") == found.ranking.ranks(f"i{target}")


def test_ranks_of_many_cases_heed_what_is_not_ranked_too():
    scores, unranked = np.array([[2.0, 0.0, 1.0], [0.0, 0.0, 3.0]]), np.array([False, True, False])
    found = ranks_of(scores, np.array([1, 2]), unranked)
    assert [side.tolist() for side in found] == [[3, 1], [3, 1]]


def test_a_ruled_recommender_names_its_rules():
    class Plain:
        name, settings = "x", {"own": 1}

        def recommend(self, history):
            return record([5, 4, 3], [0])

    ruled = Ruled(recommender=Plain(), rules=Rules(bought="last"))
    assert ruled.settings == {"own": 1, "bought": "last", "count": "training"}
    assert ruled.recommend([Item(item_id="i0")]).ranking.ranks("i0") == (3, 3)


@pytest.mark.parametrize("wrong", [{"bought": "first"}, {"count": None}, {"bought": ["last"]}])
def test_other_values_are_refused(wrong):
    with pytest.raises(CalrecError, match=r"expected as \w+ one of .*, found .*; choose one"):
        Rules(**wrong)


def test_both_are_said_in_words():
    for bought in ("ranked", "last"):
        for count in ("training", "all"):
            words = Rules(bought=bought, count=count).words
            assert f"(bought {bought})" in words
            assert f"(count {count})" in words


HISTORIES = st.lists(st.lists(st.integers(0, 7), min_size=1, max_size=8), min_size=1, max_size=8)


@pytest.mark.slow
@given(HISTORIES, st.lists(st.integers(0, 7), min_size=1, max_size=7), st.booleans())
def test_counting_recommenders_are_those_of_plain_counts(histories, history, last):
    """Item-kNN, Markov and popularity by sets and loops; ties in the order of what they count."""
    n, ids = 8, [f"i{i}" for i in range(8)]
    counts = [sum(part.count(i) for part in histories) for i in range(n)]
    np.testing.assert_array_equal(purchases([np.array(p) for p in histories], n), counts)
    buyers = [{u for u, part in enumerate(histories) if i in part} for i in range(n)]

    def alike(i, j):
        both = len(buyers[i] & buyers[j]) if i != j else 0
        return both and both / math.sqrt(len(buyers[i]) * len(buyers[j]))

    after = [
        sum(a == history[-1] and b == i for p in histories for a, b in pairwise(p))
        for i in range(n)
    ]
    near = [sum(0.8**k * alike(i, j) for k, j in enumerate(history[:-6:-1])) for i in range(n)]
    keys = {
        "popular": [(c,) for c in counts],
        "markov": list(zip(after, counts, strict=True)),
        # Sums of equal terms in another order differ in their last digits.
        "item-knn": [(round(s, 12), 0 if s else c) for s, c in zip(near, counts, strict=True)],
    }
    rules = Rules(bought="last" if last else "ranked")
    parts = [np.array(part) for part in histories]
    shop = SimpleNamespace(
        item_ids=tuple(ids), sequences=lambda: SimpleNamespace(counted=lambda *_: parts)
    )
    for name in keys:
        made = register.build(name, Inputs(shop=shop))
        row = rules.scores(made.scores([np.array(history)])[0], np.array(history))
        key = [(not (last and i in history), *k) for i, k in enumerate(keys[name])]
        for target in range(n):
            expected = (
                1 + sum(k > key[target] for k in key),
                sum(k >= key[target] for k in key),
            )
            assert ranks_of(row, target) == expected, (name, target)
