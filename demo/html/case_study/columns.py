"""The first ten of several evaluations as columns beside each other."""

from __future__ import annotations

from markupsafe import Markup

from demo.html.templating import render
from demo.html.wording import count, listed
from demo.inspect.columns import FIRST, Column, Columns
from demo.inspect.links import to_item


def columns_view(columns: Columns, shop: str = "") -> Markup:
    """The columns, empty where there is only one; titles are links to items of a shop."""
    if len(columns.columns) < 2:
        return Markup("")
    places = [
        [_cell(columns, one, place, shop) for one in columns.columns] for place in range(FIRST)
    ]
    heads = [
        (one, columns.shared(one) if one.item_ids and k else None)
        for k, one in enumerate(columns.columns)
    ]
    return render("cases/columns", "columns", heads, places, _found(columns), _common(columns))


def _cell(
    columns: Columns, one: Column, place: int, shop: str
) -> tuple[str, str, bool, bool, str] | None:
    """Title, what is known of the item, whether it is the one bought, whether it was before, and
    its address."""
    if place >= len(one.item_ids):
        return None
    item_id = one.item_ids[place]
    item = columns.items.get(item_id)
    title = (item and item.title) or f"Item {item_id}"
    about = ", ".join(filter(None, (title, item and item.category, item and item.brand)))
    address = to_item(shop, item_id) if item and shop else ""
    return title, about, item_id == columns.target, item_id in columns.bought, address


def _found(columns: Columns) -> str:
    found = columns.finders
    if not found:
        return "None of them has the item really bought in its first ten."
    if len(found) == 1:
        return f"{found[0]} alone has the item really bought in its first ten."
    if len(found) == len(columns.columns):
        return "All of them have the item really bought in their first ten."
    return f"In the first ten of {listed(found)}."


def _common(columns: Columns) -> str:
    return f"{count(columns.common, 'item')} in the first ten of all of them."
