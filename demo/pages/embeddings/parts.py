"""The Embeddings page's parts, by name."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demo.html import widgets
from demo.html.embeddings import words
from demo.inspect.projection import METHODS
from demo.pages.components import CLICKS, head, html
from demo.pages.embeddings.address import DEFAULT_USERS, HIGHEST_SEED, USERS
from demo.pages.figures import place
from demo.pages.page import address


def lay_out() -> dict[str, Any]:
    """The parts in the current context."""
    part: dict[str, Any] = {
        "address": address(),
        "map_of": gr.State(None),
        "cosines_of": gr.State(None),
        "begun": gr.State(0.0),  # when the cosines were last asked for
        "stale": html("", js_on_load=CLICKS, elem_id="embeddings-stale"),
    }
    with gr.Column(elem_classes="cr-panel"):
        part |= _map_controls() | _map()
    with gr.Column(elem_classes="cr-panel"):
        part |= _cosines_controls() | _cosines()
    return part


def _map_controls() -> dict[str, Any]:
    """How items are laid out, and the button of a random shopper."""
    head(
        "The shop as the model sees it",
        "Each dot is an item: the mean of what the model computes while it reads the item's"
        " text (v_T), laid out in two dimensions. The shopper's vector (v_U) is the same"
        " mean over the whole purchase history.",
    )
    with gr.Row(elem_classes="cr-filters"):
        method = gr.Dropdown(
            [(title, name) for name, title in METHODS.items()],
            value="pca",
            label="Map made by",
            elem_id="embeddings-method",
            scale=3,
            min_width=220,
        )
        shopper = gr.Button("Random shopper", elem_id="embeddings-random", min_width=130)
    return {"method": method, "shopper": shopper}


def _map() -> dict[str, Any]:
    part: dict[str, Any] = {"status": html("", elem_id="embeddings-status")}
    with gr.Row(elem_classes="cr-actions"):
        part["go"] = gr.Button(
            "Compute the vectors", variant="primary", visible=False, elem_id="embeddings-go"
        )
        part["stop"] = gr.Button("Stop", visible=False, elem_id="embeddings-stop")
    with gr.Row(elem_classes="cr-plots"):
        with gr.Column(scale=7, min_width=320):
            part["lead"] = html("", elem_id="embeddings-lead")
            part["plot"] = place("embeddings-map")
            part["legend"] = html("", elem_id="embeddings-legend")
        with gr.Column(scale=5, min_width=320):
            html(
                widgets.plot_title(
                    "Nearest to the shopper",
                    "Items whose vector has the highest cosine with the shopper's.",
                )
            )
            part["nearest"] = html("", js_on_load=CLICKS, elem_id="embeddings-nearest")
    return part


def _cosines_controls() -> dict[str, Any]:
    """The other checkpoint, how many test users, and the seed that draws them."""
    head(
        "What the contrastive losses did",
        "They compare each shopper with the item bought next, beside the items that other"
        " shoppers bought next. Here are these cosines for test shoppers whom training did"
        " not show their last purchase: the further apart the two hills, the better the"
        " vectors tell the own purchase from the others.",
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
    return {"checkpoint": other, "users": users, "seed": seed}


def _cosines() -> dict[str, Any]:
    part: dict[str, Any] = {"cosines_status": html("", elem_id="embeddings-cosines-status")}
    with gr.Row(elem_classes="cr-actions"):
        part["again"] = gr.Button(
            "Compare again", visible=False, elem_id="embeddings-cosines-again"
        )
        part["cosines_stop"] = gr.Button("Stop", visible=False, elem_id="embeddings-cosines-stop")
    part["cosines_legend"] = html("", elem_id="embeddings-cosines-legend")
    return part | _spread("served", "") | _spread("compared", "other_")


def _spread(name: str, prefix: str) -> dict[str, Any]:
    """Words over two plots: before and after the purchase was read."""
    part: dict[str, Any] = {f"{prefix}words": html("", elem_id=f"embeddings-{name}")}
    with gr.Row(elem_classes="cr-plots cr-pair", elem_id=f"embeddings-{name}-plots"):
        for when in ("before", "after"):
            with gr.Column(min_width=300, elem_classes="cr-spread"):
                html(words.spread_caption(when == "after"))
                part[f"{prefix}{when}"] = place(f"embeddings-{name}-{when}")
    return part
