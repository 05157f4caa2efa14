"""The Metrics page's parts, by name.

`Controls`, `Report`, `Slices`, `Pair`, `Model` and `Curve` hold components as outputs and, as
answers, their updates: what an answer leaves out stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import gradio as gr

from calrec.evaluation.metrics import TITLES
from demo.html.widgets import heading, lead
from demo.pages.components import html
from demo.pages.events import SKIP
from demo.pages.figures import place
from demo.pages.metrics.address import DIMENSION_TITLES, METRIC, MOST
from demo.pages.page import address

CURVES = 6
"""Training curves shown, at most."""


class Controls(NamedTuple):
    """What a visitor chose, and what is to be shown of it; shown when it changes."""

    runs: Any = SKIP
    metric: Any = SKIP
    dimension: Any = SKIP
    first: Any = SKIP
    second: Any = SKIP
    checkpoint: Any = SKIP
    problems: Any = SKIP
    report_of: Any = SKIP
    slices_of: Any = SKIP
    pair_of: Any = SKIP
    model_of: Any = SKIP
    address: Any = SKIP


class Report(NamedTuple):
    """The comparison of the chosen runs."""

    status: Any = SKIP
    overview: Any = SKIP
    plots_lead: Any = SKIP
    distribution: Any = SKIP
    details: Any = SKIP
    more: Any = SKIP


class Slices(NamedTuple):
    """A metric by a dimension."""

    caption: Any = SKIP
    slices: Any = SKIP


class Pair(NamedTuple):
    """Two runs compared."""

    table: Any = SKIP
    caption: Any = SKIP
    scatter: Any = SKIP


class Curve(NamedTuple):
    """A quantity of the training."""

    title: Any = SKIP
    plot: Any = SKIP


class Model(NamedTuple):
    """Training and card of a checkpoint."""

    curves_lead: Any = SKIP
    card: Any = SKIP
    download: Any = SKIP
    curves: Sequence[Curve] = ()

    def flat(self) -> list[Any]:
        """One after the other, as gradio takes them; of answers with all `CURVES` curves."""
        curves = [part for curve in self.curves for part in curve]
        return [self.curves_lead, self.card, self.download, *curves]


@dataclass(frozen=True, kw_only=True, eq=False)
class MetricsParts:
    """All components that events read or write."""

    controls: Controls
    report: Report
    slices: Slices
    pair: Pair
    model: Model

    @property
    def choices(self) -> list[Any]:
        """The controls that a visitor sets, in the order of `MetricsHandlers.choose`."""
        of = self.controls
        return [of.runs, of.metric, of.dimension, of.first, of.second, of.checkpoint]


def lay_out() -> MetricsParts:
    """The parts in the current context."""
    controls = Controls(
        address=address(),
        report_of=gr.State(None),
        slices_of=gr.State(None),
        pair_of=gr.State(None),
        model_of=gr.State(None),
    )
    with gr.Column(elem_classes="cr-panel"):
        controls, report = _overview(controls)
    with gr.Column(elem_classes="cr-panel"):
        controls, report, slices = _plots(controls, report)
    with gr.Column(elem_classes="cr-panel"):
        controls, pair = _pair(controls)
    with gr.Column(elem_classes="cr-panel"):
        report = _details(report)
    with gr.Column(elem_classes="cr-panel"):
        controls, model = _training(controls)
    with gr.Column(elem_classes="cr-panel"):
        model = _card(model)
    return MetricsParts(controls=controls, report=report, slices=slices, pair=pair, model=model)


def _overview(controls: Controls) -> tuple[Controls, Report]:
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
    report = Report(
        status=html("", elem_id="metrics-status"), overview=html("", elem_id="metrics-overview")
    )
    return controls._replace(runs=runs, metric=metric, problems=problems), report


def _plots(controls: Controls, report: Report) -> tuple[Controls, Report, Slices]:
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
            slices = Slices(
                caption=html("", elem_id="metrics-slices-caption"), slices=place("metrics-slices")
            )
    report = report._replace(plots_lead=plots_lead, distribution=distribution)
    return controls._replace(dimension=dimension), report, slices


def _pair(controls: Controls) -> tuple[Controls, Pair]:
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
            table = html("", elem_id="metrics-pair-html")
        with gr.Column(min_width=320, scale=5):
            caption = html("", elem_id="metrics-scatter-caption")
            scatter = place("metrics-scatter")
    pair = Pair(table=table, caption=caption, scatter=scatter)
    return controls._replace(first=first, second=second), pair


def _details(report: Report) -> Report:
    _head(
        "Differences and parts in numbers",
        "The model against each other evaluation, and the metric for parts of the shoppers.",
    )
    details = html("", elem_id="metrics-details")
    with gr.Accordion(
        "The paper's other tables, ties and all settings", open=False, elem_classes="cr-quiet"
    ):
        return report._replace(details=details, more=html("", elem_id="metrics-more"))


def _training(controls: Controls) -> tuple[Controls, Model]:
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
        for number in range(CURVES):
            with gr.Column(min_width=280, elem_classes="cr-curve"):
                curves.append(Curve(title=html(""), plot=place(f"metrics-curve-{number}")))
    model = Model(curves_lead=curves_lead, curves=curves)
    return controls._replace(checkpoint=checkpoint), model


def _card(model: Model) -> Model:
    _head("Model card", "Everything that the checkpoint says of itself, in words.")
    card = html("", elem_id="metrics-card")
    return model._replace(card=card, download=html("", elem_id="metrics-download"))


def _head(title: str, text: str) -> None:
    html(heading(0, title, text))
