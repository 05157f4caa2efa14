"""HTML from the macros of `templates/`: all that is filled in is escaped, unless it is `Markup`."""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.ext import Extension
from markupsafe import Markup

from demo.html import wording
from demo.html.chances import percent

_BREAK_AT_TAG = re.compile(r"(?:(?<=>)|(?<=[%#]\}))\s*\n\s*|\s*\n\s*(?=<|\{[%#])")
_BREAK = re.compile(r"\s*\n\s*")


class _Lines(Extension):
    """A template's line breaks are for its reader: beside a tag they are nothing, else a space."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return _BREAK.sub(" ", _BREAK_AT_TAG.sub("", source)).strip()


_TEMPLATES = Environment(
    loader=PackageLoader("demo.html"),
    autoescape=True,
    undefined=StrictUndefined,
    extensions=[_Lines],
    auto_reload=False,
)
_TEMPLATES.globals |= {
    name: getattr(wording, name)
    for name in (
        "count",
        "probability",
        "rank_range",
        "rank_sentence",
        "title_of",
        "tooltip",
        "unfound_sentence",
    )
}
_TEMPLATES.globals["percent"] = percent
_TEMPLATES.filters["number"] = "{:,}".format


def render(template: str, macro: str, *values: Any, **named: Any) -> Markup:
    """What a macro makes of values.

    Args:
      template: the file's name without its ending.
      macro: its name in there.
      values: the macro's first arguments.
      named: further arguments.

    Raises:
      jinja2.UndefinedError: if an argument or an attribute is missing.
    """
    module: Any = _TEMPLATES.get_template(f"{template}.html").module
    return getattr(module, macro)(*values, **named)
