"""The page of one item: what is known of it, what the model reads, who bought it and what else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from calrec.records import Item
from calrec.text import TextSettings, item_text
from demo.html.templating import render
from demo.inspect.bars import is_calendar, over_time
from demo.inspect.opened_item import OpenedItem
from demo.inspect.similar import Similar

Items = Callable[[int], Item]
"""Item index -> item."""

_BY_VECTOR = "Similar by item vector"


def item_page(
    opened: OpenedItem,
    items: Items,
    brand: str,
    categories: Sequence[tuple[str, str]] = (),
    *,
    offset: int,
    limit: int,
    at: Callable[[int], str],
) -> Markup:
    """The page without similar items.

    Args:
      opened: what it shows.
      items: all of the shop.
      brand: the query of the list of its brand's items.
      categories: the levels of its category, top first, each with the query of the list of its
        items.
      offset: buyers before the first one shown.
      limit: buyers on one page.
      at: the query of another offset.
    """
    item, around = opened.item, opened.around
    sold = int(opened.popularity[opened.index])
    above = int((opened.popularity > sold).sum())
    ties = int((opened.popularity == sold).sum())
    # Where times are numbers of another kind, there is no axis to put them on.
    span = opened.span if is_calendar(opened.span) and len(opened.times) else None
    return render(
        "catalogue/item",
        "item_page",
        item,
        sold=sold,
        rank=(above + 1, above + ties),
        total=len(opened.popularity),
        brand=brand,
        categories=categories,
        text=item_text(item, opened.text),
        cut=_cut(item, opened.text),
        around=around,
        counts=_counts(opened, items),
        loadable=opened.loadable,
        timeline=[(bar, "") for bar in over_time(opened.times, span)] if span else [],
        offset=offset,
        limit=limit,
        at=at,
    )


def unknown_item(item_id: str) -> Markup:
    """What stands where an address names an item that the shop does not have."""
    return render("catalogue/item", "unknown_item", item_id)


def _cut(item: Item, settings: TextSettings) -> str:
    """What of an item the model does not read, as a sentence."""
    names = ("title", "category", "brand", "price")
    cut = [
        f"the {name} is cut from {len(words):,} to {limit} words"
        for name, value, limit in zip(names, item.values(), settings.limits(), strict=True)
        if len(words := (value or "").split()) > limit
    ]
    said = f"{'; '.join(cut)}." if cut else "nothing is cut."
    return f"{said[:1].upper()}{said[1:]}"


def _counts(opened: OpenedItem, items: Items) -> list[tuple[str, list[tuple[Item, int]], str]]:
    """Title, items with how often, and what is said of each list of items around this one."""
    around = opened.around
    lists = (
        (
            "Bought right before",
            around.before,
            f"{around.first:,} of {around.purchases:,} purchases were a shopper's first.",
        ),
        (
            "Bought right after",
            around.after,
            f"{around.last:,} of {around.purchases:,} purchases were a shopper's last in training.",
        ),
        (
            "Also bought by its buyers",
            around.together,
            "How many of its buyers bought these too, at any time.",
        ),
    )
    shown = []
    for title, counts, said in lists:
        if any(found.item == opened.index for found in counts):
            said += " It is among them itself: bought twice running."
        rows = [(items(found.item), found.count) for found in counts]
        shown.append((title, rows, said if around.purchases else ""))
    return shown


def similar_by_words(found: Sequence[Similar], items: Items) -> Markup:
    """Items by BM25 of the item's own words."""
    said = "By the words of both texts: higher means more words in common, and rarer ones."
    return _similar("Similar by words", found, items, 2, said)


def similar_by_vector(found: Sequence[Similar], items: Items) -> Markup:
    """Items by the cosine of their vectors."""
    said = "Cosine of what the model makes of both texts: 1 is the same direction."
    return _similar(_BY_VECTOR, found, items, 4, said)


def _similar(
    title: str, found: Sequence[Similar], items: Items, decimals: int, said: str
) -> Markup:
    rows = [(items(one.item), one.score) for one in found]
    return render("catalogue/item", "similar", title, rows, decimals, said)


def no_vectors(items: int) -> Markup:
    """What stands there until the vectors are computed, with the button to do so."""
    return render("catalogue/item", "no_vectors", _BY_VECTOR, items)


def computing(done: int, items: int) -> Markup:
    """How far the vectors are, with a button to stop."""
    return render("catalogue/item", "computing", _BY_VECTOR, done, items)
