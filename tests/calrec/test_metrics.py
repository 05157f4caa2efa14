import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from calrec.evaluation.metrics import ndcg, recall, reciprocal_rank, summarise
from calrec.records.ranks import ranks_of

# Few values, some of them within the tie tolerance of each other, so that ties are common.
SCORE = st.sampled_from([0.0, 1.0, 1.0 + 5e-10, 2.0, -1.0])


@given(scores=hnp.arrays(np.float64, st.integers(1, 20), elements=SCORE), data=st.data())
def test_ranks_equal_the_places_after_sorting(scores, data):
    target = data.draw(st.integers(0, len(scores) - 1))
    rest = np.round(np.delete(scores, target), 6)
    own = round(scores[target], 6)
    # The target sorted in before, and behind, all that tie with it.
    first = sorted([*((-score, 1) for score in rest), (-own, 0)]).index((-own, 0)) + 1
    last = sorted([*((-score, 0) for score in rest), (-own, 1)]).index((-own, 1)) + 1
    assert ranks_of(scores, target) == (first, last)


def test_scores_within_the_tolerance_tie_and_beyond_it_do_not():
    assert ranks_of(np.array([1.0, 1.0 + 0.9e-9, 1.0 - 0.9e-9]), 0) == (1, 3)
    assert ranks_of(np.array([1.0, 1.0 + 1.1e-9, 1.0 - 1.1e-9]), 0) == (2, 2)


@pytest.mark.slow
@given(
    scores=hnp.arrays(np.float64, (3, 2, 5), elements=SCORE),
    target=hnp.arrays(np.int64, (3, 2), elements=st.integers(0, 4)),
)
def test_batches_are_ranked_row_by_row(scores, target):
    optimistic, pessimistic = ranks_of(scores, target)
    for place in np.ndindex(3, 2):
        assert (optimistic[place], pessimistic[place]) == ranks_of(scores[place], target[place])


@given(scores=hnp.arrays(np.float64, 8, elements=SCORE), target=st.integers(0, 7))
def test_optimistic_never_exceeds_pessimistic(scores, target):
    optimistic, pessimistic = ranks_of(scores, target)
    assert 1 <= optimistic <= pessimistic <= len(scores)


def test_a_constant_score_ranks_first_and_last():
    assert ranks_of(np.zeros(7), 3) == (1, 7)


def test_metrics_of_known_ranks():
    known = np.array([1, 3, 10, 11])
    np.testing.assert_allclose(ndcg(known), [1, 0.5, 1 / math.log2(11), 0])
    np.testing.assert_array_equal(recall(known, 1), [1, 0, 0, 0])
    np.testing.assert_array_equal(recall(known, 10), [1, 1, 1, 0])
    np.testing.assert_allclose(reciprocal_rank(known), [1, 1 / 3, 0.1, 1 / 11])


@given(ranks=st.lists(st.integers(1, 50), min_size=1, max_size=30))
def test_ndcg_equals_the_full_formula(ranks):
    def full(rank):
        gains = [1.0 if place == rank else 0.0 for place in range(1, 11)]
        return sum(gain / math.log2(1 + place) for place, gain in enumerate(gains, 1))

    np.testing.assert_allclose(ndcg(np.array(ranks)), [full(rank) for rank in ranks])


def test_summary_is_the_mean_of_each_metric_for_both_ranks():
    summary = summarise(np.array([1, 2]), np.array([1, 20]))
    assert summary == {
        "ndcg@10": {
            "optimistic": pytest.approx((1 + 1 / math.log2(3)) / 2),
            "pessimistic": pytest.approx(0.5),
        },
        "recall@1": {"optimistic": 0.5, "pessimistic": 0.5},
        "recall@10": {"optimistic": 1.0, "pessimistic": 0.5},
        "mrr": {"optimistic": 0.75, "pessimistic": pytest.approx((1 + 1 / 20) / 2)},
    }


def test_a_summary_of_no_case_is_refused():
    none = np.zeros(0, np.int64)
    with pytest.raises(ValueError, match="at least one"):
        summarise(none, none)
