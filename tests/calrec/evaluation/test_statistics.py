"""Against scipy, which computes the same in other ways."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from calrec.evaluation.metrics import METRICS
from calrec.evaluation.statistics import (
    NO_INTERVAL,
    Bootstrap,
    Interval,
    interval,
    mean_intervals,
    paired_differences,
    paired_t_test,
    resampled_means,
)

RANKS = np.random.default_rng(0).geometric(0.03, 600)
FEW = Bootstrap(resamples=400)


def mean_interval(values, bootstrap):
    (found,) = mean_intervals(np.asarray(values)[:, None], bootstrap)
    return found


def paired_difference(first, second, bootstrap):
    (found,) = paired_differences(first[:, None], second[:, None], bootstrap)
    return found


@pytest.mark.parametrize("metric", METRICS)
def test_the_paired_t_test_is_scipys(metric):
    other = np.maximum(RANKS + np.random.default_rng(1).integers(-9, 12, len(RANKS)), 1)
    first, second = METRICS[metric](RANKS), METRICS[metric](other)
    ours, theirs = paired_t_test(first, second), stats.ttest_rel(first, second)
    assert (ours.t, ours.p) == (theirs.statistic, theirs.pvalue)
    assert paired_t_test(second, first).p == pytest.approx(ours.p)
    assert (ours.t > 0) == (first.mean() > second.mean())


def test_the_t_test_by_hand():
    # Differences 1, 2, 3: mean 2, standard error 1 / sqrt(3).
    test = paired_t_test(np.array([2.0, 3.0, 5.0]), np.array([1.0, 1.0, 2.0]))
    assert test.t == pytest.approx(2 * math.sqrt(3))
    assert test.p == pytest.approx(2 * stats.t.sf(2 * math.sqrt(3), df=2))


@pytest.mark.parametrize(
    ("first", "second"), [([1.0, 2.0], [1.0, 2.0]), ([1.0, 2.0], [0.5, 1.5]), ([1.0], [0.0])]
)
def test_without_spread_there_is_no_test(first, second):
    test = paired_t_test(np.array(first), np.array(second))
    assert math.isnan(test.t)
    assert math.isnan(test.p)


@pytest.mark.parametrize("metric", METRICS)
def test_intervals_agree_with_scipys_percentile_bootstrap(metric):
    # Both quantiles are estimates; with 4,000 resamples they differ by a few per cent of the width.
    values = METRICS[metric](RANKS)
    ours = mean_interval(values, Bootstrap(resamples=4000, seed=3))
    theirs = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=4000, batch=500, rng=4
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.08 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.08 * width)


def test_intervals_of_differences_agree_with_scipys():
    other = np.maximum(RANKS + np.random.default_rng(1).integers(-9, 12, len(RANKS)), 1)
    first, second = METRICS["ndcg@10"](RANKS), METRICS["ndcg@10"](other)
    ours = paired_difference(first, second, Bootstrap(resamples=4000, seed=3))
    theirs = stats.bootstrap(
        (first, second),
        lambda a, b, axis: (a - b).mean(axis=axis),
        paired=True,
        method="percentile",
        n_resamples=4000,
        batch=500,
        rng=4,
        vectorized=True,
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.interval.low == pytest.approx(theirs.low, abs=0.08 * width)
    assert ours.interval.high == pytest.approx(theirs.high, abs=0.08 * width)
    assert ours.mean == pytest.approx(first.mean() - second.mean())
    assert ours.test == paired_t_test(first, second)
    assert ours.pairs == 600


def test_both_ways_of_drawing_have_the_bootstraps_moments():
    values = METRICS["ndcg@10"](RANKS)
    error = values.std() / math.sqrt(len(values))
    few_values = mean_interval(values, Bootstrap(resamples=4000))
    drawn = resampled_means(values[:, None], Bootstrap(resamples=4000))[:, 0]
    assert drawn.mean() == pytest.approx(values.mean(), abs=5 * error / math.sqrt(4000))
    assert drawn.std() == pytest.approx(error, rel=0.06)
    other = interval(drawn, Bootstrap())
    assert few_values.high - few_values.low == pytest.approx(other.high - other.low, rel=0.08)


def test_all_columns_share_the_resamples():
    values = np.random.default_rng(2).random((50, 2))
    values = np.column_stack([values, values[:, 0] - values[:, 1]])
    means = resampled_means(values, FEW)
    np.testing.assert_allclose(means[:, 0] - means[:, 1], means[:, 2])
    assert means.shape == (400, 3)


def test_the_seed_determines_an_interval():
    values = METRICS["mrr"](RANKS)
    assert mean_interval(values, FEW) == mean_interval(values, FEW)
    assert mean_interval(values, FEW) != mean_interval(values, Bootstrap(resamples=400, seed=1))


def test_chunks_change_nothing(monkeypatch):
    values = np.random.default_rng(2).random((50, 3))
    whole = resampled_means(values, FEW)
    monkeypatch.setattr("calrec.evaluation.statistics.CHUNK", 170)
    np.testing.assert_allclose(resampled_means(values, FEW), whole)


@given(hnp.arrays(np.int64, st.integers(2, 60), elements=st.integers(1, 40)))
def test_an_interval_lies_within_the_values(ranks):
    values = METRICS["ndcg@10"](ranks)
    found = mean_interval(values, Bootstrap(resamples=50))
    assert values.min() - 1e-12 <= found.low <= found.high <= values.max() + 1e-12


def test_one_user_has_no_interval():
    assert mean_interval(np.array([0.5]), FEW) == NO_INTERVAL
    one = paired_difference(np.array([0.5]), np.array([0.25]), FEW)
    assert (one.mean, one.interval) == (0.25, NO_INTERVAL)
    assert math.isnan(NO_INTERVAL.low)


@pytest.mark.slow
@given(
    hnp.arrays(np.int64, st.integers(2, 400), elements=st.integers(1, 30)),
    st.integers(0, 5),
    st.sampled_from(sorted(METRICS)),
    st.integers(0, 10**6),
)
def test_no_bound_is_above_that_of_a_column_above(ranks, worse, metric, seed):
    # Few values make multinomial draws, many of them draws of users.
    below = ranks + np.random.default_rng(seed).integers(0, worse + 1, len(ranks))
    columns = np.column_stack([METRICS[metric](ranks), METRICS[metric](below)])
    upper, lower = mean_intervals(columns, Bootstrap(resamples=30, seed=seed))
    assert upper.low >= lower.low - 1e-12
    assert upper.high >= lower.high - 1e-12


@pytest.mark.parametrize("values", [3, 500])
def test_columns_share_one_draw(values):
    ranks = np.random.default_rng(0).integers(1, values + 1, 1000)
    # The second column is the first turned round, so its bounds are those of one draw turned round.
    one, other = mean_intervals(np.column_stack([1.0 / ranks, 1 - 1.0 / ranks]), FEW)
    assert (other.low, other.high) == pytest.approx((1 - one.high, 1 - one.low), abs=1e-12)
    first, second = paired_differences(
        np.column_stack([1.0 / ranks, ranks]), np.column_stack([ranks, 1.0 / ranks]), FEW
    )
    assert first.interval.low == pytest.approx(-second.interval.high, abs=1e-9)
    assert first.test.p == pytest.approx(second.test.p)


def test_equal_values_have_no_width():
    assert mean_interval(np.ones(9), FEW) == Interval(low=1.0, high=1.0)


@pytest.mark.parametrize("wrong", [{"resamples": 0}, {"seed": -1}, {"level": 1.0}])
def test_settings_out_of_range(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must .* found"):
        Bootstrap(**wrong)


def test_no_case_and_unlike_lengths():
    with pytest.raises(ValueError, match="at least one case"):
        resampled_means(np.empty((0, 1)), FEW)
    with pytest.raises(ValueError, match="found 2 and 1"):
        paired_difference(np.ones(2), np.ones(1), FEW)
    with pytest.raises(ValueError, match="at least one case"):
        mean_interval(np.empty(0), FEW)
