"""The Embeddings page's parts, by name.

`Controls`, `Map` and `Cosines` hold components as outputs and, as answers, their updates: what an
answer leaves out stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import gradio as gr

from demo.html import widgets
from demo.html.embeddings import words
from demo.inspect.projection import METHODS
from demo.pages.components import CLICKS, html
from demo.pages.embeddings.address import DEFAULT_USERS, HIGHEST_SEED, USERS
from demo.pages.events import SKIP
from demo.pages.figures import place
from demo.pages.page import address


class Controls(NamedTuple):
    """What a visitor chose, and what is to be shown of it; shown when it changes."""

    method: Any = SKIP
    checkpoint: Any = SKIP
    users: Any = SKIP
    seed: Any = SKIP
    stale: Any = SKIP
    map_of: Any = SKIP
    cosines_of: Any = SKIP
    address: Any = SKIP


class Map(NamedTuple):
    """Items and the shopper in two dimensions."""

    status: Any = SKIP
    go: Any = SKIP
    stop: Any = SKIP
    lead: Any = SKIP
    plot: Any = SKIP
    legend: Any = SKIP
    nearest: Any = SKIP


class Cosines(NamedTuple):
    """Of the served checkpoint, then of the one compared with it: words and two plots each."""

    status: Any = SKIP
    again: Any = SKIP
    stop: Any = SKIP
    legend: Any = SKIP
    words: Any = SKIP
    before: Any = SKIP
    after: Any = SKIP
    other_words: Any = SKIP
    other_before: Any = SKIP
    other_after: Any = SKIP


@dataclass(frozen=True, kw_only=True, eq=False)
class EmbeddingsParts:
    """All components that events read or write.

    Attributes:
      controls: of the whole page.
      shopper: button of a random shopper.
      map: the first panel.
      cosines: the second one.
      begun: when the cosines were last asked for.
    """

    controls: Controls
    shopper: gr.Button
    map: Map
    cosines: Cosines
    begun: gr.State

    @property
    def choices(self) -> list[Any]:
        """The controls that a visitor sets, in the order in which handlers take them."""
        controls = self.controls
        return [controls.method, controls.checkpoint, controls.users, controls.seed]


def lay_out() -> EmbeddingsParts:
    """The parts in the current context."""
    box = address()
    map_of, cosines_of, begun = gr.State(None), gr.State(None), gr.State(0.0)
    stale = html("", js_on_load=CLICKS, elem_id="embeddings-stale")
    with gr.Column(elem_classes="cr-panel"):
        method, shopper = _map_controls()
        map_ = _map()
    with gr.Column(elem_classes="cr-panel"):
        other, users, seed = _cosines_controls()
        cosines = _cosines()
    return EmbeddingsParts(
        controls=Controls(
            method=method,
            checkpoint=other,
            users=users,
            seed=seed,
            stale=stale,
            map_of=map_of,
            cosines_of=cosines_of,
            address=box,
        ),
        shopper=shopper,
        map=map_,
        cosines=cosines,
        begun=begun,
    )


def _map_controls() -> tuple[gr.Dropdown, gr.Button]:
    """How items are laid out, and the button of a random shopper."""
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
    return method, shopper


def _map() -> Map:
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
    return Map(
        status=status, go=go, stop=stop, lead=lead, plot=plot, legend=legend, nearest=nearest
    )


def _cosines_controls() -> tuple[gr.Dropdown, gr.Dropdown, gr.Number]:
    """The other checkpoint, how many test users, and the seed that draws them."""
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
    return other, users, seed


def _cosines() -> Cosines:
    status = html("", elem_id="embeddings-cosines-status")
    with gr.Row(elem_classes="cr-actions"):
        again = gr.Button("Compare again", visible=False, elem_id="embeddings-cosines-again")
        stop = gr.Button("Stop", visible=False, elem_id="embeddings-cosines-stop")
    legend = html("", elem_id="embeddings-cosines-legend")
    served_words, before, after = _spread("served")
    other_words, other_before, other_after = _spread("compared")
    return Cosines(
        status=status,
        again=again,
        stop=stop,
        legend=legend,
        words=served_words,
        before=before,
        after=after,
        other_words=other_words,
        other_before=other_before,
        other_after=other_after,
    )


def _spread(name: str) -> tuple[gr.HTML, gr.Plot, gr.Plot]:
    """Words over two plots: before and after the purchase was read."""
    said = html("", elem_id=f"embeddings-{name}")
    with gr.Row(elem_classes="cr-plots cr-pair", elem_id=f"embeddings-{name}-plots"):
        with gr.Column(min_width=300, elem_classes="cr-spread"):
            html(words.spread_caption(False))
            before = place(f"embeddings-{name}-before")
        with gr.Column(min_width=300, elem_classes="cr-spread"):
            html(words.spread_caption(True))
            after = place(f"embeddings-{name}-after")
    return said, before, after
