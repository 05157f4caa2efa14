"""The Catalogue page: search, filters, the list of items, and one item beside it."""

from __future__ import annotations

import gradio as gr

from demo.pages.catalogue.handlers import Handlers, Shown
from demo.pages.catalogue.view import SORTS
from demo.pages.components import html, listener, script
from demo.pages.events import BROWSE, EDIT, LOOK_UP, MODEL
from demo.pages.page import Page, Shell, address

TITLE = "Catalogue"
_CLICKS = listener("catalogue")


def build(shell: Shell) -> Page:
    """Lays the page out and wires its events."""
    handlers = Handlers(shell.app)
    where = address()
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
            filters = html("", js_on_load=_CLICKS, elem_id="catalogue-filters")
        with gr.Column(scale=4, min_width=300, elem_classes="cr-panel cr-listed"):
            chips = html("", js_on_load=_CLICKS, elem_id="catalogue-chips")
            results = html("", js_on_load=_CLICKS, elem_id="catalogue-results")
        with gr.Column(scale=6, min_width=320, elem_classes="cr-panel cr-detail"):
            item = html("", js_on_load=_CLICKS, elem_id="catalogue-item")
            with gr.Row(elem_classes="cr-item-grid"):
                words = html("", js_on_load=_CLICKS, elem_id="catalogue-words", min_width=240)
                vectors = html("", js_on_load=_CLICKS, elem_id="catalogue-vectors", min_width=240)
            about = html("", elem_id="catalogue-about")

    outputs = Shown(
        address=where,
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
    fold.click(None, None, None, js=script("foldFilters"), **LOOK_UP)
    state = [shell.session, where, search, sort]
    # Not search.input, which a paste does not set off.
    for changed in (search.change, search.submit, sort.input):
        changed(handlers.search, state, list(outputs), **BROWSE)
    for clicked in (filters, chips, results, item, words, vectors):
        clicked.select(handlers.click, state, list(outputs), **BROWSE)
    for clicked in (results, item, words, vectors):
        clicked.edit(handlers.edit, shell.session, [shell.session, shell.toast, shell.tabs], **EDIT)
    # A failure is said in the toast: what follows draws the vectors' own place anew.
    job = vectors.apply(handlers.compute, shell.session, [vectors, shell.toast], **MODEL)
    job.then(handlers.vectors, [shell.session, where], vectors, **LOOK_UP)
    vectors.stop(None, None, None, cancels=[job], **LOOK_UP).then(
        handlers.vectors, [shell.session, where], vectors, **LOOK_UP
    )
    return Page(show=handlers.show, outputs=list(outputs), address=where)
