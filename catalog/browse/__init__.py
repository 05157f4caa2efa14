"""Pages of a domain's items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from calrec.records import Attributes, Item
from catalog.browse.filters import as_bigint
from catalog.browse.selection import Selection
from catalog.errors import CatalogueError
from catalog.highlight import highlight_item

if TYPE_CHECKING:
    from catalog.search import Hits

# What is equal keeps the order of the ids, so that pages follow each other.
_SORTS = {
    "relevance": "score DESC, popularity DESC, item_index",
    "popularity": "popularity DESC, item_index",
    "title": "lower(title) NULLS LAST, item_index",
    "price": "price_low NULLS LAST, item_index",
}


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some of the items that were asked for.

    Attributes:
      items: the page's items.
      popularity: purchases of each in the training part.
      highlights: each item's attributes as HTML, with the words of the query marked.
      total: how many items match in all.
      note: one plain line if the query was cut, corrected or not understood, or there is no such
        user, else empty.
      did_you_mean: the query that was answered instead, if a word of it had a slip, else empty.
    """

    items: tuple[Item, ...]
    popularity: tuple[int, ...]
    highlights: tuple[Attributes, ...]
    total: int
    note: str = ""
    did_you_mean: str = ""


def check_sort(sort: str) -> None:
    """Raises `CatalogueError` unless items can be sorted so."""
    if sort not in _SORTS:
        raise CatalogueError(
            f"expected a sort of {', '.join(_SORTS)}, found {sort!r}: choose one of them"
        )


def page(
    selection: Selection,
    items: Sequence[Item],
    hits: Hits | None,
    *,
    sort: str,
    offset: int,
    limit: int,
) -> Page:
    """The selected items from number `offset` on, at most `limit`.

    Args:
      selection: which items.
      items: all of the domain's, in item-index order.
      hits: what the query found, if there was one; its note and marks go with the page.
      sort: one that `check_sort` lets pass.
      offset: items to leave out at the beginning.
      limit: items at most.
    """
    total = selection.rows("count(*)")[0][0]
    rows = selection.rows(
        "item_index, popularity",
        f"ORDER BY {_SORTS[sort]} LIMIT $limit OFFSET $offset",
        limit=as_bigint(limit),
        offset=as_bigint(offset),
    )
    shown = tuple(items[item_index] for item_index, _ in rows)
    notes = [hits.note if hits else "", selection.note]
    return Page(
        items=shown,
        popularity=tuple(popularity for _, popularity in rows),
        highlights=tuple(highlight_item(item, hits.marks if hits else ()) for item in shown),
        total=total,
        note="; ".join(filter(None, notes)),
        did_you_mean=hits.did_you_mean if hits else "",
    )
