"""The Metrics page's parts, by name."""

from __future__ import annotations

from typing import Any

import gradio as gr

from calrec.evaluation.metrics import TITLES
from demo.html.widgets import collector, lead
from demo.pages.components import head, html
from demo.pages.figures import place
from demo.pages.metrics.address import DIMENSION_TITLES, METRIC, MOST
from demo.pages.page import address

CURVES = tuple(f"curve_{number}" for number in range(9))
"""Places of training curves; a title stands above each."""


def lay_out() -> dict[str, Any]:
    """The parts in the current context."""
    asked = {name: gr.State(None) for name in ("report_of", "slices_of", "pair_of", "model_of")}
    part: dict[str, Any] = {"address": address(), **asked}
    for panel in (_overview, _plots, _shortcuts, _pair, _details, _training, _card):
        with gr.Column(elem_classes="cr-panel"):
            part |= panel()
    return part


def _overview() -> dict[str, Any]:
    head(
        "Evaluations side by side",
        "Each recommender was asked for the last purchase of many shoppers, which it could not"
        " see. A rank says how far down its list the item really bought stands; items with"
        " equal scores make it a range, so that every figure is a pair, optimistic and"
        " pessimistic.",
    )
    html(collector())
    with gr.Row(elem_classes="cr-filters"):
        runs = gr.Dropdown(
            [],
            value=[],
            multiselect=True,
            max_choices=MOST,
            label=f"Evaluations, at most {MOST}",
            elem_id="metrics-runs",
            scale=4,
            min_width=280,
        )
        metric = gr.Dropdown(
            [(title, name) for name, title in TITLES.items()],
            value=METRIC,
            label="Metric of the parts",
            elem_id="metrics-metric",
            min_width=150,
        )
    said = {
        name: html("", elem_id=f"metrics-{name}") for name in ("problems", "status", "overview")
    }
    return {"runs": runs, "metric": metric, **said}


def _plots() -> dict[str, Any]:
    head(
        "How far down, and for whom",
        "Where in the lists the item really bought stands, and for which shoppers a recommender"
        " does well.",
    )
    part: dict[str, Any] = {"plots_lead": html("", elem_id="metrics-plots-lead")}
    with gr.Row(elem_classes="cr-plots"):
        with gr.Column(min_width=320, elem_classes="cr-figure"):
            html(
                lead(
                    "How often the item really bought is among the first k: solid optimistic,"
                    " dotted pessimistic. Press a solid line for the cases found by then."
                )
            )
            part["distribution"] = place("metrics-distribution")
        with gr.Column(min_width=320, elem_classes="cr-figure"):
            with gr.Row(elem_classes="cr-filters"):
                part["dimension"] = gr.Dropdown(
                    [(title, name) for name, title in DIMENSION_TITLES.items()],
                    value=next(iter(DIMENSION_TITLES)),
                    label="By groups of shoppers",
                    elem_id="metrics-dimension",
                )
            part["slices_caption"] = html("", elem_id="metrics-slices-caption")
            part["slices"] = place("metrics-slices")
    return part


def _shortcuts() -> dict[str, Any]:
    head(
        "Can this shop be solved by a shortcut?",
        "Often the next purchase is one that the person made before, one that others made right"
        " after the last item, or one whose text reads like the last item's. Simple rules find"
        " these; where most are of that kind, high figures say little of a model.",
    )
    part: dict[str, Any] = {"shortcuts_lead": html("", elem_id="metrics-shortcuts-lead")}
    with gr.Row(elem_classes="cr-plots"):
        for name in ("shortcuts", "shortcuts_found"):
            with gr.Column(min_width=320, elem_classes="cr-figure"):
                part[name] = place(f"metrics-{name.replace('_', '-')}")
    return part


def _pair() -> dict[str, Any]:
    head(
        "Two evaluations compared",
        "Two evaluations on the shoppers that both have in common: whose figures are better, by"
        " how much, and whether chance alone would do.",
    )
    with gr.Row(elem_classes="cr-filters"):
        part: dict[str, Any] = {
            name: _list(name.capitalize(), name) for name in ("first", "second")
        }
    with gr.Row(elem_classes="cr-plots"):
        with gr.Column(min_width=320, scale=6):
            part["table"] = html("", elem_id="metrics-pair-html")
        with gr.Column(min_width=320, scale=5):
            part["scatter_caption"] = html("", elem_id="metrics-scatter-caption")
            part["scatter"] = place("metrics-scatter")
    return part


def _details() -> dict[str, Any]:
    head(
        "Differences and parts in numbers",
        "The model against each other evaluation, what stands in the first tens, and the metric "
        "for parts of the shoppers.",
    )
    details = html("", elem_id="metrics-details")
    with gr.Accordion(
        "The paper's other tables, ties and all settings", open=False, elem_classes="cr-quiet"
    ):
        return {"details": details, "more": html("", elem_id="metrics-more")}


def _training() -> dict[str, Any]:
    head(
        "How the model was trained",
        "What the training log of a checkpoint says, step by step.",
    )
    with gr.Row(elem_classes="cr-filters"):
        part: dict[str, Any] = {"checkpoint": _list("Checkpoint", "checkpoint")}
    part["curves_lead"] = html("", elem_id="metrics-curves-lead")
    with gr.Row(elem_classes="cr-curves"):
        for name in CURVES:
            with gr.Column(min_width=280, elem_classes="cr-curve"):
                part[f"{name}_title"] = html("")
                part[name] = place(f"metrics-{name.replace('_', '-')}")
    return part


def _card() -> dict[str, Any]:
    head("Model card", "Everything that the checkpoint says of itself, in words.")
    return {name: html("", elem_id=f"metrics-{name}") for name in ("card", "download")}


def _list(label: str, name: str) -> gr.Dropdown:
    return gr.Dropdown([], value=None, label=label, elem_id=f"metrics-{name}", min_width=240)
