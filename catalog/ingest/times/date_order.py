"""Which of a date's three parts is the day, the month and the year: decided by the whole column."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_FIRST_YEAR = 1970
# Of the values that only one order fits: more that only another fits are no slips of a pen.
_SLIPS = 0.01


@dataclass(frozen=True)
class Day:
    """A date as written: three numbers, and how many values of the column are on it."""

    first: str
    second: str
    third: str
    count: int = 1

    @property
    def text(self) -> str:
        """For messages."""
        return f"{self.first}/{self.second}/{self.third}"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a column says about the order.

    Attributes:
      order: `dmy`, `mdy`, `ymd` or `ydm`; `None` if nothing fits.
      rivals: the orders that fit as well as it does and give other dates; then nothing is decided.
      fitting: how many values it fits.
      decisive: how many of these no other order fits.
      against: how many values only another order fits.
      example: a date that reads both ways, or the one that only another order fits.
    """

    order: str | None
    rivals: tuple[str, ...] = ()
    fitting: int = 0
    decisive: int = 0
    against: int = 0
    example: str = ""

    @property
    def decided(self) -> bool:
        """Whether one order fits, and what only others fit are slips."""
        return self.order is not None and not self.rivals and not self.contradicted

    @property
    def contradicted(self) -> bool:
        """Whether the column has dates in two orders."""
        return self.against > _SLIPS * self.decisive


def full_year(text: str) -> int | None:
    """Two digits as in POSIX, 69 being 1969; `None` unless there are two or four."""
    if len(text) not in (2, 4):
        return None
    year = int(text)
    return year if len(text) == 4 else year + (2000 if year < 69 else 1900)


def as_date(day: Day, order: str) -> datetime.date | None:
    """The date meant if the order holds; `None` if there is no such day, or it is in the future.

    Nobody has bought anything in a year to come, or before there were web shops.
    """
    parts = dict(zip(order, (day.first, day.second, day.third), strict=True))
    if max(len(parts["d"]), len(parts["m"])) > 2:
        return None
    year = full_year(parts["y"])
    if year is None or not _FIRST_YEAR <= year <= datetime.date.today().year + 1:
        return None
    try:
        return datetime.date(year, int(parts["m"]), int(parts["d"]))
    except ValueError:
        return None


def decide(days: Iterable[Day], orders: Sequence[str]) -> Decision:
    """The order that fits the most values; of those that fit equally well the first is named."""
    days = list(days)
    dates = {order: [as_date(day, order) for day in days] for order in orders}
    fits = {
        order: sum(day.count for day, date in zip(days, found, strict=True) if date)
        for order, found in dates.items()
    }
    best = max(orders, key=lambda order: fits[order])  # the first of equals
    if not fits[best]:
        return Decision(order=None)
    rivals = [
        order
        for order in orders
        if order != best and fits[order] == fits[best] and dates[order] != dates[best]
    ]
    rows = list(zip(days, zip(*dates.values(), strict=True), dates[best], strict=True))
    only_best = [day for day, read, mine in rows if mine and sum(map(bool, read)) == 1]
    only_others = [day for day, read, mine in rows if not mine and any(read)]
    unclear = [day for day, read, _ in rows if len(set(filter(None, read))) > 1]
    shown = only_others or (unclear if rivals else [])
    return Decision(
        order=best,
        rivals=tuple(rivals),
        fitting=fits[best],
        decisive=sum(day.count for day in only_best),
        against=sum(day.count for day in only_others),
        example=shown[0].text if shown else "",
    )
