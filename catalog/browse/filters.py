"""Filters of a browse; the only place that turns them into values for SQL."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from reprlib import repr as shortened
from typing import Any, NamedTuple

from catalog.errors import CatalogueError

# No shop's categories go as deep; each level is a condition of the SQL, which overflows with many.
MAX_LEVELS = 100

_MOST = 2**63 - 1  # DuckDB's largest BIGINT


class Band(NamedTuple):
    """Numbers from `low` on and below `high`; `None` where there is no such end."""

    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which items to browse; what is not given lets all pass.

    Attributes:
      category: the first levels of the category, top first.
      brand: exactly this brand.
      price: the lowest number of the price's text; items without one do not pass.
      popularity: purchases in the training part; kept as the whole numbers, from 0 on, that are
        in the band.
      bought_by: id of a user who bought the item at any time.

    Raises:
      CatalogueError: if a text is none or not Unicode, the category has more than `MAX_LEVELS`
        levels, or a band is empty, has no end, or one that is no finite number.
    """

    category: tuple[str, ...] = ()
    brand: str | None = None
    price: Band | None = None
    popularity: Band | None = None
    bought_by: str | None = None

    def __post_init__(self):
        if len(self.category) > MAX_LEVELS:
            raise CatalogueError(
                f"expected a category of at most {MAX_LEVELS} levels, "
                f"found {len(self.category):,}: give the first ones"
            )
        for level in self.category:
            _check_text("category", level)
        for name in ("brand", "bought_by"):
            if (text := getattr(self, name)) is not None:
                _check_text(name, text)
        for name in ("price", "popularity"):
            if (band := getattr(self, name)) is not None:
                object.__setattr__(self, name, _checked(name, band))


EVERYTHING = Filters()


def _check_text(name: str, text: Any) -> None:
    try:
        text.encode()
    except (AttributeError, UnicodeEncodeError):
        raise CatalogueError(
            f"expected Unicode text as {name}, found {shortened(text)}: "
            "give it as the domain's items or users have it"
        ) from None


def _checked(name: str, band: Band) -> Band:
    low, high = band
    if all(end is None or _is_number(end) for end in band) and (low, high) != (None, None):
        if name == "popularity":
            low = as_bigint(math.ceil(low or 0))
            high = None if high is None else as_bigint(math.ceil(high))
        else:
            low, high = (None if end is None else float(end) for end in band)
        if low is None or high is None or low < high:
            return Band(low, high)
    raise CatalogueError(
        f"expected a {name} from one finite number up to a higher one, or one of the two, "
        f"found {_shown(low)} and {_shown(high)}: give two such ends"
    )


def _is_number(end: Any) -> bool:
    return (
        isinstance(end, int | float)
        and not isinstance(end, bool)
        and abs(end) <= sys.float_info.max  # false for nan, and for an integer beyond all floats
    )


def _shown(end: Any) -> str:
    # Python writes no integer of thousands of digits.
    too_long = isinstance(end, int) and abs(end) > sys.float_info.max
    return "an endless number" if too_long else shortened(end)


def as_bigint(number: int) -> int:
    """The nearest number that SQL takes where a count is meant, from 0 on."""
    return min(max(0, number), _MOST)
