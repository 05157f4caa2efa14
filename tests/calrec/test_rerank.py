import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from calrec.errors import CalrecError
from calrec.ranking.algorithm import match
from calrec.ranking.rerank import candidates, rerank
from calrec.records.ranks import TIE, ranks_of
from calrec.records.settings import RankingSettings

# Few values, so that ties at the cut are common.
FIRST = st.sampled_from([-3.0, 0.0, 0.5, 0.75, 9.0])


@st.composite
def cases(draw):
    """First-stage scores, BM25 by columns, the texts' scores."""
    n_items, n_columns = draw(st.integers(1, 12)), draw(st.integers(0, 5))
    raw = draw(hnp.arrays(np.float64, (n_columns, n_items), elements=st.floats(0, 60))).T
    scores = draw(st.lists(st.floats(-500, 0), min_size=n_columns, max_size=n_columns))
    return draw(hnp.arrays(np.float64, n_items, elements=FIRST)), raw, scores


def best(first_stage, count):
    """Places by first-stage score, the earlier of equal ones first."""
    return sorted(range(len(first_stage)), key=lambda i: (-first_stage[i], i))[:count]


@pytest.mark.slow
@given(first_stage=hnp.arrays(np.float64, st.integers(1, 12), elements=FIRST), data=st.data())
def test_candidates_are_the_first_places_of_the_first_stage(first_stage, data):
    count = data.draw(st.integers(1, 14))
    assert candidates(first_stage, count).tolist() == sorted(best(first_stage, count))


def test_of_a_tie_at_the_cut_the_first_items_are_candidates():
    assert candidates(np.array([1.0, 2.0, 1.0, 3.0, 1.0]), 3).tolist() == [0, 1, 3]
    assert candidates(np.zeros(5), 2).tolist() == [0, 1]


@pytest.mark.slow
@given(
    case=cases(),
    pooling=st.sampled_from(["max", "mean", "min"]),
    modulation=st.booleans(),
    count=st.integers(1, 14),
)
def test_equals_the_text_of_the_method(case, pooling, modulation, count):
    first_stage, raw, scores = case
    settings = RankingSettings(
        candidates=count, pooling=pooling, modulation=modulation, epsilon=0.01
    )
    found = rerank(first_stage, raw, scores, settings)
    inside = best(first_stage, count)
    columns = []
    for column, score in zip(raw.T.tolist(), scores, strict=True):
        low, high = min(column[i] for i in inside), max(column[i] for i in inside)
        factor = math.exp(0.01 * score) if modulation else 1
        columns.append({i: (column[i] - low) / (high - low or 1) * factor for i in inside})
    pooled = {"max": max, "min": min, "mean": lambda row: sum(row) / len(row)}[pooling]
    for item in range(len(first_stage)):
        row = [column.get(item, 0) for column in columns]
        np.testing.assert_allclose(found.modulated[item], row, atol=1e-12)
        if item in inside:
            expected = pooled(row) if row else 0
            assert found.scores[item] == pytest.approx(expected, abs=1e-12)
    assert found.raw is raw


@pytest.mark.slow
@given(case=cases(), count=st.integers(1, 14))
def test_other_items_follow_the_candidates_in_the_order_of_the_first_stage(case, count):
    first_stage, raw, scores = case
    found = rerank(first_stage, raw, scores, RankingSettings(candidates=count))
    inside = best(first_stage, count)
    outside = [i for i in range(len(first_stage)) if i not in inside]
    for item in outside:
        assert all(found.scores[item] < found.scores[i] - TIE for i in inside)
        assert not found.scaled[item].any()
        assert not found.modulated[item].any()
        assert ranks_of(found.scores[outside], outside.index(item)) == ranks_of(
            first_stage[outside], outside.index(item)
        )


@pytest.mark.slow
@given(case=cases(), more=st.integers(0, 3))
def test_with_as_many_candidates_as_items_it_is_algorithm_1(case, more):
    first_stage, raw, scores = case
    settings = RankingSettings(candidates=len(first_stage) + more)
    found, expected = rerank(first_stage, raw, scores, settings), match(raw, scores, settings)
    for name in ("raw", "scaled", "modulated", "scores"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_columns_are_scaled_over_the_candidates_alone():
    raw = np.array([[1.0], [3.0], [2.0], [9.0]])
    found = rerank(np.array([3.0, 3.0, 3.0, 1.0]), raw, [0.0], RankingSettings(candidates=3))
    assert found.scaled[:, 0].tolist() == [0, 1, 0.5, 0]
    assert found.scores.tolist() == [0, 1, 0.5, -1]


def test_matrices_lie_in_memory_as_the_given_one():
    raw = np.asfortranarray(np.arange(12.0).reshape(4, 3))
    found = rerank(np.arange(4.0), raw, [0.0] * 3, RankingSettings(candidates=2))
    assert found.scaled.flags.f_contiguous
    assert found.modulated.flags.f_contiguous


@pytest.mark.parametrize("dtype", [np.int64, np.float32])
def test_first_stage_scores_of_another_type_do_not_coarsen_the_result(dtype):
    raw = np.array([[0.0], [1.0], [3.0], [5.0]])
    found = rerank(np.array([4, 5, 6, 1], dtype), raw, [0.0], RankingSettings(candidates=3))
    assert found.scores.tolist() == [0, 1 / 3, 1, -1]


@pytest.mark.parametrize("score", [math.nan, -math.inf])
@pytest.mark.parametrize("count", [1, 9])
def test_a_first_stage_score_that_is_no_number_is_refused_in_one_line(score, count):
    first_stage = np.array([1.0, 2.0, score])
    with pytest.raises(CalrecError, match=r"finite first-stage .* for item 2") as caught:
        rerank(first_stage, np.ones((3, 1)), [0.0], RankingSettings(candidates=count))
    assert "\n" not in str(caught.value)
