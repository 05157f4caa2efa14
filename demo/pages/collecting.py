"""Views that a person collects into a report: the list in the browser, and the page made of them.

The list is the browser's own (`static/report.js`): a view is its address, with a title and a note.
The server makes each anew from its address and keeps nothing of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from calrec.errors import CalrecError
from demo.html import offline, widgets
from demo.html.case_study.export import file_name
from demo.html.offline import View
from demo.html.templating import render
from demo.html.wording import count
from demo.inspect import session, url
from demo.inspect.application import Application
from demo.inspect.temporary_files import TemporaryFiles
from demo.pages import failures
from demo.pages.components import html, script
from demo.pages.events import LOOK_UP, MODEL
from demo.pages.named import Named, Update
from demo.pages.page import Saver, address

MOST = 20
"""Views of a report; more make a page that nobody reads, and that takes minutes."""
LONGEST = 2000
"""Characters of a note."""
_BASE = re.compile(r"https?://[^\s?#]+")


def opener() -> None:
    """The button that opens the list, hidden while that is empty."""
    html(render("report", "opener"), elem_id="report-opener", scale=0, min_width=0)


def lay_out(app: Application, savers: Mapping[str, Saver]) -> None:
    """The list of views in the current container, and what its buttons do."""
    with gr.Column(elem_id="report-tray"):
        html(render("report", "tray", MOST))
        said = html("", elem_id="report-said")
        with gr.Row():
            make = gr.Button("Download report", variant="primary", elem_id="report-make")
            html(render("report", "emptier"), scale=0, min_width=0)
    file = gr.DownloadButton("Download", elem_id="report-file", visible="hidden")
    box = address("report-asked")
    box.render()
    parts = Named(make=make, said=said, file=file, asked=box, address=box)
    collecting = Collecting(app, savers)
    # One at a time: nobody waits for a second one.
    asks = {**MODEL, "trigger_mode": "once", "js": script("reported")}
    made = parts.on(make.click, collecting.report, ["asked"], ("said", "file"), **asks)
    made.success(None, None, None, js=script("fetchFile", "#report-file"), **LOOK_UP)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A view as the browser names it.

    Attributes:
      query: of its address.
      title: what a person calls it.
      note: theirs.
    """

    query: str
    title: str
    note: str


def wanted(text: Any) -> tuple[str, str, tuple[Wanted, ...]]:
    """Title, address of the pages and views that a browser asks for.

    Raises:
      CalrecError: if it asks for no view or for too many, or this is no list of views.
    """
    try:
        given = json.loads(text)
        views = tuple(
            Wanted(
                query=url.write(url.read(str(one["query"]))),
                title=str(one.get("title") or "")[:160].strip(),
                note=str(one.get("note") or "")[:LONGEST].strip(),
            )
            for one in given["views"]
        )
        title, base = str(given.get("title") or "")[:120].strip(), str(given.get("base") or "")
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError):
        raise CalrecError("expected a list of views, found something else; add a view") from None
    if not 1 <= len(views) <= MOST:
        raise CalrecError(
            f"expected 1 to {MOST} views in a report, found {len(views)};"
            f" {'remove some' if views else 'add one'}"
        )
    return title or "Report", base if _BASE.fullmatch(base) else "", views


class Collecting:
    """Makes reports; holds nothing of a visitor.

    Args:
      app: what the pages read.
      savers: of each page whose views can be collected, by its name in the address.
    """

    def __init__(self, app: Application, savers: Mapping[str, Saver]) -> None:
        self._app = app
        self._savers = savers
        self._files = TemporaryFiles("calrec-report-")

    def report(self, asked: Any) -> Generator[Update, None, None]:
        """Says how far it is; at the end the file."""
        try:
            title, base, views = wanted(asked)
            made = []
            for number, one in enumerate(views, 1):
                doing = f"View {number} of {len(views)} is being made."
                yield {"said": widgets.notice(doing), "file": gr.update(value=None)}
                made.append(self._view(number, one, base))
            name = file_name(title, ".html")
            file = self._files.write(name, offline.report(title, made))
            done = widgets.notice(f"Saved as {name}: {count(len(made), 'view')}.", "done")
            yield {"said": done, "file": str(file)}
        except CalrecError as error:
            yield {"said": widgets.notice(str(error), "error"), "file": gr.update(value=None)}

    def _view(self, number: int, one: Wanted, base: str) -> View:
        """A view; where it cannot be made, the line that says why stands in its place."""
        query = url.read(one.query)
        page = url.one(query, "view", next(iter(self._savers)))
        try:
            if page not in self._savers:
                known = ", ".join(self._savers)
                raise CalrecError(f"expected a view of {known}, found {page[:40]!r}; remove it")
            visitor = session.from_query(query, self._app)
            body = self._savers[page](visitor, query, f"view-{number}")
        except Exception as error:
            line = failures.line(error, "this view", "the page")
            body = widgets.notice(line, "error")
        link = f"{base}?{one.query}" if base else ""
        return View(title=one.title or page.capitalize(), note=one.note, link=link, body=body)
