"""The page of one item: what is known of it, what the model reads, who bought it and what else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from calrec.records import Item
from calrec.text import TextSettings, item_text
from catalog.sequences.neighbours import Buyer, Count, Neighbours
from demo.html.widgets import notice, title_of
from demo.html.wording import count, escape, rank_range
from demo.inspect.similar import Similar
from demo.pages.catalogue.bars import bars, is_calendar, over_time
from demo.pages.catalogue.listing import go, item_row
from demo.pages.catalogue.view import View

Items = Callable[[int], Item]
"""Item index -> item."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """All that an item's page shows, but for similar items.

    Attributes:
      item: the item.
      popularity: training purchases of every item of the shop.
      index: the item's index.
      text: how the model reads items.
      around: who bought it, and what stands around it.
      times: when it was bought, in seconds since 1970.
      span: the shop's first and last purchase.
      loadable: which of its shoppers have a held-out purchase.
    """

    item: Item
    popularity: Int[np.ndarray, " N"]
    index: int
    text: TextSettings
    around: Neighbours
    times: Int[np.ndarray, " P"]
    span: tuple[int, int] | None
    loadable: frozenset[str]


def item_page(opened: Opened, items: Items, view: View) -> str:
    """The page without similar items."""
    item = opened.item
    return (
        f'<article class="cr-item-page" data-item="{escape(item.item_id)}">'
        '<div class="cr-bar"><button type="button" class="cr-button" data-act="close">'
        '<span aria-hidden="true">←</span> Back</button>'
        f'<button type="button" class="cr-button cr-main" data-act="add"'
        f' data-id="{escape(item.item_id)}">Add to the history</button></div>'
        f'<h2 class="cr-item-title" tabindex="-1">{escape(title_of(item))}</h2>'
        f"{_facts(opened, view)}{_text(item, opened.text)}"
        "<section><h3>In the shoppers' histories</h3>"
        '<p class="cr-sub cr-wrap">Counted in the training part only, so that held-out '
        "purchases stay hidden.</p></section>"
        f"{_around(opened, items)}{_timeline(opened)}</article>"
    )


def unknown_item(item_id: str) -> str:
    """What stands where an address names an item that the shop does not have."""
    line = f"This shop has no item {item_id}: choose one from the list."
    return (
        '<div class="cr-item-page"><div class="cr-bar"><button type="button" class="cr-button"'
        f' data-act="close"><span aria-hidden="true">←</span> Back</button></div>'
        f"{notice(line, 'error')}</div>"
    )


def _facts(opened: Opened, view: View) -> str:
    item = opened.item
    sold = int(opened.popularity[opened.index])
    above = int((opened.popularity > sold).sum())
    ties = int((opened.popularity == sold).sum())
    rank = rank_range(above + 1, above + ties)
    buyers = opened.around.buyers
    facts = [
        ("Category", escape(item.category)),
        ("Brand", _brand(item, view)),
        ("Price", escape(item.price)),
        ("Id", f"<code>{escape(item.item_id)}</code>"),
        ("Sold", f"{count(sold, 'time')} in training, to {count(buyers, 'shopper')}"),
        ("Popularity", f"rank {rank} of {len(opened.popularity):,}"),
    ]
    return '<dl class="cr-facts">{}</dl>'.format(
        "".join(
            f"<div><dt>{name}</dt><dd>{value or '<em>not known</em>'}</dd></div>"
            for name, value in facts
        )
    )


def _brand(item: Item, view: View) -> str:
    if not item.brand:
        return ""
    return go(
        View(sort=view.sort, open=view.open).filtered(brand=item.brand),
        escape(item.brand),
        style="cr-link",
        title="All items of this brand",
    )


def _text(item: Item, settings: TextSettings) -> str:
    text = item_text(item, settings)
    names = ("title", "category", "brand", "price")
    cut = [
        f"the {name} is cut from {len(words):,} to {limit} words"
        for name, value, limit in zip(names, item.values(), settings.limits(), strict=True)
        if len(words := (value or "").split()) > limit
    ]
    said = f"{'; '.join(cut)}." if cut else "nothing is cut."
    return (
        "<section><h3>What the model reads of it</h3>"
        f'<p class="cr-prompt cr-item-text" dir="auto">{escape(text)}</p>'
        f'<p class="cr-sub cr-wrap">{said[:1].upper()}{said[1:]}</p></section>'
    )


def _around(opened: Opened, items: Items) -> str:
    around = opened.around
    first = f"{around.first:,} of {around.purchases:,} purchases were a shopper's first."
    last = f"Behind {around.last:,} of {around.purchases:,} comes nothing in training."
    return (
        '<div class="cr-item-grid">'
        f"{_counts('Bought right before', around.before, opened, items, first)}"
        f"{_counts('Bought right after', around.after, opened, items, last)}"
        f"{_counts('Also bought by its buyers', around.together, opened, items, _SHOPPERS)}"
        f"{_buyers(around, opened.loadable)}</div>"
    )


_SHOPPERS = "How many of its buyers bought these too, at any time."


def _counts(title: str, counts: Sequence[Count], opened: Opened, items: Items, said: str) -> str:
    rows = [
        item_row(items(found.item), f'<span class="cr-times">{found.count:,}×</span>')
        for found in counts
    ]
    if any(found.item == opened.index for found in counts):
        said += " It is among them itself: bought twice running."
    return section(title, rows, said if opened.around.purchases else "")


def _buyers(around: Neighbours, loadable: frozenset[str]) -> str:
    rows = [_buyer(buyer, buyer.user_id in loadable) for buyer in around.shoppers]
    shown = len(around.shoppers)
    said = f"The {shown:,} with the longest histories, of {around.buyers:,} in all."
    return section("Who bought it", rows, said if shown < around.buyers else "")


def _buyer(buyer: Buyer, held_out: bool) -> str:
    name = escape(buyer.user_id)
    where = f"purchase {buyer.position:,} of {buyer.purchases:,}"
    kind = "Load this shopper" if held_out else "Load this shopper's history"
    return (
        f'<li class="cr-found"><span class="cr-line"><span class="cr-item"><code>{name}</code>'
        f'<span class="cr-sub">{where}</span></span></span>'
        f'<button type="button" class="cr-button cr-plus" data-act="load" data-id="{name}"'
        f' aria-label="{kind}: {name}" title="{kind} in the walkthrough">Load</button></li>'
    )


def _timeline(opened: Opened) -> str:
    if not is_calendar(opened.span) or not len(opened.times):
        return ""
    rows = over_time(opened.times, opened.span)
    return bars(rows, "purchases", "When it was bought, in the training part")


def similar_by_words(found: Sequence[Similar], items: Items) -> str:
    """Items by BM25 of the item's own words."""
    return section(
        "Similar by words",
        _scored(found, items, 2),
        "BM25 of its own words: higher means more and rarer words in common.",
    )


