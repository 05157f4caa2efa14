"""The walkthrough's controls, laid out in the current container."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demo.html import widgets
from demo.inspect.session import Session
from demo.pages.components import CLICKS, html
from demo.pages.walkthrough.address import DEFAULT
from demo.pages.walkthrough.updates import Listing

SORTS = [
    ("Relevance", "relevance"),
    ("Most sold", "popularity"),
    ("Title", "title"),
    ("Price", "price"),
]
_RETRIEVALS = [
    ("BM25 over all items", "bm25"),
    ("hierarchical match", "hierarchical"),
    ("rerank of LIR's best", "rerank"),
]
BOUGHT = [("ranked like all others", "ranked"), ("behind all others", "last")]
COUNT = [("training parts alone", "training"), ("validation parts, too", "all")]


def browser(listing: Listing) -> list[Any]:
    """Query, sort, the three filters, and the list."""
    html(
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
        filters = [
            gr.Dropdown(
                offered["choices"],
                value="",
                label=label,
                elem_id=label.lower(),
                min_width=130,
            )
            for label, offered in zip(("Category", "Brand", "Price"), listing[1:], strict=True)
        ]
    browse = html(listing.browse, js_on_load=CLICKS, elem_id="catalogue-list")
    return [query, sort, *filters, browse]


def assembly(shoppers: list[str], start: Session) -> list[Any]:
    """Shopper, random shopper, history, the true next item."""
    html(
        widgets.heading(
            0,
            "The purchase history",
            "What the recommenders read. Or load a real shopper, whose last purchase "
            "is held back as the right answer.",
        )
    )
    with gr.Row(elem_classes="cr-filters"):
        shopper = gr.Dropdown(
            shoppers,
            value=None,
            label="Shopper (type the beginning of an id)",
            allow_custom_value=True,
            elem_id="shopper",
            scale=2,
            min_width=180,
        )
        any_shopper = gr.Button("Random shopper", elem_id="random", min_width=130)
    history = html(widgets.history_list([], start), js_on_load=CLICKS, elem_id="history")
    target = html("", elem_id="target", visible=False)
    return [shopper, any_shopper, history, target]


def sampling() -> list[Any]:
    """Seed, temperature, samples, template."""
    with gr.Accordion("How the model writes", open=False, elem_classes="cr-quiet"):
        seed = gr.Number(
            DEFAULT.seed,
            precision=0,
            minimum=0,
            label="Seed",
            info="The same seed writes the same texts.",
            elem_id="seed",
        )
        temperature = gr.Slider(
            0.1,
            1.5,
            value=DEFAULT.temperature,
            step=0.05,
            label="Temperature",
            info="Lower: safer, more alike texts. Higher: more varied ones.",
        )
        samples = gr.Slider(
            1, 64, value=DEFAULT.samples, step=1, label="Texts to write", elem_id="samples-number"
        )
        template = gr.Dropdown(
            [("CALRec", "calrec"), ("GPT4Rec", "gpt4rec")],
            value=DEFAULT.template,
            label="Words around the items",
            info="A model that was trained with one writes worse with the other.",
            elem_id="template",
        )
    return [seed, temperature, samples, template]


def switches() -> list[Any]:
    """The settings of the ranking, in the order of `Choice`'s fields."""
    with gr.Row(elem_classes="cr-filters", elem_id="switches"):
        n_pred = gr.Slider(
            1,
            32,
            value=DEFAULT.n_pred,
            step=1,
            label="Texts kept (N_pred)",
            info="How many different texts are compared with the items.",
            min_width=150,
        )
        epsilon = gr.Number(
            DEFAULT.epsilon,
            minimum=0,
            maximum=1,
            label="Weight of probability (ε)",
            info="At 0 all texts count alike.",
            min_width=150,
        )
        k1 = gr.Slider(
            0,
            5,
            value=DEFAULT.k1,
            step=0.1,
            label="Repeated words (BM25 k1)",
            info="At 0 a word counts once, however often an item has it.",
            min_width=150,
        )
        b = gr.Slider(
            0,
            1,
            value=DEFAULT.b,
            step=0.05,
            label="Long items (BM25 b)",
            info="At 1 the words of a long text count less.",
            min_width=150,
        )
    with gr.Row(elem_classes="cr-filters", elem_id="ways"):
        pooling = gr.Dropdown(
            [("the best of its texts", "max"), ("their mean", "mean"), ("the least", "min")],
            value=DEFAULT.pooling,
            label="An item's score is (pooling)",
            min_width=150,
        )
        retrieval = gr.Dropdown(
            _RETRIEVALS,
            value=DEFAULT.retrieval,
            label="From texts to items by",
            min_width=190,
            elem_id="retrieval",
        )
        modulation = gr.Checkbox(
            DEFAULT.modulation, label="Weigh by probability", min_width=150, elem_id="modulation"
        )
    return [n_pred, epsilon, k1, b, pooling, modulation, retrieval, *_rules()]


def _rules() -> list[Any]:
    with gr.Row(elem_classes="cr-filters", elem_id="rules"):
        bought = gr.Dropdown(
            BOUGHT,
            value=DEFAULT.bought,
            label="Items bought before",
            info="In all rankings. Behind all others, the item really bought goes there, too, if it"
            " was bought before.",
            min_width=190,
            elem_id="bought",
        )
        count = gr.Dropdown(
            COUNT,
            value=DEFAULT.count,
            label="Simple rules count",
            info="The purchases that item KNN, Markov and most popular go by.",
            min_width=190,
            elem_id="count",
        )
    return [bought, count]
