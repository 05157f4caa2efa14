"""Cases taken apart: by history, target and ties, so that it shows where a mean comes from.

Each dimension puts every case into exactly one band, so the mean of the bands, weighted by their
users, is the total. Bands are fixed, not quantiles, so that domains can be compared; only the
categories are chosen by how often they occur.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from calrec.evaluation.cases import Cases
from calrec.evaluation.statistics import Bootstrap, Estimate, mean_intervals

CATEGORIES = 10
"""Categories with a band of their own; the rest is `other`."""

HISTORY_LENGTH = (1, 3, 5, 10, 20)
POPULARITY = (0, 1, 5, 10, 20, 50, 100)
AGE = (0, 7, 30, 90, 365)
TIE_WIDTH = (0, 1, 10, 100)


@dataclass(frozen=True, kw_only=True, eq=False)
class Slices:
    """Cases in bands.

    Attributes:
      dimension: name of the dimension.
      bands: names, in order; a band may be empty.
      codes: band of each of the C cases, an index into `bands`.
    """

    dimension: str
    bands: tuple[str, ...]
    codes: Int[np.ndarray, " C"]

    def places(self, band: int) -> Int[np.ndarray, " D"]:
        """Which cases lie in a band."""
        return np.flatnonzero(self.codes == band)


@dataclass(frozen=True, kw_only=True)
class SliceFigure:
    """A metric over one band.

    Attributes:
      band: its name.
      users: how many cases it holds, at least one.
      share: of all cases, as a fraction.
      value: its mean; one user has no intervals.
    """

    band: str
    users: int
    share: float
    value: Estimate


def by_history_length(cases: Cases) -> Slices:
    """Items in the history: 1-2, 3-4, 5-9, 10-19, 20+."""
    return _ranges("History length", cases.history_length, HISTORY_LENGTH)


def by_target_seen(cases: Cases) -> Slices:
    """Whether any training or validation part has the target: a cold one is in none."""
    return Slices(
        dimension="Target in training or validation",
        bands=("seen", "cold"),
        codes=cases.target_cold.astype(np.int64),
    )


def by_repeat(cases: Cases) -> Slices:
    """Whether the person bought the target before, and whether it was the last purchase."""
    codes = np.where(cases.target_is_last, 2, np.where(cases.target_in_history, 1, 0))
    return Slices(
        dimension="Repeat",
        bands=("new to the person", "bought before", "bought last"),
        codes=codes,
    )


def by_popularity(cases: Cases) -> Slices:
    """Purchases of the target in training: 0, 1-4, 5-9, 10-19, 20-49, 50-99, 100+."""
    return _ranges("Target's purchases", cases.target_popularity, POPULARITY)


def by_age(cases: Cases) -> Slices:
    """Days from the target's first sale in training: never sold, 0-6, 7-29, 30-89, 90-364, 365+.

    All cases of a run that does not record it are in one band.
    """
    dimension, age = "Target's age in days", cases.target_age
    if age is None:
        codes = np.zeros(len(cases), np.int64)
        return Slices(dimension=dimension, bands=("not recorded",), codes=codes)
    sold = _ranges(dimension, age, AGE)
    codes = np.where(age < 0, 0, sold.codes + 1)
    return Slices(dimension=dimension, bands=("never sold", *sold.bands), codes=codes)


def by_category(cases: Cases) -> Slices:
    """Top-level category of the target: the most frequent ones, the rest, and those without."""
    count = Counter(name for name in cases.target_category if name is not None)
    # Of equally frequent ones the first in the alphabet, so that the order of cases has no say.
    first = sorted(count, key=lambda name: (-count[name], name))[:CATEGORIES]
    place = {name: code for code, name in enumerate(first)}
    other, none = len(first), len(first) + 1
    codes = [none if name is None else place.get(name, other) for name in cases.target_category]
    return Slices(
        dimension="Category",
        bands=(*first, "(other)", "(without)"),
        codes=np.array(codes, dtype=np.int64),
    )


def by_tie_width(cases: Cases) -> Slices:
    """Items that tie with the target: 0, 1-9, 10-99, 100+. It depends on the recommender."""
    return _ranges("Tie width", cases.tie_width, TIE_WIDTH)


Dimension = Callable[[Cases], Slices]

OF_THE_CASE: tuple[Dimension, ...] = (
    by_history_length,
    by_target_seen,
    by_repeat,
    by_popularity,
    by_age,
    by_category,
)
"""Dimensions that are the same for every recommender."""


def figure(
    cases: Cases, places: Int[np.ndarray, " D"], metric: str, bootstrap: Bootstrap
) -> Estimate:
    """A metric over the cases at these places, at least one; one user has no intervals."""
    sides = [cases.values[metric, side][places] for side in ("optimistic", "pessimistic")]
    intervals = mean_intervals(np.stack(sides, axis=1), bootstrap)
    return Estimate(
        optimistic=float(sides[0].mean()),
        pessimistic=float(sides[1].mean()),
        optimistic_interval=intervals[0],
        pessimistic_interval=intervals[1],
    )


def recorded(cases: Cases) -> tuple[Dimension, ...]:
    """Those of `OF_THE_CASE` for which the run has what they need."""
    return tuple(d for d in OF_THE_CASE if d is not by_age or cases.target_age is not None)


def slice_figures(
    cases: Cases, slices: Slices, metric: str, bootstrap: Bootstrap
) -> tuple[SliceFigure, ...]:
    """A metric over each band that holds a case.

    Args:
      cases: of one run.
      slices: of these cases.
      metric: such as `ndcg@10`.
      bootstrap: how intervals are made.
    """
    figures = []
    for band, name in enumerate(slices.bands):
        places = slices.places(band)
        if len(places) == 0:
            continue
        value = figure(cases, places, metric, bootstrap)
        figures.append(
            SliceFigure(band=name, users=len(places), share=len(places) / len(cases), value=value)
        )
    return tuple(figures)


def _ranges(dimension: str, values: Int[np.ndarray, " C"], starts: tuple[int, ...]) -> Slices:
    """Bands that begin at `starts`; a value below the first start belongs to the first band."""
    ends = [start - 1 for start in starts[1:]]
    bands = [
        str(start) if start == end else f"{start}-{end}"
        for start, end in zip(starts[:-1], ends, strict=True)
    ]
    codes = np.clip(np.searchsorted(starts, values, side="right") - 1, 0, None)
    return Slices(dimension=dimension, bands=(*bands, f"{starts[-1]}+"), codes=codes)
