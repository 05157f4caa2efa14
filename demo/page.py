"""The inspection page: its layout, and which handler answers which event."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import gradio as gr

from demo import widgets
from demo.application import Application
from demo.handlers import Handlers
from demo.session import Session

WAITING = "Waiting for the model; it serves one visitor at a time."
STYLE = Path(__file__).with_name("style.css")
SORTS = [
    ("Relevance", "relevance"),
    ("Most sold", "popularity"),
    ("Title", "title"),
    ("Price", "price"),
]
# Events of the page are no public endpoints. Those that only look something up do not wait for
# the model; edits of a session run one after another, so that quick clicks do not get lost.
LOOK_UP: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
EDIT: dict[str, Any] = {
    **LOOK_UP,
    "trigger_mode": "multiple",
    "concurrency_id": "edit",
    "concurrency_limit": 1,
}
# A filter's choices follow the query: one that was offered a moment ago is no error.
UNCHECKED: dict[str, Any] = {"preprocess": False}
BROWSE: dict[str, Any] = {**LOOK_UP, **UNCHECKED, "trigger_mode": "always_last"}
MODEL: dict[str, Any] = {**LOOK_UP, "concurrency_id": "model", "concurrency_limit": 1}


def theme() -> gr.themes.Base:
    """Calm colours and the fonts that ship with gradio, so that nothing is fetched."""
    return gr.themes.Default(
        primary_hue=gr.themes.colors.indigo,
        secondary_hue=gr.themes.colors.indigo,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_lg,
        # Not the default 600: gradio's semi-bold files lack most letters.
        font=(gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"),
    )


def _shop_label(domain: str, items: int) -> str:
    return f"{re.sub('[_-]', ' ', domain).capitalize()} · {items:,} items"


def _html(value: str, **options: Any) -> gr.HTML:
    """HTML of our own making, without gradio's styles for prose."""
    return gr.HTML(value, apply_default_css=False, **options)


