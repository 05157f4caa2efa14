"""The score matrix as heat maps: raw, scaled and modulated, over the same rows and columns."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from markupsafe import Markup

from calrec.records import Item, Recommendation
from demo.html.record.ranking import shown_rows
from demo.html.templating import render
from demo.html.wording import title_of

ROWS = 15
"""Items shown of the matrix."""

_COLOURS = [[0, "#f3f4fb"], [0.55, "#cdd4f3"], [0.72, "#5a66c2"], [1, "#20266b"]]
_FRAME = "#e8833a"
_CEILING = 1 - 1e-6
_GAP = 0.015

_STEPS = {
    "bm25": ("1. BM25 of the words", "2. scaled to 0–1", "3. weighed by probability"),
    "rerank": ("1. BM25 of the words", "2. scaled to 0–1", "3. weighed by probability"),
    "exact": ("1. the item's own text", "2. probability", "3. beside the best text"),
    "hierarchical": ("1. equal attributes", "2. share of the text", "3. as a score"),
}


def stretched(values: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Nines after the point: 0.9 gives 1, 0.99 gives 2, so that values close to 1 stay apart.

    The modulation moves a full match from 1 down by no more than a few thousandths; on a straight
    scale all full matches would look the same.
    """
    return -np.log10(1 - np.clip(values, 0.0, _CEILING))


def heat_maps(
    record: Recommendation, items: Mapping[str, Item], target: Item | None = None
) -> go.Figure | None:
    """Three maps of the best items x the kept texts; a frame marks the text that won each item.

    Each has colours over its own values, those of the second and third stretched near 1. Hovering
    shows title, text and value. The true item is the last row if it is not among the best. `None`
    without any column.
    """
    if not record.ranking.columns or not record.ranking.item_ids:
        return None
    rows = shown_rows(record, target, ROWS)
    titles = [items[record.ranking.item_ids[row]] for row in rows]
    texts = [_wrapped(text) for text in record.ranking.columns]
    hover = [
        [[_wrapped(title_of(item)), text, k + 1] for k, text in enumerate(texts)] for item in titles
    ]
    raw, scaled, modulated = (
        m[rows] for m in (record.ranking.raw, record.ranking.scaled, record.ranking.modulated)
    )
    maps = [
        (raw, raw, 2),
        (scaled, stretched(scaled), 4),
        (modulated, stretched(modulated), 4),
    ]
    data = [_map(k, *one, hover) for k, one in enumerate(maps)]
    labels = [
        _label(item, target is not None and item.item_id == target.item_id) for item in titles
    ]
    winners = [(record.ranking.winner(row), y) for y, row in enumerate(rows)]
    retrieval = record.settings.get("ranking", {}).get("retrieval", "bm25")
    layout = _layout(len(rows), len(texts), labels, _STEPS[retrieval], winners)
    # Without plotly's checks of every property: they take longer than all of the ranking.
    return go.Figure({"data": data, "layout": layout}, _validate=False)


def _map(
    k: int,
    values: Float[np.ndarray, "R K"],
    colours: Float[np.ndarray, "R K"],
    decimals: int,
    hover: Sequence[Sequence[Any]],
) -> dict[str, Any]:
    low, high = float(colours.min()), float(colours.max())
    return {
        "type": "heatmap",
        "xaxis": f"x{k + 1}" if k else "x",
        "yaxis": "y",
        "z": colours.tolist(),
        "zmin": low,
        "zmax": high if high > low else low + 1,
        "customdata": hover,
        "text": [[_cell(value, decimals) for value in line] for line in values.tolist()],
        "texttemplate": "%{text}",
        "textfont": {"size": 9},
        "hovertemplate": render("plots", "cell"),
        "colorscale": _COLOURS,
        "xgap": 2,
        "ygap": 2,
        "showscale": False,
    }


def _layout(
    rows: int,
    columns: int,
    labels: Sequence[str],
    steps: Sequence[str],
    winners: Sequence[tuple[int | None, int]],
) -> dict[str, Any]:
    axes: dict[str, Any] = {}
    for k, step in enumerate(steps):
        axes[f"xaxis{k + 1}" if k else "xaxis"] = {
            "domain": [k / 3 + _GAP * bool(k), (k + 1) / 3],
            "anchor": "y",
            "tickvals": list(range(columns)),
            "ticktext": [str(n + 1) for n in range(columns)],
            "side": "top",
            "title": {"text": step, "font": {"size": 12}},
            "range": [-0.5, columns - 0.5],
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        }
    axes["yaxis"] = {
        "tickvals": list(range(rows)),
        "ticktext": list(labels),
        "range": [rows - 0.5, -0.5],
        "tickfont": {"size": 11},
        "automargin": True,
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
    }
    frames = [
        {
            "type": "rect",
            "xref": "x3",
            "yref": "y",
            "x0": column - 0.5,
            "x1": column + 0.5,
            "y0": y - 0.5,
            "y1": y + 0.5,
            "line": {"color": _FRAME, "width": 2},
        }
        for column, y in winners
        if column is not None
    ]
    return {
        **axes,
        "shapes": frames,
        "height": 90 + 34 * rows,
        "margin": {"l": 8, "r": 8, "t": 56, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "dragmode": False,
        "showlegend": False,
        "hoverlabel": {"align": "left"},
    }


def _cell(value: float, decimals: int) -> str:
    """Values far from 1 need no more than two decimals."""
    return f"{value:.{decimals if value >= 0.9 else 2}f}"


def _label(item: Item, is_target: bool) -> Markup:
    # Two short lines leave a narrow screen more room for the matrix than one long one.
    lines = textwrap.wrap(_shortened(title_of(item)), 24, max_lines=2, placeholder="…")
    return render("plots", "label", lines, is_target)


def _shortened(title: str) -> str:
    """Without its middle: what sets two titles of a series apart is often at the end."""
    return title if len(title) <= 34 else f"{title[:22].rstrip()}…{title[-11:].lstrip()}"


def _wrapped(text: str) -> Markup:
    return render("plots", "lines", textwrap.wrap(text, 60) or ["–"])
