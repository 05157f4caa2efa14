"""Paired t-tests over users, and bootstrap intervals (percentile) of means and of differences.

Users are what is resampled: the same resample serves all recommenders and metrics of a comparison,
so that a difference keeps its pairs. Everything is deterministic by a seed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

CHUNK = 4_000_000
"""Counts held at once (32 MB)."""


@dataclass(frozen=True, kw_only=True)
class Bootstrap:
    """How intervals are made: from means over users resampled with replacement.

    Attributes:
      resamples: how many replicates.
      seed: of the resampling.
      level: coverage of an interval, as a fraction.

    Raises:
      ValueError: if a value is out of its range.
    """

    resamples: int = 2000
    seed: int = 0
    level: float = 0.95

    def __post_init__(self) -> None:
        if self.resamples < 1:
            raise ValueError(f"resamples must be at least 1, found {self.resamples}")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, found {self.seed}")
        if not 0 < self.level < 1:
            raise ValueError(f"level must lie between 0 and 1, found {self.level}")


@dataclass(frozen=True, kw_only=True)
class Interval:
    """From `low` to `high`; NaN where there is none: fewer than two users."""

    low: float
    high: float


NO_INTERVAL = Interval(low=math.nan, high=math.nan)
"""Of fewer than two users: each of their resamples is the same one again."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The mean of a metric over users, first among ties and last, each with its interval.

    Attributes:
      optimistic: the mean.
      pessimistic: likewise.
      optimistic_interval: its interval.
      pessimistic_interval: likewise.
    """

    optimistic: float
    pessimistic: float
    optimistic_interval: Interval
    pessimistic_interval: Interval


@dataclass(frozen=True, kw_only=True)
class TTest:
    """A paired t-test.

    Attributes:
      t: the statistic; above 0 where the first is larger. NaN where it is not defined.
      p: two-sided. NaN where it is not defined: fewer than two pairs, or equal differences.
    """

    t: float
    p: float


def paired_t_test(first: Float[np.ndarray, " n"], second: Float[np.ndarray, " n"]) -> TTest:
    """Whether the mean of `first - second` differs from 0 (paper, Table 4)."""
    from scipy import stats  # slow to import, and only reports need it

    differences = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    # Without spread there is no test; scipy would warn and answer NaN, or infinity.
    if len(differences) < 2 or np.ptp(differences) <= 1e-12 * np.abs(differences).max():
        return TTest(t=math.nan, p=math.nan)
    result = stats.ttest_rel(first, second)
    return TTest(t=float(result.statistic), p=float(result.pvalue))


def resampled_means(
    values: Float[np.ndarray, "n M"], bootstrap: Bootstrap
) -> Float[np.ndarray, "R M"]:
    """Means of M columns over R resamples of the n rows.

    Row r of the result is one replicate: n rows resampled with replacement, the same ones for all
    columns.

    Raises:
      ValueError: if there is no row.
    """
    rows, columns = values.shape
    if rows == 0:
        raise ValueError("a bootstrap needs at least one case, found none")
    generator = np.random.default_rng(bootstrap.seed)
    means = np.empty((bootstrap.resamples, columns))
    per_chunk = max(1, CHUNK // rows)
    for start in range(0, bootstrap.resamples, per_chunk):
        stop = min(start + per_chunk, bootstrap.resamples)
        means[start:stop] = _counts(generator, rows, stop - start) @ values / rows
    return means


def _counts(generator: np.random.Generator, rows: int, replicates: int) -> Float[np.ndarray, "R n"]:
    """How often each row is in a replicate: then a matrix product makes all means at once."""
    counts = np.empty((replicates, rows))
    for row in counts:
        row[:] = np.bincount(generator.integers(0, rows, rows), minlength=rows)
    return counts


def interval(means: Float[np.ndarray, " R"], bootstrap: Bootstrap) -> Interval:
    """The percentile interval of resampled means."""
    tail = (1 - bootstrap.level) / 2
    low, high = np.quantile(means, (tail, 1 - tail))
    return Interval(low=float(low), high=float(high))


def mean_intervals(values: Float[np.ndarray, "n M"], bootstrap: Bootstrap) -> tuple[Interval, ...]:
    """The intervals of the means of M columns, such as the optimistic and the pessimistic values.

    The columns share the replicates: where one column is never below another, neither are its
    bounds.

    A metric is a function of an integer rank and takes few values: NDCG@10 eleven, a recall two.
    How often each row of values stands in a replicate of n users is multinomial over the distinct
    rows: the same distribution as resampling users, exactly, at a fraction of the cost.

    Raises:
      ValueError: if there is no row.
    """
    values = np.asarray(values, dtype=np.float64)
    rows, columns = values.shape
    if rows == 1:
        return (NO_INTERVAL,) * columns
    distinct, count = np.unique(values, axis=0, return_counts=True)
    if len(distinct) * 4 >= rows:  # then resampling users is cheaper
        means = resampled_means(values, bootstrap)
    else:
        generator = np.random.default_rng(bootstrap.seed)
        replicates: Int[np.ndarray, "R d"] = generator.multinomial(
            rows, count / rows, size=bootstrap.resamples
        )
        means = replicates @ distinct / rows
    return tuple(interval(of_column, bootstrap) for of_column in means.T)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A paired difference of means, first - second.

    Attributes:
      mean: above 0 where the first is larger.
      interval: bootstrap over the pairs.
      test: paired t-test.
      pairs: how many.
    """

    mean: float
    interval: Interval
    test: TTest
    pairs: int


def paired_differences(
    first: Float[np.ndarray, "n M"], second: Float[np.ndarray, "m M"], bootstrap: Bootstrap
) -> tuple[Difference, ...]:
    """Compares M values of the same users, column by column; the columns share the resamples.

    Raises:
      ValueError: if the lengths differ, or there is none.
    """
    if len(first) != len(second) or len(first) == 0:
        raise ValueError(
            f"expected the same users on both sides, found {len(first)} and {len(second)}"
        )
    differences = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    intervals = mean_intervals(differences, bootstrap)
    return tuple(
        Difference(
            mean=float(differences[:, column].mean()),
            interval=intervals[column],
            test=paired_t_test(first[:, column], second[:, column]),
            pairs=len(differences),
        )
        for column in range(differences.shape[1])
    )
