"""The lists that a visitor works with, as HTML: the catalogue, the history, the true next item.

Every function is pure. All text from outside goes through `escape`. Buttons carry what they do
in `data-act` and on which item in `data-id`; `CLICKS` hands that to the page's `select` event.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from calrec.records import Attributes, Item
from catalog.highlight import highlight_item
from catalog.store import Page
from demo.html.wording import count, escape
from demo.inspect.session import Session

# One listener on the container outlives every new content. Real buttons: the keyboard works.
CLICKS = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-act]');
  if (button && !button.disabled) trigger('select', {...button.dataset});
});
"""


def html(value: str, **options: Any) -> gr.HTML:
    """HTML of our own making, without gradio's styles for prose."""
    return gr.HTML(value, apply_default_css=False, **options)


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


def done(text: str, source: str, live: bool) -> str:
    """What has finished, with a badge that says where it comes from."""
    kind = "good" if live else "plain"
    return (
        f'<p class="cr-notice cr-done" role="status">{escape(text)} '
        f'<span class="cr-badge cr-{kind}">{escape(source)}</span></p>'
    )


def heading(number: int, title: str, text: str) -> str:
    """A section's heading and its explanation for lay people."""
    step = f'<span class="cr-step" aria-hidden="true">{number}</span>' if number else ""
    return f'<div class="cr-heading"><h2>{step}{escape(title)}</h2><p>{escape(text)}</p></div>'


def formula(title: str, *lines: str) -> str:
    """What a step computes, folded away; lines of our own making, as HTML."""
    body = "".join(f"<p>{line}</p>" for line in lines)
    return f'<details class="cr-formula"><summary>{escape(title)}</summary>{body}</details>'


STEPS = ("History", "Prompt", "Texts", "Matching", "Ranking")


def stepper() -> str:
    """The walkthrough's steps as buttons; the last one shows all of them below each other."""
    buttons = "".join(
        f'<li><button type="button" class="cr-go" data-go="{k}" aria-current="false">'
        f'<span class="cr-step">{k}</span><span>{name}</span></button></li>'
        for k, name in enumerate(STEPS, start=1)
    )
    every = (
        '<li><button type="button" class="cr-go" data-go="0" aria-current="false" '
        'title="key 0">All steps</button></li>'
    )
    return f'<nav aria-label="Steps"><ol class="cr-steps">{buttons}{every}</ol></nav>'


def step_buttons(step: int) -> str:
    """To the step before and the one after."""
    back = _go(step - 1, f"← {STEPS[step - 2]}", "cr-button") if step > 1 else "<span></span>"
    on = (
        _go(step + 1, f"Next: {STEPS[step].lower()} →", "cr-button cr-next")
        if step < len(STEPS)
        else ""
    )
    return f'<div class="cr-step-buttons">{back}{on}</div>'


def _go(step: int, label: str, style: str) -> str:
    return f'<button type="button" class="{style}" data-go="{step}">{label}</button>'


def preset_list(presets: Sequence[Any]) -> str:
    """Telling cases as buttons; nothing where there are none."""
    if not presets:
        return ""
    buttons = "".join(
        f'<li><button type="button" class="cr-preset" data-act="preset" data-id="'
        f'{escape(one.user_id)}" data-seed="{one.seed}">'
        f'<span class="cr-title">{escape(one.title)}</span>'
        f'<span class="cr-sub cr-wrap">{escape(one.text)}</span></button></li>'
        for one in presets
    )
    return f'<p class="cr-label">Telling cases</p><ul class="cr-presets">{buttons}</ul>'


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
    note = search_note(page)
    if not page.items:
        return note + empty_state("Nothing found", "Try another word or take a filter away.")
    priced = any(item.price for item in page.items)
    rows = "".join(
        _catalogue_row(item, shown, sold, priced)
        for item, shown, sold in zip(page.items, page.highlights, page.popularity, strict=True)
    )
    return f'{note}<ul class="cr-list">{rows}</ul>{_pager(offset, limit, page.total)}'


def search_note(page: Page) -> str:
    """What the search has to say of the query, with a button for the corrected one."""
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
