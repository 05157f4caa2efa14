"""One HTML file that opens offline: its styles and plotly.js stand in it, once."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from calrec.report.drawing import plotly_script
from calrec.report.rendering import html_text

TEMPLATES = Environment(
    loader=PackageLoader("train", ""),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
)
TEMPLATES.filters["foreign"] = lambda text: Markup(html_text(text))


def offline_page(
    title: str, lead: str, links: Iterable[tuple[str, str]], sections: Iterable[str]
) -> str:
    """The file's text.

    Args:
      title: heading.
      lead: a sentence under it.
      links: id and name of each section; without any, the page has no heading.
      sections: HTML; nothing in it is escaped any more.
    """
    style = resources.files("train").joinpath("report.css").read_text(encoding="utf-8")
    return TEMPLATES.get_template("offline_page.html.jinja").render(
        title=title,
        lead=Markup(html_text(lead)),
        links=[(key, Markup(html_text(name))) for key, name in links],
        sections=list(map(Markup, sections)),
        style=Markup(style),
        plotly=plotly_script(),
    )
