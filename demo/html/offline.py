"""Pages that open offline, as one file: their style sheet, and the report of collected views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from markupsafe import Markup

from calrec.report.drawing import plotly_script
from demo.html.assets import STATIC, styles
from demo.html.templating import render
from demo.html.wording import count

DRAWN = "plotly-graph-div"
"""A class of every plot (`calrec.report.drawing.drawing`)."""


@dataclass(frozen=True, kw_only=True)
class View:
    """A collected view.

    Attributes:
      title: what a person calls it.
      note: theirs; may be empty.
      link: the address that shows it live; empty where that is not known.
      body: what it shows.
    """

    title: str
    note: str
    link: str
    body: Markup


def sheet(own: Sequence[Path]) -> Markup:
    """The style of such a page: that of the pages, without gradio's theme behind it."""
    paths = (STATIC / "saved_variables.css", *own, STATIC / "saved.css")
    style = "".join(path.read_text(encoding="utf-8") for path in paths)
    # Without what could end the style element early; the page's sheets hold no such thing.
    return Markup(style.replace("</", "<\\/"))


def report(title: str, views: Sequence[View]) -> str:
    """All views as one page; plotly stands in it where one of them has plots."""
    made = datetime.now(UTC).strftime("%Y-%m-%d")
    # An id names one part of a page, and a report may hold several views of Metrics.
    style = Markup(sheet(styles()).replace("#metrics ", ".cr-of-metrics "))
    drawn = any(DRAWN in view.body for view in views)
    page = render(
        "report",
        "page",
        title,
        f"{count(len(views), 'view')} of CALRec's pages, saved on {made} (UTC).",
        style,
        plotly_script() if drawn else "",
        views,
    )
    return f"{page}\n"
