"""The list of items, its pager, and the filters beside it, as HTML.

A button that leads to another view carries that view's query in `data-id`, as a link would. Every
function is pure; all text from outside goes through `escape`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from calrec.records import Attributes, Item
from catalog.store import Band, Facet, Facets, Page
from demo.html.widgets import empty_state, item_block, search_note, title_of
from demo.html.wording import count, escape
from demo.pages.catalogue.view import PAGE_SIZE, View

SHOWN = 8
"""Values of a filter that stand there before `more` is opened."""


def go(
    view: View, label: str, *, key: str = "", style: str = "cr-button", **attributes: str
) -> str:
    """A button to another view; `label` is HTML, `key` names it so that it keeps the focus."""
    rest = "".join(f' {name.replace("_", "-")}="{escape(v)}"' for name, v in attributes.items())
    return (
        f'<button type="button" class="{style}" data-act="go" data-id="{escape(view.query())}"'
        f' data-key="{escape(key)}"{rest}>{label}</button>'
    )


def item_row(
    item: Item, value: str = "", *, shown: Attributes | None = None, current: bool = False
) -> str:
    """A row of two buttons: one opens the item, one adds it to the history.

    Args:
      item: the item.
      value: HTML at the right end of the first button.
      shown: as for `item_block`.
      current: whether it is the item that is open.
    """
    item_id, title = escape(item.item_id), escape(title_of(item))
    return (
        f'<li class="cr-found"><button type="button" class="cr-row" data-act="open"'
        f' data-id="{item_id}"{" aria-current=true" if current else ""}>'
        f"{item_block(item, shown)}{value}</button>"
        f'<button type="button" class="cr-button cr-plus" data-act="add" data-id="{item_id}"'
        f' aria-label="Add {title} to the history" title="Add to the history">Add</button></li>'
    )


def results(page: Page, view: View) -> str:
    """The items of one page of the list."""
    note = search_note(page)
    if not page.items:
        return note + empty_state("Nothing found", "Try another word, or take a filter away.")
    priced = any(item.price for item in page.items)
    rows = "".join(
        item_row(
            item,
            _numbers(shown, sold, priced),
            shown=shown,
            current=item.item_id == view.open,
        )
        for item, shown, sold in zip(page.items, page.highlights, page.popularity, strict=True)
    )
    return f'{note}<ul class="cr-list">{rows}</ul>{_pager(view, page.total)}'


def _numbers(shown: Attributes, sold: int, priced: bool) -> str:
    price = f'<span class="cr-price">{shown.price or "–"}</span>' if priced else ""
    return f'<span class="cr-numbers">{price}<span class="cr-sold">{sold:,} sold</span></span>'


def _pager(view: View, total: int) -> str:
    last = min(view.offset + PAGE_SIZE, total)

    def button(label: str, offset: int, usable: bool) -> str:
        if not usable:
            return f'<button type="button" class="cr-button" disabled>{label}</button>'
        return go(replace(view, offset=offset), label, key=f"pager:{label}")

    return (
        '<nav class="cr-pager" aria-label="Pages of the catalogue">'
        f"{button('Previous', max(view.offset - PAGE_SIZE, 0), view.offset > 0)}"
        f"<span>{view.offset + 1:,}–{last:,} of {total:,}</span>"
        f"{button('Next', view.offset + PAGE_SIZE, last < total)}</nav>"
    )


def chips(view: View, facets: Facets, total: int) -> str:
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
    buttons = "".join(
        go(
            without,
            f'<span class="cr-sub">{name}</span> {escape(label)} <span aria-hidden="true">×</span>',
            style="cr-chip",
            aria_label=f"Remove the filter {name}: {label}",
        )
        for name, label, without in chosen
    )
    if len(chosen) > 1:
        none = view.filtered(category=(), brand=None, price=None, popularity=None)
        buttons += go(none, "Remove all", style="cr-link")
    found = f'<strong role="status">{count(total, "item")}</strong>'
    return f'<div class="cr-chips">{found}{buttons}</div>'


def _label(facets: Iterable[Facet], band: Band) -> str:
    return next((facet.label for facet in facets if facet.value == band), "chosen")


def filter_lists(facets: Facets, view: View) -> str:
    """All filters with how many items each value has; what is chosen is pressed."""
    filters = view.filters
    groups = [
        ("Category", _categories(facets.categories, view)),
        ("Brand", _values(facets.brands, "brand", filters.brand, view)),
        ("Price", _values(facets.prices, "price", filters.price, view)),
        ("Sold", _values(facets.popularity, "popularity", filters.popularity, view)),
    ]
    return "".join(_group(name, buttons) for name, buttons in groups if buttons)


def _group(name: str, buttons: list[str]) -> str:
    def as_list(some: list[str]) -> str:
        return f"<ul>{''.join(f'<li>{button}</li>' for button in some)}</ul>"

    rest = buttons[SHOWN:]
    more = (
        f"<details><summary>{len(rest):,} more</summary>{as_list(rest)}</details>" if rest else ""
    )
    return (
        f'<section class="cr-facet" aria-label="{name}"><h3>{name}</h3>'
        f"{as_list(buttons[:SHOWN])}{more}</section>"
    )


def _categories(facets: tuple[Facet, ...], view: View) -> list[str]:
    path = view.filters.category
    if not path:
        return [_counted(facet, "category", False, view) for facet in facets]
    up = [
        go(
            view.filtered(category=path[:level]),
            f'<span class="cr-facet-name">‹ {escape(path[level - 1]) if level else "All"}</span>',
            key=f"category:{path[:level]}",
            style="cr-value-button",
        )
        for level in range(len(path))
    ]
    itself, below = facets[:1], facets[1:]
    return [
        *up,
        *(_counted(facet, "category", True, view) for facet in itself),
        *(_counted(facet, "category", False, view, indented=True) for facet in below),
    ]


def _values(facets: tuple[Facet, ...], field: str, chosen: Any, view: View) -> list[str]:
    # First what is chosen: it may stand far down.
    ordered = sorted(facets, key=lambda facet: field == "brand" and facet.value != chosen)
    return [_counted(facet, field, facet.value == chosen, view) for facet in ordered]


def _counted(facet: Facet, field: str, pressed: bool, view: View, *, indented: bool = False) -> str:
    without: Any = () if field == "category" else None
    if pressed and field == "category":
        without = view.filters.category[:-1]
    return go(
        view.filtered(**{field: without if pressed else facet.value}),
        f'<span class="cr-facet-name">{escape(facet.label)}</span>'
        f'<span class="cr-facet-count">{facet.count:,}</span>',
        key=f"{field}:{facet.value}",
        style="cr-value-button" + (" cr-indented" if indented else ""),
        aria_pressed="true" if pressed else "false",
    )
