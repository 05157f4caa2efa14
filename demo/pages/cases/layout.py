"""The Cases page's layout, and which handler answers which event."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demo.html import widgets
from demo.html.assets import styles
from demo.html.case_study import listing
from demo.inspect.annotations import LONGEST_NOTE, MOST_LABELS
from demo.inspect.case_filters import COLD, LENGTHS, LEVELS, RANKS, REPEAT, STAR, TIES, WIN, words
from demo.pages.cases.desk import Desk
from demo.pages.cases.drawing import View
from demo.pages.cases.exports import Exports
from demo.pages.cases.handlers import FILTERS, Handlers
from demo.pages.components import CLICKS, html, listener, script
from demo.pages.events import BROWSE, EDIT, LOOK_UP, UNCHECKED
from demo.pages.page import Page, Shell, address

TITLE = "Cases"
SORTS = [
    ("As evaluated", ""),
    ("A far ahead", "ahead"),
    ("B far ahead", "behind"),
    ("Best rank by A", "best"),
    ("Worst rank by A", "worst"),
    ("Longest history", "long"),
    ("Shortest history", "short"),
    ("Most ties by A", "ties"),
]
# None is dropped and none overtakes another: each says which case or filter it is about.
_IN_TURN: dict[str, Any] = {
    **LOOK_UP,
    "trigger_mode": "multiple",
    "concurrency_id": "cases",
    "concurrency_limit": 1,
}
_NOTE: dict[str, Any] = {**LOOK_UP, "concurrency_id": "note", "concurrency_limit": 1}


def build(shell: Shell) -> Page:
    """The page over one application."""
    desk = Desk(shell.app)
    handlers = Handlers(desk)
    exports = Exports(desk, styles())
    box = address()
    part: dict[str, Any] = {"address": box}

    part["message"] = html("", elem_id="case-message")
    _overview(part)
    _filters(part)
    with gr.Row(elem_classes="cr-cases-body"):
        with gr.Column(elem_classes="cr-panel cr-case-left", min_width=280):
            part["cases"] = html("", elem_id="case-list", js_on_load=listener("cases"))
            html(listing.keys())
        with gr.Column(elem_classes="cr-panel cr-case-right", min_width=280):
            note_buttons = _one_case(part)
            part["case"] = html("", elem_id="case-view")
        with gr.Column(elem_classes="cr-panel cr-case-pinned", min_width=280):
            part["pinned"] = html("", elem_id="case-pinned")
    slices, reasons, downloads = _below(part)

    outputs = [part[name] for name in View._fields]
    chosen = [part[f"{n}_filter" if n in ("star", "label") else n] for n in FILTERS]
    state = [shell.session, box]
    redraw: dict[str, Any] = {
        "fn": handlers.scatter,
        "inputs": state,
        "outputs": part["scatter"],
        **LOOK_UP,
    }

    runs = [part["run"], part["against"]]
    for one in runs:
        one.input(handlers.choose_runs, [*state, *runs], outputs, **BROWSE)
    # Not text.input, which a paste does not set off.
    changed = [part["text"].change, *(one.input for one in [*chosen[1:], part["sort"]])]
    for event in changed:
        event(handlers.choose, [*state, part["sort"], *chosen], outputs, **BROWSE).then(**redraw)
    for name in ("agreement", "chips", "slices"):
        part[name].select(handlers.click, state, outputs, **_IN_TURN).then(**redraw)
    part["cases"].select(handlers.click, state, outputs, **_IN_TURN)

    part["star"].click(handlers.star, state, outputs, **EDIT)
    part["pin"].click(handlers.pin, state, outputs, **EDIT)
    part["labels"].input(handlers.label, [*state, part["labels"]], outputs, **{**EDIT, **UNCHECKED})
    # While typing the last state is stored whenever the one before is; leaving stores it for sure,
    # and one after another, so that none overwrites a later one.
    # Not note.change: that also comes when another case's note is shown.
    said = [part[name] for name in View._fields]
    box_note, store_note = part["note"], handlers.note
    for event, trigger in (
        (box_note.input, "always_last"),
        (box_note.blur, "multiple"),
        (box_note.submit, "multiple"),
    ):
        event(
            store_note, [*state, box_note, part["seen"]], said, **{**_NOTE, "trigger_mode": trigger}
        )
    note_buttons["walk"].click(
        handlers.walk, state, [shell.session, shell.tabs, part["message"]], **EDIT
    )

    name, save, line = slices
    for event in (save.click, name.submit):
        event(handlers.save_slice, [*state, name], [part["slices"], name, line], **EDIT)
    stored, store_line = reasons
    stored.click(
        handlers.set_reasons,
        [*state, part["reasons"]],
        [part["labels"], part["reasons"], store_line],
        **EDIT,
    )

    hidden, written = downloads["file"], downloads["line"]
    for button, write, where in (
        (downloads["csv"], exports.csv, written),
        (downloads["json"], exports.json, written),
        (note_buttons["case_file"], exports.case_file, part["said"]),
        (note_buttons["case_page"], exports.case_page, part["said"]),
    ):
        button.click(write, state, [hidden, where], **EDIT).success(
            None, None, None, js=script("fetchFile"), **LOOK_UP
        )
    return Page(show=handlers.show, outputs=outputs, address=box)


def _overview(part: dict[str, Any]) -> None:
    with gr.Column(elem_classes="cr-panel"):
        html(
            widgets.heading(
                0,
                "Cases of an evaluation",
                "Each case is one shopper: a history, the item really bought next, and the rank "
                "that each of two recommenders gave it. Find the cases where they differ, look "
                "into one, and note why.",
            )
        )
        with gr.Row(elem_classes="cr-filters"):
            part["run"] = _list("Evaluation A", "case-run", scale=1)
            part["against"] = _list("Compared with B", "case-against", scale=1)
        with gr.Row(elem_classes="cr-cases-overview"):
            with gr.Column(min_width=300):
                part["figures"] = html("", elem_id="case-figures")
            with gr.Column(min_width=300):
                part["agreement"] = html("", elem_id="case-agreement", js_on_load=CLICKS)
        with gr.Accordion(
            "All ranks in one picture", open=False, elem_classes="cr-quiet"
        ) as picture:
            part["scatter"] = gr.Plot(
                visible=False, show_label=False, elem_id="case-scatter", container=False
            )
        picture.expand(None, None, None, js=script("resize"), **LOOK_UP)


def _filters(part: dict[str, Any]) -> None:
    def banded(label: str, name: str, bands: Any, first: str = "Any") -> Any:
        offered = words(bands) if hasattr(bands, "keys") else list(bands)
        return _list(label, f"case-filter-{name}", [(first, ""), *offered])

    with gr.Column(elem_classes="cr-panel cr-case-filters"):
        with gr.Row(elem_classes="cr-filters"):
            part["text"] = gr.Textbox(
                label="Text",
                placeholder="item, brand, shopper, or what the model wrote",
                elem_id="case-filter-text",
                scale=2,
                min_width=200,
                max_length=200,
            )
            part["win"] = banded("Ranks it better", "win", WIN)
            part["a"] = banded("Rank by A", "a", RANKS)
            part["b"] = banded("Rank by B", "b", RANKS)
            part["category"] = banded("Category", "category", [], "All")
            part["sort"] = _list("Order", "case-sort", SORTS)
        with (
            gr.Accordion("More filters", open=False, elem_classes="cr-quiet"),
            gr.Row(elem_classes="cr-filters"),
        ):
            part["length"] = banded("Purchases in the history", "length", LENGTHS)
            part["repeat"] = banded("The true item is", "repeat", REPEAT)
            part["cold"] = banded("It is in training or validation parts", "cold", COLD)
            part["tie"] = banded("Items tied with it by A", "tie", TIES)
            part["level"] = banded("Best text matches", "level", LEVELS)
            part["star_filter"] = banded("Annotated", "star", STAR)
            part["label_filter"] = banded("Label", "label", [])
        part["chips"] = html("", elem_id="case-chips", js_on_load=CLICKS)


def _one_case(part: dict[str, Any]) -> dict[str, Any]:
    buttons: dict[str, Any] = {}
    with gr.Column(visible=False, elem_classes="cr-case-tools") as tools:
        with gr.Row(elem_classes="cr-case-buttons"):
            part["star"] = _button("☆ Star", "case-star")
            part["pin"] = _button("Pin", "case-pin")
            buttons["walk"] = _button("Open in the walkthrough", "case-walk")
            buttons["case_file"] = _button("Case file (JSON)", "case-save-json")
            buttons["case_page"] = _button("Page (HTML)", "case-save-html")
        with gr.Row(elem_classes="cr-filters"):
            part["labels"] = gr.Dropdown(
                [],
                value=[],
                multiselect=True,
                max_choices=MOST_LABELS,
                allow_custom_value=True,
                label="Labels: why it went so",
                elem_id="case-labels",
                min_width=200,
            )
            part["note"] = gr.Textbox(
                label=f"Note, at most {LONGEST_NOTE:,} characters; stored while you type",
                elem_id="case-note",
                lines=1,
                max_lines=6,
                max_length=LONGEST_NOTE,
                min_width=200,
            )
        part["seen"] = gr.State("")
        part["said"] = html("", elem_id="case-said")
    part["tools"] = tools
    return buttons


def _below(part: dict[str, Any]) -> tuple[tuple, tuple, dict[str, Any]]:
    with gr.Column(elem_classes="cr-panel"):
        html(
            widgets.heading(
                0,
                "Saved slices and downloads",
                "A slice is a set of filters with a name; its metrics are those of the two "
                "evaluations chosen above.",
            )
        )
        part["slices"] = html("", elem_id="case-slices", js_on_load=CLICKS)
        with gr.Row(elem_classes="cr-filters"):
            name = gr.Textbox(
                label="Name for the filters as they are now",
                elem_id="case-slice-name",
                max_length=60,
                min_width=220,
            )
            save = _button("Save as a slice", "case-slice-save", 130)
            csv = _button("Filtered cases as CSV", "case-save-csv", 180)
            table = _button("Filtered cases as JSON", "case-save-cases", 180)
        line = html("", elem_id="case-slice-line")
        with gr.Accordion(
            "Edit the reasons offered as labels", open=False, elem_classes="cr-quiet"
        ):
            part["reasons"] = gr.Textbox(
                label="One a line; empty brings the first ones back",
                elem_id="case-reasons",
                lines=6,
                max_lines=12,
            )
            store = _button("Store the reasons", "case-reasons-save")
            store_line = html("", elem_id="case-reasons-line")
        file = gr.DownloadButton("Download", elem_id="case-file", visible="hidden")
    return (
        (name, save, line),
        (store, store_line),
        {"csv": csv, "json": table, "file": file, "line": line},
    )


def _list(label: str, elem_id: str, choices: Any = (), scale: int = 1) -> gr.Dropdown:
    choices = list(choices) or [("Any", "")]
    return gr.Dropdown(
        choices,
        value=choices[0][1],
        label=label,
        elem_id=elem_id,
        scale=scale,
        min_width=130,
    )


def _button(text: str, elem_id: str, min_width: int = 90) -> gr.Button:
    return gr.Button(text, elem_id=elem_id, size="sm", min_width=min_width, scale=0)
