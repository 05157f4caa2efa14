"""Evaluations at the edges: one item, shortest histories, nothing but ties, items of equal text."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalog.build import build
from catalog.ingest.sources.two_tables import TwoTables

pytestmark = pytest.mark.slow  # each builds a shop and evaluates on it

BASELINES = ("lir", "popular", "markov", "item-knn", "blend", "tgh")


@pytest.fixture
def evaluated(run_evaluate, tmp_path):
    """Builds a shop of (item id, title) and (user, items in order), evaluates, gives its files."""

    def run(items, histories, recommender, *more):
        workspace, out = tmp_path / "workspace", tmp_path / f"out-{recommender}"
        item_table = pa.table({"item_id": [i for i, _ in items], "title": [t for _, t in items]})
        events = [
            (user, item, place)
            for user, bought in histories.items()
            for place, item in enumerate(bought)
        ]
        columns = zip(*events, strict=True)
        event_table = pa.table(
            dict(zip(("user_id", "item_id", "position"), map(list, columns), strict=True))
        )
        build(workspace, "shop", TwoTables(items=item_table, interactions=event_table))
        line = ("--workspace", workspace, "--domain", "shop", "--recommender", recommender)
        assert run_evaluate(*line, "--out", out, *more) == 0
        figures = json.loads((out / "metrics.json").read_text())
        return figures, pq.read_table(out / "cases.parquet").to_pylist()

    return run


@pytest.mark.parametrize("recommender", BASELINES)
def test_one_item_is_always_first(evaluated, recommender):
    figures, rows = evaluated([("a", "pen")], {"u": ["a"] * 2, "v": ["a"] * 4}, recommender)
    assert [(r["optimistic_rank"], r["pessimistic_rank"]) for r in rows] == [(1, 1), (1, 1)]
    assert figures["metrics"]["mrr"] == {"optimistic": 1, "pessimistic": 1}


@pytest.mark.parametrize("recommender", BASELINES)
def test_users_of_two_purchases_have_a_history_of_one(evaluated, recommender):
    items = [(letter, f"thing {letter}") for letter in "abc"]
    _, rows = evaluated(items, {"u": ["a", "b"], "alone": ["c"]}, recommender)
    (row,) = rows
    assert (row["user_id"], row["history_length"], row["target_cold"]) == ("u", 1, True)
    assert 1 <= row["optimistic_rank"] <= row["pessimistic_rank"] <= 3


def test_nothing_but_ties(evaluated):
    # No word of the last item is in any other, and nothing was ever bought in training.
    items = [("a", "pen"), ("b", "hose"), ("c", "lamp"), ("d", "oak")]
    figures, (row,) = evaluated(items, {"u": ["a", "b"]}, "popular")
    assert (row["optimistic_rank"], row["pessimistic_rank"], row["tie_width"]) == (1, 4, 3)
    assert figures["metrics"]["recall@1"] == {"optimistic": 1, "pessimistic": 0}


def test_items_of_equal_text_stay_distinct_and_tie(evaluated):
    others = [(letter, f"thing {letter}") for letter in "defgh"]
    items = [("a", "red pen"), ("b", "blue hose"), ("c", "blue hose"), *others]
    _, (row,) = evaluated(items, {"u": ["b", "c"]}, "lir")
    # The last item and its twin score alike: no model of texts can tell which was bought.
    assert (row["optimistic_rank"], row["pessimistic_rank"]) == (1, 2)
    assert not row["target_in_history"]


def test_a_target_that_the_item_table_lacks_is_ranked_without_text(evaluated):
    items = [(letter, f"thing {letter}") for letter in "abc"]
    _, (row,) = evaluated(items, {"u": ["a", "b", "unlisted"]}, "lir")
    assert row["target_item_id"] == "unlisted"
    assert row["target_category"] is None
    assert (row["optimistic_rank"], row["pessimistic_rank"]) == (4, 4)


def test_cold_is_in_no_training_and_in_no_validation_part(evaluated):
    items = [(letter, f"thing {letter}") for letter in "abcde"]
    histories = {"u": ["a", "b", "c", "d", "a"], "v": ["b", "c", "d"], "w": ["b", "c", "e"]}
    _, rows = evaluated(items, histories, "popular")
    # In u's training part; d in u's validation part alone; e in neither.
    found = [(row["target_popularity"], row["target_cold"]) for row in rows]
    assert found == [(1, False), (0, False), (0, True)]
    assert [row["target_in_history"] for row in rows] == [True, False, False]


def test_a_target_bought_before_stands_last_where_that_is_the_rule(evaluated):
    items = [(letter, f"thing {letter}") for letter in "abcd"]
    histories = {"u": ["a", "b", "a"], "v": ["b", "a", "d"], "w": ["c", "a", "b"]}
    _, rows = evaluated(items, histories, "popular", "--bought", "last", "--count", "all")
    # Counted are a 3 times, b 2 times, c once: of u's two items a is the better, behind c and d.
    found = [(row["optimistic_rank"], row["pessimistic_rank"]) for row in rows]
    assert found == [(3, 3), (2, 2), (1, 1)]


@pytest.mark.parametrize("recommender", BASELINES)
def test_every_user_once_and_in_order_of_id(evaluated, recommender):
    generator = np.random.default_rng(0)
    items = [(f"i{i}", f"thing {i % 4}") for i in range(9)]
    histories = {f"u{u}": [f"i{i}" for i in generator.integers(0, 9, 2 + u % 5)] for u in range(20)}
    _, rows = evaluated(items, histories, recommender)
    assert [row["user_id"] for row in rows] == sorted(histories)
    assert [row["target_item_id"] for row in rows] == [
        histories[user][-1] for user in sorted(histories)
    ]
