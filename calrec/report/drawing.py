"""Plots in a page that opens offline: `plotly_script` stands in it once, then any `drawing`."""

from __future__ import annotations

import plotly.graph_objects as go
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from calrec.report import figures


def plotly_script() -> Markup:
    """What a script element of the page has to hold: plotly itself, about 5 MB."""
    return Markup(get_plotlyjs())


def drawing(figure: go.Figure, key: str) -> Markup:
    """A plot as part of such a page; `key` is its id."""
    return Markup(
        figure.to_html(full_html=False, include_plotlyjs=False, config=figures.CONFIG, div_id=key)
    )
