"""The Catalogue page: search, filters, the list of items, and one item beside it."""

from __future__ import annotations

from demo.pages.catalogue.handlers import CatalogueHandlers
from demo.pages.catalogue.parts import VectorsUpdate, VisitUpdate, lay_out
from demo.pages.components import script
from demo.pages.events import BROWSE, EDIT, LOOK_UP, MODEL
from demo.pages.page import Page, Shell

TITLE = "Catalogue"


def build(shell: Shell) -> Page:
    """The page over one application: its parts, and which handler answers which event."""
    handlers = CatalogueHandlers(shell.app)
    parts = lay_out()
    shown, outputs, session = parts.shown, list(parts.shown), shell.session

    parts.fold.click(None, None, None, js=script("foldFilters"), **LOOK_UP)
    state = [session, shown.address, shown.search, shown.sort]
    # Not search.input, which a paste does not set off.
    for changed in (shown.search.change, shown.search.submit, shown.sort.input):
        changed(handlers.search, state, outputs, **BROWSE)
    similar = (shown.words, shown.vectors)
    for clicked in (shown.filters, shown.chips, shown.results, shown.item, *similar):
        clicked.select(handlers.click, state, outputs, **BROWSE)
    visit = VisitUpdate(session=session, toast=shell.toast, tabs=shell.tabs)
    for clicked in (shown.results, shown.item, *similar):
        clicked.edit(handlers.edit, session, list(visit), **EDIT)

    # A failure is said in the toast: what follows shows the vectors' own place anew.
    anew = (handlers.vectors, [session, shown.address], shown.vectors)
    told = VectorsUpdate(vectors=shown.vectors, toast=shell.toast)
    job = shown.vectors.apply(handlers.compute, session, list(told), **MODEL)
    job.then(*anew, **LOOK_UP)
    shown.vectors.stop(None, None, None, cancels=[job], **LOOK_UP).then(*anew, **LOOK_UP)
    return Page(show=handlers.show, outputs=outputs, address=shown.address)
