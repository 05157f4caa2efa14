"""The page's parts by name."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demo.inspect.choices import sorts
from demo.pages.catalogue.address import SORTS
from demo.pages.components import html, listener
from demo.pages.page import address


def lay_out() -> dict[str, Any]:
    """What to choose by, the list, and one item beside it."""
    clicks = listener("catalogue")
    part: dict[str, Any] = {"address": address()}
    with gr.Row(elem_classes="cr-columns cr-catalogue"):
        with gr.Column(scale=2, min_width=220, elem_classes="cr-panel cr-choose"):
            part["search"] = gr.Textbox(
                label="Search",
                placeholder="Title, brand, category",
                elem_id="catalogue-search",
            )
            part["sort"] = gr.Dropdown(
                sorts(SORTS, "", SORTS[0][1]),
                value=SORTS[0][1],
                label="Sort",
                elem_id="catalogue-sort",
            )
            # Only on a narrow screen, where they would push the list out of sight.
            part["fold"] = gr.Button("Filters", size="sm", elem_id="catalogue-fold")
            part["filters"] = html("", js_on_load=clicks, elem_id="catalogue-filters")
        with gr.Column(scale=4, min_width=300, elem_classes="cr-panel cr-listed"):
            part["chips"] = html("", js_on_load=clicks, elem_id="catalogue-chips")
            part["results"] = html("", js_on_load=clicks, elem_id="catalogue-results")
        with gr.Column(scale=6, min_width=320, elem_classes="cr-panel cr-detail"):
            part["item"] = html("", js_on_load=clicks, elem_id="catalogue-item")
            part["cases"] = html("", elem_id="catalogue-cases")
            with gr.Row(elem_classes="cr-item-grid"):
                part["words"] = html(
                    "", js_on_load=clicks, elem_id="catalogue-words", min_width=240
                )
                part["vectors"] = html(
                    "", js_on_load=clicks, elem_id="catalogue-vectors", min_width=240
                )
            part["about"] = html("", elem_id="catalogue-about")
    return part
