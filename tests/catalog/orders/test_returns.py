"""Returns and the purchases that they take back."""

import random

import pytest

from catalog.ingest.order_lines.returns import OrderLine, match_returns


def _matched(*units: float, of: str = "x") -> tuple[list[int], int, int]:
    """Of a history of one item, returns being negative: the places of what was taken back."""
    found = match_returns(
        OrderLine(of=of, key=n, units=abs(count), returned=count < 0)
        for n, count in enumerate(units)
    )
    return sorted(found.taken_back), found.partly, found.unmatched


@pytest.mark.parametrize(
    ("units", "taken", "partly", "unmatched"),
    [
        ((5, -5), [0], 0, 0),
        ((5, 5, -5), [1], 0, 0),  # the latest
        ((3, 5, -3), [0], 0, 0),  # of just as many units, though not the latest
        ((12, -4), [], 1, 0),  # a part only
        ((12, -4, -8), [0], 1, 0),  # and then the rest
        ((12, -4, -4, -4), [0], 2, 0),
        ((2, 3, -5), [0, 1], 0, 0),  # two purchases at once
        ((2, 3, -4), [1], 1, 0),
        ((2, 3, -9), [0, 1], 0, 0),  # more than was bought
        ((-5, 5), [], 0, 1),  # before there was anything
        ((5, -5, -5), [0], 0, 1),
        ((5, -5, 5), [0], 0, 0),  # bought again
        ((5, -5, 5, -5), [0, 2], 0, 0),
        ((0.3, -0.1, -0.2), [0], 1, 0),  # weights
        ((), [], 0, 0),
    ],
)
def test_what_a_return_takes_back(units, taken, partly, unmatched):
    assert _matched(*units) == (taken, partly, unmatched)


def test_customers_and_items_are_kept_apart():
    lines = [
        OrderLine(of=of, key=(of, n), units=abs(units), returned=units < 0)
        for of in ("a", "b", "c")
        for n, units in enumerate({"a": (2, -2), "b": (2,), "c": (-2, 2)}[of])
    ]
    found = match_returns(lines)
    assert found.taken_back == (("a", 0),)
    assert found.unmatched == 1


def test_units_are_neither_made_nor_lost():
    draw = random.Random(0)
    for _ in range(300):
        units = [draw.choice([1, 2, 3, 6, -1, -2, -3, -7]) for _ in range(draw.randrange(1, 12))]
        taken, *_ = _matched(*units)
        assert len(set(taken)) == len(taken)
        assert all(units[n] > 0 for n in taken)
        returned = -sum(n for n in units if n < 0)
        assert sum(units[n] for n in taken) <= returned
        if taken:  # the last return stands behind all that was taken back
            assert max(taken) < max(n for n, count in enumerate(units) if count < 0)
