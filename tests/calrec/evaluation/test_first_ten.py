"""Figures of first tens against their definitions, written out."""

import math
from itertools import product

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laid_out import cells, tables
from synthetic_runs import user_ids, write_run

from calrec.evaluation import first_ten
from calrec.evaluation.runs import EvaluationRun

EXPOSURE = st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(any)


@given(EXPOSURE)
def test_gini_is_half_the_mean_difference_over_the_mean(exposure):
    shown = np.array([count for count in exposure if count])
    mean = sum(exposure) / len(exposure)
    pairs = [abs(one - other) for one, other in product(exposure, exposure)]
    expected = sum(pairs) / len(pairs) / 2 / mean
    assert first_ten.gini(shown, len(exposure)) == pytest.approx(expected, abs=1e-12)


def test_gini_of_equal_items_is_none_and_of_one_alone_the_most():
    assert first_ten.gini(np.full(7, 3), 7) == pytest.approx(0)
    assert first_ten.gini(np.array([5]), 20) == pytest.approx(19 / 20)


def test_what_was_never_sold_is_as_little_known_as_what_was_sold_once():
    found = first_ten.information(np.array([4, 0, 1, 3]))
    np.testing.assert_allclose(found, [1, 3, 3, -math.log2(3 / 8)])
    assert first_ten.information(np.zeros(2, int)).tolist() == [0, 0]


@given(st.integers(0, 10**6), st.integers(1, 15), st.integers(1, 6))
@settings(max_examples=40)
def test_a_first_ten_is_counted_as_by_sets(seed, items, users):
    generator = np.random.default_rng(seed)
    popularity = generator.integers(0, 5, items)
    categories = generator.choice(np.array(["a", "b", None], object), items).tolist()
    brands = generator.choice(np.array(["x", "", "z", None], object), items).tolist()
    length = min(10, items)
    top = np.array([generator.permutation(items)[:length] for _ in range(users)])
    histories = [generator.integers(0, items, generator.integers(1, 5)) for _ in range(users)]
    found = first_ten.of_lists(
        top, histories, popularity=popularity, categories=categories, brands=brands
    )
    for user, (row, history) in enumerate(zip(top.tolist(), histories, strict=True)):
        assert found["categories"][user] == len({categories[i] for i in row} - {None})
        assert found["brands"][user] == len({brands[i] for i in row} - {None, ""})
        assert found["bought"][user] == pytest.approx(len({*row} & {*history.tolist()}) / length)
        total = max(sum(popularity), 1)
        bits = [-math.log2(max(popularity[i], 1) / total) for i in row]
        assert found["novelty"][user] == pytest.approx(sum(bits) / length)


LISTS = [[0, 1, 2], [0, 2, 3], [4, 5, 6]]


def _with_top(folder, lists, **how):
    """A run whose best items are these, each followed by others up to more than ten."""
    users = user_ids(len(lists))
    filler = [f"i{20 + place}" for place in range(7)]
    top = [[*(f"i{i}" for i in row), *filler, "i50", "i51"] for row in lists]
    write_run(folder, users=users, optimistic=range(1, len(lists) + 1), **how)
    table = {
        "user_id": users,
        "target_score": np.zeros(len(lists)),
        "item_ids": pa.array(top, pa.list_(pa.dictionary(pa.int32(), pa.string()))),
        "scores": [[0.0] * len(row) for row in top],
    }
    pq.write_table(pa.table(table), folder / "top.parquet")
    return EvaluationRun.load(folder)


def test_exposure_counts_the_first_ten_of_the_users_asked_for(tmp_path):
    run = _with_top(tmp_path / "a", LISTS)
    every = run.exposure(run.cases.user_ids)
    assert sorted(every.tolist()) == sorted([2, 1, 2, 1, 1, 1, 1, *[3] * 7])
    some = run.exposure(run.cases.user_ids.take(pa.array([2, 0])))
    assert sorted(some.tolist()) == sorted([*[1] * 6, *[2] * 7])


def test_a_table_of_the_first_tens_beside_the_accuracy(tmp_path):
    known = {
        "top_categories": [2.0, 3.0, 4.0],
        "top_brands": [1.0, 1.0, 2.0],
        "top_novelty": [7.5, 8.5, 9.5],
        "top_bought": [0.0, 0.1, 0.5],
    }
    new = _with_top(tmp_path / "new", LISTS, columns=known)
    older = EvaluationRun.load(
        write_run(tmp_path / "older", "markov", users=user_ids(3), optimistic=[1, 1, 99])
    )
    table = tables(new, older)["variety"]
    (ours,) = cells(table, "shop", "LIR")
    assert ours["Recall@10"].optimistic == 1.0
    tens = {k.removeprefix("First tens: "): v.optimistic for k, v in ours.items() if "tens" in k}
    counts = [2, 1, 2, 1, 1, 1, 1, *[3] * 7]
    assert tens == pytest.approx(
        {
            "Coverage@10": 14 / 500,
            "Gini": first_ten.gini(np.array(counts), 500),
            "Categories": 3.0,
            "Brands": 4 / 3,
            "Novelty, bits": 8.5,
            "Bought before": 0.2,
        }
    )
    (theirs,) = cells(table, "shop", "Markov")
    assert theirs["Recall@10"].optimistic == pytest.approx(2 / 3)
    assert all(cell is None for head, cell in theirs.items() if "tens" in head)
    assert "not recorded" in table.notes[-2]  # before the note on the rules
