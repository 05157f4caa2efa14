"""The tables and plots of Metrics as part of a report, made anew from their address."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from calrec.report.drawing import drawing
from demo.html.templating import render
from demo.inspect.session import Session
from demo.inspect.url import Query
from demo.pages.metrics.handlers import MetricsHandlers

FIGURES = ("distribution", "slices", "scatter")


def saved(handlers: MetricsHandlers, session: Session, query: Query, key: str) -> Markup:
    """What the page answers to an address; `key` begins the ids of its plots."""
    asked = handlers.show(session, query)
    shown: dict[str, Any] = {}
    for update in handlers.show_report(asked["report_of"]):
        shown |= update
    shown |= handlers.show_slices(asked["slices_of"]) | handlers.show_pair(asked["pair_of"])
    drawn = {name: _drawing(shown[name], f"{key}-{name}") for name in FIGURES}
    return render("metrics_saved", "collected", asked["problems"], shown, drawn)


def _drawing(update: Any, key: str) -> Markup | str:
    figure = update.get("value")
    return "" if figure is None else drawing(figure, key)
