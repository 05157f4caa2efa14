"""The list of items, its pager, and the filters beside it: what their templates show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from catalog.store import Band, Facet, Facets, Page
from demo.html.templating import render
from demo.pages.catalogue.view import PAGE_SIZE, View

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


def results(page: Page, view: View) -> Markup:
    """The items of one page of the list."""
    return render(
        "catalogue/list",
        "results",
        page,
        rows=list(zip(page.items, page.highlights, page.popularity, strict=True)),
        view=view,
        limit=PAGE_SIZE,
        at=lambda offset: replace(view, offset=offset).query(),
    )


def chips(view: View, facets: Facets, total: int) -> Markup:
    """How many items there are, and what is chosen; each choice can be taken away."""
    filters = view.filters
    chosen = []
    if filters.category:
        chosen.append(("Category", " › ".join(filters.category), view.filtered(category=())))
    if filters.brand is not None:
        chosen.append(("Brand", filters.brand, view.filtered(brand=None)))
    if filters.price is not None:
        label = _label(facets.prices, filters.price)
        chosen.append(("Price", label, view.filtered(price=None)))
    if filters.popularity is not None:
        label = _label(facets.popularity, filters.popularity)
        chosen.append(("Sold", label, view.filtered(popularity=None)))
    none = view.filtered(category=(), brand=None, price=None, popularity=None)
    return render(
        "catalogue/list",
        "chips",
        total,
        chosen=[(name, label, without.query()) for name, label, without in chosen],
        unfiltered=none.query(),
    )


def _label(facets: Iterable[Facet], band: Band) -> str:
    return next((facet.label for facet in facets if facet.value == band), "chosen")


def filter_lists(facets: Facets, view: View) -> Markup:
    """All filters with how many items each value has; what is chosen is pressed."""
    filters = view.filters
    groups = [
        ("Category", _categories(facets.categories, view)),
        ("Brand", _values(facets.brands, "brand", filters.brand, view)),
        ("Price", _values(facets.prices, "price", filters.price, view)),
        ("Sold", _values(facets.popularity, "popularity", filters.popularity, view)),
    ]
    return render("catalogue/list", "filter_lists", groups, SHOWN)


def _categories(facets: tuple[Facet, ...], view: View) -> list[Value]:
    path = view.filters.category
    if not path:
        return [_counted(facet, "category", False, view) for facet in facets]
    up = [
        Value(
            label=path[level - 1] if level else "All",
            query=view.filtered(category=path[:level]).query(),
            key=f"category:{path[:level]}",
        )
        for level in range(len(path))
    ]
    itself, below = facets[:1], facets[1:]
    return [
        *up,
        *(_counted(facet, "category", True, view) for facet in itself),
        *(_counted(facet, "category", False, view, indented=True) for facet in below),
    ]


def _values(facets: tuple[Facet, ...], field: str, chosen: Any, view: View) -> list[Value]:
    # First what is chosen: it may stand far down.
    ordered = sorted(facets, key=lambda facet: field == "brand" and facet.value != chosen)
    return [_counted(facet, field, facet.value == chosen, view) for facet in ordered]


def _counted(
    facet: Facet, field: str, pressed: bool, view: View, *, indented: bool = False
) -> Value:
    without: Any = () if field == "category" else None
    if pressed and field == "category":
        without = view.filters.category[:-1]
    return Value(
        label=facet.label,
        query=view.filtered(**{field: without if pressed else facet.value}).query(),
        key=f"{field}:{facet.value}",
        count=facet.count,
        pressed=pressed,
        indented=indented,
    )
