"""The catalogue's filters as choices of a list: their texts, and back from what was chosen.

A choice's value is text, empty for "all". What comes back from the browser may be any value: one
that is none of ours filters nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from catalog.errors import CatalogueError
from catalog.store import Band, Facet, Facets, Filters

_BELOW = "› "
Choice = tuple[str, str]
"""What a person reads, and the value."""


class Choices(NamedTuple):
    """Choices of the three lists."""

    category: list[Choice]
    brand: list[Choice]
    price: list[Choice]


def chosen_filters(category: Any, brand: Any, price: Any) -> Filters:
    """The filters of what was chosen in the three lists."""
    ends = _list(price)
    chosen = {
        "category": tuple(_list(category)),
        "brand": brand or None,
        "price": Band(*ends) if len(ends) == 2 else None,
    }
    return possible_filters(chosen)


def possible_filters(asked: Mapping[str, Any]) -> Filters:
    """Filters by their names; a value that a filter cannot have filters nothing."""
    return Filters(**{name: value for name, value in asked.items() if _can_be(name, value)})


def _can_be(name: str, value: Any) -> bool:
    try:
        Filters(**{name: value})
    except CatalogueError:
        return False
    return True


def choices(facets: Facets, filters: Filters) -> Choices:
    """What the lists offer, with the number of items of each; what is chosen is among it."""
    path = filters.category
    # The way back up, from the top; then the chosen category itself and what is right below it.
    above = [(path[i - 1], _value(path[:i])) for i in range(1, len(path))]
    chosen, below = facets.categories[: bool(path)], facets.categories[bool(path) :]
    return Choices(
        category=[
            ("All categories", ""),
            *above,
            *(_counted(f" {_BELOW}".join(path), facet) for facet in chosen),
            *(_counted(f"{_BELOW if path else ''}{facet.label}", facet) for facet in below),
        ],
        brand=[("All brands", ""), *_all_counted(facets.brands)],
        price=[("All prices", ""), *_all_counted(facets.prices)],
    )


def sorts(offered: Sequence[Choice], query: str, chosen: str) -> list[Choice]:
    """The orders that make a difference: without a search, what matches best is what sold most.

    Args:
      offered: all of them, the first one being by what matches best.
      query: what is searched for.
      chosen: value of the order as it is.
    """
    if (query or "").strip():
        return list(offered)
    match, most = offered[0][1], next(one for one in offered if one[1] == "popularity")
    first = most if chosen == most[1] else (most[0], match)
    return [first, *(one for one in offered if one[1] not in (match, most[1]))]


def _all_counted(facets: Iterable[Facet]) -> list[Choice]:
    return [_counted(facet.label, facet) for facet in facets]


def _counted(label: str, facet: Facet) -> Choice:
    return f"{label} ({facet.count:,})", _value(facet.value)


def _value(value: str | tuple) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _list(text: Any) -> list:
    try:
        value = json.loads(text or "[]")
    # The last for brackets within brackets within brackets ad lib.
    except (TypeError, ValueError, RecursionError):
        return []
    return value if isinstance(value, list) else []
