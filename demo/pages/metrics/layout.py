"""The Metrics page's layout, and which handler answers which event."""

from __future__ import annotations

import gradio as gr

from calrec.evaluation.metrics import TITLES
from demo.html.widgets import heading, lead
from demo.pages.components import html
from demo.pages.events import BROWSE, LOOK_UP
from demo.pages.figures import place
from demo.pages.metrics.address import DIMENSION_TITLES, METRIC, MOST
from demo.pages.metrics.handlers import PLOTS, Controls, Handlers, Model, PairUpdate, Report, Slices
from demo.pages.page import Page, Shell, address

TITLE = "Metrics"


def build(shell: Shell) -> Page:
    """The page in the current context."""
    handlers = Handlers(shell.app)
    box = address()
    report_of, slices_of, pair_of, model_of = (gr.State(None) for _ in range(4))

    with gr.Column(elem_classes="cr-panel"):
        _head(
            "Evaluations side by side",
            "Each recommender was asked for the last purchase of many shoppers, which it could not"
            " see. A rank says how far down its list the item really bought stands; items with"
            " equal scores make it a range, so that every figure is a pair, optimistic and"
            " pessimistic.",
        )
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
        problems = html("", elem_id="metrics-problems")
        status = html("", elem_id="metrics-status")
        overview = html("", elem_id="metrics-overview")

    with gr.Column(elem_classes="cr-panel"):
        _head(
            "How far down, and for whom",
            "Where in the lists the item really bought stands, and for which shoppers a recommender"
            " does well.",
        )
        plots_lead = html("", elem_id="metrics-plots-lead")
        with gr.Row(elem_classes="cr-plots"):
            with gr.Column(min_width=320, elem_classes="cr-figure"):
                html(
                    lead(
                        "How often the item really bought is among the first k: solid optimistic,"
                        " dotted pessimistic."
                    )
                )
                distribution = place("metrics-distribution")
            with gr.Column(min_width=320, elem_classes="cr-figure"):
                with gr.Row(elem_classes="cr-filters"):
                    dimension = gr.Dropdown(
                        [(title, name) for name, title in DIMENSION_TITLES.items()],
                        value=next(iter(DIMENSION_TITLES)),
                        label="Shoppers taken apart by",
                        elem_id="metrics-dimension",
                    )
                slices_caption = html("", elem_id="metrics-slices-caption")
                slices = place("metrics-slices")

    with gr.Column(elem_classes="cr-panel"):
        _head(
            "Two compared",
            "Two evaluations on the shoppers that both have in common: whose figures are better, by"
            " how much, and whether chance alone would do.",
        )
        with gr.Row(elem_classes="cr-filters"):
            first, second = (
                gr.Dropdown([], value=None, label=label, elem_id=f"metrics-{name}", min_width=240)
                for label, name in (("First", "first"), ("Second", "second"))
            )
        with gr.Row(elem_classes="cr-plots"):
            with gr.Column(min_width=320, scale=6):
                pair = html("", elem_id="metrics-pair-html")
            with gr.Column(min_width=320, scale=5):
                scatter_caption = html("", elem_id="metrics-scatter-caption")
                scatter = place("metrics-scatter")

    with gr.Column(elem_classes="cr-panel"):
        _head(
            "Differences and parts in numbers",
            "The model against each other evaluation, and the metric for parts of the shoppers.",
        )
        details = html("", elem_id="metrics-details")
        with gr.Accordion(
            "The paper's other tables, ties and all settings", open=False, elem_classes="cr-quiet"
        ):
            more = html("", elem_id="metrics-more")

    with gr.Column(elem_classes="cr-panel"):
        _head(
            "How the model was trained",
            "What the training log of a checkpoint says, step by step.",
        )
        with gr.Row(elem_classes="cr-filters"):
            checkpoint = gr.Dropdown(
                [], value=None, label="Checkpoint", elem_id="metrics-checkpoint", min_width=240
            )
        curves_lead = html("", elem_id="metrics-curves-lead")
        curves = []
        with gr.Row(elem_classes="cr-curves"):
            for number in range(PLOTS):
                with gr.Column(min_width=280, elem_classes="cr-curve"):
                    curves += [html(""), place(f"metrics-curve-{number}")]

    with gr.Column(elem_classes="cr-panel"):
        _head("Model card", "Everything that the checkpoint says of itself, in words.")
        card = html("", elem_id="metrics-card")
        download = html("", elem_id="metrics-download")

    chosen = [runs, metric, dimension, first, second, checkpoint]
    controls = Controls(*chosen, problems, report_of, slices_of, pair_of, model_of, box)
    # Menus are used one after another; the last choice counts.
    for control in chosen:
        control.input(handlers.choose, [shell.session, *chosen], list(controls), **BROWSE)
    report = Report(status, overview, plots_lead, distribution, details, more)
    quick = {**LOOK_UP, "trigger_mode": "always_last"}
    report_of.change(handlers.draw_report, report_of, list(report), **quick)
    slices_of.change(handlers.draw_slices, slices_of, list(Slices(slices_caption, slices)), **quick)
    pair_of.change(
        handlers.draw_pair, pair_of, list(PairUpdate(pair, scatter_caption, scatter)), **quick
    )
    model_of.change(
        handlers.draw_model,
        model_of,
        [*Model(curves_lead, card, download), *curves],
        **quick,
    )
    return Page(show=handlers.show, outputs=list(controls), address=box)


def _head(title: str, text: str) -> None:
    html(heading(0, title, text))