def similar_by_vector(found: Sequence[Similar], items: Items) -> str:
    """Items by the cosine of their vectors."""
    return section(
        "Similar by item vector",
        _scored(found, items, 4),
        "Cosine of what the model makes of both texts: 1 is the same direction.",
    )


def no_vectors(items: int) -> str:
    """What stands there until the vectors are computed, with the button to do so."""
    return section(
        "Similar by item vector",
        [],
        "",
        '<div class="cr-empty"><p class="cr-empty-title">Not computed yet</p>'
        f"<p>The model reads each of the shop's {items:,} items once; the vectors are kept.</p>"
        '<button type="button" class="cr-button cr-main" data-act="compute">'
        "Compute item vectors</button></div>",
    )


def computing(done: int, items: int) -> str:
    """How far the vectors are, with a button to stop."""
    line = f"{done:,} of {items:,} items read." if done else "Loading the model."
    return section(
        "Similar by item vector",
        [],
        "",
        f'<div class="cr-progress" role="status"><div class="cr-track">'
        f'<span style="width:{100 * done / max(items, 1):.1f}%"></span></div><p>{line}</p>'
        '<button type="button" class="cr-button" data-act="halt">Stop</button></div>',
    )


def _scored(found: Iterable[Similar], items: Items, decimals: int) -> list[str]:
    return [
        item_row(items(one.item), f'<span class="cr-times">{one.score:.{decimals}f}</span>')
        for one in found
    ]


def section(title: str, rows: Sequence[str], said: str, instead: str = "") -> str:
    """A titled list of rows; `instead` or a dash where there is none."""
    body = f'<ul class="cr-list">{"".join(rows)}</ul>' if rows else instead
    body = body or '<p class="cr-sub">None.</p>'
    line = f'<p class="cr-sub cr-wrap">{escape(said)}</p>' if said else ""
    return f'<section class="cr-neighbours"><h3>{escape(title)}</h3>{body}{line}</section>'
