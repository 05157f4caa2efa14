"""The Embeddings page's layout, and which handler answers which event."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demo.html import widgets
from demo.inspect.projection import METHODS
from demo.inspect.session import Session
from demo.inspect.towers import Models
from demo.pages.components import CLICKS, html
from demo.pages.embeddings import drawing
from demo.pages.embeddings.address import DEFAULT_USERS, HIGHEST_SEED, USERS
from demo.pages.embeddings.handlers import (
    Controls,
    Cosines,
    Handlers,
    Map,
    begin_cosines,
    stopped,
    stopped_cosines,
    waiting,
)
from demo.pages.events import BROWSE, EDIT, LOOK_UP, MODEL
from demo.pages.figures import place
from demo.pages.page import Page, Shell, address

TITLE = "Embeddings"


def build(shell: Shell) -> Page:
    """The page in the current context."""
    handlers = Handlers(shell.app, Models(shell.app))
    box = address()
    map_of, cosines_of = gr.State(None), gr.State(None)
    begun = gr.State(0.0)  # when the cosines were last asked for

    stale = html("", js_on_load=CLICKS, elem_id="embeddings-stale")
    with gr.Column(elem_classes="cr-panel"):
        html(
            widgets.heading(
                0,
                "The shop as the model sees it",
                "Each dot is an item: the mean of what the model computes while it reads the item's"
                " text (v_T), laid out in two dimensions. The shopper's vector (v_U) is the same"
                " mean over the whole purchase history.",
            )
        )
        with gr.Row(elem_classes="cr-filters"):
            method = gr.Dropdown(
                [(title, name) for name, title in METHODS.items()],
                value="pca",
                label="Laid out by",
                elem_id="embeddings-method",
                scale=3,
                min_width=220,
            )
            shopper = gr.Button("Random shopper", elem_id="embeddings-random", min_width=130)
        status = html("", elem_id="embeddings-status")
        with gr.Row(elem_classes="cr-actions"):
            go = gr.Button(
                "Compute the vectors", variant="primary", visible=False, elem_id="embeddings-go"
            )
            stop = gr.Button("Stop", visible=False, elem_id="embeddings-stop")
        with gr.Row(elem_classes="cr-plots"):
            with gr.Column(scale=7, min_width=320):
                lead = html("", elem_id="embeddings-lead")
                plot = place("embeddings-map")
                legend = html("", elem_id="embeddings-legend")
            with gr.Column(scale=5, min_width=320):
                html(
                    widgets.plot_title(
                        "Nearest to the shopper",
                        "Items whose vector has the highest cosine with the shopper's.",
                    )
                )
                nearest = html("", js_on_load=CLICKS, elem_id="embeddings-nearest")

    with gr.Column(elem_classes="cr-panel"):
        html(
            widgets.heading(
                0,
                "What the contrastive losses did",
                "They compare each shopper with the item bought next, beside the items that other"
                " shoppers bought next. Here are these cosines for test shoppers whom training did"
                " not show their last purchase: the further apart the two hills, the better the"
                " vectors tell the own purchase from the others.",
            )
        )
        with gr.Row(elem_classes="cr-filters"):
            other = gr.Dropdown(
                [("None", "")],
                value="",
                label="Beside another checkpoint",
                elem_id="embeddings-checkpoint",
                scale=2,
                min_width=200,
            )
            users = gr.Dropdown(
                [(f"{number:,} shoppers", number) for number in USERS],
                value=DEFAULT_USERS,
                label="Test shoppers",
                elem_id="embeddings-users",
                min_width=140,
            )
            seed = gr.Number(
                0,
                precision=0,
                minimum=0,
                maximum=HIGHEST_SEED,
                label="Seed that draws them",
                elem_id="embeddings-seed",
                min_width=140,
            )
        cosines_status = html("", elem_id="embeddings-cosines-status")
        with gr.Row(elem_classes="cr-actions"):
            again = gr.Button("Compare again", visible=False, elem_id="embeddings-cosines-again")
            halt = gr.Button("Stop", visible=False, elem_id="embeddings-cosines-stop")
        cosines_legend = html("", elem_id="embeddings-cosines-legend")
        served, compared = _spreads("served"), _spreads("compared")

    chosen = [method, other, users, seed]
    controls = list(Controls(*chosen, stale, map_of=map_of, cosines_of=cosines_of, address=box))
    inputs = [shell.session, *chosen]
    for control in chosen:
        control.input(handlers.choose, inputs, controls, **BROWSE)
    drawn = list(Map(status, go, stop, lead, plot, legend, nearest))
    # Who waits for the model reads so; the line goes when the drawing begins.
    drawing_map = map_of.change(waiting, None, status, **LOOK_UP).then(
        handlers.draw_map, map_of, drawn, **MODEL
    )
    go.click(handlers.go, inputs, controls, **LOOK_UP)
    stop.click(stopped, None, drawn, cancels=[drawing_map], **LOOK_UP)
    cosines = list(Cosines(cosines_status, again, halt, cosines_legend, *served, *compared))
    # Of several choices in a row only the last one is computed: each ends the job of the one
    # before, and sets off its own by way of `begun`.
    comparing = begun.change(handlers.draw_cosines, cosines_of, cosines, **MODEL)
    begin = {"fn": begin_cosines, "outputs": [begun, *cosines], **LOOK_UP}
    cosines_of.change(**begin)
    for control in (other, users, seed):
        control.input(None, None, None, cancels=[comparing], **LOOK_UP)
    again.click(**begin)
    # What the job said last must not come after "Stopped".
    halt.click(None, None, None, cancels=[comparing], **LOOK_UP).then(
        stopped_cosines, None, cosines, **LOOK_UP
    )

    visitor = [shell.session, shell.toast]
    redraw = {"fn": handlers.choose, "inputs": inputs, "outputs": controls, **LOOK_UP}
    shopper.click(handlers.random_shopper, shell.session, visitor, **EDIT).then(**redraw)
    nearest.select(_adder(handlers), shell.session, visitor, **EDIT).then(**redraw)
    stale.select(**redraw)
    shell.session.change(handlers.follow, [shell.session, map_of], stale, **LOOK_UP)
    return Page(show=handlers.show, outputs=controls, address=box)


def _adder(handlers: Handlers) -> Any:
    def add(visitor: Session, click: gr.EventData) -> tuple[Session, str]:
        if getattr(click, "act", "") != "add":
            return visitor, ""
        return handlers.add(visitor, getattr(click, "id", ""))

    return add


def _spreads(name: str) -> tuple[gr.HTML, gr.Plot, gr.Plot]:
    """Words over two plots: before and after the purchase was read."""
    words = html("", elem_id=f"embeddings-{name}")
    plots = []
    with gr.Row(elem_classes="cr-plots cr-pair", elem_id=f"embeddings-{name}-plots"):
        for read in (False, True):
            with gr.Column(min_width=300, elem_classes="cr-spread"):
                html(drawing.spread_caption(read))
                plots.append(place(f"embeddings-{name}-{'after' if read else 'before'}"))
    return words, *plots
