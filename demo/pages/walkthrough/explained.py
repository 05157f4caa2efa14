"""Why the results are as they are: the places at the top of the last step, and what is in them."""

from __future__ import annotations

from typing import Any

import gradio as gr

from calrec.records import Item
from calrec.text import TextSettings
from demo.html.record import causes, why
from demo.html.wording import rank_range, title_of
from demo.inspect.shop import Shop
from demo.inspect.side_by_side import SideBySide
from demo.inspect.why import unfound
from demo.pages.components import CLICKS, html
from demo.pages.figures import HIDDEN, place, shown
from demo.pages.named import Update

PARTS = ("why", "flow", "asking", "other", "causes", "pairing", "together", "why_not")
OFFERED = 30
"""Items offered to be asked about; any other one is found by words."""


def lay_out() -> dict[str, Any]:
    """The places, by name, in the current container."""
    parts: dict[str, Any] = {"why": html("", elem_id="why"), "flow": place("flow")}
    with gr.Row(visible=False, elem_id="asking", elem_classes="cr-filters") as asking:
        explain = gr.Button("Which purchases caused it?", elem_id="explain", min_width=210)
        other = gr.Dropdown(
            [],
            value=None,
            label="Why not that one? (choose, or type words of a title)",
            allow_custom_value=True,
            elem_id="other",
            scale=3,
            min_width=280,
        )
    causes = html("", js_on_load=CLICKS, elem_id="causes")
    with gr.Accordion(
        "Pairs and order", open=False, visible=False, elem_id="pairing", elem_classes="cr-quiet"
    ) as pairing:
        pairs = gr.Button("What do two of them do together?", elem_id="pairs")
        together = html("", js_on_load=CLICKS, elem_id="together")
    return {
        **parts,
        "asking": asking,
        "explain": explain,
        "other": other,
        "causes": causes,
        "pairing": pairing,
        "pairs": pairs,
        "together": together,
        "why_not": html("", elem_id="why-not"),
    }


def nothing() -> Update:
    """Before there are results."""
    return {
        "why": "",
        "flow": HIDDEN,
        "asking": gr.update(visible=False),
        "other": gr.update(choices=[], value=None),
        "causes": "",
        "pairing": gr.update(visible=False),
        "together": "",
        "why_not": "",
    }


def first(shop: Shop, made: SideBySide, target: Item | None) -> Update:
    """Why the first item is first; the purchases are not asked yet."""
    record, items = made.calrec, shop.by_id
    attributes = shop.attributes(TextSettings(**record.settings.get("text", {})))
    figure = causes.picture(record, items, target)
    return {
        "why": why.view(record, items, attributes, target, made.corpora[0]),
        "flow": HIDDEN if figure is None else shown(figure),
        "asking": gr.update(visible=True),
        "other": gr.update(choices=_offered(shop, made, target), value=None),
        "causes": "",
        "pairing": gr.update(visible=False),
        "together": "",
        "why_not": "",
    }


def _offered(shop: Shop, made: SideBySide, target: Item | None) -> list[tuple[str, str]]:
    """Items that one might miss: the best of each ranking, the item really bought before them."""
    ids = [target.item_id] if target else []
    for record in (made.calrec, *made.others):
        ids += [record.ranking.item_ids[row] for row in record.ranking.order()[:OFFERED]]
    return [(_label(shop, made, one, target), one) for one in dict.fromkeys(ids)]


def _label(shop: Shop, made: SideBySide, item_id: str, target: Item | None) -> str:
    ranking = made.calrec.ranking
    place = "not found" if unfound(ranking, item_id) else rank_range(*ranking.ranks(item_id))
    bought = " (really bought)" if target is not None and item_id == target.item_id else ""
    return f"{place}: {title_of(shop.by_id[item_id])}{bought}"
