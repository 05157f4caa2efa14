"""What the page shows, as a value: written into the address, read from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from catalog.browse.filters import EVERYTHING
from catalog.store import Band, Filters
from demo.inspect import url
from demo.inspect.choices import possible_filters
from demo.inspect.url import Query

SORTS = (
    ("Best match", "relevance"),
    ("Most sold", "popularity"),
    ("Title, A to Z", "title"),
    ("Price, low to high", "price"),
)
PAGE_SIZE = 24
BUYERS = 50
"""Buyers of an item on one page."""
LONGEST = 1_000
"""Characters of a search that are read."""

_TO = ".."


@dataclass(frozen=True, kw_only=True)
class CatalogueAddress:
    """A view of the page: a list of items, and the item that is open beside it.

    Attributes:
      q: words to search for, as typed.
      sort: a sort of `Catalogue.page`.
      filters: which items; by category, brand, price and popularity.
      offset: items before the first one shown, a multiple of `PAGE_SIZE`.
      open: id of the open item; any text, as it comes from an address.
      buyers: its buyers before the first one shown, a multiple of `BUYERS`.
    """

    q: str = ""
    sort: str = SORTS[0][1]
    filters: Filters = EVERYTHING
    offset: int = 0
    open: str = ""
    buyers: int = 0

    @classmethod
    def read(cls, query: Query) -> CatalogueAddress:
        """The view that an address asks for; what it cannot mean is left out."""
        asked: Mapping[str, Any] = {
            "category": tuple(query.get("category", ())),
            "brand": url.one(query, "brand") or None,
            "price": _band(url.one(query, "price")),
            "popularity": _band(url.one(query, "sold")),
        }
        offset, buyers = (int(url.number(query, n, 0, 0, 1e12)) for n in ("offset", "buyers"))
        return cls(
            q=_clean(url.one(query, "q")),
            sort=_sort(url.one(query, "sort")),
            filters=possible_filters(asked),
            offset=offset - offset % PAGE_SIZE,
            open=_clean(url.one(query, "open")),
            buyers=buyers - buyers % BUYERS,
        )

    @classmethod
    def of(cls, address: Any) -> CatalogueAddress:
        """The view that a box of the page holds."""
        return cls.read(url.read(str(address or "")))

    def filtered(self, **changes: Any) -> CatalogueAddress:
        """With other filters, from the first item on."""
        return replace(self, filters=replace(self.filters, **changes), offset=0)

    def asked(self, q: Any, sort: Any) -> CatalogueAddress:
        """With another search or sort, from the first item on; unchanged if they are the same."""
        q, sort = _clean(q), _sort(sort)
        return self if (q, sort) == (self.q, self.sort) else replace(self, q=q, sort=sort, offset=0)

    def listing(self) -> CatalogueAddress:
        """Without the open item: equal ones show the same list."""
        return replace(self, open="", buyers=0)

    def write(self) -> str:
        """The view as the query of an address, without what is usual."""
        return url.write(
            {
                "q": self.q,
                "sort": "" if self.sort == SORTS[0][1] else self.sort,
                "category": self.filters.category,
                "brand": self.filters.brand,
                "price": _band_text(self.filters.price),
                "sold": _band_text(self.filters.popularity),
                "offset": self.offset or "",
                "open": self.open,
                "buyers": self.buyers or "",
            }
        )


def _sort(value: Any) -> str:
    return value if value in [name for _, name in SORTS] else SORTS[0][1]


def _clean(text: Any) -> str:
    # Half a character, which no address can carry, becomes a question mark.
    return str(text or "")[:LONGEST].encode(errors="replace").decode()


def _band(text: str) -> Band | None:
    low, to, high = text.partition(_TO)
    try:
        ends = [float(end) if end else None for end in (low, high)]
    except ValueError:
        return None
    return Band(*ends) if to else None


def _band_text(band: Band | None) -> str:
    return "" if band is None else _TO.join(map(_end, band))


def _end(end: float | None) -> str:
    if end is None:
        return ""
    return str(int(end)) if math.isfinite(end) and end == int(end) else repr(end)
