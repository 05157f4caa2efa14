"""The Catalogue page: search, filters, the list of items, and one item beside it."""

from __future__ import annotations

from demo.pages.catalogue.handlers import CatalogueHandlers
from demo.pages.catalogue.parts import lay_out
from demo.pages.components import script
from demo.pages.events import BROWSE, EDIT, LOOK_UP, MODEL
from demo.pages.named import Named
from demo.pages.page import Page, Shell

TITLE = "Catalogue"


def build(shell: Shell) -> Page:
    """The page over one application: its parts, and which handler answers which event."""
    handlers = CatalogueHandlers(shell.app)
    shown = lay_out()
    shown.pop("fold").click(None, None, None, js=script("foldFilters"), **LOOK_UP)
    parts = Named(**shown, session=shell.session, toast=shell.toast, tabs=shell.tabs)
    state = ("session", "address", "search", "sort")
    # Not search.input, which a paste does not set off.
    for changed in (parts.search.change, parts.search.submit, parts.sort.input):
        parts.on(changed, handlers.search, state, shown, **BROWSE)
    listed = parts.of(("results", "item", "words", "vectors"))
    for clicked in (parts.filters, parts.chips, *listed):
        parts.on(clicked.select, handlers.click, state, shown, **BROWSE)
    for clicked in listed:
        visit = ("session", "toast", "tabs")
        parts.on(clicked.edit, handlers.edit, ["session"], visit, **EDIT)

    counted = {**LOOK_UP, "trigger_mode": "always_last"}
    parts.on(parts.item.change, handlers.cases, ("session", "address"), ["cases"], **counted)

    # A failure is said in the toast: what follows shows the vectors' own place anew.
    anew = (handlers.vectors, ("session", "address"), ["vectors"])
    told = ("vectors", "toast")
    job = parts.on(parts.vectors.apply, handlers.compute, ["session"], told, **MODEL)
    parts.on(job.then, *anew, **LOOK_UP)
    stopped = parts.vectors.stop(None, None, None, cancels=[job], **LOOK_UP)
    parts.on(stopped.then, *anew, **LOOK_UP)
    return parts.page(handlers.show, shown)
