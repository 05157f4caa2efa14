"""The walkthrough's parts, by name, laid out in the current container."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr

from calrec.recommenders import register
from calrec.records.decoders import DECODERS
from demo.html import widgets
from demo.html.record import story
from demo.html.walkthrough import no_prompt, step_heading
from demo.html.wording import listed
from demo.inspect.choices import Choices, sorts
from demo.pages.catalogue.address import SORTS
from demo.pages.components import CLICKS, html, listener
from demo.pages.named import Update
from demo.pages.page import address
from demo.pages.walkthrough import explained, sureness
from demo.pages.walkthrough.address import DEFAULT
from demo.pages.walkthrough.exploring import NOBODY

_RETRIEVALS = [
    ("its words, over all items", "bm25"),
    ("title, then category, brand, price", "hierarchical"),
    ("its words, among another's best", "rerank"),
    ("the item's own text", "exact"),
]
BOUGHT = [("ranked like all others", "ranked"), ("behind all others", "last")]
COUNT = [("training parts alone", "training"), ("validation parts, too", "all")]


def lay_out(opening: Update) -> dict[str, Any]:
    """The page in the current container.

    Those of settings have the names of `WalkthroughAddress`'s fields. `shown` is what the results
    are of, `writing` what the running job's will be of, `held` what was kept as A; any new value
    of `start` starts a recommendation, and one of `ready` the model for it.
    """
    parts: dict[str, Any] = {"address": address(), "shown": gr.State(None)} | _bar()
    parts |= {"writing": gr.State(None), "held": gr.State(None)}
    with _step(1):
        parts["presets"] = html(opening["presets"], js_on_load=CLICKS, elem_id="presets")
        with gr.Row(elem_classes="cr-columns"):
            with gr.Column(scale=6, min_width=320, elem_classes="cr-panel"):
                parts |= _browser(opening)
            with gr.Column(scale=5, min_width=320, elem_classes="cr-panel"):
                parts |= _assembly(opening) | _sampling()
        html(widgets.step_buttons(1))
    with _panel(2):
        parts["prompt"] = html(no_prompt(), elem_id="prompt")
    with _panel(3):
        html(opening["speaker"])
        parts |= _decoder()
        parts["texts"] = html(opening["texts"], js_on_load=CLICKS, elem_id="samples")
    with _panel(4):
        parts |= _switches() | _ways() | _rules()
        parts["no_words"] = html("", elem_id="no-words")
        parts["matrix"] = html(opening["matrix"], elem_id="matrix")
    with _panel(5):
        parts |= explained.lay_out() | sureness.lay_out() | _rankings(opening) | _explorer(opening)
    html(story.bar(), elem_id="story-bar")
    parts["text"] = gr.Number(-1, visible=False, precision=0)
    for name in ("start", "ready"):
        parts[name] = gr.Textbox(
            visible="hidden", show_label=False, elem_id=name, interactive=False
        )
    return parts


def _bar() -> dict[str, Any]:
    with gr.Row(elem_classes="cr-bar-top"):
        html(widgets.stepper(), elem_id="steps", scale=3)
        run = gr.Button("Recommend", variant="primary", elem_id="run", min_width=150)
        stop = gr.Button("Stop", variant="secondary", elem_id="stop", visible=False, min_width=150)
    return {
        "run": run,
        "stop": stop,
        "message": html("", elem_id="message"),
        "status": html("", elem_id="status"),
        "story": html("", elem_id="story"),
        "stale": html("", elem_id="stale"),
        "cut": html("", elem_id="cut"),
    }


def _browser(opening: Update) -> dict[str, Any]:
    html(step_heading(1))
    with gr.Row(elem_classes="cr-filters"):
        query = gr.Textbox(
            label="Search",
            placeholder="Words of a title, brand or category",
            elem_id="query",
            scale=2,
            min_width=160,
        )
        sort = gr.Dropdown(
            sorts(SORTS, "", "relevance"), value="relevance", label="Sort", min_width=120
        )
    with gr.Row(elem_classes="cr-filters"):
        filters = {
            name: gr.Dropdown(
                opening[name]["choices"],
                value="",
                label=name.capitalize(),
                elem_id=name,
                min_width=130,
            )
            for name in Choices._fields
        }
    browse = html(opening["browse"], js_on_load=CLICKS, elem_id="catalogue-list")
    return {"query": query, "sort": sort, **filters, "browse": browse}


def _assembly(opening: Update) -> dict[str, Any]:
    html(step_heading(0))
    with gr.Row(elem_classes="cr-filters"):
        shopper = gr.Textbox(
            label="Shopper (type a part of an id)",
            max_lines=1,
            elem_id="shopper",
            scale=2,
            min_width=180,
        )
        any_shopper = gr.Button("Random shopper", elem_id="random", min_width=130)
    return {
        "shopper": shopper,
        "shoppers": html(opening["shoppers"], js_on_load=listener("shoppers")),
        "any_shopper": any_shopper,
        "beside": html("", elem_id="beside"),
        "undone": _undo(),
        "history": html(opening["history"], js_on_load=CLICKS, elem_id="history"),
        "target": html("", elem_id="target", visible=False),
    }


def _decoder() -> dict[str, Any]:
    usual = DECODERS[DEFAULT.decoder]
    return {
        "decoder": gr.Radio(
            [(one.label, one.id) for one in DECODERS.values()],
            value=usual.id,
            label="How it writes",
            elem_id="decoder",
        ),
        "decoder_said": html(widgets.quiet(usual.sentence), elem_id="decoder-said"),
        "decoding": html("", elem_id="decoding"),
    }


def _undo() -> gr.Button:
    """The buttons, and the hidden one that brings their history."""
    html(widgets.undo_buttons())
    return gr.Button(elem_id="undo-history", visible="hidden")


def _sampling() -> dict[str, Any]:
    with gr.Accordion("How the model writes", open=False, elem_classes="cr-quiet"):
        return {
            "no_draws": html("", elem_id="no-draws"),
            "seed": gr.Number(
                DEFAULT.seed,
                precision=0,
                minimum=0,
                label="Seed",
                info="The same seed writes the same texts.",
                elem_id="seed",
            ),
            "temperature": gr.Slider(
                0.1,
                1.5,
                value=DEFAULT.temperature,
                step=0.05,
                label="Temperature",
                info="Lower: safer, more alike texts. Higher: more varied ones.",
            ),
            "samples": gr.Slider(
                1,
                64,
                value=DEFAULT.samples,
                step=1,
                label="Texts to write",
                elem_id="samples-number",
            ),
            "template": gr.Dropdown(
                [("CALRec", "calrec"), ("GPT4Rec", "gpt4rec")],
                value=DEFAULT.template,
                label="Words around the items",
                info="A model that was trained with one writes worse with the other.",
                elem_id="template",
            ),
        }


def _switches() -> dict[str, Any]:
    with gr.Row(elem_classes="cr-filters", elem_id="switches"):
        return {
            "n_pred": gr.Slider(
                1,
                32,
                value=DEFAULT.n_pred,
                step=1,
                label="Texts kept",
                info="How many different texts are compared with the items.",
                min_width=150,
            ),
            "epsilon": gr.Number(
                DEFAULT.epsilon,
                minimum=0,
                maximum=1,
                label="Weight of probability (ε)",
                info="At 0 all texts count alike.",
                min_width=150,
                elem_classes="cr-expert",
            ),
            "k1": gr.Slider(
                0,
                5,
                value=DEFAULT.k1,
                step=0.1,
                label="Repeated words (BM25 k1)",
                info="At 0 a word counts once, however often an item has it.",
                min_width=150,
                elem_classes="cr-expert",
            ),
            "b": gr.Slider(
                0,
                1,
                value=DEFAULT.b,
                step=0.05,
                label="Long items (BM25 b)",
                info="At 1 the words of a long text count less.",
                min_width=150,
                elem_classes="cr-expert",
            ),
        }


def _ways() -> dict[str, Any]:
    with gr.Row(elem_classes="cr-filters", elem_id="ways"):
        return {
            "pooling": gr.Dropdown(
                [("the best of its texts", "max"), ("their mean", "mean"), ("the least", "min")],
                value=DEFAULT.pooling,
                label="An item's score is (pooling)",
                elem_classes="cr-expert",
                min_width=150,
            ),
            "retrieval": gr.Dropdown(
                _RETRIEVALS,
                value=DEFAULT.retrieval,
                label="From texts to items by",
                elem_classes="cr-expert",
                min_width=190,
                elem_id="retrieval",
            ),
            "first": gr.Dropdown(
                _rivals(),
                value=DEFAULT.first,
                label="Whose best (first stage)",
                info="Its best items are ranked; or scored, where a shop has too many for all.",
                elem_classes="cr-expert",
                min_width=190,
                elem_id="first",
                visible=False,
            ),
            "modulation": gr.Checkbox(
                DEFAULT.modulation,
                label="Weigh by probability",
                min_width=150,
                elem_id="modulation",
            ),
        }


def _rules() -> dict[str, Any]:
    offered = map(register.entry, register.rivals())
    counting = [entry.title for entry in offered if "purchases" in entry.needs]
    with gr.Row(elem_classes="cr-filters", elem_id="rules"):
        return {
            "bought": gr.Dropdown(
                BOUGHT,
                value=DEFAULT.bought,
                label="Items bought before",
                info="In all rankings. Behind all others, the item really bought goes there, too,"
                " if it was bought before.",
                min_width=190,
                elem_id="bought",
            ),
            "count": gr.Dropdown(
                COUNT,
                value=DEFAULT.count,
                label="Simple rules count",
                elem_classes="cr-expert",
                info=f"The purchases that {listed(counting)} go by.",
                min_width=190,
                elem_id="count",
            ),
        }


def _rankings(opening: Update) -> dict[str, Any]:
    return {
        "others": gr.CheckboxGroup(
            _rivals(), value=list(DEFAULT.others), label="Compare with", elem_id="others"
        ),
        "ranks": html("", elem_id="ranks"),
        "keep": gr.Button("Keep as A", size="sm", elem_id="keep", min_width=120),
        "versus": html("", elem_id="versus"),
        "rankings": html(opening["rankings"], elem_id="rankings"),
    }


def _explorer(opening: Update) -> dict[str, Any]:
    html(step_heading(6))
    with gr.Row(elem_classes="cr-filters", elem_id="explore"):
        settings = {
            "depth": gr.Dropdown(
                [
                    ("the 10 most probable texts", "10"),
                    ("the 50 most probable texts", "50"),
                    ("the 200 most probable texts", "200"),
                    ("every item, exactly", "all"),
                ],
                value=DEFAULT.depth,
                label="Look for",
                elem_id="depth",
                min_width=190,
            ),
            "asked": gr.Dropdown(
                [NOBODY],
                value=DEFAULT.asked,
                label="Ask about another item (type words or an id)",
                allow_custom_value=True,
                elem_id="asked",
                scale=2,
                min_width=220,
            ),
            "look": gr.Button("Look through the whole catalogue", elem_id="look", min_width=240),
        }
    return {
        **settings,
        "explored": gr.Checkbox(DEFAULT.explored, visible=False),
        "explorer": html(opening["explorer"], js_on_load=listener("explorer"), elem_id="explorer"),
    }


def _rivals() -> list[tuple[str, str]]:
    return [(register.title(name), name) for name in register.rivals()]


def _step(number: int) -> gr.Column:
    return gr.Column(elem_id=f"step-{number}", elem_classes="cr-stage")


@contextmanager
def _panel(number: int) -> Iterator[None]:
    """A step of one panel, between its heading and its buttons."""
    with _step(number), gr.Column(elem_classes="cr-panel"):
        html(step_heading(number))
        yield
        html(widgets.step_buttons(number))
