"""Plots of evaluations: ranks of two recommenders, rank distributions, metrics by slice.

Of `calrec` only this module and `calrec.report.drawing` need plotly. Text is drawn in the page's
own colour and on a transparent ground, so that one figure serves light and dark pages (`INK` is
what stands in without a page). Every text from data is escaped: plotly reads a few HTML tags in
any text. No plot has a legend of its own: long names would leave no room to draw, so the page
writes it (`legend`).
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int

from calrec.evaluation.foreign import plain
from calrec.evaluation.runs import user_words
from calrec.evaluation.slices import Dimension, SliceFigure, slice_figures
from calrec.evaluation.text_scores import KINDS, TextScores
from calrec.report.comparison import Comparison

AXIS, BAND = 34, 26
"""Longest names beneath an axis and beside a band, in characters; more is cut off."""
LEAST = 132
"""Height of a small plot, in pixels, at least."""
INK = "#7a8296"
LINE = "rgba(128, 138, 160, 0.22)"
COLOURS = ("#8891a5", "#e8833a", "#2f9e6e", "#b8509a", "#2b97b8", "#b39221", "#c4524f")
"""Of recommenders, in order; middle tones that stand off from white and from slate."""
GENERATIVE = "#6470d8"
"""Of CALRec."""
_SHADE = "rgba(100, 112, 216, {})"
_DIAGONAL = "#e8833a"

CONFIG = {
    "displayModeBar": False,
    "responsive": True,
    "scrollZoom": False,
    "typesetMath": False,  # else plotly takes what stands between two dollar signs for TeX
}
"""How a page is to show them."""

BINS = 60
"""Of the scores of texts."""
CELLS = 36
"""Cells of the rank scatter along an axis, at most: 50,000 users make no more marks than 500."""


def colours(one: Comparison) -> tuple[str, ...]:
    """One a run: CALRec's own for the first generative run, the others in order."""
    first = next((k for k, run in enumerate(one.runs) if run.generative), None)
    rest = [k for k in range(len(one.runs)) if k != first]
    given = {k: COLOURS[place % len(COLOURS)] for place, k in enumerate(rest)}
    return tuple(given.get(k, GENERATIVE) for k in range(len(one.runs)))


def legend(one: Comparison) -> tuple[tuple[str, str], ...]:
    """Name and colour of each run, in order."""
    return tuple(zip(one.names, colours(one), strict=True))


def rank_scatter(one: Comparison, first: int, second: int, side: str = "optimistic") -> go.Figure:
    """The target's rank by two recommenders: users counted in cells of logarithmic width.

    Rank 1 is at the left and at the top, and both axes have one scale. Above the diagonal the
    second recommender ranks the target better.

    Args:
      one: the runs.
      first: run whose rank goes to the right.
      second: run whose rank goes down.
      side: `optimistic` or `pessimistic`.
    """
    x, y = (getattr(one.cases[run], side) for run in (first, second))
    edges = rank_edges(int(max(x.max(), y.max())))
    counts, _, _ = np.histogram2d(y, x, bins=(edges, edges))
    # Between two whole ranks, so that a rank stands in the middle of its cell.
    borders = np.sqrt(edges * np.maximum(edges - 1, 0.5))
    hover = _cell_words(edges, counts, [_text(one.names[run]) for run in (first, second)])
    figure = go.Figure([_heatmap(borders, counts, hover), _diagonal(borders)])
    layout(figure, height=520)
    powers = _powers(int(edges[-1]))
    ends = np.log10(borders[[0, -1]])
    axis = {
        "type": "log",
        "tickvals": powers,
        "ticktext": [f"{power:,}" for power in powers],
        "showgrid": False,
        "constrain": "domain",
    }
    across, down = (f"rank by {_short(one.names[run], AXIS)}" for run in (first, second))
    figure.update_xaxes(title={"text": across}, range=ends, constraintoward="left", **axis)
    figure.update_yaxes(
        title={"text": down}, range=ends[::-1], scaleanchor="x", constraintoward="top", **axis
    )
    return figure


def _cell_words(
    edges: Int[np.ndarray, " E"], counts: Float[np.ndarray, "E-1 E-1"], names: Sequence[str]
) -> list[list[str]]:
    """What each cell says when a person points at it."""
    spans = [_span(low, high) for low, high in zip(edges[:-1], edges[1:] - 1, strict=True)]
    return [
        [
            f"{names[0]}: rank {right}<br>{names[1]}: rank {up}<br><b>{user_words(int(count))}</b>"
            for right, count in zip(spans, row, strict=True)
        ]
        for up, row in zip(spans, counts, strict=True)
    ]


