"""What decoder and retrieval leave to be set: a control without a say goes, a line says why."""

from __future__ import annotations

import time
from typing import Any

import gradio as gr

from calrec.records.decoders import DECODERS
from demo.html.walkthrough import no_say_in_ranking, no_say_in_texts
from demo.html.widgets import quiet
from demo.pages.named import Update
from demo.pages.walkthrough.results import Shown

OF_DRAWS = ("seed", "temperature")
OF_WORDS = ("epsilon", "k1", "b", "pooling", "modulation")
"""Controls of BM25 and Algorithm 1."""


def decoder_chosen(decoder: Any, retrieval: Any, shown: Shown | None) -> Update:
    """Another decoder, with the retrieval that goes with it; results are made anew at once."""
    kind = DECODERS.get(decoder, DECODERS["sample"])
    update: Update = {}
    # Any other retrieval is a choice of the visitor's own.
    if retrieval == ("bm25" if kind.bound else "exact"):
        update["retrieval"] = kind.retrieval
    if shown is not None:
        # New texts: none of them is open. Any new value starts the model.
        update |= {"text": -1, "start": f"{kind.id} {time.time_ns()}"}
    return update


def controls(decoder: Any, retrieval: Any) -> Update:
    """Which controls there are, and why others are not."""
    kind = DECODERS.get(decoder, DECODERS["sample"])
    by_words = retrieval in ("bm25", "rerank")
    # As candidates of the decoder, or of the retrieval.
    staged = retrieval == "rerank" or kind.id == "likelihood"
    return {
        "decoder_said": quiet(kind.sentence),
        "no_draws": quiet(no_say_in_texts(kind)),
        **{name: gr.update(visible=kind.draws) for name in OF_DRAWS},
        "samples": gr.update(visible=kind.id != "likelihood"),
        "first": gr.update(visible=staged),
        "no_words": quiet(no_say_in_ranking(retrieval)),
        **{name: gr.update(visible=by_words) for name in OF_WORDS},
    }
