"""The lists that a visitor works with, as HTML: the catalogue, the history, the true next item.

Every function is pure. All text from outside goes through `escape`. Buttons carry what they do
in `data-act` and on which item in `data-id`; `CLICKS` hands that to the page's `select` event.
"""

from __future__ import annotations

from calrec.text import Attributes, Item
from catalog.browse.highlight import highlight_item
from catalog.store import Page
from demo.session import Session
from demo.wording import count, escape

# One listener on the container outlives every new content. Real buttons: the keyboard works.
CLICKS = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-act]');
  if (button && !button.disabled) trigger('select', {...button.dataset});
});
"""


def empty_state(title: str, text: str) -> str:
    """What stands where there is nothing to show yet."""
    return (
        f'<div class="cr-empty"><p class="cr-empty-title">{escape(title)}</p>'
        f"<p>{escape(text)}</p></div>"
    )


def notice(text: str, kind: str = "info") -> str:
    """One plain line; `kind` is `info`, `error` or `done`."""
    if not text:
        return ""
    role = "alert" if kind == "error" else "status"
    return f'<p class="cr-notice cr-{kind}" role="{role}">{escape(text)}</p>'


def heading(number: int, title: str, text: str) -> str:
    """A section's heading and its explanation for lay people."""
    return (
        f'<div class="cr-heading"><h2><span class="cr-step" aria-hidden="true">{number}</span>'
        f"{escape(title)}</h2><p>{escape(text)}</p></div>"
    )


def title_of(item: Item) -> str:
    """The item's title as plain text, with a stand-in where it has none."""
    return item.title or f"Untitled item {item.item_id}"


def tooltip(item: Item) -> str:
    """Everything known about an item, one attribute a line, escaped."""
    lines = [title_of(item)]
    lines += [
        f"{label}: {value}"
        for label, value in zip(
            ("Category", "Brand", "Price", "Id"),
            (item.category, item.brand, item.price, item.item_id),
            strict=True,
        )
        if value
    ]
    return escape("\n".join(lines))


def item_block(item: Item, shown: Attributes | None = None) -> str:
    """Title over category and brand, each on one clipped line.

    Args:
      item: the item.
      shown: its attributes as HTML, where words are marked in them.
    """
    shown = shown or highlight_item(item, ())
    details = " · ".join(value for value in (shown.brand, shown.category) if value)
    untitled = "" if item.title else " cr-untitled"
    return (
        f'<span class="cr-item" title="{tooltip(item)}">'
        f'<span class="cr-title{untitled}">{shown.title or escape(title_of(item))}</span>'
        f'<span class="cr-sub">{details or "no further details"}</span></span>'
    )


def catalogue_list(page: Page, offset: int, limit: int) -> str:
    """One page of the catalogue, each row a button that adds the item; then the pager."""
    note = _search_note(page)
    if not page.items:
        return note + empty_state("Nothing found", "Try another word or take a filter away.")
    priced = any(item.price for item in page.items)
    rows = "".join(
        _catalogue_row(item, shown, sold, priced)
        for item, shown, sold in zip(page.items, page.highlights, page.popularity, strict=True)
    )
    return f'{note}<ul class="cr-list">{rows}</ul>{_pager(offset, limit, page.total)}'


def _search_note(page: Page) -> str:
    note = page.note[:1].upper() + page.note[1:]
    if not page.did_you_mean:
        return notice(note)
    query = escape(page.did_you_mean)
    return (
        '<p class="cr-notice cr-info" role="status">Did you mean <button type="button"'
        f' class="cr-link" data-act="search" data-id="{query}">{query}</button>?'
        f' <span class="cr-sub cr-wrap">{escape(note)}</span></p>'
    )


def _catalogue_row(item: Item, shown: Attributes, sold: int, priced: bool) -> str:
    price = f'<span class="cr-price">{shown.price or "–"}</span>' if priced else ""
    return (
        f'<li><button type="button" class="cr-row" data-act="add" data-id="{escape(item.item_id)}"'
        f' aria-label="Add {escape(title_of(item))} to the history">'
        f"{item_block(item, shown)}{price}"
        f'<span class="cr-sold" title="purchases in the training part">{sold:,} sold</span>'
        '<span class="cr-add" aria-hidden="true">Add</span></button></li>'
    )


def _pager(offset: int, limit: int, total: int) -> str:
    last = min(offset + limit, total)

    def button(label: str, to: int, usable: bool) -> str:
        return (
            f'<button type="button" class="cr-button" data-act="page" data-id="{to}"'
            f"{'' if usable else ' disabled'}>{label}</button>"
        )

    return (
        f'<nav class="cr-pager" aria-label="Pages of the catalogue">'
        f"{button('Previous', max(offset - limit, 0), offset > 0)}"
        f"<span>{offset + 1:,}–{last:,} of {total:,}</span>"
        f"{button('Next', offset + limit, last < total)}</nav>"
    )


def history_list(items: list[Item], session: Session) -> str:
    """The purchase history, oldest first, with buttons to reorder, remove and clear."""
    if not items:
        return empty_state(
            "No purchases yet",
            "Pick items from the catalogue or load a shopper. The order counts: "
            "the last one is the latest purchase.",
        )
    rows = "".join(_history_row(item, i, len(items)) for i, item in enumerate(items))
    source = ""
    if session.user_id is not None:
        edited = ", edited" if session.edited else ""
        source = f" · shopper <code>{escape(session.user_id)}</code>{edited}"
    return (
        f'<div class="cr-bar"><span>{count(len(items), "purchase")}, oldest first{source}</span>'
        '<button type="button" class="cr-button" data-act="clear">Clear</button></div>'
        f'<ol class="cr-list cr-history">{rows}</ol>'
    )


def _history_row(item: Item, position: int, total: int) -> str:
    name = escape(title_of(item))

    def button(act: str, sign: str, label: str, usable: bool = True) -> str:
        return (
            f'<button type="button" class="cr-icon" data-act="{act}" data-position="{position}" '
            f'data-id="{escape(item.item_id)}" aria-label="{label}: {name}" title="{label}"'
            f"{'' if usable else ' disabled'}>{sign}</button>"
        )

    return (
        f'<li class="cr-line"><span class="cr-number">{position + 1}</span>{item_block(item)}'
        '<span class="cr-icons">'
        f"{button('up', '↑', 'Move up', position > 0)}"
        f"{button('down', '↓', 'Move down', position < total - 1)}"
        f"{button('remove', '×', 'Remove')}</span></li>"
    )


def target_card(item: Item | None) -> str:
    """The item really bought next, apart from the history."""
    if item is None:
        return ""
    return (
        '<div class="cr-target"><p class="cr-label">The item really bought next</p>'
        f'{item_block(item)}<p class="cr-sub cr-wrap">Kept from both recommenders; '
        "used only to check their answers.</p></div>"
    )