def _heatmap(
    borders: Float[np.ndarray, " E"], counts: Float[np.ndarray, "E-1 E-1"], hover: list[list[str]]
) -> go.Heatmap:
    ticks = _count_ticks(int(counts.max()))
    return go.Heatmap(
        x=borders,
        y=borders,
        z=np.log10(np.where(counts > 0, counts, np.nan)),
        zmin=-0.4,
        customdata=counts,
        text=hover,
        hovertemplate="%{text}<extra></extra>",
        hoverongaps=False,
        colorscale=[[0, _SHADE.format(0.1)], [1, _SHADE.format(1)]],
        colorbar={
            # Above the square, which stands at the left: beside it, it would be far away.
            "orientation": "h",
            "title": {"text": "users", "side": "right"},
            "tickvals": np.log10(ticks),
            "ticktext": [f"{tick:,}" for tick in ticks],
            "thickness": 10,
            "lenmode": "pixels",
            "len": 240,
            "x": 0,
            "xanchor": "left",
            "y": 1,
            "yanchor": "bottom",
            "outlinewidth": 0,
        },
    )


def _diagonal(borders: Float[np.ndarray, " E"]) -> go.Scatter:
    return go.Scatter(
        x=borders[[0, -1]],
        y=borders[[0, -1]],
        mode="lines",
        line={"color": _DIAGONAL, "width": 1.5, "dash": "dot"},
        hoverinfo="skip",
    )


def _powers(largest: int) -> list[int]:
    """1, 10, 100 ... up to a number."""
    return [10**power for power in range(len(str(largest)))]


def _count_ticks(largest: int) -> list[int]:
    """1, 10, 100 ...; between them 2 and 5 where there are few."""
    powers = _powers(largest)
    if len(powers) > 2:
        return powers
    return [tick for power in powers for n in (1, 2, 5) if (tick := n * power) <= largest]


def better_words(one: Comparison, first: int, second: int, side: str = "optimistic") -> str:
    """For how many users which of two recommenders ranks the target better."""
    x, y = (getattr(one.cases[run], side) for run in (first, second))
    return (
        f"{one.names[second]} better for {user_words(int((y < x).sum()))}, {one.names[first]} for"
        f" {int((y > x).sum()):,}, equal for {int((y == x).sum()):,}"
    )


def rank_edges(largest: int) -> Int[np.ndarray, " E"]:
    """Where the cells of the scatter begin; the last one is `largest` + 1.

    Whole ranks each have a cell of their own while a logarithmic one would hold no two.
    """
    grown = np.geomspace(1, largest + 1, CELLS + 1)
    return np.unique(np.append(np.floor(grown[:-1]), largest + 1)).astype(np.int64)


def rank_distribution(one: Comparison) -> go.Figure:
    """Recall@k over every k: solid with optimistic ranks, dotted with pessimistic ones."""
    largest = max(int(cases.pessimistic.max()) for cases in one.cases)
    k = np.unique(np.geomspace(1, largest, 160).round().astype(np.int64))
    figure = go.Figure()
    for name, colour, cases in zip(one.names, colours(one), one.cases, strict=True):
        for side, dash, width in (("optimistic", "solid", 2.2), ("pessimistic", "dot", 1.6)):
            figure.add_scatter(
                x=k,
                y=recall_curve(getattr(cases, side), k),
                mode="lines",
                name=_text(name),
                line={"color": colour, "width": width, "dash": dash},
                hovertemplate=f"{_text(name)}, {side}<br>Recall@%{{x:,}} %{{y:.4f}}<extra></extra>",
            )
    layout(figure, height=470)
    ticks = _powers(largest)
    figure.update_xaxes(
        type="log",
        title={"text": "k"},
        tickvals=ticks,
        ticktext=[f"{tick:,}" for tick in ticks],
        range=[0, np.log10(largest)],
    )
    figure.update_yaxes(title={"text": "Recall@k"}, range=[0, 1.01], tickformat=".1f")
    return figure


