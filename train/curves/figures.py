"""Curves of runs over their steps; one colour a run, one stroke a split."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from calrec.evaluation.foreign import plain
from calrec.report.figures import COLOURS, GENERATIVE, layout
from calrec.report.training_log import NDCG
from train.curves.runs import LOSSES, TrainedRun

POINTS = 600
"""Points drawn of a curve, at most; each is then the mean of those that it stands for."""
STROKES: Mapping[str, str] = {"training": "dot", "validation": "solid", "test": "dash"}
"""By split. The paper dots its training curves, too."""
_WIDTHS = {"training": 1.4, "validation": 2.2, "test": 1.8}
_FORMATS = {
    "tokens_per_second": ",",
    "productive": ".0%",
    "share_of_peak": ".0%",
    "learning_rate": "~e",
}
_COLOURS = (GENERATIVE, *COLOURS[1:], COLOURS[0])


def colour(place: int) -> str:
    """Of the run in this place of the report."""
    return _COLOURS[place % len(_COLOURS)]


def losses(runs: Sequence[TrainedRun], loss: str) -> go.Figure:
    """A panel of the paper's Fig. 2: a loss on training, validation and test users, in nats.

    A ring is the kept step, on the validation curve.

    Args:
      runs: those of the report, which have their colours by their places.
      loss: `nig` or `tt`.
    """
    figure = go.Figure()
    for place, run in enumerate(runs):
        for split, quantity in LOSSES[loss].items():
            _draw(figure, run, quantity, colour(place), split=split)
        _mark_kept(figure, run, LOSSES[loss]["validation"], colour(place))
    title = "nats a token" if loss == "nig" else "nats"
    return _laid_out(figure, f"L<sub>{loss.upper()}</sub>, {title}", height=430)


def selection(runs: Sequence[TrainedRun]) -> go.Figure:
    """Pessimistic NDCG@10 on validation users where it was measured; a ring is the kept step."""
    figure = go.Figure()
    for place, run in enumerate(runs):
        _draw(figure, run, NDCG, colour(place), split="validation")
        _mark_kept(figure, run, NDCG, colour(place))
    figure.update_yaxes(rangemode="tozero")
    return _laid_out(figure, "NDCG@10 (pessimistic)", height=300)


def quantity(runs: Sequence[TrainedRun], name: str) -> go.Figure:
    """Another quantity of the log, by the log's name for it."""
    figure = go.Figure()
    for place, run in enumerate(runs):
        _draw(figure, run, name, colour(place))
    if name in ("tokens_per_second", "productive", "share_of_peak"):
        figure.update_yaxes(rangemode="tozero")
    if name in _FORMATS:
        figure.update_yaxes(tickformat=_FORMATS[name])
    return _laid_out(figure, None, height=220)


def thinned(points: Mapping[int, float]) -> tuple[list[int], list[float]]:
    """At most `POINTS` of a curve: means of neighbours, each at the last one's step."""
    steps = list(points)
    stride = max(1, -(-len(steps) // POINTS))
    # Cut from the end: where the training ended is always there.
    parts = [steps[max(end - stride, 0) : end] for end in range(len(steps), 0, -stride)][::-1]
    means = [sum(points[step] for step in part) / len(part) for part in parts]
    return [part[-1] for part in parts], means


def _draw(
    figure: go.Figure, run: TrainedRun, quantity: str, colour: str, *, split: str = ""
) -> None:
    steps, values = thinned(run.points(quantity))
    if not steps:
        return
    words = ", ".join(filter(None, (_text(run.label), split and f"{split} users")))
    figure.add_scatter(
        x=steps,
        y=values,
        # What is measured now and then is marked where it was measured.
        mode="lines+markers" if split in ("validation", "test") or len(steps) == 1 else "lines",
        opacity=0.75 if split == "training" else 1,
        line={
            "color": colour,
            "width": _WIDTHS.get(split, 1.8),
            "dash": STROKES.get(split, "solid"),
        },
        marker={"color": colour, "size": 5 if len(steps) < 60 else 3},
        hovertemplate=f"{words}<br>step %{{x:,}}: %{{y:.5~g}}<extra></extra>",
    )


def _mark_kept(figure: go.Figure, run: TrainedRun, quantity: str, colour: str) -> None:
    kept = run.kept
    if kept is None or quantity not in kept.values:
        return
    figure.add_scatter(
        x=[kept.step],
        y=[kept.values[quantity]],
        mode="markers",
        marker={"color": colour, "size": 13, "symbol": "circle-open", "line": {"width": 2}},
        hovertemplate=f"{_text(run.label)}<br>kept: step %{{x:,}}, %{{y:.4f}}<extra></extra>",
    )


def _laid_out(figure: go.Figure, title: str | None, *, height: int) -> go.Figure:
    layout(figure, height=height)
    figure.update_xaxes(title={"text": "step"}, tickformat=",", nticks=6, rangemode="tozero")
    figure.update_yaxes(title={"text": title}, nticks=7)
    return figure


def _text(text: str) -> str:
    return html.escape(" ".join(plain(text).split()), quote=False)
