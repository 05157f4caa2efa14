"""The page's parts by name, and the updates that its events make of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import gradio as gr

from demo.pages.catalogue.address import SORTS
from demo.pages.components import html, listener
from demo.pages.events import SKIP
from demo.pages.page import address


class CatalogueUpdate(NamedTuple):
    """Updates of the page, by the names of its parts; `SKIP` leaves a part as it is."""

    address: Any = SKIP
    search: Any = SKIP
    sort: Any = SKIP
    filters: Any = SKIP
    chips: Any = SKIP
    results: Any = SKIP
    item: Any = SKIP
    words: Any = SKIP
    vectors: Any = SKIP
    about: Any = SKIP


class VisitUpdate(NamedTuple):
    """Updates of what all pages share: the visitor's session, the line above, the page shown."""

    session: Any = SKIP
    toast: Any = SKIP
    tabs: Any = SKIP


class VectorsUpdate(NamedTuple):
    """Updates while vectors are computed: their place, and the line above all pages."""

    vectors: Any = SKIP
    toast: Any = SKIP


@dataclass(frozen=True, kw_only=True, eq=False)
class CatalogueParts:
    """The page's components.

    Attributes:
      shown: those that show the catalogue, by the names of their updates.
      fold: on a narrow screen, folds the filters away.
    """

    shown: CatalogueUpdate
    fold: gr.Button


def lay_out() -> CatalogueParts:
    """What to choose by, the list, and one item beside it."""
    clicks = listener("catalogue")
    with gr.Row(elem_classes="cr-columns cr-catalogue"):
        with gr.Column(scale=2, min_width=220, elem_classes="cr-panel cr-choose"):
            search = gr.Textbox(
                label="Search",
                placeholder="Title, brand, category",
                elem_id="catalogue-search",
            )
            sort = gr.Dropdown(
                list(SORTS), value=SORTS[0][1], label="Sort", elem_id="catalogue-sort"
            )
            # Only on a narrow screen, where they would push the list out of sight.
            fold = gr.Button("Filters", size="sm", elem_id="catalogue-fold")
            filters = html("", js_on_load=clicks, elem_id="catalogue-filters")
        with gr.Column(scale=4, min_width=300, elem_classes="cr-panel cr-listed"):
            chips = html("", js_on_load=clicks, elem_id="catalogue-chips")
            results = html("", js_on_load=clicks, elem_id="catalogue-results")
        with gr.Column(scale=6, min_width=320, elem_classes="cr-panel cr-detail"):
            item = html("", js_on_load=clicks, elem_id="catalogue-item")
            with gr.Row(elem_classes="cr-item-grid"):
                words = html("", js_on_load=clicks, elem_id="catalogue-words", min_width=240)
                vectors = html("", js_on_load=clicks, elem_id="catalogue-vectors", min_width=240)
            about = html("", elem_id="catalogue-about")
    shown = CatalogueUpdate(
        address=address(),
        search=search,
        sort=sort,
        filters=filters,
        chips=chips,
        results=results,
        item=item,
        words=words,
        vectors=vectors,
        about=about,
    )
    return CatalogueParts(shown=shown, fold=fold)
