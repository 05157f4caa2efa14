"""The page's parts by name, and how gradio shows in them what the sections say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import gradio as gr

from demo.html import widgets
from demo.html.case_study import listing
from demo.html.case_study.page import Offered, PartValues
from demo.inspect import case_filters, reasons
from demo.inspect.annotations import LONGEST_NAME, LONGEST_NOTE
from demo.inspect.case_filters import words
from demo.inspect.columns import MOST
from demo.pages.components import CLICKS, head, html, listener, script
from demo.pages.events import LOOK_UP
from demo.pages.named import Update
from demo.pages.page import address

ACTIONS = (
    "case_file",
    "case_page",
    "cases_csv",
    "cases_json",
    "slice_name",
    "slice_save",
    "slice_said",
    "reasons_save",
    "reasons_said",
    "new_label",
    "file",
)
"""Parts that show nothing of a view: what is done with it, and how that went."""
OF_A_CASE = (
    *(
        "address",
        "message",
        "figures",
        "agreement",
        "why",
        "why_table",
        "chips",
        "count",
        "cases",
        "label_filter",
    ),
    *("tools", "star", "pin", "walk", "labels", "note", "seen", "said", "case", "pinned"),
)
"""What another case, or a label, changes. No more: each part costs the browser a moment."""


def lay_out() -> dict[str, Any]:
    """What is compared, which cases, one case, and what is kept of them."""
    part: dict[str, Any] = {
        "address": address("cases-address"),
        "message": html("", elem_id="case-message"),
    }
    part |= _overview()
    with gr.Row(elem_classes="cr-cases-body"):
        with gr.Column(elem_classes="cr-panel cr-case-left", min_width=280):
            part["count"] = html("", elem_id="case-count")
            part["cases"] = html("", elem_id="case-list", js_on_load=listener("cases"))
            html(listing.keys())
        with gr.Column(elem_classes="cr-panel cr-case-right", min_width=280):
            part |= _tools()
            with (
                gr.Accordion("Evaluations shown as columns", open=False, elem_classes="cr-quiet"),
                gr.Row(elem_classes="cr-filters"),
            ):
                part["beside"] = gr.Dropdown(
                    [],
                    value=[],
                    multiselect=True,
                    max_choices=MOST - 2,
                    label=f"Beside A and B, up to {MOST - 2}",
                    elem_id="case-beside",
                )
            part["case"] = html("", elem_id="case-view")
        with gr.Column(elem_classes="cr-panel cr-case-pinned", min_width=280):
            part["pinned"] = html("", elem_id="case-pinned")
    return part | _saved()


def updates(shown: PartValues) -> Update:
    """What the parts are to show, as gradio takes it."""
    return {name: _update(name, value) for name, value in shown.items()}


def _update(name: str, value: Any) -> Any:
    if isinstance(value, Offered):
        return gr.update(choices=value.choices, value=value.value)
    if name == "star":
        said, variant = ("★ Starred", "primary") if value else ("☆ Star", "secondary")
        return gr.update(value=said, variant=variant)
    if name == "pin":
        return gr.update(value="Take the pin away" if value else "Pin")
    if name == "walk":
        return gr.update(link=value or None, interactive=bool(value))
    if name == "scatter":
        return gr.update(value=value, visible=value is not None)
    return gr.update(visible=value) if name == "tools" else value


def _overview() -> dict[str, Any]:
    """What is compared, which cases, and what is known of all of them together."""
    part: dict[str, Any] = {}
    with gr.Column(elem_classes="cr-panel cr-case-filters"):
        head(
            "Cases of an evaluation",
            "One shopper each: a history, the item really bought next, and the rank that each of "
            "two recommenders gave it.",
        )
        with gr.Row(elem_classes="cr-filters"):
            # The names of evaluations are long: on a telephone one stands below the other.
            part["run"] = _list("Evaluation A", "case-run", min_width=220)
            part["against"] = _list("Compared with B", "case-against", min_width=220)
            part["text"] = gr.Textbox(
                label="Text",
                placeholder="item, brand, shopper, a text",
                elem_id="case-filter-text",
                min_width=200,
                max_length=200,
            )
            part["sort"] = _list("Order", "case-sort", case_filters.SORT_CHOICES)
        part["why"] = html("", elem_id="case-why", js_on_load=CLICKS)
        part["chips"] = html("", elem_id="case-chips", js_on_load=CLICKS)
        part |= _more_filters()
        with gr.Accordion(
            "Figures, reasons by winner, and where the two agree",
            open=False,
            elem_classes="cr-quiet",
        ) as figures:
            with gr.Row(elem_classes="cr-cases-overview"):
                with gr.Column(min_width=300):
                    part["figures"] = html("", elem_id="case-figures")
                with gr.Column(min_width=300):
                    part["agreement"] = html("", elem_id="case-agreement", js_on_load=CLICKS)
            part["why_table"] = html("", elem_id="case-why-table", js_on_load=CLICKS)
            part["scatter"] = gr.Plot(
                visible=False, show_label=False, elem_id="case-scatter", container=False
            )
        figures.expand(None, None, None, js=script("resize"), **LOOK_UP)
    return part


def _more_filters() -> dict[str, Any]:
    part: dict[str, Any] = {}
    with (
        gr.Accordion("More filters", open=False, elem_classes="cr-quiet"),
        gr.Row(elem_classes="cr-filters"),
    ):
        part["hit"] = _filter("A's first item is", "hit", case_filters.HITS)
        part["win"] = _filter("Ranks it better", "win", case_filters.WIN)
        part["a"] = _filter("Rank by A", "a", words(case_filters.RANKS))
        part["b"] = _filter("Rank by B", "b", words(case_filters.RANKS))
        part["category"] = _filter("Category", "category", [], "All")
        part["length"] = _filter("Purchases in the history", "length", words(case_filters.LENGTHS))
        part["repeat"] = _filter("The true item is", "repeat", case_filters.REPEAT)
        part["cold"] = _filter("It is in training or validation parts", "cold", case_filters.COLD)
        part["tie"] = _filter("Items tied with it by A", "tie", words(case_filters.TIES))
        part["sold"] = _filter("Sold in training", "sold", words(case_filters.SOLD))
        part["age"] = _filter("Days since first sold", "age", words(case_filters.AGES))
        part["shortcut"] = _filter("A shortcut leads to it", "shortcut", case_filters.SHORTCUTS)
        part["level"] = _filter("Best text matches", "level", case_filters.LEVELS)
        part["reason"] = _filter("Suggested reason", "reason", reasons.CHOICES)
        part["star_filter"] = _filter("Annotated", "star", case_filters.STAR)
        part["label_filter"] = _filter("Label", "label", [])
    return part


def _tools() -> dict[str, Any]:
    """What can be done with the case that is shown."""
    part: dict[str, Any] = {}
    with gr.Column(visible=False, elem_classes="cr-case-tools") as part["tools"]:
        with gr.Row(elem_classes="cr-case-buttons"):
            part["star"] = _button("☆ Star", "case-star")
            part["pin"] = _button("Pin", "case-pin")
            part["walk"] = _button("Open in the walkthrough", "case-walk")
            part["case_file"] = _button("Case file (JSON)", "case-save-json")
            part["case_page"] = _button("Page (HTML)", "case-save-html")
            html(widgets.collector(), scale=0, min_width=110)
        part["labels"] = html("", elem_id="case-labels", js_on_load=listener("labels"))
        part["said"] = html("", elem_id="case-said")
        with gr.Row(elem_classes="cr-filters"):
            part["new_label"] = gr.Textbox(
                label="Another label",
                elem_id="case-new-label",
                max_length=LONGEST_NAME,
                min_width=200,
            )
            part["note"] = gr.Textbox(
                label=f"Note, up to {LONGEST_NOTE:,} characters",
                elem_id="case-note",
                lines=1,
                max_lines=6,
                max_length=LONGEST_NOTE,
                min_width=200,
            )
        part["seen"] = gr.State("")
    return part


def _saved() -> dict[str, Any]:
    """Slices, downloads, and the reasons on offer."""
    part: dict[str, Any] = {}
    with gr.Column(elem_classes="cr-panel"):
        head(
            "Saved slices and downloads",
            "A slice is a set of filters with a name; its metrics are those of the two "
            "evaluations chosen above.",
        )
        part["slices"] = html("", elem_id="case-slices", js_on_load=CLICKS)
        with gr.Row(elem_classes="cr-filters"):
            part["slice_name"] = gr.Textbox(
                label="Name for the filters as they are now",
                elem_id="case-slice-name",
                max_length=60,
                min_width=220,
            )
            part["slice_save"] = _button("Save as a slice", "case-slice-save", 130)
            part["cases_csv"] = _button("Filtered cases as CSV", "case-save-csv", 180)
            part["cases_json"] = _button("Filtered cases as JSON", "case-save-cases", 180)
        part["slice_said"] = html("", elem_id="case-slice-line")
        with gr.Accordion(
            "Edit the reasons offered as labels", open=False, elem_classes="cr-quiet"
        ):
            part["reasons"] = gr.Textbox(
                label="One a line; empty brings the first ones back",
                elem_id="case-reasons",
                lines=6,
                max_lines=12,
            )
            part["reasons_save"] = _button("Store the reasons", "case-reasons-save")
            part["reasons_said"] = html("", elem_id="case-reasons-line")
        part["file"] = gr.DownloadButton("Download", elem_id="case-file", visible="hidden")
    return part


def _filter(label: str, name: str, offered: Iterable[Any], first: str = "Any") -> gr.Dropdown:
    return _list(label, f"case-filter-{name}", [(first, ""), *offered])


def _list(
    label: str, elem_id: str, choices: Iterable[Any] = (("Any", ""),), min_width: int = 130
) -> gr.Dropdown:
    offered = list(choices)
    return gr.Dropdown(
        offered, value=offered[0][1], label=label, elem_id=elem_id, scale=1, min_width=min_width
    )


def _button(text: str, elem_id: str, min_width: int = 90) -> gr.Button:
    return gr.Button(text, elem_id=elem_id, size="sm", min_width=min_width, scale=0)
