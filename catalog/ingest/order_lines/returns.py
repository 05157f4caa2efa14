"""Matches returns to purchases by customer, item, quantity and time."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from itertools import groupby

_EQUAL = 1e-9  # units; quantities may be weights


@dataclass(frozen=True, kw_only=True)
class OrderLine:
    """A purchase or a return.

    Attributes:
      of: the customer and the item.
      key: the line.
      units: how many, more than none.
      returned: whether it is a return.
    """

    of: Hashable
    key: Hashable
    units: float
    returned: bool


@dataclass(frozen=True, kw_only=True)
class Returns:
    """What the returns of a shop took back.

    Attributes:
      taken_back: keys of the purchases of which nothing is left.
      partly: returns that left something of a purchase.
      unmatched: returns without an earlier purchase.
    """

    taken_back: tuple[Hashable, ...]
    partly: int
    unmatched: int


def match_returns(lines: Iterable[OrderLine]) -> Returns:
    """Takes each return off the purchases before it.

    The latest purchase of just as many units, where there is one; else the latest purchases one
    after the other, until all units are taken off. Of one that is larger than the return, the rest
    stays a purchase, and later returns are taken off that rest.

    Args:
      lines: those of one customer and item side by side, oldest first.
    """
    taken, partly, unmatched = [], 0, 0
    for _, group in groupby(lines, key=lambda line: line.of):
        left: list[tuple[Hashable, float]] = []  # purchases with their units, oldest first
        for line in group:
            if not line.returned:
                left.append((line.key, line.units))
                continue
            unmatched += not left
            units = line.units
            equal = [i for i, (_, n) in enumerate(left) if abs(n - units) <= _EQUAL]
            if equal:
                taken.append(left.pop(equal[-1])[0])
                continue
            while left and units > _EQUAL:
                key, bought = left.pop()
                if bought <= units + _EQUAL:
                    taken.append(key)
                else:
                    left.append((key, bought - units))
                    partly += 1
                units -= bought
    return Returns(taken_back=tuple(taken), partly=partly, unmatched=unmatched)
