"""Can a shop be solved by a shortcut? How many purchases lie on one, and who finds which: plots."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from calrec.evaluation.metrics import TITLES
from calrec.report import figures
from calrec.report.comparison import Comparison
from calrec.report.layouts.shortcuts import FOUND, Kind

SHORT = {
    "bought before by the person": "bought before<br>by the person",
    "followed the last item": "followed<br>the last item",
    "among the ten texts nearest to the last item's": "reads like<br>the last item",
    "any of these": "any of these",
    "none of these": "none of these",
}
"""The kinds' names on an axis."""
_SHORTCUT, _SUM, _NONE = "#aab1ec", "#6470d8", "#e8833a"


def shares(kinds: Sequence[Kind]) -> go.Figure:
    """How many of the items really bought are of each kind, in percent of all."""
    names = [SHORT.get(kind.name, kind.name) for kind in kinds]
    colours = [_SHORTCUT] * (len(kinds) - 2) + [_SUM, _NONE]
    figure = go.Figure(
        go.Bar(
            x=[kind.share for kind in kinds],
            y=names,
            orientation="h",
            marker={"color": colours},
            text=[f"{kind.share:.0%}" for kind in kinds],
            textposition="outside",
            cliponaxis=False,
            hovertext=[f"{kind.name}: {kind.users:,} of the items" for kind in kinds],
            hoverinfo="text",
        )
    )
    figures.layout(figure, height=_height(kinds, 1))
    figure.update_xaxes(title={"text": "share of the items"}, range=[0, 1.08], tickformat=".0%")
    figure.update_yaxes(autorange="reversed", showgrid=False, tickfont={"size": 11})
    return figure


def found(one: Comparison, kinds: Sequence[Kind]) -> go.Figure:
    """Of the items of each kind, how many each recommender has among its first ten."""
    some = [kind for kind in kinds if kind.found]
    by_run = list(zip(*(kind.found for kind in some), strict=True))
    figure = figures.by_band(one, by_run, f"{TITLES[FOUND]} of these")
    names = [SHORT.get(kind.name, kind.name) for kind in some]
    figure.update_yaxes(ticktext=names)
    figure.update_xaxes(tickformat=".0%")
    figure.update_layout(height=_height(kinds, len(one.runs)))
    return figure


def _height(kinds: Sequence[Kind], runs: int) -> int:
    return 64 + len(kinds) * max(48, 13 * runs + 8)
