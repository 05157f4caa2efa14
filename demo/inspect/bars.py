"""What small bar charts count: items or shoppers by size, purchases over time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Int

# Purchases, or items of a history: most have few.
EDGES = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)
_MONTHS = 24
_QUARTERS = 8 * 4
_CALENDAR = 631_152_000  # 1990: earlier times are numbers of another kind


class Bar(NamedTuple):
    """One bar.

    Attributes:
      label: what it counts.
      count: how many.
      tick: what stands below it; nothing where labels would run into each other.
      low: the least number that it counts, for sizes; else 0.
      high: the number from which on it counts no more; `None` without end.
    """

    label: str
    count: int
    tick: str
    low: int = 0
    high: int | None = None


def sizes(counts: Int[np.ndarray, " n"]) -> list[Bar]:
    """How many of the counts are 0, 1, 2, 3 to 4, 5 to 9, ...; from the lowest to the highest."""
    if not len(counts):
        return []
    lows = [0, *EDGES]
    highs: list[int | None] = [*EDGES, None]
    found = []
    for low, high in zip(lows, highs, strict=True):
        inside = counts >= low if high is None else (counts >= low) & (counts < high)
        found.append(Bar(_range(low, high), int(inside.sum()), _range(low, high), low, high))
    filled = [i for i, bar in enumerate(found) if bar.count]
    return found[filled[0] : filled[-1] + 1]


def _range(low: int, high: int | None) -> str:
    if high is None:
        return f"{low:,}+"
    return f"{low:,}" if high == low + 1 else f"{low:,}–{high - 1:,}"


def is_calendar(span: tuple[int, int] | None) -> bool:
    """Whether a shop's times are seconds since 1970, and not numbers of another kind."""
    return span is not None and span[0] >= _CALENDAR


def over_time(times: Int[np.ndarray, " P"], span: tuple[int, int]) -> list[Bar]:
    """Purchases by month, by quarter where those are many, or by year.

    Args:
      times: seconds since 1970, within `span`.
      span: of the whole shop, so that two items can be compared.
    """
    first, last = (int(np.datetime64(end, "s").astype("datetime64[M]").astype(int)) for end in span)
    width = 1 if last - first < _MONTHS else 3 if last - first < 3 * _QUARTERS else 12
    first, last = first // width, last // width
    months = np.asarray(times).astype("datetime64[s]").astype("datetime64[M]").astype(int)
    counts = np.bincount(months // width - first, minlength=last - first + 1)
    return [_bar(first + i, width, int(count)) for i, count in enumerate(counts)]


def _bar(number: int, width: int, count: int) -> Bar:
    """The bar of period `number` since 1970, each `width` months long; years are written below."""
    years, month = divmod(number * width, 12)
    year = str(1970 + years)
    if width == 12:
        return Bar(year, count, f"’{year[2:]}")
    label = f"{year} Q{month // 3 + 1}" if width == 3 else f"{year}-{month + 1:02d}"
    return Bar(label, count, year if month == 0 else "")