def build_page(application: Application) -> gr.Blocks:
    """The whole page over one application. Visitors share nothing but what they read."""
    handlers = Handlers(application)
    first = next(iter(application.domains))
    start = Session(domain=first)
    blank = handlers.no_results()
    listing = handlers.browse(start, "", "", "", "", "relevance")

    with gr.Blocks(title="CALRec", analytics_enabled=False) as page:
        session = gr.State(start)
        shown = gr.State(None)
        with gr.Row(elem_classes="cr-header"):
            _html(
                '<div class="cr-brand"><h1>CALRec</h1><p>A recommender that writes what a '
                "shopper will buy next, and then finds it in the catalogue. "
                "Every step can be looked at.</p></div>",
                scale=3,
            )
            shop = gr.Dropdown(
                [
                    (_shop_label(name, info.items), name)
                    for name, info in application.domains.items()
                ],
                value=first,
                label="Shop",
                elem_id="shop",
                scale=1,
                min_width=240,
            )

        with gr.Row(elem_classes="cr-columns"):
            with gr.Column(scale=6, min_width=340, elem_classes="cr-panel"):
                _html(
                    widgets.heading(
                        1,
                        "Pick from the catalogue",
                        "Click items in the order in which somebody might have bought them.",
                    )
                )
                with gr.Row(elem_classes="cr-filters"):
                    query = gr.Textbox(
                        label="Search",
                        placeholder="Words of a title, brand or category",
                        elem_id="query",
                        scale=2,
                        min_width=160,
                    )
                    sort = gr.Dropdown(SORTS, value="relevance", label="Sort", min_width=120)
                with gr.Row(elem_classes="cr-filters"):
                    category, brand, price = (
                        gr.Dropdown(
                            offered["choices"],
                            value="",
                            label=label,
                            elem_id=label.lower(),
                            min_width=130,
                        )
                        for label, offered in zip(
                            ("Category", "Brand", "Price"), listing[1:], strict=True
                        )
                    )
                browse = _html(
                    listing.browse,
                    js_on_load=widgets.CLICKS,
                    elem_id="catalogue",
                )
            with gr.Column(scale=5, min_width=340, elem_classes="cr-panel"):
                _html(
                    widgets.heading(
                        2,
                        "The purchase history",
                        "What the recommenders read. Or load a real shopper, whose last purchase "
                        "is held back as the right answer.",
                    )
                )
                with gr.Row(elem_classes="cr-filters"):
                    shopper = gr.Dropdown(
                        handlers.shoppers(start),
                        value=None,
                        label="Shopper (type the beginning of an id)",
                        allow_custom_value=True,
                        elem_id="shopper",
                        scale=2,
                        min_width=180,
                    )
                    any_shopper = gr.Button("Random shopper", elem_id="random", min_width=130)
                history = _html(
                    widgets.history_list([], start), js_on_load=widgets.CLICKS, elem_id="history"
                )
                target = _html("", elem_id="target", visible=False)
                with gr.Row(elem_classes="cr-actions"):
                    run = gr.Button("Recommend", variant="primary", elem_id="run", size="lg")
                    stop = gr.Button(
                        "Stop", variant="secondary", size="lg", elem_id="stop", visible=False
                    )
                message = _html("", elem_id="message")
                status = _html("", elem_id="status")
                with gr.Accordion("Settings", open=False, elem_classes="cr-quiet"):
                    temperature = gr.Slider(
                        0.1,
                        1.5,
                        value=0.5,
                        step=0.05,
                        label="Temperature",
                        info="Lower: safer, more alike texts. Higher: more varied ones.",
                    )
                    samples = gr.Slider(
                        1, 64, value=32, step=1, label="Texts to write", elem_id="samples-number"
                    )
                    seed = gr.Number(
                        0,
                        precision=0,
                        minimum=0,
                        label="Seed",
                        info="The same seed writes the same texts.",
                    )

        stale = _html("", elem_id="stale")
        with gr.Column(elem_classes="cr-panel"):
            _html(
                widgets.heading(
                    3,
                    "What the model writes",
                    "It continues the history with the text of the next purchase, many times over. "
                    "The number is the text's log-probability in nats: the nearer to zero, the "
                    "surer the model. The ten best different texts are kept.",
                )
            )
            texts = _html(blank.samples, elem_id="samples")
            with gr.Accordion("The exact prompt", open=False, elem_classes="cr-quiet"):
                prompt = _html(blank.prompt, elem_id="prompt")
        with gr.Column(elem_classes="cr-panel"):
            _html(
                widgets.heading(
                    4,
                    "From texts to items",
                    "Each row is an item, each column a kept text; the stronger the colour, the "
                    "more words they share (BM25, scaled to 0–1), weighed by how probable the "
                    "text is. A frame marks the text that decides an item's score. Colours are "
                    "stretched near 1, because full matches differ only in the third decimal.",
                )
            )
            heat_empty = _html(blank.heat_empty["value"], elem_id="heat-empty")
            heat = gr.Plot(visible=False, show_label=False, elem_id="heat", container=False)
        with gr.Column(elem_classes="cr-panel"):
            _html(
                widgets.heading(
                    5,
                    "The ranking",
                    "CALRec's first ten items beside those of the Last Item Repeater, a simple "
                    "rule that looks for items worded like the last purchase.",
                )
            )
            ranks = _html("", elem_id="ranks")
            rankings = _html(blank.rankings, elem_id="rankings")

        filters = [category, brand, price]
        choice = [session, query, *filters, sort]
        assembly = [session, history, target, message, stale]
        output = [message, status, texts, heat, heat_empty, ranks, rankings, prompt, shown]

        switch = [run, stop, message, status]

        shop.input(
            handlers.choose_shop,
            [shop, sort],
            [*assembly, browse, *filters, query, shopper, *output],
            **EDIT,
        )
        # Not query.input, which a paste does not set off.
        for changed in (query.change, query.submit, sort.input, *(f.input for f in filters)):
            changed(handlers.browse, choice, [browse, *filters], **BROWSE)
        browse.select(
            handlers.click_catalogue,
            [*choice, shown],
            [*assembly, browse, query],
            **{**EDIT, **UNCHECKED},
        )
        history.select(handlers.click_history, [session, shown], assembly, **EDIT)
        shopper.input(handlers.load_shopper, [session, shopper, shown], assembly, **EDIT)
        shopper.key_up(handlers.search_shoppers, session, shopper, **LOOK_UP)
        any_shopper.click(handlers.random_shopper, [session, shown], [*assembly, shopper], **EDIT)

        run.click(None, None, switch, js=_switch(True, WAITING), **LOOK_UP)
        job = run.click(handlers.recommend, [session, temperature, samples, seed], output, **MODEL)
        job.then(None, None, [run, stop], js=_switch(False), **LOOK_UP).then(
            handlers.stale, [session, shown], stale, **LOOK_UP
        )
        stop.click(None, None, switch, js=_switch(False, "Stopped."), cancels=[job], **LOOK_UP)
    return page.queue(default_concurrency_limit=8, max_size=64)


def _switch(running: bool, said: str | None = None) -> str:
    """JavaScript that shows Recommend or Stop at once, even while the server is busy.

    With something to say, it stands in `status` for a running job, which the job then overwrites;
    else in `message`, and `status` is hidden, as updates may still arrive after Stop.
    """
    updates: list[Any] = [{"visible": not running}, {"visible": running}]
    if said is not None:
        line = widgets.notice(said)
        updates += [
            {"value": "" if running else line},
            {"value": line if running else "", "visible": running},
        ]
    return f"() => {json.dumps([{'__type__': 'update', **update} for update in updates])}"