def recall_curve(ranks: Int[np.ndarray, " C"], k: Int[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
    """The share of ranks up to each k."""
    return np.searchsorted(np.sort(ranks), k, side="right") / len(ranks)


def score_distribution(one: Comparison, scores: Sequence[TextScores | None]) -> go.Figure:
    """Scores of generated texts: all solid, distinct best dashed, the item really bought dotted.

    Each line is shares of its own texts in bins of equal width. The least probable texts, one in a
    hundred, lie beyond the left edge.

    Args:
      one: the runs.
      scores: of each run; `None` where it wrote no texts. Of at least one there are some.
    """
    drawn = [
        (name, colour, values, words, dash)
        for name, colour, of_run in zip(one.names, colours(one), scores, strict=True)
        if of_run is not None
        for (kind, words), dash in zip(KINDS.items(), ("solid", "dash", "dot"), strict=True)
        if (values := getattr(of_run, kind)) is not None and len(values)
    ]
    low = min(float(np.quantile(values, 0.01)) for _, _, values, _, _ in drawn)
    edges = np.linspace(min(low, -1.0), 0.0, BINS + 1)
    figure = go.Figure()
    for name, colour, values, words, dash in drawn:
        counts, _ = np.histogram(values, edges)
        figure.add_scatter(
            x=(edges[:-1] + edges[1:]) / 2,
            y=counts / len(values),
            mode="lines",
            name=_text(name),
            line={"color": colour, "width": 2.2 if dash == "solid" else 1.6, "dash": dash},
            hovertemplate=f"{_text(name)}, {words}<br>%{{x:.1f}} nats: %{{y:.1%}}<extra></extra>",
        )
    layout(figure, height=470)
    figure.update_xaxes(title={"text": "score of the text, nats"})
    figure.update_yaxes(title={"text": "share of the texts"}, rangemode="tozero", tickformat=".0%")
    return figure


def metric_by_slice(one: Comparison, dimension: Dimension, metric: str, title: str) -> go.Figure:
    """A metric over the bands of a dimension; optimistic with interval, pessimistic as a ring.

    Args:
      one: the runs; the bands are those of the first one's cases.
      dimension: one that is the same for every recommender.
      metric: such as `ndcg@10`.
      title: the metric's, as shown.
    """
    slices = dimension(one.cases[0])
    by_run = [slice_figures(cases, slices, metric, one.bootstrap) for cases in one.cases]
    return by_band(one, by_run, title)


def by_band(one: Comparison, by_run: Sequence[Sequence[SliceFigure]], title: str) -> go.Figure:
    """A metric over bands, the first on top; optimistic with interval, pessimistic as a ring.

    Args:
      one: the runs.
      by_run: of each run the same bands, at least one.
      title: the metric's, as shown.
    """
    figure = go.Figure()
    rows = len(by_run[0])
    # Runs stand beneath each other within a band, the first on top.
    offsets = np.linspace(0.28, -0.28, len(by_run)) if len(by_run) > 1 else np.zeros(1)
    for name, colour, bands, offset in zip(one.names, colours(one), by_run, offsets, strict=True):
        places = np.arange(rows)[::-1] + offset
        figure.add_traces(_slice_marks(_text(name), colour, bands, places))
    # Less than the least, and the axis would stand in its own title.
    layout(figure, height=max(LEAST, 64 + rows * max(34, 13 * len(by_run) + 8)))
    figure.update_xaxes(title={"text": title}, rangemode="tozero")
    figure.update_yaxes(
        tickvals=list(range(rows))[::-1],
        ticktext=[f"{_short(f.band, BAND)}<br>{user_words(f.users)}" for f in by_run[0]],
        tickfont={"size": 11},
        range=[-0.6, rows - 0.4],
        showgrid=False,
    )
    return figure


def _slice_marks(
    name: str, colour: str, bands: Sequence[SliceFigure], places: Float[np.ndarray, " B"]
) -> tuple[go.Scatter, go.Scatter]:
    """A run's rings and, upon them, its dots with intervals."""
    estimates = [band.value for band in bands]
    optimistic = np.array([estimate.optimistic for estimate in estimates])
    low = np.array([estimate.optimistic_interval.low for estimate in estimates])
    high = np.array([estimate.optimistic_interval.high for estimate in estimates])
    hover = [_band_words(name, band) for band in bands]
    rings = go.Scatter(
        x=[estimate.pessimistic for estimate in estimates],
        y=places,
        mode="markers",
        marker={"color": colour, "size": 8, "symbol": "circle-open", "line": {"width": 1.4}},
        hovertext=hover,
        hoverinfo="text",
    )
    dots = go.Scatter(
        x=optimistic,
        y=places,
        mode="markers",
        name=name,
        marker={"color": colour, "size": 7},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": np.maximum(high - optimistic, 0),
            "arrayminus": np.maximum(optimistic - low, 0),
            "color": colour,
            "thickness": 1.2,
            "width": 0,
        },
        hovertext=hover,
        hoverinfo="text",
    )
    return rings, dots


def _band_words(name: str, band: SliceFigure) -> str:
    """What the marks of a run say of a band when a person points at them."""
    value, interval = band.value, band.value.optimistic_interval
    means = f"{value.optimistic:.4f} / {value.pessimistic:.4f}"
    words = f"<b>{_text(band.band)}</b>, {user_words(band.users)}<br>{name}: {means}"
    if math.isnan(interval.low):  # of one user there is no interval, and no bar
        return words
    return f"{words}<br>{interval.low:.4f} to {interval.high:.4f} (optimistic)"


def layout(figure: go.Figure, *, height: int) -> None:
    """The look of every plot: no ground of its own, the page's colours, no zoom.

    Args:
      figure: changed in place.
      height: in pixels.
    """
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 12, "t": 12, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "IBM Plex Sans, system-ui, sans-serif", "size": 12, "color": INK},
        dragmode=False,
        hovermode="closest",
        hoverlabel={"align": "left"},
        showlegend=False,
    )
    line = {"gridcolor": LINE, "linecolor": LINE, "zeroline": False, "fixedrange": True}
    figure.update_xaxes(automargin=True, **line)
    figure.update_yaxes(automargin=True, **line)


def _span(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def _text(text: str) -> str:
    # Plotly knows no entity for a quotation mark, and needs none.
    return html.escape(" ".join(plain(text).split()), quote=False)


def _short(text: str, longest: int) -> str:
    text = " ".join(plain(text).split())
    return _text(text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…")
