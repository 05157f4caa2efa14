"""The modulated score matrix as a heat map."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from calrec.recommendation import Recommendation
from calrec.text import Item
from demo.results import shown_rows
from demo.widgets import title_of

ROWS = 15
"""Items shown of the matrix."""

_COLOURS = [[0, "#f3f4fb"], [0.55, "#cdd4f3"], [0.72, "#5a66c2"], [1, "#20266b"]]
_FRAME = "#e8833a"
_TICKS = (0.0, 0.5, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998, 0.9999)
_CEILING = 1 - 1e-6


def stretched(values: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Nines after the point: 0.9 gives 1, 0.99 gives 2, so that values close to 1 stay apart.

    The modulation moves a full match from 1 down by no more than a few thousandths; on a straight
    scale all full matches would look the same.
    """
    return -np.log10(1 - np.clip(values, 0.0, _CEILING))


def heat_map(
    recommendation: Recommendation, items: Mapping[str, Item], target: Item | None = None
) -> go.Figure | None:
    """The best items x the kept texts; a frame marks the text that won each item.

    The colours span the values of this picture, stretched near 1; hovering shows title, text and
    value. The true item is the last row if it is not among the best. `None` without any column.
    """
    if not recommendation.columns or not recommendation.item_ids:
        return None
    rows = shown_rows(recommendation, target, ROWS)
    values = recommendation.modulated[rows]
    colours = stretched(values)
    titles = [items[recommendation.item_ids[row]] for row in rows]
    texts = [_wrapped(text) for text in recommendation.columns]
    hover = [
        [[_wrapped(title_of(item)), text, k + 1] for k, text in enumerate(texts)] for item in titles
    ]
    low, high = float(colours.min()), float(colours.max())
    ticks = [t for t in _TICKS if low <= stretched(np.float64(t)) <= high]
    figure = go.Figure(
        go.Heatmap(
            z=colours,
            zmin=low,
            zmax=high if high > low else low + 1,
            customdata=hover,
            text=[[_cell(value) for value in line] for line in values],
            texttemplate="%{text}",
            hovertemplate=(
                "<b>%{customdata[0]}</b><br><br>Text %{customdata[2]}: %{customdata[1]}<br><br>"
                "score %{text}<extra></extra>"
            ),
            colorscale=_COLOURS,
            xgap=2,
            ygap=2,
            colorbar={
                "tickvals": [float(stretched(np.float64(t))) for t in ticks],
                "ticktext": [f"{t:g}" for t in ticks],
                "thickness": 10,
                "outlinewidth": 0,
                "len": 0.9,
            },
        )
    )
    winners = [(recommendation.winner(row), y) for y, row in enumerate(rows)]
    for column, y in winners:
        if column is not None:
            figure.add_shape(
                type="rect",
                x0=column - 0.5,
                x1=column + 0.5,
                y0=y - 0.5,
                y1=y + 0.5,
                line={"color": _FRAME, "width": 2},
            )
    labels = [
        _label(item, target is not None and item.item_id == target.item_id) for item in titles
    ]
    figure.update_layout(
        height=90 + 34 * len(rows),
        margin={"l": 8, "r": 8, "t": 40, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        dragmode=False,
        hoverlabel={"align": "left"},
    )
    figure.update_xaxes(
        tickvals=list(range(len(texts))),
        ticktext=[f"{k + 1}" for k in range(len(texts))],
        side="top",
        title={"text": "kept texts, most probable first"},
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
    figure.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=labels,
        autorange="reversed",
        tickfont={"size": 11},
        automargin=True,
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
    return figure


def _cell(value: float) -> str:
    return f"{value:.5f}" if value >= 0.9 else f"{value:.2f}"


# Plotly reads a few HTML tags and entities in any text it draws: everything is escaped after it
# is cut and wrapped, and only these functions add tags.
def _label(item: Item, is_target: bool) -> str:
    # Two short lines leave a narrow screen more room for the matrix than one long one.
    lines = textwrap.wrap(_shortened(title_of(item)), 24, max_lines=2, placeholder="…")
    short = "<br>".join(html.escape(line) for line in lines)
    return f"<b>▸ {short}</b>" if is_target else short


def _shortened(title: str, width: int = 34) -> str:
    """Without its middle: what sets two titles of a series apart is often at the end."""
    if len(title) <= width:
        return title
    tail = width // 3
    return f"{title[: width - tail - 1].rstrip()}…{title[-tail:].lstrip()}"


def _wrapped(text: str, width: int = 60) -> str:
    return "<br>".join(html.escape(line) for line in textwrap.wrap(text, width)) or "–"
