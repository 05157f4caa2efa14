"""The list of items, its pager, and the filters beside it: what their templates show."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from catalog.store import Band, Facet, Facets, Filters, Page
from demo.html.templating import render

Link = Callable[..., str]
"""The query of the list with some filters changed, which are its keywords."""

SHOWN = 8
"""Values of a filter that stand there before `more` is opened."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """A button of a filter.

    Attributes:
      label: its value.
      query: of the view that it leads to.
      key: tells it from the others.
      count: items that have the value; `None` where the button leads back to a wider category.
      pressed: whether it is chosen.
      indented: whether it stands below a chosen category.
    """

    label: str
    query: str
    key: str
    count: int | None = None
    pressed: bool = False
    indented: bool = False


def results(
    page: Page, *, opened: str, offset: int, limit: int, at: Callable[[int], str]
) -> Markup:
    """The items of one page of the list.

    Args:
      page: the items.
      opened: id of the item that is open beside the list.
      offset: items before the first one of the page.
      limit: items that a page holds.
      at: the query of the list at another offset.
    """
    return render(
        "catalogue/list",
        "results",
        page,
        rows=list(zip(page.items, page.highlights, page.popularity, strict=True)),
        open=opened,
        offset=offset,
        limit=limit,
        at=at,
    )


def chips(filters: Filters, link: Link, facets: Facets, total: int) -> Markup:
    """How many items there are, and what is chosen; each choice can be taken away."""
    chosen = []
    if filters.category:
        chosen.append(("Category", " › ".join(filters.category), link(category=())))
    if filters.brand is not None:
        chosen.append(("Brand", filters.brand, link(brand=None)))
    if filters.price is not None:
        label = _label(facets.prices, filters.price)
        chosen.append(("Price", label, link(price=None)))
    if filters.popularity is not None:
        label = _label(facets.popularity, filters.popularity)
        chosen.append(("Sold", label, link(popularity=None)))
    return render(
        "catalogue/list",
        "chips",
        total,
        chosen=chosen,
        unfiltered=link(category=(), brand=None, price=None, popularity=None),
    )


def _label(facets: Iterable[Facet], band: Band) -> str:
    return next((facet.label for facet in facets if facet.value == band), "chosen")


def filter_lists(facets: Facets, filters: Filters, link: Link) -> Markup:
    """All filters with how many items each value has; what is chosen is pressed."""
    groups = [
        ("Category", _categories(facets.categories, filters.category, link)),
        ("Brand", _values(facets.brands, "brand", filters.brand, link)),
        ("Price", _values(facets.prices, "price", filters.price, link)),
        ("Sold", _values(facets.popularity, "popularity", filters.popularity, link)),
    ]
    return render("catalogue/list", "filter_lists", groups, SHOWN)


def _categories(facets: tuple[Facet, ...], path: tuple[str, ...], link: Link) -> list[Value]:
    def counted(facet: Facet, **how: bool) -> Value:
        return _counted(facet, "category", link(category=facet.value), **how)

    if not path:
        return [counted(facet) for facet in facets]
    up = [
        Value(
            label=path[level - 1] if level else "All",
            query=link(category=path[:level]),
            key=f"category:{path[:level]}",
        )
        for level in range(len(path))
    ]
    itself, below = facets[:1], facets[1:]
    back = link(category=path[:-1])
    return [
        *up,
        *(_counted(facet, "category", back, pressed=True) for facet in itself),
        *(counted(facet, indented=True) for facet in below),
    ]


def _values(facets: tuple[Facet, ...], field: str, chosen: Any, link: Link) -> list[Value]:
    # First what is chosen: it may stand far down.
    ordered = sorted(facets, key=lambda facet: field == "brand" and facet.value != chosen)
    found = []
    for facet in ordered:
        pressed = facet.value == chosen
        query = link(**{field: None if pressed else facet.value})
        found.append(_counted(facet, field, query, pressed=pressed))
    return found


def _counted(
    facet: Facet, field: str, query: str, *, pressed: bool = False, indented: bool = False
) -> Value:
    return Value(
        label=facet.label,
        query=query,
        key=f"{field}:{facet.value}",
        count=facet.count,
        pressed=pressed,
        indented=indented,
    )
