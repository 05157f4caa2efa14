"""Probabilities of texts as a person reads them: shares of a hundred, and the end of their axis."""

from __future__ import annotations

import math

_LEAST = 1e-9


def chance(score: float) -> float:
    """The probability of a text whose log-probability is `score` nats."""
    return math.exp(min(score, 0.0))


def percent(share: float, digits: int = 2) -> str:
    """`22%`, `3.1%`, `1 in 12,000`: so many significant digits, none needless."""
    if share >= 0.001:
        hundredths = 100 * share
        decimals = max(0, digits - 1 - math.floor(math.log10(hundredths)))
        return f"{hundredths:.{decimals}f}%"
    if share < _LEAST:
        return "under 1 in a billion"
    odds = 1 / share
    return f"1 in {round(odds, digits - 1 - math.floor(math.log10(odds))):,.0f}"


def against(one: float, other: float) -> tuple[str, str]:
    """Two probabilities with as many digits as tell them apart, up to five."""
    said = [(percent(one, digits), percent(other, digits)) for digits in (2, 3, 4, 5)]
    return next((pair for pair in said if pair[0] != pair[1]), said[0])


def axis_end(largest: float) -> float:
    """Where an axis from 0 ends that holds `largest`: a round number, 1 at most."""
    if not 0 < largest < 1:
        return 1.0
    step = 10.0 ** math.floor(math.log10(largest))
    return next(n * step for n in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if n * step >= largest * 0.999999)
