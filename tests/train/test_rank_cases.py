"""Ranks and best items of many cases, against sorting each case's scores plainly."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.evaluation import baselines
from train.evaluation.baselines import rank_cases
from train.evaluation.best import TOP, best
from train.evaluation.cases import HeldOutCases


def plain_ranks(scores, target):
    above = sum(x > scores[target] + 1e-9 for x in scores)
    level = sum(abs(x - scores[target]) <= 1e-9 for x in scores)
    return 1 + above, above + level


def cases_of(histories, targets):
    return HeldOutCases(
        available=len(histories),
        user_ids=tuple(f"u{i}" for i in range(len(histories))),
        histories=tuple(np.array(history, dtype=np.int32) for history in histories),
        targets=np.array(targets),
    )


@pytest.mark.slow
@given(
    items=st.integers(1, 40),
    reads=st.sampled_from([0, 1, 2, None]),
    levels=st.integers(1, 5),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60)
def test_ranks_equal_brute_force_on_random_matrices_with_ties(items, reads, levels, seed):
    generator = np.random.default_rng(seed)
    histories = [generator.integers(0, items, n) for n in generator.integers(1, 6, 30)]
    targets = generator.integers(0, items, 30)

    def score(history):
        seen = history if reads is None else history[max(0, len(history) - reads) :]
        rows = np.random.default_rng([seed, *seen.tolist()])
        return rows.integers(0, levels, items) + 1e-10 * rows.random(items)

    asked = []

    def scores(histories):
        asked.extend(histories)
        return np.array([score(history) for history in histories])

    cases = cases_of(histories, targets)
    scorer = SimpleNamespace(settings={}, reads=reads, scores=scores)
    places = np.sort(generator.choice(30, 20, replace=False))
    found = {row["case"]: row for t in rank_cases(scorer, cases, places) for row in t.to_pylist()}
    assert sorted(found) == places.tolist()
    for place, row in found.items():
        expected = score(cases.histories[place])
        ranks = plain_ranks(expected, targets[place])
        assert (row["optimistic_rank"], row["pessimistic_rank"]) == ranks
        assert row["target_score"] == expected[targets[place]]
        assert row["top_items"] == np.argsort(-expected, kind="stable")[:TOP].tolist()
        assert row["top_scores"] == expected[row["top_items"]].tolist()
    if reads == 0:
        assert len(asked) == 1  # histories that cannot be told apart are scored once


def test_many_cases_of_one_history_are_ranked_as_few_are():
    generator = np.random.default_rng(0)
    row = generator.integers(0, 9, 50).astype(float)
    row[:3] = 0, 1e-9, 2e-9  # ties end exactly at 1e-9
    targets = generator.integers(0, 50, 300)
    scorer = SimpleNamespace(settings={}, reads=0, scores=lambda histories: row[None])
    cases = cases_of([[0]] * 300, targets)
    assert len(targets) > baselines.MANY
    (table,) = rank_cases(scorer, cases, np.arange(300))
    expected = [plain_ranks(row, target) for target in targets]
    sides = (table[name].to_pylist() for name in ("optimistic_rank", "pessimistic_rank"))
    assert list(zip(*sides, strict=True)) == expected


@pytest.mark.slow
@given(
    scores=st.lists(st.floats(-5, 5).map(lambda x: round(x, 1)), min_size=1, max_size=300),
    count=st.integers(1, 12),
)
def test_the_best_are_the_first_of_a_stable_sort(scores, count):
    scores = np.array(scores)
    expected = np.argsort(-scores, kind="stable")[:count]
    np.testing.assert_array_equal(best(scores, count), expected)


@pytest.mark.parametrize(
    "kind", ["random", "few levels", "all equal", "sorted", "few columns", "a hundred columns"]
)
def test_the_best_of_a_large_corpus(kind):
    generator = np.random.default_rng(3)
    scores = {
        "random": generator.random(5000),
        "few levels": generator.integers(0, 3, 5000).astype(float),
        "all equal": np.zeros(5000),
        "sorted": np.arange(5000.0),
        # All of them in a few of the columns that are looked at first.
        "few columns": np.where(np.arange(5000) % 300 < 7, 1 + generator.random(5000), 0.0),
        # One in each of as many columns as are asked for: the cut must let the least of them pass.
        "a hundred columns": np.where(np.arange(5000) < TOP, 1 + generator.random(5000), 0.0),
    }[kind]
    expected = np.argsort(-scores, kind="stable")[:TOP]
    np.testing.assert_array_equal(best(scores), expected)


def test_an_empty_place_list_gives_no_table():
    scorer = SimpleNamespace(
        settings={}, reads=1, scores=lambda histories: np.zeros((len(histories), 3))
    )
    assert list(rank_cases(scorer, cases_of([[0]], [1]), np.arange(0))) == []
